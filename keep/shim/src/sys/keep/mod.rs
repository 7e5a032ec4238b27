//! The seam in the image: boot, vCPUs, the gate, exceptions and signals.

mod boot;
mod clock;
mod exception;
mod gate;
mod resume;
pub(crate) mod signal;
mod tcb;
pub(crate) mod thread;
mod vcpu;

use core::sync::atomic::{AtomicU32, Ordering};

use holdfast_gate::call::NO_TIMEOUT;
use holdfast_gate::{Answer, Call, Ending, Interest};

use super::{Ready, Thread};
use crate::errno::Errno;
use crate::mm;

pub use boot::platform;
pub use clock::{monotonic_ns, wall_ns};
pub use gate::{abort, channel_read, channel_shutdown, channel_write};
pub use holdfast_stage0::Platform;
pub(crate) use tcb::{set_signal_stack, signal_stack};
pub use vcpu::flush_all_vcpus;

/// vCPUs that the Keep may use; set at boot.
static PROCESSORS: AtomicU32 = AtomicU32::new(1);

/// How many threads can run at once.
pub fn processors() -> u32 {
    PROCESSORS.load(Ordering::Relaxed)
}

/// The calling thread.
pub fn current() -> Thread {
    Thread(tcb::current_index())
}

/// The calling thread's `errno`.
pub fn errno_cell() -> *mut i32 {
    tcb::errno()
}

/// Sleeps until [`unpark`], until a stream of `interest` is ready, or until `deadline` (of
/// [`monotonic_ns`]).
pub fn park(interest: Interest, deadline: Option<u64>) -> Ready {
    let token = vcpu::token(tcb::current_index());
    let mut timeout = deadline.map_or(NO_TIMEOUT, |at| at.saturating_sub(monotonic_ns()));
    if token.swap(PARKED, Ordering::SeqCst) == NOTIFIED {
        if interest.is_empty() {
            token.store(EMPTY, Ordering::SeqCst);
            return Interest::NONE;
        }
        // Awake already, but what is ready the host alone knows.
        timeout = 0;
    }
    let answer = gate::call(Call::Park { interest, timeout });
    token.store(EMPTY, Ordering::SeqCst);
    match answer {
        Answer::Parked { ready, .. } => ready,
        _ => Interest::NONE,
    }
}

/// Ends the sleep, or the next one, of `thread`. The host is called only for one that sleeps.
pub fn unpark(thread: Thread) {
    if vcpu::token(thread.0).swap(NOTIFIED, Ordering::SeqCst) == PARKED {
        gate::call(Call::Wake { index: thread.0 });
    }
}

// Values of a vCPU's token.
const EMPTY: u32 = 0;
const NOTIFIED: u32 = 1;
const PARKED: u32 = 2;

/// Fills `buffer` with secret randomness of the CPU.
pub fn random(buffer: &mut [u8]) {
    crate::rng::fill(buffer);
}

/// A turn of a spin: now and then the host may run another thread.
pub fn relax(spins: u32) {
    if spins.is_multiple_of(256) {
        gate::call(Call::Clock);
    } else {
        core::hint::spin_loop();
    }
}

/// Maps `size` bytes of zeros, or null.
pub fn map_anonymous(size: usize) -> *mut u8 {
    let rights = mm::areas::READ | mm::areas::WRITE;
    match mm::map(None, size as u64, rights) {
        Ok(address) => core::ptr::with_exposed_provenance_mut(address as usize),
        Err(_) => core::ptr::null_mut(),
    }
}

/// Gives back mapped memory, also a part or several neighbours at once.
///
/// # Safety
/// All of it came from [`map_anonymous`], and nothing uses it any more.
pub unsafe fn unmap(address: *mut u8, size: usize) {
    if mm::unmap(address as u64, size as u64).is_err() {
        abort(Ending::Aborted);
    }
}

/// The end of the Keep's program: without a result to the client if `status` is not 0.
pub fn exit(status: i32) -> ! {
    abort(if status == 0 { Ending::Finished } else { Ending::Status(status.cast_unsigned()) })
}

/// An answer as the result of a system call.
const fn moved(answer: Answer) -> Result<usize, Errno> {
    match answer {
        Answer::Moved(length) => Ok(length as usize),
        Answer::WouldBlock => Err(Errno::EAGAIN),
        Answer::Closed => Err(Errno::EPIPE),
        _ => Err(Errno::EIO),
    }
}
