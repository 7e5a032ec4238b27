//! A lock that only spins, for the page-fault path: its holder never waits for anything else, and its
//! waiter may be inside a page fault, where it cannot sleep.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// Mutual exclusion by spinning.
#[derive(Debug)]
pub struct SpinLock<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: `with` gives access to one thread at a time.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// A free lock.
    pub const fn new(value: T) -> Self {
        Self { held: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Calls `work` with the value, alone. `work` must not call `with` on the same lock.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        while self.held.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            core::hint::spin_loop();
        }
        // SAFETY: `held` was false and is true now: this thread alone has the value until it is cleared.
        let result = work(unsafe { &mut *self.value.get() });
        self.held.store(false, Ordering::Release);
        result
    }
}
