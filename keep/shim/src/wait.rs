//! Waiting for objects to become ready.

use alloc::vec::Vec;

use crate::sync::Lock;
use crate::sys::{self, Thread};

/// The threads that wait for one object.
#[derive(Debug, Default)]
pub struct WaitSet {
    threads: Lock<Vec<Thread>>,
}

impl WaitSet {
    /// An empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { threads: Lock::new(Vec::new()) }
    }

    /// Adds the calling thread. Check readiness *after* this, then park.
    pub fn join(&self) {
        self.threads.lock().push(sys::current());
    }

    /// Takes the calling thread out.
    pub fn leave(&self) {
        let current = sys::current();
        let mut threads = self.threads.lock();
        if let Some(at) = threads.iter().position(|thread| *thread == current) {
            threads.swap_remove(at);
        }
    }

    /// Wakes all who wait: the object's readiness has changed.
    pub fn notify(&self) {
        for thread in self.threads.lock().iter() {
            sys::unpark(*thread);
        }
    }
}
