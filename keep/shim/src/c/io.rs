//! Calls on descriptors of any kind.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ffi::{c_int, c_ulong, c_void};
use core::slice;

use super::errno::report;
use crate::blocking;
use crate::errno::Errno;
use crate::eventfd::EventCounter;
use crate::fd::{self, Description};
use crate::object::Object;
use crate::pipe;

/// The most bytes that one call moves (`MAX_RW_COUNT`).
const MAX_COUNT: usize = 0x7fff_f000;

/// The most buffers of one `readv` or `writev` (`IOV_MAX`).
const MAX_BUFFERS: usize = 1024;

/// The bytes at `start`, no more than a call may move.
///
/// # Safety
/// `start` is null or valid for `count` bytes that nobody writes while the result lives.
pub(super) unsafe fn bytes<'a>(start: *const c_void, count: usize) -> Result<&'a [u8], Errno> {
    match count.min(MAX_COUNT) {
        0 => Ok(&[]),
        _ if start.is_null() => Err(Errno::EFAULT),
        // SAFETY: as the caller promises; it is not null.
        count => Ok(unsafe { slice::from_raw_parts(start.cast(), count) }),
    }
}

/// The buffer at `start`, no more than a call may move.
///
/// # Safety
/// `start` is null or valid for `count` bytes that nobody else uses while the result lives.
pub(super) unsafe fn buffer<'a>(start: *mut c_void, count: usize) -> Result<&'a mut [u8], Errno> {
    match count.min(MAX_COUNT) {
        0 => Ok(&mut []),
        _ if start.is_null() => Err(Errno::EFAULT),
        // SAFETY: as the caller promises; it is not null.
        count => Ok(unsafe { slice::from_raw_parts_mut(start.cast(), count) }),
    }
}

/// The list of buffers of `readv` and its relatives.
///
/// # Safety
/// `start` is null or valid for `count` structures.
pub(super) unsafe fn vectors<'a>(
    start: *const libc::iovec,
    count: usize,
) -> Result<&'a [libc::iovec], Errno> {
    match count {
        0 => Ok(&[]),
        _ if count > MAX_BUFFERS => Err(Errno::EINVAL),
        _ if start.is_null() => Err(Errno::EFAULT),
        // SAFETY: as the caller promises; it is not null.
        _ => Ok(unsafe { slice::from_raw_parts(start, count) }),
    }
}

fn moved(result: Result<usize, Errno>) -> isize {
    report(result.map(usize::cast_signed))
}

/// Calls `step` for each buffer until one is moved in part only. An error after something was moved is
/// not told: it comes back with the next call.
fn each<T>(
    buffers: impl Iterator<Item = Result<T, Errno>>,
    length: impl Fn(&T) -> usize,
    mut step: impl FnMut(T, bool) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    let mut total = 0;
    for buffer in buffers {
        let buffer = buffer?;
        let whole = length(&buffer);
        if whole == 0 {
            continue;
        }
        match step(buffer, total == 0) {
            Ok(count) => {
                total += count;
                if count < whole {
                    break;
                }
            }
            Err(errno) if total == 0 => return Err(errno),
            Err(_) => break,
        }
    }
    Ok(total)
}

/// # Safety
/// As POSIX has it: `start` is valid for `count` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn read(fd: c_int, start: *mut c_void, count: usize) -> isize {
    moved(fd::get(fd).and_then(|description| {
        // SAFETY: as the caller promises.
        let buffer = unsafe { buffer(start, count) }?;
        blocking::read(&description, buffer)
    }))
}

/// # Safety
/// As POSIX has it: `start` is valid for `count` structures, and each names a buffer.
#[unsafe(no_mangle)]
unsafe extern "C" fn readv(fd: c_int, start: *const libc::iovec, count: c_int) -> isize {
    moved(fd::get(fd).and_then(|description| {
        let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
        // SAFETY: as the caller promises.
        let vectors = unsafe { vectors(start, count) }?;
        let buffers = vectors.iter().map(|vector| {
            // SAFETY: as the caller promises.
            unsafe { buffer(vector.iov_base, vector.iov_len) }
        });
        each(
            buffers,
            |buffer| buffer.len(),
            |buffer, first| {
                // Only for the first byte does a read wait.
                if first { blocking::read(&description, buffer) } else { description.object().read(buffer) }
            },
        )
    }))
}

/// # Safety
/// As POSIX has it: `start` is valid for `count` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, start: *const c_void, count: usize) -> isize {
    moved(fd::get(fd).and_then(|description| {
        // SAFETY: as the caller promises.
        let data = unsafe { bytes(start, count) }?;
        blocking::write(&description, data)
    }))
}

/// # Safety
/// As POSIX has it: `start` is valid for `count` structures, and each names a buffer.
#[unsafe(no_mangle)]
unsafe extern "C" fn writev(fd: c_int, start: *const libc::iovec, count: c_int) -> isize {
    moved(fd::get(fd).and_then(|description| {
        let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
        // SAFETY: as the caller promises.
        let vectors = unsafe { vectors(start, count) }?;
        // SAFETY: as the caller promises.
        unsafe { write_vectors(&description, vectors, true, |data| description.object().write(data)) }
    }))
}

/// Writes the buffers in turn; those of a datagram go as one. Blocks only if it `may_wait`.
///
/// # Safety
/// Each of `vectors` names a buffer that nobody writes.
pub(super) unsafe fn write_vectors(
    description: &Description,
    vectors: &[libc::iovec],
    may_wait: bool,
    mut attempt: impl FnMut(&[u8]) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    let buffers = vectors.iter().map(|vector| {
        // SAFETY: as the caller promises.
        unsafe { bytes(vector.iov_base, vector.iov_len) }
    });
    let mut send = |data: &[u8]| {
        if may_wait { blocking::write_with(description, data, &mut attempt) } else { attempt(data) }
    };
    let datagram = description
        .object()
        .socket()
        .is_some_and(|socket| socket.transport() == crate::net::Transport::Datagram);
    if datagram {
        let parts: Vec<&[u8]> = buffers.collect::<Result<_, _>>()?;
        return send(&parts.concat());
    }
    each(buffers, |data| data.len(), |data, _| send(data))
}

#[unsafe(no_mangle)]
extern "C" fn close(fd: c_int) -> c_int {
    report(fd::close(fd).map(|()| 0))
}

#[unsafe(no_mangle)]
extern "C" fn dup(fd: c_int) -> c_int {
    report(fd::duplicate(fd, 0, false))
}

#[unsafe(no_mangle)]
extern "C" fn dup2(fd: c_int, to: c_int) -> c_int {
    report(fd::duplicate_to(fd, to))
}

/// Variadic in C; on this machine an integer argument arrives the same way.
#[unsafe(no_mangle)]
extern "C" fn fcntl(fd: c_int, command: c_int, argument: c_int) -> c_int {
    report(match command {
        libc::F_DUPFD => fd::duplicate(fd, argument, false),
        libc::F_DUPFD_CLOEXEC => fd::duplicate(fd, argument, true),
        libc::F_GETFD => fd::close_on_exec(fd).map(|on| if on { libc::FD_CLOEXEC } else { 0 }),
        libc::F_SETFD => fd::set_close_on_exec(fd, argument & libc::FD_CLOEXEC != 0).map(|()| 0),
        libc::F_GETFL => fd::get(fd).map(|description| description.flags()),
        libc::F_SETFL => fd::get(fd).map(|description| {
            description.set_flags(argument);
            0
        }),
        _ => fd::get(fd).and(Err(Errno::EINVAL)),
    })
}

/// # Safety
/// As Linux has it: `argument` is valid for what the request does with it.
#[unsafe(no_mangle)]
unsafe extern "C" fn ioctl(fd: c_int, request: c_ulong, argument: *mut c_int) -> c_int {
    report(fd::get(fd).and_then(|description| match request {
        libc::FIOCLEX => fd::set_close_on_exec(fd, true).map(|()| 0),
        libc::FIONCLEX => fd::set_close_on_exec(fd, false).map(|()| 0),
        libc::FIONBIO | libc::FIONREAD if argument.is_null() => Err(Errno::EFAULT),
        libc::FIONBIO => {
            // SAFETY: for this request it is valid for a read, as the caller promises.
            let on = unsafe { argument.read() } != 0;
            let rest = description.flags() & !libc::O_NONBLOCK;
            description.set_flags(if on { rest | libc::O_NONBLOCK } else { rest });
            Ok(0)
        }
        libc::FIONREAD => {
            let available = description.object().available()?;
            let available = c_int::try_from(available).unwrap_or(c_int::MAX);
            // SAFETY: for this request it is valid for a write, as the caller promises.
            unsafe { argument.write(available) };
            Ok(0)
        }
        _ => Err(Errno::ENOTTY),
    }))
}

/// An object and the flags of its descriptor.
type Opened = (Arc<dyn Object>, c_int);

/// Writes two descriptors for the caller of `pipe2` or `socketpair`.
///
/// # Safety
/// `to` is null or valid for two descriptors.
pub(super) unsafe fn give_pair(
    (first, second): (Opened, Opened),
    to: *mut [c_int; 2],
) -> Result<c_int, Errno> {
    if to.is_null() {
        return Err(Errno::EFAULT);
    }
    let fds = fd::install_pair(first, second)?;
    // SAFETY: as the caller promises; it is not null.
    unsafe { to.write(fds) };
    Ok(0)
}

/// # Safety
/// As POSIX has it: `fds` is valid for two descriptors.
#[unsafe(no_mangle)]
unsafe extern "C" fn pipe2(fds: *mut [c_int; 2], flags: c_int) -> c_int {
    if flags & !(libc::O_CLOEXEC | libc::O_NONBLOCK) != 0 {
        return report(Err(Errno::EINVAL));
    }
    let (reader, writer) = pipe::pipe();
    let pair = (
        (reader as Arc<dyn Object>, flags | libc::O_RDONLY),
        (writer as Arc<dyn Object>, flags | libc::O_WRONLY),
    );
    // SAFETY: as the caller promises.
    report(unsafe { give_pair(pair, fds) })
}

#[unsafe(no_mangle)]
extern "C" fn eventfd(count: u32, flags: c_int) -> c_int {
    if flags & !(libc::EFD_CLOEXEC | libc::EFD_NONBLOCK | libc::EFD_SEMAPHORE) != 0 {
        return report(Err(Errno::EINVAL));
    }
    let counter = EventCounter::new(count, flags & libc::EFD_SEMAPHORE != 0);
    let flags = flags & (libc::EFD_CLOEXEC | libc::EFD_NONBLOCK);
    report(fd::install(Arc::new(counter), flags | libc::O_RDWR))
}
