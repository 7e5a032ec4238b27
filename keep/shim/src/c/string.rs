//! `memcpy`, `memset` and their relatives: the names that compiled Rust code calls, over [`mem`].

use core::ffi::{c_char, c_int, c_void};

use crate::mem;

/// # Safety
/// As C has it.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut c_void, from: *const c_void, length: usize) -> *mut c_void {
    // SAFETY: as the caller promises.
    unsafe { mem::copy(to.cast(), from.cast(), length) };
    to
}

/// # Safety
/// As C has it.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut c_void, from: *const c_void, length: usize) -> *mut c_void {
    // SAFETY: as the caller promises.
    unsafe { mem::copy(to.cast(), from.cast(), length) };
    to
}

/// # Safety
/// As C has it.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut c_void, value: c_int, length: usize) -> *mut c_void {
    // The value is a byte in an int.
    // SAFETY: as the caller promises.
    unsafe { mem::fill(to.cast(), value as u8, length) };
    to
}

/// # Safety
/// As C has it.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const c_void, right: *const c_void, length: usize) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { mem::compare(left.cast(), right.cast(), length) }
}

/// # Safety
/// As C has it.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const c_void, right: *const c_void, length: usize) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { mem::compare(left.cast(), right.cast(), length) }
}

/// # Safety
/// As C has it.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const c_char) -> usize {
    // SAFETY: as the caller promises.
    unsafe { mem::length(text.cast()) }
}
