//! TCP sockets.

use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use core::any::Any;
use core::net::SocketAddr;

use super::link::{Link, Manner, Side};
use super::ports::{Claim, Ports, Reservation};
use super::{Address, Family, Options, Received, Shutdown, Socket, Transport, address};
use crate::errno::Errno;
use crate::object::{Object, Stat, events};
use crate::sync::Lock;
use crate::wait::WaitSet;

/// The longest queue of connections to accept; Linux's default `somaxconn`.
const MAX_BACKLOG: i32 = 4096;

static PORTS: Ports<Tcp> = Ports::new();

/// A TCP socket.
///
/// Two sockets' states are locked together in one place, [`Tcp::connect`]: first that of the connecting
/// socket, then the listener's, which never connects itself.
#[derive(Debug)]
pub(super) struct Tcp {
    me: Weak<Self>,
    family: Family,
    state: Lock<State>,
    options: Lock<Options>,
    waiters: Arc<WaitSet>,
}

#[derive(Debug)]
enum State {
    /// Neither connected nor listening.
    Idle(Option<Reservation<Tcp>>),
    Listening {
        reservation: Reservation<Tcp>,
        queue: VecDeque<Arc<Tcp>>,
        backlog: usize,
    },
    Connected {
        link: Arc<Link>,
        side: Side,
        local: SocketAddr,
        peer: SocketAddr,
        /// The port, if it is this socket's alone and not the listener's.
        _reservation: Option<Reservation<Tcp>>,
    },
}

impl Tcp {
    pub(super) fn create(family: Family) -> Arc<Self> {
        Self::with(family, Options::NEW)
    }

    fn with(family: Family, options: Options) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            family,
            state: Lock::new(State::Idle(None)),
            options: Lock::new(options),
            waiters: Arc::new(WaitSet::new()),
        })
    }

    fn reserve(&self, address: SocketAddr) -> Result<Reservation<Self>, Errno> {
        let options = *self.options.lock();
        let claim = Claim { address, v6_only: options.v6_only, shared: options.reuse_address };
        PORTS.reserve(claim, &self.me)
    }

    fn any_port(&self) -> SocketAddr {
        (address::unspecified(self.family), 0).into()
    }

    /// The connection, if there is one.
    fn link(&self) -> Result<(Arc<Link>, Side), Errno> {
        match &*self.state.lock() {
            State::Connected { link, side, .. } => Ok((Arc::clone(link), *side)),
            _ => Err(Errno::ENOTCONN),
        }
    }

    /// Takes a connection into the queue of a listener and returns what the connecting socket becomes.
    ///
    /// # Errors
    /// `ECONNREFUSED`: it does not listen any more, or its queue is full. (Linux would let a client wait
    /// for a full queue; here it is told at once.)
    fn offer(&self, client: &Self, from: SocketAddr, to: SocketAddr) -> Result<(Arc<Link>, Side), Errno> {
        let mut state = self.state.lock();
        let State::Listening { queue, backlog, .. } = &mut *state else {
            return Err(Errno::ECONNREFUSED);
        };
        if queue.len() > *backlog {
            return Err(Errno::ECONNREFUSED);
        }
        let accepted = Self::with(self.family, *self.options.lock());
        let link = Link::new(Arc::clone(&client.waiters), Arc::clone(&accepted.waiters), Manner::Tcp);
        *accepted.state.lock() = State::Connected {
            link: Arc::clone(&link),
            side: Side::Second,
            local: to,
            peer: from,
            _reservation: None,
        };
        queue.push_back(accepted);
        drop(state);
        self.waiters.notify(events::IN);
        Ok((link, Side::First))
    }
}

impl Socket for Tcp {
    fn family(&self) -> Family {
        self.family
    }

    fn transport(&self) -> Transport {
        Transport::Stream
    }

    fn options(&self) -> &Lock<Options> {
        &self.options
    }

    fn listening(&self) -> bool {
        matches!(&*self.state.lock(), State::Listening { .. })
    }

    fn take_error(&self) -> Option<Errno> {
        let (link, side) = self.link().ok()?;
        link.take_error(side)
    }

    fn bind(&self, address: Address) -> Result<(), Errno> {
        let address = address::take_in(self.family, address)?;
        if !address::is_ours(address.ip()) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let mut state = self.state.lock();
        let State::Idle(reservation @ None) = &mut *state else { return Err(Errno::EINVAL) };
        *reservation = Some(self.reserve(address)?);
        Ok(())
    }

    fn connect(&self, address: Address) -> Result<(), Errno> {
        let to = address::route(address::take_in(self.family, address)?)?;
        if self.family == Family::V6 && to.is_ipv4() && self.options.lock().v6_only {
            return Err(Errno::ENETUNREACH);
        }
        let mut state = self.state.lock();
        let State::Idle(reservation) = &mut *state else { return Err(Errno::EISCONN) };
        let listener = PORTS.find(to, true).into_iter().next().ok_or(Errno::ECONNREFUSED)?;
        let reservation = match reservation.take() {
            Some(reservation) => reservation,
            None => self.reserve((address::loopback_like(to.ip()), 0).into())?,
        };
        let local = match reservation.address {
            bound if bound.ip().is_unspecified() => (address::loopback_like(to.ip()), bound.port()).into(),
            bound => bound,
        };
        match listener.offer(self, local, to) {
            Ok((link, side)) => {
                let _reservation = Some(reservation);
                *state = State::Connected { link, side, local, peer: to, _reservation };
            }
            Err(errno) => {
                *state = State::Idle(Some(reservation));
                return Err(errno);
            }
        }
        drop(state);
        self.waiters.notify(events::OUT);
        Ok(())
    }

    fn listen(&self, backlog: i32) -> Result<(), Errno> {
        // A negative one is the greatest, as on Linux.
        let most = if backlog < 0 { MAX_BACKLOG } else { backlog.min(MAX_BACKLOG) };
        let mut state = self.state.lock();
        match &mut *state {
            State::Listening { backlog, .. } => *backlog = most as usize,
            State::Connected { .. } => return Err(Errno::EINVAL),
            State::Idle(reservation) => {
                let reservation = match reservation.take() {
                    Some(reservation) => reservation,
                    None => self.reserve(self.any_port())?,
                };
                if let Err(errno) = reservation.listen() {
                    *state = State::Idle(Some(reservation));
                    return Err(errno);
                }
                *state = State::Listening { reservation, queue: VecDeque::new(), backlog: most as usize };
            }
        }
        Ok(())
    }

    fn accept(&self) -> Result<(Arc<dyn Object>, Address), Errno> {
        let mut state = self.state.lock();
        let State::Listening { queue, .. } = &mut *state else { return Err(Errno::EINVAL) };
        let accepted = queue.pop_front().ok_or(Errno::EAGAIN)?;
        drop(state);
        let peer = accepted.peer_address().ok_or(Errno::ECONNABORTED)?;
        Ok((accepted, address::show(self.family, peer)))
    }

    fn send(&self, data: &[u8], _to: Option<Address>) -> Result<usize, Errno> {
        // Linux ignores the address too.
        self.write(data)
    }

    fn receive(&self, buffer: &mut [u8], peek: bool) -> Result<Received, Errno> {
        let (link, side) = self.link()?;
        link.read(side, buffer, peek).map(Received::bytes)
    }

    fn shutdown(&self, how: Shutdown) -> Result<(), Errno> {
        let (link, side) = self.link()?;
        link.shutdown(side, how)
    }

    fn local(&self) -> Result<Address, Errno> {
        let local = match &*self.state.lock() {
            State::Idle(None) => self.any_port(),
            State::Idle(Some(reservation)) | State::Listening { reservation, .. } => reservation.address,
            State::Connected { local, .. } => *local,
        };
        Ok(address::show(self.family, local))
    }

    fn peer(&self) -> Result<Address, Errno> {
        let (link, side) = self.link()?;
        let peer = self.peer_address().filter(|_| link.has_peer(side)).ok_or(Errno::ENOTCONN)?;
        Ok(address::show(self.family, peer))
    }
}

impl Tcp {
    fn peer_address(&self) -> Option<SocketAddr> {
        match &*self.state.lock() {
            State::Connected { peer, .. } => Some(*peer),
            _ => None,
        }
    }
}

impl Object for Tcp {
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let (link, side) = self.link()?;
        link.read(side, buffer, false)
    }

    fn write(&self, buffer: &[u8]) -> Result<usize, Errno> {
        // Linux says EPIPE, not ENOTCONN, to a write before the connection.
        let (link, side) = self.link().map_err(|_| Errno::EPIPE)?;
        link.write(side, buffer)
    }

    fn ready(&self) -> u32 {
        match &*self.state.lock() {
            State::Idle(_) => events::OUT | events::HUP,
            State::Listening { queue, .. } if queue.is_empty() => 0,
            State::Listening { .. } => events::IN,
            State::Connected { link, side, .. } => link.ready(*side),
        }
    }

    fn waiters(&self) -> Option<&WaitSet> {
        Some(&self.waiters)
    }

    fn available(&self) -> Result<usize, Errno> {
        match &*self.state.lock() {
            State::Idle(_) => Ok(0),
            State::Listening { .. } => Err(Errno::EINVAL),
            State::Connected { link, side, .. } => Ok(link.available(*side)),
        }
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

impl Drop for Tcp {
    fn drop(&mut self) {
        let abrupt = self.options.get_mut().linger == (true, 0);
        match self.state.get_mut() {
            State::Idle(_) => {}
            State::Connected { link, side, .. } => link.close(*side, abrupt),
            // Who was not accepted in time is told so.
            State::Listening { queue, .. } => {
                for accepted in queue.drain(..) {
                    accepted.options.lock().linger = (true, 0);
                }
            }
        }
    }
}
