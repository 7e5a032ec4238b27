//! A mutex in one word of the caller's memory, over the [`futex`]: what `pthread_mutex_lock` is.

use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::futex;

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and somebody may be waiting.
const CONTENDED: u32 = 2;

/// Takes the mutex; waits until it is free.
pub fn lock(word: &AtomicU32) {
    if word.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
        while word.swap(CONTENDED, Ordering::Acquire) != FREE {
            // Woken, or the word changed before: either way, try again.
            let _ = futex::wait(word, CONTENDED, None);
        }
    }
}

/// Releases the mutex.
pub fn unlock(word: &AtomicU32) {
    if word.swap(FREE, Ordering::Release) == CONTENDED {
        futex::wake_address(ptr::from_ref(word).addr(), 1);
    }
}
