//! The end of the program, error texts, and a function of the mathematical library.

use core::ffi::{c_char, c_int};

use holdfast_gate::{Ending, Interest};

use crate::errno::Errno;
use crate::{error_text, sys};

#[unsafe(no_mangle)]
extern "C" fn abort() -> ! {
    sys::abort(Ending::Aborted)
}

/// Functions of `atexit` are not called: nothing here registers any.
#[unsafe(no_mangle)]
extern "C" fn exit(status: c_int) -> ! {
    sys::exit(status)
}

#[unsafe(no_mangle)]
extern "C" fn _exit(status: c_int) -> ! {
    sys::exit(status)
}

/// Sleeps for good: no signal from outside reaches a Keep.
#[unsafe(no_mangle)]
extern "C" fn pause() -> c_int {
    loop {
        sys::park(Interest::NONE, None);
    }
}

/// Signals of the old kind do not occur; the action before was the default, 0.
#[unsafe(no_mangle)]
extern "C" fn signal(_number: c_int, _action: usize) -> usize {
    0
}

#[unsafe(no_mangle)]
extern "C" fn sched_yield() -> c_int {
    // One thread is one vCPU: there is nobody to give way to.
    core::hint::spin_loop();
    0
}

#[unsafe(no_mangle)]
extern "C" fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}

/// The text of an error number, cut to fit.
///
/// # Safety
/// As POSIX has it: `buffer` has `size` writable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn __xpg_strerror_r(number: c_int, buffer: *mut c_char, size: usize) -> c_int {
    let text = error_text::of(Errno(number));
    if size == 0 {
        return Errno::ERANGE.0;
    }
    let length = text.len().min(size - 1);
    // SAFETY: both have this many bytes, and a text is never in a caller's buffer.
    unsafe { core::ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast(), length) };
    // SAFETY: the length is less than the size.
    let end = unsafe { buffer.add(length) };
    // SAFETY: the length is less than the size.
    unsafe { end.write(0) };
    if length < text.len() { Errno::ERANGE.0 } else { 0 }
}
