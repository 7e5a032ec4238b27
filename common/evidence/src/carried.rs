//! Evidence, in whatever it comes: alone, in an envelope, or in a certificate.

use crate::cmw::{Bundle, CmwError, EvidenceKind, from_cbor, from_json};
use crate::detect::{Form, detect};
use crate::snp::Report;
use crate::x509::{self, Binding, X509Error};

/// Evidence, with what came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The evidence, and endorsements if there were some.
    pub bundle: Bundle,
    /// What it was in.
    pub carrier: Carrier,
}

/// What evidence comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Nothing.
    Bare,
    /// A Hyper-V HCL blob, at this offset.
    AzureHcl(usize),
    /// The envelope of [`cmw`](crate::cmw).
    Envelope,
    /// A certificate. The evidence is for its key, if [`Binding::check`] holds.
    Certificate(Binding),
}

/// Why bytes hold no evidence. Whoever made or carried them is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CarriedError {
    /// Nothing that is known.
    #[error(
        "neither a SEV-SNP report nor an SGX or TDX quote, nor an envelope or a certificate that carries one"
    )]
    Unknown,
    /// An envelope that cannot be read.
    #[error("the envelope cannot be used: {0}")]
    Envelope(#[from] CmwError),
    /// A certificate that cannot be read.
    #[error(transparent)]
    Certificate(#[from] X509Error),
    /// The envelope or certificate calls its content something else than it is.
    #[error("what it carries is not the {0} that it is said to be")]
    Mislabelled(&'static str),
}

/// Finds the evidence in some bytes. What they are is told by how they begin, and read as that and nothing else.
///
/// # Errors
/// [`CarriedError`]. Whether evidence that comes alone is well formed is left to its parser.
pub fn open(bytes: &[u8]) -> Result<Carried, CarriedError> {
    let bare = |kind, evidence: &[u8], carrier| {
        let bundle = Bundle { kind, evidence: evidence.to_vec(), endorsements: alloc::vec::Vec::new() };
        Ok(Carried { bundle, carrier })
    };
    match detect(bytes) {
        Some(Form::SnpReport) => return bare(EvidenceKind::SnpReport, bytes, Carrier::Bare),
        Some(Form::Quote) => return bare(EvidenceKind::Quote, bytes, Carrier::Bare),
        Some(Form::AzureHcl(offset)) => {
            let report = bytes.get(offset..).and_then(|rest| rest.get(..Report::LENGTH));
            return bare(
                EvidenceKind::SnpReport,
                report.ok_or(CarriedError::Unknown)?,
                Carrier::AzureHcl(offset),
            );
        }
        None => {}
    }
    let (bundle, carrier) = match bytes.trim_ascii_start().first() {
        // A SEQUENCE in DER.
        Some(0x30) => certificate(x509::read(bytes)?),
        Some(b'[' | b'{') => (Bundle::from_cmw(from_json(bytes)?)?, Carrier::Envelope),
        // An array of two or three, or a map (RFC 9999, "Decapsulation Algorithm").
        Some(0x82 | 0x83 | 0xa0..=0xbb | 0xbf) => (Bundle::from_cmw(from_cbor(bytes)?)?, Carrier::Envelope),
        _ if bytes.windows(PEM.len()).any(|window| window == PEM) => certificate(x509::read_pem(bytes)?),
        _ => return Err(CarriedError::Unknown),
    };
    match (bundle.kind, detect(&bundle.evidence)) {
        (EvidenceKind::SnpReport, Some(Form::SnpReport)) | (EvidenceKind::Quote, Some(Form::Quote)) => {
            Ok(Carried { bundle, carrier })
        }
        (EvidenceKind::SnpReport, _) => Err(CarriedError::Mislabelled("SEV-SNP report")),
        (EvidenceKind::Quote, _) => Err(CarriedError::Mislabelled("SGX or TDX quote")),
    }
}

/// How a certificate begins in PEM; text may stand before it.
const PEM: &[u8] = b"-----BEGIN CERTIFICATE-----";

fn certificate((bundle, binding): (Bundle, Binding)) -> (Bundle, Carrier) {
    (bundle, Carrier::Certificate(binding))
}
