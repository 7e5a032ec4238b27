//! The changes a database can undergo, and what each does to the tables.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::{DatabaseError, Kind, Platform, ReferenceValue, Status, Tee, TrustAnchor};

/// One change, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// Adds a value, or replaces one that is not revoked.
    PutValue(ReferenceValue),
    /// Changes how far a value is trusted.
    SetStatus {
        /// With `value`, which one.
        kind: Kind,
        /// With `kind`, which one.
        value: Vec<u8>,
        /// The new status.
        status: Status,
    },
    /// Adds or replaces a trust anchor.
    PutAnchor(TrustAnchor),
    /// Removes a trust anchor.
    RemoveAnchor {
        /// Which one.
        kid: Vec<u8>,
    },
    /// Adds or renames a platform.
    PutPlatform(Platform),
}

impl Change {
    /// Does it. Deterministic: the log's replay must give the same tables.
    pub(crate) fn apply(&self, db: &Connection) -> Result<(), DatabaseError> {
        match self {
            Self::PutValue(value) => {
                value.validate()?;
                if let Some(old) = find_value(db, value.kind, &value.value)? {
                    refuse_revoked(&old)?;
                }
                put_value(db, value)
            }
            Self::SetStatus { kind, value, status } => {
                let mut found = find_value(db, *kind, value)?
                    .ok_or_else(|| DatabaseError::Unknown { what: "reference value", name: hex(value) })?;
                refuse_revoked(&found)?;
                found.status = *status;
                put_value(db, &found)
            }
            Self::PutAnchor(anchor) => {
                db.execute("REPLACE INTO trust_anchor VALUES (?1, ?2)", params![anchor.kid, json(anchor)?])?;
                Ok(())
            }
            Self::RemoveAnchor { kid } => {
                match db.execute("DELETE FROM trust_anchor WHERE kid = ?1", [kid])? {
                    0 => Err(DatabaseError::Unknown { what: "trust anchor", name: hex(kid) }),
                    _ => Ok(()),
                }
            }
            Self::PutPlatform(platform) => {
                let tee: Tee = platform.tee;
                db.execute(
                    "REPLACE INTO platform VALUES (?1, ?2, ?3)",
                    params![json(&tee)?, platform.identity, json(platform)?],
                )?;
                Ok(())
            }
        }
    }
}

/// The value of that name, if the database has it.
pub(crate) fn find_value(
    db: &Connection,
    kind: Kind,
    value: &[u8],
) -> Result<Option<ReferenceValue>, DatabaseError> {
    let body: Option<String> = db
        .query_row(
            "SELECT body FROM reference_value WHERE kind = ?1 AND value = ?2",
            params![json(&kind)?, value],
            |row| row.get(0),
        )
        .optional()?;
    body.map(|body| parse("reference_value", &body)).transpose()
}

/// A table's body, read back.
pub(crate) fn parse<T: for<'a> Deserialize<'a>>(table: &'static str, body: &str) -> Result<T, DatabaseError> {
    serde_json::from_str(body).map_err(|_| crate::Damage::Table(table).into())
}

/// The text that is stored and hashed: field order is declaration order, so equal values give equal text.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, DatabaseError> {
    serde_json::to_string(value)
        .map_err(|error| DatabaseError::Sqlite(rusqlite::Error::ToSqlConversionFailure(Box::new(error))))
}

fn put_value(db: &Connection, value: &ReferenceValue) -> Result<(), DatabaseError> {
    db.execute(
        "REPLACE INTO reference_value VALUES (?1, ?2, ?3)",
        params![json(&value.kind)?, value.value, json(value)?],
    )?;
    Ok(())
}

fn refuse_revoked(value: &ReferenceValue) -> Result<(), DatabaseError> {
    match value.status {
        Status::Revoked => Err(DatabaseError::Revoked(hex(&value.value))),
        Status::Trusted | Status::Deprecated => Ok(()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
