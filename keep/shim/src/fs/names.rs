//! Making, moving and removing names. Each function is one atomic step to all others.

use alloc::sync::Arc;

use super::inode::{Access, Inode, Kind};
use super::walk::{At, Last, PATH_MAX, Walk, child, holds};
use super::{FileSystem, UMASK};
use crate::errno::Errno;

/// What is needed to change a directory's names.
const CHANGE: Access = Access::WRITE.and(Access::EXECUTE);

impl FileSystem {
    /// `mkdir(2)`, with `mode` less the umask.
    ///
    /// # Errors
    /// As there.
    pub fn create_directory(&self, at: At<'_>, mode: u32) -> Result<(), Errno> {
        let _names = self.names.lock();
        let (parent, name) = self.vacancy(at, true)?;
        let inode = Inode::directory(self.number(), mode & !UMASK, &parent, name.clone(), &self.budget)?;
        enter(&parent, name, inode)
    }

    /// `symlink(2)`.
    ///
    /// # Errors
    /// As there.
    pub fn create_symlink(&self, target: &[u8], at: At<'_>) -> Result<(), Errno> {
        match target.len() {
            0 => return Err(Errno::ENOENT),
            PATH_MAX.. => return Err(Errno::ENAMETOOLONG),
            _ => {}
        }
        let _names = self.names.lock();
        let (parent, name) = self.vacancy(at, false)?;
        enter(&parent, name, Inode::symlink(self.number(), target, &self.budget)?)
    }

    /// `link(2)`; a symbolic link at the end of `from` is followed if `follow` says so.
    ///
    /// # Errors
    /// As there; `EPERM` for a directory.
    pub fn link(&self, from: At<'_>, to: At<'_>, follow: bool) -> Result<(), Errno> {
        let _names = self.names.lock();
        let inode = Walk::new(&self.root, from)?.find(follow)?.inode;
        let (parent, name) = self.vacancy(to, false)?;
        if inode.kind() == Kind::Directory {
            return Err(Errno::EPERM);
        }
        inode.link()?;
        enter(&parent, name, inode.clone()).inspect_err(|_| inode.unlink())
    }

    /// `unlink(2)`.
    ///
    /// # Errors
    /// As there; `EISDIR` for a directory.
    pub fn unlink(&self, at: At<'_>) -> Result<(), Errno> {
        let _names = self.names.lock();
        let mut walk = Walk::new(&self.root, at)?;
        let Last::Name { name, slash } = walk.parent()? else { return Err(Errno::EISDIR) };
        let inode = child(&walk.here, &name)?.ok_or(Errno::ENOENT)?;
        let directory = inode.kind() == Kind::Directory;
        if slash {
            return Err(if directory { Errno::EISDIR } else { Errno::ENOTDIR });
        }
        walk.here.check(CHANGE)?;
        if directory {
            return Err(Errno::EISDIR);
        }
        leave(&walk.here, &name)
    }

    /// `rmdir(2)`.
    ///
    /// # Errors
    /// As there.
    pub fn remove_directory(&self, at: At<'_>) -> Result<(), Errno> {
        let _names = self.names.lock();
        let mut walk = Walk::new(&self.root, at)?;
        let name = match walk.parent()? {
            Last::Root => return Err(Errno::EBUSY),
            Last::Dot => return Err(Errno::EINVAL),
            Last::DotDot => return Err(Errno::ENOTEMPTY),
            Last::Name { name, .. } => name,
        };
        let inode = child(&walk.here, &name)?.ok_or(Errno::ENOENT)?;
        walk.here.check(CHANGE)?;
        bury(&inode)?;
        leave(&walk.here, &name)
    }

    /// `rename(2)`.
    ///
    /// # Errors
    /// As there.
    pub fn rename(&self, from: At<'_>, to: At<'_>) -> Result<(), Errno> {
        let _names = self.names.lock();
        let mut old = Walk::new(&self.root, from)?;
        let old_last = old.parent()?;
        let mut new = Walk::new(&self.root, to)?;
        let new_last = new.parent()?;
        let (
            Last::Name { name: old_name, slash: old_slash },
            Last::Name { name: new_name, slash: new_slash },
        ) = (old_last, new_last)
        else {
            return Err(Errno::EBUSY);
        };
        let (old_parent, new_parent) = (&old.here, &new.here);
        let source = child(old_parent, &old_name)?.ok_or(Errno::ENOENT)?;
        let target = child(new_parent, &new_name)?;
        let directory = source.kind() == Kind::Directory;
        if !directory && (old_slash || new_slash) {
            return Err(Errno::ENOTDIR);
        }
        if directory && holds(&source, new_parent) {
            return Err(Errno::EINVAL);
        }
        if target.as_ref().is_some_and(|target| holds(target, old_parent)) {
            return Err(Errno::ENOTEMPTY);
        }
        if target.as_ref().is_some_and(|target| Arc::ptr_eq(target, &source)) {
            return Ok(());
        }
        old_parent.check(CHANGE)?;
        new_parent.check(CHANGE)?;
        let target_is_directory = target.as_ref().map(|target| target.kind() == Kind::Directory);
        match (directory, target_is_directory) {
            (true, Some(false)) => return Err(Errno::ENOTDIR),
            (false, Some(true)) => return Err(Errno::EISDIR),
            _ => {}
        }
        if directory && !Arc::ptr_eq(old_parent, new_parent) {
            // Its `..` will change.
            source.check(Access::WRITE)?;
        }
        match target {
            Some(target) => {
                if directory {
                    bury(&target)?;
                }
                new_parent.names(|names, _| Ok(names.replace(&new_name, source.clone())))?;
                target.unlink();
            }
            None => {
                new_parent.names(|names, charge| names.insert(new_name.clone(), source.clone(), charge))?;
                if directory {
                    new_parent.count_subdirectory(true);
                }
            }
        }
        old_parent.names(|names, charge| Ok(names.remove(&old_name, charge)))?;
        if directory {
            old_parent.count_subdirectory(false);
        }
        source.moved(new_parent, &new_name);
        old_parent.touch_modified();
        new_parent.touch_modified();
        Ok(())
    }

    /// The directory and the name of a path that does not exist and may be made; only a `directory`'s may
    /// end in a slash.
    fn vacancy(&self, at: At<'_>, directory: bool) -> Result<(Arc<Inode>, Arc<[u8]>), Errno> {
        let mut walk = Walk::new(&self.root, at)?;
        let Last::Name { name, slash } = walk.parent()? else { return Err(Errno::EEXIST) };
        if child(&walk.here, &name)?.is_some() {
            return Err(Errno::EEXIST);
        }
        if slash && !directory {
            return Err(Errno::ENOENT);
        }
        walk.here.check(CHANGE)?;
        Ok((walk.here, name))
    }
}

/// Adds a name for `inode` to `parent`.
///
/// # Errors
/// `ENOENT`: `parent` has been removed. `ENOSPC`.
pub(super) fn enter(parent: &Inode, name: Arc<[u8]>, inode: Arc<Inode>) -> Result<(), Errno> {
    let directory = inode.kind() == Kind::Directory;
    parent.names(|names, charge| names.insert(name, inode, charge))?;
    if directory {
        parent.count_subdirectory(true);
    }
    parent.touch_modified();
    Ok(())
}

/// Takes a name out of `parent`.
fn leave(parent: &Inode, name: &[u8]) -> Result<(), Errno> {
    let inode = parent.names(|names, charge| names.remove(name, charge).ok_or(Errno::ENOENT))?;
    inode.unlink();
    if inode.kind() == Kind::Directory {
        parent.count_subdirectory(false);
    }
    parent.touch_modified();
    Ok(())
}

/// Makes sure that a directory about to be removed is empty and stays so.
///
/// # Errors
/// `ENOTDIR`, `ENOTEMPTY`.
fn bury(directory: &Inode) -> Result<(), Errno> {
    directory.names(|names, _| {
        if !names.is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        names.alive = false;
        Ok(())
    })
}
