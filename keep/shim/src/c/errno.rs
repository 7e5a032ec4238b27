//! `errno`, one per thread.

use core::ffi::c_int;

use crate::errno::Errno;
use crate::sys;

/// Where the calling thread's `errno` lies; valid as long as the thread lives.
pub fn location() -> *mut c_int {
    sys::errno_cell()
}

/// Sets the calling thread's `errno`.
pub fn set(errno: Errno) {
    // SAFETY: `location` is valid for a write, and no other thread uses this cell.
    unsafe { location().write(errno.0) }
}

/// `result` as C functions report it: the value, or -1 and `errno`.
pub fn report<T: From<i8>>(result: Result<T, Errno>) -> T {
    result.unwrap_or_else(|errno| {
        set(errno);
        T::from(-1)
    })
}

#[unsafe(no_mangle)]
extern "C" fn __errno_location() -> *mut c_int {
    location()
}
