//! "Intel SGX and Intel TDX Provisioning Certification Service API", version 4: `tcb`, `qe/identity`, `pckcrl`.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Answer, Query, hex};
use crate::der;
use crate::intel::{Intel, PckCa, Tee};

pub(super) fn answer(intel: &Intel, tee: &str, what: &[&str], query: &Query<'_>, now: u64) -> Answer {
    let tee = if tee == "sgx" { Tee::Sgx } else { Tee::Tdx };
    match (tee, what) {
        (Tee::Sgx, ["pckcrl"]) => pck_crl(intel, query, now),
        (_, ["tcb"]) => match query.get("fmspc") {
            Some(fmspc) if fmspc.eq_ignore_ascii_case(&hex(&intel.fmspc())) => {
                let collateral = intel.collateral(tee, now, false);
                signed("tcbInfo", &collateral.tcb_info, &collateral.tcb_info_signature)
                    .with("TCB-Info-Issuer-Chain", encoded(&collateral.tcb_info_issuer_chain))
            }
            Some(_) => Answer::refusal(404),
            None => Answer::refusal(400),
        },
        (_, ["qe", "identity"]) => {
            let collateral = intel.collateral(tee, now, false);
            signed("enclaveIdentity", &collateral.qe_identity, &collateral.qe_identity_signature)
                .with("SGX-Enclave-Identity-Issuer-Chain", encoded(&collateral.qe_identity_issuer_chain))
        }
        _ => Answer::refusal(404),
    }
}

fn pck_crl(intel: &Intel, query: &Query<'_>, now: u64) -> Answer {
    let ca = match query.get("ca") {
        Some("processor") => PckCa::Processor,
        Some("platform") => PckCa::Platform,
        _ => return Answer::refusal(400),
    };
    let crl = intel.pck_crl(ca, now, false);
    let answer = match query.get("encoding") {
        Some("der") => Answer::ok("application/pkix-crl", crl),
        _ => Answer::ok("application/x-pem-file", der::pem_crl(&crl)),
    };
    answer.with("SGX-PCK-CRL-Issuer-Chain", encoded(&der::pem(&[intel.pck_ca(ca), intel.root()])))
}

/// The signature is over the bytes of the value, so they stand there as they were signed.
fn signed(name: &str, value: &str, signature: &[u8; 64]) -> Answer {
    Answer::ok("application/json", format!(r#"{{"{name}":{value},"signature":"{}"}}"#, hex(signature)))
}

fn encoded(chain: &str) -> String {
    utf8_percent_encode(chain, NON_ALPHANUMERIC).to_string()
}
