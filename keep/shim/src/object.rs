//! What a file descriptor stands for.

use alloc::sync::Arc;
use core::any::Any;
use core::fmt;

use holdfast_gate::Interest;

use crate::errno::Errno;
use crate::net::Socket;
use crate::wait::WaitSet;

/// Readiness, in the bits of `poll(2)` and `epoll(7)` (`POLLIN` = `EPOLLIN` and so on).
pub mod events {
    /// There is something to read, or the end.
    pub const IN: u32 = 0x001;
    /// Writing will not block.
    pub const OUT: u32 = 0x004;
    /// An error is pending.
    pub const ERR: u32 = 0x008;
    /// The other end is gone, both ways.
    pub const HUP: u32 = 0x010;
    /// The other end writes no more.
    pub const RDHUP: u32 = 0x2000;
}

/// A Linux `struct stat` (x86-64), as far as it means something in a Keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Device number; one per file system.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// `S_IF*` type and permission bits.
    pub mode: u32,
    /// Hard links.
    pub links: u64,
    /// Length in bytes.
    pub size: u64,
    /// Allocated 512-byte blocks.
    pub blocks: u64,
    /// Last access, nanoseconds since 1970.
    pub accessed: i64,
    /// Last change of content, nanoseconds since 1970.
    pub modified: i64,
    /// Last change of the inode, nanoseconds since 1970.
    pub changed: i64,
}

/// An open file description: file, directory, pipe end, eventfd, epoll instance, socket, the channel.
///
/// Nothing here blocks: what cannot be done now is `EAGAIN`, and the caller waits by [`Object::ready`]
/// and the object's wait set ([`crate::blocking`]). Offsets of files live in the object.
pub trait Object: Any + Send + Sync + fmt::Debug {
    /// Reads at the object's position.
    ///
    /// # Errors
    /// As `read(2)`; `EAGAIN` instead of blocking.
    fn read(&self, _buffer: &mut [u8]) -> Result<usize, Errno> {
        Err(Errno::EINVAL)
    }

    /// Writes at the object's position.
    ///
    /// # Errors
    /// As `write(2)`; `EAGAIN` instead of blocking.
    fn write(&self, _buffer: &[u8]) -> Result<usize, Errno> {
        Err(Errno::EINVAL)
    }

    /// Which of [`events`] hold now.
    fn ready(&self) -> u32 {
        events::IN | events::OUT
    }

    /// Where to wait for a change of [`Object::ready`]; nothing if it never changes (files).
    fn waiters(&self) -> Option<&WaitSet> {
        None
    }

    /// What a thread must ask of the host when it parks to learn that one of `events` has come true.
    /// Only the channel needs the host for that.
    fn interest(&self, _events: u32) -> Interest {
        Interest::NONE
    }

    /// How many bytes can be read at once now (`FIONREAD`).
    ///
    /// # Errors
    /// `ENOTTY` from objects that do not know.
    fn available(&self) -> Result<usize, Errno> {
        Err(Errno::ENOTTY)
    }

    /// Takes over the status flags that `F_SETFL` set, as far as the object itself obeys them (`O_APPEND`).
    fn status_flags_changed(&self, _flags: i32) {}

    /// The object as a socket, if it is one.
    fn socket(&self) -> Option<&dyn Socket> {
        None
    }

    /// What `fstat(2)` says.
    ///
    /// # Errors
    /// As `fstat(2)`.
    fn stat(&self) -> Result<Stat, Errno>;

    /// The object as what it is, for operations of one kind only.
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}
