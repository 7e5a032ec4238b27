//! `open(2)`.

use alloc::sync::Arc;

use super::inode::{Access, Inode, Kind};
use super::names::enter;
use super::open_file::OpenFile;
use super::walk::{At, Last, Walk, child};
use super::{FileSystem, UMASK};
use crate::errno::Errno;

impl FileSystem {
    /// `open(2)` with Linux's `O_*` flags; `mode`, less the umask, is that of a file that is created.
    ///
    /// # Errors
    /// As there. `EOPNOTSUPP` for `O_TMPFILE`.
    pub fn open(&self, at: At<'_>, flags: i32, mode: u32) -> Result<Arc<OpenFile>, Errno> {
        let has = |flag| flags & flag == flag;
        let path_only = has(libc::O_PATH);
        let create = has(libc::O_CREAT) && !path_only;
        let exclusive = create && has(libc::O_EXCL);
        let follow = !has(libc::O_NOFOLLOW) && !exclusive;
        let access = match flags & libc::O_ACCMODE {
            _ if path_only => Access::NONE,
            _ if has(libc::O_TMPFILE) => return Err(Errno::EOPNOTSUPP),
            _ if create && has(libc::O_DIRECTORY) => return Err(Errno::EINVAL),
            libc::O_RDONLY => Access::READ,
            libc::O_WRONLY => Access::WRITE,
            libc::O_RDWR => Access::READ.and(Access::WRITE),
            _ => return Err(Errno::EINVAL),
        };
        let open = |inode| OpenFile::new(inode, access, has(libc::O_APPEND));

        let _names = self.names.lock();
        let mut walk = Walk::new(&self.root, at)?;
        let inode = if create {
            match self.find_or_create(&mut walk, follow, exclusive, mode)? {
                Place::Created(inode) => return Ok(open(inode)),
                Place::Found(inode) => inode,
            }
        } else {
            walk.find(follow)?.inode
        };
        if has(libc::O_DIRECTORY) && inode.kind() != Kind::Directory {
            return Err(Errno::ENOTDIR);
        }
        if path_only {
            return Ok(OpenFile::path_only(inode));
        }
        let truncate = has(libc::O_TRUNC);
        let needed = if truncate { access.and(Access::WRITE) } else { access };
        match inode.kind() {
            Kind::Symlink => return Err(Errno::ELOOP),
            Kind::Directory if needed.contains(Access::WRITE) => return Err(Errno::EISDIR),
            _ => inode.check(needed)?,
        }
        if truncate {
            inode.resize(0)?;
        }
        Ok(open(inode))
    }

    /// What `O_CREAT` opens.
    fn find_or_create(
        &self,
        walk: &mut Walk<'_>,
        follow: bool,
        exclusive: bool,
        mode: u32,
    ) -> Result<Place, Errno> {
        loop {
            let Last::Name { name, slash } = walk.parent()? else {
                return Err(if exclusive { Errno::EEXIST } else { Errno::EISDIR });
            };
            if slash {
                return Err(Errno::EISDIR);
            }
            let Some(inode) = child(&walk.here, &name)? else {
                walk.here.check(Access::WRITE.and(Access::EXECUTE))?;
                let inode = Inode::file(self.number(), mode & !UMASK, &self.budget)?;
                enter(&walk.here, name, inode.clone())?;
                return Ok(Place::Created(inode));
            };
            match inode.kind() {
                _ if exclusive => return Err(Errno::EEXIST),
                Kind::Symlink if follow => walk.follow(&inode, false)?,
                Kind::Directory => return Err(Errno::EISDIR),
                Kind::Symlink | Kind::File => return Ok(Place::Found(inode)),
            }
        }
    }
}

/// What [`FileSystem::find_or_create`] came to.
enum Place {
    /// A new file; its mode does not limit the one who made it.
    Created(Arc<Inode>),
    /// What was there.
    Found(Arc<Inode>),
}
