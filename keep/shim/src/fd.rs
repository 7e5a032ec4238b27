//! File descriptors: small numbers for open file descriptions.
//!
//! 0, 1 and 2 are [`Null`], 3 is the [`Channel`]; the table is made with them when it is first used.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::mem;
use core::sync::atomic::{AtomicI32, Ordering};

use crate::channel::Channel;
use crate::epoll::Watch;
use crate::errno::Errno;
use crate::null::Null;
use crate::object::Object;
use crate::sync::Lock;

/// Descriptors are below this number.
pub const LIMIT: usize = 4096;

/// The status flags that `F_SETFL` changes.
const CHANGEABLE: i32 = libc::O_NONBLOCK | libc::O_APPEND;

/// The flags of `open(2)` that a description keeps; the others act when it is made.
const KEPT: i32 = CHANGEABLE | libc::O_ACCMODE | libc::O_PATH;

/// An open file description: an object and how it was opened. Descriptors made by `dup` share it.
#[derive(Debug)]
pub struct Description {
    object: Arc<dyn Object>,
    flags: AtomicI32,
    watches: Lock<Vec<Weak<Watch>>>,
}

impl Description {
    fn new(object: Arc<dyn Object>, flags: i32) -> Arc<Self> {
        let flags = AtomicI32::new(flags & KEPT);
        Arc::new(Self { object, flags, watches: Lock::new(Vec::new()) })
    }

    /// What is open.
    #[must_use]
    pub const fn object(&self) -> &Arc<dyn Object> {
        &self.object
    }

    /// Access mode and status flags, as `F_GETFL` gives them.
    #[must_use]
    pub fn flags(&self) -> i32 {
        self.flags.load(Ordering::Relaxed)
    }

    /// Sets `O_NONBLOCK` and `O_APPEND` as in `flags`; the rest stays.
    pub fn set_flags(&self, flags: i32) {
        let set = |old| Some((old & !CHANGEABLE) | (flags & CHANGEABLE));
        // The closure never refuses, so there is no error to look at.
        let _ = self.flags.fetch_update(Ordering::Relaxed, Ordering::Relaxed, set);
        self.object.status_flags_changed(self.flags());
    }

    /// Whether `O_NONBLOCK` is set.
    #[must_use]
    pub fn nonblocking(&self) -> bool {
        self.flags() & libc::O_NONBLOCK != 0
    }

    /// Remembers an epoll watch, to end it when the description is closed.
    pub(crate) fn add_watch(&self, watch: &Arc<Watch>) {
        self.watches.lock().push(Arc::downgrade(watch));
    }

    /// The reverse of [`Description::add_watch`].
    pub(crate) fn remove_watch(&self, watch: &Watch) {
        self.watches.lock().retain(|other| !core::ptr::eq(other.as_ptr(), watch));
    }
}

impl Drop for Description {
    fn drop(&mut self) {
        for watch in mem::take(self.watches.get_mut()).iter().filter_map(Weak::upgrade) {
            if let Some(waiters) = self.object.waiters() {
                waiters.unwatch(&watch);
            }
            watch.forget();
        }
    }
}

#[derive(Debug)]
struct Slot {
    description: Arc<Description>,
    close_on_exec: bool,
}

/// The table.
#[derive(Debug)]
struct Table {
    slots: Vec<Option<Slot>>,
}

impl Table {
    fn standard() -> Self {
        let null: Arc<dyn Object> = Arc::new(Null);
        let slot =
            |object, flags| Some(Slot { description: Description::new(object, flags), close_on_exec: false });
        let slots = Vec::from([
            slot(Arc::clone(&null), libc::O_RDONLY),
            slot(Arc::clone(&null), libc::O_WRONLY),
            slot(null, libc::O_WRONLY),
            slot(Channel::get(), libc::O_RDWR),
        ]);
        Self { slots }
    }

    fn slot(&mut self, fd: i32) -> Result<&mut Slot, Errno> {
        usize::try_from(fd).ok().and_then(|at| self.slots.get_mut(at)?.as_mut()).ok_or(Errno::EBADF)
    }

    fn insert(&mut self, slot: Slot, least: usize) -> Result<i32, Errno> {
        let free = |at: &usize| !matches!(self.slots.get(*at), Some(Some(_)));
        let at = (least..LIMIT).find(free).ok_or(Errno::EMFILE)?;
        self.put(at, slot);
        Ok(at as i32)
    }

    /// Puts `slot` at the number `at`, below [`LIMIT`], and returns what was there.
    fn put(&mut self, at: usize, slot: Slot) -> Option<Slot> {
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || None);
        }
        self.slots.get_mut(at).and_then(|place| place.replace(slot))
    }
}

static TABLE: Lock<Option<Table>> = Lock::new(None);

fn with<T>(work: impl FnOnce(&mut Table) -> T) -> T {
    work(TABLE.lock().get_or_insert_with(Table::standard))
}

/// A new descriptor, the lowest free number, for a new description of `object`. `flags` are those of
/// `open(2)`: access mode, `O_NONBLOCK`, `O_APPEND`, `O_PATH` and `O_CLOEXEC` count.
///
/// # Errors
/// `EMFILE`: there are [`LIMIT`] already.
pub fn install(object: Arc<dyn Object>, flags: i32) -> Result<i32, Errno> {
    let description = Description::new(object, flags);
    let slot = Slot { description, close_on_exec: flags & libc::O_CLOEXEC != 0 };
    with(|table| table.insert(slot, 0))
}

/// Two new descriptors, or none.
///
/// # Errors
/// `EMFILE`.
pub fn install_pair(
    first: (Arc<dyn Object>, i32),
    second: (Arc<dyn Object>, i32),
) -> Result<[i32; 2], Errno> {
    let one = install(first.0, first.1)?;
    match install(second.0, second.1) {
        Ok(two) => Ok([one, two]),
        Err(errno) => {
            close(one)?;
            Err(errno)
        }
    }
}

/// The description behind a descriptor.
///
/// # Errors
/// `EBADF`: there is none.
pub fn get(fd: i32) -> Result<Arc<Description>, Errno> {
    with(|table| Ok(Arc::clone(&table.slot(fd)?.description)))
}

/// `close(2)`. The object goes with the last descriptor of its description, or when the last thread that
/// is inside a call on it is done.
///
/// # Errors
/// `EBADF`.
pub fn close(fd: i32) -> Result<(), Errno> {
    // Dropped after the table's lock: the object's end may close others or wake threads.
    let closed = with(|table| {
        table.slot(fd)?;
        Ok(usize::try_from(fd).ok().and_then(|at| table.slots.get_mut(at)?.take()))
    })?;
    drop(closed);
    Ok(())
}

/// `fcntl(fd, F_DUPFD, least)`, with `F_DUPFD_CLOEXEC` if `close_on_exec`.
///
/// # Errors
/// `EBADF`; `EINVAL`: `least` is no possible number; `EMFILE`.
pub fn duplicate(fd: i32, least: i32, close_on_exec: bool) -> Result<i32, Errno> {
    with(|table| {
        let description = Arc::clone(&table.slot(fd)?.description);
        let least = usize::try_from(least).ok().filter(|at| *at < LIMIT).ok_or(Errno::EINVAL)?;
        table.insert(Slot { description, close_on_exec }, least)
    })
}

/// `dup2(2)`.
///
/// # Errors
/// `EBADF`: `fd` is not open, or `to` is no possible number.
pub fn duplicate_to(fd: i32, to: i32) -> Result<i32, Errno> {
    let replaced = with(|table| {
        let description = Arc::clone(&table.slot(fd)?.description);
        let at = usize::try_from(to).ok().filter(|at| *at < LIMIT).ok_or(Errno::EBADF)?;
        if fd == to {
            return Ok(None);
        }
        Ok(table.put(at, Slot { description, close_on_exec: false }))
    })?;
    drop(replaced);
    Ok(to)
}

/// `F_GETFD`: whether the descriptor has `FD_CLOEXEC`. It is kept for programs that ask; nothing is ever
/// executed in a Keep.
///
/// # Errors
/// `EBADF`.
pub fn close_on_exec(fd: i32) -> Result<bool, Errno> {
    with(|table| Ok(table.slot(fd)?.close_on_exec))
}

/// `F_SETFD`.
///
/// # Errors
/// `EBADF`.
pub fn set_close_on_exec(fd: i32, on: bool) -> Result<(), Errno> {
    with(|table| {
        table.slot(fd)?.close_on_exec = on;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn null() -> Arc<dyn Object> {
        Arc::new(Null)
    }

    #[test]
    fn duplicates_share_status_flags_but_not_close_on_exec() {
        let fd = install(null(), libc::O_RDWR | libc::O_CLOEXEC).unwrap();
        let other = duplicate(fd, 100, false).unwrap();
        assert!(other >= 100);
        assert!(close_on_exec(fd).unwrap() && !close_on_exec(other).unwrap());
        get(fd).unwrap().set_flags(libc::O_NONBLOCK | libc::O_WRONLY);
        assert_eq!(get(other).unwrap().flags(), libc::O_RDWR | libc::O_NONBLOCK);
        close(fd).unwrap();
        assert_eq!(get(fd).err(), Some(Errno::EBADF));
        close(other).unwrap();
        assert_eq!(close(other), Err(Errno::EBADF));
    }

    #[test]
    fn numbers_are_low_and_limited() {
        let mut table = Table::standard();
        let slot = || Slot { description: Description::new(null(), 0), close_on_exec: false };
        for expected in 4..LIMIT as i32 {
            assert_eq!(table.insert(slot(), 0), Ok(expected));
        }
        assert_eq!(table.insert(slot(), 0), Err(Errno::EMFILE));
        table.slots[17] = None;
        table.slots[5] = None;
        assert_eq!(table.insert(slot(), 6), Ok(17));
        assert_eq!(table.insert(slot(), 0), Ok(5));
    }

    #[test]
    fn no_number_is_out_of_reach() {
        assert_eq!(get(-1).err(), Some(Errno::EBADF));
        assert_eq!(get(i32::MAX).err(), Some(Errno::EBADF));
        assert_eq!(duplicate(0, LIMIT as i32, false), Err(Errno::EINVAL));
        assert_eq!(duplicate(0, -1, false), Err(Errno::EINVAL));
        assert_eq!(duplicate_to(0, LIMIT as i32), Err(Errno::EBADF));
        assert_eq!(duplicate_to(0, 0), Ok(0));
    }
}
