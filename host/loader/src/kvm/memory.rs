//! Host memory that becomes guest memory.

use std::io;

use kvm_bindings::kvm_userspace_memory_region;
use kvm_ioctls::VmFd;

use crate::large;

/// Anonymous memory of this process, given back when dropped. Never referenced: the guest writes to it.
#[derive(Debug)]
pub struct Memory {
    address: *mut libc::c_void,
    length: usize,
}

// SAFETY: it is an address range; nothing is read or written through it after `new`.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// Maps `length` bytes, `content` at their start, zeros behind. Pages are taken when touched.
    ///
    /// # Errors
    /// The system's, when it has not the address space or memory.
    pub fn new(length: u64, content: &[u8]) -> io::Result<Self> {
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        if content.len() > length {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let address = large::map(length, None)?;
        large::advise(address, length);
        // SAFETY: the mapping is new, writable, and at least as long as the content.
        unsafe { std::ptr::copy_nonoverlapping(content.as_ptr(), address.cast(), content.len()) };
        Ok(Self { address, length })
    }

    /// Where it lies in this process.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.address as u64
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the range is this value's own mapping; the machine that used it is gone.
        unsafe { libc::munmap(self.address, self.length) };
    }
}

/// Gives a range of this process to the guest.
pub(super) fn set_region(vm: &VmFd, region: kvm_userspace_memory_region) -> Result<(), kvm_ioctls::Error> {
    // SAFETY: the range is mapped as long as the machine lives: `Machine` drops the machine first, and
    // the window belongs to its caller, who promises it. No Rust reference to it exists.
    unsafe { vm.set_user_memory_region(region) }
}
