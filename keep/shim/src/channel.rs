//! The channel to the client, as descriptor 3: to its user a connected Unix stream socket.
//!
//! Only the host knows when it is ready, so the channel is *assumed* ready for reading (writing) until a
//! read (write) moves less than was asked for. From then on each thread that waits for it asks the host
//! when it parks ([`Object::interest`]), and the first that gets an answer tells all (`report`). A thread
//! that is parked already when the assumption falls is woken, to ask then.
//!
//! "Less than was asked for", and not just `EAGAIN`, because users of edge-triggered epoll take a short
//! read as the last one before the next event.

use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicBool, Ordering};

use holdfast_gate::Interest;

use crate::errno::Errno;
use crate::net::{Address, Family, Options, Received, Shutdown, Socket, Transport};
use crate::object::{Object, Stat, events};
use crate::sync::Lock;
use crate::sys;
use crate::wait::WaitSet;

/// The channel.
#[derive(Debug)]
pub struct Channel;

#[derive(Debug)]
struct State {
    readable: AtomicBool,
    writable: AtomicBool,
    /// The client sends no more.
    ended: AtomicBool,
    /// Nothing more can be written: the client is gone, or we said that there is no more.
    closed: AtomicBool,
    waiters: WaitSet,
    options: Lock<Options>,
}

static STATE: State = State {
    readable: AtomicBool::new(true),
    writable: AtomicBool::new(true),
    ended: AtomicBool::new(false),
    closed: AtomicBool::new(false),
    waiters: WaitSet::new(),
    options: Lock::new(Options::NEW),
};

/// The host says that the channel is ready.
pub(crate) fn report(ready: Interest) {
    for (interest, flag, event) in [
        (Interest::CHANNEL_READ, &STATE.readable, events::IN),
        (Interest::CHANNEL_WRITE, &STATE.writable, events::OUT),
    ] {
        if ready.contains(interest) {
            flag.store(true, Ordering::SeqCst);
            STATE.waiters.notify(event);
        }
    }
}

/// The assumption falls.
fn not_ready(flag: &AtomicBool) {
    if flag.swap(false, Ordering::SeqCst) {
        STATE.waiters.renew();
    }
}

impl Channel {
    /// The channel as an object.
    #[must_use]
    pub fn get() -> Arc<dyn Object> {
        Arc::new(Self)
    }
}

impl Object for Channel {
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        if buffer.is_empty() || STATE.ended.load(Ordering::SeqCst) {
            return Ok(0);
        }
        let result = sys::channel_read(buffer);
        match result {
            Ok(0) => {
                STATE.ended.store(true, Ordering::SeqCst);
                STATE.waiters.notify(events::IN | events::RDHUP);
            }
            Ok(length) if length == buffer.len() => {}
            _ => not_ready(&STATE.readable),
        }
        result
    }

    fn write(&self, buffer: &[u8]) -> Result<usize, Errno> {
        if STATE.closed.load(Ordering::SeqCst) {
            return Err(Errno::EPIPE);
        }
        let result = sys::channel_write(buffer);
        match result {
            Ok(length) if length == buffer.len() => {}
            Ok(_) | Err(Errno::EAGAIN) => not_ready(&STATE.writable),
            Err(_) => {
                STATE.closed.store(true, Ordering::SeqCst);
                STATE.waiters.notify(events::OUT | events::HUP);
            }
        }
        result
    }

    fn ready(&self) -> u32 {
        let ended = STATE.ended.load(Ordering::SeqCst);
        let closed = STATE.closed.load(Ordering::SeqCst);
        let mut ready = 0;
        if ended || STATE.readable.load(Ordering::SeqCst) {
            ready |= events::IN;
        }
        if closed || STATE.writable.load(Ordering::SeqCst) {
            ready |= events::OUT;
        }
        if ended {
            ready |= events::RDHUP;
        }
        if ended && closed {
            ready |= events::HUP;
        }
        ready
    }

    fn waiters(&self) -> Option<&WaitSet> {
        Some(&STATE.waiters)
    }

    fn interest(&self, wanted: u32) -> Interest {
        let missing = wanted & !self.ready();
        let mut interest = Interest::NONE;
        if missing & events::IN != 0 {
            interest = interest.union(Interest::CHANNEL_READ);
        }
        if missing & events::OUT != 0 {
            interest = interest.union(Interest::CHANNEL_WRITE);
        }
        interest
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

impl Socket for Channel {
    fn family(&self) -> Family {
        Family::Unix
    }

    fn transport(&self) -> Transport {
        Transport::Stream
    }

    fn options(&self) -> &Lock<Options> {
        &STATE.options
    }

    fn send(&self, data: &[u8], to: Option<Address>) -> Result<usize, Errno> {
        if to.is_some() { Err(Errno::EISCONN) } else { self.write(data) }
    }

    fn receive(&self, buffer: &mut [u8], peek: bool) -> Result<Received, Errno> {
        // Nothing of the channel is kept in the Keep that could be looked at twice.
        if peek { Err(Errno::EOPNOTSUPP) } else { self.read(buffer).map(Received::bytes) }
    }

    fn shutdown(&self, how: Shutdown) -> Result<(), Errno> {
        if how.read {
            STATE.ended.store(true, Ordering::SeqCst);
        }
        if how.write && !STATE.closed.swap(true, Ordering::SeqCst) {
            sys::channel_shutdown()?;
        }
        STATE.waiters.notify(self.ready());
        Ok(())
    }

    fn local(&self) -> Result<Address, Errno> {
        Ok(Address::Unix)
    }

    fn peer(&self) -> Result<Address, Errno> {
        Ok(Address::Unix)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if !STATE.closed.swap(true, Ordering::SeqCst) {
            // The client sees the end of the stream; if it has gone itself there is nobody to tell.
            let _ = sys::channel_shutdown();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoll::{EDGE, Epoll, Wish};
    use crate::fd;

    /// The one test on the channel, as there is one channel.
    #[test]
    fn a_short_read_asks_the_host_and_its_answer_is_an_event() {
        const FD: i32 = 3;
        let channel = Arc::clone(fd::get(FD).unwrap().object());
        let epoll = Epoll::new();
        epoll.add(FD, Wish { events: events::IN | EDGE, data: 1 }).unwrap();
        sys::CHANNEL.lock().unwrap().0.extend(b"hello");
        assert_eq!(epoll.wait(8, Some(0)).len(), 1);
        assert!(channel.interest(events::IN).is_empty());
        let mut buffer = [0; 5];
        assert_eq!(channel.read(&mut buffer), Ok(5));
        assert!(channel.interest(events::IN).is_empty(), "a full read may leave more");
        assert_eq!(channel.read(&mut buffer), Err(Errno::EAGAIN));
        assert_eq!(channel.interest(events::IN | events::OUT), Interest::CHANNEL_READ);
        assert_eq!(channel.ready(), events::OUT);
        assert!(epoll.wait(8, Some(0)).is_empty());

        sys::CHANNEL.lock().unwrap().0.extend(b"abc");
        report(Interest::CHANNEL_READ);
        assert_eq!(epoll.wait(8, Some(0)).len(), 1);
        assert!(epoll.wait(8, Some(0)).is_empty(), "one event for one change");
        assert_eq!(channel.read(&mut buffer), Ok(3));
        assert_eq!(channel.interest(events::IN), Interest::CHANNEL_READ, "a short read is the last one");
        report(Interest::CHANNEL_READ);
        assert_eq!(epoll.wait(8, Some(0)).len(), 1, "the next change is a new event");
        epoll.delete(FD).unwrap();
    }
}
