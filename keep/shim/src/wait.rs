//! Waiting for objects to become ready.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use holdfast_gate::Interest;

use crate::channel;
use crate::epoll::Watch;
use crate::object::events;
use crate::sync::Lock;
use crate::sys::{self, Thread};

/// Who wants to hear of one object's readiness: threads that wait for it, and epoll instances.
#[derive(Debug, Default)]
pub struct WaitSet {
    inner: Lock<Inner>,
}

#[derive(Debug)]
struct Inner {
    threads: Vec<(Thread, u32)>,
    watches: Vec<Weak<Watch>>,
}

impl Default for Inner {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Inner {
    const EMPTY: Self = Self { threads: Vec::new(), watches: Vec::new() };
}

/// What everybody hears of who hears of anything.
const ALWAYS: u32 = events::ERR | events::HUP;

impl WaitSet {
    /// An empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { inner: Lock::new(Inner::EMPTY) }
    }

    /// Adds the calling thread until the result is dropped; `events` and errors wake it. Check readiness
    /// *after* this, then [`park`]: a change in between leaves a wake-up that ends the park at once.
    #[must_use = "the thread is in the set as long as this lives"]
    pub fn join(&self, events: u32) -> Membership<'_> {
        self.inner.lock().threads.push((sys::current(), events | ALWAYS));
        Membership { set: self }
    }

    /// Lets an epoll instance hear of changes.
    pub(crate) fn watch(&self, watch: &Arc<Watch>) {
        self.inner.lock().watches.push(Arc::downgrade(watch));
    }

    /// The reverse of [`WaitSet::watch`].
    pub(crate) fn unwatch(&self, watch: &Watch) {
        self.inner.lock().watches.retain(|other| !core::ptr::eq(other.as_ptr(), watch));
    }

    /// Wakes those who wait for one of `events`: each has come true, maybe once more.
    pub fn notify(&self, events: u32) {
        let inner = self.inner.lock();
        for (thread, wanted) in &inner.threads {
            if wanted & events != 0 {
                sys::unpark(*thread);
            }
        }
        for watch in inner.watches.iter().filter_map(Weak::upgrade) {
            watch.notify(events);
        }
    }

    /// Wakes every thread that waits here or through an epoll instance, to ask the host anew: what
    /// [`crate::object::Object::interest`] says has changed.
    pub fn renew(&self) {
        let inner = self.inner.lock();
        for (thread, _) in &inner.threads {
            sys::unpark(*thread);
        }
        for watch in inner.watches.iter().filter_map(Weak::upgrade) {
            watch.renew();
        }
    }
}

/// The calling thread's place in a [`WaitSet`].
#[derive(Debug)]
pub struct Membership<'a> {
    set: &'a WaitSet,
}

impl Drop for Membership<'_> {
    fn drop(&mut self) {
        let current = sys::current();
        let mut inner = self.set.inner.lock();
        if let Some(at) = inner.threads.iter().position(|(thread, _)| *thread == current) {
            inner.threads.swap_remove(at);
        }
    }
}

/// Sleeps until a wake-up, until `deadline` (of [`sys::monotonic_ns`]), or until the host says that the
/// channel is ready as `interest` asks, which everybody then hears of.
pub fn park(interest: Interest, deadline: Option<u64>) {
    let ready = sys::park(interest, deadline);
    if !ready.is_empty() {
        channel::report(ready);
    }
}
