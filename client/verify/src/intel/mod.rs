//! SGX and TDX quotes.

mod demands;
mod library;
mod unread;

use dcap_qvl::QuoteClaims;
use holdfast_evidence::quote::{Body, Quote, TEE_TDX};
use holdfast_evidence::x509::Binding;

use crate::anchors::{INTEL_ROOT, Standing};
use crate::ledger::{Check, Fault, Ledger, Pass};
use crate::policy::{PlatformPolicy, SgxPolicy, TdxPolicy, hex};
use crate::verdict::{Blame, Claims, Tee};
use crate::{Collateral, Denied, IntelCollateral, Policy, Step, UnixTime, Verified};

/// The longest quote that is read, in bytes. Real ones have about 5 KiB.
const MAX_QUOTE: usize = 1 << 18;

/// The most collateral that is read, in bytes. Intel's has about 30 KiB.
const MAX_COLLATERAL: usize = 1 << 22;

const FETCH: &str = "fetch the collateral again, for this platform and this time";
const FORGED: &str = "it was changed, or put together from parts: ask the TEE for a new quote";

/// Steps that the library may refuse and only this crate passes.
const OURS: [Step; 2] = [Step::TdxModule, Step::TcbStatus];

/// Which TEE a quote claims to be of: by its header, where the parser may still refuse it.
fn claimed(bytes: &[u8]) -> Tee {
    match bytes.get(4..8) {
        Some(tee) if *tee == TEE_TDX.to_le_bytes() => Tee::Tdx,
        _ => Tee::Sgx,
    }
}

/// Appraises a quote.
pub(crate) fn appraise(
    bytes: &[u8],
    binding: Option<&Binding>,
    collateral: &Collateral,
    policy: &Policy,
    now: UnixTime,
) -> Result<Verified, Denied> {
    let tee = claimed(bytes);
    let mut ledger = Ledger::new(tee, now);
    let platform = match tee {
        Tee::Tdx => policy.tdx.as_ref().map(|tdx| &tdx.platform),
        Tee::Sgx | Tee::Snp => policy.sgx.as_ref().map(|sgx| &sgx.platform),
    };
    ledger.record(Step::Policy, section(tee, platform));
    let quote = ledger.yielding(Step::Format, format(bytes, tee));
    let collateral = ledger.yielding(Step::Collateral, complete(collateral));
    let Some(quote) = quote else { return ledger.finish(None) };
    ledger.record(Step::Reserved, demands::reserved(&quote));
    ledger.record(Step::ReportData, crate::snp::report_data(quote.report_data(), binding, policy));
    let claims =
        collateral.and_then(|collateral| verified(&mut ledger, bytes, &quote, collateral, policy, now));
    if let (Some(claims), Some(platform)) = (&claims, platform) {
        ledger.record(Step::TcbStatus, demands::tcb_status(claims, platform));
        ledger.record(Step::TcbEvaluation, demands::tcb_evaluation(claims, platform));
        ledger.record(Step::PlatformIdentity, demands::platform(claims, platform));
    }
    let measurement = match &quote.body {
        Body::Sgx(report) => {
            ledger.record(Step::Debug, demands::sgx::debug(report));
            if let Some(policy) = &policy.sgx {
                enclave(&mut ledger, report, policy);
            }
            hex(&report.mr_enclave)
        }
        Body::Td10(report) => td(&mut ledger, &quote.body, report, policy.tdx.as_ref()),
        Body::Td15(report) => td(&mut ledger, &quote.body, &report.base, policy.tdx.as_ref()),
    };
    ledger.finish(claims.map(|claims| Claims {
        measurement,
        report_data: hex(quote.report_data()),
        platform: hex(&claims.platform.pck.ppid),
    }))
}

fn section(tee: Tee, platform: Option<&PlatformPolicy>) -> Check {
    let name = if tee == Tee::Tdx { "[tdx]" } else { "[sgx]" };
    match platform {
        Some(_) => Ok(Pass::found(name)),
        None => {
            let remedy = "write the section, if you accept evidence of this kind";
            Err(Fault::new(Blame::Policy, format!("no {name}"), name, remedy))
        }
    }
}

/// Exactly one quote. SGX has version 3; TDX 4 or 5.
fn format(bytes: &[u8], tee: Tee) -> Result<(Quote, Pass), Fault> {
    let remedy = "pass on the quote alone, as the quoting enclave gave it";
    let fault = |found: String| {
        Fault::new(
            Blame::Evidence,
            found,
            "an SGX quote of version 3, or a TDX quote of version 4 or 5",
            remedy,
        )
    };
    if bytes.len() > MAX_QUOTE {
        return Err(fault(format!("{} bytes", bytes.len())));
    }
    let quote = Quote::parse(bytes).map_err(|error| fault(error.to_string()))?;
    let version = quote.header.version;
    match (&quote.body, version) {
        (Body::Sgx(_), 3) if tee == Tee::Sgx => {}
        (Body::Td10(_) | Body::Td15(_), 4 | 5) if tee == Tee::Tdx => {}
        _ => return Err(fault(format!("a {tee} quote of version {version} with another body"))),
    }
    Ok((quote, Pass::found(format!("version {version}, {} bytes", bytes.len()))))
}

/// Collateral of Intel's, of a length that is read, with signatures of 64 bytes.
fn complete(collateral: &Collateral) -> Result<(&IntelCollateral, Pass), Fault> {
    let fault = |found: String, expected| Err(Fault::new(Blame::Collateral, found, expected, FETCH));
    let intel = match collateral {
        Collateral::Intel(intel) => intel,
        Collateral::Amd(_) => return fault("collateral of AMD's".to_owned(), "Intel's"),
        Collateral::None => return fault("none".to_owned(), "collateral of Intel's"),
    };
    let length = intel.length();
    if length > MAX_COLLATERAL {
        return fault(format!("{length} bytes"), "at most 4 MiB");
    }
    let signatures = [("TCB info", &intel.tcb_info_signature), ("QE identity", &intel.qe_identity_signature)];
    if let Some((what, signature)) = signatures.iter().find(|(_, signature)| signature.len() != 64) {
        return fault(format!("a signature of the {what} with {} bytes", signature.len()), "64 bytes");
    }
    Ok((intel, Pass::found(format!("{length} bytes"))))
}

/// The steps up to [`Step::TcbStatus`], by the library.
fn verified(
    ledger: &mut Ledger,
    bytes: &[u8],
    quote: &Quote,
    collateral: &IntelCollateral,
    policy: &Policy,
    now: UnixTime,
) -> Option<QuoteClaims> {
    let embedded = &quote.signature.certification.data;
    let chain = collateral.pck_certificate_chain.as_ref().map_or(&**embedded, String::as_bytes);
    let chain = library::certificates(chain);
    let root = ledger.yielding(Step::Root, unread::root(&chain, &policy.insecure));
    let root = match root {
        Some((root, Standing::Simulated)) => {
            ledger.simulated();
            root
        }
        _ => INTEL_ROOT,
    };
    if chain.is_empty() {
        let found =
            format!("certification data of type {}, and no chain", quote.signature.certification.kind);
        let remedy = "fetch the PCK certificate for this platform, and pass its chain on with the collateral";
        let expected = "a PCK certificate with its chain, in the quote or the collateral";
        ledger.record(Step::PckChain, Err(Fault::new(Blame::Collateral, found, expected, remedy)));
        return None;
    }
    if let Err(fault) = unread::pck_chain(&chain, root) {
        ledger.record(Step::PckChain, Err(fault));
    }
    unread::issuer_chains(ledger, collateral, &chain, root);
    let refusal = match library::verify(bytes, &chain, collateral, root, now) {
        Ok(claims) => {
            for step in library::ORDER.into_iter().filter(|step| !OURS.contains(step)) {
                ledger.record(step, Ok(Pass::found(shown(step, &claims))));
            }
            ledger.record(Step::TcbInfo, unread::tcb_info(&collateral.tcb_info, &claims));
            return Some(claims);
        }
        Err(refusal) => refusal,
    };
    // Revocation lists are read first but needed until the last chain is done.
    let reached = library::ORDER.iter().position(|step| *step == refusal.step).unwrap_or(0);
    let chains_done =
        library::ORDER.iter().position(|step| *step == Step::PckChain).is_some_and(|chain| reached > chain);
    for step in library::ORDER
        .into_iter()
        .take(reached)
        .filter(|step| !OURS.contains(step) && (*step != Step::Revocation || chains_done))
    {
        ledger.record(step, Ok(Pass::found("holds")));
    }
    let (blame, remedy) = match refusal.step {
        Step::QuotingEnclave | Step::Signature => (Blame::Evidence, FORGED),
        Step::Migration | Step::ServiceTd | Step::Attributes => {
            (Blame::Evidence, "launch the TD with other attributes")
        }
        Step::TdxModule | Step::TcbStatus => {
            (Blame::Platform, "the machine's owner must update microcode, BIOS and the TDX module")
        }
        _ => (Blame::Collateral, FETCH),
    };
    ledger
        .record(refusal.step, Err(Fault::new(blame, refusal.text, library::expected(refusal.step), remedy)));
    None
}

/// What a step of the library has found.
fn shown(step: Step, claims: &QuoteClaims) -> String {
    let platform = &claims.platform;
    match step {
        Step::Revocation => format!(
            "none revoked, by lists {} (root) and {} (PCK)",
            platform.root_ca_crl_num, platform.pck_crl_num
        ),
        Step::TcbInfo => format!(
            "signed, for FMSPC {}, TCB date {}",
            hex(&platform.pck.fmspc),
            platform.tcb_level.tcb_date
        ),
        Step::QeIdentity => format!("signed, evaluation {}", claims.qe.tcb_eval_data_number),
        Step::PckChain => {
            format!("valid, all collateral until {}", UnixTime(claims.earliest_expiration_date))
        }
        Step::QuotingEnclave => {
            format!("genuine, ISVSVN {}, {}", claims.qe.report.isv_svn, claims.qe.tcb_level.tcb_status)
        }
        _ => "holds".to_owned(),
    }
}

fn enclave(ledger: &mut Ledger, report: &holdfast_evidence::quote::SgxReport, policy: &SgxPolicy) {
    ledger.record(Step::Attributes, demands::sgx::attributes(report, policy));
    ledger.record(Step::Extensions, demands::sgx::extensions(report, policy));
    ledger.record(Step::Measurement, demands::sgx::measurement(report, policy));
    ledger.record(Step::Signer, demands::sgx::signer(report, policy));
    ledger.record(Step::Configuration, demands::sgx::configuration(report, policy));
}

/// The steps on a TD. Returns MRTD.
fn td(
    ledger: &mut Ledger,
    body: &Body,
    report: &holdfast_evidence::quote::TdReport10,
    policy: Option<&TdxPolicy>,
) -> String {
    let attributes = report.td_attributes;
    ledger.record(Step::Debug, demands::tdx::debug(attributes));
    ledger.record(Step::Migration, demands::tdx::migration(attributes));
    ledger.record(Step::ServiceTd, demands::tdx::service_td(body, attributes));
    if let Some(policy) = policy {
        ledger.record(Step::TdxModule, demands::tdx::module(report, policy));
        ledger.record(Step::Attributes, demands::tdx::attributes(report, policy));
        ledger.record(Step::Extensions, demands::tdx::extensions(report, policy));
        ledger.record(Step::Measurement, demands::tdx::measurement(report, policy));
        ledger.record(Step::Configuration, demands::tdx::configuration(report, policy));
    }
    hex(&report.mr_td)
}
