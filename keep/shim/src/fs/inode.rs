//! What is in the file system: regular files, directories and symbolic links.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::budget::{Budget, Charge};
use super::content::Content;
use super::directory::{DIRECTORY_COST, Directory};
use crate::errno::Errno;
use crate::object::Stat;
use crate::sync::Lock;
use crate::sys;

/// What an inode takes besides its content: itself and the allocator's header.
const INODE_COST: u64 = 384;

/// The most names of one file (that of ext4).
const MAX_LINKS: u32 = 65_000;

/// The number of the device in every [`Stat`]; any would do.
const DEVICE: u64 = 0x4846;

/// The mode bits that `chmod` sets.
const PERMISSIONS: u32 = 0o7777;

/// What an inode is; it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
}

impl Kind {
    /// The `S_IF*` bits of a mode.
    #[must_use]
    pub const fn mode(self) -> u32 {
        match self {
            Self::File => libc::S_IFREG,
            Self::Directory => libc::S_IFDIR,
            Self::Symlink => libc::S_IFLNK,
        }
    }

    /// The `DT_*` value of a directory entry.
    #[must_use]
    pub const fn entry_type(self) -> u8 {
        match self {
            Self::File => libc::DT_REG,
            Self::Directory => libc::DT_DIR,
            Self::Symlink => libc::DT_LNK,
        }
    }
}

/// What a caller wants of an inode; the bits are those of `access(2)` and of a mode's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access(pub u32);

impl Access {
    /// Nothing but that it is there.
    pub const NONE: Self = Self(0);
    /// Run a file, search a directory.
    pub const EXECUTE: Self = Self(1);
    /// Write a file; together with [`Access::EXECUTE`], change a directory's names.
    pub const WRITE: Self = Self(2);
    /// Read a file, list a directory.
    pub const READ: Self = Self(4);

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in `self`.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A new value of a time stamp (`utimensat(2)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// As it is (`UTIME_OMIT`).
    Keep,
    /// The clock's (`UTIME_NOW`).
    Now,
    /// Nanoseconds since 1970.
    At(i64),
}

impl Time {
    /// From the fields of a `timespec`. What lies beyond the years 1677 to 2262 becomes their end.
    ///
    /// # Errors
    /// `EINVAL`: `nanoseconds` is neither below one second nor `UTIME_NOW` or `UTIME_OMIT`.
    pub const fn from_timespec(seconds: i64, nanoseconds: i64) -> Result<Self, Errno> {
        match nanoseconds {
            libc::UTIME_NOW => Ok(Self::Now),
            libc::UTIME_OMIT => Ok(Self::Keep),
            0..1_000_000_000 => {
                Ok(Self::At(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)))
            }
            _ => Err(Errno::EINVAL),
        }
    }

    const fn apply(self, stamp: &mut i64, now: i64) {
        match self {
            Self::Keep => {}
            Self::Now => *stamp = now,
            Self::At(ns) => *stamp = ns,
        }
    }
}

/// A file, directory or symbolic link. It lives as long as a name or an open file holds it.
#[derive(Debug)]
pub struct Inode {
    number: u64,
    kind: Kind,
    state: Lock<State>,
}

/// What changes in an inode.
#[derive(Debug)]
pub(super) struct State {
    permissions: u32,
    links: u32,
    accessed: i64,
    modified: i64,
    changed: i64,
    body: Body,
    charge: Charge,
}

#[derive(Debug)]
enum Body {
    File(Content),
    Directory(Directory),
    Symlink(Box<[u8]>),
}

fn now() -> i64 {
    i64::try_from(sys::wall_ns()).unwrap_or(i64::MAX)
}

impl Inode {
    fn new(number: u64, permissions: u32, kind: Kind, body: Body, charge: Charge) -> Self {
        let now = now();
        let links = if kind == Kind::Directory { 2 } else { 1 };
        let (accessed, modified, changed) = (now, now, now);
        let state = State {
            permissions: permissions & PERMISSIONS,
            links,
            accessed,
            modified,
            changed,
            body,
            charge,
        };
        Self { number, kind, state: Lock::new(state) }
    }

    /// An empty regular file with one name.
    ///
    /// # Errors
    /// `ENOSPC`.
    pub(super) fn file(number: u64, permissions: u32, budget: &Arc<Budget>) -> Result<Arc<Self>, Errno> {
        let charge = Charge::new(budget, INODE_COST)?;
        Ok(Arc::new(Self::new(number, permissions, Kind::File, Body::File(Content::default()), charge)))
    }

    /// An empty directory, `name` in `parent`.
    ///
    /// # Errors
    /// `ENOSPC`.
    pub(super) fn directory(
        number: u64,
        permissions: u32,
        parent: &Arc<Self>,
        name: Arc<[u8]>,
        budget: &Arc<Budget>,
    ) -> Result<Arc<Self>, Errno> {
        let charge = Charge::new(budget, INODE_COST + DIRECTORY_COST)?;
        let body = Body::Directory(Directory::new(Arc::downgrade(parent), name));
        Ok(Arc::new(Self::new(number, permissions, Kind::Directory, body, charge)))
    }

    /// A directory that is its own parent.
    pub(super) fn root(number: u64, permissions: u32, budget: &Arc<Budget>) -> Arc<Self> {
        let charge = Charge::unlimited(budget, INODE_COST + DIRECTORY_COST);
        Arc::new_cyclic(|itself| {
            let body = Body::Directory(Directory::new(itself.clone(), Arc::default()));
            Self::new(number, permissions, Kind::Directory, body, charge)
        })
    }

    /// A symbolic link to `target`.
    ///
    /// # Errors
    /// `ENOSPC`.
    pub(super) fn symlink(number: u64, target: &[u8], budget: &Arc<Budget>) -> Result<Arc<Self>, Errno> {
        let charge = Charge::new(budget, INODE_COST + target.len() as u64)?;
        Ok(Arc::new(Self::new(number, 0o777, Kind::Symlink, Body::Symlink(target.into()), charge)))
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its number, given to no other inode ever.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// What `stat(2)` says.
    #[must_use]
    pub fn stat(&self) -> Stat {
        let state = self.state.lock();
        let size = match &state.body {
            Body::File(content) => content.size(),
            Body::Directory(_) => state.charge.bytes() - INODE_COST,
            Body::Symlink(target) => target.len() as u64,
        };
        Stat {
            device: DEVICE,
            inode: self.number,
            mode: self.kind.mode() | state.permissions,
            links: state.links.into(),
            size,
            blocks: (state.charge.bytes() - INODE_COST).div_ceil(512),
            accessed: state.accessed,
            modified: state.modified,
            changed: state.changed,
        }
    }

    /// Whether its mode grants `wanted` to its owner, who is the only user of the file system.
    ///
    /// # Errors
    /// `EACCES`.
    pub fn check(&self, wanted: Access) -> Result<(), Errno> {
        // A link's own mode is never asked (`symlink(7)`).
        let granted = Access(self.state.lock().permissions >> 6 & 7);
        if self.kind == Kind::Symlink || granted.contains(wanted) { Ok(()) } else { Err(Errno::EACCES) }
    }

    /// Sets the permission bits.
    pub fn set_permissions(&self, permissions: u32) {
        let mut state = self.state.lock();
        state.permissions = permissions & PERMISSIONS;
        state.changed = now();
    }

    /// Sets the times of last access and change of content.
    pub fn set_times(&self, accessed: Time, modified: Time) {
        let mut state = self.state.lock();
        let now = now();
        accessed.apply(&mut state.accessed, now);
        modified.apply(&mut state.modified, now);
        state.changed = now;
    }

    /// Reads a regular file from `offset` on; returns the number of bytes, 0 at the end.
    ///
    /// # Errors
    /// `EISDIR`, `EINVAL`: it is no regular file.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        let mut state = self.state.lock();
        let length = state.file()?.0.read(offset, buffer);
        state.touch_accessed();
        Ok(length)
    }

    /// Writes to a regular file at `offset`, at its end if there is none; returns the number of bytes that
    /// found room and the offset behind them.
    ///
    /// # Errors
    /// `EISDIR`, `EINVAL`: it is no regular file. `EFBIG`, `ENOSPC`: no byte found room.
    pub fn write(&self, offset: Option<u64>, data: &[u8]) -> Result<(usize, u64), Errno> {
        let mut state = self.state.lock();
        let (content, charge) = state.file()?;
        let offset = offset.unwrap_or(content.size());
        let length = content.write(offset, data, charge)?;
        if length > 0 {
            state.touch_modified();
        }
        Ok((length, offset + length as u64))
    }

    /// Makes a regular file `size` bytes long.
    ///
    /// # Errors
    /// `EISDIR`, `EINVAL`: it is no regular file. `EFBIG`.
    pub fn resize(&self, size: u64) -> Result<(), Errno> {
        let mut state = self.state.lock();
        let (content, charge) = state.file()?;
        content.resize(size, charge)?;
        state.touch_modified();
        Ok(())
    }

    /// The length of a regular file in bytes.
    ///
    /// # Errors
    /// `EISDIR`, `EINVAL`: it is no regular file.
    pub fn size(&self) -> Result<u64, Errno> {
        Ok(self.state.lock().file()?.0.size())
    }

    /// The next stored byte of a regular file (`data`), or the next hole, from `offset` on.
    ///
    /// # Errors
    /// `EISDIR`, `EINVAL`: it is no regular file. `ENXIO`: there is none.
    pub fn seek(&self, offset: u64, data: bool) -> Result<u64, Errno> {
        self.state.lock().file()?.0.seek(offset, data)
    }

    /// Where a symbolic link leads.
    ///
    /// # Errors
    /// `EINVAL`: it is none.
    pub fn target(&self) -> Result<Box<[u8]>, Errno> {
        let mut state = self.state.lock();
        state.touch_accessed();
        match &state.body {
            Body::Symlink(target) => Ok(target.clone()),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Works with a directory's names.
    ///
    /// # Errors
    /// `ENOTDIR`, and those of `work`.
    pub(super) fn names<R>(
        &self,
        work: impl FnOnce(&mut Directory, &mut Charge) -> Result<R, Errno>,
    ) -> Result<R, Errno> {
        let State { body: Body::Directory(directory), charge, .. } = &mut *self.state.lock() else {
            return Err(Errno::ENOTDIR);
        };
        work(directory, charge)
    }

    /// The directory has been listed, the file read.
    pub(super) fn touch_accessed(&self) {
        self.state.lock().touch_accessed();
    }

    /// The directory's names have changed.
    pub(super) fn touch_modified(&self) {
        self.state.lock().touch_modified();
    }

    /// Counts a new name.
    ///
    /// # Errors
    /// `ENOENT`: the last name is gone already. `EMLINK`.
    pub(super) fn link(&self) -> Result<(), Errno> {
        let mut state = self.state.lock();
        match state.links {
            0 => return Err(Errno::ENOENT),
            MAX_LINKS.. => return Err(Errno::EMLINK),
            _ => state.links += 1,
        }
        state.changed = now();
        Ok(())
    }

    /// Counts a name that is gone; a directory has but one.
    pub(super) fn unlink(&self) {
        let mut state = self.state.lock();
        state.links = if self.kind == Kind::Directory { 0 } else { state.links.saturating_sub(1) };
        state.changed = now();
    }

    /// Counts a subdirectory's `..` that has come (or gone).
    pub(super) fn count_subdirectory(&self, come: bool) {
        let mut state = self.state.lock();
        state.links = if come { state.links.saturating_add(1) } else { state.links.saturating_sub(1) };
    }

    /// The name has changed; a directory also learns its new place.
    pub(super) fn moved(&self, parent: &Arc<Self>, name: &Arc<[u8]>) {
        let mut state = self.state.lock();
        state.changed = now();
        if let Body::Directory(directory) = &mut state.body {
            directory.parent = Arc::downgrade(parent);
            directory.name = name.clone();
        }
    }
}

impl State {
    fn file(&mut self) -> Result<(&mut Content, &mut Charge), Errno> {
        match &mut self.body {
            Body::File(content) => Ok((content, &mut self.charge)),
            Body::Directory(_) => Err(Errno::EISDIR),
            Body::Symlink(_) => Err(Errno::EINVAL),
        }
    }

    /// As `relatime`: only what has changed since the last access makes a new access worth noting.
    fn touch_accessed(&mut self) {
        if self.accessed <= self.modified || self.accessed <= self.changed {
            self.accessed = now();
        }
    }

    fn touch_modified(&mut self) {
        self.modified = now();
        self.changed = self.modified;
    }
}
