//! Socket addresses.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::Family;
use crate::errno::Errno;

/// A socket address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// `AF_INET` or `AF_INET6`.
    Inet(SocketAddr),
    /// `AF_UNIX` without a name.
    Unix,
    /// `AF_UNSPEC`: in `connect(2)`, the end of an association.
    Unspecified,
}

/// Length of Linux's `sockaddr_in6`, the longest address here.
const V6_LENGTH: usize = 28;
const V4_LENGTH: usize = 16;
/// The least length that Linux takes for a `sockaddr_in6` (`SIN6_LEN_RFC2133`).
const V6_LEAST: usize = 24;

impl Address {
    /// The address that Linux's `sockaddr` in `bytes` stands for.
    ///
    /// # Errors
    /// `EINVAL`: too short; `EAFNOSUPPORT`: of another family.
    pub fn parse(bytes: &[u8]) -> Result<Self, Errno> {
        let family = u16::from_ne_bytes(*bytes.first_chunk().ok_or(Errno::EINVAL)?);
        let field = |at: usize| bytes.get(at..).unwrap_or_default();
        let port = || field(2).first_chunk().copied().map(u16::from_be_bytes).ok_or(Errno::EINVAL);
        match i32::from(family) {
            libc::AF_UNSPEC => Ok(Self::Unspecified),
            libc::AF_UNIX => Ok(Self::Unix),
            libc::AF_INET if bytes.len() >= V4_LENGTH => {
                let ip: [u8; 4] = *field(4).first_chunk().ok_or(Errno::EINVAL)?;
                Ok(Self::Inet((Ipv4Addr::from(ip), port()?).into()))
            }
            libc::AF_INET6 if bytes.len() >= V6_LEAST => {
                let ip: [u8; 16] = *field(8).first_chunk().ok_or(Errno::EINVAL)?;
                let flow: [u8; 4] = *field(4).first_chunk().ok_or(Errno::EINVAL)?;
                let scope = field(24).first_chunk().copied().map_or(0, u32::from_ne_bytes);
                let address = SocketAddrV6::new(ip.into(), port()?, u32::from_ne_bytes(flow), scope);
                Ok(Self::Inet(address.into()))
            }
            libc::AF_INET | libc::AF_INET6 => Err(Errno::EINVAL),
            _ => Err(Errno::EAFNOSUPPORT),
        }
    }

    /// Linux's `sockaddr` for it: the bytes, and how many of them count.
    #[must_use]
    pub fn encode(&self) -> ([u8; V6_LENGTH], usize) {
        let mut bytes = [0; V6_LENGTH];
        let mut put = |at: usize, field: &[u8]| {
            if let Some(place) = bytes.get_mut(at..at + field.len()) {
                place.copy_from_slice(field);
            }
        };
        let family = |family: i32| (family as u16).to_ne_bytes();
        let length = match self {
            Self::Unspecified => 2,
            Self::Unix => {
                put(0, &family(libc::AF_UNIX));
                2
            }
            Self::Inet(SocketAddr::V4(v4)) => {
                put(0, &family(libc::AF_INET));
                put(2, &v4.port().to_be_bytes());
                put(4, &v4.ip().octets());
                V4_LENGTH
            }
            Self::Inet(SocketAddr::V6(v6)) => {
                put(0, &family(libc::AF_INET6));
                put(2, &v6.port().to_be_bytes());
                put(4, &v6.flowinfo().to_ne_bytes());
                put(8, &v6.ip().octets());
                put(24, &v6.scope_id().to_ne_bytes());
                V6_LENGTH
            }
        };
        (bytes, length)
    }
}

/// The address as the sockets here work with it: an IPv4 address in IPv6 clothes becomes one of IPv4.
///
/// # Errors
/// `EAFNOSUPPORT`: not of the socket's family.
pub(super) fn take_in(family: Family, address: Address) -> Result<SocketAddr, Errno> {
    match (family, address) {
        (Family::V4, Address::Inet(address @ SocketAddr::V4(_))) => Ok(address),
        (Family::V6, Address::Inet(SocketAddr::V6(v6))) => Ok((v6.ip().to_canonical(), v6.port()).into()),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

/// The reverse of [`take_in`]: as a socket of the family shows it.
pub(super) fn show(family: Family, address: SocketAddr) -> Address {
    Address::Inet(match (family, address) {
        (Family::V6, SocketAddr::V4(v4)) => (v4.ip().to_ipv6_mapped(), v4.port()).into(),
        _ => address,
    })
}

/// The address of a socket that has none.
pub(super) fn unspecified(family: Family) -> IpAddr {
    match family {
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
        Family::V4 | Family::Unix => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// The loopback address of the same family.
pub(super) const fn loopback_like(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    }
}

/// Where packets to `to` go: the unspecified address means this machine.
///
/// # Errors
/// `ENETUNREACH`: not in the Keep.
pub(super) fn route(to: SocketAddr) -> Result<SocketAddr, Errno> {
    if to.ip().is_unspecified() {
        Ok((loopback_like(to.ip()), to.port()).into())
    } else if to.ip().is_loopback() {
        Ok(to)
    } else {
        Err(Errno::ENETUNREACH)
    }
}

/// Whether a socket may be bound to the address.
pub(super) fn is_ours(ip: IpAddr) -> bool {
    ip.is_unspecified() || ip.is_loopback()
}
