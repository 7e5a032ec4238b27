//! An open file, directory, or place in the tree (`O_PATH`).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, Ordering};

use super::directory::FIRST_OFFSET;
use super::inode::{Access, Inode, Kind};
use crate::errno::Errno;
use crate::object::{Object, Stat};
use crate::sync::Lock;

/// An open file description of the file system.
#[derive(Debug)]
pub struct OpenFile {
    inode: Arc<Inode>,
    access: Access,
    path_only: bool,
    append: AtomicBool,
    cursor: Lock<Cursor>,
}

/// Where the next read, write or listing starts.
#[derive(Debug, Default)]
struct Cursor {
    /// In bytes; in a directory, the offset of the next name.
    offset: u64,
    /// In a directory, the listing ends before this offset: at the names that were there when it began.
    /// Without it, a loop that renames what it lists would never end.
    end: u64,
}

/// A name in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Inode number.
    pub inode: u64,
    /// What the inode is.
    pub kind: Kind,
    /// The name.
    pub name: Arc<[u8]>,
    /// Where to seek to go on behind this name.
    pub next: u64,
}

/// From where [`OpenFile::seek`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// The start.
    Start,
    /// The position.
    Current,
    /// The end.
    End,
    /// The first stored byte from the given offset on.
    Data,
    /// The first byte of a hole from the given offset on.
    Hole,
}

impl OpenFile {
    /// Opened for reading, writing or both.
    pub(super) fn new(inode: Arc<Inode>, access: Access, append: bool) -> Arc<Self> {
        let append = AtomicBool::new(append);
        Arc::new(Self { inode, access, path_only: false, append, cursor: Lock::default() })
    }

    /// Opened with `O_PATH`: to start paths from, and for `fstat`.
    pub(super) fn path_only(inode: Arc<Inode>) -> Arc<Self> {
        let append = AtomicBool::new(false);
        Arc::new(Self { inode, access: Access::NONE, path_only: true, append, cursor: Lock::default() })
    }

    /// What is open, whatever for.
    #[must_use]
    pub const fn inode(&self) -> &Arc<Inode> {
        &self.inode
    }

    /// What is open, for calls that `O_PATH` excludes.
    ///
    /// # Errors
    /// `EBADF`.
    pub const fn file(&self) -> Result<&Arc<Inode>, Errno> {
        if self.path_only { Err(Errno::EBADF) } else { Ok(&self.inode) }
    }

    fn open_for(&self, access: Access) -> Result<&Inode, Errno> {
        if self.access.contains(access) { Ok(&self.inode) } else { Err(Errno::EBADF) }
    }

    /// `pread(2)`.
    ///
    /// # Errors
    /// As there.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.open_for(Access::READ)?.read(offset, buffer)
    }

    /// `pwrite(2)`; with `O_APPEND` at the end, whatever the offset, as Linux does.
    ///
    /// # Errors
    /// As there.
    pub fn write_at(&self, offset: u64, data: &[u8]) -> Result<usize, Errno> {
        let offset = Some(offset).filter(|_| !self.append.load(Ordering::Relaxed));
        Ok(self.open_for(Access::WRITE)?.write(offset, data)?.0)
    }

    /// Writes at the end (`RWF_APPEND` of `pwritev2(2)`); the position stays.
    ///
    /// # Errors
    /// As there.
    pub fn append(&self, data: &[u8]) -> Result<usize, Errno> {
        Ok(self.open_for(Access::WRITE)?.write(None, data)?.0)
    }

    /// `ftruncate(2)`.
    ///
    /// # Errors
    /// As there; `EINVAL` if it is not open for writing.
    pub fn resize(&self, size: u64) -> Result<(), Errno> {
        let inode = self.file()?;
        if !self.access.contains(Access::WRITE) {
            return Err(Errno::EINVAL);
        }
        inode.resize(size)
    }

    /// `lseek(2)`; returns the new position.
    ///
    /// # Errors
    /// As there.
    pub fn seek(&self, offset: i64, whence: Whence) -> Result<u64, Errno> {
        let inode = self.file()?;
        let mut cursor = self.cursor.lock();
        let position = |base: u64| base.checked_add_signed(offset).filter(|at| *at <= i64::MAX as u64);
        let found = |data| {
            let from = u64::try_from(offset).map_err(|_| Errno::ENXIO)?;
            inode.seek(from, data).map(Some)
        };
        let offset = match whence {
            Whence::Start => position(0),
            Whence::Current => position(cursor.offset),
            Whence::End if inode.kind() == Kind::Directory => None,
            Whence::End => position(inode.size()?),
            Whence::Data => found(true)?,
            Whence::Hole => found(false)?,
        }
        .ok_or(Errno::EINVAL)?;
        cursor.offset = offset;
        if inode.kind() == Kind::Directory {
            cursor.end = inode.names(|names, _| Ok(names.next_offset()))?;
        }
        Ok(offset)
    }

    /// The next names of a directory, at most `limit`, and none at the end.
    ///
    /// # Errors
    /// `EBADF`: it was opened with `O_PATH`. `ENOTDIR`.
    pub fn entries(&self, limit: usize) -> Result<Vec<Entry>, Errno> {
        let inode = self.file()?;
        let mut cursor = self.cursor.lock();
        let entries: Vec<Entry> = inode.names(|names, _| {
            if !names.alive {
                return Ok(Vec::new());
            }
            if cursor.offset == 0 {
                cursor.end = names.next_offset();
            }
            let parent = names.parent.upgrade().map_or(inode.number(), |parent| parent.number());
            let dots = [(0, inode.number(), &b"."[..]), (1, parent, b"..")]
                .into_iter()
                .map(|(offset, inode, name)| (offset, inode, Kind::Directory, name.into()));
            let rest = names
                .range(cursor.offset.max(FIRST_OFFSET), cursor.end)
                .map(|(offset, name, inode)| (offset, inode.number(), inode.kind(), name.clone()));
            Ok(dots
                .filter(|entry| entry.0 >= cursor.offset)
                .chain(rest)
                .take(limit)
                .map(|(offset, inode, kind, name)| Entry { inode, kind, name, next: offset + 1 })
                .collect())
        })?;
        if let Some(last) = entries.last() {
            cursor.offset = last.next;
        }
        drop(cursor);
        inode.touch_accessed();
        Ok(entries)
    }
}

impl Object for OpenFile {
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let inode = self.open_for(Access::READ)?;
        let mut cursor = self.cursor.lock();
        let length = inode.read(cursor.offset, buffer)?;
        cursor.offset += length as u64;
        Ok(length)
    }

    fn write(&self, buffer: &[u8]) -> Result<usize, Errno> {
        let inode = self.open_for(Access::WRITE)?;
        let mut cursor = self.cursor.lock();
        let offset = Some(cursor.offset).filter(|_| !self.append.load(Ordering::Relaxed));
        let (length, end) = inode.write(offset, buffer)?;
        if length > 0 {
            cursor.offset = end;
        }
        Ok(length)
    }

    fn status_flags_changed(&self, flags: i32) {
        self.append.store(flags & libc::O_APPEND != 0, Ordering::Relaxed);
    }

    fn available(&self) -> Result<usize, Errno> {
        let size = self.open_for(Access::READ)?.size()?;
        Ok(usize::try_from(size.saturating_sub(self.cursor.lock().offset)).unwrap_or(usize::MAX))
    }

    fn stat(&self) -> Result<Stat, Errno> {
        Ok(self.inode.stat())
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
