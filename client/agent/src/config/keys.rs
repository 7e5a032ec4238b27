//! Unknown keys, found with their place before the values are looked at.

use toml::de::{DeTable, DeValue};

use super::{ConfigError, Source};

/// The keys that a table may have, and what is below those that are tables themselves.
pub(super) struct Keys(pub(super) &'static [(&'static str, Value)]);

/// What may be below a key, as far as keys go.
pub(super) enum Value {
    /// No table, or one with keys of the owner's choice.
    Any,
    /// A table, or an array of tables.
    Tables(Keys),
}

impl Keys {
    /// Checks a whole file.
    ///
    /// # Errors
    /// No TOML, or the first key that is not listed.
    pub(super) fn check(&self, source: &Source<'_>) -> Result<(), ConfigError> {
        let table = DeTable::parse(source.text).map_err(|error| source.wrong(&error))?;
        self.check_table(source, table.get_ref())
    }

    fn check_table(&self, source: &Source<'_>, table: &DeTable<'_>) -> Result<(), ConfigError> {
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match self.0.iter().find(|(known, _)| *known == name) {
                None => {
                    return Err(ConfigError::Unknown {
                        place: source.place(key.span().start),
                        key: name.into(),
                        nearest: self.nearest(name),
                    });
                }
                Some((_, Value::Any)) => {}
                Some((_, Value::Tables(keys))) => keys.check_value(source, value.get_ref())?,
            }
        }
        Ok(())
    }

    /// Values that are no tables are left to the types, which have better words for them.
    fn check_value(&self, source: &Source<'_>, value: &DeValue<'_>) -> Result<(), ConfigError> {
        match value {
            DeValue::Table(table) => self.check_table(source, table),
            DeValue::Array(items) => {
                items.iter().try_for_each(|item| self.check_value(source, item.get_ref()))
            }
            _ => Ok(()),
        }
    }

    /// The key that was probably meant.
    fn nearest(&self, name: &str) -> Option<&'static str> {
        self.0
            .iter()
            .map(|(known, _)| (strsim::damerau_levenshtein(known, name), *known))
            .filter(|(distance, known)| distance * 3 <= known.len().max(name.len()) + 1)
            .min()
            .map(|(_, known)| known)
    }
}
