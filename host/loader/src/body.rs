//! The body of the image as a virtual machine finds it in its window: a copy in large pages, which a guest
//! reads with fewer page faults than the program's own, small ones.

use std::io;

use holdfast_launch::layout::PAGE;

use crate::kvm::Memory;
use crate::large;

/// The copy.
#[derive(Debug)]
pub struct Body {
    memory: Memory,
    length: usize,
}

impl Body {
    /// Copies the body of an image, [`holdfast_launch::Image::body`].
    ///
    /// # Errors
    /// The system's, when it has not the memory.
    pub fn new(body: &'static [u8]) -> io::Result<Self> {
        let length = body.len().next_multiple_of(PAGE as usize);
        let memory = Memory::new(length as u64, body)?;
        if body.as_ptr().align_offset(PAGE as usize) == 0 && body.len() == length {
            // Whole pages of the program's file: read from it again, should anybody ask.
            large::release(body.as_ptr().cast_mut().cast(), length, libc::MADV_DONTNEED);
        }
        Ok(Self { memory, length })
    }

    /// Where it lies in this process, and its length: whole pages.
    #[must_use]
    pub fn place(&self) -> (u64, u64) {
        (self.memory.address(), self.length as u64)
    }

    /// Gives its memory back to the system, once the Keep has its own copy.
    pub fn release(&self) {
        let start = std::ptr::with_exposed_provenance_mut(self.memory.address() as usize);
        large::release(start, self.length, libc::MADV_DONTNEED);
    }
}
