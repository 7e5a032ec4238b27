//! A simulated Intel: keys, certificates, collateral and SGX and TDX quotes of one platform and its vendor.
//!
//! Sources: "Intel SGX PCK Certificate and Certificate Revocation List Profile Specification", revision 1.5;
//! "Intel SGX and Intel TDX Provisioning Certification Service API", version 4; the quotes' are named in
//! [`holdfast_evidence::quote`].

mod certificates;
mod collateral;
mod platform;
mod quote;

use holdfast_evidence::cmw::{Bundle, EvidenceKind, Part};
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;

use crate::{Fault, Seed};
use platform::Platform;

/// An authority for PCK certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PckCa {
    /// Of platforms with one package.
    Processor,
    /// Of platforms with several, whose certificates have an instance and a configuration.
    Platform,
}

/// A TEE, and so a set of collateral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tee {
    /// SGX.
    Sgx,
    /// TDX.
    Tdx,
}

/// What is measured of an enclave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enclave {
    /// MRENCLAVE.
    pub mr_enclave: [u8; 32],
    /// MRSIGNER.
    pub mr_signer: [u8; 32],
    /// ISVPRODID.
    pub isv_prod_id: u16,
    /// ISVSVN.
    pub isv_svn: u16,
}

/// What is measured of a TD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Td {
    /// MRTD.
    pub mr_td: [u8; 48],
    /// RTMR0 to RTMR3.
    pub rtmr: [[u8; 48]; 4],
}

/// A quote's version and body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Version 3, SGX.
    SgxV3(Enclave),
    /// Version 4, TDX 1.0.
    TdxV4(Td),
    /// Version 5, TDX 1.0.
    TdxV5Td10(Td),
    /// Version 5, TDX 1.5.
    TdxV5Td15(Td),
}

impl Form {
    const fn tee(&self) -> Tee {
        match self {
            Self::SgxV3(_) => Tee::Sgx,
            Self::TdxV4(_) | Self::TdxV5Td10(_) | Self::TdxV5Td15(_) => Tee::Tdx,
        }
    }
}

/// What a quote is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Version, body and measurements.
    pub form: Form,
    /// REPORTDATA.
    pub report_data: [u8; 64],
}

/// What the provisioning certification service publishes for a platform and a TEE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collateral {
    /// PEM: the PCK authority, the root.
    pub pck_crl_issuer_chain: String,
    /// DER: the root's revocation list.
    pub root_ca_crl: Vec<u8>,
    /// DER: the PCK authority's revocation list.
    pub pck_crl: Vec<u8>,
    /// PEM: the TCB signing certificate, the root.
    pub tcb_info_issuer_chain: String,
    /// JSON: the value of `tcbInfo`.
    pub tcb_info: String,
    /// r, s, big endian.
    pub tcb_info_signature: [u8; 64],
    /// PEM: the TCB signing certificate, the root.
    pub qe_identity_issuer_chain: String,
    /// JSON: the value of `enclaveIdentity`.
    pub qe_identity: String,
    /// r, s, big endian.
    pub qe_identity_signature: [u8; 64],
}

/// A quote, and all that a verifier needs for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The quote, with the PCK certificate's chain in it.
    pub quote: Vec<u8>,
    /// The collateral.
    pub collateral: Collateral,
    /// DER: the root certificate.
    pub root: Vec<u8>,
}

impl Evidence {
    /// The quote with all that is needed for it, to be sent as one.
    #[must_use]
    pub fn bundle(&self) -> Bundle {
        let from = &self.collateral;
        let endorsements = [
            (Part::PckCrlIssuerChain, from.pck_crl_issuer_chain.as_bytes()),
            (Part::RootCaCrl, &from.root_ca_crl),
            (Part::PckCrl, &from.pck_crl),
            (Part::TcbInfoIssuerChain, from.tcb_info_issuer_chain.as_bytes()),
            (Part::TcbInfo, from.tcb_info.as_bytes()),
            (Part::TcbInfoSignature, &from.tcb_info_signature),
            (Part::QeIdentityIssuerChain, from.qe_identity_issuer_chain.as_bytes()),
            (Part::QeIdentity, from.qe_identity.as_bytes()),
            (Part::QeIdentitySignature, &from.qe_identity_signature),
        ];
        Bundle {
            kind: EvidenceKind::Quote,
            evidence: self.quote.clone(),
            endorsements: endorsements.map(|(part, bytes)| (part, bytes.to_vec())).into(),
        }
    }
}

/// A simulated Intel with one platform, which has SGX and TDX.
pub struct Intel {
    seed: Seed,
    ca: PckCa,
    keys: Keys,
}

/// P-256, all of them.
struct Keys {
    root: SigningKey,
    processor: SigningKey,
    platform: SigningKey,
    tcb_signing: SigningKey,
}

impl Intel {
    /// The vendor, and one platform that has its PCK certificate from `ca`.
    #[must_use]
    pub fn new(ca: PckCa, seed: Seed) -> Self {
        let key = |label| key(seed, label);
        let keys = Keys {
            root: key("root"),
            processor: key("processor CA"),
            platform: key("platform CA"),
            tcb_signing: key("TCB signing"),
        };
        Self { seed, ca, keys }
    }

    /// FMSPC of the platform.
    #[must_use]
    pub fn fmspc(&self) -> [u8; 6] {
        self.seed.bytes("FMSPC")
    }

    /// Issues a quote and what is needed to verify it, at the time `now`, in seconds since 1970.
    #[must_use]
    pub fn issue(&self, claims: &Claims, now: u64, fault: Option<Fault>) -> Evidence {
        let platform = Platform::new(fault == Some(Fault::OldTcb));
        Evidence {
            quote: self.quote(claims, &platform, now, fault),
            collateral: self.collateral(claims.form.tee(), now, fault == Some(Fault::Revoked)),
            root: self.root(),
        }
    }

    const fn ca_key(&self, ca: PckCa) -> &SigningKey {
        match ca {
            PckCa::Processor => &self.keys.processor,
            PckCa::Platform => &self.keys.platform,
        }
    }
}

fn key(seed: Seed, label: &str) -> SigningKey {
    SigningKey::generate_from_rng(&mut seed.stream(label))
}
