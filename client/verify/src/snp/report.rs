//! The steps that bind a report to its key: format, reserved bytes, generation, kind of key, signature, TCB, chip.

use holdfast_evidence::EvidenceError;
use holdfast_evidence::snp::{Generation, Report, SigningKey};
use p384::ecdsa::Signature;
use p384::ecdsa::signature::Verifier;

use super::chain::Chain;
use super::vek::{Vek, chip, components, shown};
use crate::ledger::{Check, Fault, Pass};
use crate::policy::{SigningKeyKind, SnpPolicy, hex};
use crate::verdict::Blame;

/// ECDSA P-384 with SHA-384, the only SIGNATURE_ALGO.
const ECDSA_P384: u32 = 1;

const FORGED: &str = "it was changed, or put together from parts: ask the TEE for a new one";
const FETCH: &str = "fetch the certificate for this report's CHIP_ID and REPORTED_TCB";

fn evidence(found: impl Into<String>, expected: impl Into<String>) -> Fault {
    Fault::new(Blame::Evidence, found, expected, FORGED)
}

pub(super) fn format(bytes: &[u8]) -> Result<(Report, Pass), Fault> {
    match Report::parse(bytes) {
        Ok(report) => Ok((report, Pass::found(format!("version {}, {} bytes", report.version, bytes.len())))),
        Err(error) => {
            let remedy = match error {
                EvidenceError::Version { .. } => "update Holdfast, if the vendor has a new version",
                _ => "pass on the report alone, as the firmware gave it",
            };
            Err(Fault::new(
                Blame::Evidence,
                error.to_string(),
                "a report of version 2 to 5, 1184 bytes",
                remedy,
            ))
        }
    }
}

/// The reserved bytes are zero, signed or not: what is not looked at cannot be hidden in.
pub(super) fn reserved(report: &Report, generation: Option<Generation>) -> Check {
    let layout = generation.map(Generation::tcb_layout);
    let parts = report.reserved(layout);
    if let Some((at, part)) = parts.iter().find(|(_, part)| part.iter().any(|byte| *byte != 0)) {
        return Err(evidence(format!("{} at {at:#x}", hex(part)), "zero"));
    }
    // R and S are numbers of 48 bytes in fields of 72.
    for (at, number) in [(0x2d0, &report.signature.r), (0x318, &report.signature.s)] {
        if number.iter().skip(48).any(|byte| *byte != 0) {
            return Err(evidence(format!("a number above P-384's before {:#x}", at + 24), "zero"));
        }
    }
    match (report.policy.wrong(), report.key_info.reserved()) {
        (0, 0) => Ok(Pass::found("all as specified")),
        (0, bits) => Err(evidence(format!("KEY_INFO bits {bits:#x}"), "zero")),
        (bits, _) => Err(evidence(format!("POLICY bits {bits:#x}"), "reserved bits zero, bit 17 one")),
    }
}

/// Root, endorsement key and processor are of one generation. Reports before version 3 do not name the
/// processor; there the certificates decide.
pub(super) fn generation(report: &Report, vek: &Vek<'_>, root: Generation) -> Check {
    let product = vek.product().unwrap_or("none");
    let first = product.split('-').next().unwrap_or_default();
    if first != root.name() {
        return Err(evidence(format!("productName {product}"), root.name()));
    }
    let cpu = format!("CPUID {:02x}/{:02x}", report.cpuid_fam_id, report.cpuid_mod_id);
    match (report.version, report.generation()) {
        (2, _) => Ok(Pass::found(format!("{root}, by the certificate"))),
        (_, Some(found)) if found == root => Ok(Pass::found(format!("{root}, {cpu}"))),
        _ => Err(evidence(cpu, root.name())),
    }
}

pub(super) fn signing_key(report: &Report, chain: &Chain<'_>, vek: &Vek<'_>, policy: &SnpPolicy) -> Check {
    if report.signature_algo != ECDSA_P384 {
        return Err(evidence(
            format!("SIGNATURE_ALGO {}", report.signature_algo),
            "1, ECDSA P-384 with SHA-384",
        ));
    }
    if report.key_info.mask_chip_key() {
        return Err(Fault::new(
            Blame::Platform,
            "MASK_CHIP_KEY: the firmware does not sign",
            "a signed report",
            "the host must give reports a signature (SNP_CONFIG)",
        ));
    }
    let (kind, name) = match report.key_info.signing_key() {
        SigningKey::Vcek => (SigningKeyKind::Vcek, "VCEK"),
        SigningKey::Vlek => (SigningKeyKind::Vlek, "VLEK"),
        SigningKey::None => return Err(evidence("SIGNING_KEY 7, none", "VCEK or VLEK")),
        SigningKey::Unknown(other) => return Err(evidence(format!("SIGNING_KEY {other}"), "VCEK or VLEK")),
    };
    let certified = vek.kind();
    if certified != Some(report.key_info.signing_key())
        || chain.for_providers != (kind == SigningKeyKind::Vlek)
    {
        let found = vek.certificate.common_name().unwrap_or_default();
        return Err(Fault::new(Blame::Collateral, format!("a certificate for {found}"), name, FETCH));
    }
    if policy.signing_keys.contains(&kind) {
        return Ok(Pass::found(name));
    }
    let expected = format!("{:?}", policy.signing_keys);
    Err(Fault::new(
        Blame::Policy,
        name,
        expected,
        "ask the host for the other kind, or accept this one in signing_keys",
    ))
}

/// Over the bytes that came, not over what was understood of them.
pub(super) fn signature(bytes: &[u8], report: &Report, vek: &Vek<'_>) -> Check {
    let fault = |found: &str| Err(evidence(found, "a signature by the endorsement key"));
    let Ok(key) = vek.certificate.p384_key() else {
        return Err(Fault::new(Blame::Collateral, "a certificate without a P-384 key", "ECDSA P-384", FETCH));
    };
    let signature = big_endian(&report.signature.r)
        .zip(big_endian(&report.signature.s))
        .and_then(|(r, s)| Signature::from_scalars(r, s).ok());
    let (Some(signature), Some(signed)) = (signature, bytes.get(..Report::SIGNED)) else {
        return fault("numbers that are no signature on P-384");
    };
    match key.verify(signed, &signature) {
        Ok(()) => Ok(Pass::found("ECDSA P-384 with SHA-384, valid")),
        Err(_) => fault("one that does not hold"),
    }
}

/// A little-endian number of 72 bytes as P-384 takes it.
fn big_endian(number: &[u8; 72]) -> Option<[u8; 48]> {
    let (low, high) = number.split_first_chunk::<48>()?;
    let mut low = *low;
    low.reverse();
    high.iter().all(|byte| *byte == 0).then_some(low)
}

/// Component by component; a certificate that does not name one is for another generation.
pub(super) fn tcb_binding(report: &Report, vek: &Vek<'_>, generation: Generation) -> Check {
    for (name, level) in components(report.reported_tcb, generation) {
        if vek.level(name) != Some(level) {
            let certified = vek.level(name).map_or_else(|| "none".to_owned(), |level| level.to_string());
            return Err(Fault::new(
                Blame::Collateral,
                format!("a certificate for {name} {certified}"),
                format!("REPORTED_TCB: {}", shown(report.reported_tcb, generation)),
                FETCH,
            ));
        }
    }
    Ok(Pass::found(shown(report.reported_tcb, generation)))
}

/// A VCEK is one chip's; a VLEK one provider's, and names no chip.
pub(super) fn chip_binding(
    report: &Report,
    vek: &Vek<'_>,
    generation: Generation,
    policy: &SnpPolicy,
) -> Check {
    let remedy = "name the provider in vlek_providers, if you trust it";
    match report.key_info.signing_key() {
        SigningKey::Vlek => match vek.provider() {
            Some(provider) => crate::ledger::listed(
                "provider",
                &provider.to_owned(),
                &policy.vlek_providers,
                Blame::Policy,
                remedy,
            ),
            None => Err(Fault::new(
                Blame::Collateral,
                "a certificate without cspID",
                "the provider's name",
                FETCH,
            )),
        },
        _ => {
            let length = generation.chip_id_length();
            let (id, rest) = report.chip_id.split_at_checked(length).unwrap_or((&report.chip_id, &[]));
            let found = vek.hardware().map_or_else(|| "none".to_owned(), hex);
            if vek.hardware() == Some(id) && rest.iter().all(|byte| *byte == 0) {
                return Ok(Pass::found(format!("hwID {found}")));
            }
            let expected = format!("CHIP_ID {}", chip(&report.chip_id, generation));
            Err(Fault::new(Blame::Collateral, format!("a certificate for hwID {found}"), expected, FETCH))
        }
    }
}
