//! Thread-specific data: the keys of `pthread_key_create`, each thread's values, and their destructors.

use alloc::collections::BTreeMap;
use core::ffi::c_void;

use crate::errno::Errno;
use crate::sync::Lock;
use crate::sys::{self, Thread};

/// Called with a thread's value, if it is not null, when the thread ends.
pub type Destructor = unsafe extern "C" fn(*mut c_void);

/// POSIX's `PTHREAD_KEYS_MAX`.
const MAX_KEYS: usize = 1024;

/// POSIX's `PTHREAD_DESTRUCTOR_ITERATIONS`: a destructor may set values again, but not for ever.
const ROUNDS: usize = 4;

static KEYS: Lock<Keys> = Lock::new(Keys { next: 0, destructors: BTreeMap::new(), values: BTreeMap::new() });

#[derive(Debug)]
struct Keys {
    next: u32,
    destructors: BTreeMap<u32, Option<Destructor>>,
    /// The values that are not null, as addresses.
    values: BTreeMap<(Thread, u32), usize>,
}

/// A new key; each thread's value is null.
///
/// # Errors
/// `EAGAIN`: there are too many keys.
pub fn create(destructor: Option<Destructor>) -> Result<u32, Errno> {
    let mut keys = KEYS.lock();
    if keys.destructors.len() >= MAX_KEYS {
        return Err(Errno::EAGAIN);
    }
    while keys.destructors.contains_key(&keys.next) {
        keys.next = keys.next.wrapping_add(1);
    }
    let key = keys.next;
    keys.next = key.wrapping_add(1);
    keys.destructors.insert(key, destructor);
    Ok(key)
}

/// Takes a key away; no destructor is called for its values.
///
/// # Errors
/// `EINVAL`: there is no such key.
pub fn delete(key: u32) -> Result<(), Errno> {
    let mut keys = KEYS.lock();
    keys.destructors.remove(&key).ok_or(Errno::EINVAL)?;
    keys.values.retain(|(_, of), _| *of != key);
    Ok(())
}

/// Sets the calling thread's value.
///
/// # Errors
/// `EINVAL`: there is no such key.
pub fn set(key: u32, value: *const c_void) -> Result<(), Errno> {
    let thread = sys::current();
    let mut keys = KEYS.lock();
    if !keys.destructors.contains_key(&key) {
        return Err(Errno::EINVAL);
    }
    if value.is_null() {
        keys.values.remove(&(thread, key));
    } else {
        keys.values.insert((thread, key), value.expose_provenance());
    }
    Ok(())
}

/// The calling thread's value; null if it has none.
pub fn get(key: u32) -> *mut c_void {
    let address = KEYS.lock().values.get(&(sys::current(), key)).copied().unwrap_or(0);
    core::ptr::with_exposed_provenance_mut(address)
}

/// Takes the calling thread's next value, from `from` on.
fn take(from: u32) -> Option<(u32, usize, Option<Destructor>)> {
    let thread = sys::current();
    let mut keys = KEYS.lock();
    let (&(_, key), &value) = keys.values.range((thread, from)..=(thread, u32::MAX)).next()?;
    keys.values.remove(&(thread, key));
    Some((key, value, keys.destructors.get(&key).copied().flatten()))
}

/// Calls the destructors of the calling thread's values. The last thing that a thread does before it ends.
pub fn run_destructors() {
    for _ in 0..ROUNDS {
        let mut next = Some(0);
        while let Some((key, value, destructor)) = next.and_then(take) {
            if let Some(destructor) = destructor {
                // SAFETY: whoever created the key asked for this call with the value.
                unsafe { destructor(core::ptr::with_exposed_provenance_mut(value)) };
            }
            next = key.checked_add(1);
        }
    }
    // The thread's number will be another's: leave nothing behind.
    let thread = sys::current();
    KEYS.lock().values.retain(|(of, _), _| *of != thread);
}

#[cfg(test)]
mod tests {
    use core::ptr::without_provenance;
    use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn values_belong_to_one_thread() {
        let key = create(None).expect("there are keys");
        set(key, without_provenance(5)).expect("the key exists");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert!(get(key).is_null());
                set(key, without_provenance(6)).expect("the key exists");
            });
        });
        assert_eq!(get(key).addr(), 5);
        delete(key).expect("the key exists");
        assert!(get(key).is_null());
        assert_eq!(set(key, without_provenance(7)), Err(Errno::EINVAL));
        assert_eq!(delete(key), Err(Errno::EINVAL));
    }

    #[test]
    fn destructors_get_the_values_and_may_set_them_again() {
        static KEY: AtomicU32 = AtomicU32::new(0);
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        extern "C" fn again(value: *mut c_void) {
            assert_eq!(value.addr(), 1 + CALLS.fetch_add(1, Ordering::SeqCst));
            assert!(get(KEY.load(Ordering::SeqCst)).is_null());
            set(KEY.load(Ordering::SeqCst), without_provenance(value.addr() + 1)).expect("the key exists");
        }
        KEY.store(create(Some(again)).expect("there are keys"), Ordering::SeqCst);
        let key = KEY.load(Ordering::SeqCst);
        set(key, without_provenance(1)).expect("the key exists");
        run_destructors();
        assert_eq!(CALLS.load(Ordering::SeqCst), ROUNDS);
        assert!(get(key).is_null());
        delete(key).expect("the key exists");
    }
}
