//! `epoll(7)`.
//!
//! An object tells each [`Watch`] on it of every change ([`crate::wait::WaitSet::notify`]); the watch then
//! stands in its instance's queue. [`Epoll::wait`] takes watches from the queue, asks each object what
//! holds now, and puts level-triggered ones that are reported back at the end: so many ready descriptors
//! take turns, and an edge-triggered one is heard of again only after another change.
//!
//! Locks are taken in this order: the instance's `watches`, an object's wait set, a watch's `wish`, the
//! queue, the instance's own wait set. No lock is held when an object is asked for its readiness.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};

use holdfast_gate::Interest;

use crate::channel::Channel;
use crate::errno::Errno;
use crate::fd::{self, Description};
use crate::object::{Object, Stat, events};
use crate::sync::Lock;
use crate::sys;
use crate::wait::{self, WaitSet};

/// Edge-triggered (`EPOLLET`).
pub const EDGE: u32 = 1 << 31;
/// Reported once, then disarmed until modified (`EPOLLONESHOT`).
pub const ONE_SHOT: u32 = 1 << 30;

/// How often the host is asked about the channel while other descriptors are ready all the time, in
/// nanoseconds.
const HOST_PERIOD_NS: u64 = 200_000;

/// What is watched: a descriptor's number and the address of its description. One number can stand here
/// twice if its first description lives on under another number, as on Linux.
type Key = (i32, usize);

/// What a program asked of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Events to report, and [`EDGE`], [`ONE_SHOT`]. Errors are reported always.
    pub events: u32,
    /// Returned with each report.
    pub data: u64,
}

/// What [`Epoll::wait`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Events that hold.
    pub events: u32,
    /// As in the [`Wish`].
    pub data: u64,
}

/// An epoll instance.
#[derive(Debug, Default)]
pub struct Epoll {
    watches: Lock<BTreeMap<Key, Arc<Watch>>>,
    queue: Arc<Queue>,
    /// Those of `watches` that watch the channel: for them the host must be asked.
    channel: Lock<Vec<Weak<Watch>>>,
    /// When it was asked last, in [`sys::monotonic_ns`].
    host_asked: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    keys: Lock<VecDeque<Key>>,
    waiters: WaitSet,
}

/// One descriptor in one instance.
#[derive(Debug)]
pub struct Watch {
    key: Key,
    description: Weak<Description>,
    wish: Lock<Armed>,
    queue: Arc<Queue>,
}

#[derive(Debug)]
struct Armed {
    wish: Wish,
    armed: bool,
    queued: bool,
}

impl Watch {
    /// The object may be ready for `events`.
    pub(crate) fn notify(&self, events: u32) {
        let mut state = self.wish.lock();
        let wanted = state.wish.events | events::ERR | events::HUP;
        if state.armed && wanted & events != 0 {
            self.enqueue(&mut state);
        }
    }

    fn enqueue(&self, state: &mut Armed) {
        if !state.queued {
            state.queued = true;
            self.queue.keys.lock().push_back(self.key);
        }
        self.queue.waiters.notify(events::IN);
    }

    /// What the host must be asked has changed.
    pub(crate) fn renew(&self) {
        self.queue.waiters.renew();
    }

    /// The description is gone: disarms the watch. Its instance drops it when it comes across it.
    pub(crate) fn forget(&self) {
        let mut state = self.wish.lock();
        state.armed = false;
        // Into the queue, so that the instance comes across it.
        if !state.queued {
            state.queued = true;
            self.queue.keys.lock().push_back(self.key);
        }
    }

    /// What to report, having been taken from the queue; a level-triggered watch goes back to its end.
    fn take(&self, description: &Description) -> Option<Report> {
        // Before the object is asked: a change after the answer queues the watch again.
        self.wish.lock().queued = false;
        let ready = description.object().ready();
        let mut state = self.wish.lock();
        let events = ready & (state.wish.events | events::ERR | events::HUP);
        if !state.armed || events == 0 {
            return None;
        }
        if state.wish.events & ONE_SHOT != 0 {
            state.armed = false;
        } else if state.wish.events & EDGE == 0 && !state.queued {
            state.queued = true;
            self.queue.keys.lock().push_back(self.key);
        }
        Some(Report { events, data: state.wish.data })
    }

    fn interest(&self) -> Interest {
        let state = self.wish.lock();
        let events = state.wish.events;
        let armed = state.armed;
        drop(state);
        match self.description.upgrade() {
            Some(description) if armed => description.object().interest(events),
            _ => Interest::NONE,
        }
    }
}

impl Epoll {
    /// An instance that watches nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn key(fd: i32, description: &Arc<Description>) -> Key {
        (fd, Arc::as_ptr(description).addr())
    }

    /// `EPOLL_CTL_ADD`.
    ///
    /// # Errors
    /// `EBADF`; `EEXIST`; `EPERM`: the object is always ready, as files are; `EINVAL`: it is an epoll
    /// instance itself, which this implementation does not watch.
    pub fn add(&self, fd: i32, wish: Wish) -> Result<(), Errno> {
        let description = fd::get(fd)?;
        let object = description.object();
        if Arc::clone(object).as_any().is::<Self>() {
            return Err(Errno::EINVAL);
        }
        let waiters = object.waiters().ok_or(Errno::EPERM)?;
        let key = Self::key(fd, &description);
        let watch = Arc::new(Watch {
            key,
            description: Arc::downgrade(&description),
            wish: Lock::new(Armed { wish, armed: true, queued: false }),
            queue: Arc::clone(&self.queue),
        });
        let mut watches = self.watches.lock();
        // A watch at this key whose description is gone is of an older one at the same address.
        if watches.get(&key).is_some_and(|old| old.description.upgrade().is_some()) {
            return Err(Errno::EEXIST);
        }
        watches.insert(key, Arc::clone(&watch));
        waiters.watch(&watch);
        description.add_watch(&watch);
        drop(watches);
        if Arc::clone(object).as_any().is::<Channel>() {
            let mut channel = self.channel.lock();
            channel.retain(|old| old.strong_count() > 0);
            channel.push(Arc::downgrade(&watch));
        }
        // What is ready already is an event too; `wait` finds out.
        watch.enqueue(&mut watch.wish.lock());
        Ok(())
    }

    fn find(&self, fd: i32) -> Result<(Arc<Description>, Arc<Watch>), Errno> {
        let description = fd::get(fd)?;
        let key = Self::key(fd, &description);
        let watch = self.watches.lock().get(&key).cloned().ok_or(Errno::ENOENT)?;
        if watch.description.upgrade().is_none() {
            return Err(Errno::ENOENT);
        }
        Ok((description, watch))
    }

    /// `EPOLL_CTL_MOD`.
    ///
    /// # Errors
    /// `EBADF`, `ENOENT`.
    pub fn modify(&self, fd: i32, wish: Wish) -> Result<(), Errno> {
        let (_description, watch) = self.find(fd)?;
        let mut state = watch.wish.lock();
        state.wish = wish;
        state.armed = true;
        watch.enqueue(&mut state);
        Ok(())
    }

    /// `EPOLL_CTL_DEL`.
    ///
    /// # Errors
    /// `EBADF`, `ENOENT`.
    pub fn delete(&self, fd: i32) -> Result<(), Errno> {
        let (description, watch) = self.find(fd)?;
        Self::end(&description, &watch);
        self.watches.lock().remove(&watch.key);
        self.queue.keys.lock().retain(|key| *key != watch.key);
        Ok(())
    }

    fn end(description: &Description, watch: &Watch) {
        watch.wish.lock().armed = false;
        description.remove_watch(watch);
        if let Some(waiters) = description.object().waiters() {
            waiters.unwatch(watch);
        }
    }

    /// Appends what is ready to `reports`, up to `limit` of them.
    fn collect(&self, reports: &mut Vec<Report>, limit: usize) {
        // As many turns as there are watches now: those that go back to the end are not looked at twice.
        let turns = self.queue.keys.lock().len();
        for _ in 0..turns {
            if reports.len() >= limit {
                return;
            }
            let Some(key) = self.queue.keys.lock().pop_front() else { return };
            let Some(watch) = self.watches.lock().get(&key).cloned() else { continue };
            if let Some(description) = watch.description.upgrade() {
                reports.extend(watch.take(&description));
            } else {
                self.watches.lock().remove(&key);
            }
        }
    }

    /// What the host must be asked, for all watches together.
    fn host_interest(&self) -> Interest {
        let watches: Vec<_> = self.channel.lock().iter().filter_map(Weak::upgrade).collect();
        watches.iter().fold(Interest::NONE, |all, watch| all.union(watch.interest()))
    }

    /// `epoll_wait(2)`: waits until something is ready or `deadline` (of [`sys::monotonic_ns`]) has come,
    /// and returns at most `limit` reports.
    pub fn wait(&self, limit: usize, deadline: Option<u64>) -> Vec<Report> {
        let mut reports = Vec::new();
        let _membership = self.queue.waiters.join(events::IN);
        loop {
            let interest = self.host_interest();
            let now = sys::monotonic_ns();
            self.collect(&mut reports, limit);
            if !reports.is_empty() {
                let due = now.saturating_sub(self.host_asked.load(Ordering::Relaxed)) >= HOST_PERIOD_NS;
                if interest.is_empty() || !due {
                    return reports;
                }
                // Others are ready all the time: they must not keep the channel from being heard.
                self.host_asked.store(now, Ordering::Relaxed);
                wait::park(interest, Some(now));
                return reports;
            }
            let over = deadline.is_some_and(|deadline| now >= deadline);
            if over && interest.is_empty() {
                return reports;
            }
            self.host_asked.store(now, Ordering::Relaxed);
            wait::park(interest, deadline);
            if over {
                self.collect(&mut reports, limit);
                return reports;
            }
        }
    }
}

impl Drop for Epoll {
    fn drop(&mut self) {
        for watch in core::mem::take(self.watches.get_mut()).values() {
            if let Some(description) = watch.description.upgrade() {
                Self::end(&description, watch);
            }
        }
    }
}

impl Object for Epoll {
    fn ready(&self) -> u32 {
        if self.queue.keys.lock().is_empty() { 0 } else { events::IN }
    }

    fn waiters(&self) -> Option<&WaitSet> {
        Some(&self.queue.waiters)
    }

    fn stat(&self) -> Result<Stat, Errno> {
        Ok(Stat { mode: 0o600, links: 1, ..Stat::default() })
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
