//! Calls on open files.

use alloc::sync::Arc;
use core::ffi::{c_char, c_int, c_void};
use core::{mem, slice};

use super::{errno, paths};
use crate::errno::Errno;
use crate::fd;
use crate::fs::{self, BLOCK, Inode, NAME_MAX, OWNER, OpenFile, Whence};
use crate::object::Stat;

/// The open file behind a descriptor; `otherwise` if it is something else.
pub(super) fn file(fd: c_int, otherwise: Errno) -> Result<Arc<OpenFile>, Errno> {
    fd::get(fd)?.object().clone().as_any().downcast().map_err(|_| otherwise)
}

/// A [`Stat`] as C programs see it.
fn raw_stat(stat: &Stat) -> libc::stat64 {
    // SAFETY: the structure is made of integers, for which zero is valid.
    let mut raw: libc::stat64 = unsafe { mem::zeroed() };
    const SECOND: i64 = 1_000_000_000;
    raw.st_dev = stat.device;
    raw.st_ino = stat.inode;
    raw.st_nlink = stat.links;
    raw.st_mode = stat.mode;
    raw.st_uid = OWNER;
    raw.st_gid = OWNER;
    raw.st_size = stat.size.cast_signed();
    raw.st_blksize = BLOCK.cast_signed();
    raw.st_blocks = stat.blocks.cast_signed();
    (raw.st_atime, raw.st_atime_nsec) = (stat.accessed.div_euclid(SECOND), stat.accessed.rem_euclid(SECOND));
    (raw.st_mtime, raw.st_mtime_nsec) = (stat.modified.div_euclid(SECOND), stat.modified.rem_euclid(SECOND));
    (raw.st_ctime, raw.st_ctime_nsec) = (stat.changed.div_euclid(SECOND), stat.changed.rem_euclid(SECOND));
    raw
}

/// Writes a structure for the caller.
///
/// # Safety
/// `to` is null or valid for a write.
unsafe fn give<T>(value: T, to: *mut T) -> Result<c_int, Errno> {
    if to.is_null() {
        return Err(Errno::EFAULT);
    }
    // SAFETY: as the caller promises; it is not null.
    unsafe { to.write(value) };
    Ok(0)
}

/// # Safety
/// `path` is null or a C string; `result` is null or valid for a write.
#[unsafe(no_mangle)]
unsafe extern "C" fn fstatat64(
    directory: c_int,
    path: *const c_char,
    result: *mut libc::stat64,
    flags: c_int,
) -> c_int {
    let tell = |inode: &Inode| {
        // SAFETY: as the caller promises.
        unsafe { give(raw_stat(&inode.stat()), result) }
    };
    // SAFETY: as the caller promises.
    errno::report(unsafe { paths::with_inode(directory, path, flags, libc::AT_NO_AUTOMOUNT, tell) })
}

/// # Safety
/// `path` is null or a C string; `result` is null or valid for a write.
#[unsafe(no_mangle)]
unsafe extern "C" fn stat64(path: *const c_char, result: *mut libc::stat64) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { fstatat64(libc::AT_FDCWD, path, result, 0) }
}

/// # Safety
/// `path` is null or a C string; `result` is null or valid for a write.
#[unsafe(no_mangle)]
unsafe extern "C" fn lstat64(path: *const c_char, result: *mut libc::stat64) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { fstatat64(libc::AT_FDCWD, path, result, libc::AT_SYMLINK_NOFOLLOW) }
}

/// # Safety
/// `result` is null or valid for a write.
#[unsafe(no_mangle)]
unsafe extern "C" fn fstat64(fd: c_int, result: *mut libc::stat64) -> c_int {
    let stat = fd::get(fd).and_then(|description| description.object().stat());
    // SAFETY: as the caller promises.
    errno::report(stat.and_then(|stat| unsafe { give(raw_stat(&stat), result) }))
}

/// # Safety
/// `result` is null or valid for a write.
#[unsafe(no_mangle)]
unsafe extern "C" fn fstatfs64(fd: c_int, result: *mut libc::statfs64) -> c_int {
    let space = file(fd, Errno::ENOSYS).map(|_| fs::keep().space());
    errno::report(space.and_then(|space| {
        // SAFETY: the structure is made of integers, for which zero is valid.
        let mut raw: libc::statfs64 = unsafe { mem::zeroed() };
        raw.f_type = libc::TMPFS_MAGIC;
        raw.f_bsize = BLOCK.cast_signed();
        raw.f_frsize = BLOCK.cast_signed();
        raw.f_blocks = space.blocks;
        raw.f_bfree = space.free;
        raw.f_bavail = space.free;
        raw.f_namelen = NAME_MAX as i64;
        // SAFETY: as the caller promises.
        unsafe { give(raw, result) }
    }))
}

#[unsafe(no_mangle)]
extern "C" fn lseek64(fd: c_int, offset: i64, whence: c_int) -> i64 {
    let seek = || {
        let file = file(fd, Errno::ESPIPE)?;
        let whence = match whence {
            libc::SEEK_SET => Whence::Start,
            libc::SEEK_CUR => Whence::Current,
            libc::SEEK_END => Whence::End,
            libc::SEEK_DATA => Whence::Data,
            libc::SEEK_HOLE => Whence::Hole,
            _ => return Err(Errno::EINVAL),
        };
        file.seek(offset, whence)
    };
    errno::report(seek().map(u64::cast_signed))
}

/// # Safety
/// `buffer` is null or valid for writes of `count` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn pread64(fd: c_int, buffer: *mut c_void, count: usize, offset: i64) -> isize {
    let read = || {
        let file = file(fd, Errno::ESPIPE)?;
        let offset = u64::try_from(offset).map_err(|_| Errno::EINVAL)?;
        if buffer.is_null() {
            return if count == 0 { Ok(0) } else { Err(Errno::EFAULT) };
        }
        // SAFETY: as the caller promises; it is not null.
        file.read_at(offset, unsafe { slice::from_raw_parts_mut(buffer.cast(), count) })
    };
    errno::report(read().map(usize::cast_signed))
}

/// # Safety
/// `data` is null or valid for reads of `count` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(fd: c_int, data: *const c_void, count: usize, offset: i64) -> isize {
    let write = || {
        let file = file(fd, Errno::ESPIPE)?;
        let offset = u64::try_from(offset).map_err(|_| Errno::EINVAL)?;
        if data.is_null() {
            return if count == 0 { Ok(0) } else { Err(Errno::EFAULT) };
        }
        // SAFETY: as the caller promises; it is not null.
        file.write_at(offset, unsafe { slice::from_raw_parts(data.cast(), count) })
    };
    errno::report(write().map(usize::cast_signed))
}

/// `pwritev2(2)`, as far as nothing else does it: with `RWF_APPEND`, a write at the end on a descriptor
/// without `O_APPEND`. Stops at the first piece that does not fit.
///
/// # Errors
/// As there; `EOPNOTSUPP` for other flags.
///
/// # Safety
/// `pieces` is valid for reads of `count` elements, and each is valid for reads.
pub(super) unsafe fn append(
    fd: c_int,
    pieces: *const libc::iovec,
    count: usize,
    flags: c_int,
) -> Result<isize, Errno> {
    if flags != libc::RWF_APPEND {
        return Err(Errno::EOPNOTSUPP);
    }
    let file = file(fd, Errno::ESPIPE)?;
    if pieces.is_null() {
        return if count == 0 { Ok(0) } else { Err(Errno::EFAULT) };
    }
    // SAFETY: as the caller promises; it is not null.
    let pieces = unsafe { slice::from_raw_parts(pieces, count) };
    let mut done = 0;
    for piece in pieces.iter().filter(|piece| piece.iov_len > 0) {
        // SAFETY: as the caller promises; a piece that is not empty is not null.
        match file.append(unsafe { slice::from_raw_parts(piece.iov_base.cast(), piece.iov_len) }) {
            Ok(written) => {
                done += written;
                if written < piece.iov_len {
                    break;
                }
            }
            Err(errno) if done == 0 => return Err(errno),
            Err(_) => break,
        }
    }
    Ok(done.cast_signed())
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate64(fd: c_int, size: i64) -> c_int {
    let cut = || file(fd, Errno::EINVAL)?.resize(u64::try_from(size).map_err(|_| Errno::EINVAL)?);
    errno::report(cut().map(|()| 0))
}

#[unsafe(no_mangle)]
extern "C" fn fchmod(fd: c_int, mode: u32) -> c_int {
    let change = || {
        file(fd, Errno::EINVAL)?.file()?.set_permissions(mode);
        Ok(0)
    };
    errno::report(change())
}

/// # Safety
/// `new` is null or valid for reads of two elements.
#[unsafe(no_mangle)]
unsafe extern "C" fn futimens(fd: c_int, new: *const libc::timespec) -> c_int {
    let set = || {
        // SAFETY: as the caller promises.
        let [accessed, modified] = unsafe { paths::times(new) }?;
        file(fd, Errno::EINVAL)?.file()?.set_times(accessed, modified);
        Ok(0)
    };
    errno::report(set())
}

/// What is written is in the file already, and nothing outlives the Keep.
#[unsafe(no_mangle)]
extern "C" fn fsync(fd: c_int) -> c_int {
    errno::report(file(fd, Errno::EINVAL).and_then(|file| file.file().map(|_| 0)))
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(fd: c_int) -> c_int {
    fsync(fd)
}

/// The advice is checked; there is nothing that it could change. Unlike other calls it returns the error.
#[unsafe(no_mangle)]
extern "C" fn posix_fadvise64(fd: c_int, _offset: i64, length: i64, advice: c_int) -> c_int {
    let check = || {
        file(fd, Errno::ESPIPE)?.file()?;
        let known = (libc::POSIX_FADV_NORMAL..=libc::POSIX_FADV_NOREUSE).contains(&advice);
        if known && length >= 0 { Ok(()) } else { Err(Errno::EINVAL) }
    };
    check().map_or_else(|errno| errno.0, |()| 0)
}
