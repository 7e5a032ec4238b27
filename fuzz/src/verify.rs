//! Evidence and collateral together, as a relying party gets them, and the policy as its author writes it.

use holdfast_verify::ear::{Issuer, claims, token};
use holdfast_verify::policy::TEMPLATE;
use holdfast_verify::{AmdCollateral, Collateral, IntelCollateral, Outcome, Policy, UnixTime, verify};

use crate::Target;

/// An appraisal: a time, then each part behind its length.
pub const VERIFY: Target = Target { name: "verify", body: appraisal, seeds, rounds: 2_000 };

/// An appraisal policy.
pub const APPRAISAL_POLICY: Target =
    Target { name: "appraisal_policy", body: policy, seeds: policies, rounds: 5_000 };

macro_rules! vector {
    ($path:literal) => {
        include_bytes!(concat!("../../client/verify/tests/vectors/", $path))
    };
}

const POLICY: &str = include_str!("../../client/verify/tests/vectors/policy.toml");

/// A report with the certificates for it, and the time at which they are valid.
const SNP: [(u64, [&[u8]; 4]); 3] = [
    (
        1_737_062_514,
        [
            vector!("snp/milan-v3-40a2778d/report.bin"),
            vector!("snp/milan-v3-40a2778d/vek.der"),
            vector!("snp/chains/ask-milan.der"),
            &[],
        ],
    ),
    (
        1_754_673_701,
        [
            vector!("snp/genoa-v5-6d1ceffa/report.bin"),
            vector!("snp/genoa-v5-6d1ceffa/vek.der"),
            vector!("snp/chains/ask-genoa.der"),
            vector!("snp/chains/crl-ark-genoa-2022-10-31.der"),
        ],
    ),
    (
        1_770_339_873,
        [
            vector!("snp/turin-v5-85da705e/report.bin"),
            vector!("snp/turin-v5-85da705e/vek.der"),
            vector!("snp/chains/ask-turin.der"),
            &[],
        ],
    ),
];

/// A quote with its collateral, and the time at which that is valid.
const QUOTES: [(u64, [&[u8]; 2]); 2] = [
    (
        1_774_995_607,
        [
            vector!("quotes/tdx-v4-cbdb5b2f/quote.bin"),
            vector!("quotes/tdx-v4-cbdb5b2f/collateral-2026-03-16.json"),
        ],
    ),
    (
        1_756_530_546,
        [
            vector!("quotes/sgx-v3-268c0681/quote.bin"),
            vector!("quotes/sgx-v3-268c0681/collateral-2025-08-15.json"),
        ],
    ),
];

fn built(time: u64, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = time.to_le_bytes().to_vec();
    for part in parts {
        bytes.extend((part.len() as u32).to_le_bytes());
        bytes.extend(*part);
    }
    bytes
}

fn seeds() -> Vec<Vec<u8>> {
    let snp = SNP.iter().map(|(time, parts)| built(*time, parts));
    snp.chain(QUOTES.iter().map(|(time, parts)| built(*time, parts))).collect()
}

/// The next part: its length, or all that is left if there is less.
fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let (part, tail) = tail.split_at(length.min(tail.len()));
    *rest = tail;
    Some(part)
}

/// No input makes the verifier panic; every verdict has all steps and can be shown; and what is trusted says what
/// one of the seeds says: nobody can sign anything else.
fn appraisal(data: &[u8]) {
    let mut rest = data;
    let Some((time, tail)) = rest.split_first_chunk::<8>() else { return };
    rest = tail;
    let (Some(evidence), Some(first)) = (part(&mut rest), part(&mut rest)) else { return };
    let collateral = match part(&mut rest) {
        Some(intermediate) => {
            let crl = part(&mut rest).filter(|crl| !crl.is_empty()).map(<[u8]>::to_vec);
            let root = part(&mut rest).map(<[u8]>::to_vec);
            Collateral::Amd(AmdCollateral {
                vek: first.to_vec(),
                intermediate: intermediate.to_vec(),
                root,
                crl,
            })
        }
        None => match serde_json::from_slice::<IntelCollateral>(first) {
            Ok(collateral) => Collateral::Intel(Box::new(collateral)),
            Err(_) => Collateral::None,
        },
    };
    let policy = Policy::parse(POLICY).expect("the policy");
    let result = verify(evidence, &collateral, &policy, UnixTime(u64::from_le_bytes(*time)));
    let verdict = match &result {
        Ok(verified) => {
            let said = &verified.claims().report_data;
            let genuine = SNP
                .iter()
                .map(|(_, [report, ..])| report)
                .chain(QUOTES.iter().map(|(_, [quote, _])| quote))
                .any(|bytes| hex(bytes).contains(said));
            assert!(genuine, "evidence that nobody signed is trusted");
            verified.verdict()
        }
        Err(denied) => {
            assert!(!denied.to_string().is_empty());
            denied.verdict()
        }
    };
    assert_eq!(verdict.steps().len(), verdict.tee().steps().len());
    let passed = |outcome| matches!(outcome, Outcome::Passed | Outcome::Waived);
    assert_eq!(verdict.trusted(), result.is_ok());
    assert_eq!(verdict.trusted(), verdict.steps().iter().all(|record| passed(record.outcome)));
    assert!(verdict.to_string().lines().count() >= verdict.steps().len());
    let issuer = Issuer { developer: "urn:example:developer", build: "fuzz", policy: "urn:example:policy" };
    assert!(token(&claims(verdict, &issuer), None).ends_with('.'));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn policies() -> Vec<Vec<u8>> {
    vec![POLICY.as_bytes().to_vec(), TEMPLATE.as_bytes().to_vec()]
}

/// A policy, or an error that can be shown.
fn policy(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Err(error) = Policy::parse(text) {
        assert!(!error.to_string().is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_trusted() {
        let policy = Policy::parse(POLICY).expect("the policy");
        for (time, [report, vek, intermediate, crl]) in SNP {
            let crl = (!crl.is_empty()).then(|| crl.to_vec());
            let collateral =
                AmdCollateral { vek: vek.to_vec(), intermediate: intermediate.to_vec(), root: None, crl };
            assert!(verify(report, &Collateral::Amd(collateral), &policy, UnixTime(time)).is_ok());
        }
        for (time, [quote, collateral]) in QUOTES {
            let collateral = serde_json::from_slice(collateral).expect("collateral");
            let collateral = Collateral::Intel(Box::new(collateral));
            assert!(verify(quote, &collateral, &policy, UnixTime(time)).is_ok());
        }
    }
}
