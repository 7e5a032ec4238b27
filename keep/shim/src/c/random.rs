//! Randomness: the CPU's, never the host's.

use core::ffi::{c_uint, c_void};

use crate::sys;

/// Fills `length` bytes.
///
/// # Safety
/// `buffer` has `length` writable bytes.
pub(super) unsafe fn fill(buffer: *mut u8, length: usize) {
    if length != 0 {
        // So that the bytes are initialised before there is a reference to them.
        // SAFETY: as the caller promises.
        unsafe { buffer.write_bytes(0, length) };
        // SAFETY: as the caller promises, and nobody else uses the buffer during the call.
        sys::random(unsafe { core::slice::from_raw_parts_mut(buffer, length) });
    }
}

/// # Safety
/// As Linux has it: `buffer` has `length` writable bytes.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn getrandom(buffer: *mut c_void, length: usize, _flags: c_uint) -> isize {
    // SAFETY: as the caller promises.
    unsafe { fill(buffer.cast(), length) };
    length.cast_signed()
}
