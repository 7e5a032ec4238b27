//! The shared window, as the host sees it.
//!
//! The Keep writes to it at any time, so no Rust reference to it is ever made: structures are copied
//! out and in word by word with atomic accesses, and the kernel copies the data of the channel.

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use holdfast_gate::{Reply, Request, window};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use zerocopy::{FromZeros, IntoBytes};

use crate::body::Body;
use crate::large;

/// The window of one Keep, [`window::SIZE`] bytes. Pages are taken when touched.
#[derive(Debug)]
pub struct Window {
    base: *mut c_void,
    /// Bytes from `base`.
    length: usize,
    memory: Memory,
}

/// What a window is made of.
#[derive(Debug)]
enum Memory {
    /// This file, which another process can map.
    File(OwnedFd),
    /// Memory of this process up to [`window::BODY`], and from there the body itself.
    Machine(Body),
}

// SAFETY: every access through the pointer is atomic or made by the kernel.
unsafe impl Send for Window {}
// SAFETY: as above.
unsafe impl Sync for Window {}

const SIZE: usize = window::SIZE as usize;
const WORDS: usize = size_of::<Request>() / 8;
const _: () = assert!(size_of::<Request>() == size_of::<Reply>());

impl Window {
    /// A window of zeros that another process can map.
    ///
    /// # Errors
    /// The system's, when it has not the memory or descriptors.
    pub fn new() -> io::Result<Self> {
        let memory = memfd_create("holdfast-window", MemfdFlags::CLOEXEC)?;
        ftruncate(&memory, window::SIZE)?;
        let base = large::map(SIZE, Some(memory.as_fd()))?;
        large::advise(base, SIZE);
        Ok(Self { base, length: SIZE, memory: Memory::File(memory) })
    }

    /// The window of a virtual machine, which finds `body` in it.
    ///
    /// # Errors
    /// The system's, when it has not the address space.
    pub fn for_machine(body: Body) -> io::Result<Self> {
        const LENGTH: usize = window::BODY as usize;
        Ok(Self { base: large::map(LENGTH, None)?, length: LENGTH, memory: Memory::Machine(body) })
    }

    /// The memory, to be mapped elsewhere too; of [`Window::for_machine`] none.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.memory {
            Memory::File(file) => Some(file.as_fd()),
            Memory::Machine(_) => None,
        }
    }

    /// The body that [`Window::for_machine`] was given.
    #[must_use]
    pub const fn body(&self) -> Option<&Body> {
        match &self.memory {
            Memory::File(_) => None,
            Memory::Machine(body) => Some(body),
        }
    }

    /// Where the window lies in this process: the address and length of each part, one behind the other.
    #[must_use]
    pub fn parts(&self) -> Vec<(u64, u64)> {
        let own = (self.base as u64, self.length as u64);
        [own].into_iter().chain(self.body().map(Body::place)).collect()
    }

    /// The address of `length` bytes at `offset`, if they lie inside.
    fn at(&self, offset: u64, length: usize) -> io::Result<*mut u8> {
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        match offset.checked_add(length) {
            Some(end) if end <= self.length => Ok(self.base.cast::<u8>().wrapping_add(offset)),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn word(&self, offset: u64) -> io::Result<&AtomicU64> {
        let word = self.at(offset, 8)?.cast::<AtomicU64>();
        if !word.is_aligned() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: aligned and inside the mapping, which lives as long as `self`. An atomic may be
        // changed by others, here by the Keep.
        Ok(unsafe { &*word })
    }

    fn doorbell(&self, index: u32) -> io::Result<&AtomicU32> {
        let mailbox = window::mailbox(index).ok_or(io::ErrorKind::InvalidInput)?;
        let word = self.at(mailbox + window::MAILBOX_DOORBELL, 4)?.cast::<AtomicU32>();
        // SAFETY: inside the mapping as above; mailboxes are page aligned.
        Ok(unsafe { &*word })
    }

    /// A private copy of the request in the mailbox of vCPU `index`. Each word is read once.
    ///
    /// # Errors
    /// If there can be no such vCPU.
    pub fn request(&self, index: u32) -> io::Result<Request> {
        let mailbox = window::mailbox(index).ok_or(io::ErrorKind::InvalidInput)?;
        let mut words = [0_u64; WORDS];
        for (offset, word) in (mailbox + window::MAILBOX_REQUEST..).step_by(8).zip(&mut words) {
            *word = self.word(offset)?.load(Ordering::Relaxed);
        }
        let mut request = Request::new_zeroed();
        request.as_mut_bytes().copy_from_slice(words.as_bytes());
        Ok(request)
    }

    /// Puts a reply into the mailbox of vCPU `index`.
    ///
    /// # Errors
    /// If there can be no such vCPU.
    pub fn reply(&self, index: u32, reply: &Reply) -> io::Result<()> {
        let mailbox = window::mailbox(index).ok_or(io::ErrorKind::InvalidInput)?;
        let mut words = [0_u64; WORDS];
        words.as_mut_bytes().copy_from_slice(reply.as_bytes());
        for (offset, word) in (mailbox + window::MAILBOX_REPLY..).step_by(8).zip(words) {
            self.word(offset)?.store(word, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Writes `bytes` before the Keep starts.
    ///
    /// # Errors
    /// If they do not lie inside, or the host has not the memory.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let place = self.at(offset, bytes.len())?;
        let Memory::File(file) = &self.memory else {
            large::populate(place.cast(), bytes.len())?;
            // SAFETY: inside the mapping, which is new, and which no other thread or Keep has yet.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
            return Ok(());
        };
        // Through the file: a lack of memory is an error there, and a signal in a mapping.
        let (mut offset, mut bytes) = (offset, bytes);
        while !bytes.is_empty() {
            let written = rustix::io::pwrite(file, bytes, offset)?;
            bytes = bytes.get(written..).unwrap_or_default();
            offset += written as u64;
        }
        Ok(())
    }

    /// Gives the memory of the body back to the system, once the Keep has its copy.
    pub fn release_body(&self) {
        const LENGTH: usize = (window::SIZE - window::BODY) as usize;
        match &self.memory {
            Memory::Machine(body) => body.release(),
            Memory::File(_) => {
                if let Ok(start) = self.at(window::BODY, LENGTH) {
                    large::release(start.cast(), LENGTH, libc::MADV_REMOVE);
                }
            }
        }
    }

    /// Receives at most `length` bytes from a socket into the window, without waiting.
    ///
    /// # Errors
    /// The system's; also if the range does not lie inside.
    pub fn receive(&self, socket: BorrowedFd<'_>, offset: u64, length: usize) -> io::Result<usize> {
        let buffer = self.at(offset, length)?.cast();
        // SAFETY: the kernel writes at most `length` bytes, all inside the mapping.
        let received = unsafe { libc::recv(socket.as_raw_fd(), buffer, length, libc::MSG_DONTWAIT) };
        usize::try_from(received).map_err(|_| io::Error::last_os_error())
    }

    /// Sends at most `length` bytes from the window to a socket, without waiting.
    ///
    /// # Errors
    /// The system's; also if the range does not lie inside.
    pub fn send(&self, socket: BorrowedFd<'_>, offset: u64, length: usize) -> io::Result<usize> {
        let buffer = self.at(offset, length)?.cast();
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: the kernel reads at most `length` bytes, all inside the mapping.
        let sent = unsafe { libc::send(socket.as_raw_fd(), buffer, length, flags) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    /// Sleeps until the doorbell of vCPU `index` says that there is a request (backend `process`).
    ///
    /// # Errors
    /// If there can be no such vCPU.
    pub fn await_request(&self, index: u32) -> io::Result<()> {
        let doorbell = self.doorbell(index)?;
        loop {
            let value = doorbell.load(Ordering::Acquire);
            if value == window::DOORBELL_REQUEST {
                return Ok(());
            }
            futex(doorbell, libc::FUTEX_WAIT, value);
        }
    }

    /// Says that there is a reply, and wakes vCPU `index` (backend `process`).
    ///
    /// # Errors
    /// If there can be no such vCPU.
    pub fn ring_back(&self, index: u32) -> io::Result<()> {
        let doorbell = self.doorbell(index)?;
        doorbell.store(window::DOORBELL_REPLY, Ordering::Release);
        futex(doorbell, libc::FUTEX_WAKE, 1);
        Ok(())
    }
}

/// A futex call between processes. Its result does not matter: callers look at the word again.
fn futex(word: &AtomicU32, operation: libc::c_int, value: u32) {
    let timeout = ptr::null::<libc::timespec>();
    // SAFETY: the word is valid for the length of the call, and nothing else is passed.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, timeout) };
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nothing borrows from it any more.
        unsafe { libc::munmap(self.base, self.length) };
    }
}
