//! A connection between two stream sockets: two flows of bytes, and how they end.

use alloc::sync::Arc;

use super::Shutdown;
use crate::errno::Errno;
use crate::object::events;
use crate::ring::Ring;
use crate::sync::Lock;
use crate::wait::WaitSet;

/// How many bytes can be on their way in each direction. `SO_RCVBUF` and `SO_SNDBUF` do not change it.
const CAPACITY: usize = 256 * 1024;

/// A side is writable again when so much can be sent; with less a writer would be woken too often.
const WRITABLE: usize = CAPACITY / 4;

/// What a write is told that comes after the other side has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// TCP: the first write seems to succeed, and brings back a reset.
    Tcp,
    /// Unix sockets: it fails at once.
    Unix,
}

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Who connected.
    First,
    /// Who accepted.
    Second,
}

#[derive(Debug)]
struct End {
    inbox: Ring,
    reads_no_more: bool,
    writes_no_more: bool,
    /// The socket is closed.
    gone: bool,
    /// The connection was reset: nothing goes any more.
    reset: bool,
    error: Option<Errno>,
    waiters: Arc<WaitSet>,
}

impl End {
    const fn new(waiters: Arc<WaitSet>) -> Self {
        Self {
            inbox: Ring::new(CAPACITY),
            reads_no_more: false,
            writes_no_more: false,
            gone: false,
            reset: false,
            error: None,
            waiters,
        }
    }

    fn reset(&mut self, error: Errno) {
        self.reset = true;
        self.error = Some(error);
    }
}

const ALL: u32 = events::IN | events::OUT | events::RDHUP | events::HUP | events::ERR;

/// The connection.
#[derive(Debug)]
pub(super) struct Link {
    ends: Lock<(End, End)>,
    manner: Manner,
}

impl Link {
    pub(super) fn new(first: Arc<WaitSet>, second: Arc<WaitSet>, manner: Manner) -> Arc<Self> {
        Arc::new(Self { ends: Lock::new((End::new(first), End::new(second))), manner })
    }

    /// Calls `work` with one's own end and the other.
    fn with<T>(&self, side: Side, work: impl FnOnce(&mut End, &mut End) -> T) -> T {
        let (first, second) = &mut *self.ends.lock();
        match side {
            Side::First => work(first, second),
            Side::Second => work(second, first),
        }
    }

    /// Reads, or looks at what there is. The end is 0 bytes.
    pub(super) fn read(&self, side: Side, buffer: &mut [u8], peek: bool) -> Result<usize, Errno> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.with(side, |own, other| {
            if own.inbox.is_empty() {
                // After the end that TCP has seen, an error is for writers only.
                if self.manner == Manner::Tcp && other.writes_no_more {
                    return Ok(0);
                }
                if let Some(error) = own.error.take() {
                    return Err(error);
                }
                let ended = own.reads_no_more || other.writes_no_more || own.reset;
                return if ended { Ok(0) } else { Err(Errno::EAGAIN) };
            }
            if peek {
                return Ok(own.inbox.peek(buffer));
            }
            let before = own.inbox.space();
            let length = own.inbox.pop(buffer);
            if before < WRITABLE && own.inbox.space() >= WRITABLE {
                other.waiters.notify(events::OUT);
            }
            Ok(length)
        })
    }

    /// Writes what there is space for.
    pub(super) fn write(&self, side: Side, data: &[u8]) -> Result<usize, Errno> {
        self.with(side, |own, other| {
            let ended = own.writes_no_more || own.reset;
            if self.manner == Manner::Unix && ended {
                return Err(Errno::EPIPE);
            }
            if let Some(error) = own.error.take() {
                return Err(error);
            }
            if ended {
                return Err(Errno::EPIPE);
            }
            if data.is_empty() {
                return Ok(0);
            }
            if other.gone {
                own.reset(Errno::EPIPE);
                own.waiters.notify(ALL);
                return Ok(data.len());
            }
            if self.manner == Manner::Tcp && other.reads_no_more && other.writes_no_more {
                // Linux resets a connection whose other side wants neither to hear nor to say more.
                own.reset(Errno::EPIPE);
                other.reset(Errno::ECONNRESET);
                own.waiters.notify(ALL);
                other.waiters.notify(ALL);
                return Ok(data.len());
            }
            match other.inbox.push(data) {
                0 => Err(Errno::EAGAIN),
                length => {
                    other.waiters.notify(events::IN);
                    Ok(length)
                }
            }
        })
    }

    /// `shutdown(2)`.
    ///
    /// # Errors
    /// `ENOTCONN` after the connection's end.
    pub(super) fn shutdown(&self, side: Side, how: Shutdown) -> Result<(), Errno> {
        self.with(side, |own, other| {
            if self.is_over(own, other) {
                return Err(Errno::ENOTCONN);
            }
            own.reads_no_more |= how.read;
            own.writes_no_more |= how.write;
            if self.manner == Manner::Unix {
                // Both sides know at once what is left; TCP's tell each other only the end of writing.
                other.writes_no_more |= how.read;
                other.reads_no_more |= how.write;
            }
            own.waiters.notify(ALL);
            other.waiters.notify(ALL);
            Ok(())
        })
    }

    /// The socket of this side is closed; with unread data, or if it is to be `abrupt`, that resets the
    /// connection.
    pub(super) fn close(&self, side: Side, abrupt: bool) {
        self.with(side, |own, other| {
            own.gone = true;
            if self.manner == Manner::Unix {
                other.reads_no_more = true;
                other.writes_no_more = true;
            }
            // A connection that has ended already can be reset no more.
            if (abrupt || !own.inbox.is_empty()) && !self.is_over(own, other) {
                let ended_before = self.manner == Manner::Tcp && own.writes_no_more;
                other.reset(if ended_before { Errno::EPIPE } else { Errno::ECONNRESET });
            } else if !own.reset {
                own.writes_no_more = true;
            }
            own.inbox = Ring::new(CAPACITY);
            other.waiters.notify(ALL);
        });
    }

    pub(super) fn ready(&self, side: Side) -> u32 {
        self.with(side, |own, other| {
            let ended = own.reads_no_more || other.writes_no_more || own.reset;
            let closed = own.writes_no_more || own.reset;
            let mut ready = 0;
            if ended {
                ready |= events::RDHUP;
            }
            if ended || !own.inbox.is_empty() {
                ready |= events::IN;
            }
            if closed || other.gone || other.inbox.space() >= WRITABLE {
                ready |= events::OUT;
            }
            if ended && closed {
                ready |= events::HUP;
            }
            if own.error.is_some() {
                ready |= events::ERR;
            }
            ready
        })
    }

    pub(super) fn available(&self, side: Side) -> usize {
        self.with(side, |own, _| own.inbox.len())
    }

    pub(super) fn take_error(&self, side: Side) -> Option<Errno> {
        self.with(side, |own, _| own.error.take())
    }

    /// Whether it is a TCP connection that has been reset or ended from both sides.
    fn is_over(&self, own: &End, other: &End) -> bool {
        self.manner == Manner::Tcp && (own.reset || (own.writes_no_more && other.writes_no_more))
    }

    /// Whether there is still a peer.
    pub(super) fn has_peer(&self, side: Side) -> bool {
        self.with(side, |own, other| !self.is_over(own, other))
    }
}
