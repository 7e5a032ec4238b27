//! What the library does not look at, because it needs no path through it: the root that comes along, the chain of
//! the PCK revocation list's issuer, and two fields of the TCB info. What nobody looks at could say anything.

use dcap_qvl::QuoteClaims;
use der::Decode;
use rustls_pki_types::CertificateDer;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use webpki::EndEntityCert;
use x509_cert::name::Name;

use super::{FETCH, library};
use crate::anchors::{INTEL_ROOT, Standing, standing};
use crate::ledger::{Check, Fault, Ledger, Pass};
use crate::policy::{Insecure, hex};
use crate::verdict::Blame;
use crate::x509::Signed;
use crate::{IntelCollateral, Step};

const OTHER_ROOT: &str = "do not trust where this came from";

/// Intel's pinned root, or one in the chain that the policy names. A chain may leave its root out, have an older
/// certificate of Intel's for the same key, or be in another order; a root with another key it may not have.
pub(super) fn root<'a>(
    chain: &'a [Vec<u8>],
    insecure: &Insecure,
) -> Result<((&'a [u8], Standing), Pass), Fault> {
    for der in chain.iter().take(library::MAX_CHAIN) {
        let fingerprint: [u8; 32] = Sha256::digest(der).into();
        let name = format!("SHA-256 {}", hex(&fingerprint));
        match standing(der, fingerprint, &[INTEL_ROOT], insecure) {
            Some(Standing::Pinned) => {}
            Some(Standing::Simulated) => {
                let found = format!("{name}, SIMULATED: named under [insecure] in the policy");
                return Ok(((der, Standing::Simulated), Pass::found(found)));
            }
            None => {
                let own = names(der).is_some_and(|(subject, issuer)| subject == issuer);
                if own && !signed_by(der, INTEL_ROOT) {
                    let expected = "Intel's pinned root, or one that the policy names under [insecure]";
                    return Err(Fault::new(
                        Blame::Evidence,
                        format!("a root with {name}"),
                        expected,
                        OTHER_ROOT,
                    ));
                }
            }
        }
    }
    Ok(((INTEL_ROOT, Standing::Pinned), Pass::found("Intel SGX Root CA, pinned")))
}

/// What the library does not follow in the PCK's chain: all but the first certificate and its issuer's.
pub(super) fn pck_chain(chain: &[Vec<u8>], root: &[u8]) -> Result<(), Fault> {
    let refuse = |found: String| {
        let expected = "the PCK's certificate, its issuer's, and the root's";
        Err(Fault::new(Blame::Evidence, found, expected, super::FORGED))
    };
    if chain.len() > library::MAX_CHAIN {
        return refuse(format!("{} certificates", chain.len()));
    }
    let mut authority = chain.first().and_then(|der| names(der)).map(|(_, issuer)| issuer);
    for der in chain.iter().skip(1).filter(|der| **der != root) {
        if authority.is_some() && names(der).map(|(subject, _)| subject) == authority {
            authority = None;
        } else if !signed_by(der, root) {
            return refuse(format!("a certificate with SHA-256 {}", hex(&Sha256::digest(der))));
        }
    }
    Ok(())
}

/// Subject and issuer of a certificate that can be read.
fn names(der: &[u8]) -> Option<(Name, Name)> {
    let certificate = x509_cert::Certificate::from_der(der).ok()?;
    let tbs = certificate.tbs_certificate();
    Some((tbs.subject().clone(), tbs.issuer().clone()))
}

/// The chains of who signed the PCK revocation list, the TCB info and the identity: what is in them is in the
/// PCK's chain too, or the root signed it. The library has a path from the first of the latter two.
pub(super) fn issuer_chains(
    ledger: &mut Ledger,
    collateral: &IntelCollateral,
    known: &[Vec<u8>],
    root: &[u8],
) {
    let chains = [
        (Step::Revocation, &collateral.pck_crl_issuer_chain, 0),
        (Step::TcbInfo, &collateral.tcb_info_issuer_chain, 1),
        (Step::QeIdentity, &collateral.qe_identity_issuer_chain, 1),
    ];
    for (step, text, followed) in chains {
        let chain = library::certificates(text.as_bytes());
        let strange = |der: &&Vec<u8>| **der != root && !known.contains(der) && !signed_by(der, root);
        let found = match chain.len() {
            0 => "an issuer chain that is empty or no PEM".to_owned(),
            1..=library::MAX_CHAIN => match chain.iter().skip(followed).find(strange) {
                None => continue,
                Some(der) => {
                    format!("in the issuer chain a certificate with SHA-256 {}", hex(&Sha256::digest(der)))
                }
            },
            length => format!("an issuer chain of {length} certificates"),
        };
        let expected = "certificates that the root signed";
        ledger.record(step, Err(Fault::new(Blame::Collateral, found, expected, FETCH)));
    }
}

/// ecdsa-with-SHA256 (RFC 5758, section 3.2), in DER: the algorithm of all that Intel's authorities sign.
const ECDSA_SHA256: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";

/// Whether the key of `issuer`, a certificate, signed `der`, a certificate.
fn signed_by(der: &[u8], issuer: &[u8]) -> bool {
    let Ok(signed) = Signed::read(der) else { return false };
    let issuer = CertificateDer::from_slice(issuer);
    signed.algorithm == ECDSA_SHA256
        && EndEntityCert::try_from(&issuer).is_ok_and(|issuer| {
            let algorithm = webpki::rustcrypto::ECDSA_P256_SHA256;
            issuer.verify_signature(algorithm, signed.tbs, signed.signature).is_ok()
        })
}

/// What is read here of TCB info.
#[derive(Deserialize)]
struct TcbInfo {
    version: u32,
    #[serde(rename = "pceId")]
    pce_id: String,
}

/// TCB info is of version 3, and for the provisioning certification enclave of this platform.
pub(super) fn tcb_info(json: &str, claims: &QuoteClaims) -> Check {
    let refuse = |found: String, expected: String| Err(Fault::new(Blame::Collateral, found, expected, FETCH));
    let pce_id = hex(&claims.platform.pck.pce_id);
    match serde_json::from_str::<TcbInfo>(json) {
        Ok(info) if info.version != 3 => {
            refuse(format!("TCB info of version {}", info.version), "3".to_owned())
        }
        Ok(info) if !info.pce_id.eq_ignore_ascii_case(&pce_id) => {
            refuse(format!("TCB info for pceId {}", info.pce_id), format!("PCEID {pce_id}"))
        }
        Ok(_) => Ok(Pass::found("version 3")),
        Err(error) => refuse(error.to_string(), "TCB info".to_owned()),
    }
}
