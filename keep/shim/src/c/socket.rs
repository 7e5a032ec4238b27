//! Sockets.

use core::ffi::{c_int, c_void};
use core::ptr;

use super::errno::report;
use super::io::{buffer, bytes, give_pair, vectors, write_vectors};
use crate::blocking;
use crate::errno::Errno;
use crate::fd::{self, Description};
use crate::net::{self, Address, Received, Shutdown, Socket};
use crate::object::events;

/// The most bytes that `recvmsg` moves at once.
const MAX_MESSAGE: usize = 256 * 1024;

/// Calls `work` with the socket behind a descriptor.
fn with<T>(fd: c_int, work: impl FnOnce(&Description, &dyn Socket) -> Result<T, Errno>) -> Result<T, Errno> {
    let description = fd::get(fd)?;
    let socket = description.object().socket().ok_or(Errno::ENOTSOCK)?;
    work(&description, socket)
}

/// The status flags in the flags of a socket's type: `SOCK_NONBLOCK` is `O_NONBLOCK`, and so on.
const TYPE_FLAGS: c_int = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
const _: () = assert!(TYPE_FLAGS == libc::O_NONBLOCK | libc::O_CLOEXEC);

#[unsafe(no_mangle)]
extern "C" fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int {
    let flags = kind & TYPE_FLAGS | libc::O_RDWR;
    report(net::socket(domain, kind & !TYPE_FLAGS, protocol).and_then(|socket| fd::install(socket, flags)))
}

/// # Safety
/// As POSIX has it: `fds` is valid for two descriptors.
#[unsafe(no_mangle)]
unsafe extern "C" fn socketpair(domain: c_int, kind: c_int, protocol: c_int, fds: *mut [c_int; 2]) -> c_int {
    let flags = kind & TYPE_FLAGS | libc::O_RDWR;
    report(match (domain, kind & !TYPE_FLAGS, protocol) {
        (libc::AF_UNIX, libc::SOCK_STREAM, 0) => {
            let (first, second) = net::pair();
            // SAFETY: as the caller promises.
            unsafe { give_pair(((first, flags), (second, flags)), fds) }
        }
        (libc::AF_UNIX, ..) => Err(Errno::EPROTONOSUPPORT),
        _ => Err(Errno::EOPNOTSUPP),
    })
}

/// The address that a caller passes; nothing for a null pointer.
///
/// # Safety
/// `start` is null or valid for `length` bytes.
unsafe fn address(start: *const c_void, length: u32) -> Result<Option<Address>, Errno> {
    if start.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller promises.
    Address::parse(unsafe { bytes(start, length as usize) }?).map(Some)
}

/// Writes as much of an address as fits, and its true length.
///
/// # Safety
/// `to` is null, or valid for as many bytes as `length` says, which is valid for reads and writes then.
unsafe fn give_address(address: Address, to: *mut c_void, length: *mut u32) -> Result<(), Errno> {
    if to.is_null() || length.is_null() {
        return Ok(());
    }
    let (from, whole) = address.encode();
    // SAFETY: as the caller promises.
    let room = unsafe { length.read() } as usize;
    // SAFETY: as the caller promises.
    let place = unsafe { buffer(to, room.min(whole)) }?;
    for (to, from) in place.iter_mut().zip(from) {
        *to = from;
    }
    // SAFETY: as the caller promises.
    unsafe { length.write(whole as u32) };
    Ok(())
}

/// # Safety
/// As POSIX has it: `start` is valid for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bind(fd: c_int, start: *const c_void, length: u32) -> c_int {
    report(with(fd, |_, socket| {
        // SAFETY: as the caller promises.
        let address = unsafe { address(start, length) }?.ok_or(Errno::EFAULT)?;
        socket.bind(address).map(|()| 0)
    }))
}

/// # Safety
/// As POSIX has it: `start` is valid for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn connect(fd: c_int, start: *const c_void, length: u32) -> c_int {
    report(with(fd, |_, socket| {
        // SAFETY: as the caller promises.
        let address = unsafe { address(start, length) }?.ok_or(Errno::EFAULT)?;
        socket.connect(address).map(|()| 0)
    }))
}

#[unsafe(no_mangle)]
extern "C" fn listen(fd: c_int, backlog: c_int) -> c_int {
    report(with(fd, |_, socket| socket.listen(backlog).map(|()| 0)))
}

/// # Safety
/// As Linux has it: `to` is null, or valid for as many bytes as `length` says.
#[unsafe(no_mangle)]
unsafe extern "C" fn accept4(fd: c_int, to: *mut c_void, length: *mut u32, flags: c_int) -> c_int {
    if flags & !TYPE_FLAGS != 0 {
        return report(Err(Errno::EINVAL));
    }
    report(with(fd, |description, socket| {
        let (accepted, peer) = blocking::perform(description, events::IN, || socket.accept())?;
        let fd = fd::install(accepted, flags | libc::O_RDWR)?;
        // SAFETY: as the caller promises.
        unsafe { give_address(peer, to, length) }?;
        Ok(fd)
    }))
}

/// # Safety
/// As POSIX has it: `to` is null, or valid for as many bytes as `length` says.
#[unsafe(no_mangle)]
unsafe extern "C" fn accept(fd: c_int, to: *mut c_void, length: *mut u32) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { accept4(fd, to, length, 0) }
}

#[unsafe(no_mangle)]
extern "C" fn shutdown(fd: c_int, how: c_int) -> c_int {
    report(with(fd, |_, socket| {
        let how = match how {
            libc::SHUT_RD => Shutdown { read: true, write: false },
            libc::SHUT_WR => Shutdown { read: false, write: true },
            libc::SHUT_RDWR => Shutdown { read: true, write: true },
            _ => return Err(Errno::EINVAL),
        };
        socket.shutdown(how).map(|()| 0)
    }))
}

/// # Safety
/// As POSIX has it: `to` is valid for as many bytes as `length` says.
#[unsafe(no_mangle)]
unsafe extern "C" fn getsockname(fd: c_int, to: *mut c_void, length: *mut u32) -> c_int {
    report(with(fd, |_, socket| {
        // SAFETY: as the caller promises.
        unsafe { give_address(socket.local()?, to, length) }.map(|()| 0)
    }))
}

/// # Safety
/// As POSIX has it: `to` is valid for as many bytes as `length` says.
#[unsafe(no_mangle)]
unsafe extern "C" fn getpeername(fd: c_int, to: *mut c_void, length: *mut u32) -> c_int {
    report(with(fd, |_, socket| {
        // SAFETY: as the caller promises.
        unsafe { give_address(socket.peer()?, to, length) }.map(|()| 0)
    }))
}

/// # Safety
/// As POSIX has it: `to` is valid for as many bytes as `length` says.
#[unsafe(no_mangle)]
unsafe extern "C" fn getsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    to: *mut c_void,
    length: *mut u32,
) -> c_int {
    report(with(fd, |_, socket| {
        if to.is_null() || length.is_null() {
            return Err(Errno::EFAULT);
        }
        let value = net::get_option(socket, level, name)?;
        // SAFETY: as the caller promises; it is not null.
        let room = unsafe { length.read() } as usize;
        let count = room.min(value.len());
        // SAFETY: as the caller promises.
        let place = unsafe { buffer(to, count) }?;
        for (to, from) in place.iter_mut().zip(value) {
            *to = from;
        }
        // SAFETY: as the caller promises; it is not null.
        unsafe { length.write(count as u32) };
        Ok(0)
    }))
}

/// # Safety
/// As POSIX has it: `start` is valid for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn setsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    start: *const c_void,
    length: u32,
) -> c_int {
    report(with(fd, |_, socket| {
        // SAFETY: as the caller promises.
        let value = unsafe { bytes(start, length as usize) }?;
        net::set_option(socket, level, name, value).map(|()| 0)
    }))
}

/// Whether the call is not to wait, by its flags.
const fn at_once(flags: c_int) -> bool {
    flags & libc::MSG_DONTWAIT != 0
}

fn receive_once(
    description: &Description,
    socket: &dyn Socket,
    buffer: &mut [u8],
    flags: c_int,
) -> Result<Received, Errno> {
    let mut attempt = || socket.receive(buffer, flags & libc::MSG_PEEK != 0);
    if at_once(flags) { attempt() } else { blocking::perform(description, events::IN, attempt) }
}

/// # Safety
/// As POSIX has it: `start` is valid for `count` bytes; `from` is null, or valid for as many bytes as
/// `length` says.
#[unsafe(no_mangle)]
unsafe extern "C" fn recvfrom(
    fd: c_int,
    start: *mut c_void,
    count: usize,
    flags: c_int,
    from: *mut c_void,
    length: *mut u32,
) -> isize {
    report(with(fd, |description, socket| {
        // SAFETY: as the caller promises.
        let buffer = unsafe { buffer(start, count) }?;
        let received = receive_once(description, socket, buffer, flags)?;
        if let Some(address) = received.from {
            // SAFETY: as the caller promises.
            unsafe { give_address(address, from, length) }?;
        } else if !from.is_null() && !length.is_null() {
            // A stream names no sender.
            // SAFETY: as the caller promises.
            unsafe { length.write(0) };
        }
        let whole = flags & libc::MSG_TRUNC != 0;
        Ok(if whole { received.whole } else { received.length }.cast_signed())
    }))
}

/// # Safety
/// As POSIX has it: `start` is valid for `count` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn recv(fd: c_int, start: *mut c_void, count: usize, flags: c_int) -> isize {
    // SAFETY: as the caller promises.
    unsafe { recvfrom(fd, start, count, flags, ptr::null_mut(), ptr::null_mut()) }
}

/// # Safety
/// As POSIX has it: `start` is valid for `count` bytes, and `to` is null or valid for `length`.
#[unsafe(no_mangle)]
unsafe extern "C" fn sendto(
    fd: c_int,
    start: *const c_void,
    count: usize,
    flags: c_int,
    to: *const c_void,
    length: u32,
) -> isize {
    report(with(fd, |description, socket| {
        // SAFETY: as the caller promises.
        let data = unsafe { bytes(start, count) }?;
        // SAFETY: as the caller promises.
        let to = unsafe { address(to, length) }?;
        let sent = if at_once(flags) {
            socket.send(data, to)
        } else {
            blocking::write_with(description, data, |rest| socket.send(rest, to))
        };
        sent.map(usize::cast_signed)
    }))
}

/// # Safety
/// As POSIX has it: `start` is valid for `count` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn send(fd: c_int, start: *const c_void, count: usize, flags: c_int) -> isize {
    // SAFETY: as the caller promises.
    unsafe { sendto(fd, start, count, flags, ptr::null(), 0) }
}

/// # Safety
/// As POSIX has it: `message` is valid, and so is what it points to. Control data are neither sent nor
/// received here.
#[unsafe(no_mangle)]
unsafe extern "C" fn sendmsg(fd: c_int, message: *const libc::msghdr, flags: c_int) -> isize {
    report(with(fd, |description, socket| {
        // SAFETY: as the caller promises.
        let message = unsafe { message.as_ref() }.ok_or(Errno::EFAULT)?;
        if message.msg_controllen != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        // SAFETY: as the caller promises.
        let to = unsafe { address(message.msg_name, message.msg_namelen) }?;
        // SAFETY: as the caller promises.
        let vectors = unsafe { vectors(message.msg_iov, message.msg_iovlen) }?;
        // SAFETY: as the caller promises.
        unsafe { write_vectors(description, vectors, !at_once(flags), |data| socket.send(data, to)) }
            .map(usize::cast_signed)
    }))
}

/// # Safety
/// As POSIX has it: `message` is valid, and so is what it points to.
#[unsafe(no_mangle)]
unsafe extern "C" fn recvmsg(fd: c_int, message: *mut libc::msghdr, flags: c_int) -> isize {
    report(with(fd, |description, socket| {
        // SAFETY: as the caller promises.
        let message = unsafe { message.as_mut() }.ok_or(Errno::EFAULT)?;
        // SAFETY: as the caller promises.
        let vectors = unsafe { vectors(message.msg_iov, message.msg_iovlen) }?;
        // The buffers may be many and the datagram is one: it goes through a buffer of ours.
        let room = vectors.iter().fold(0_usize, |sum, vector| sum.saturating_add(vector.iov_len));
        let mut data = alloc::vec![0; room.min(MAX_MESSAGE)];
        let received = receive_once(description, socket, &mut data, flags)?;
        let mut rest = data.get(..received.length).unwrap_or_default();
        for vector in vectors {
            // SAFETY: as the caller promises.
            let place = unsafe { buffer(vector.iov_base, vector.iov_len) }?;
            let (now, later) = rest.split_at(rest.len().min(place.len()));
            if let Some(place) = place.get_mut(..now.len()) {
                place.copy_from_slice(now);
            }
            rest = later;
        }
        if let Some(from) = received.from {
            // SAFETY: as the caller promises.
            unsafe { give_address(from, message.msg_name, &raw mut message.msg_namelen) }?;
        } else {
            message.msg_namelen = 0;
        }
        message.msg_controllen = 0;
        message.msg_flags = if received.whole > received.length { libc::MSG_TRUNC } else { 0 };
        let whole = flags & libc::MSG_TRUNC != 0;
        Ok(if whole { received.whole } else { received.length }.cast_signed())
    }))
}
