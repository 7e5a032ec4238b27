//! Copying, hashing and refusing the body.

use holdfast_gate::{BootInfo, Ending, window};
use holdfast_launch::headers::{BodyHeader, MAX_SEGMENTS};
use holdfast_launch::layout;
use sha2::{Digest, Sha256};
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use crate::entry;

/// How much is copied before it is hashed: what the first-level cache holds.
const CHUNK: usize = 16 * 1024;

/// A private copy of the host's boot information, checked.
pub(crate) fn boot_info() -> Result<BootInfo, Ending> {
    let mut info = BootInfo::new_zeroed();
    copy_from_window(window::BOOT_INFO, info.as_mut_bytes());
    info.check().map_err(|_| Ending::BootInfoRefused)?;
    if info.body_length != entry::header().body_length {
        return Err(Ending::BodyRefused);
    }
    Ok(info)
}

/// Copies the body into `memory` (private, at least as long as the body) and returns its header if it is
/// the one that was measured.
pub(crate) fn take(memory: &mut [u8]) -> Result<BodyHeader, Ending> {
    let length = entry::header().body_length as usize;
    let body = memory.get_mut(..length).ok_or(Ending::BodyRefused)?;
    let mut hash = Sha256::new();
    let mut offset = window::BODY;
    for chunk in body.chunks_mut(CHUNK) {
        copy_from_window(offset, chunk);
        // From here on only the copy counts.
        hash.update(&*chunk);
        offset += chunk.len() as u64;
    }
    if hash.finalize().as_slice() != entry::header().body_hash.as_slice() {
        return Err(Ending::BodyRefused);
    }
    let (header, _) = BodyHeader::read_from_prefix(body).map_err(|_| Ending::BodyRefused)?;
    if header.segment_count > MAX_SEGMENTS as u64 || header.memory > layout::BODY_MAX {
        return Err(Ending::BodyRefused);
    }
    Ok(header)
}

/// Copies bytes that the host may be changing. What arrives is arbitrary, but it is one copy.
fn copy_from_window(offset: u64, to: &mut [u8]) {
    let from = layout::WINDOW + offset;
    // SAFETY: callers stay inside the window, which is mapped; `to` is private. The copy is made by the
    // CPU's string instruction, so that no assumption about the source enters the compiled code.
    unsafe {
        core::arch::asm!(
            "rep movsb",
            inout("rsi") from => _, inout("rdi") to.as_mut_ptr() => _, inout("rcx") to.len() => _,
            options(nostack, preserves_flags)
        );
    }
}
