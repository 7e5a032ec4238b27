//! `poll(2)` and `epoll(7)`.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ffi::{c_int, c_ulong};
use core::slice;

use super::errno::report;
use crate::epoll::{Epoll, Wish};
use crate::errno::Errno;
use crate::fd;
use crate::poll::{self, Request};
use crate::sys;

/// The moment after `timeout` milliseconds; nothing for a negative one, which never comes.
fn deadline(timeout: c_int) -> Option<u64> {
    let timeout = u64::try_from(timeout).ok()?;
    Some(sys::monotonic_ns().saturating_add(timeout * 1_000_000))
}

/// # Safety
/// As POSIX has it: `start` is valid for `count` structures.
#[unsafe(no_mangle)]
unsafe extern "C" fn poll(start: *mut libc::pollfd, count: c_ulong, timeout: c_int) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { poll_until(start, count, deadline(timeout)) }
}

/// The mask of signals means nothing here: there are none from outside.
///
/// # Safety
/// As Linux has it: `start` is valid for `count` structures, `timeout` null or valid.
#[unsafe(no_mangle)]
unsafe extern "C" fn ppoll(
    start: *mut libc::pollfd,
    count: c_ulong,
    timeout: *const libc::timespec,
    _mask: *const libc::sigset_t,
) -> c_int {
    // SAFETY: as the caller promises.
    let deadline = match unsafe { timeout.as_ref() } {
        None => None,
        Some(timeout) => {
            let seconds = u64::try_from(timeout.tv_sec).ok();
            let rest = u64::try_from(timeout.tv_nsec).ok().filter(|ns| *ns < 1_000_000_000);
            let (Some(seconds), Some(rest)) = (seconds, rest) else { return report(Err(Errno::EINVAL)) };
            Some(
                sys::monotonic_ns()
                    .saturating_add(seconds.saturating_mul(1_000_000_000))
                    .saturating_add(rest),
            )
        }
    };
    // SAFETY: as the caller promises.
    unsafe { poll_until(start, count, deadline) }
}

/// # Safety
/// `start` is valid for `count` structures, or null.
unsafe fn poll_until(start: *mut libc::pollfd, count: c_ulong, deadline: Option<u64>) -> c_int {
    let raw: &mut [libc::pollfd] = match usize::try_from(count) {
        Ok(0) => &mut [],
        Ok(count) if count <= fd::LIMIT && !start.is_null() => {
            // SAFETY: as the caller promises; it is not null.
            unsafe { slice::from_raw_parts_mut(start, count) }
        }
        Ok(_) if start.is_null() => return report(Err(Errno::EFAULT)),
        _ => return report(Err(Errno::EINVAL)),
    };
    let wanted = |raw: &libc::pollfd| u32::from(raw.events.cast_unsigned());
    let mut requests: Vec<_> =
        raw.iter().map(|raw| Request { fd: raw.fd, wanted: wanted(raw), ready: 0 }).collect();
    report(poll::poll(&mut requests, deadline).map(|ready| {
        for (raw, request) in raw.iter_mut().zip(&requests) {
            raw.revents = request.ready as i16;
        }
        ready as c_int
    }))
}

fn epoll(fd: c_int) -> Result<Arc<Epoll>, Errno> {
    Arc::clone(fd::get(fd)?.object()).as_any().downcast().map_err(|_| Errno::EINVAL)
}

#[unsafe(no_mangle)]
extern "C" fn epoll_create1(flags: c_int) -> c_int {
    if flags & !libc::EPOLL_CLOEXEC != 0 {
        return report(Err(Errno::EINVAL));
    }
    report(fd::install(Arc::new(Epoll::new()), flags | libc::O_RDWR))
}

/// # Safety
/// As Linux has it: `event` is valid for a read unless the operation is `EPOLL_CTL_DEL`.
#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_ctl(
    instance: c_int,
    operation: c_int,
    fd: c_int,
    event: *const libc::epoll_event,
) -> c_int {
    let wish = || {
        if event.is_null() {
            return Err(Errno::EFAULT);
        }
        // SAFETY: as the caller promises; it is not null.
        let event = unsafe { event.read_unaligned() };
        Ok(Wish { events: event.events, data: event.u64 })
    };
    report(epoll(instance).and_then(|epoll| {
        match operation {
            libc::EPOLL_CTL_ADD => epoll.add(fd, wish()?)?,
            libc::EPOLL_CTL_MOD => epoll.modify(fd, wish()?)?,
            libc::EPOLL_CTL_DEL => epoll.delete(fd)?,
            _ => return Err(Errno::EINVAL),
        }
        Ok(0)
    }))
}

/// # Safety
/// As Linux has it: `events` is valid for `limit` structures.
#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_wait(
    instance: c_int,
    events: *mut libc::epoll_event,
    limit: c_int,
    timeout: c_int,
) -> c_int {
    report(epoll(instance).and_then(|epoll| {
        let limit = usize::try_from(limit).ok().filter(|limit| *limit > 0).ok_or(Errno::EINVAL)?;
        if events.is_null() {
            return Err(Errno::EFAULT);
        }
        let reports = epoll.wait(limit, deadline(timeout));
        for (at, report) in reports.iter().enumerate() {
            // SAFETY: there are at most `limit` reports, and `events` is valid for as many.
            let place = unsafe { events.add(at) };
            // SAFETY: as above. The structure is packed.
            unsafe { place.write_unaligned(libc::epoll_event { events: report.events, u64: report.data }) };
        }
        Ok(reports.len() as c_int)
    }))
}
