//! The threads' mutexes and thread-specific data.

use core::ffi::{c_char, c_int, c_void};
use core::sync::atomic::AtomicU32;

use libc::{pthread_key_t, pthread_mutex_t, pthread_t};

use crate::errno::Errno;
use crate::{mutex, tls_keys};

/// The mutex's word is the first of the structure; zero, as in `PTHREAD_MUTEX_INITIALIZER`, is free.
///
/// # Safety
/// `mutex` is a mutex, which lives for `'a`.
unsafe fn word<'a>(mutex: *mut pthread_mutex_t) -> &'a AtomicU32 {
    // SAFETY: as the caller promises; the structure is larger and aligned to a word.
    unsafe { AtomicU32::from_ptr(mutex.cast()) }
}

fn code(result: Result<(), Errno>) -> c_int {
    result.map_or_else(|errno| errno.0, |()| 0)
}

/// # Safety
/// As POSIX has it; only mutexes of the default kind.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_lock(mutex: *mut pthread_mutex_t) -> c_int {
    // SAFETY: as the caller promises.
    mutex::lock(unsafe { word(mutex) });
    0
}

/// # Safety
/// As POSIX has it; only mutexes of the default kind.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_unlock(mutex: *mut pthread_mutex_t) -> c_int {
    // SAFETY: as the caller promises.
    mutex::unlock(unsafe { word(mutex) });
    0
}

/// # Safety
/// As POSIX has it: `key` is valid for a write.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_key_create(
    key: *mut pthread_key_t,
    destructor: Option<tls_keys::Destructor>,
) -> c_int {
    match tls_keys::create(destructor) {
        Ok(new) => {
            // SAFETY: as the caller promises.
            unsafe { key.write(new) };
            0
        }
        Err(errno) => errno.0,
    }
}

#[unsafe(no_mangle)]
extern "C" fn pthread_key_delete(key: pthread_key_t) -> c_int {
    code(tls_keys::delete(key))
}

#[unsafe(no_mangle)]
extern "C" fn pthread_setspecific(key: pthread_key_t, value: *const c_void) -> c_int {
    code(tls_keys::set(key, value))
}

#[unsafe(no_mangle)]
extern "C" fn pthread_getspecific(key: pthread_key_t) -> *mut c_void {
    tls_keys::get(key)
}

/// Names are for debuggers, and a Keep has none: accepted and forgotten.
#[unsafe(no_mangle)]
extern "C" fn pthread_setname_np(_thread: pthread_t, _name: *const c_char) -> c_int {
    0
}
