//! Pipes.

use alloc::sync::Arc;
use core::any::Any;

use crate::errno::Errno;
use crate::object::{Object, Stat, events};
use crate::ring::Ring;
use crate::sync::Lock;
use crate::wait::WaitSet;

/// How many bytes a pipe holds, as on Linux.
pub const CAPACITY: usize = 65536;

/// Writes up to this many bytes are not split (`PIPE_BUF`).
pub const ATOMIC: usize = 4096;

#[derive(Debug)]
struct Pipe {
    state: Lock<State>,
    readers: WaitSet,
    writers: WaitSet,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    has_reader: bool,
    has_writer: bool,
}

/// The end that is read.
#[derive(Debug)]
pub struct Reader(Arc<Pipe>);

/// The end that is written.
#[derive(Debug)]
pub struct Writer(Arc<Pipe>);

/// A new pipe.
#[must_use]
pub fn pipe() -> (Arc<Reader>, Arc<Writer>) {
    let state = State { ring: Ring::new(CAPACITY), has_reader: true, has_writer: true };
    let pipe = Arc::new(Pipe { state: Lock::new(state), readers: WaitSet::new(), writers: WaitSet::new() });
    (Arc::new(Reader(Arc::clone(&pipe))), Arc::new(Writer(pipe)))
}

fn stat() -> Stat {
    Stat { mode: libc::S_IFIFO | 0o600, links: 1, ..Stat::default() }
}

impl Object for Reader {
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut state = self.0.state.lock();
        let was_full = state.ring.space() < ATOMIC;
        let length = state.ring.pop(buffer);
        if length == 0 && state.has_writer {
            return Err(Errno::EAGAIN);
        }
        let writable = was_full && state.ring.space() >= ATOMIC;
        drop(state);
        if writable {
            self.0.writers.notify(events::OUT);
        }
        Ok(length)
    }

    fn write(&self, _buffer: &[u8]) -> Result<usize, Errno> {
        Err(Errno::EBADF)
    }

    fn ready(&self) -> u32 {
        let state = self.0.state.lock();
        let data = if state.ring.is_empty() { 0 } else { events::IN };
        if state.has_writer { data } else { data | events::HUP }
    }

    fn waiters(&self) -> Option<&WaitSet> {
        Some(&self.0.readers)
    }

    fn available(&self) -> Result<usize, Errno> {
        Ok(self.0.state.lock().ring.len())
    }

    fn stat(&self) -> Result<Stat, Errno> {
        Ok(stat())
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.has_reader = false;
        state.ring = Ring::new(CAPACITY);
        drop(state);
        self.0.writers.notify(events::OUT | events::ERR);
    }
}

impl Object for Writer {
    fn read(&self, _buffer: &mut [u8]) -> Result<usize, Errno> {
        Err(Errno::EBADF)
    }

    fn write(&self, buffer: &[u8]) -> Result<usize, Errno> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut state = self.0.state.lock();
        if !state.has_reader {
            return Err(Errno::EPIPE);
        }
        if state.ring.space() < buffer.len().min(ATOMIC) {
            return Err(Errno::EAGAIN);
        }
        let length = state.ring.push(buffer);
        drop(state);
        self.0.readers.notify(events::IN);
        Ok(length)
    }

    fn ready(&self) -> u32 {
        let state = self.0.state.lock();
        let space = if state.ring.space() >= ATOMIC { events::OUT } else { 0 };
        if state.has_reader { space } else { space | events::ERR }
    }

    fn waiters(&self) -> Option<&WaitSet> {
        Some(&self.0.writers)
    }

    fn available(&self) -> Result<usize, Errno> {
        Ok(self.0.state.lock().ring.len())
    }

    fn stat(&self) -> Result<Stat, Errno> {
        Ok(stat())
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.state.lock().has_writer = false;
        self.0.readers.notify(events::HUP);
    }
}
