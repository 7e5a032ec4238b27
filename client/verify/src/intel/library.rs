//! The one place that asks `dcap-qvl`, which checks signatures, chains, revocation and TCB levels of quotes.
//!
//! It reports an error as text. Its version is pinned exactly, so its order of checks and its texts are known, and
//! [`step_of`] turns them into steps. The text decides how a refusal is called, never whether it is one.

use dcap_qvl::configs::RustCryptoConfig;
use dcap_qvl::verify::QuoteVerifier;
use dcap_qvl::{QuoteClaims, QuoteCollateralV3};
use rustls_pki_types::{CertificateDer, UnixTime as PkiTime};
use webpki::{EndEntityCert, KeyUsage};

use crate::{IntelCollateral, Step, UnixTime};

/// Its steps, in its order.
pub(super) const ORDER: [Step; 8] = [
    Step::Revocation,
    Step::TcbInfo,
    Step::QeIdentity,
    Step::PckChain,
    Step::QuotingEnclave,
    Step::Signature,
    Step::TdxModule,
    Step::TcbStatus,
];

/// A refusal.
pub(super) struct Refusal {
    pub(super) step: Step,
    pub(super) text: String,
}

/// Accepts all that verifies: what is acceptable is decided by this crate's steps, not in there.
struct AllClaims;

impl dcap_qvl::Policy for AllClaims {
    fn validate(&self, _: &QuoteClaims) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Verifies `quote` up to `root`. Debugging and service TDs are let through here, and refused by the steps for
/// them, which need nothing but the quote.
pub(super) fn verify(
    quote: &[u8],
    chain: &[Vec<u8>],
    collateral: &IntelCollateral,
    root: &[u8],
    now: UnixTime,
) -> Result<QuoteClaims, Refusal> {
    let verifier = QuoteVerifier::<RustCryptoConfig>::new_with_config(root.to_vec())
        .allow_debug(true)
        .allow_service_td(true);
    verifier.verify_with_policy(quote, convert(collateral), now.0, &AllClaims).map_err(|error| {
        let text = format!("{error:#}");
        let step = step_of(&text, || broken_chain(chain, collateral, root, now));
        Refusal { step, text }
    })
}

fn convert(collateral: &IntelCollateral) -> QuoteCollateralV3 {
    QuoteCollateralV3 {
        pck_crl_issuer_chain: collateral.pck_crl_issuer_chain.clone(),
        root_ca_crl: collateral.root_ca_crl.clone(),
        pck_crl: collateral.pck_crl.clone(),
        tcb_info_issuer_chain: collateral.tcb_info_issuer_chain.clone(),
        tcb_info: collateral.tcb_info.clone(),
        tcb_info_signature: collateral.tcb_info_signature.clone(),
        qe_identity_issuer_chain: collateral.qe_identity_issuer_chain.clone(),
        qe_identity: collateral.qe_identity.clone(),
        qe_identity_signature: collateral.qe_identity_signature.clone(),
        pck_certificate_chain: collateral.pck_certificate_chain.clone(),
    }
}

/// What a step that the library refused wants.
pub(super) const fn expected(step: Step) -> &'static str {
    match step {
        Step::Revocation => "fresh, signed lists that name no certificate of the chains",
        Step::TcbInfo => "TCB info signed under the root, for this platform and this time",
        Step::QeIdentity => {
            "the identity of this TEE's quoting enclave, signed under the root, for this time"
        }
        Step::PckChain => "a chain to the root, valid at this time",
        Step::QuotingEnclave => {
            "Intel's quoting enclave, vouched for by the PCK, vouching for the attestation key"
        }
        Step::Signature => "a signature by the attestation key",
        Step::TdxModule => "Intel's TDX module",
        Step::TcbStatus => "a TCB level that Intel knows and has not revoked",
        Step::Migration => "MIGRATABLE off",
        Step::ServiceTd => "SERVTD_EXT off, MRSERVICETD zero",
        Step::Attributes => "SEPT_VE_DISABLE on, reserved bits off",
        _ => "collateral that can be read",
    }
}

/// Which step a refusal belongs to. `broken` names the chain, where the text does not.
fn step_of(text: &str, broken: impl FnOnce() -> Option<Step>) -> Step {
    const TEXTS: [(&str, Step); 29] = [
        ("CRL", Step::Revocation),
        ("Crl", Step::Revocation),
        ("Revocation", Step::Revocation),
        ("CertRevoked", Step::Revocation),
        ("QE Identity id/version", Step::QeIdentity),
        ("Unrecognized TCB status", Step::TcbStatus),
        ("TCB status is invalid", Step::TcbStatus),
        ("No matching", Step::TcbStatus),
        ("No TDX module identity", Step::TdxModule),
        ("TDX module TCB level", Step::TcbStatus),
        ("ISVSVN", Step::TcbStatus),
        ("TDX module", Step::TdxModule),
        ("tdxModule", Step::TdxModule),
        ("TEE_TCB_SVN2", Step::TcbStatus),
        ("component count", Step::TcbInfo),
        ("Fmspc mismatch", Step::TcbInfo),
        ("TCB info in the collateral", Step::TcbInfo),
        ("TCB FMSPC", Step::TcbInfo),
        ("TcbInfo", Step::TcbInfo),
        ("TCBInfo", Step::TcbInfo),
        ("TCB Info", Step::TcbInfo),
        ("tcb_info", Step::TcbInfo),
        ("QE Identity", Step::QeIdentity),
        ("QeIdentity", Step::QeIdentity),
        ("qe_identity", Step::QeIdentity),
        ("PCK", Step::PckChain),
        ("QE", Step::QuotingEnclave),
        ("qe_report", Step::QuotingEnclave),
        ("ISV enclave report signature", Step::Signature),
    ];
    const ATTRIBUTES: [(&str, Step); 4] = [
        ("TD migration", Step::Migration),
        ("SERVTD_EXT", Step::ServiceTd),
        ("SEPT_VE_DISABLE", Step::Attributes),
        ("TD attributes", Step::Attributes),
    ];
    let named = TEXTS.iter().chain(&ATTRIBUTES).find(|(part, _)| text.contains(part));
    named.map(|(_, step)| *step).or_else(broken).unwrap_or(Step::Collateral)
}

/// Which of the three chains does not lead to the root at this time, revocation aside.
fn broken_chain(pck: &[Vec<u8>], collateral: &IntelCollateral, root: &[u8], now: UnixTime) -> Option<Step> {
    let tcb_info = certificates(collateral.tcb_info_issuer_chain.as_bytes());
    let qe_identity = certificates(collateral.qe_identity_issuer_chain.as_bytes());
    let chains = [(Step::TcbInfo, &tcb_info[..]), (Step::QeIdentity, &qe_identity), (Step::PckChain, pck)];
    let broken = chains.into_iter().find(|(_, chain)| !leads_to(chain, root, now));
    broken.map(|(step, _)| step)
}

fn leads_to(chain: &[Vec<u8>], root: &[u8], now: UnixTime) -> bool {
    if chain.len() > MAX_CHAIN {
        return false;
    }
    let ders: Vec<_> = chain.iter().map(|der| CertificateDer::from_slice(der)).collect();
    let root = CertificateDer::from_slice(root);
    let (Some((leaf, above)), Ok(anchor)) = (ders.split_first(), webpki::anchor_from_trusted_cert(&root))
    else {
        return false;
    };
    let now = PkiTime::since_unix_epoch(core::time::Duration::from_secs(now.0));
    let (algorithms, usage) = ([webpki::rustcrypto::ECDSA_P256_SHA256], KeyUsage::server_auth());
    EndEntityCert::try_from(leaf)
        .and_then(|leaf| {
            leaf.verify_for_usage(&algorithms, &[anchor], above, now, usage, None, None).map(|_| ())
        })
        .is_ok()
}

/// More certificates than any chain of Intel's has.
pub(super) const MAX_CHAIN: usize = 5;

/// The certificates in PEM text. Text that is no PEM has none.
pub(super) fn certificates(text: &[u8]) -> Vec<Vec<u8>> {
    pem::parse_many(text).unwrap_or_default().into_iter().map(pem::Pem::into_contents).collect()
}
