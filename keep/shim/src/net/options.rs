//! Socket options. Few change anything on a path that is all in memory; all are kept and answered.

use alloc::vec::Vec;

use super::{Family, Socket, Transport};
use crate::errno::Errno;

/// An option's value as it lies in memory.
pub type Value = Vec<u8>;

/// Linux doubles a buffer size that is set, and keeps to these limits, in bytes.
const MAX_BUFFER: i32 = 212_992;
const MIN_RECEIVE: i32 = 2304;
const MIN_SEND: i32 = 4608;

/// The longest time of `TCP_KEEPIDLE` and `TCP_KEEPINTVL`, in seconds, and most probes of `TCP_KEEPCNT`.
const MAX_KEEP_TIME: i32 = 32767;
const MAX_KEEP_COUNT: i32 = 127;

/// The options of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// `SO_REUSEADDR`.
    pub reuse_address: bool,
    /// `SO_KEEPALIVE`.
    pub keep_alive: bool,
    /// `SO_BROADCAST`.
    pub broadcast: bool,
    /// `SO_LINGER`: on or not, and seconds.
    pub linger: (bool, i32),
    /// `SO_RCVBUF` as it is read, in bytes.
    pub receive_buffer: i32,
    /// `SO_SNDBUF` as it is read, in bytes.
    pub send_buffer: i32,
    /// `TCP_NODELAY`.
    pub no_delay: bool,
    /// `TCP_KEEPIDLE`, in seconds.
    pub keep_idle: i32,
    /// `TCP_KEEPINTVL`, in seconds.
    pub keep_interval: i32,
    /// `TCP_KEEPCNT`.
    pub keep_count: i32,
    /// `IP_TTL`.
    pub ttl: i32,
    /// `IPV6_UNICAST_HOPS`.
    pub hops: i32,
    /// `IPV6_V6ONLY`.
    pub v6_only: bool,
}

impl Options {
    /// Linux's defaults.
    pub const NEW: Self = Self {
        reuse_address: false,
        keep_alive: false,
        broadcast: false,
        linger: (false, 0),
        receive_buffer: MAX_BUFFER,
        send_buffer: MAX_BUFFER,
        no_delay: false,
        keep_idle: 7200,
        keep_interval: 75,
        keep_count: 9,
        ttl: 64,
        hops: 64,
        v6_only: false,
    };
}

fn number(value: impl Into<i32>) -> Value {
    value.into().to_ne_bytes().to_vec()
}

/// `getsockopt(2)`.
///
/// # Errors
/// `ENOPROTOOPT`, `EOPNOTSUPP`: there is no such option on such a socket.
pub fn get_option(socket: &dyn Socket, level: i32, name: i32) -> Result<Value, Errno> {
    let family = socket.family();
    let stream = socket.transport() == Transport::Stream;
    let inet = family != Family::Unix;
    if (level, name) == (libc::SOL_SOCKET, libc::SO_ERROR) {
        return Ok(number(socket.take_error().map_or(0, |errno| errno.0)));
    }
    let options = *socket.options().lock();
    Ok(match (level, name) {
        (libc::SOL_SOCKET, libc::SO_TYPE) => {
            number(if stream { libc::SOCK_STREAM } else { libc::SOCK_DGRAM })
        }
        (libc::SOL_SOCKET, libc::SO_DOMAIN) => number(match family {
            Family::Unix => libc::AF_UNIX,
            Family::V4 => libc::AF_INET,
            Family::V6 => libc::AF_INET6,
        }),
        (libc::SOL_SOCKET, libc::SO_PROTOCOL) => number(match (inet, stream) {
            (false, _) => 0,
            (true, true) => libc::IPPROTO_TCP,
            (true, false) => libc::IPPROTO_UDP,
        }),
        (libc::SOL_SOCKET, libc::SO_ACCEPTCONN) => number(socket.listening()),
        (libc::SOL_SOCKET, libc::SO_REUSEADDR) => number(options.reuse_address),
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE) => number(options.keep_alive),
        (libc::SOL_SOCKET, libc::SO_BROADCAST) => number(options.broadcast),
        (libc::SOL_SOCKET, libc::SO_RCVBUF) => number(options.receive_buffer),
        (libc::SOL_SOCKET, libc::SO_SNDBUF) => number(options.send_buffer),
        (libc::SOL_SOCKET, libc::SO_LINGER) => {
            let (on, seconds) = options.linger;
            [number(on), number(seconds)].concat()
        }
        (libc::IPPROTO_TCP, _) if !(inet && stream) => return Err(Errno::EOPNOTSUPP),
        (libc::IPPROTO_TCP, libc::TCP_NODELAY) => number(options.no_delay),
        (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE) => number(options.keep_idle),
        (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL) => number(options.keep_interval),
        (libc::IPPROTO_TCP, libc::TCP_KEEPCNT) => number(options.keep_count),
        (libc::IPPROTO_IP | libc::IPPROTO_IPV6, _) if !inet => return Err(Errno::EOPNOTSUPP),
        (libc::IPPROTO_IP, libc::IP_TTL) => number(options.ttl),
        (libc::IPPROTO_IPV6, _) if family != Family::V6 => return Err(Errno::EOPNOTSUPP),
        (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) => number(options.v6_only),
        (libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS) => number(options.hops),
        _ => return Err(Errno::ENOPROTOOPT),
    })
}

/// `setsockopt(2)`.
///
/// # Errors
/// `ENOPROTOOPT`, `EOPNOTSUPP`: there is no such option on such a socket, or it cannot be set; `EINVAL`:
/// the value is too short or out of range.
pub fn set_option(socket: &dyn Socket, level: i32, name: i32, value: &[u8]) -> Result<(), Errno> {
    let family = socket.family();
    let inet = family != Family::Unix;
    let stream = socket.transport() == Transport::Stream;
    let word = |at: usize| {
        let bytes = value.get(at..).and_then(|rest| rest.first_chunk());
        bytes.copied().map(i32::from_ne_bytes).ok_or(Errno::EINVAL)
    };
    let value = word(0)?;
    let ranged = |most: i32| Some(value).filter(|v| (1..=most).contains(v)).ok_or(Errno::EINVAL);
    let bound =
        || socket.local().is_ok_and(|address| matches!(address, super::Address::Inet(a) if a.port() != 0));
    // Before the lock: these ask the socket itself.
    if (level, name) == (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) && family == Family::V6 && bound() {
        return Err(Errno::EINVAL);
    }
    let mut options = socket.options().lock();
    match (level, name) {
        (libc::SOL_SOCKET, libc::SO_REUSEADDR) => options.reuse_address = value != 0,
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE) => options.keep_alive = value != 0,
        (libc::SOL_SOCKET, libc::SO_BROADCAST) => options.broadcast = value != 0,
        (libc::SOL_SOCKET, libc::SO_RCVBUF) => {
            options.receive_buffer = (value.clamp(0, MAX_BUFFER) * 2).max(MIN_RECEIVE);
        }
        (libc::SOL_SOCKET, libc::SO_SNDBUF) => {
            options.send_buffer = (value.clamp(0, MAX_BUFFER) * 2).max(MIN_SEND);
        }
        (libc::SOL_SOCKET, libc::SO_LINGER) => options.linger = (value != 0, word(4)?),
        (libc::IPPROTO_TCP, _) if !(inet && stream) => return Err(Errno::EOPNOTSUPP),
        (libc::IPPROTO_TCP, libc::TCP_NODELAY) => options.no_delay = value != 0,
        (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE) => options.keep_idle = ranged(MAX_KEEP_TIME)?,
        (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL) => options.keep_interval = ranged(MAX_KEEP_TIME)?,
        (libc::IPPROTO_TCP, libc::TCP_KEEPCNT) => options.keep_count = ranged(MAX_KEEP_COUNT)?,
        (libc::IPPROTO_IP | libc::IPPROTO_IPV6, _) if !inet => return Err(Errno::EOPNOTSUPP),
        (libc::IPPROTO_IP, libc::IP_TTL) => options.ttl = ranged(255)?,
        (libc::IPPROTO_IPV6, _) if family != Family::V6 => return Err(Errno::EOPNOTSUPP),
        (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) => options.v6_only = value != 0,
        (libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS) => match value {
            -1 => options.hops = Options::NEW.hops,
            0..=255 => options.hops = value,
            _ => return Err(Errno::EINVAL),
        },
        _ => return Err(Errno::ENOPROTOOPT),
    }
    Ok(())
}
