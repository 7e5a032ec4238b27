//! Appraises evidence: is it genuine, and is what it says what the policy wants?
//!
//! [`verify`] is a pure function of evidence, collateral, policy and time. It has no network, clock or files, and
//! compiles to WebAssembly. Each check is a named [`Step`]; all steps of a kind of evidence are in each verdict.
//! What the evidence or the collateral says decides whether a step holds, never whether it runs.
//!
//! SEV-SNP is checked here, on the bytes that came. For the signatures and collateral of SGX and TDX quotes the
//! crate `dcap-qvl` is asked, in one module.
#![forbid(unsafe_code)]

mod anchors;
mod collateral;
pub mod ear;
mod intel;
mod ledger;
pub mod policy;
mod snp;
mod step;
mod time;
mod verdict;
mod x509;

use holdfast_evidence::detect::{Form, detect};
use holdfast_evidence::x509::Binding;

pub use collateral::{AmdCollateral, Collateral, IntelCollateral};
pub use policy::{Policy, PolicyError};
pub use step::Step;
pub use time::UnixTime;
pub use verdict::{Blame, Claims, Denied, Outcome, Record, Tee, Verdict, Verified};

/// Appraises evidence for the time `now`.
///
/// `evidence` is a SEV-SNP report or an SGX or TDX quote, exactly its bytes. What it is, is read from it; the
/// policy must have a section for that kind.
///
/// # Errors
/// [`Denied`] with the first step that failed, and all the others.
pub fn verify(
    evidence: &[u8],
    collateral: &Collateral,
    policy: &Policy,
    now: UnixTime,
) -> Result<Verified, Denied> {
    appraise(evidence, None, collateral, policy, now)
}

/// Appraises evidence that a certificate carries: as [`verify`], and it must bind the certificate's key as well.
///
/// Both hold: what the policy demands of REPORT_DATA, and what the binding does. A policy for evidence that has to
/// bind nothing but its certificate's key says `report_data = "certificate-key"`.
///
/// The certificate's names, dates and signature are not looked at: no TEE vouches for them.
///
/// # Errors
/// [`Denied`], as [`verify`]; evidence for another key is denied at [`Step::ReportData`].
pub fn verify_bound(
    evidence: &[u8],
    binding: &Binding,
    collateral: &Collateral,
    policy: &Policy,
    now: UnixTime,
) -> Result<Verified, Denied> {
    appraise(evidence, Some(binding), collateral, policy, now)
}

fn appraise(
    evidence: &[u8],
    binding: Option<&Binding>,
    collateral: &Collateral,
    policy: &Policy,
    now: UnixTime,
) -> Result<Verified, Denied> {
    match detect(evidence) {
        Some(Form::Quote) => intel::appraise(evidence, binding, collateral, policy, now),
        // What is no evidence at all is refused by its format, as a report would be.
        Some(Form::SnpReport | Form::AzureHcl(_)) | None => {
            snp::appraise(evidence, binding, collateral, policy, now)
        }
    }
}
