//! The futex: sleeping until a word of memory changes.
//!
//! A waiter looks at the word under the lock of its bucket and queues itself there; who changes the word
//! and then wakes takes the same lock. So either the waiter sees the new value or the waker sees the waiter.
//! A waker takes exactly those out of the queue whom it wakes, first come first served; a waiter that still
//! finds itself queued was woken by nobody, and sleeps on.

use alloc::vec::Vec;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use holdfast_gate::Interest;

use crate::errno::Errno;
use crate::sync::Lock;
use crate::sys::{self, Thread};

/// Matches every wake, and every waiter.
pub const ANY: u32 = u32::MAX;

const BUCKETS: usize = 64;

static QUEUES: [Lock<Vec<Waiter>>; BUCKETS] = [const { Lock::new(Vec::new()) }; BUCKETS];

/// A thread waits for one word at a time, so there are never more of these than threads.
#[derive(Debug)]
struct Waiter {
    address: usize,
    mask: u32,
    thread: Thread,
}

fn queue(address: usize) -> &'static Lock<Vec<Waiter>> {
    // Fibonacci hashing: the top bits of the product depend on all bits of the address.
    let hash = (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - BUCKETS.ilog2());
    &QUEUES[hash as usize]
}

/// [`wait_masked`] for any [`wake_masked`].
///
/// # Errors
/// `EAGAIN`: the word is another value; `ETIMEDOUT`.
pub fn wait(word: &AtomicU32, expected: u32, deadline: Option<u64>) -> Result<(), Errno> {
    wait_masked(word, expected, ANY, deadline)
}

/// Wakes the first `count` of those who wait at `address`; how many that were.
pub fn wake_address(address: usize, count: u32) -> u32 {
    wake_queued(address, count, ANY)
}

/// Sleeps until woken by a [`wake_masked`] with a bit of `mask`, if `word` is `expected`; at most until `deadline`, in
/// nanoseconds of [`sys::monotonic_ns`].
///
/// # Errors
/// `EAGAIN`: the word is another value; `ETIMEDOUT`; `EINVAL`: the mask is empty.
pub fn wait_masked(word: &AtomicU32, expected: u32, mask: u32, deadline: Option<u64>) -> Result<(), Errno> {
    if mask == 0 {
        return Err(Errno::EINVAL);
    }
    let address = ptr::from_ref(word).addr();
    let queue = queue(address);
    let thread = sys::current();
    {
        let mut waiters = queue.lock();
        if word.load(Ordering::SeqCst) != expected {
            return Err(Errno::EAGAIN);
        }
        waiters.push(Waiter { address, mask, thread });
    }
    loop {
        sys::park(Interest::NONE, deadline);
        let mut waiters = queue.lock();
        let Some(at) = waiters.iter().position(|waiter| waiter.thread == thread) else { return Ok(()) };
        if deadline.is_some_and(|deadline| sys::monotonic_ns() >= deadline) {
            waiters.remove(at);
            return Err(Errno::ETIMEDOUT);
        }
    }
}

/// Wakes the first `count` of those who wait at `address` with a bit of `mask`; how many that were.
///
/// # Errors
/// `EINVAL`: the mask is empty.
pub fn wake_masked(address: usize, count: u32, mask: u32) -> Result<u32, Errno> {
    if mask == 0 { Err(Errno::EINVAL) } else { Ok(wake_queued(address, count, mask)) }
}

fn wake_queued(address: usize, count: u32, mask: u32) -> u32 {
    let mut woken = 0;
    queue(address).lock().retain(|waiter| {
        let meant = woken < count && waiter.address == address && waiter.mask & mask != 0;
        if meant {
            woken += 1;
            sys::unpark(waiter.thread);
        }
        !meant
    });
    woken
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn waiting(word: &AtomicU32) -> usize {
        let address = ptr::from_ref(word).addr();
        queue(address).lock().iter().filter(|waiter| waiter.address == address).count()
    }

    fn until(condition: impl Fn() -> bool) {
        while !condition() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn another_value_is_not_waited_for() {
        let word = AtomicU32::new(1);
        assert_eq!(wait_masked(&word, 2, ANY, None), Err(Errno::EAGAIN));
        assert_eq!(wait_masked(&word, 1, 0, None), Err(Errno::EINVAL));
        assert_eq!(wake_masked(ptr::from_ref(&word).addr(), 1, 0), Err(Errno::EINVAL));
        assert_eq!(wake_masked(ptr::from_ref(&word).addr(), 1, ANY), Ok(0));
    }

    #[test]
    fn a_deadline_is_kept() {
        let word = AtomicU32::new(0);
        let deadline = sys::monotonic_ns() + 20_000_000;
        // A token from before must not end the wait.
        sys::unpark(sys::current());
        assert_eq!(wait_masked(&word, 0, ANY, Some(deadline)), Err(Errno::ETIMEDOUT));
        assert!(sys::monotonic_ns() >= deadline);
        assert_eq!(waiting(&word), 0);
    }

    #[test]
    fn exactly_the_first_ones_are_woken() {
        let word = AtomicU32::new(0);
        let address = ptr::from_ref(&word).addr();
        let order = Lock::new(Vec::new());
        std::thread::scope(|scope| {
            for number in 0..4 {
                let (word, order) = (&word, &order);
                scope.spawn(move || {
                    assert_eq!(wait_masked(word, 0, ANY, None), Ok(()));
                    order.lock().push(number);
                });
                until(|| waiting(word) == number + 1);
            }
            for woken in 1..=2 {
                assert_eq!(wake_masked(address, 1, ANY), Ok(1));
                until(|| order.lock().len() == woken);
            }
            assert_eq!(*order.lock(), [0, 1]);
            assert_eq!(waiting(&word), 2);
            assert_eq!(wake_masked(address, u32::MAX, ANY), Ok(2));
        });
        assert_eq!(order.lock().len(), 4);
    }

    #[test]
    fn only_those_with_a_common_bit_are_woken() {
        let word = AtomicU32::new(0);
        let address = ptr::from_ref(&word).addr();
        std::thread::scope(|scope| {
            scope.spawn(|| wait_masked(&word, 0, 0b01, None));
            scope.spawn(|| wait_masked(&word, 0, 0b10, None));
            until(|| waiting(&word) == 2);
            assert_eq!(wake_masked(address, 9, 0b100), Ok(0));
            assert_eq!(wake_masked(address, 9, 0b10), Ok(1));
            assert_eq!(waiting(&word), 1);
            assert_eq!(wake_masked(address, 9, 0b01), Ok(1));
        });
    }

    /// A mutex on the futex, as Rust's own is made: a lost wake-up would hang it, a double one break it.
    #[test]
    fn no_wake_up_is_lost_under_load() {
        const THREADS: u32 = 6;
        const TURNS: u32 = 2000;
        let word = AtomicU32::new(0);
        let inside = AtomicU32::new(0);
        let total = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..TURNS {
                        crate::mutex::lock(&word);
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        total.store(total.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        crate::mutex::unlock(&word);
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), THREADS * TURNS);
        assert_eq!(waiting(&word), 0);
    }
}
