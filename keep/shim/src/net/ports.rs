//! Which socket has which port.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use crate::errno::Errno;
use crate::sync::Lock;
use crate::sys;

/// The ports that are given to sockets without one, as on Linux.
const FIRST: u16 = 32768;
const LAST: u16 = 60999;

/// What a socket asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    /// Port 0: any free one.
    pub(super) address: SocketAddr,
    /// The unspecified IPv6 address stands for IPv6 alone.
    pub(super) v6_only: bool,
    /// The address may be shared with others that say so, as long as none of them listens.
    pub(super) shared: bool,
}

impl Claim {
    /// Whether packets to `ip` are for the one who has this.
    fn covers(&self, ip: IpAddr) -> bool {
        match self.address.ip() {
            own if own == ip => true,
            IpAddr::V4(own) => own.is_unspecified() && ip.is_ipv4(),
            IpAddr::V6(own) => own.is_unspecified() && (ip.is_ipv6() || !self.v6_only),
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.covers(other.address.ip()) || other.covers(self.address.ip())
    }
}

#[derive(Debug)]
struct Holder<S> {
    claim: Claim,
    listens: bool,
    socket: Weak<S>,
}

/// The ports of one protocol.
#[derive(Debug)]
pub(super) struct Ports<S: 'static> {
    holders: Lock<BTreeMap<u16, Vec<Holder<S>>>>,
}

/// A port that a socket has, until this is dropped.
#[derive(Debug)]
pub(super) struct Reservation<S: 'static> {
    ports: &'static Ports<S>,
    /// With the port, never 0.
    pub(super) address: SocketAddr,
    socket: Weak<S>,
}

impl<S> Ports<S> {
    pub(super) const fn new() -> Self {
        Self { holders: Lock::new(BTreeMap::new()) }
    }

    /// Gives `socket` what it claims.
    ///
    /// # Errors
    /// `EADDRINUSE`.
    pub(super) fn reserve(&'static self, claim: Claim, socket: &Weak<S>) -> Result<Reservation<S>, Errno> {
        let mut holders = self.holders.lock();
        let free = |port: u16, shared: bool| {
            holders.get(&port).is_none_or(|holders| {
                holders.iter().all(|holder| {
                    !holder.claim.overlaps(&claim) || (shared && holder.claim.shared && !holder.listens)
                })
            })
        };
        let port = match claim.address.port() {
            0 => {
                let mut random = [0; 2];
                sys::random(&mut random);
                let count = LAST - FIRST + 1;
                let start = u16::from_ne_bytes(random) % count;
                let mut ports = (0..count).map(|step| FIRST + ((start + step) % count));
                ports.find(|port| free(*port, false)).ok_or(Errno::EADDRINUSE)?
            }
            port if free(port, claim.shared) => port,
            _ => return Err(Errno::EADDRINUSE),
        };
        let address = SocketAddr::new(claim.address.ip(), port);
        let claim = Claim { address, ..claim };
        let holder = Holder { claim, listens: false, socket: Weak::clone(socket) };
        holders.entry(port).or_default().push(holder);
        Ok(Reservation { ports: self, address, socket: Weak::clone(socket) })
    }

    /// The sockets that packets to `to` are for, those bound to the very address first.
    pub(super) fn find(&self, to: SocketAddr, listening: bool) -> Vec<Arc<S>> {
        let holders = self.holders.lock();
        let mut found: Vec<_> = holders
            .get(&to.port())
            .into_iter()
            .flatten()
            .filter(|holder| holder.claim.covers(to.ip()) && holder.listens == listening)
            .collect();
        found.sort_by_key(|holder| holder.claim.address.ip() != to.ip());
        found.iter().filter_map(|holder| holder.socket.upgrade()).collect()
    }
}

impl<S> Reservation<S> {
    /// Marks the socket as one that listens.
    ///
    /// # Errors
    /// `EADDRINUSE`: another that shares the address listens already.
    pub(super) fn listen(&self) -> Result<(), Errno> {
        let mut holders = self.ports.holders.lock();
        let holders = holders.entry(self.address.port()).or_default();
        let mine = |holder: &Holder<S>| Weak::ptr_eq(&holder.socket, &self.socket);
        let claim = holders.iter().find(|holder| mine(holder)).map(|holder| holder.claim);
        let claim = claim.ok_or(Errno::EINVAL)?;
        if holders.iter().any(|other| !mine(other) && other.listens && other.claim.overlaps(&claim)) {
            return Err(Errno::EADDRINUSE);
        }
        for holder in holders.iter_mut().filter(|holder| mine(holder)) {
            holder.listens = true;
        }
        Ok(())
    }
}

impl<S> Drop for Reservation<S> {
    fn drop(&mut self) {
        let mut all = self.ports.holders.lock();
        if let Some(holders) = all.get_mut(&self.address.port()) {
            holders.retain(|holder| !Weak::ptr_eq(&holder.socket, &self.socket));
            if holders.is_empty() {
                all.remove(&self.address.port());
            }
        }
    }
}
