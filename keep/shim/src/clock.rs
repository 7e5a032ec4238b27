//! The clocks by their Linux numbers, and conversions of `struct timespec`.

use libc::{clockid_t, timespec};

use crate::errno::Errno;
use crate::sys;

const SECOND: u64 = 1_000_000_000;

/// What a clock shows, in nanoseconds.
///
/// The host's time is not to be trusted: only [`sys::monotonic_ns`] is sure never to go back. A thread or the
/// Keep is charged for all the time that passes, as nobody inside can know when it did not run.
///
/// # Errors
/// `EINVAL`: there is no such clock.
pub fn now(clock: clockid_t) -> Result<u64, Errno> {
    match clock {
        libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE | libc::CLOCK_TAI => Ok(sys::wall_ns()),
        libc::CLOCK_MONOTONIC
        | libc::CLOCK_MONOTONIC_RAW
        | libc::CLOCK_MONOTONIC_COARSE
        | libc::CLOCK_BOOTTIME
        | libc::CLOCK_PROCESS_CPUTIME_ID
        | libc::CLOCK_THREAD_CPUTIME_ID => Ok(sys::monotonic_ns()),
        _ => Err(Errno::EINVAL),
    }
}

/// The moment of the monotonic clock at which `clock` will show `time`, in nanoseconds.
///
/// # Errors
/// `EINVAL`: there is no such clock.
pub fn deadline(clock: clockid_t, time: u64) -> Result<u64, Errno> {
    let left = time.saturating_sub(now(clock)?);
    Ok(sys::monotonic_ns().saturating_add(left))
}

/// Nanoseconds as a `timespec`.
#[must_use]
pub fn to_timespec(ns: u64) -> timespec {
    timespec { tv_sec: (ns / SECOND).cast_signed(), tv_nsec: (ns % SECOND).cast_signed() }
}

/// A `timespec` as nanoseconds; the longest time that there is, if it is longer.
///
/// # Errors
/// `EINVAL`: the time is negative, or its nanoseconds are a second or more.
pub fn from_timespec(time: timespec) -> Result<u64, Errno> {
    let seconds = u64::try_from(time.tv_sec).map_err(|_| Errno::EINVAL)?;
    let nanoseconds = u64::try_from(time.tv_nsec).ok().filter(|rest| *rest < SECOND).ok_or(Errno::EINVAL)?;
    Ok(seconds.saturating_mul(SECOND).saturating_add(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_convert_both_ways() {
        for ns in [0, 1, SECOND - 1, SECOND, 12_345_678_901_234_567] {
            assert_eq!(from_timespec(to_timespec(ns)), Ok(ns));
        }
        for (tv_sec, tv_nsec) in [(-1, 0), (0, -1), (0, 1_000_000_000)] {
            assert_eq!(from_timespec(timespec { tv_sec, tv_nsec }), Err(Errno::EINVAL));
        }
        assert_eq!(from_timespec(timespec { tv_sec: i64::MAX, tv_nsec: 0 }), Ok(u64::MAX));
    }

    #[test]
    fn clocks_are_what_they_are() {
        assert!(now(libc::CLOCK_REALTIME).expect("a clock") > 1_600_000_000 * SECOND);
        let before = now(libc::CLOCK_MONOTONIC).expect("a clock");
        assert!(sys::monotonic_ns() >= before);
        assert_eq!(now(99), Err(Errno::EINVAL));
        let past = deadline(libc::CLOCK_REALTIME, 5).expect("a clock");
        assert!(past <= sys::monotonic_ns());
    }
}
