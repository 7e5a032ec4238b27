//! The conceptual message wrapper: an envelope for evidence, and for the endorsements that go with it.
//!
//! Source: RFC 9999, "Remote ATtestation procedureS (RATS) Conceptual Message Wrapper (CMW)", section 3: records
//! and collections, in JSON and CBOR. The forms as a CBOR tag are not read: a record says the same.

mod bundle;
mod convert;

use alloc::string::String;
use alloc::vec::Vec;

pub use bundle::{Bundle, EvidenceKind, Part};
use convert::{Form, MAX_DEPTH, read, write};

/// A wrapped message, or several with labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cmw {
    /// One message.
    Record(Record),
    /// Several.
    Collection(Collection),
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What the value is.
    pub kind: Type,
    /// The message.
    pub value: Vec<u8>,
    /// Which conceptual messages are in the value, if it says so.
    pub indicator: Option<Indicator>,
}

/// What a record's value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A media type.
    Media(String),
    /// A CoAP content format.
    ContentFormat(u16),
}

/// Which conceptual messages a value holds: one bit each (RFC 9999, "CMW Indicators").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indicator(pub u32);

impl Indicator {
    /// Reference values.
    pub const REFERENCE_VALUES: Self = Self(1 << 0);
    /// Endorsements: certificates, revocation lists, TCB info.
    pub const ENDORSEMENTS: Self = Self(1 << 1);
    /// Evidence.
    pub const EVIDENCE: Self = Self(1 << 2);
    /// Attestation results.
    pub const ATTESTATION_RESULTS: Self = Self(1 << 3);
}

/// Several messages, each with a label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collection {
    /// `__cmwc_t`: what the collection is, a URI or an object identifier.
    pub kind: Option<String>,
    /// In their order; no label twice.
    pub items: Vec<(Label, Cmw)>,
}

/// A label in a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// Text.
    Text(String),
    /// A number: in CBOR only.
    Number(i64),
}

/// The longest envelope that is read, in bytes.
pub const MAX_LENGTH: usize = 1 << 20;

/// Why bytes are no wrapper, or a wrapper cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CmwError {
    /// More than [`MAX_LENGTH`].
    #[error("{found} bytes are too long for an envelope")]
    TooLong {
        /// How many there are.
        found: usize,
    },
    /// Not the syntax.
    #[error("no {0}")]
    Syntax(&'static str),
    /// The syntax, but no wrapper.
    #[error("no conceptual message wrapper: {0}")]
    Structure(&'static str),
    /// A label is there twice.
    #[error("a label is there twice")]
    Twice,
    /// More items than a collection may have.
    #[error("a collection of {found} items is too large")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// Collections in collections in collections.
    #[error("collections lie too deep in each other")]
    TooDeep,
    /// JSON has no labels that are numbers.
    #[error("the label {0} is a number, which the JSON form does not have")]
    NumberLabel(i64),
}

/// Reads the JSON form: exactly its bytes.
///
/// # Errors
/// [`CmwError`].
pub fn from_json(bytes: &[u8]) -> Result<Cmw, CmwError> {
    short(bytes)?;
    let value = serde_json::from_slice(bytes).map_err(|_| CmwError::Syntax("JSON"))?;
    read(value, Form::Json, MAX_DEPTH)
}

/// Writes the JSON form.
///
/// # Errors
/// [`CmwError::NumberLabel`].
pub fn to_json(cmw: &Cmw) -> Result<String, CmwError> {
    let value = write(cmw, Form::Json)?;
    serde_json::to_string(&value).map_err(|_| CmwError::Syntax("JSON"))
}

/// Reads the CBOR form: exactly its bytes.
///
/// # Errors
/// [`CmwError`].
pub fn from_cbor(bytes: &[u8]) -> Result<Cmw, CmwError> {
    short(bytes)?;
    let mut rest = bytes;
    let value = ciborium::from_reader(&mut rest).map_err(|_| CmwError::Syntax("CBOR"))?;
    if !rest.is_empty() {
        return Err(CmwError::Syntax("CBOR"));
    }
    read(value, Form::Cbor, MAX_DEPTH)
}

/// Writes the CBOR form.
///
/// # Errors
/// None that is known; the writer has one for other values than these.
pub fn to_cbor(cmw: &Cmw) -> Result<Vec<u8>, CmwError> {
    let value = write(cmw, Form::Cbor)?;
    let mut bytes = Vec::new();
    ciborium::into_writer(&value, &mut bytes).map_err(|_| CmwError::Syntax("CBOR"))?;
    Ok(bytes)
}

const fn short(bytes: &[u8]) -> Result<(), CmwError> {
    match bytes.len() {
        found if found > MAX_LENGTH => Err(CmwError::TooLong { found }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn record(value: &[u8], indicator: Option<Indicator>) -> Cmw {
        let kind = Type::Media("application/eat-ucs+cbor".into());
        Cmw::Record(Record { kind, value: value.to_vec(), indicator })
    }

    /// As other implementations print it.
    const COLLECTION: &str = r#"{"__cmwc_t":"tag:ietf.org,2024:X","bretwaldadom":["application/eat-ucs+cbor","oQo"],"murmurless":{"__cmwc_t":"tag:ietf.org,2024:Y","polyscopic":["application/eat-ucs+cbor","oQo",8]},"photoelectrograph":["application/eat-ucs+cbor","gngY",3]}"#;

    fn collection() -> Cmw {
        let inner = Collection {
            kind: Some("tag:ietf.org,2024:Y".into()),
            items: vec![(
                Label::Text("polyscopic".into()),
                record(&[0xa1, 0x0a], Some(Indicator::ATTESTATION_RESULTS)),
            )],
        };
        Cmw::Collection(Collection {
            kind: Some("tag:ietf.org,2024:X".into()),
            items: vec![
                (Label::Text("bretwaldadom".into()), record(&[0xa1, 0x0a], None)),
                (Label::Text("murmurless".into()), Cmw::Collection(inner)),
                (Label::Text("photoelectrograph".into()), record(&[0x82, 0x78, 0x18], Some(Indicator(3)))),
            ],
        })
    }

    fn cbor(cmw: &Cmw) -> Vec<u8> {
        to_cbor(cmw).expect("a wrapper")
    }

    #[test]
    fn json_is_as_others_write_it() {
        assert_eq!(to_json(&collection()).as_deref(), Ok(COLLECTION));
        assert_eq!(from_json(COLLECTION.as_bytes()), Ok(collection()));
        let record = from_json(br#"[30001,"3q2-7w"]"#);
        let expected =
            Record { kind: Type::ContentFormat(30001), value: vec![0xde, 0xad, 0xbe, 0xef], indicator: None };
        assert_eq!(record, Ok(Cmw::Record(expected)));
    }

    #[test]
    fn cbor_is_as_others_write_it() {
        let record =
            Record { kind: Type::ContentFormat(30001), value: vec![0x23, 0x47, 0xda, 0x55], indicator: None };
        let bytes = b"\x82\x19\x75\x31\x44\x23\x47\xda\x55";
        assert_eq!(to_cbor(&Cmw::Record(record.clone())).as_deref(), Ok(&bytes[..]));
        assert_eq!(from_cbor(bytes), Ok(Cmw::Record(record)));
        assert_eq!(from_cbor(&cbor(&collection())), Ok(collection()));
    }

    #[test]
    fn what_is_no_wrapper_is_refused() {
        let empty = CmwError::Structure("the collection is empty");
        let kind = CmwError::Structure("the collection's type is no text");
        let record =
            CmwError::Structure("a record is [type, value] or [type, value, indicator], and this is neither");
        for (text, error) in [
            ("", CmwError::Syntax("JSON")),
            ("{}", empty),
            (r#"{"__cmwc_t":"x:y"}"#, empty),
            (r#"{"__cmwc_t":1,"a":["b","oQo"]}"#, kind),
            ("[1]", record),
            (r#"[1,"oQo",4,5]"#, record),
            (r#"[1,"oQo",-1]"#, record),
            (r#"[65536,"oQo"]"#, record),
            (r#"[1,"oQo="]"#, record),
            (r#"[1,"oQo"] "x""#, CmwError::Syntax("JSON")),
            (r#"{"a":["b","oQo"],"a":["b","oQo"]}"#, CmwError::Twice),
            ("1", record),
        ] {
            assert_eq!(from_json(text.as_bytes()), Err(error), "{text}");
        }
        for (bytes, error) in [
            (&b""[..], CmwError::Syntax("CBOR")),
            (b"\xa0", empty),
            (b"\x82\x01\x44\x00", CmwError::Syntax("CBOR")),
            (b"\x82\x01\x41\x00\x00", CmwError::Syntax("CBOR")),
            (b"\xa2\x01\x82\x01\x41\x00\x01\x82\x01\x41\x00", CmwError::Twice),
            (b"\x81\x01", record),
        ] {
            assert_eq!(from_cbor(bytes), Err(error), "{bytes:x?}");
        }
    }

    #[test]
    fn limits_hold() {
        let mut deep = record(&[1], None);
        for _ in 0..MAX_DEPTH {
            deep = Cmw::Collection(Collection { kind: None, items: vec![(Label::Number(-1), deep)] });
            assert_eq!(from_cbor(&cbor(&deep)).as_ref(), Ok(&deep));
        }
        deep = Cmw::Collection(Collection { kind: None, items: vec![(Label::Number(0), deep)] });
        assert_eq!(from_cbor(&cbor(&deep)), Err(CmwError::TooDeep));
        assert_eq!(to_json(&deep), Err(CmwError::NumberLabel(0)));

        let items = |count: i64| (0..count).map(|label| (Label::Number(label), record(&[1], None))).collect();
        let wide = |count| cbor(&Cmw::Collection(Collection { kind: None, items: items(count) }));
        assert!(from_cbor(&wide(64)).is_ok());
        assert_eq!(from_cbor(&wide(65)), Err(CmwError::TooMany { found: 65 }));
        assert_eq!(from_json(&vec![b' '; MAX_LENGTH + 1]), Err(CmwError::TooLong { found: MAX_LENGTH + 1 }));
    }
}
