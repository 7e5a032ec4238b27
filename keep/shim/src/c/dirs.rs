//! Listing directories.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use core::ffi::{c_char, c_int};
use core::{mem, ptr};

use super::{errno, files, paths};
use crate::errno::Errno;
use crate::fd;
use crate::fs::{Entry, OpenFile, Whence};

/// How many names are taken from the file system at a time.
const BATCH: usize = 64;

/// What C programs know as `DIR`.
#[derive(Debug)]
pub struct Listing {
    fd: c_int,
    file: Arc<OpenFile>,
    entries: vec::IntoIter<Entry>,
    /// What the last `readdir64` returned.
    current: libc::dirent64,
}

impl Listing {
    fn new(fd: c_int) -> Result<*mut Self, Errno> {
        let file = files::file(fd, Errno::ENOTDIR)?;
        if file.file()?.kind() != crate::fs::Kind::Directory {
            return Err(Errno::ENOTDIR);
        }
        // SAFETY: the structure is made of integers, for which zero is valid.
        let current = unsafe { mem::zeroed() };
        Ok(Box::into_raw(Box::new(Self { fd, file, entries: vec::Vec::new().into_iter(), current })))
    }

    /// The next entry; nothing at the end.
    fn next(&mut self) -> Result<Option<&mut libc::dirent64>, Errno> {
        if self.entries.len() == 0 {
            self.entries = self.file.entries(BATCH)?.into_iter();
        }
        let Some(entry) = self.entries.next() else { return Ok(None) };
        let current = &mut self.current;
        current.d_ino = entry.inode;
        current.d_off = entry.next.cast_signed();
        current.d_reclen = size_of::<libc::dirent64>() as u16;
        current.d_type = entry.kind.entry_type();
        current.d_name.fill(0);
        // A name is shorter than the field, so a NUL stays.
        for (to, from) in current.d_name.iter_mut().zip(entry.name.iter()) {
            *to = from.cast_signed();
        }
        Ok(Some(current))
    }
}

fn or_null(result: Result<*mut Listing, Errno>) -> *mut Listing {
    result.unwrap_or_else(|errno| {
        errno::set(errno);
        ptr::null_mut()
    })
}

#[unsafe(no_mangle)]
extern "C" fn fdopendir(fd: c_int) -> *mut Listing {
    or_null(Listing::new(fd))
}

/// # Safety
/// `path` is null or a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn opendir(path: *const c_char) -> *mut Listing {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: as the caller promises.
    let opened =
        unsafe { paths::with(libc::AT_FDCWD, path, |fs, at| fd::install(fs.open(at, flags, 0)?, flags)) };
    or_null(opened.and_then(Listing::new))
}

/// # Safety
/// `listing` is open, and nobody else uses it.
#[unsafe(no_mangle)]
unsafe extern "C" fn readdir64(listing: *mut Listing) -> *mut libc::dirent64 {
    // SAFETY: as the caller promises.
    let listing = unsafe { &mut *listing };
    match listing.next() {
        Ok(entry) => entry.map_or(ptr::null_mut(), ptr::from_mut),
        Err(errno) => {
            errno::set(errno);
            ptr::null_mut()
        }
    }
}

/// # Safety
/// `listing` is open, and nobody else uses it.
#[unsafe(no_mangle)]
unsafe extern "C" fn rewinddir(listing: *mut Listing) {
    // SAFETY: as the caller promises.
    let listing = unsafe { &mut *listing };
    listing.entries = vec::Vec::new().into_iter();
    // It is a directory, which can be sought to its start; `rewinddir` has no way to report errors anyway.
    _ = listing.file.seek(0, Whence::Start);
}

/// # Safety
/// `listing` is open.
#[unsafe(no_mangle)]
const unsafe extern "C" fn dirfd(listing: *const Listing) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { (*listing).fd }
}

/// # Safety
/// `listing` is open, and nobody uses it from here on.
#[unsafe(no_mangle)]
unsafe extern "C" fn closedir(listing: *mut Listing) -> c_int {
    // SAFETY: `listing` comes from `Box::into_raw`, and as the caller promises.
    let listing = unsafe { Box::from_raw(listing) };
    errno::report(fd::close(listing.fd).map(|()| 0))
}
