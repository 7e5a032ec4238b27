//! A lock for the shim's own state.

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use holdfast_gate::{Interest, MAX_VCPUS};

use crate::sys::{self, Thread};

/// Turns of spinning before a thread goes to sleep: more than the shim holds a lock for.
const SPINS: u32 = 100;

// `sleepers` has one bit per thread.
const _: () = assert!(MAX_VCPUS <= u64::BITS);

/// A mutual exclusion lock. Not re-entrant; holders do not sleep.
///
/// Taking and releasing a free lock asks nothing of [`sys`], so it works before threads do. Who finds
/// it taken spins briefly, then parks; each release wakes at most one sleeper, in turn by number.
#[derive(Debug, Default)]
pub struct Lock<T> {
    held: AtomicBool,
    /// The threads that sleep or are about to, by the bits of their numbers.
    sleepers: AtomicU64,
    value: UnsafeCell<T>,
}

// SAFETY: `Guard` gives access to `value` to one thread at a time, as `held` admits one holder.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// A free lock around `value`.
    pub const fn new(value: T) -> Self {
        Self { held: AtomicBool::new(false), sleepers: AtomicU64::new(0), value: UnsafeCell::new(value) }
    }

    /// Waits until the lock is free and takes it.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        if !self.try_take() {
            self.take_slowly();
        }
        Guard { lock: self, value: PhantomData }
    }

    /// The value, by a reference that proves that nobody else has one.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[inline]
    fn try_take(&self) -> bool {
        self.held.compare_exchange(false, true, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }

    #[cold]
    fn take_slowly(&self) {
        let current = sys::current();
        let bit = 1_u64.rotate_left(current.0);
        let mut slept = false;
        loop {
            for spins in 1..=SPINS {
                if !self.held.load(Ordering::Relaxed) && self.try_take() {
                    if slept {
                        // The wake-up may have been meant for whatever the caller waits for itself.
                        sys::unpark(current);
                    }
                    return;
                }
                sys::relax(spins);
            }
            // First the bit, then another look: a holder that lets go in between either sees the bit or
            // is seen to have let go. Hence the sequentially consistent order of both, here and in `drop`.
            self.sleepers.fetch_or(bit, Ordering::SeqCst);
            if self.held.load(Ordering::SeqCst) {
                sys::park(Interest::NONE, None);
                slept = true;
            }
            self.sleepers.fetch_and(!bit, Ordering::SeqCst);
        }
    }

    #[cold]
    fn wake_one(&self) {
        let current = sys::current().0;
        let sleepers = self.sleepers.load(Ordering::SeqCst);
        if sleepers != 0 {
            // The next number above ours, so that none is passed over for ever.
            let after = sleepers.rotate_right(current.wrapping_add(1)).trailing_zeros();
            let next = (after.wrapping_add(current).wrapping_add(1)) % u64::BITS;
            self.sleepers.fetch_and(!(1 << next), Ordering::SeqCst);
            sys::unpark(Thread(next));
        }
    }
}

/// The lock is held as long as this lives.
#[derive(Debug)]
pub struct Guard<'a, T> {
    lock: &'a Lock<T>,
    /// A guard is as good as a mutable reference, and is shared between threads only if that may be.
    value: PhantomData<&'a mut T>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: this guard is the one holder of the lock.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the one holder of the lock, and `&mut self` that it is used once.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.held.store(false, Ordering::SeqCst);
        if self.lock.sleepers.load(Ordering::SeqCst) != 0 {
            self.lock.wake_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::vec::Vec;

    use super::*;

    /// Many more takers than processors, so that some go to sleep with the lock held.
    #[test]
    fn no_increment_is_lost_and_nobody_sleeps_for_ever() {
        const THREADS: u64 = 8;
        const TURNS: u64 = 3000;
        let lock = Lock::new(0_u64);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for turn in 0..TURNS {
                        let mut value = lock.lock();
                        let before = *value;
                        if turn % 64 == 0 {
                            // Outlast the others' spinning.
                            std::thread::yield_now();
                        }
                        *value = before + 1;
                    }
                });
            }
        });
        assert_eq!(*lock.lock(), THREADS * TURNS);
    }

    #[test]
    fn a_sleeper_is_woken_by_the_release() {
        let lock = Lock::new(());
        let started = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let guard = lock.lock();
            let waiter = scope.spawn(|| {
                started.store(true, Ordering::SeqCst);
                drop(lock.lock());
            });
            while lock.sleepers.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            assert!(started.load(Ordering::SeqCst));
            drop(guard);
            waiter.join().expect("the waiter got the lock");
        });
        assert_eq!(lock.sleepers.load(Ordering::SeqCst), 0);
    }

    /// A wake-up that arrives while its thread sleeps for a lock must still end that thread's own wait.
    #[test]
    fn a_wake_up_is_not_swallowed_by_the_lock() {
        let lock = Lock::new(());
        let woken = AtomicBool::new(false);
        let numbers = Lock::new(Vec::new());
        std::thread::scope(|scope| {
            let guard = lock.lock();
            let waiter = scope.spawn(|| {
                numbers.lock().push(sys::current());
                drop(lock.lock());
                while !woken.load(Ordering::SeqCst) {
                    sys::park(Interest::NONE, None);
                }
            });
            while lock.sleepers.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            woken.store(true, Ordering::SeqCst);
            sys::unpark(numbers.lock()[0]);
            drop(guard);
            waiter.join().expect("the waiter was woken");
        });
    }
}
