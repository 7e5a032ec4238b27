//! Calls on paths.

use alloc::sync::Arc;
use core::ffi::{CStr, c_char, c_int};
use core::ptr;
use core::slice;

use super::errno;
use crate::errno::Errno;
use crate::fd;
use crate::fs::{self, Access, At, FileSystem, Inode, Kind, OpenFile, Time};
use crate::heap;

/// What a directory descriptor stands for; paths from [`libc::AT_FDCWD`] start at the root.
fn base(directory: c_int) -> Result<Arc<Inode>, Errno> {
    if directory == libc::AT_FDCWD {
        return Ok(fs::keep().root().clone());
    }
    let object = fd::get(directory)?.object().clone();
    let file = object.as_any().downcast::<OpenFile>().map_err(|_| Errno::ENOTDIR)?;
    Ok(file.inode().clone())
}

/// A C string without its NUL.
///
/// # Safety
/// `path` is null or a C string that lives for `'a`.
unsafe fn bytes<'a>(path: *const c_char) -> Result<&'a [u8], Errno> {
    if path.is_null() {
        return Err(Errno::EFAULT);
    }
    // SAFETY: as the caller promises; it is not null.
    Ok(unsafe { CStr::from_ptr(path) }.to_bytes())
}

/// Calls `work` with the Keep's file system and a place in it.
///
/// # Safety
/// `path` is null or a C string.
pub(super) unsafe fn with<T>(
    directory: c_int,
    path: *const c_char,
    work: impl FnOnce(&FileSystem, At<'_>) -> Result<T, Errno>,
) -> Result<T, Errno> {
    // SAFETY: as the caller promises.
    let path = unsafe { bytes(path) }?;
    // The descriptor before an absolute path may be anything.
    let base = base(if path.starts_with(b"/") { libc::AT_FDCWD } else { directory })?;
    work(fs::keep(), At { base: &base, path })
}

/// Calls `work` with what a path leads to; with `AT_EMPTY_PATH` and an empty path, the descriptor's own.
///
/// # Errors
/// `EINVAL`: a flag other than `AT_SYMLINK_NOFOLLOW`, `AT_EMPTY_PATH` and `also`. Those of `work`.
///
/// # Safety
/// `path` is null or a C string.
pub(super) unsafe fn with_inode<T>(
    directory: c_int,
    path: *const c_char,
    flags: c_int,
    also: c_int,
    work: impl FnOnce(&Inode) -> Result<T, Errno>,
) -> Result<T, Errno> {
    if flags & !(libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH | also) != 0 {
        return Err(Errno::EINVAL);
    }
    let find = |fs: &FileSystem, at: At<'_>| {
        if at.path.is_empty() && flags & libc::AT_EMPTY_PATH != 0 {
            work(at.base)
        } else {
            work(&*fs.find(at, flags & libc::AT_SYMLINK_NOFOLLOW == 0)?)
        }
    };
    // SAFETY: as the caller promises.
    unsafe { with(directory, path, find) }
}

const fn zero((): ()) -> c_int {
    0
}

/// # Safety
/// `path` is null or a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn openat64(directory: c_int, path: *const c_char, flags: c_int, mode: u32) -> c_int {
    let open = |fs: &FileSystem, at: At<'_>| fd::install(fs.open(at, flags, mode)?, flags);
    // SAFETY: as the caller promises.
    errno::report(unsafe { with(directory, path, open) })
}

/// # Safety
/// `path` is null or a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn openat(directory: c_int, path: *const c_char, flags: c_int, mode: u32) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { openat64(directory, path, flags, mode) }
}

/// # Safety
/// `path` is null or a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: u32) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { openat64(libc::AT_FDCWD, path, flags, mode) }
}

/// # Safety
/// `path` is null or a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: u32) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { openat64(libc::AT_FDCWD, path, flags, mode) }
}

/// # Safety
/// `path` is null or a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn faccessat(directory: c_int, path: *const c_char, wanted: c_int, flags: c_int) -> c_int {
    let check = |inode: &Inode| match wanted {
        0..=7 => inode.check(Access(wanted.cast_unsigned())),
        _ => Err(Errno::EINVAL),
    };
    // SAFETY: as the caller promises.
    errno::report(unsafe { with_inode(directory, path, flags, libc::AT_EACCESS, check) }.map(zero))
}

/// # Safety
/// `path` is null or a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn access(path: *const c_char, wanted: c_int) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { faccessat(libc::AT_FDCWD, path, wanted, 0) }
}

/// # Safety
/// `path` is null or a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn mkdirat(directory: c_int, path: *const c_char, mode: u32) -> c_int {
    // SAFETY: as the caller promises.
    errno::report(unsafe { with(directory, path, |fs, at| fs.create_directory(at, mode)) }.map(zero))
}

/// # Safety
/// `path` is null or a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn mkdir(path: *const c_char, mode: u32) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { mkdirat(libc::AT_FDCWD, path, mode) }
}

/// # Safety
/// `path` is null or a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn unlinkat(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
    let remove = |fs: &FileSystem, at: At<'_>| match flags {
        0 => fs.unlink(at),
        libc::AT_REMOVEDIR => fs.remove_directory(at),
        _ => Err(Errno::EINVAL),
    };
    // SAFETY: as the caller promises.
    errno::report(unsafe { with(directory, path, remove) }.map(zero))
}

/// # Safety
/// `path` is null or a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { unlinkat(libc::AT_FDCWD, path, 0) }
}

/// # Safety
/// `path` is null or a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { unlinkat(libc::AT_FDCWD, path, libc::AT_REMOVEDIR) }
}

/// # Safety
/// The paths are null or C strings.
#[unsafe(no_mangle)]
unsafe extern "C" fn renameat(
    from_directory: c_int,
    from: *const c_char,
    to_directory: c_int,
    to: *const c_char,
) -> c_int {
    let rename = |_: &FileSystem, from: At<'_>| {
        // SAFETY: as the caller promises.
        unsafe { with(to_directory, to, |fs, to| fs.rename(from, to)) }
    };
    // SAFETY: as the caller promises.
    errno::report(unsafe { with(from_directory, from, rename) }.map(zero))
}

/// # Safety
/// The paths are null or C strings.
#[unsafe(no_mangle)]
unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { renameat(libc::AT_FDCWD, from, libc::AT_FDCWD, to) }
}

/// # Safety
/// The paths are null or C strings.
#[unsafe(no_mangle)]
unsafe extern "C" fn linkat(
    from_directory: c_int,
    from: *const c_char,
    to_directory: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    let link = |_: &FileSystem, from: At<'_>| {
        if flags & !libc::AT_SYMLINK_FOLLOW != 0 {
            return Err(Errno::EINVAL);
        }
        // SAFETY: as the caller promises.
        unsafe { with(to_directory, to, |fs, to| fs.link(from, to, flags != 0)) }
    };
    // SAFETY: as the caller promises.
    errno::report(unsafe { with(from_directory, from, link) }.map(zero))
}

/// # Safety
/// The paths are null or C strings.
#[unsafe(no_mangle)]
unsafe extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { linkat(libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) }
}

/// # Safety
/// The paths are null or C strings.
#[unsafe(no_mangle)]
unsafe extern "C" fn symlinkat(target: *const c_char, directory: c_int, path: *const c_char) -> c_int {
    let symlink = |fs: &FileSystem, at: At<'_>| {
        // SAFETY: as the caller promises.
        fs.create_symlink(unsafe { bytes(target) }?, at)
    };
    // SAFETY: as the caller promises.
    errno::report(unsafe { with(directory, path, symlink) }.map(zero))
}

/// # Safety
/// The paths are null or C strings.
#[unsafe(no_mangle)]
unsafe extern "C" fn symlink(target: *const c_char, path: *const c_char) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { symlinkat(target, libc::AT_FDCWD, path) }
}

/// # Safety
/// `path` is null or a C string; `buffer` is null or valid for writes of `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn readlinkat(
    directory: c_int,
    path: *const c_char,
    buffer: *mut c_char,
    size: usize,
) -> isize {
    let read = |fs: &FileSystem, at: At<'_>| {
        if size == 0 {
            return Err(Errno::EINVAL);
        }
        if buffer.is_null() {
            return Err(Errno::EFAULT);
        }
        let target = match at.path {
            // A link that `O_PATH` has opened.
            [] if at.base.kind() == Kind::Symlink => at.base.target()?,
            _ => fs.read_link(at)?,
        };
        let length = size.min(target.len());
        // SAFETY: `length` bytes are in `target`, and in `buffer` as the caller promises.
        unsafe { ptr::copy_nonoverlapping(target.as_ptr(), buffer.cast(), length) };
        Ok(length as isize)
    };
    // SAFETY: as the caller promises.
    errno::report(unsafe { with(directory, path, read) })
}

/// # Safety
/// `path` is null or a C string; `buffer` is null or valid for writes of `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn readlink(path: *const c_char, buffer: *mut c_char, size: usize) -> isize {
    // SAFETY: as the caller promises.
    unsafe { readlinkat(libc::AT_FDCWD, path, buffer, size) }
}

/// Writes `path` and a NUL to `resolved`, or to a new block if it is null.
///
/// # Safety
/// `resolved` is null or valid for writes of `path.len() + 1` bytes.
unsafe fn give(path: &[u8], resolved: *mut c_char) -> Result<*mut c_char, Errno> {
    let size = path.len() + 1;
    let to = if resolved.is_null() { heap::allocate(size, heap::ALIGNMENT) } else { resolved.cast::<u8>() };
    if to.is_null() {
        return Err(Errno::ENOMEM);
    }
    // SAFETY: `size` bytes are valid at `to`: just allocated, or as the caller promises.
    let to = unsafe { slice::from_raw_parts_mut(to, size) };
    let (text, end) = to.split_at_mut(path.len());
    text.copy_from_slice(path);
    end.fill(0);
    Ok(to.as_mut_ptr().cast())
}

fn or_null(result: Result<*mut c_char, Errno>) -> *mut c_char {
    result.unwrap_or_else(|errno| {
        errno::set(errno);
        ptr::null_mut()
    })
}

/// # Safety
/// `path` is null or a C string; `resolved` is null or valid for writes of `PATH_MAX` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn realpath(path: *const c_char, resolved: *mut c_char) -> *mut c_char {
    let resolve = |fs: &FileSystem, at: At<'_>| {
        // SAFETY: a real path with its NUL has at most `PATH_MAX` bytes, and as the caller promises.
        unsafe { give(&fs.real_path(at)?, resolved) }
    };
    // SAFETY: as the caller promises.
    or_null(unsafe { with(libc::AT_FDCWD, path, resolve) })
}

/// There is no `chdir`: the working directory is the root.
///
/// # Safety
/// `buffer` is null or valid for writes of `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn getcwd(buffer: *mut c_char, size: usize) -> *mut c_char {
    const ROOT: &[u8] = b"/";
    if !buffer.is_null() && size <= ROOT.len() {
        return or_null(Err(if size == 0 { Errno::EINVAL } else { Errno::ERANGE }));
    }
    // SAFETY: there is room for the root and a NUL, or `buffer` is null.
    or_null(unsafe { give(ROOT, buffer) })
}

/// # Safety
/// `path` is null or a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn fchmodat(directory: c_int, path: *const c_char, mode: u32, flags: c_int) -> c_int {
    let change = |inode: &Inode| match inode.kind() {
        Kind::Symlink => Err(Errno::EOPNOTSUPP),
        _ => {
            inode.set_permissions(mode);
            Ok(0)
        }
    };
    // SAFETY: as the caller promises.
    errno::report(unsafe { with_inode(directory, path, flags, 0, change) })
}

/// # Safety
/// `path` is null or a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn chmod(path: *const c_char, mode: u32) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { fchmodat(libc::AT_FDCWD, path, mode, 0) }
}

/// The new times of last access and of last change that a C program gives.
///
/// # Errors
/// `EINVAL`.
///
/// # Safety
/// `times` is null or valid for reads of two elements.
pub(super) unsafe fn times(times: *const libc::timespec) -> Result<[Time; 2], Errno> {
    if times.is_null() {
        return Ok([Time::Now; 2]);
    }
    // SAFETY: as the caller promises; it is not null.
    let [accessed, modified] = unsafe { times.cast::<[libc::timespec; 2]>().read() };
    Ok([
        Time::from_timespec(accessed.tv_sec, accessed.tv_nsec)?,
        Time::from_timespec(modified.tv_sec, modified.tv_nsec)?,
    ])
}

/// # Safety
/// `path` is null or a C string; `new` is null or valid for reads of two elements.
#[unsafe(no_mangle)]
unsafe extern "C" fn utimensat(
    directory: c_int,
    path: *const c_char,
    new: *const libc::timespec,
    flags: c_int,
) -> c_int {
    let set = |inode: &Inode| {
        // SAFETY: as the caller promises.
        let [accessed, modified] = unsafe { times(new) }?;
        inode.set_times(accessed, modified);
        Ok(0)
    };
    // SAFETY: as the caller promises.
    errno::report(unsafe { with_inode(directory, path, flags, 0, set) })
}

/// # Safety
/// `path` is null or a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn truncate64(path: *const c_char, size: i64) -> c_int {
    let cut = |fs: &FileSystem, at: At<'_>| fs.truncate(at, u64::try_from(size).map_err(|_| Errno::EINVAL)?);
    // SAFETY: as the caller promises.
    errno::report(unsafe { with(libc::AT_FDCWD, path, cut) }.map(zero))
}
