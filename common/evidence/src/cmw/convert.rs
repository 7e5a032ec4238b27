//! Between wrappers and trees of values, which both forms have.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use base64ct::{Base64UrlUnpadded, Encoding};
use ciborium::Value;

use super::{Cmw, CmwError, Collection, Indicator, Label, Record, Type};

/// What the forms differ in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Values are base64url without padding, labels are text.
    Json,
    /// Values are byte strings, labels are text or numbers.
    Cbor,
}

/// The label that is none: the collection's own type.
const COLLECTION_TYPE: &str = "__cmwc_t";

/// The most members of one collection; collateral for a quote has nine.
const MAX_MEMBERS: usize = 64;

/// How deep collections may lie in each other.
pub(super) const MAX_DEPTH: usize = 4;

const NO_RECORD: CmwError =
    CmwError::Structure("a record is [type, value] or [type, value, indicator], and this is neither");

pub(super) fn read(value: Value, form: Form, depth: usize) -> Result<Cmw, CmwError> {
    match value {
        Value::Array(parts) => record(parts, form).map(Cmw::Record),
        Value::Map(members) => collection(members, form, depth).map(Cmw::Collection),
        _ => Err(NO_RECORD),
    }
}

fn record(parts: Vec<Value>, form: Form) -> Result<Record, CmwError> {
    let mut parts = parts.into_iter();
    let (Some(kind), Some(value), indicator, None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(NO_RECORD);
    };
    let kind = match kind {
        Value::Text(name) => Type::Media(name),
        Value::Integer(number) => Type::ContentFormat(number.try_into().map_err(|_| NO_RECORD)?),
        _ => return Err(NO_RECORD),
    };
    let value = match (form, value) {
        (Form::Json, Value::Text(text)) => Base64UrlUnpadded::decode_vec(&text).map_err(|_| NO_RECORD)?,
        (Form::Cbor, Value::Bytes(bytes)) => bytes,
        _ => return Err(NO_RECORD),
    };
    let indicator = match indicator {
        None => None,
        Some(Value::Integer(bits)) => Some(Indicator(bits.try_into().map_err(|_| NO_RECORD)?)),
        Some(_) => return Err(NO_RECORD),
    };
    Ok(Record { kind, value, indicator })
}

fn collection(members: Vec<(Value, Value)>, form: Form, depth: usize) -> Result<Collection, CmwError> {
    let depth = depth.checked_sub(1).ok_or(CmwError::TooDeep)?;
    if members.len() > MAX_MEMBERS {
        return Err(CmwError::TooMany { found: members.len() });
    }
    let mut collection = Collection::default();
    for (label, value) in members {
        let label = match (form, label) {
            (_, Value::Text(text)) if text == COLLECTION_TYPE => {
                let Value::Text(kind) = value else {
                    return Err(CmwError::Structure("the collection's type is no text"));
                };
                if collection.kind.replace(kind).is_some() {
                    return Err(CmwError::Twice);
                }
                continue;
            }
            (_, Value::Text(text)) => Label::Text(text),
            (Form::Cbor, Value::Integer(number)) => {
                let number = number.try_into();
                Label::Number(number.map_err(|_| CmwError::Structure("a label does not fit 64 bits"))?)
            }
            _ => return Err(CmwError::Structure("a label is neither text nor, in CBOR, a number")),
        };
        if collection.items.iter().any(|(known, _)| *known == label) {
            return Err(CmwError::Twice);
        }
        collection.items.push((label, read(value, form, depth)?));
    }
    if collection.items.is_empty() {
        return Err(CmwError::Structure("the collection is empty"));
    }
    Ok(collection)
}

pub(super) fn write(cmw: &Cmw, form: Form) -> Result<Value, CmwError> {
    match cmw {
        Cmw::Record(record) => {
            let kind = match &record.kind {
                Type::Media(name) => Value::Text(name.clone()),
                Type::ContentFormat(number) => Value::from(*number),
            };
            let value = match form {
                Form::Json => Value::Text(Base64UrlUnpadded::encode_string(&record.value)),
                Form::Cbor => Value::Bytes(record.value.clone()),
            };
            let mut parts = vec![kind, value];
            parts.extend(record.indicator.map(|Indicator(bits)| Value::from(bits)));
            Ok(Value::Array(parts))
        }
        Cmw::Collection(collection) => {
            let kind = collection.kind.iter().map(|kind| Ok((text(COLLECTION_TYPE), text(kind))));
            let items = collection.items.iter().map(|(label, item)| {
                let label = match (form, label) {
                    (_, Label::Text(label)) => text(label),
                    (Form::Cbor, Label::Number(number)) => Value::from(*number),
                    (Form::Json, Label::Number(number)) => return Err(CmwError::NumberLabel(*number)),
                };
                Ok((label, write(item, form)?))
            });
            kind.chain(items).collect::<Result<_, _>>().map(Value::Map)
        }
    }
}

fn text(text: &str) -> Value {
    let text: String = text.to_string();
    Value::Text(text)
}
