//! `pthread.h`: threads themselves. What synchronises them is in `pthread`.

use core::ffi::{c_int, c_void};

use crate::errno::Errno;
use crate::sys::thread::{self, Control, DEFAULT_STACK, GUARD, Start};

/// What we keep in a `pthread_attr_t`.
#[repr(C)]
struct Attributes {
    /// Stack size in bytes.
    size: u64,
    /// Lowest address of the stack, for `pthread_getattr_np`.
    stack: u64,
}

const _: () = assert!(size_of::<Attributes>() <= size_of::<libc::pthread_attr_t>());

/// The least stack size that is accepted (`PTHREAD_STACK_MIN`).
const MIN_STACK: usize = 16 * 1024;

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_attr_init(attributes: *mut libc::pthread_attr_t) -> c_int {
    // SAFETY: the caller's pointer is to a `pthread_attr_t`, which has room.
    unsafe { attributes.cast::<Attributes>().write(Attributes { size: DEFAULT_STACK, stack: 0 }) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_attr_destroy(_: *mut libc::pthread_attr_t) -> c_int {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_attr_setstacksize(attributes: *mut libc::pthread_attr_t, size: usize) -> c_int {
    if size < MIN_STACK {
        return Errno::EINVAL.0;
    }
    // SAFETY: the caller's pointer is to initialised attributes.
    unsafe { (*attributes.cast::<Attributes>()).size = size as u64 };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_attr_getguardsize(_: *const libc::pthread_attr_t, size: *mut usize) -> c_int {
    // SAFETY: the caller's pointer is to a place for a size.
    unsafe { size.write(GUARD as usize) };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_attr_getstack(
    attributes: *const libc::pthread_attr_t,
    stack: *mut *mut c_void,
    size: *mut usize,
) -> c_int {
    // SAFETY: the caller's pointer is to initialised attributes.
    let attributes = unsafe { attributes.cast::<Attributes>().read() };
    // SAFETY: the caller's pointer is to a place for an address.
    unsafe { stack.write(core::ptr::with_exposed_provenance_mut(attributes.stack as usize)) };
    // SAFETY: the caller's pointer is to a place for a size.
    unsafe { size.write(attributes.size as usize) };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_getattr_np(
    thread: *const Control,
    attributes: *mut libc::pthread_attr_t,
) -> c_int {
    // SAFETY: a `pthread_t` is a record that lives as long as its thread.
    let (stack, size) = unsafe { (*thread).stack };
    // SAFETY: the caller's pointer is to a `pthread_attr_t`, which has room.
    unsafe { attributes.cast::<Attributes>().write(Attributes { size, stack }) };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_create(
    thread: *mut *mut Control,
    attributes: *const libc::pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the caller's pointer is null or to initialised attributes.
    let size = unsafe { attributes.cast::<Attributes>().as_ref() }.map_or(DEFAULT_STACK, |a| a.size);
    match thread::create(size, start, argument) {
        Ok(control) => {
            // SAFETY: the caller's pointer is to a place for a `pthread_t`.
            unsafe { thread.write(control) };
            0
        }
        Err(errno) => errno.0,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_join(control: *mut Control, result: *mut *mut c_void) -> c_int {
    // SAFETY: the caller joins each thread once, as POSIX demands.
    let value = unsafe { thread::join(control) };
    if !result.is_null() {
        // SAFETY: the caller's pointer is to a place for a pointer.
        unsafe { result.write(value) };
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_detach(control: *mut Control) -> c_int {
    // SAFETY: the caller detaches a thread once and does not join it, as POSIX demands.
    unsafe { thread::detach(control) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_self() -> *const Control {
    thread::current()
}
