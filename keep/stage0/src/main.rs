//! Stage 0: what a launch measures.
#![no_std]
#![no_main]

mod body;
mod entry;
mod memory;
mod paging;

use core::panic::PanicInfo;

use holdfast_gate::{Call, Ending, window};
use holdfast_stage0::{Platform, doorbell};

/// Tells the host how it ended, and goes no further.
fn end(platform: Platform, ending: Ending) -> ! {
    let mut sequence = 1;
    loop {
        doorbell::ring(platform, window::MAILBOXES, &Call::Exit(ending).encode(sequence));
        sequence += 1;
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    end(entry::platform(), Ending::Aborted)
}
