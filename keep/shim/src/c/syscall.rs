//! `syscall`: the few Linux system calls that Rust code makes by number.
//!
//! All others are `ENOSYS`. The callers have other ways then: `statx` becomes `stat64`, `openat2` a walk by
//! `openat`, `copy_file_range` reads and writes, `epoll_pwait2` `epoll_wait`.

use core::ffi::{c_int, c_long};
use core::ptr;
use core::sync::atomic::AtomicU32;

use libc::timespec;

use super::errno;
use crate::errno::Errno;
use crate::{clock, futex, sys};

/// The arguments after the number, as the C function's caller passes them in registers.
///
/// # Safety
/// Pointers among the arguments are valid as the system call demands.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: c_long,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    _e: usize,
    f: usize,
) -> c_long {
    errno::report(match number {
        libc::SYS_futex => {
            // SAFETY: as the caller promises.
            unsafe { futex_call(ptr::with_exposed_provenance_mut(a), b, c, d, f) }
        }
        libc::SYS_getrandom => {
            // SAFETY: as the caller promises.
            unsafe { super::random::fill(ptr::with_exposed_provenance_mut(a), b) };
            Ok(b.cast_signed() as c_long)
        }
        libc::SYS_gettid => Ok(c_long::from(sys::current().0) + 1),
        libc::SYS_sched_yield => {
            // One thread is one vCPU: there is nobody to give way to.
            core::hint::spin_loop();
            Ok(0)
        }
        libc::SYS_pwritev2 => {
            // SAFETY: as the caller promises.
            let appended =
                unsafe { super::files::append(a as c_int, ptr::with_exposed_provenance(b), c, f as c_int) };
            appended.map(|length| length as c_long)
        }
        _ => Err(Errno::ENOSYS),
    })
}

/// # Safety
/// `word` is a futex; `timeout`, where the operation has one, is null or a `timespec`.
unsafe fn futex_call(
    word: *mut u32,
    operation: usize,
    value: usize,
    timeout: usize,
    mask: usize,
) -> Result<c_long, Errno> {
    // All of these are 32 bits wide in registers of 64.
    let (operation, value, mask) = (operation as c_int, value as u32, mask as u32);
    if word.is_null() || !word.is_aligned() {
        return Err(Errno::EINVAL);
    }
    let realtime = operation & libc::FUTEX_CLOCK_REALTIME != 0;
    let command = operation & !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME);
    match command {
        libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET => {
            let timeout = ptr::with_exposed_provenance::<timespec>(timeout);
            let deadline = if timeout.is_null() {
                None
            } else {
                // SAFETY: as the caller promises.
                let time = clock::from_timespec(unsafe { timeout.read() })?;
                Some(match (command, realtime) {
                    (libc::FUTEX_WAIT, _) => sys::monotonic_ns().saturating_add(time),
                    (_, true) => clock::deadline(libc::CLOCK_REALTIME, time)?,
                    (_, false) => time,
                })
            };
            let mask = if command == libc::FUTEX_WAIT { futex::ANY } else { mask };
            // SAFETY: as the caller promises; it is aligned.
            let word = unsafe { AtomicU32::from_ptr(word) };
            futex::wait_masked(word, value, mask, deadline).map(|()| 0)
        }
        libc::FUTEX_WAKE => Ok(c_long::from(futex::wake_address(word.addr(), value))),
        libc::FUTEX_WAKE_BITSET => futex::wake_masked(word.addr(), value, mask).map(c_long::from),
        _ => Err(Errno::ENOSYS),
    }
}
