//! `poll(2)`.

use alloc::vec::Vec;

use holdfast_gate::Interest;

use crate::errno::Errno;
use crate::fd;
use crate::object::events;
use crate::sys;
use crate::wait;

/// The descriptor is not open (`POLLNVAL`).
pub const INVALID: u32 = 0x020;

/// `POLLRDNORM` and `POLLWRNORM` say the same as `POLLIN` and `POLLOUT`.
const READ_NORMAL: u32 = 0x040;
const WRITE_NORMAL: u32 = 0x100;

/// One descriptor to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The descriptor; a negative one is passed over.
    pub fd: i32,
    /// Events to wait for.
    pub wanted: u32,
    /// Events that hold: the result.
    pub ready: u32,
}

/// Waits until something that is asked for holds, or until `deadline` (of [`sys::monotonic_ns`]), and
/// returns for how many requests it does.
///
/// # Errors
/// `EINVAL`: more requests than there can be descriptors.
pub fn poll(requests: &mut [Request], deadline: Option<u64>) -> Result<usize, Errno> {
    if requests.len() > fd::LIMIT {
        return Err(Errno::EINVAL);
    }
    let wanted = |request: &Request| request.wanted | events::ERR | events::HUP;
    let descriptions: Vec<_> = requests.iter().map(|request| fd::get(request.fd).ok()).collect();
    let _memberships: Vec<_> = requests
        .iter()
        .zip(&descriptions)
        .filter_map(|(request, description)| {
            Some(description.as_ref()?.object().waiters()?.join(wanted(request)))
        })
        .collect();
    let mut over = false;
    loop {
        let mut count = 0;
        let mut interest = Interest::NONE;
        for (request, description) in requests.iter_mut().zip(&descriptions) {
            request.ready = match description {
                _ if request.fd < 0 => 0,
                None => INVALID,
                Some(description) => {
                    let object = description.object();
                    interest = interest.union(object.interest(request.wanted));
                    with_synonyms(object.ready()) & wanted(request)
                }
            };
            count += usize::from(request.ready != 0);
        }
        if count > 0 || over {
            return Ok(count);
        }
        over = deadline.is_some_and(|deadline| sys::monotonic_ns() >= deadline);
        if !(over && interest.is_empty()) {
            // With the time over it is a look at the channel, without sleep.
            wait::park(interest, deadline);
        }
    }
}

const fn with_synonyms(mut ready: u32) -> u32 {
    if ready & events::IN != 0 {
        ready |= READ_NORMAL;
    }
    if ready & events::OUT != 0 {
        ready |= WRITE_NORMAL;
    }
    ready
}
