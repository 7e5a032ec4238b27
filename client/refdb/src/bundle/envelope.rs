//! The signature: `COSE-Sign1-corim` (draft-ietf-rats-corim-11, section 4.2).

use ciborium::Value;
use coset::iana::EnumI64 as _;
use coset::{
    CoseSign1, CoseSign1Builder, Header, Label, ProtectedHeader, RegisteredLabelWithPrivate,
    TaggedCborSerializable as _,
};

use super::cbor::{decode, encode, map, text};
use super::{Bundle, BundleError, MAX_BUNDLE};
use crate::{SigningKey, TrustAnchor};

/// The content type of an unsigned CoRIM (section 11.4).
const CONTENT_TYPE: &str = "application/rim+cbor";
/// The header parameter `corim-meta` (section 11.1).
const CORIM_META: i64 = 8;
/// CBOR tag 18, COSE_Sign1, in its shortest encoding.
const SIGN1: u8 = 0xd2;

/// A bundle as it came: its envelope is well-formed, its signature not yet verified, its content not yet read.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedBundle {
    kid: String,
    algorithm: i64,
    signer: String,
    message: CoseSign1,
}

impl SignedBundle {
    /// Reads the envelope.
    ///
    /// # Errors
    /// [`BundleError::TooLong`], [`BundleError::Unsigned`], [`BundleError::Envelope`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > MAX_BUNDLE {
            return Err(BundleError::TooLong(bytes.len()));
        }
        if bytes.first() != Some(&SIGN1) {
            return Err(BundleError::Unsigned);
        }
        let message =
            CoseSign1::from_tagged_slice(bytes).map_err(|_| BundleError::Envelope("it is no COSE_Sign1"))?;
        if message.payload.is_none() {
            return Err(BundleError::Envelope("it has no payload"));
        }
        let header = &message.protected.header;
        let algorithm = match &header.alg {
            Some(RegisteredLabelWithPrivate::Assigned(algorithm)) => algorithm.to_i64(),
            Some(RegisteredLabelWithPrivate::PrivateUse(algorithm)) => *algorithm,
            _ => return Err(BundleError::Envelope("alg")),
        };
        let kid = String::from_utf8(header.key_id.clone()).map_err(|_| BundleError::Envelope("kid"))?;
        if crate::value::text("kid", &kid).is_err() {
            return Err(BundleError::Envelope("kid"));
        }
        let meta = header.rest.iter().find(|(label, _)| *label == Label::Int(CORIM_META));
        let signer = meta
            .and_then(|(_, meta)| signer_name(meta.as_bytes()?))
            .ok_or(BundleError::Envelope("corim-meta"))?;
        // Whatever else the headers say would go unread.
        if message.protected.original_data != Some(protected(algorithm, &kid, &signer)?) {
            return Err(BundleError::Envelope(
                "its protected header says more, or is encoded in another way",
            ));
        }
        if !message.unprotected.is_empty() {
            return Err(BundleError::Envelope("its unprotected header is not empty"));
        }
        if message.clone().to_tagged_vec().ok().as_deref() != Some(bytes) {
            return Err(BundleError::Envelope("it is encoded in another way"));
        }
        Ok(Self { kid, algorithm, signer, message })
    }

    /// The key identifier that the bundle gives; a hint for finding the trust anchor.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What was signed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.message.payload.as_deref().unwrap_or_default()
    }

    /// Reads the content, if it is this trust anchor's. The anchor's key alone says which algorithm there is.
    ///
    /// # Errors
    /// [`BundleError::UnknownSigner`], [`BundleError::Algorithm`], [`BundleError::Signature`],
    /// [`BundleError::SignerName`], and those of [`Bundle::from_payload`].
    pub fn verify(&self, anchor: &TrustAnchor) -> Result<Bundle, BundleError> {
        let key = anchor.key().ok().filter(|_| anchor.kid == self.kid);
        let key = key.ok_or_else(|| BundleError::UnknownSigner(self.kid.clone()))?;
        let expected = key.algorithm().cose();
        if self.algorithm != expected {
            return Err(BundleError::Algorithm { expected, found: self.algorithm });
        }
        if !key.verifies(&self.message.tbs_data(&[]), &self.message.signature) {
            return Err(BundleError::Signature);
        }
        if self.signer != anchor.signer {
            let (expected, found) = (anchor.signer.clone(), self.signer.clone());
            return Err(BundleError::SignerName { expected, found });
        }
        Bundle::from_payload(self.payload(), &self.signer)
    }
}

impl Bundle {
    /// Signs it, as the owner of the trust anchor `kid` of `signer`.
    ///
    /// # Errors
    /// [`BundleError::Envelope`] for a `kid` or `signer` that no anchor can have; those of
    /// [`Bundle::to_payload`].
    pub fn sign(&self, kid: &str, signer: &str, key: &SigningKey) -> Result<Vec<u8>, BundleError> {
        let unfit = |what, name| crate::value::text(what, name).map_err(|_| BundleError::Envelope(what));
        unfit("kid", kid)?;
        unfit("signer", signer)?;
        let original_data = Some(protected(key.public().algorithm().cose(), kid, signer)?);
        let mut message = CoseSign1Builder::new().payload(self.to_payload()?).build();
        message.protected = ProtectedHeader { original_data, header: Header::default() };
        message.signature = key.sign(&message.tbs_data(&[]));
        let bytes = message.to_tagged_vec().map_err(|_| BundleError::Envelope("it cannot be encoded"))?;
        if bytes.len() > MAX_BUNDLE { Err(BundleError::TooLong(bytes.len())) } else { Ok(bytes) }
    }
}

/// The one encoding of the protected header (`protected-corim-header-map-inline` with `kid`).
fn protected(algorithm: i64, kid: &str, signer: &str) -> Result<Vec<u8>, BundleError> {
    let meta = map([(0, map([(0, text(signer))]))]);
    let header = map([
        (1, algorithm.into()),
        (3, text(CONTENT_TYPE)),
        (4, Value::Bytes(kid.into())),
        (CORIM_META, Value::Bytes(encode(&meta)?)),
    ]);
    encode(&header)
}

/// `corim-meta-map`: the signer's name.
fn signer_name(meta: &[u8]) -> Option<String> {
    let mut signer = decode(meta, "").ok()?.fields().ok()?.take(0, "").ok()?.fields().ok()?;
    signer.take(0, "").ok()?.text().ok()
}
