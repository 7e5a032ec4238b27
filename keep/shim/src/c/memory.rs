//! `sys/mman.h`.

use core::ffi::{c_int, c_long, c_void};

use super::errno;
use crate::errno::Errno;
use crate::mm;

fn failed(errno: Errno) -> *mut c_void {
    errno::set(errno);
    libc::MAP_FAILED
}

fn rights(protection: c_int) -> Option<u8> {
    let known = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
    u8::try_from(protection).ok().filter(|_| protection & !known == 0)
}

/// Anonymous private memory; files cannot be mapped here.
#[unsafe(no_mangle)]
extern "C" fn mmap(
    address: *mut c_void,
    length: usize,
    protection: c_int,
    flags: c_int,
    _file: c_int,
    _offset: c_long,
) -> *mut c_void {
    if flags & libc::MAP_ANONYMOUS == 0 || flags & libc::MAP_SHARED != 0 {
        return failed(Errno::EOPNOTSUPP);
    }
    let Some(rights) = rights(protection) else { return failed(Errno::EINVAL) };
    let fixed = (flags & libc::MAP_FIXED != 0).then_some(address as u64);
    match mm::map(fixed, length as u64, rights) {
        Ok(address) => core::ptr::with_exposed_provenance_mut(address as usize),
        Err(errno) => failed(errno),
    }
}

#[unsafe(no_mangle)]
extern "C" fn mmap64(
    address: *mut c_void,
    length: usize,
    protection: c_int,
    flags: c_int,
    file: c_int,
    offset: c_long,
) -> *mut c_void {
    mmap(address, length, protection, flags, file, offset)
}

#[unsafe(no_mangle)]
extern "C" fn munmap(address: *mut c_void, length: usize) -> c_int {
    errno::report(mm::unmap(address as u64, length as u64).map(|()| 0))
}

#[unsafe(no_mangle)]
extern "C" fn mprotect(address: *mut c_void, length: usize, protection: c_int) -> c_int {
    let rights = rights(protection).ok_or(Errno::EINVAL);
    errno::report(rights.and_then(|rights| mm::protect(address as u64, length as u64, rights)).map(|()| 0))
}

#[unsafe(no_mangle)]
extern "C" fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int {
    let result = match advice {
        libc::MADV_DONTNEED => mm::discard(address as u64, length as u64),
        // The others are hints.
        _ => Ok(()),
    };
    errno::report(result.map(|()| 0))
}
