//! The tables. `application_id` says whose file it is, `user_version` which schema.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::DatabaseError;

/// Every table that the log's replay must give.
pub(crate) const TABLES: [&str; 4] = ["reference_value", "trust_anchor", "platform", "bundle"];

/// "Hfdb".
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"Hfdb");

/// The newest schema.
const KNOWN: u32 = MIGRATIONS.len() as u32;

/// Migration `i` leads from schema `i` to `i + 1`. Never edit one that was released.
static MIGRATIONS: [&str; 1] = ["
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
    // First without the write lock: who only reads need not be allowed to write, and waits for no writer.
    if missing(&connection.transaction()?, create)?.is_empty() {
        return Ok(());
    }
    // Two processes that open an old file migrate it one after the other, so the second looks again.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for migration in missing(&transaction, create)? {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", KNOWN)?;
    transaction.commit()?;
    Ok(())
}

/// The migrations that a file of ours still needs.
fn missing(db: &Transaction<'_>, create: bool) -> Result<&'static [&'static str], DatabaseError> {
    let application: i32 = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    // SQLite has both as signed numbers.
    let found = db.query_row("PRAGMA user_version", [], |row| row.get::<_, i32>(0))?.cast_unsigned();
    let objects: u32 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let empty = application == 0 && found == 0 && objects == 0;
    if application != APPLICATION_ID && !(create && empty) {
        return Err(DatabaseError::NotOurs);
    }
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    MIGRATIONS.get(done..).ok_or(DatabaseError::TooNew { found, known: KNOWN })
}
