//! The thread control block: what FS points to (System V ABI for x86-64, thread-local storage variant II).
//! The thread's TLS block ends where it begins.

use core::arch::asm;
use core::mem::offset_of;

use super::exception::Registers;

/// One per thread, in memory that is always mapped.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Tcb {
    /// Its own address: the ABI wants it at FS:0.
    pub(crate) own: *mut Self,
    /// The vCPU.
    pub(crate) index: u32,
    /// `errno`.
    pub(crate) errno: i32,
    /// The thread's record, or null for a vCPU without a thread.
    pub(crate) thread: *const super::thread::Control,
    /// The stack for signal handlers: start and length, 0: none.
    pub(crate) signal_stack: [u64; 2],
    /// A signal on its way from the exception handler to the trampoline.
    pub(crate) pending: Pending,
}

/// A signal and where it happened.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    pub(crate) registers: Registers,
    pub(crate) number: i32,
    pub(crate) code: i32,
    pub(crate) address: u64,
}

impl Tcb {
    /// All zero, except for what it needs to be found.
    pub(crate) fn new(own: *mut Self, index: u32) -> Self {
        let pending = Pending { registers: Registers::default(), number: 0, code: 0, address: 0 };
        Self { own, index, errno: 0, thread: core::ptr::null(), signal_stack: [0; 2], pending }
    }
}

/// Makes `tcb` the calling thread's.
///
/// # Safety
/// `tcb` is valid as long as the thread runs, and its TLS block lies right before it.
pub(crate) unsafe fn set(tcb: *mut Tcb) {
    // SAFETY: FSGSBASE is on: the CPU check at boot saw it. FS belongs to this file.
    unsafe { asm!("wrfsbase {}", in(reg) tcb, options(nostack, preserves_flags)) };
}

/// The calling thread's block.
pub(crate) fn current() -> *mut Tcb {
    let tcb;
    // SAFETY: FS:0 holds the block's own address from boot on.
    unsafe { asm!("mov {}, fs:[0]", out(reg) tcb, options(nostack, preserves_flags, readonly)) };
    tcb
}

/// The calling thread's vCPU.
pub(crate) fn current_index() -> u32 {
    let index;
    // SAFETY: as in `current`.
    unsafe {
        asm!("mov {:e}, fs:[{}]", out(reg) index, const offset_of!(Tcb, index),
            options(nostack, preserves_flags, readonly));
    }
    index
}

/// Where the calling thread's `errno` lies.
pub(crate) fn errno() -> *mut i32 {
    // SAFETY: the block is valid as long as its thread runs.
    unsafe { &raw mut (*current()).errno }
}

/// The calling thread's stack for signal handlers: start and length, 0: none.
pub(crate) fn signal_stack() -> [u64; 2] {
    // SAFETY: as in `errno`; only the thread itself uses this field.
    unsafe { (*current()).signal_stack }
}

/// Sets it.
pub(crate) fn set_signal_stack(stack: [u64; 2]) {
    // SAFETY: as above.
    unsafe { (*current()).signal_stack = stack };
}
