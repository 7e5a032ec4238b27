use alloc::vec::Vec;

use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef, Utf8StringRef};
use der::{Decode as _, Encode as _, Tag, Tagged as _};
use x509_cert::Certificate;
use x509_cert::ext::Extension;

use super::{Binding, Form, X509Error, tagged};
use crate::cmw::{Bundle, EvidenceKind, from_cbor, from_json};

/// The longest certificate that is read, in bytes of DER or PEM. A quote has some 5 KiB, and its collateral 30.
pub const MAX_LENGTH: usize = 1 << 18;

/// `id-pe-cmw`, RFC 9999.
pub(super) const CMW: ObjectIdentifier = ObjectIdentifier::new_unwrap(CMW_NAME);
const CMW_NAME: &str = "1.3.6.1.5.5.7.1.35";

/// `tcg-dice-conceptual-message-wrapper`, once `tcg-dice-tagged-evidence`, TCG DICE Attestation Architecture.
pub(super) const TAGGED_EVIDENCE: ObjectIdentifier = ObjectIdentifier::new_unwrap(TAGGED_EVIDENCE_NAME);
pub(super) const TAGGED_EVIDENCE_NAME: &str = "2.23.133.5.4.9";

/// Gramine's.
pub(super) const RAW_QUOTE: ObjectIdentifier = ObjectIdentifier::new_unwrap(RAW_QUOTE_NAME);
pub(super) const RAW_QUOTE_NAME: &str = "1.2.840.113741.1337.6";

/// Gramine's as it was first written, with the header of the identifier's own encoding in it; and the SGX SDK's,
/// which in a PCK certificate means something else.
const RAW_QUOTES: [ObjectIdentifier; 3] = [
    RAW_QUOTE,
    ObjectIdentifier::new_unwrap("0.6.9.42.840.113741.1337.6"),
    ObjectIdentifier::new_unwrap("1.2.840.113741.1.13.1"),
];

/// Reads a certificate in PEM (RFC 7468): text may come before it, nothing after.
///
/// # Errors
/// [`X509Error`].
pub fn read_pem(text: &[u8]) -> Result<(Bundle, Binding), X509Error> {
    short(text)?;
    match der::pem::decode_vec(text) {
        Ok(("CERTIFICATE", der)) => read(&der),
        _ => Err(X509Error::Pem),
    }
}

/// Reads the evidence that a certificate in DER carries, and what has to bind it to the certificate's key.
///
/// Of several forms the first of the table in [`x509`](super) counts: one that is there and wrong is an error, and no
/// reason to look at the next.
///
/// # Errors
/// [`X509Error`].
pub fn read(der: &[u8]) -> Result<(Bundle, Binding), X509Error> {
    short(der)?;
    let certificate = Certificate::from_der(der).map_err(|_| X509Error::Syntax)?;
    let certificate = certificate.tbs_certificate();
    let key = certificate.subject_public_key_info().to_der().map_err(|_| X509Error::Syntax)?;
    carried(certificate.extensions().map_or(&[][..], Vec::as_slice), key)
}

/// What extensions carry, for a key.
pub(crate) fn carried(extensions: &[Extension], key: Vec<u8>) -> Result<(Bundle, Binding), X509Error> {
    if let Some(value) = only(extensions, &[CMW], CMW_NAME)? {
        return Ok((wrapped(value)?, Binding { form: Form::Cmw, key }));
    }
    if let Some(value) = only(extensions, &[TAGGED_EVIDENCE], TAGGED_EVIDENCE_NAME)? {
        let (quote, claims) = tagged::parse(value)?;
        return Ok((bundle(quote), Binding { form: Form::TaggedEvidence(claims), key }));
    }
    if let Some(value) = only(extensions, &RAW_QUOTES, RAW_QUOTE_NAME)? {
        return Ok((bundle(value.to_vec()), Binding { form: Form::RawQuote, key }));
    }
    Err(X509Error::NoEvidence)
}

const fn short(bytes: &[u8]) -> Result<(), X509Error> {
    match bytes.len() {
        found if found > MAX_LENGTH => Err(X509Error::TooLong { found }),
        _ => Ok(()),
    }
}

/// The value of the one extension with one of these identifiers.
fn only<'a>(
    extensions: &'a [Extension],
    identifiers: &[ObjectIdentifier],
    name: &'static str,
) -> Result<Option<&'a [u8]>, X509Error> {
    let mut found = extensions.iter().filter(|extension| identifiers.contains(&extension.extn_id));
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(X509Error::Twice(name)),
        (first, None) => Ok(first.map(|extension| extension.extn_value.as_bytes())),
    }
}

/// `CMW ::= CHOICE { json UTF8String, cbor OCTET STRING }`.
fn wrapped(value: &[u8]) -> Result<Bundle, X509Error> {
    const OTHER: X509Error =
        X509Error::Extension { oid: CMW_NAME, why: "it is neither a UTF8String nor an OCTET STRING" };
    let any = AnyRef::from_der(value).map_err(|_| OTHER)?;
    let cmw = match any.tag() {
        Tag::Utf8String => from_json(Utf8StringRef::from_der(value).map_err(|_| OTHER)?.as_bytes())?,
        Tag::OctetString => from_cbor(<&OctetStringRef>::from_der(value).map_err(|_| OTHER)?.as_bytes())?,
        _ => return Err(OTHER),
    };
    Ok(Bundle::from_cmw(cmw)?)
}

const fn bundle(quote: Vec<u8>) -> Bundle {
    Bundle { kind: EvidenceKind::Quote, evidence: quote, endorsements: Vec::new() }
}

/// The quote of a bundle that has nothing else.
pub(super) fn quote_alone<'a>(bundle: &'a Bundle, oid: &'static str) -> Result<&'a [u8], X509Error> {
    if bundle.kind == EvidenceKind::Quote && bundle.endorsements.is_empty() {
        return Ok(&bundle.evidence);
    }
    Err(X509Error::Extension { oid, why: "it can carry a quote, and nothing else" })
}
