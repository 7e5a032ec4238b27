//! Event counters (`eventfd(2)`).

use alloc::sync::Arc;
use core::any::Any;

use crate::errno::Errno;
use crate::object::{Object, Stat, events};
use crate::sync::Lock;
use crate::wait::WaitSet;

/// The counter stays below this.
const LIMIT: u64 = u64::MAX;

/// A counter.
#[derive(Debug)]
pub struct EventCounter {
    count: Lock<u64>,
    /// With `EFD_SEMAPHORE` a read takes one, else all.
    semaphore: bool,
    waiters: WaitSet,
}

impl EventCounter {
    /// A counter at `count`.
    #[must_use]
    pub const fn new(count: u32, semaphore: bool) -> Self {
        Self { count: Lock::new(count as u64), semaphore, waiters: WaitSet::new() }
    }
}

impl Object for EventCounter {
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let buffer = buffer.first_chunk_mut::<8>().ok_or(Errno::EINVAL)?;
        let mut count = self.count.lock();
        let taken = match *count {
            0 => return Err(Errno::EAGAIN),
            _ if self.semaphore => 1,
            all => all,
        };
        *count -= taken;
        drop(count);
        *buffer = taken.to_ne_bytes();
        self.waiters.notify(events::OUT);
        Ok(buffer.len())
    }

    fn write(&self, buffer: &[u8]) -> Result<usize, Errno> {
        let bytes = *buffer.first_chunk::<8>().ok_or(Errno::EINVAL)?;
        let added = u64::from_ne_bytes(bytes);
        if added == LIMIT {
            return Err(Errno::EINVAL);
        }
        let mut count = self.count.lock();
        *count = count.checked_add(added).filter(|sum| *sum < LIMIT).ok_or(Errno::EAGAIN)?;
        drop(count);
        self.waiters.notify(events::IN);
        Ok(bytes.len())
    }

    fn ready(&self) -> u32 {
        let count = *self.count.lock();
        let readable = if count > 0 { events::IN } else { 0 };
        let writable = if count < LIMIT - 1 { events::OUT } else { 0 };
        readable | writable
    }

    fn waiters(&self) -> Option<&WaitSet> {
        Some(&self.waiters)
    }

    fn stat(&self) -> Result<Stat, Errno> {
        Ok(Stat { mode: 0o600, links: 1, ..Stat::default() })
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
