//! Mappings that large pages fit into: a page fault of a guest costs as much for 2 MiB as for 4 KiB.

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// A large page.
const LARGE: usize = 2 << 20;

/// Maps `length` bytes, readable and writable, at a multiple of [`LARGE`]: of `file`, or of new memory.
///
/// # Errors
/// The system's, when it has not the address space.
pub(crate) fn map(length: usize, file: Option<BorrowedFd<'_>>) -> io::Result<*mut c_void> {
    let whole = length.checked_add(LARGE).ok_or(io::ErrorKind::OutOfMemory)?;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address that the kernel chooses touches no other.
    let start = unsafe { libc::mmap(ptr::null_mut(), whole, libc::PROT_NONE, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let before = start.align_offset(LARGE);
    let place = start.wrapping_byte_add(before);
    let (flags, descriptor) = match file {
        Some(file) => (libc::MAP_SHARED | libc::MAP_NORESERVE | libc::MAP_FIXED, file.as_raw_fd()),
        None => (flags | libc::MAP_FIXED, -1),
    };
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: replaces a part of the new mapping, which nobody uses yet.
    let mapped = unsafe { libc::mmap(place, length, protection, flags, descriptor, 0) };
    let error = io::Error::last_os_error();
    unmap(start, before);
    unmap(place.wrapping_byte_add(length), whole - before - length);
    if mapped == libc::MAP_FAILED {
        unmap(place, length);
        return Err(error);
    }
    Ok(mapped)
}

/// Asks for large pages in a mapping. Where there are none, small ones serve.
pub(crate) fn advise(start: *mut c_void, length: usize) {
    // SAFETY: advice about a mapping changes nothing but its speed.
    let _ = unsafe { libc::madvise(start, length, libc::MADV_HUGEPAGE) };
}

/// Gives back the unused end of a new mapping.
fn unmap(start: *mut c_void, length: usize) {
    if length > 0 {
        // SAFETY: the range belongs to a mapping of `map`, which has not given it to anybody.
        unsafe { libc::munmap(start, length) };
    }
}

/// Takes memory for a range of a mapping now, in as few steps as the kernel can.
///
/// # Errors
/// The system's, when it has not the memory.
pub(crate) fn populate(start: *mut c_void, length: usize) -> io::Result<()> {
    // SAFETY: the content does not change, and a range that is not mapped is an error.
    if unsafe { libc::madvise(start, length, libc::MADV_POPULATE_WRITE) } == 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        // A kernel before 5.14: pages are taken when they are touched.
        error if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        error => Err(error),
    }
}

/// Gives the memory of a range of a mapping back to the system, by `MADV_DONTNEED` or `MADV_REMOVE`.
pub(crate) fn release(start: *mut c_void, length: usize, advice: i32) {
    // SAFETY: what lies there is a body, which this process does not read again. If it fails, the memory
    // stays taken.
    let _ = unsafe { libc::madvise(start, length, advice) };
}
