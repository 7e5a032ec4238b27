//! `signal.h`, as far as traps need it.

use core::ffi::c_int;

use holdfast_stage0::Platform;
use holdfast_stage0::syscall::{number, syscall};

use super::errno;
use crate::errno::Errno;
use crate::sys;
use crate::sys::signal::{Action, set_action};

#[unsafe(no_mangle)]
extern "C" fn sigemptyset(set: *mut libc::sigset_t) -> c_int {
    if set.is_null() {
        return errno::report(Err(Errno::EINVAL));
    }
    // SAFETY: the caller's pointer is to a set, which admits any bits.
    unsafe { set.write_bytes(0, 1) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn sigaction(
    number: c_int,
    action: *const libc::sigaction,
    before: *mut libc::sigaction,
) -> c_int {
    // SAFETY: the caller's pointer is null or to an action.
    let new = unsafe { action.as_ref() };
    let wanted = new.map(|action| Action { handler: action.sa_sigaction, flags: action.sa_flags });
    let index = usize::try_from(number).unwrap_or(0);
    let Some(old) = set_action(index, wanted) else { return errno::report(Err(Errno::EINVAL)) };
    if sys::platform() == Platform::Process
        && let Some(wanted) = wanted
        && let Err(errno) = tell_host(number, wanted)
    {
        return errno::report(Err(errno));
    }
    if !before.is_null() {
        // SAFETY: all zero is a valid action.
        let mut result: libc::sigaction = unsafe { core::mem::zeroed() };
        result.sa_sigaction = old.handler;
        result.sa_flags = old.flags;
        // SAFETY: the caller's pointer is to a place for an action.
        unsafe { before.write(result) };
    }
    0
}

/// In a process the host's kernel delivers the signals, to the program's own handler.
fn tell_host(number: c_int, action: Action) -> Result<(), Errno> {
    const SA_RESTORER: u64 = 0x0400_0000;
    /// The kernel's `struct sigaction`: handler, flags, restorer, mask.
    #[repr(C)]
    struct KernelAction(usize, u64, unsafe extern "C" fn(), u64);
    let flags = u64::from(action.flags.cast_unsigned()) | SA_RESTORER;
    let kernel = KernelAction(action.handler, flags, restorer, 0);
    let arguments = [number as u64, &raw const kernel as u64, 0, 8, 0, 0];
    // SAFETY: the kernel reads one structure; the handler is the program's.
    match unsafe { syscall(number::RT_SIGACTION, arguments) } {
        0 => Ok(()),
        error => Err(Errno(-(error as i32))),
    }
}

/// Where a handler returns to: `rt_sigreturn`.
#[unsafe(naked)]
unsafe extern "C" fn restorer() {
    core::arch::naked_asm!(
        "mov eax, {number}",
        "jmp {raw}",
        number = const number::RT_SIGRETURN,
        raw = sym holdfast_stage0::syscall::raw,
    )
}

#[unsafe(no_mangle)]
extern "C" fn sigaltstack(new: *const libc::stack_t, old: *mut libc::stack_t) -> c_int {
    // SAFETY: the caller's pointer is null or to a stack.
    let wanted = unsafe { new.as_ref() };
    let before = sys::signal_stack();
    if let Some(stack) = wanted {
        if stack.ss_flags & libc::SS_DISABLE == 0 && stack.ss_size < libc::MINSIGSTKSZ {
            return errno::report(Err(Errno::ENOMEM));
        }
        if sys::platform() == Platform::Process {
            let arguments = [new as u64, 0, 0, 0, 0, 0];
            // SAFETY: the kernel reads one structure; the stack is the program's.
            let result = unsafe { syscall(number::SIGALTSTACK, arguments) };
            if result != 0 {
                return errno::report(Err(Errno(-(result as i32))));
            }
        }
        let on = stack.ss_flags & libc::SS_DISABLE == 0;
        sys::set_signal_stack(if on { [stack.ss_sp as u64, stack.ss_size as u64] } else { [0; 2] });
    }
    if !old.is_null() {
        let [start, length] = before;
        let stack = libc::stack_t {
            ss_sp: core::ptr::with_exposed_provenance_mut(start as usize),
            ss_flags: if length == 0 { libc::SS_DISABLE } else { 0 },
            ss_size: length as usize,
        };
        // SAFETY: the caller's pointer is to a place for a stack.
        unsafe { old.write(stack) };
    }
    0
}
