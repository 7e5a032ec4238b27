//! What the vendors publish and a verifier needs: fetched by someone else, trusted by no one before it is checked.

use holdfast_evidence::cmw::{Bundle, EvidenceKind, Part};
use holdfast_evidence::snp::{Kind, Table};
use serde::{Deserialize, Serialize};

/// Collateral for one piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Collateral {
    /// For a SEV-SNP report.
    Amd(AmdCollateral),
    /// For an SGX or TDX quote.
    Intel(Box<IntelCollateral>),
    /// None: each step that needs some fails.
    None,
}

/// The endorsements that came with evidence: the word of whoever carried them, and checked like any other. What is
/// missing is missing; what should be text and is not counts as missing.
impl From<&Bundle> for Collateral {
    fn from(bundle: &Bundle) -> Self {
        let optional = |part| bundle.part(part).map(<[u8]>::to_vec);
        let bytes = |part| optional(part).unwrap_or_default();
        let text = |part| String::from_utf8(bytes(part)).unwrap_or_default();
        match bundle.kind {
            _ if bundle.endorsements.is_empty() => Self::None,
            EvidenceKind::SnpReport => Self::Amd(AmdCollateral {
                vek: bytes(Part::Vek),
                intermediate: bytes(Part::Intermediate),
                root: optional(Part::Root),
                crl: optional(Part::Crl),
            }),
            EvidenceKind::Quote => Self::Intel(Box::new(IntelCollateral {
                pck_crl_issuer_chain: text(Part::PckCrlIssuerChain),
                root_ca_crl: bytes(Part::RootCaCrl),
                pck_crl: bytes(Part::PckCrl),
                tcb_info_issuer_chain: text(Part::TcbInfoIssuerChain),
                tcb_info: text(Part::TcbInfo),
                tcb_info_signature: bytes(Part::TcbInfoSignature),
                qe_identity_issuer_chain: text(Part::QeIdentityIssuerChain),
                qe_identity: text(Part::QeIdentity),
                qe_identity_signature: bytes(Part::QeIdentitySignature),
                pck_certificate_chain: optional(Part::PckCertificateChain)
                    .and_then(|chain| String::from_utf8(chain).ok()),
            })),
        }
    }
}

/// From AMD's key distribution service, or the host's certificate table. DER.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AmdCollateral {
    /// The VCEK or VLEK certificate.
    pub vek: Vec<u8>,
    /// The ASK or ASVK certificate.
    pub intermediate: Vec<u8>,
    /// The ARK certificate. Without one the pinned ARK that the intermediate names is used; with one, it must
    /// be pinned, or named by the policy.
    pub root: Option<Vec<u8>>,
    /// The ARK's revocation list.
    pub crl: Option<Vec<u8>>,
}

/// The certificates of a host's table. It is the host's word, and checked like any other; a table has no
/// revocation list.
impl From<&Table> for AmdCollateral {
    fn from(table: &Table) -> Self {
        let find = |kind| table.find(kind).map(<[u8]>::to_vec);
        Self {
            vek: find(Kind::Vcek).or_else(|| find(Kind::Vlek)).unwrap_or_default(),
            intermediate: find(Kind::Ask).unwrap_or_default(),
            root: find(Kind::Ark),
            crl: None,
        }
    }
}

/// From Intel's provisioning certification service, version 4. As JSON its binary values are
/// in hex, as collateral bundles of other verifiers are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IntelCollateral {
    /// PEM: who signed `pck_crl`.
    pub pck_crl_issuer_chain: String,
    /// DER: the root's revocation list.
    #[serde(with = "bytes")]
    pub root_ca_crl: Vec<u8>,
    /// DER: the PCK authority's revocation list.
    #[serde(with = "bytes")]
    pub pck_crl: Vec<u8>,
    /// PEM: who signed `tcb_info`.
    pub tcb_info_issuer_chain: String,
    /// JSON: the value of `tcbInfo`, byte by byte as it came.
    pub tcb_info: String,
    /// r, s.
    #[serde(with = "bytes")]
    pub tcb_info_signature: Vec<u8>,
    /// PEM: who signed `qe_identity`.
    pub qe_identity_issuer_chain: String,
    /// JSON: the value of `enclaveIdentity`, byte by byte as it came.
    pub qe_identity: String,
    /// r, s.
    #[serde(with = "bytes")]
    pub qe_identity_signature: Vec<u8>,
    /// PEM: the PCK certificate's chain, for a quote that does not carry it.
    #[serde(default)]
    pub pck_certificate_chain: Option<String>,
}

impl IntelCollateral {
    /// How many bytes it is together.
    #[must_use]
    pub fn length(&self) -> usize {
        let texts = [
            &self.pck_crl_issuer_chain,
            &self.tcb_info_issuer_chain,
            &self.tcb_info,
            &self.qe_identity_issuer_chain,
            &self.qe_identity,
        ];
        let bytes = [&self.root_ca_crl, &self.pck_crl, &self.tcb_info_signature, &self.qe_identity_signature];
        texts.iter().map(|text| text.len()).sum::<usize>()
            + bytes.iter().map(|bytes| bytes.len()).sum::<usize>()
            + self.pck_certificate_chain.as_ref().map_or(0, String::len)
    }
}

/// Bytes in hex.
mod bytes {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::policy::{hex, unhex};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        unhex(&text).ok_or_else(|| serde::de::Error::custom("not bytes in hex"))
    }

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(bytes))
    }
}
