//! The tables. `application_id` says whose file it is, `user_version` which schema.

use rusqlite::{Connection, TransactionBehavior};

use crate::DatabaseError;

/// Every table that the log's replay must give.
pub(crate) const TABLES: [&str; 4] = ["reference_value", "trust_anchor", "platform", "bundle"];

/// "Hfdb".
const APPLICATION_ID: u32 = u32::from_be_bytes(*b"Hfdb");

/// Migration `i` leads from schema `i` to `i + 1`. Never edit one that was released.
const MIGRATIONS: [&str; 1] = ["
CREATE TABLE reference_value (kind TEXT NOT NULL, value BLOB NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, value)) STRICT, WITHOUT ROWID;
CREATE TABLE trust_anchor (kid TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE platform (tee TEXT NOT NULL, identity BLOB NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (tee, identity)) STRICT, WITHOUT ROWID;
CREATE TABLE bundle (signer TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (signer, id)) STRICT, WITHOUT ROWID;
CREATE TABLE log (sequence INTEGER PRIMARY KEY, time INTEGER NOT NULL, change TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)) STRICT;
CREATE TRIGGER log_no_update BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER log_no_delete BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER log_no_replace BEFORE INSERT ON log WHEN EXISTS (SELECT 1 FROM log WHERE sequence = NEW.sequence)
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
"];

/// Brings the file to the newest schema. `create` allows an empty file to become ours.
pub(crate) fn migrate(connection: &mut Connection, create: bool) -> Result<(), DatabaseError> {
    // Immediate: two processes that open an old file migrate it one after the other.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let application: u32 = transaction.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: u32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let objects: u32 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let empty = application == 0 && version == 0 && objects == 0;
    if application != APPLICATION_ID && !(create && empty) {
        return Err(DatabaseError::NotOurs);
    }
    let known = MIGRATIONS.len();
    let found = usize::try_from(version).unwrap_or(usize::MAX);
    let Some(missing) = MIGRATIONS.get(found..) else {
        return Err(DatabaseError::TooNew {
            found: version,
            known: u32::try_from(known).unwrap_or(u32::MAX),
        });
    };
    for migration in missing {
        transaction.execute_batch(migration)?;
    }
    if !missing.is_empty() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", u32::try_from(known).unwrap_or(u32::MAX))?;
    }
    transaction.commit()?;
    Ok(())
}
