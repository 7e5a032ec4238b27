use alloc::vec::Vec;

use der::Encode as _;
use der::asn1::OctetString;
use sha2::{Digest as _, Sha256, Sha384};
use x509_cert::ext::Extension;

use super::{Claims, X509Error, read, tagged};
use crate::cmw::{Bundle, to_cbor};
use crate::report_data::{Domain, report_data};

/// How evidence states that a key is the TEE's own.
///
/// An attester makes one for its key, asks the TEE for evidence over [`Binding::report_data`], and puts
/// [`Binding::extension`] into a certificate for the key. A verifier gets it from the certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The form.
    pub form: Form,
    /// The key: SubjectPublicKeyInfo in DER.
    pub key: Vec<u8>,
}

/// The form in which a certificate carries evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// `id-pe-cmw`: any evidence, and endorsements with it.
    Cmw,
    /// Interoperable RA-TLS: a quote, with claims.
    TaggedEvidence(Claims),
    /// A quote alone.
    RawQuote,
}

impl Form {
    /// The name, for people.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Cmw => "conceptual message wrapper",
            Self::TaggedEvidence(_) => "Interoperable RA-TLS",
            Self::RawQuote => "RA-TLS with a raw quote",
        }
    }
}

/// That evidence does not state a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {what} is not that of the certificate's key")]
pub struct Unbound {
    /// Which value is another: REPORT_DATA, or the hash of the key in the claims.
    pub what: &'static str,
    /// What it is.
    pub found: Vec<u8>,
    /// What it has to be.
    pub expected: Vec<u8>,
}

impl Binding {
    /// For a conceptual message wrapper.
    #[must_use]
    pub const fn cmw(key: Vec<u8>) -> Self {
        Self { form: Form::Cmw, key }
    }

    /// For Interoperable RA-TLS, with a verifier's nonce if there is one.
    ///
    /// # Errors
    /// [`X509Error::Extension`] if the nonce is too long for the claims.
    pub fn tagged_evidence(key: Vec<u8>, nonce: Option<&[u8]>) -> Result<Self, X509Error> {
        Ok(Self { form: Form::TaggedEvidence(Claims::new(&key, nonce)?), key })
    }

    /// For a raw quote.
    #[must_use]
    pub const fn raw_quote(key: Vec<u8>) -> Self {
        Self { form: Form::RawQuote, key }
    }

    /// REPORT_DATA that states the key.
    #[must_use]
    pub fn report_data(&self) -> [u8; 64] {
        match &self.form {
            Form::Cmw => report_data(Domain::Certificate, &[&self.key]),
            Form::TaggedEvidence(claims) => padded(&Sha256::digest(claims.buffer())),
            Form::RawQuote => padded(&Sha256::digest(&self.key)),
        }
    }

    /// Whether REPORT_DATA of evidence states the key. All 64 bytes are compared.
    ///
    /// # Errors
    /// [`Unbound`] with what is another.
    pub fn check(&self, report_data: &[u8; 64]) -> Result<(), Unbound> {
        let expected = self.report_data();
        let mut holds = *report_data == expected;
        if let Form::TaggedEvidence(claims) = &self.form {
            claims.check(&self.key)?;
            // The specification has SHA-256; Intel's SDK takes SHA-384 for its TDX quotes.
            holds |= *report_data == padded(&Sha384::digest(claims.buffer()));
        }
        if holds {
            return Ok(());
        }
        Err(Unbound { what: "REPORT_DATA", found: report_data.to_vec(), expected: expected.to_vec() })
    }

    /// The extension that carries a bundle, in DER. It is not critical, as TLS libraries refuse critical
    /// extensions that they do not know.
    ///
    /// # Errors
    /// [`X509Error::Extension`] if the form cannot carry the bundle: only a wrapper carries reports and endorsements.
    pub fn extension(&self, bundle: &Bundle) -> Result<Vec<u8>, X509Error> {
        let (identifier, value) = match &self.form {
            Form::Cmw => {
                let cbor = OctetString::new(to_cbor(&bundle.to_cmw())?);
                let value = cbor.and_then(|cbor| cbor.to_der());
                (read::CMW, value.map_err(|_| X509Error::TooLong { found: bundle.evidence.len() })?)
            }
            Form::TaggedEvidence(claims) => {
                let quote = read::quote_alone(bundle, read::TAGGED_EVIDENCE_NAME)?;
                (read::TAGGED_EVIDENCE, tagged::build(quote, claims)?)
            }
            Form::RawQuote => (read::RAW_QUOTE, read::quote_alone(bundle, read::RAW_QUOTE_NAME)?.to_vec()),
        };
        let found = value.len();
        let value = OctetString::new(value).map_err(|_| X509Error::TooLong { found })?;
        let extension = Extension { extn_id: identifier, critical: false, extn_value: value };
        extension.to_der().map_err(|_| X509Error::TooLong { found })
    }
}

/// A digest, then zeros.
fn padded(digest: &[u8]) -> [u8; 64] {
    let mut padded = [0; 64];
    for (place, byte) in padded.iter_mut().zip(digest) {
        *place = *byte;
    }
    padded
}
