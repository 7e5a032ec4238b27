//! The host's page tables, in a process: four system calls on addresses that we choose.

use core::ops::Range;

use holdfast_stage0::syscall::{number, syscall};

use crate::errno::Errno;

const MAP_PRIVATE: u64 = 0x02;
const MAP_FIXED: u64 = 0x10;
const MAP_ANONYMOUS: u64 = 0x20;
const MAP_NORESERVE: u64 = 0x4000;
const MADV_DONTNEED: u64 = 4;

fn call(number: u64, arguments: [u64; 6]) -> Result<(), Errno> {
    // SAFETY: the ranges lie in the arena, which belongs to the callers of `mmap` and its kin; they lose
    // no page that they have not given up.
    let result = unsafe { syscall(number, arguments) };
    if (-4095..0).contains(&result) { Err(Errno(-(result as i32))) } else { Ok(()) }
}

pub(super) fn map(range: &Range<u64>, rights: u8) -> Result<(), Errno> {
    let flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE;
    call(number::MMAP, [range.start, range.end - range.start, rights.into(), flags, u64::MAX, 0])
}

pub(super) fn protect(range: &Range<u64>, rights: u8) -> Result<(), Errno> {
    call(number::MPROTECT, [range.start, range.end - range.start, rights.into(), 0, 0, 0])
}

pub(super) fn unmap(range: &Range<u64>) -> Result<(), Errno> {
    call(number::MUNMAP, [range.start, range.end - range.start, 0, 0, 0, 0])
}

pub(super) fn discard(range: &Range<u64>) -> Result<(), Errno> {
    call(number::MADVISE, [range.start, range.end - range.start, MADV_DONTNEED, 0, 0, 0])
}
