//! The changes a database can undergo, and what each does to the tables.

use rusqlite::{Connection, OptionalExtension, ToSql, params};
use serde::{Deserialize, Serialize};

use crate::{
    BundleError, DatabaseError, Kind, Platform, ReferenceValue, SeenBundle, Status, Tee, TrustAnchor, hex,
};

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
        #[serde(with = "crate::hex")]
        value: Vec<u8>,
        /// The new status.
        status: Status,
    },
    /// Adds a trust anchor. A key identifier is not used again for another key.
    AddAnchor(TrustAnchor),
    /// Removes a trust anchor. What it vouched for stays.
    RemoveAnchor {
        /// Which one.
        kid: String,
    },
    /// Adds or renames a platform.
    PutPlatform(Platform),
    /// Removes a platform.
    RemovePlatform {
        /// With `identity`, which one.
        tee: Tee,
        /// With `tee`, which one.
        #[serde(with = "crate::hex")]
        identity: Vec<u8>,
    },
    /// Remembers a bundle that is newer than those seen before.
    SeeBundle(SeenBundle),
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
            Self::AddAnchor(anchor) => {
                anchor.validate()?;
                if find_anchor(db, &anchor.kid)?.is_some() {
                    return Err(DatabaseError::AnchorExists(anchor.kid.clone()));
                }
                let row = params![anchor.kid, json(anchor)?];
                db.execute("INSERT INTO trust_anchor VALUES (?1, ?2)", row).map(drop).map_err(Into::into)
            }
            Self::RemoveAnchor { kid } => {
                let removed = db.execute("DELETE FROM trust_anchor WHERE kid = ?1", [kid])?;
                one(removed, "trust anchor", || kid.clone())
            }
            Self::PutPlatform(platform) => {
                platform.validate()?;
                let row = params![platform.tee.name(), platform.identity, json(platform)?];
                db.execute("REPLACE INTO platform VALUES (?1, ?2, ?3)", row).map(drop).map_err(Into::into)
            }
            Self::RemovePlatform { tee, identity } => {
                let name = params![tee.name(), identity];
                let removed = db.execute("DELETE FROM platform WHERE tee = ?1 AND identity = ?2", name)?;
                one(removed, "platform", || hex(identity))
            }
            Self::SeeBundle(seen) => {
                seen.validate()?;
                if let Some(newest) = find_bundle(db, &seen.signer, &seen.id)?
                    && newest.version >= seen.version
                {
                    return Err(BundleError::Rollback { found: seen.version, newest: newest.version }.into());
                }
                let row = params![seen.signer, seen.id, json(seen)?];
                db.execute("REPLACE INTO bundle VALUES (?1, ?2, ?3)", row).map(drop).map_err(Into::into)
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
    let query = "SELECT body FROM reference_value WHERE kind = ?1 AND value = ?2";
    find(db, "reference_value", query, params![kind.name(), value])
}

/// The anchor of that key identifier.
pub(crate) fn find_anchor(db: &Connection, kid: &str) -> Result<Option<TrustAnchor>, DatabaseError> {
    find(db, "trust_anchor", "SELECT body FROM trust_anchor WHERE kid = ?1", params![kid])
}

/// The newest bundle seen of that signer and id.
pub(crate) fn find_bundle(
    db: &Connection,
    signer: &str,
    id: &str,
) -> Result<Option<SeenBundle>, DatabaseError> {
    find(db, "bundle", "SELECT body FROM bundle WHERE signer = ?1 AND id = ?2", params![signer, id])
}

fn find<T: for<'a> Deserialize<'a>>(
    db: &Connection,
    table: &'static str,
    query: &str,
    name: &[&dyn ToSql],
) -> Result<Option<T>, DatabaseError> {
    let body: Option<String> = db.query_row(query, name, |row| row.get(0)).optional()?;
    body.map(|body| parse(table, &body)).transpose()
}

/// All bodies of a table, in the order of its key.
pub(crate) fn all<T: for<'a> Deserialize<'a>>(
    db: &Connection,
    table: &'static str,
) -> Result<Vec<T>, DatabaseError> {
    let mut statement = db.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2"))?;
    let bodies = statement.query_map([], |row| row.get::<_, String>("body"))?;
    bodies.map(|body| parse(table, &body?)).collect()
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
        params![value.kind.name(), value.value, json(value)?],
    )?;
    Ok(())
}

fn refuse_revoked(value: &ReferenceValue) -> Result<(), DatabaseError> {
    match value.status {
        Status::Revoked => Err(DatabaseError::Revoked(hex(&value.value))),
        Status::Trusted | Status::Deprecated => Ok(()),
    }
}

fn one(removed: usize, what: &'static str, name: impl FnOnce() -> String) -> Result<(), DatabaseError> {
    if removed == 0 { Err(DatabaseError::Unknown { what, name: name() }) } else { Ok(()) }
}
