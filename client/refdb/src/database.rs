//! The file.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::change::{all, find_value, json};
use crate::{
    Change, Checked, DatabaseError, Entry, Kind, Platform, ReferenceValue, SeenBundle, Status, TrustAnchor,
    check, log, schema,
};

/// How often to ask again while another process changes the file.
const POLL: Duration = Duration::from_millis(2);
/// How many times to ask: 10 seconds.
const POLLS: i32 = 5000;

/// Waits for another process. SQLite's own handler backs off to 100 ms; its lock has no queue, so a process
/// that asks seldom loses to one that writes without rest until its time is over.
fn wait(polls: i32) -> bool {
    std::thread::sleep(POLL);
    polls < POLLS
}

/// An open measurement database.
#[derive(Debug)]
pub struct Database(Connection);

impl Database {
    /// Makes the file, or opens it if it is there already.
    ///
    /// # Errors
    /// [`DatabaseError::NotOurs`] where the file is something else; [`DatabaseError::Sqlite`] where it cannot be made.
    pub fn init(path: &Path) -> Result<Self, DatabaseError> {
        Self::connect(path, true)
    }

    /// Opens a file that exists.
    ///
    /// # Errors
    /// [`DatabaseError::NotOurs`], [`DatabaseError::TooNew`], [`DatabaseError::Damaged`], [`DatabaseError::Sqlite`].
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        Self::connect(path, false)
    }

    fn connect(path: &Path, create: bool) -> Result<Self, DatabaseError> {
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        flags.set(OpenFlags::SQLITE_OPEN_CREATE, create);
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_handler(Some(wait))?;
        // A rollback journal, not WAL: writes are rare, the database is then truly one file between them, and
        // it works where shared memory does not. EXTRA = FULL and the directory synced when the journal goes:
        // a commit that returned is on the disk.
        connection.pragma_update(None, "synchronous", "EXTRA")?;
        connection.pragma_update(None, "trusted_schema", false)?;
        schema::migrate(&mut connection, create)?;
        Ok(Self(connection))
    }

    /// Makes a change and its log entry, both or neither. On the disk when this returns.
    ///
    /// # Errors
    /// Those of the change, with nothing changed; [`DatabaseError::Sqlite`].
    pub fn change(&mut self, change: &Change, now: i64) -> Result<Entry, DatabaseError> {
        let transaction = self.begin()?;
        let entry = Self::record(&transaction, change, now)?;
        transaction.commit()?;
        Ok(entry)
    }

    /// Takes the write lock: what is read from here on stays true until the commit.
    pub(crate) fn begin(&mut self) -> Result<Transaction<'_>, DatabaseError> {
        Ok(self.0.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    /// Makes a change and its log entry. Both or neither only once the caller commits.
    pub(crate) fn record(db: &Transaction<'_>, change: &Change, now: i64) -> Result<Entry, DatabaseError> {
        change.apply(db)?;
        log::append(db, now, &json(change)?)
    }

    /// The value of that name, whatever its status.
    ///
    /// # Errors
    /// [`DatabaseError::Damaged`], [`DatabaseError::Sqlite`].
    pub fn value(&self, kind: Kind, value: &[u8]) -> Result<Option<ReferenceValue>, DatabaseError> {
        find_value(&self.0, kind, value)
    }

    /// All values, whatever their status.
    ///
    /// # Errors
    /// [`DatabaseError::Damaged`], [`DatabaseError::Sqlite`].
    pub fn values(&self) -> Result<Vec<ReferenceValue>, DatabaseError> {
        all(&self.0, "reference_value")
    }

    /// All trust anchors.
    ///
    /// # Errors
    /// [`DatabaseError::Damaged`], [`DatabaseError::Sqlite`].
    pub fn anchors(&self) -> Result<Vec<TrustAnchor>, DatabaseError> {
        all(&self.0, "trust_anchor")
    }

    /// All platforms.
    ///
    /// # Errors
    /// [`DatabaseError::Damaged`], [`DatabaseError::Sqlite`].
    pub fn platforms(&self) -> Result<Vec<Platform>, DatabaseError> {
        all(&self.0, "platform")
    }

    /// The newest bundle seen of each signer and id.
    ///
    /// # Errors
    /// [`DatabaseError::Damaged`], [`DatabaseError::Sqlite`].
    pub fn bundles(&self) -> Result<Vec<SeenBundle>, DatabaseError> {
        all(&self.0, "bundle")
    }

    /// The values that evidence may be compared with at `now`: trusted and within their validity.
    ///
    /// # Errors
    /// [`DatabaseError::Damaged`], [`DatabaseError::Sqlite`].
    pub fn usable(&self, now: i64) -> Result<Vec<ReferenceValue>, DatabaseError> {
        let mut values = self.values()?;
        values.retain(|value| value.status == Status::Trusted && value.validity.contains(now));
        Ok(values)
    }

    /// At most `limit` entries of the log after sequence number `after` (0 for the first), oldest first.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn log(&self, after: i64, limit: u32) -> Result<Vec<Entry>, DatabaseError> {
        let mut entries = Vec::new();
        log::visit(&self.0, after, limit.into(), |entry| {
            entries.push(entry);
            Ok(())
        })?;
        Ok(entries)
    }

    /// Proves that the file is sound, the chain unbroken and the tables what the log says.
    ///
    /// # Errors
    /// [`DatabaseError::Damaged`] with the first [`crate::Damage`] found; [`DatabaseError::Sqlite`].
    pub fn check(&mut self) -> Result<Checked, DatabaseError> {
        // One snapshot, so that another process's change between two reads is no damage.
        let transaction = self.0.transaction()?;
        check::check(&transaction)
    }
}
