//! How many bytes the file system may take, so that a full one is `ENOSPC` and never a failed allocation.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::errno::Errno;

/// The bytes that are to be had, and those that are taken.
#[derive(Debug)]
pub struct Budget {
    limit: AtomicU64,
    used: AtomicU64,
}

impl Budget {
    /// A budget of `limit` bytes, none taken.
    #[must_use]
    pub const fn new(limit: u64) -> Self {
        Self { limit: AtomicU64::new(limit), used: AtomicU64::new(0) }
    }

    /// Changes the limit. What is taken stays taken, even if it is more.
    pub fn set_limit(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    /// The limit in bytes.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Bytes taken.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) -> Result<(), Errno> {
        let limit = self.limit();
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|used| *used <= limit)
            })
            .map_or(Err(Errno::ENOSPC), |_| Ok(()))
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What one inode has taken of a [`Budget`]; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Charge {
    /// Takes `bytes`.
    ///
    /// # Errors
    /// `ENOSPC`.
    pub(super) fn new(budget: &Arc<Budget>, bytes: u64) -> Result<Self, Errno> {
        budget.take(bytes)?;
        Ok(Self { budget: budget.clone(), bytes })
    }

    /// Takes `bytes`, even beyond the limit: for what every file system has.
    pub(super) fn unlimited(budget: &Arc<Budget>, bytes: u64) -> Self {
        budget.used.fetch_add(bytes, Ordering::Relaxed);
        Self { budget: budget.clone(), bytes }
    }

    /// Takes `bytes` more.
    ///
    /// # Errors
    /// `ENOSPC`; then nothing is taken.
    pub(super) fn add(&mut self, bytes: u64) -> Result<(), Errno> {
        self.budget.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Gives `bytes` back, at most what was taken.
    pub(super) fn sub(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.give_back(bytes);
    }

    /// Bytes taken.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}
