//! System calls of the process platform. The one file of the image with a `syscall` instruction; the
//! loader's filter allows the calls that are made here and ends the Keep at any other.

use core::arch::{asm, naked_asm};

/// Numbers (`arch/x86/entry/syscalls/syscall_64.tbl` of Linux).
pub mod number {
    #![allow(missing_docs, reason = "the names are Linux's")]
    pub const MMAP: u64 = 9;
    pub const MPROTECT: u64 = 10;
    pub const MUNMAP: u64 = 11;
    pub const RT_SIGACTION: u64 = 13;
    pub const RT_SIGRETURN: u64 = 15;
    pub const SCHED_YIELD: u64 = 24;
    pub const MADVISE: u64 = 28;
    pub const CLONE: u64 = 56;
    pub const EXIT: u64 = 60;
    pub const SIGALTSTACK: u64 = 131;
    pub const FUTEX: u64 = 202;
    pub const CLOCK_GETTIME: u64 = 228;
}

/// Linux's `PROT_READ`.
pub const PROT_READ: u64 = 1;
/// Linux's `PROT_WRITE`.
pub const PROT_WRITE: u64 = 2;
/// Linux's `PROT_EXEC`.
pub const PROT_EXEC: u64 = 4;

/// The instruction: number and arguments are in the kernel's registers, the result comes in RAX.
///
/// # Safety
/// What the call does to memory must be sound where it is made.
#[unsafe(naked)]
pub unsafe extern "C" fn raw() {
    naked_asm!("syscall", "ret")
}

/// Makes a system call. The result is Linux's: a value, or the negative error number.
///
/// # Safety
/// What the call does to memory must be sound where it is made.
pub unsafe fn syscall(number: u64, arguments: [u64; 6]) -> i64 {
    let result;
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the caller answers for the call; it changes RAX, RCX and R11 only.
    unsafe {
        asm!(
            "call {raw}",
            raw = sym raw,
            inlateout("rax") number.cast_signed() => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    result
}

/// Linux's `FUTEX_WAIT`, shared between processes.
const FUTEX_WAIT: u64 = 0;
/// Linux's `FUTEX_WAKE`.
const FUTEX_WAKE: u64 = 1;

/// Sleeps while `word` is `value`; returns early for any reason.
pub fn futex_wait(word: &core::sync::atomic::AtomicU32, value: u32) {
    let arguments = [word.as_ptr() as u64, FUTEX_WAIT, u64::from(value), 0, 0, 0];
    // SAFETY: it reads one word, which the reference keeps valid.
    unsafe { syscall(number::FUTEX, arguments) };
}

/// Wakes one who sleeps on `word`.
pub fn futex_wake(word: &core::sync::atomic::AtomicU32) {
    let arguments = [word.as_ptr() as u64, FUTEX_WAKE, 1, 0, 0, 0];
    // SAFETY: it changes no memory.
    unsafe { syscall(number::FUTEX, arguments) };
}
