//! Asking and setting what a path leads to.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::FileSystem;
use super::inode::{Access, Inode, Kind};
use super::walk::{At, PATH_MAX, Walk, parent_of};
use crate::errno::Errno;

/// The unit of [`Space`] in bytes.
pub const BLOCK: u64 = 4096;

/// How full the file system is (`statfs(2)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// All blocks of [`BLOCK`] bytes.
    pub blocks: u64,
    /// Those that are free.
    pub free: u64,
}

impl FileSystem {
    /// What a path leads to; a symbolic link at its end is followed if `follow` says so.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`, `ENAMETOOLONG`.
    pub fn find(&self, at: At<'_>, follow: bool) -> Result<Arc<Inode>, Errno> {
        let _names = self.names.lock();
        Ok(Walk::new(&self.root, at)?.find(follow)?.inode)
    }

    /// `truncate(2)`.
    ///
    /// # Errors
    /// As there.
    pub fn truncate(&self, at: At<'_>, size: u64) -> Result<(), Errno> {
        let inode = self.find(at, true)?;
        if inode.kind() == Kind::Directory {
            return Err(Errno::EISDIR);
        }
        inode.check(Access::WRITE)?;
        inode.resize(size)
    }

    /// `readlink(2)`.
    ///
    /// # Errors
    /// As there.
    pub fn read_link(&self, at: At<'_>) -> Result<Box<[u8]>, Errno> {
        self.find(at, false)?.target()
    }

    /// `realpath(3)`: the absolute path without symbolic links, `.` and `..`.
    ///
    /// # Errors
    /// As there.
    pub fn real_path(&self, at: At<'_>) -> Result<Vec<u8>, Errno> {
        let _names = self.names.lock();
        let mut walk = Walk::new(&self.root, at)?;
        let found = walk.find(true)?;
        let mut path = match found.name {
            Some(name) if found.inode.kind() != Kind::Directory => {
                let mut path = directory_path(&walk.here)?;
                path.push(b'/');
                path.extend_from_slice(&name);
                path
            }
            _ => directory_path(&found.inode)?,
        };
        if path.is_empty() {
            path.push(b'/');
        }
        if path.len() < PATH_MAX { Ok(path) } else { Err(Errno::ENAMETOOLONG) }
    }

    /// How full the file system is.
    #[must_use]
    pub fn space(&self) -> Space {
        let (limit, used) = (self.budget.limit(), self.budget.used());
        Space { blocks: limit / BLOCK, free: limit.saturating_sub(used) / BLOCK }
    }
}

/// The path of a directory, empty for the root.
fn directory_path(directory: &Arc<Inode>) -> Result<Vec<u8>, Errno> {
    let mut names = Vec::new();
    let mut here = directory.clone();
    loop {
        let parent = parent_of(&here)?;
        if Arc::ptr_eq(&parent, &here) {
            break;
        }
        names.push(here.names(
            |names, _| {
                if names.alive { Ok(names.name.clone()) } else { Err(Errno::ENOENT) }
            },
        )?);
        here = parent;
    }
    Ok(names.iter().rev().flat_map(|name| [&b"/"[..], name]).flatten().copied().collect())
}
