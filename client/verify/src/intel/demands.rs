//! The steps that hold a quote against the policy. They need nothing but the quote.

use dcap_qvl::QuoteClaims;
use holdfast_evidence::quote::Quote;
use holdfast_evidence::quote::{Body, Header, SgxReport, TdAttributes, TdReport10};

use crate::ledger::{Check, Fault, Pass, all, listed};
use crate::policy::{Accept, Hex, Masked, PlatformPolicy, SgxPolicy, TdxPolicy, hex};
use crate::verdict::Blame;

const LAUNCH: &str = "launch it with other settings, or accept these in the policy";
const UNKNOWN: &str = "if you trust it, add it to the policy";

fn evidence(found: impl Into<String>, expected: impl Into<String>, remedy: &'static str) -> Check {
    Err(Fault::new(Blame::Evidence, found, expected, remedy))
}

fn masked<const N: usize>(name: &str, found: &[u8; N], demand: &Masked<N>) -> Check {
    let shown = format!("{name} {}", hex(found));
    if demand.accepts(found) {
        return Ok(Pass::found(shown));
    }
    evidence(shown, format!("{} where the mask {} is set", demand.value, demand.mask), LAUNCH)
}

/// Reserved fields of the header and of an enclave's report.
pub(super) fn reserved(quote: &Quote) -> Check {
    let Header { version, tee_type, qe_svn, pce_svn, .. } = quote.header;
    let header = match version {
        3 => tee_type != 0,
        _ => qe_svn != 0 || pce_svn != 0,
    };
    let body = match &quote.body {
        Body::Sgx(report) => sgx_reserved(report),
        Body::Td10(_) | Body::Td15(_) => false,
    };
    if header || body || sgx_reserved(&quote.signature.qe_report) {
        let place = if header { "header" } else { "report" };
        return evidence(
            format!("reserved bytes in use in the {place}"),
            "zero",
            "ask the TEE for a new quote",
        );
    }
    Ok(Pass::found("all zero"))
}

fn sgx_reserved(report: &SgxReport) -> bool {
    // The first of them has CET_ATTRIBUTES.
    let parts = [
        report.reserved_20.get(1..).unwrap_or_default(),
        &report.reserved_96,
        &report.reserved_160,
        &report.reserved_262,
    ];
    parts.iter().any(|part| part.iter().any(|byte| *byte != 0))
}

pub(super) fn tcb_status(claims: &QuoteClaims, policy: &PlatformPolicy) -> Check {
    const REMEDY: &str =
        "the machine's owner must update microcode, BIOS and the TDX module, or the policy tolerate it";
    let status = claims.tcb.status.to_string();
    let advisories = &claims.tcb.advisory_ids;
    let found =
        if advisories.is_empty() { status.clone() } else { format!("{status}: {}", advisories.join(", ")) };
    if !policy.tcb_statuses.contains(&status) {
        return Err(Fault::new(Blame::Platform, found, policy.tcb_statuses.join(" or "), REMEDY));
    }
    match &policy.tolerated_advisories {
        Accept::Any => Ok(Pass::found(found)),
        Accept::Listed(tolerated) => match advisories.iter().find(|advisory| !tolerated.contains(advisory)) {
            None => Ok(Pass::found(found)),
            Some(open) => {
                let expected = format!("none but {}", tolerated.join(", "));
                Err(Fault::new(Blame::Platform, format!("{status} with {open} open"), expected, REMEDY))
            }
        },
    }
}

pub(super) fn tcb_evaluation(claims: &QuoteClaims, policy: &PlatformPolicy) -> Check {
    let (found, least) = (claims.tcb.eval_data_number, policy.minimum_tcb_evaluation_data_number);
    if found >= least {
        return Ok(Pass::found(found.to_string()));
    }
    let remedy = "fetch newer TCB info and QE identity";
    Err(Fault::new(Blame::Collateral, found.to_string(), format!("at least {least}"), remedy))
}

pub(super) fn platform(claims: &QuoteClaims, policy: &PlatformPolicy) -> Check {
    const REMEDY: &str = "use a machine that the policy names";
    let pck = &claims.platform.pck;
    let Ok(ppid) = <[u8; 16]>::try_from(&*pck.ppid) else {
        return evidence(
            format!("a PPID of {} bytes", pck.ppid.len()),
            "16 bytes",
            "fetch the PCK certificate again",
        );
    };
    all([
        listed("FMSPC", &Hex(pck.fmspc), &policy.fmspcs, Blame::Platform, REMEDY),
        listed("PPID", &Hex(ppid), &policy.ppids, Blame::Platform, REMEDY),
    ])
}

/// TDX.
pub(super) mod tdx {
    use super::*;

    /// SERVTD_EXT in TDATTRIBUTES: the report has more on service TDs than this verifier reads.
    const SERVTD_EXT: u32 = 17;

    /// SEAMATTRIBUTES must be zero for a production module; MRSIGNERSEAM is zero for Intel's.
    pub(in crate::intel) fn module(report: &TdReport10, policy: &TdxPolicy) -> Check {
        if report.seam_attributes != 0 || report.mr_signer_seam != [0; 48] {
            let found = format!(
                "SEAMATTRIBUTES {:#x}, MRSIGNERSEAM {}",
                report.seam_attributes,
                hex(&report.mr_signer_seam)
            );
            let remedy = "the machine's owner must load Intel's production TDX module";
            return Err(Fault::new(Blame::Platform, found, "zero: Intel's production module", remedy));
        }
        listed("MRSEAM", &Hex(report.mr_seam), &policy.mr_seams, Blame::Platform, UNKNOWN)
    }

    pub(in crate::intel) fn debug(attributes: TdAttributes) -> Check {
        if attributes.debug() {
            let found =
                format!("TDATTRIBUTES {:#x}: a TD under debug, whose memory the host may read", attributes.0);
            return evidence(found, "bits 7:0 zero", "launch the TD without DEBUG");
        }
        Ok(Pass::found("off"))
    }

    pub(in crate::intel) fn migration(attributes: TdAttributes) -> Check {
        if attributes.migratable() {
            return evidence("MIGRATABLE on", "MIGRATABLE off", "launch the TD without MIGRATABLE");
        }
        Ok(Pass::found("off"))
    }

    pub(in crate::intel) fn service_td(body: &Body, attributes: TdAttributes) -> Check {
        let remedy = "launch the TD without service TDs";
        if attributes.bit(SERVTD_EXT) {
            return evidence("SERVTD_EXT on", "SERVTD_EXT off", remedy);
        }
        match body {
            Body::Td15(report) if report.mr_service_td != [0; 48] => {
                evidence(format!("MRSERVICETD {}", hex(&report.mr_service_td)), "zero: none bound", remedy)
            }
            _ => Ok(Pass::found("none")),
        }
    }

    pub(in crate::intel) fn attributes(report: &TdReport10, policy: &TdxPolicy) -> Check {
        masked("TDATTRIBUTES", &report.td_attributes.0.to_le_bytes(), &policy.td_attributes)
    }

    pub(in crate::intel) fn extensions(report: &TdReport10, policy: &TdxPolicy) -> Check {
        masked("XFAM", &report.xfam.to_le_bytes(), &policy.xfam)
    }

    /// What was loaded at launch (MRTD), and what has been since (RTMRs).
    pub(in crate::intel) fn measurement(report: &TdReport10, policy: &TdxPolicy) -> Check {
        let [rtmr0, rtmr1, rtmr2, rtmr3] = report.rtmr.map(Hex);
        let listed = |name, found, accepted| listed(name, &found, accepted, Blame::Evidence, UNKNOWN);
        all([
            listed("MRTD", Hex(report.mr_td), &policy.mr_tds),
            listed("RTMR0", rtmr0, &policy.rtmr0),
            listed("RTMR1", rtmr1, &policy.rtmr1),
            listed("RTMR2", rtmr2, &policy.rtmr2),
            listed("RTMR3", rtmr3, &policy.rtmr3),
        ])
    }

    pub(in crate::intel) fn configuration(report: &TdReport10, policy: &TdxPolicy) -> Check {
        let listed = |name, found, accepted| listed(name, &Hex(found), accepted, Blame::Evidence, UNKNOWN);
        all([
            listed("MRCONFIGID", report.mr_config_id, &policy.mr_config_ids),
            listed("MROWNER", report.mr_owner, &policy.mr_owners),
            listed("MROWNERCONFIG", report.mr_owner_config, &policy.mr_owner_configs),
        ])
    }
}

/// SGX.
pub(super) mod sgx {
    use super::*;

    pub(in crate::intel) fn debug(report: &SgxReport) -> Check {
        if report.attributes.debug() {
            let found = "DEBUG on: the host may read and write the enclave's memory";
            return evidence(found, "DEBUG off", "launch the enclave without DEBUG");
        }
        Ok(Pass::found("off"))
    }

    pub(in crate::intel) fn attributes(report: &SgxReport, policy: &SgxPolicy) -> Check {
        masked("ATTRIBUTES", &report.attributes.0.to_le_bytes(), &policy.attributes)
    }

    pub(in crate::intel) fn extensions(report: &SgxReport, policy: &SgxPolicy) -> Check {
        all([
            masked("XFRM", &report.xfrm.to_le_bytes(), &policy.xfrm),
            masked("MISCSELECT", &report.misc_select.to_le_bytes(), &policy.misc_select),
        ])
    }

    pub(in crate::intel) fn measurement(report: &SgxReport, policy: &SgxPolicy) -> Check {
        listed("MRENCLAVE", &Hex(report.mr_enclave), &policy.mr_enclaves, Blame::Evidence, UNKNOWN)
    }

    pub(in crate::intel) fn signer(report: &SgxReport, policy: &SgxPolicy) -> Check {
        all([
            listed("MRSIGNER", &Hex(report.mr_signer), &policy.mr_signers, Blame::Evidence, UNKNOWN),
            listed("ISVPRODID", &report.isv_prod_id, &policy.isv_prod_ids, Blame::Evidence, UNKNOWN),
            security_version(report, policy),
        ])
    }

    fn security_version(report: &SgxReport, policy: &SgxPolicy) -> Check {
        let found = format!("ISVSVN {}", report.isv_svn);
        if report.isv_svn < policy.minimum_isv_svn {
            return evidence(found, format!("at least {}", policy.minimum_isv_svn), "launch a newer enclave");
        }
        Ok(if policy.minimum_isv_svn == 0 { Pass::Any(found) } else { Pass::found(found) })
    }

    pub(in crate::intel) fn configuration(report: &SgxReport, policy: &SgxPolicy) -> Check {
        listed("CONFIGID", &Hex(report.config_id), &policy.config_ids, Blame::Evidence, UNKNOWN)
    }
}
