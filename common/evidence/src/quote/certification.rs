use alloc::vec::Vec;

use zerocopy::IntoBytes;

use super::SgxReport;

/// What a certification datum is, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// 1: the platform's PPID in plain, CPUSVN, PCESVN, PCEID.
    PpidPlain,
    /// 2: the PPID, encrypted with RSA-2048.
    PpidRsa2048,
    /// 3: the PPID, encrypted with RSA-3072.
    PpidRsa3072,
    /// 4: the PCK certificate.
    PckLeaf,
    /// 5: PCK certificate, CA and root, in PEM.
    PckChain,
    /// 6: the quoting enclave's report and its own certification.
    QeReport,
    /// 7: a platform manifest.
    PlatformManifest,
    /// A type that is not known here.
    Unknown(u16),
}

/// Certification data: type and bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certification {
    /// The type as it stands there.
    pub kind: u16,
    /// The data.
    pub data: Vec<u8>,
}

impl Certification {
    /// What the type means.
    #[must_use]
    pub const fn content(&self) -> Content {
        match self.kind {
            1 => Content::PpidPlain,
            2 => Content::PpidRsa2048,
            3 => Content::PpidRsa3072,
            4 => Content::PckLeaf,
            5 => Content::PckChain,
            6 => Content::QeReport,
            7 => Content::PlatformManifest,
            other => Content::Unknown(other),
        }
    }
}

/// What the quoting enclave added: its signature, its key, and who vouches for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureData {
    /// By the attestation key over [`super::Quote::signed`]: r, s, big endian.
    pub signature: [u8; 64],
    /// The attestation key, P-256: x, y, big endian.
    pub attestation_key: [u8; 64],
    /// The quoting enclave's report; its REPORTDATA begins with SHA-256(attestation key ‖ auth data).
    pub qe_report: SgxReport,
    /// By the PCK over `qe_report`.
    pub qe_report_signature: [u8; 64],
    /// QE authentication data.
    pub qe_auth_data: Vec<u8>,
    /// Who vouches for the PCK.
    pub certification: Certification,
}

impl SignatureData {
    /// The bytes behind the length field.
    pub(super) fn build(&self, version: u16) -> Vec<u8> {
        let mut inner = self.qe_report.as_bytes().to_vec();
        inner.extend(self.qe_report_signature);
        inner.extend((self.qe_auth_data.len() as u16).to_le_bytes());
        inner.extend(&self.qe_auth_data);
        datum(&mut inner, self.certification.kind, &self.certification.data);

        let mut bytes = self.signature.to_vec();
        bytes.extend(self.attestation_key);
        match version {
            3 => bytes.extend(inner),
            _ => datum(&mut bytes, QE_REPORT, &inner),
        }
        bytes
    }
}

/// The type of a datum that holds the quoting enclave's report.
pub(super) const QE_REPORT: u16 = 6;

fn datum(bytes: &mut Vec<u8>, kind: u16, data: &[u8]) {
    bytes.extend(kind.to_le_bytes());
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
}
