//! The seam: what the logic of the shim asks of the machine below it.
//!
//! In the image it is `keep`; everywhere else `hosted`, on Rust's standard library, so that the same
//! logic runs under `cargo test`. Both export the same functions:
//!
//! * [`current`] — the calling thread's id; [`park`] sleeps until [`unpark`], readiness or a deadline
//!   (a token as in `std::thread::park`: an `unpark` that came first ends the next `park` at once;
//!   callers loop, a wake may be spurious);
//! * [`monotonic_ns`] (never goes back), [`wall_ns`];
//! * [`random`] fills a buffer with secret randomness;
//! * [`channel_read`], [`channel_write`] — the client's stream, never blocking (`EAGAIN`; park with
//!   `Interest::CHANNEL_*`), [`channel_shutdown`];
//! * [`relax`] — called in each turn of a spin; [`processors`] — how many threads can run at once;
//! * [`map_anonymous`], [`unmap`] — memory for the heap;
//! * [`errno_cell`] — the calling thread's `errno`;
//! * [`abort`] — ends the Keep for a reason.

use core::fmt;

use holdfast_gate::Interest;

#[cfg(holdfast_keep)]
mod keep;
#[cfg(holdfast_keep)]
pub use keep::*;

#[cfg(not(holdfast_keep))]
mod hosted;
#[cfg(not(holdfast_keep))]
pub use hosted::*;

/// A thread of the Keep, by the number of its vCPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thread(pub u32);

impl fmt::Display for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which streams were ready when [`park`] returned.
pub type Ready = Interest;
