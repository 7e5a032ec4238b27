//! UDP sockets.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use core::any::Any;
use core::net::{IpAddr, SocketAddr};

use super::ports::{Claim, Ports, Reservation};
use super::{Address, Family, Options, Received, Shutdown, Socket, Transport, address};
use crate::errno::Errno;
use crate::object::{Object, Stat, events};
use crate::sync::Lock;
use crate::wait::WaitSet;

/// The longest datagram: what fits an IPv4 packet, in bytes.
const MAX_DATAGRAM: usize = 65507;

/// What a waiting datagram counts in the receive buffer beyond its bytes, so that empty ones are not free.
const OVERHEAD: usize = 512;

static PORTS: Ports<Udp> = Ports::new();

/// A UDP socket. No thread holds two sockets' states at a time.
#[derive(Debug)]
pub(super) struct Udp {
    me: Weak<Self>,
    family: Family,
    state: Lock<State>,
    options: Lock<Options>,
    waiters: WaitSet,
}

#[derive(Debug, Default)]
struct State {
    bound: Option<Bound>,
    peer: Option<SocketAddr>,
    queue: VecDeque<Datagram>,
    /// Size of the queue, in bytes.
    queued: usize,
    error: Option<Errno>,
    shut: (bool, bool),
}

#[derive(Debug)]
struct Bound {
    reservation: Reservation<Udp>,
    /// The address; in contrast to the reservation's it becomes a certain one in `connect`.
    ip: IpAddr,
    /// By `bind` and not on the way.
    explicit: bool,
}

#[derive(Debug)]
struct Datagram {
    from: SocketAddr,
    data: Box<[u8]>,
}

impl Udp {
    pub(super) fn create(family: Family) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            family,
            state: Lock::new(State::default()),
            options: Lock::new(Options::NEW),
            waiters: WaitSet::new(),
        })
    }

    fn reserve(&self, address: SocketAddr, explicit: bool) -> Result<Bound, Errno> {
        let options = *self.options.lock();
        let claim = Claim { address, v6_only: options.v6_only, shared: options.reuse_address };
        Ok(Bound { reservation: PORTS.reserve(claim, &self.me)?, ip: address.ip(), explicit })
    }

    /// The socket's address as the receiver at `to` sees it; takes a port if it has none.
    fn source(&self, state: &mut State, to: SocketAddr) -> Result<SocketAddr, Errno> {
        let bound = match &mut state.bound {
            Some(bound) => bound,
            none => none.insert(self.reserve((address::unspecified(self.family), 0).into(), false)?),
        };
        let ip = if bound.ip.is_unspecified() { address::loopback_like(to.ip()) } else { bound.ip };
        Ok((ip, bound.reservation.address.port()).into())
    }

    fn destination(&self, address: Address) -> Result<SocketAddr, Errno> {
        let to = address::take_in(self.family, address)?;
        if self.family == Family::V6 && to.is_ipv4() && self.options.lock().v6_only {
            return Err(Errno::ENETUNREACH);
        }
        address::route(to)
    }

    /// How well this socket fits a datagram: who is connected to the sender comes first.
    fn accepts(&self, from: SocketAddr, to: SocketAddr) -> Option<bool> {
        let state = self.state.lock();
        let bound = state.bound.as_ref()?;
        if !bound.ip.is_unspecified() && bound.ip != to.ip() {
            return None;
        }
        match state.peer {
            Some(peer) if peer == from => Some(true),
            Some(_) => None,
            None => Some(false),
        }
    }

    /// Takes a datagram in, or drops it for want of space.
    fn deliver(&self, from: SocketAddr, data: &[u8]) {
        let limit = usize::try_from(self.options.lock().receive_buffer).unwrap_or(0);
        let mut state = self.state.lock();
        // The first one always fits.
        if state.queued > 0 && state.queued + data.len() + OVERHEAD > limit {
            return;
        }
        state.queued += data.len() + OVERHEAD;
        state.queue.push_back(Datagram { from, data: data.into() });
        drop(state);
        self.waiters.notify(events::IN);
    }
}

impl Socket for Udp {
    fn family(&self) -> Family {
        self.family
    }

    fn transport(&self) -> Transport {
        Transport::Datagram
    }

    fn options(&self) -> &Lock<Options> {
        &self.options
    }

    fn take_error(&self) -> Option<Errno> {
        self.state.lock().error.take()
    }

    fn bind(&self, address: Address) -> Result<(), Errno> {
        let address = address::take_in(self.family, address)?;
        if !address::is_ours(address.ip()) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let mut state = self.state.lock();
        if state.bound.is_some() {
            return Err(Errno::EINVAL);
        }
        state.bound = Some(self.reserve(address, true)?);
        Ok(())
    }

    fn connect(&self, address: Address) -> Result<(), Errno> {
        if address == Address::Unspecified {
            let mut state = self.state.lock();
            state.peer = None;
            match &mut state.bound {
                Some(bound) if bound.explicit => bound.ip = bound.reservation.address.ip(),
                bound => *bound = None,
            }
            return Ok(());
        }
        let to = self.destination(address)?;
        let mut state = self.state.lock();
        let source = self.source(&mut state, to)?;
        if let Some(bound) = &mut state.bound {
            bound.ip = source.ip();
        }
        state.peer = Some(to);
        Ok(())
    }

    fn listen(&self, _backlog: i32) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn accept(&self) -> Result<(Arc<dyn Object>, Address), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn send(&self, data: &[u8], to: Option<Address>) -> Result<usize, Errno> {
        if data.len() > MAX_DATAGRAM {
            return Err(Errno::EMSGSIZE);
        }
        let to = to.map(|to| self.destination(to)).transpose()?;
        if to.is_some_and(|to| to.port() == 0) {
            return Err(Errno::EINVAL);
        }
        let mut state = self.state.lock();
        if let Some(error) = state.error.take() {
            return Err(error);
        }
        let to = to.or(state.peer).ok_or(Errno::EDESTADDRREQ)?;
        if state.shut.1 {
            return Err(Errno::EPIPE);
        }
        let from = self.source(&mut state, to)?;
        drop(state);
        let fits = |socket: Arc<Self>| socket.accepts(from, to).map(|connected| (socket, connected));
        let found = PORTS.find(to, false);
        let mut best = None;
        for (socket, connected) in found.into_iter().filter_map(fits) {
            if connected {
                best = Some(socket);
                break;
            }
            best = best.or(Some(socket));
        }
        if let Some(receiver) = best {
            receiver.deliver(from, data);
        } else {
            // What an unreachable port answers reaches only a sender that is connected to it.
            let mut state = self.state.lock();
            if state.peer == Some(to) {
                state.error = Some(Errno::ECONNREFUSED);
                drop(state);
                self.waiters.notify(events::ERR);
            }
        }
        Ok(data.len())
    }

    fn receive(&self, buffer: &mut [u8], peek: bool) -> Result<Received, Errno> {
        let mut state = self.state.lock();
        if let Some(error) = state.error.take() {
            return Err(error);
        }
        let Some(first) = state.queue.front() else {
            return if state.shut.0 { Ok(Received::bytes(0)) } else { Err(Errno::EAGAIN) };
        };
        let whole = first.data.len();
        let length = whole.min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(&first.data) {
            *to = *from;
        }
        let from = Some(address::show(self.family, first.from));
        if !peek {
            state.queue.pop_front();
            state.queued -= whole + OVERHEAD;
        }
        Ok(Received { length, whole, from })
    }

    fn shutdown(&self, how: Shutdown) -> Result<(), Errno> {
        let mut state = self.state.lock();
        if state.peer.is_none() {
            return Err(Errno::ENOTCONN);
        }
        state.shut.0 |= how.read;
        state.shut.1 |= how.write;
        drop(state);
        self.waiters.notify(events::IN | events::OUT | events::RDHUP | events::HUP);
        Ok(())
    }

    fn local(&self) -> Result<Address, Errno> {
        let state = self.state.lock();
        let address = match &state.bound {
            Some(bound) => (bound.ip, bound.reservation.address.port()).into(),
            None => (address::unspecified(self.family), 0).into(),
        };
        Ok(address::show(self.family, address))
    }

    fn peer(&self) -> Result<Address, Errno> {
        let peer = self.state.lock().peer.ok_or(Errno::ENOTCONN)?;
        Ok(address::show(self.family, peer))
    }
}

impl Object for Udp {
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        // In contrast to `recv(2)`, an empty `read(2)` of a socket takes nothing.
        if buffer.is_empty() {
            return Ok(0);
        }
        self.receive(buffer, false).map(|received| received.length)
    }

    fn write(&self, buffer: &[u8]) -> Result<usize, Errno> {
        self.send(buffer, None)
    }

    fn ready(&self) -> u32 {
        let state = self.state.lock();
        let mut ready = events::OUT;
        if !state.queue.is_empty() || state.shut.0 {
            ready |= events::IN;
        }
        if state.shut.0 {
            ready |= events::RDHUP;
        }
        if state.shut == (true, true) {
            ready |= events::HUP;
        }
        if state.error.is_some() {
            ready |= events::ERR;
        }
        ready
    }

    fn waiters(&self) -> Option<&WaitSet> {
        Some(&self.waiters)
    }

    fn available(&self) -> Result<usize, Errno> {
        Ok(self.state.lock().queue.front().map_or(0, |first| first.data.len()))
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
