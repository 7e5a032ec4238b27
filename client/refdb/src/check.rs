//! Whether a database is what its log says.

use rusqlite::Connection;
use rusqlite::types::Type;

use crate::{Change, Damage, DatabaseError, Digest, Entry, log, schema};

/// What a sound database's check found. Keep `head` elsewhere to notice a log that was replaced or cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Entries in the log.
    pub entries: i64,
    /// The last entry's hash; zeros for an empty log.
    pub head: Digest,
}

/// SQLite's own check, the hash chain, the schema, and a replay of the log.
pub(crate) fn check(db: &Connection) -> Result<Checked, DatabaseError> {
    let verdict: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Damage::Integrity(verdict).into());
    }
    let mut replay = Connection::open_in_memory()?;
    schema::migrate(&mut replay, true)?;
    let mut head = [0; 32];
    let mut entries = 0;
    log::visit(db, i64::MIN, i64::MAX, |entry| {
        let expected = entries + 1;
        if entry.sequence != expected {
            return Err(Damage::Gap { expected }.into());
        }
        if entry.hash != Entry::chain(&head, entry.sequence, entry.time, &entry.change) {
            return Err(Damage::Chain(expected).into());
        }
        let change: Change = serde_json::from_str(&entry.change).map_err(|_| Damage::Entry(expected))?;
        change.apply(&replay).map_err(|_| Damage::Entry(expected))?;
        head = entry.hash;
        entries = expected;
        Ok(())
    })?;
    let definitions = "SELECT name, sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY name";
    if rows(db, definitions)? != rows(&replay, definitions)? {
        return Err(Damage::Schema.into());
    }
    for table in schema::TABLES {
        let all = format!("SELECT * FROM {table} ORDER BY 1, 2");
        if rows(db, &all)? != rows(&replay, &all)? {
            return Err(Damage::Table(table).into());
        }
    }
    Ok(Checked { entries, head })
}

/// What a query gives, as bytes: a damaged text need not be UTF-8.
fn rows(db: &Connection, query: &str) -> Result<Vec<Vec<Cell>>, DatabaseError> {
    let mut statement = db.prepare(query)?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let cell = |column| {
            let value = row.get_ref(column)?;
            Ok((value.data_type(), value.as_bytes()?.to_vec()))
        };
        (0..columns).map(cell).collect()
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All columns are texts or blobs.
type Cell = (Type, Vec<u8>);
