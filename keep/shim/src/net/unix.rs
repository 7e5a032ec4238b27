//! Pairs of Unix stream sockets.

use alloc::sync::Arc;
use core::any::Any;

use super::link::{Link, Manner, Side};
use super::{Address, Family, Options, Received, Shutdown, Socket, Transport};
use crate::errno::Errno;
use crate::object::{Object, Stat};
use crate::sync::Lock;
use crate::wait::WaitSet;

/// One of the two.
#[derive(Debug)]
struct UnixSocket {
    link: Arc<Link>,
    side: Side,
    waiters: Arc<WaitSet>,
    options: Lock<Options>,
}

/// `socketpair(AF_UNIX, SOCK_STREAM, 0)`.
#[must_use]
pub fn pair() -> (Arc<dyn Object>, Arc<dyn Object>) {
    let first = Arc::new(WaitSet::new());
    let second = Arc::new(WaitSet::new());
    let link = Link::new(Arc::clone(&first), Arc::clone(&second), Manner::Unix);
    let socket = |side, waiters| -> Arc<dyn Object> {
        Arc::new(UnixSocket { link: Arc::clone(&link), side, waiters, options: Lock::new(Options::NEW) })
    };
    (socket(Side::First, first), socket(Side::Second, second))
}

impl Object for UnixSocket {
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.link.read(self.side, buffer, false)
    }

    fn write(&self, buffer: &[u8]) -> Result<usize, Errno> {
        self.link.write(self.side, buffer)
    }

    fn ready(&self) -> u32 {
        self.link.ready(self.side)
    }

    fn waiters(&self) -> Option<&WaitSet> {
        Some(&self.waiters)
    }

    fn available(&self) -> Result<usize, Errno> {
        Ok(self.link.available(self.side))
    }

    fn socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }

    fn stat(&self) -> Result<Stat, Errno> {
        Ok(Stat { mode: libc::S_IFSOCK | 0o777, links: 1, ..Stat::default() })
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl Socket for UnixSocket {
    fn family(&self) -> Family {
        Family::Unix
    }

    fn transport(&self) -> Transport {
        Transport::Stream
    }

    fn options(&self) -> &Lock<Options> {
        &self.options
    }

    fn take_error(&self) -> Option<Errno> {
        self.link.take_error(self.side)
    }

    fn send(&self, data: &[u8], to: Option<Address>) -> Result<usize, Errno> {
        if to.is_some() { Err(Errno::EISCONN) } else { self.write(data) }
    }

    fn receive(&self, buffer: &mut [u8], peek: bool) -> Result<Received, Errno> {
        self.link.read(self.side, buffer, peek).map(Received::bytes)
    }

    fn shutdown(&self, how: Shutdown) -> Result<(), Errno> {
        self.link.shutdown(self.side, how)
    }

    fn local(&self) -> Result<Address, Errno> {
        Ok(Address::Unix)
    }

    fn peer(&self) -> Result<Address, Errno> {
        Ok(Address::Unix)
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        self.link.close(self.side, false);
    }
}
