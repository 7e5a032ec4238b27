//! Sockets inside the Keep: TCP and UDP between its own sockets, by the loopback addresses, and pairs of
//! Unix sockets. No packet leaves the Keep; other addresses are unreachable.

mod address;
mod link;
mod names;
mod options;
mod ports;
mod tcp;
mod udp;
mod unix;

use alloc::sync::Arc;

pub use address::Address;
pub use names::resolve;
pub use options::{Options, Value, get_option, set_option};
pub use unix::pair;

use crate::errno::Errno;
use crate::object::Object;
use crate::sync::Lock;

/// Address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `AF_UNIX`.
    Unix,
    /// `AF_INET`.
    V4,
    /// `AF_INET6`.
    V6,
}

/// Socket type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `SOCK_STREAM`.
    Stream,
    /// `SOCK_DGRAM`.
    Datagram,
}

/// Which directions `shutdown(2)` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// Receiving.
    pub read: bool,
    /// Sending.
    pub write: bool,
}

/// What a receive found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes in the buffer.
    pub length: usize,
    /// Length of the whole datagram; more than `length` if it was cut.
    pub whole: usize,
    /// Where a datagram came from.
    pub from: Option<Address>,
}

impl Received {
    /// So many bytes of a stream.
    #[must_use]
    pub const fn bytes(length: usize) -> Self {
        Self { length, whole: length, from: None }
    }
}

/// What sockets can do beyond other objects. Nothing here blocks, as in [`Object`]. The defaults are for
/// sockets that are connected from the start.
pub trait Socket {
    /// The address family.
    fn family(&self) -> Family;

    /// The socket type.
    fn transport(&self) -> Transport;

    /// The options that are kept for the program.
    fn options(&self) -> &Lock<Options>;

    /// Whether it listens (`SO_ACCEPTCONN`).
    fn listening(&self) -> bool {
        false
    }

    /// Takes the pending error (`SO_ERROR`).
    fn take_error(&self) -> Option<Errno> {
        None
    }

    /// `bind(2)`.
    ///
    /// # Errors
    /// As there.
    fn bind(&self, _address: Address) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    /// `connect(2)`.
    ///
    /// # Errors
    /// As there.
    fn connect(&self, _address: Address) -> Result<(), Errno> {
        Err(Errno::EISCONN)
    }

    /// `listen(2)`.
    ///
    /// # Errors
    /// As there.
    fn listen(&self, _backlog: i32) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    /// `accept(2)`: the new socket and its peer.
    ///
    /// # Errors
    /// As there; `EAGAIN` instead of blocking.
    fn accept(&self) -> Result<(Arc<dyn Object>, Address), Errno> {
        Err(Errno::EINVAL)
    }

    /// `sendto(2)`.
    ///
    /// # Errors
    /// As there; `EAGAIN` instead of blocking.
    fn send(&self, data: &[u8], to: Option<Address>) -> Result<usize, Errno>;

    /// `recvfrom(2)`; with `peek` the data stay.
    ///
    /// # Errors
    /// As there; `EAGAIN` instead of blocking.
    fn receive(&self, buffer: &mut [u8], peek: bool) -> Result<Received, Errno>;

    /// `shutdown(2)`.
    ///
    /// # Errors
    /// As there.
    fn shutdown(&self, how: Shutdown) -> Result<(), Errno>;

    /// `getsockname(2)`.
    ///
    /// # Errors
    /// As there.
    fn local(&self) -> Result<Address, Errno>;

    /// `getpeername(2)`.
    ///
    /// # Errors
    /// As there.
    fn peer(&self) -> Result<Address, Errno>;
}

/// `socket(2)`, for numbers of the C interface without the type's flags.
///
/// # Errors
/// `EAFNOSUPPORT`, `EPROTONOSUPPORT`, and `EINVAL` for a type that does not exist here.
pub fn socket(domain: i32, kind: i32, protocol: i32) -> Result<Arc<dyn Object>, Errno> {
    let family = match domain {
        libc::AF_INET => Family::V4,
        libc::AF_INET6 => Family::V6,
        _ => return Err(Errno::EAFNOSUPPORT),
    };
    match (kind, protocol) {
        (libc::SOCK_STREAM, 0 | libc::IPPROTO_TCP) => Ok(tcp::Tcp::create(family)),
        (libc::SOCK_DGRAM, 0 | libc::IPPROTO_UDP) => Ok(udp::Udp::create(family)),
        (libc::SOCK_STREAM | libc::SOCK_DGRAM, _) => Err(Errno::EPROTONOSUPPORT),
        _ => Err(Errno::EINVAL),
    }
}
