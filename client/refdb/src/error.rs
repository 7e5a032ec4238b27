//! What can be wrong with a database or a request to change it.

use crate::BundleError;

/// A database could not be opened, read or changed.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file belongs to another program, or is no database.
    #[error(
        "this is not a Holdfast measurement database; name another file, or make one with `holdfast db init`"
    )]
    NotOurs,
    /// The file was written by a later release.
    #[error("the database has schema {found}, this release knows up to {known}: use a newer holdfast")]
    TooNew {
        /// `user_version` of the file.
        found: u32,
        /// The newest schema of this release.
        known: u32,
    },
    /// The change names something the database does not hold.
    #[error("the database holds no such {what}: {name}")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// How it was named.
        name: String,
    },
    /// The change would undo a revocation, which is final.
    #[error("{0} is revoked, and a revocation is final; add a new value instead")]
    Revoked(String),
    /// A validity that ends before it begins.
    #[error("the validity ends ({not_after}) before it begins ({not_before}); correct the dates")]
    Validity {
        /// First second of validity.
        not_before: i64,
        /// Last second of validity.
        not_after: i64,
    },
    /// A value of a length that no measurement of its kind has.
    #[error("a value of this kind has {expected} bytes, this one has {found}; check what was copied")]
    Length {
        /// Bytes expected.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// A public or private key that is not one of those that are used here.
    #[error(
        "this is no key that can be used: give P-256, P-384 or Ed25519, public as SubjectPublicKeyInfo, private \
         as unencrypted PKCS #8"
    )]
    Key,
    /// The key identifier is taken.
    #[error("there is a trust anchor {0:?} already; remove it first, or use another key identifier")]
    AnchorExists(String),
    /// A name that cannot be shown or compared.
    #[error("the {0} must have 1 to 256 bytes and no control characters")]
    Text(&'static str),
    /// The bundle was refused, and nothing of it is in the database.
    #[error("the bundle is refused: {0}")]
    Bundle(#[from] BundleError),
    /// The file is damaged or was altered.
    #[error("the database is damaged: {0}; restore it from a copy or an exported bundle")]
    Damaged(#[from] Damage),
    /// SQLite or the file system refused.
    #[error("the database cannot be used: {0}")]
    Sqlite(rusqlite::Error),
}

/// What [`crate::Database::check`] found wrong, first finding first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// SQLite's own check of the file failed.
    #[error("integrity check: {0}")]
    Integrity(String),
    /// An entry is missing or out of order.
    #[error("log entry {expected} is missing")]
    Gap {
        /// The sequence number expected.
        expected: i64,
    },
    /// An entry's hash is not that of its content and its predecessor.
    #[error("log entry {0} does not match the hash chain")]
    Chain(i64),
    /// An entry does not say a change that this release knows.
    #[error("log entry {0} cannot be read")]
    Entry(i64),
    /// The tables and triggers are not those of the schema.
    #[error("its tables or triggers were altered")]
    Schema,
    /// A table is not what the log says.
    #[error("table {0} differs from what the log says")]
    Table(&'static str),
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{
            FromSqlConversionFailure, InvalidColumnName, InvalidColumnType, SqlInputError, Utf8Error,
        };
        use rusqlite::ffi::{SQLITE_CORRUPT, SQLITE_ERROR, SQLITE_NOTADB};
        // The tables are strict and the statements fixed: in a sound file no statement is in error, and no column
        // of another type. The low byte is the primary code.
        let damaged = match error.sqlite_error().map(|found| found.extended_code & 0xff) {
            Some(SQLITE_NOTADB) => return Self::NotOurs,
            Some(code) => code == SQLITE_CORRUPT || code == SQLITE_ERROR,
            None => matches!(
                error,
                FromSqlConversionFailure(..)
                    | InvalidColumnName(..)
                    | InvalidColumnType(..)
                    | SqlInputError { .. }
                    | Utf8Error(..)
            ),
        };
        if damaged { Self::Damaged(Damage::Integrity(error.to_string())) } else { Self::Sqlite(error) }
    }
}
