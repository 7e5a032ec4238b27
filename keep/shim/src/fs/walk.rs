//! From a path to what it names, as `path_resolution(7)` says.

use alloc::borrow::Cow;
use alloc::sync::Arc;

use super::directory::NAME_MAX;
use super::inode::{Access, Inode, Kind};
use crate::errno::Errno;

/// The longest path in bytes, its final NUL included.
pub const PATH_MAX: usize = 4096;

/// The most symbolic links that one look-up follows.
const MAX_LINKS: u32 = 40;

/// A path, and the directory that it starts from unless it is absolute.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// Where a relative path starts.
    pub base: &'a Arc<Inode>,
    /// The path, without NUL.
    pub path: &'a [u8],
}

/// The last component of a path.
#[derive(Debug)]
pub(super) enum Last {
    /// There is none: the path is `/`.
    Root,
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// A name, perhaps one that does not exist.
    Name {
        /// Of any length; [`child`] is where a name becomes too long.
        name: Arc<[u8]>,
        /// Whether slashes follow, so that only a directory will do.
        slash: bool,
    },
}

/// A look-up under way. Whoever makes one holds the file system's lock on names.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    root: &'a Arc<Inode>,
    /// The directory reached.
    pub(super) here: Arc<Inode>,
    /// The path; from `at` on it is still to be walked.
    path: Cow<'a, [u8]>,
    at: usize,
    links: u32,
}

impl<'a> Walk<'a> {
    /// Before the first step.
    ///
    /// # Errors
    /// `ENOENT`: the path is empty. `ENAMETOOLONG`.
    pub(super) fn new(root: &'a Arc<Inode>, at: At<'a>) -> Result<Self, Errno> {
        if at.path.is_empty() {
            return Err(Errno::ENOENT);
        }
        if at.path.len() >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let here = if at.path.starts_with(b"/") { root } else { at.base }.clone();
        Ok(Self { root, here, path: Cow::Borrowed(at.path), at: 0, links: 0 })
    }

    /// Goes to the directory that holds the last component.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`, `ENAMETOOLONG`.
    pub(super) fn parent(&mut self) -> Result<Last, Errno> {
        loop {
            let Some((component, slash, last)) = self.next_component() else {
                return if self.here.kind() == Kind::Directory {
                    Ok(Last::Root)
                } else {
                    Err(Errno::ENOTDIR)
                };
            };
            if self.here.kind() != Kind::Directory {
                return Err(Errno::ENOTDIR);
            }
            self.here.check(Access::EXECUTE)?;
            match (&*component, last) {
                (b".", true) => return Ok(Last::Dot),
                (b".", false) => {}
                (b"..", true) => return Ok(Last::DotDot),
                (b"..", false) => self.here = parent_of(&self.here)?,
                (_, true) => return Ok(Last::Name { name: component, slash }),
                (name, false) => {
                    let next = child(&self.here, name)?.ok_or(Errno::ENOENT)?;
                    if next.kind() == Kind::Symlink { self.follow(&next, true)? } else { self.here = next }
                }
            }
        }
    }

    /// Goes to the end of the path. A symbolic link there is followed if `follow` says so, or a slash behind it.
    ///
    /// # Errors
    /// As [`Walk::parent`].
    pub(super) fn find(&mut self, follow: bool) -> Result<Found, Errno> {
        loop {
            let (inode, name) = match self.parent()? {
                Last::Root | Last::Dot => (self.here.clone(), None),
                Last::DotDot => (parent_of(&self.here)?, None),
                Last::Name { name, slash } => {
                    let inode = child(&self.here, &name)?.ok_or(Errno::ENOENT)?;
                    if inode.kind() == Kind::Symlink && (follow || slash) {
                        self.follow(&inode, slash)?;
                        continue;
                    }
                    if slash && inode.kind() != Kind::Directory {
                        return Err(Errno::ENOTDIR);
                    }
                    (inode, Some(name))
                }
            };
            return Ok(Found { inode, name });
        }
    }

    /// Puts the target of `link`, met as the last component taken, before what is left of the path; `slash`:
    /// with a slash between them.
    ///
    /// # Errors
    /// `ELOOP`.
    pub(super) fn follow(&mut self, link: &Inode, slash: bool) -> Result<(), Errno> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Errno::ELOOP);
        }
        let mut path = link.target()?.into_vec();
        if path.starts_with(b"/") {
            self.here = self.root.clone();
        }
        if slash {
            path.push(b'/');
        }
        path.extend_from_slice(&self.path[self.at..]);
        self.path = Cow::Owned(path);
        self.at = 0;
        Ok(())
    }

    /// Takes the next component, with whether a slash follows and whether it is the last one.
    fn next_component(&mut self) -> Option<(Arc<[u8]>, bool, bool)> {
        let rest = &self.path[self.at..];
        let start = rest.iter().position(|byte| *byte != b'/')?;
        let length = rest[start..].iter().position(|byte| *byte == b'/').unwrap_or(rest.len() - start);
        let (component, after) = rest[start..].split_at(length);
        let last = after.iter().all(|byte| *byte == b'/');
        self.at += start + length;
        Some((component.into(), !after.is_empty(), last))
    }
}

/// What a path names.
#[derive(Debug)]
pub(super) struct Found {
    /// The file, directory or link.
    pub(super) inode: Arc<Inode>,
    /// The last component, in the directory [`Walk::here`]; nothing if the path ends in none, `.` or `..`.
    pub(super) name: Option<Arc<[u8]>>,
}

/// What `name` stands for in `directory`.
///
/// # Errors
/// `ENOTDIR`, `ENAMETOOLONG`.
pub(super) fn child(directory: &Inode, name: &[u8]) -> Result<Option<Arc<Inode>>, Errno> {
    directory.names(|names, _| {
        // Linux does not look at a name in a directory that has been removed.
        if name.len() > NAME_MAX && names.alive { Err(Errno::ENAMETOOLONG) } else { Ok(names.get(name)) }
    })
}

/// Where `..` leads from `directory`.
///
/// # Errors
/// `ENOENT`: both have been removed. `ENOTDIR`.
pub(super) fn parent_of(directory: &Inode) -> Result<Arc<Inode>, Errno> {
    directory.names(|names, _| names.parent.upgrade().ok_or(Errno::ENOENT))
}

/// Whether `ancestor` is `directory` or lies on its way to the root.
pub(super) fn holds(ancestor: &Arc<Inode>, directory: &Arc<Inode>) -> bool {
    let mut here = directory.clone();
    loop {
        if Arc::ptr_eq(&here, ancestor) {
            return true;
        }
        match parent_of(&here) {
            Ok(parent) if !Arc::ptr_eq(&parent, &here) => here = parent,
            _ => return false,
        }
    }
}
