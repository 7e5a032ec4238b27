//! Clocks and sleeping.

use core::ffi::c_int;

use holdfast_gate::Interest;
use libc::{clockid_t, timespec};

use super::errno;
use crate::errno::Errno;
use crate::{clock, sys};

/// # Safety
/// As POSIX has it: `time` is valid for a write.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(id: clockid_t, time: *mut timespec) -> c_int {
    errno::report(clock::now(id).map(|now| {
        // SAFETY: as the caller promises.
        unsafe { time.write(clock::to_timespec(now)) };
        0
    }))
}

/// # Safety
/// As POSIX has it: `resolution` is null or valid for a write.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_getres(id: clockid_t, resolution: *mut timespec) -> c_int {
    errno::report(clock::now(id).map(|_| {
        if !resolution.is_null() {
            // SAFETY: as the caller promises.
            unsafe { resolution.write(clock::to_timespec(1)) };
        }
        0
    }))
}

fn sleep_until(deadline: u64) {
    while sys::monotonic_ns() < deadline {
        sys::park(Interest::NONE, Some(deadline));
    }
}

/// # Safety
/// As POSIX has it: `time` is valid for a read. Nothing interrupts a sleep, so nothing remains.
#[unsafe(no_mangle)]
unsafe extern "C" fn nanosleep(time: *const timespec, _remaining: *mut timespec) -> c_int {
    // SAFETY: as the caller promises.
    let time = unsafe { time.read() };
    errno::report(clock::from_timespec(time).map(|time| {
        sleep_until(sys::monotonic_ns().saturating_add(time));
        0
    }))
}

/// # Safety
/// As POSIX has it: `time` is valid for a read. Nothing interrupts a sleep, so nothing remains.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_nanosleep(
    id: clockid_t,
    flags: c_int,
    time: *const timespec,
    _remaining: *mut timespec,
) -> c_int {
    // SAFETY: as the caller promises.
    let time = unsafe { time.read() };
    let deadline = || -> Result<u64, Errno> {
        let time = clock::from_timespec(time)?;
        if flags & libc::TIMER_ABSTIME != 0 {
            clock::deadline(id, time)
        } else {
            clock::now(id)?;
            Ok(sys::monotonic_ns().saturating_add(time))
        }
    };
    match deadline() {
        Ok(deadline) => {
            sleep_until(deadline);
            0
        }
        Err(errno) => errno.0,
    }
}
