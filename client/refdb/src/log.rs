//! The log: append-only, each entry bound to all before it.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest as _, Sha256};

use crate::DatabaseError;

/// SHA-256 (FIPS 180-4).
pub type Digest = [u8; 32];

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 1, without gaps.
    pub sequence: i64,
    /// When, in seconds since 1970 UTC, as the caller said.
    pub time: i64,
    /// The [`crate::Change`], as JSON.
    pub change: String,
    /// SHA-256 over a label, the predecessor's hash (zeros for the first), sequence and time (8 bytes
    /// big-endian each) and `change`.
    pub hash: Digest,
}

impl Entry {
    /// The hash that an entry after `previous` must have.
    pub(crate) fn chain(previous: &Digest, sequence: i64, time: i64, change: &str) -> Digest {
        Sha256::new()
            .chain_update(b"holdfast refdb log 1\0")
            .chain_update(previous)
            .chain_update(sequence.to_be_bytes())
            .chain_update(time.to_be_bytes())
            .chain_update(change)
            .finalize()
            .into()
    }
}

/// Appends a change. The caller holds the write lock.
pub(crate) fn append(db: &Connection, time: i64, change: &str) -> Result<Entry, DatabaseError> {
    let last: Option<(i64, Digest)> = db
        .query_row("SELECT sequence, hash FROM log ORDER BY sequence DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (previous, sequence) =
        last.map_or(([0; 32], 1), |(sequence, hash)| (hash, sequence.saturating_add(1)));
    let hash = Entry::chain(&previous, sequence, time, change);
    db.execute("INSERT INTO log VALUES (?1, ?2, ?3, ?4)", params![sequence, time, change, hash])?;
    Ok(Entry { sequence, time, change: change.to_owned(), hash })
}

/// Hands at most `limit` entries after sequence number `after` to `visit`, oldest first, one in memory at a time.
pub(crate) fn visit(
    db: &Connection,
    after: i64,
    limit: i64,
    mut visit: impl FnMut(Entry) -> Result<(), DatabaseError>,
) -> Result<(), DatabaseError> {
    let mut statement = db.prepare(
        "SELECT sequence, time, change, hash FROM log WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
    )?;
    let rows = statement.query_map([after, limit], |row| {
        Ok(Entry { sequence: row.get(0)?, time: row.get(1)?, change: row.get(2)?, hash: row.get(3)? })
    })?;
    rows.into_iter().try_for_each(|entry| visit(entry?))
}
