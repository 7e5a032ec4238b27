//! CBOR (RFC 8949): values made and taken apart.

use ciborium::Value;

use super::BundleError;

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// A map. The keys must come in the order of their encoding: 0, 1, …, -1, -2, ….
pub(super) fn map<const N: usize>(entries: [(i64, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

pub(super) fn tag(number: u64, value: Value) -> Value {
    Value::Tag(number, Box::new(value))
}

pub(super) fn encode(value: &Value) -> Result<Vec<u8>, BundleError> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).map_err(|_| BundleError::Content("it cannot be encoded"))?;
    Ok(bytes)
}

pub(super) fn decode(bytes: &[u8], what: &'static str) -> Result<Item, BundleError> {
    ciborium::from_reader(bytes).map(|value| Item { value, what }).map_err(|_| BundleError::Content(what))
}

/// A value that must be of some type, and what to call it if it is not.
pub(super) struct Item {
    value: Value,
    what: &'static str,
}

impl Item {
    fn is<T>(self, found: impl FnOnce(Value) -> Option<T>) -> Result<T, BundleError> {
        found(self.value).ok_or(BundleError::Content(self.what))
    }

    pub(super) fn text(self) -> Result<String, BundleError> {
        self.is(|value| value.into_text().ok())
    }

    pub(super) fn bytes(self) -> Result<Vec<u8>, BundleError> {
        self.is(|value| value.into_bytes().ok())
    }

    pub(super) fn integer<T: TryFrom<i128>>(self) -> Result<T, BundleError> {
        self.is(|value| i128::from(value.into_integer().ok()?).try_into().ok())
    }

    /// What is within a tag of that number.
    pub(super) fn tagged(self, number: u64) -> Result<Self, BundleError> {
        let what = self.what;
        self.is(|value| match value {
            Value::Tag(found, inner) if found == number => Some(Self { value: *inner, what }),
            _ => None,
        })
    }

    pub(super) fn list(self) -> Result<Vec<Self>, BundleError> {
        let what = self.what;
        let list = self.is(|value| value.into_array().ok())?;
        Ok(list.into_iter().map(|value| Self { value, what }).collect())
    }

    /// The items of a list of exactly that length.
    pub(super) fn array<const N: usize>(self) -> Result<[Self; N], BundleError> {
        let what = self.what;
        self.list()?.try_into().map_err(|_| BundleError::Content(what))
    }

    pub(super) fn fields(self) -> Result<Fields, BundleError> {
        self.is(|value| value.into_map().ok()).map(Fields)
    }
}

/// A map's entries, to be taken out one by one. What is left over is found when the whole is written again.
pub(super) struct Fields(Vec<(Value, Value)>);

impl Fields {
    /// The value of a key that must be there.
    pub(super) fn take(&mut self, key: i64, what: &'static str) -> Result<Item, BundleError> {
        self.take_optional(key, what).ok_or(BundleError::Content(what))
    }

    /// The value of a key that may be there.
    pub(super) fn take_optional(&mut self, key: i64, what: &'static str) -> Option<Item> {
        let at = self.0.iter().position(|(found, _)| *found == Value::from(key))?;
        Some(Item { value: self.0.swap_remove(at).1, what })
    }
}
