//! The system calls of a Keep in a process. Its memory, its threads, sleeping, signals of its own
//! faults, and the clock; no file, no socket, no other process.

use crate::filter::{Allowed, Test, any, when};

const fn bits(value: libc::c_int) -> u64 {
    value.cast_unsigned() as u64
}

const READ: u64 = bits(libc::PROT_READ);
const WRITE: u64 = bits(libc::PROT_WRITE);
const EXECUTE: u64 = bits(libc::PROT_EXEC);

/// Anonymous private memory only, at any place.
const PLACED: u64 = bits(libc::MAP_FIXED | libc::MAP_NORESERVE);
const PRIVATE: u64 = bits(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);

/// A thread of this process, and nothing that is more than a thread.
const THREAD: u64 = bits(
    libc::CLONE_VM
        | libc::CLONE_FS
        | libc::CLONE_FILES
        | libc::CLONE_SIGHAND
        | libc::CLONE_THREAD
        | libc::CLONE_SYSVSEM,
);

const fn option(value: libc::c_int) -> u32 {
    value.cast_unsigned()
}

pub(super) const KEEP: &[Allowed] = &[
    // Never writable and executable at once: at most one of the two bits.
    when(libc::SYS_mmap, &[Test::Except(2, READ, 0), Test::Except(3, PLACED, PRIVATE)]),
    when(libc::SYS_mmap, &[Test::Except(2, READ, WRITE), Test::Except(3, PLACED, PRIVATE)]),
    when(libc::SYS_mmap, &[Test::Except(2, READ, EXECUTE), Test::Except(3, PLACED, PRIVATE)]),
    when(libc::SYS_mprotect, &[Test::Except(2, READ, 0)]),
    when(libc::SYS_mprotect, &[Test::Except(2, READ, WRITE)]),
    when(libc::SYS_mprotect, &[Test::Except(2, READ, EXECUTE)]),
    any(libc::SYS_munmap),
    when(libc::SYS_madvise, &[Test::Is(2, option(libc::MADV_DONTNEED))]),
    when(libc::SYS_madvise, &[Test::Is(2, option(libc::MADV_HUGEPAGE))]),
    when(libc::SYS_futex, &[Test::Is(1, option(libc::FUTEX_WAIT))]),
    when(libc::SYS_futex, &[Test::Is(1, option(libc::FUTEX_WAKE))]),
    when(libc::SYS_clone, &[Test::Except(0, 0, THREAD)]),
    when(libc::SYS_clock_gettime, &[Test::Is(0, option(libc::CLOCK_REALTIME))]),
    when(libc::SYS_clock_gettime, &[Test::Is(0, option(libc::CLOCK_MONOTONIC))]),
    any(libc::SYS_rt_sigaction),
    any(libc::SYS_rt_sigreturn),
    any(libc::SYS_sigaltstack),
    any(libc::SYS_sched_yield),
    any(libc::SYS_exit),
];
