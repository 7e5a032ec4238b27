use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::{Cmw, CmwError, Collection, Indicator, Label, Record, Type};

/// Evidence, and the endorsements that came with it: what is sent to somebody who verifies.
///
/// Whoever carries a bundle can change it. A verifier checks all of it, and asks the vendor for what is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// What the evidence is.
    pub kind: EvidenceKind,
    /// The evidence, exactly its bytes.
    pub evidence: Vec<u8>,
    /// The endorsements; no part twice.
    pub endorsements: Vec<(Part, Vec<u8>)>,
}

/// What the evidence in a bundle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidenceKind {
    /// A SEV-SNP report.
    SnpReport,
    /// An SGX or TDX quote.
    Quote,
}

/// A part of the collateral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// DER: the VCEK or VLEK certificate.
    Vek,
    /// DER: the ASK or ASVK certificate.
    Intermediate,
    /// DER: the ARK certificate.
    Root,
    /// DER: the ARK's revocation list.
    Crl,
    /// PEM: the PCK certificate's chain, for a quote that has none.
    PckCertificateChain,
    /// PEM: who signed the PCK authority's revocation list.
    PckCrlIssuerChain,
    /// DER: the PCK authority's revocation list.
    PckCrl,
    /// DER: the revocation list of Intel's root.
    RootCaCrl,
    /// PEM: who signed the TCB info.
    TcbInfoIssuerChain,
    /// JSON: the value of `tcbInfo`, as it was signed.
    TcbInfo,
    /// r, s.
    TcbInfoSignature,
    /// PEM: who signed the quoting enclave's identity.
    QeIdentityIssuerChain,
    /// JSON: the value of `enclaveIdentity`, as it was signed.
    QeIdentity,
    /// r, s.
    QeIdentitySignature,
}

/// `__cmwc_t` of a bundle.
const BUNDLE: &str = "tag:example.invalid,2026:holdfast-evidence";

const EVIDENCE: &str = "evidence";

const KINDS: [(EvidenceKind, &str); 2] = [
    (EvidenceKind::SnpReport, "application/vnd.holdfast.snp-report"),
    (EvidenceKind::Quote, "application/vnd.holdfast.quote"),
];

const CERTIFICATE: &str = "application/pkix-cert";
const LIST: &str = "application/pkix-crl";
const CHAIN: &str = "application/pem-certificate-chain";
const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";

/// Label and media type of each part.
const PARTS: [(Part, &str, &str); 14] = [
    (Part::Vek, "vek", CERTIFICATE),
    (Part::Intermediate, "intermediate", CERTIFICATE),
    (Part::Root, "root", CERTIFICATE),
    (Part::Crl, "crl", LIST),
    (Part::PckCertificateChain, "pck-certificate-chain", CHAIN),
    (Part::PckCrlIssuerChain, "pck-crl-issuer-chain", CHAIN),
    (Part::PckCrl, "pck-crl", LIST),
    (Part::RootCaCrl, "root-ca-crl", LIST),
    (Part::TcbInfoIssuerChain, "tcb-info-issuer-chain", CHAIN),
    (Part::TcbInfo, "tcb-info", JSON),
    (Part::TcbInfoSignature, "tcb-info-signature", BYTES),
    (Part::QeIdentityIssuerChain, "qe-identity-issuer-chain", CHAIN),
    (Part::QeIdentity, "qe-identity", JSON),
    (Part::QeIdentitySignature, "qe-identity-signature", BYTES),
];

impl Part {
    /// The name, as bundles have it.
    #[must_use]
    pub fn label(self) -> &'static str {
        PARTS.iter().find(|(known, ..)| *known == self).map_or("", |(_, label, _)| label)
    }
}

impl Bundle {
    /// The endorsement, if it came.
    #[must_use]
    pub fn part(&self, part: Part) -> Option<&[u8]> {
        self.endorsements.iter().find(|(known, _)| *known == part).map(|(_, bytes)| bytes.as_slice())
    }

    /// The wrapper of the bundle: a collection of records.
    #[must_use]
    pub fn to_cmw(&self) -> Cmw {
        let media = KINDS.iter().find(|(kind, _)| *kind == self.kind).map_or(BYTES, |(_, media)| media);
        let evidence = record(EVIDENCE, media, &self.evidence, Indicator::EVIDENCE);
        let endorsements = self.endorsements.iter().filter_map(|(part, bytes)| {
            let (_, label, media) = PARTS.iter().find(|(known, ..)| known == part)?;
            Some(record(label, media, bytes, Indicator::ENDORSEMENTS))
        });
        let items = core::iter::once(evidence).chain(endorsements).collect();
        Cmw::Collection(Collection { kind: Some(BUNDLE.to_string()), items })
    }

    /// Reads a wrapper: a bundle, or a record of evidence alone.
    ///
    /// # Errors
    /// [`CmwError::Structure`] for anything else, and for a bundle with a part that is not known here.
    pub fn from_cmw(cmw: Cmw) -> Result<Self, CmwError> {
        const OTHER: CmwError = CmwError::Structure("it wraps something else than evidence for a verifier");
        let collection = match cmw {
            Cmw::Record(record) => {
                let kind = evidence_kind(&record).ok_or(OTHER)?;
                return Ok(Self { kind, evidence: record.value, endorsements: Vec::new() });
            }
            Cmw::Collection(collection) if collection.kind.as_deref() == Some(BUNDLE) => collection,
            Cmw::Collection(_) => return Err(OTHER),
        };
        let mut evidence = None;
        let mut endorsements = Vec::new();
        for item in collection.items {
            let (Label::Text(label), Cmw::Record(record)) = item else { return Err(OTHER) };
            if label == EVIDENCE {
                let kind = evidence_kind(&record).ok_or(OTHER)?;
                if evidence.replace((kind, record.value)).is_some() {
                    return Err(CmwError::Twice);
                }
                continue;
            }
            let known = PARTS
                .iter()
                .find(|(_, known, media)| *known == label && is(&record, media, Indicator::ENDORSEMENTS));
            let (part, ..) = known.ok_or(CmwError::Structure("the bundle has a part that is not known"))?;
            if endorsements.iter().any(|(known, _)| known == part) {
                return Err(CmwError::Twice);
            }
            endorsements.push((*part, record.value));
        }
        let (kind, evidence) = evidence.ok_or(CmwError::Structure("the bundle has no evidence"))?;
        Ok(Self { kind, evidence, endorsements })
    }
}

fn evidence_kind(record: &Record) -> Option<EvidenceKind> {
    let known = KINDS.iter().find(|(_, media)| is(record, media, Indicator::EVIDENCE));
    known.map(|(kind, _)| *kind)
}

/// The media type must be this one. The indicator may be left out.
fn is(record: &Record, media: &str, indicator: Indicator) -> bool {
    matches!(&record.kind, Type::Media(kind) if kind == media)
        && record.indicator.is_none_or(|found| found == indicator)
}

fn record(label: &str, media: &str, value: &[u8], indicator: Indicator) -> (Label, Cmw) {
    let kind = Type::Media(media.to_string());
    let record = Record { kind, value: value.to_vec(), indicator: Some(indicator) };
    (Label::Text(label.to_string()), Cmw::Record(record))
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::cmw::{from_cbor, from_json, to_cbor, to_json};

    fn bundle() -> Bundle {
        Bundle {
            kind: EvidenceKind::Quote,
            evidence: vec![1, 2, 3],
            endorsements: PARTS.iter().map(|(part, label, _)| (*part, label.as_bytes().to_vec())).collect(),
        }
    }

    #[test]
    fn a_bundle_survives_both_forms() {
        let bundle = bundle();
        let cbor = to_cbor(&bundle.to_cmw()).expect("a wrapper");
        assert_eq!(from_cbor(&cbor).and_then(Bundle::from_cmw), Ok(bundle.clone()));
        let json = to_json(&bundle.to_cmw()).expect("a wrapper");
        assert_eq!(from_json(json.as_bytes()).and_then(Bundle::from_cmw), Ok(bundle.clone()));
        assert_eq!(bundle.part(Part::QeIdentity), Some(&b"qe-identity"[..]));
    }

    #[test]
    fn evidence_may_stand_alone() {
        let text = br#"["application/vnd.holdfast.snp-report","AQID"]"#;
        let expected =
            Bundle { kind: EvidenceKind::SnpReport, evidence: vec![1, 2, 3], endorsements: Vec::new() };
        assert_eq!(from_json(text).and_then(Bundle::from_cmw), Ok(expected.clone()));
        assert_eq!(expected.part(Part::Vek), None);
    }

    #[test]
    fn what_is_no_bundle_is_refused() {
        let other = CmwError::Structure("it wraps something else than evidence for a verifier");
        let part = CmwError::Structure("the bundle has a part that is not known");
        let good = to_json(&bundle().to_cmw()).expect("a wrapper");
        for (from, to, error) in [
            (BUNDLE, "tag:example.invalid,2026:other", other),
            ("holdfast.quote", "holdfast.quota", other),
            (r#""AQID",4"#, r#""AQID",8"#, other),
            (r#""vek""#, r#""vec""#, part),
            (r#""vek":["application/pkix-cert""#, r#""vek":["application/pkix-crl""#, part),
            (r#""evidence""#, r#""evidences""#, part),
        ] {
            let text = good.replace(from, to);
            assert_ne!(text, good, "{from}");
            assert_eq!(from_json(text.as_bytes()).and_then(Bundle::from_cmw), Err(error), "{from}");
        }
        let text = alloc::format!(r#"{{"__cmwc_t":"{BUNDLE}","root":["{CERTIFICATE}","AQID"]}}"#);
        let error = CmwError::Structure("the bundle has no evidence");
        assert_eq!(from_json(text.as_bytes()).and_then(Bundle::from_cmw), Err(error));
    }
}
