//! Mailbox and doorbell: the way out to the host and back.

use core::arch::asm;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use holdfast_gate::{DOORBELL_PORT, Reply, Request, window};
use holdfast_launch::layout;
use zerocopy::IntoBytes;

use crate::{Platform, syscall};

const WORDS: usize = size_of::<Request>() / 8;
const _: () = assert!(size_of::<Request>() == size_of::<Reply>());

/// A word of the window. The host may change it at any time, so it is an atomic: no other reference to
/// the window is ever made.
fn word(offset: u64) -> *const AtomicU64 {
    core::ptr::with_exposed_provenance((layout::WINDOW + offset) as usize)
}

/// Posts `request` in the mailbox at `mailbox` (its offset in the window), goes to the host, and returns
/// a copy of what lies in the reply's place afterwards.
///
/// # Panics
/// Never; `mailbox` must be one of [`window::mailbox`], and the window mapped at its place, which it is
/// from the first instruction to the last.
pub fn ring(platform: Platform, mailbox: u64, request: &Request) -> Reply {
    let mut words = [0_u64; WORDS];
    words.as_mut_bytes().copy_from_slice(request.as_bytes());
    for (at, value) in words.iter().enumerate() {
        let slot = word(mailbox + window::MAILBOX_REQUEST + 8 * at as u64);
        // SAFETY: the window is mapped for the whole life of a Keep, and aligned.
        unsafe { (*slot).store(*value, Ordering::Relaxed) };
    }
    match platform {
        Platform::Machine => {
            // SAFETY: the port belongs to the doorbell; the host touches the window only.
            unsafe { asm!("out {port}, al", port = const DOORBELL_PORT, in("al") 0_u8, options(nostack)) };
        }
        Platform::Process => ring_process(mailbox),
    }
    let mut reply = Reply { sequence: 0, status: 0, reserved: 0, results: [0; 6] };
    for (at, value) in words.iter_mut().enumerate() {
        let slot = word(mailbox + window::MAILBOX_REPLY + 8 * at as u64);
        // SAFETY: as above.
        *value = unsafe { (*slot).load(Ordering::Relaxed) };
    }
    reply.as_mut_bytes().copy_from_slice(words.as_bytes());
    reply
}

fn ring_process(mailbox: u64) {
    let doorbell: *const AtomicU32 = word(mailbox + window::MAILBOX_DOORBELL).cast();
    // SAFETY: as in `ring`; the doorbell is a word of its own.
    let doorbell = unsafe { &*doorbell };
    doorbell.store(window::DOORBELL_REQUEST, Ordering::Release);
    syscall::futex_wake(doorbell);
    while doorbell.load(Ordering::Acquire) != window::DOORBELL_REPLY {
        syscall::futex_wait(doorbell, window::DOORBELL_REQUEST);
    }
    doorbell.store(window::DOORBELL_IDLE, Ordering::Relaxed);
}
