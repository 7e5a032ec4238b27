//! The regions of the launch plan in the child's address space.

use std::ffi::c_void;
use std::io;
use std::os::fd::RawFd;
use std::ptr;

use holdfast_launch::Region;
use holdfast_launch::headers::{EXECUTE, READ, WRITE};
use holdfast_launch::plan::Kind;

use crate::large;

/// Maps one region where the plan wants it, with its content and then its permissions.
///
/// # Errors
/// The system's; also if something lies there already.
pub(super) fn map(region: &Region, window: RawFd) -> io::Result<()> {
    let length = usize::try_from(region.length).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let place: *mut c_void =
        ptr::with_exposed_provenance_mut(usize::try_from(region.address).map_err(io::Error::other)?);
    let (kind, file) = match region.kind {
        Kind::Shared => (libc::MAP_SHARED, window),
        Kind::Measured | Kind::Memory => (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1),
    };
    let flags = kind | libc::MAP_FIXED_NOREPLACE | libc::MAP_NORESERVE;
    // SAFETY: MAP_FIXED_NOREPLACE replaces no mapping.
    let mapped = unsafe { libc::mmap(place, length, libc::PROT_READ | libc::PROT_WRITE, flags, file, 0) };
    if mapped == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // A kernel before 4.17 takes the address for a hint only.
    if mapped != place || region.content.len() > length {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    if region.kind == Kind::Memory {
        large::advise(place, length);
    }
    // SAFETY: the mapping is new, writable, and at least as long as the content.
    unsafe { ptr::copy_nonoverlapping(region.content.as_ptr(), place.cast(), region.content.len()) };
    let protection = protection(region.permissions);
    // SAFETY: the mapping is the one just made, to which no reference exists.
    match unsafe { libc::mprotect(place, length, protection) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Linux's name for the plan's permissions. Writable and executable at once is none of them.
const fn protection(permissions: u64) -> i32 {
    if permissions & EXECUTE != 0 {
        libc::PROT_READ | libc::PROT_EXEC
    } else if permissions & WRITE != 0 {
        libc::PROT_READ | libc::PROT_WRITE
    } else if permissions & READ != 0 {
        libc::PROT_READ
    } else {
        libc::PROT_NONE
    }
}
