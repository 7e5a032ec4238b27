//! Where things lie in the shared window, as byte offsets from its start.
//!
//! ```text
//! 0            boot information, one page
//! 0x1000       mailboxes, one page per vCPU
//! 0x10_0000    bounce buffers, 260 KiB per vCPU
//! 0x200_0000   the body, as the launch plan places it (read by stage 0 once)
//! ```

use crate::MAX_VCPUS;

/// Unit of every offset here.
pub const PAGE: u64 = 0x1000;

/// Offset of the [`crate::BootInfo`].
pub const BOOT_INFO: u64 = 0;

/// Offset of the mailbox of vCPU 0.
pub const MAILBOXES: u64 = 0x1000;

/// Bytes from one mailbox to the next.
pub const MAILBOX_STRIDE: u64 = PAGE;

/// Offset in a mailbox of its doorbell word, a `u32` (backend `process`): one of the `DOORBELL_*` values.
pub const MAILBOX_DOORBELL: u64 = 0;

/// Offset in a mailbox of the [`crate::Request`].
pub const MAILBOX_REQUEST: u64 = 64;

/// Offset in a mailbox of the [`crate::Reply`].
pub const MAILBOX_REPLY: u64 = 128;

/// Doorbell: nothing is asked.
pub const DOORBELL_IDLE: u32 = 0;

/// Doorbell: the Keep has written a request and waits.
pub const DOORBELL_REQUEST: u32 = 1;

/// Doorbell: the host has written the reply.
pub const DOORBELL_REPLY: u32 = 2;

/// Offset of the bounce buffer of vCPU 0.
pub const BOUNCE: u64 = 0x10_0000;

/// Size of one bounce buffer, and the cap on the data of one call: 256 KiB, and a page for what a protocol
/// says about them.
pub const BOUNCE_SIZE: u64 = 260 * 1024;

/// Offset of the body.
pub const BODY: u64 = 0x200_0000;

/// The longest body, in bytes.
pub const MAX_BODY: u64 = 16 * 1024 * 1024;

/// Size of the window.
pub const SIZE: u64 = BODY + MAX_BODY;

/// Offset of the mailbox of vCPU `index`, or nothing if there can be no such vCPU.
#[must_use]
pub const fn mailbox(index: u32) -> Option<u64> {
    if index < MAX_VCPUS { Some(MAILBOXES + index as u64 * MAILBOX_STRIDE) } else { None }
}

/// Offset of the bounce buffer of vCPU `index`, or nothing if there can be no such vCPU.
#[must_use]
pub const fn bounce(index: u32) -> Option<u64> {
    if index < MAX_VCPUS { Some(BOUNCE + index as u64 * BOUNCE_SIZE) } else { None }
}

const _: () = {
    assert!(MAILBOXES + MAX_VCPUS as u64 * MAILBOX_STRIDE <= BOUNCE);
    assert!(BOUNCE + MAX_VCPUS as u64 * BOUNCE_SIZE <= BODY);
    assert!(MAILBOX_REQUEST + size_of::<crate::Request>() as u64 <= MAILBOX_REPLY);
    assert!(MAILBOX_REPLY + size_of::<crate::Reply>() as u64 <= MAILBOX_STRIDE);
    assert!(SIZE.is_multiple_of(2 * 1024 * 1024));
};
