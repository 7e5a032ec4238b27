//! Collateral from the vendors.

use holdfast_client::exit::ExitCode;
use holdfast_collateral::{FetchError, Fetcher, Mode, Platform, Sources};
use holdfast_evidence::EvidenceError;
use holdfast_evidence::detect::{Form, detect};
use holdfast_evidence::quote::Quote;
use holdfast_evidence::snp::{Generation, Report};
use holdfast_verify::{AmdCollateral, Collateral, IntelCollateral};

use crate::failure::Failure;
use crate::options::Services;

/// Fetches what this evidence needs.
pub(super) fn fetch(services: &Services, evidence: &[u8]) -> Result<Collateral, Failure> {
    let cache = super::open(services.cache.as_deref())?;
    let vendors = Sources::default();
    let given =
        |url: &Option<String>, vendor| url.as_ref().map_or(vendor, |url| url.trim_end_matches('/').into());
    let sources = Sources {
        kds: given(&services.kds, vendors.kds),
        pcs: given(&services.pcs, vendors.pcs),
        certificates: given(&services.pcs_certificates, vendors.certificates),
    };
    let mode = match (services.offline, services.refresh) {
        (true, _) => Mode::Offline,
        (false, true) => Mode::Refresh,
        (false, false) => Mode::Kept,
    };
    let fetcher = Fetcher::new(sources, cache, mode);
    let now = super::clock().0;
    if detect(evidence) == Some(Form::Quote) {
        return intel(&fetcher, &Quote::parse(evidence).map_err(unusable)?, now);
    }
    let report = Report::parse(evidence).map_err(unusable)?;
    let generation = report.generation().or(services.generation.map(Generation::from)).ok_or_else(|| {
        let message = "this report does not tell the processor's generation; say it with --generation";
        Failure::new(ExitCode::Usage, message.into())
    })?;
    amd(&fetcher, &report, generation, now)
}

fn amd(fetcher: &Fetcher, report: &Report, generation: Generation, now: u64) -> Result<Collateral, Failure> {
    let fetched = fetcher.amd(report, generation, now).map_err(|error| failure(&error))?;
    let vek = fetched.vek.ok_or_else(|| {
        let message =
            "AMD does not hand out VLEK certificates; put the host's beside the others, and name that folder";
        Failure::new(ExitCode::Input, message.into())
    })?;
    let (intermediate, root, crl) = (fetched.intermediate, Some(fetched.root), Some(fetched.crl));
    Ok(Collateral::Amd(AmdCollateral { vek, intermediate, root, crl }))
}

fn intel(fetcher: &Fetcher, quote: &Quote, now: u64) -> Result<Collateral, Failure> {
    let platform = Platform::of(quote).map_err(|error| failure(&error))?;
    let fetched = fetcher.intel(&platform, now).map_err(|error| failure(&error))?;
    Ok(Collateral::Intel(Box::new(IntelCollateral {
        pck_crl_issuer_chain: fetched.pck_crl_issuer_chain,
        root_ca_crl: fetched.root_ca_crl,
        pck_crl: fetched.pck_crl,
        tcb_info_issuer_chain: fetched.tcb_info_issuer_chain,
        tcb_info: fetched.tcb_info,
        tcb_info_signature: fetched.tcb_info_signature,
        qe_identity_issuer_chain: fetched.qe_identity_issuer_chain,
        qe_identity: fetched.qe_identity,
        qe_identity_signature: fetched.qe_identity_signature,
        pck_certificate_chain: None,
    })))
}

fn unusable(error: EvidenceError) -> Failure {
    Failure::new(ExitCode::Evidence, error.to_string())
}

pub(super) fn failure(error: &FetchError) -> Failure {
    let code = match error {
        FetchError::Evidence(_) => ExitCode::Evidence,
        FetchError::Cache { .. } => ExitCode::Output,
        FetchError::NotFound { .. }
        | FetchError::Refused { .. }
        | FetchError::Busy { .. }
        | FetchError::Unreachable { .. }
        | FetchError::Malformed { .. }
        | FetchError::Offline { .. } => ExitCode::Unavailable,
    };
    Failure::new(code, error.to_string())
}
