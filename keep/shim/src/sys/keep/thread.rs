//! Threads: a mapping with stack, TLS block and control record; a vCPU runs it.

use core::arch::naked_asm;
use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use holdfast_gate::Ending;
use holdfast_launch::layout::PAGE;

use super::tcb::{self, Tcb};
use super::{boot, gate, vcpu};
use crate::errno::Errno;
use crate::{futex, mm, tls_keys};

/// Bytes below a stack that nobody can touch.
pub(crate) const GUARD: u64 = 64 * 1024;

/// The stack of a thread that asks for nothing else.
pub(crate) const DEFAULT_STACK: u64 = 2 * 1024 * 1024;

/// A thread runs.
const RUNNING: u32 = 0;
/// It has ended; who joins it frees it.
const ENDED: u32 = 1;
/// Nobody will join it.
const DETACHED: u32 = 2;

/// What a thread does, as `pthread_create` has it.
pub(crate) type Start = extern "C" fn(*mut c_void) -> *mut c_void;

/// The record of a thread, `pthread_t`. It lies in the thread's own mapping, above stack and TLS.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Control {
    tcb: Tcb,
    state: AtomicU32,
    start: Option<Start>,
    argument: *mut c_void,
    result: AtomicPtr<c_void>,
    /// The whole mapping.
    mapping: (u64, u64),
    /// The stack: lowest address and length.
    pub(crate) stack: (u64, u64),
}

/// Maps a thread with `stack` bytes of stack, to run `start(argument)`.
///
/// # Errors
/// `ENOMEM`.
pub(super) fn make(stack: u64, start: Option<Start>, argument: *mut c_void) -> Result<*mut Control, Errno> {
    let template = boot::tls_template();
    let alignment = template.alignment.max(align_of::<Control>() as u64).max(64);
    let stack = stack.checked_next_multiple_of(PAGE).ok_or(Errno::ENOMEM)?;
    // How far before the block the linker expects the template's start (System V ABI, variant II).
    let skew =
        (template.start as u64).wrapping_add(template.length).wrapping_neg() & (template.alignment - 1);
    let tls = template.length + skew;
    let above = (tls + size_of::<Control>() as u64).next_multiple_of(PAGE) + PAGE;
    let length = stack.checked_add(GUARD + above).ok_or(Errno::ENOMEM)?;
    let mapping = mm::map(None, length, 0)?;
    let base = mapping + GUARD;
    if let Err(errno) = mm::protect(base, length - GUARD, mm::areas::READ | mm::areas::WRITE) {
        mm::unmap(mapping, length)?;
        return Err(errno);
    }
    let control_at = (base + stack + tls).next_multiple_of(alignment);
    let control: *mut Control = ptr::with_exposed_provenance_mut(control_at as usize);
    let target: *mut u8 = ptr::with_exposed_provenance_mut((control_at - tls) as usize);
    // SAFETY: the template is part of the body; the target is in the new mapping, which is zeroed beyond.
    unsafe { target.copy_from_nonoverlapping(template.start, template.initialised as usize) };
    let record = Control {
        tcb: Tcb::new(control.cast(), 0),
        state: AtomicU32::new(RUNNING),
        start,
        argument,
        result: AtomicPtr::new(ptr::null_mut()),
        mapping: (mapping, length),
        stack: (base, stack),
    };
    // SAFETY: the place is in the new mapping, aligned, and behind the TLS block.
    unsafe { control.write(record) };
    // SAFETY: it was just written.
    unsafe { (*control).tcb.thread = control };
    Ok(control)
}

/// Starts a thread.
///
/// # Errors
/// `EAGAIN`: no vCPU or no memory.
pub(crate) fn create(stack: u64, start: Start, argument: *mut c_void) -> Result<*mut Control, Errno> {
    let control = make(stack, Some(start), argument).map_err(|_| Errno::EAGAIN)?;
    vcpu::run(control).inspect_err(|_| {
        // SAFETY: the thread never ran, and nobody else knows it.
        unsafe { free(control) };
    })?;
    Ok(control)
}

/// The calling thread's record.
pub(crate) fn current() -> *const Control {
    // SAFETY: the block is valid as long as its thread runs.
    unsafe { (*tcb::current()).thread }
}

/// Waits for the end of a thread and takes its result.
///
/// # Safety
/// `control` came from [`create`], and is joined or detached once.
pub(crate) unsafe fn join(control: *mut Control) -> *mut c_void {
    // SAFETY: as the caller promises it is still there: only a join or a detached end frees it.
    let thread = unsafe { &*control };
    while thread.state.load(Ordering::Acquire) == RUNNING {
        // The result does not matter: the state decides.
        let _ = futex::wait(&thread.state, RUNNING, None);
    }
    let result = thread.result.load(Ordering::Acquire);
    // SAFETY: it has ended and left its stack.
    unsafe { free(control) };
    result
}

/// Lets a thread free itself at its end.
///
/// # Safety
/// As [`join`].
pub(crate) unsafe fn detach(control: *mut Control) {
    // SAFETY: as in `join`.
    let thread = unsafe { &*control };
    if thread.state.compare_exchange(RUNNING, DETACHED, Ordering::AcqRel, Ordering::Acquire).is_err() {
        // SAFETY: it has ended and left its stack.
        unsafe { free(control) };
    }
}

unsafe fn free(control: *mut Control) {
    // SAFETY: the caller owns the ended thread.
    let (start, length) = unsafe { (*control).mapping };
    if mm::unmap(start, length).is_err() {
        gate::abort(Ending::Aborted);
    }
}

/// Runs a thread on vCPU `index`, the calling one, to its end.
///
/// # Safety
/// `control` came from [`make`] and runs here only.
pub(super) unsafe fn run(control: *mut Control, index: u32) {
    // SAFETY: the thread does not run yet.
    unsafe { (*control).tcb.index = index };
    // SAFETY: as above.
    let (base, length) = unsafe { (*control).stack };
    // SAFETY: the TLS block lies right before the record, whose first field is the block.
    unsafe { tcb::set(control.cast()) };
    // SAFETY: the stack is the thread's own.
    unsafe { on_stack(base + length, body, control) };
}

/// The thread's record can be freed: it is on no CPU any more.
///
/// # Safety
/// After [`run`], once.
pub(super) unsafe fn finish(control: *mut Control) {
    // SAFETY: nobody frees it before the state says that it ended.
    let thread = unsafe { &*control };
    let address = &raw const thread.state;
    if thread.state.compare_exchange(RUNNING, ENDED, Ordering::AcqRel, Ordering::Acquire).is_ok() {
        futex::wake_address(address as usize, u32::MAX);
    } else {
        // SAFETY: detached: nobody else knows it.
        unsafe { free(control) };
    }
}

extern "C" fn body(control: *mut Control) {
    // SAFETY: the record lives as long as the thread.
    let thread = unsafe { &*control };
    if let Some(start) = thread.start {
        thread.result.store(start(thread.argument), Ordering::Release);
    }
    tls_keys::run_destructors();
}

/// Calls `work(control)` on another stack.
///
/// # Safety
/// `top` is the end of a stack that nobody else uses.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn on_stack(top: u64, work: extern "C" fn(*mut Control), control: *mut Control) {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "mov rsp, rdi",
        "and rsp, -16",
        "mov rdi, rdx",
        "call rsi",
        "mov rsp, rbp",
        "pop rbp",
        "ret",
    )
}
