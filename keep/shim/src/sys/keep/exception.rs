//! CPU exceptions, as ring 0 hands them to us in ring 3.
//!
//! The handler runs on a stack of its own, one per vCPU, which is always mapped, and touches nothing that
//! may not be: a page fault inside it would overwrite what it works on. A signal for the program is
//! therefore only noted here; its handler runs after we have returned (`signal`).

use core::arch::naked_asm;

use holdfast_gate::Ending;
use holdfast_launch::layout::{self, cpu_page};

use super::{gate, signal};
use crate::mm;

/// All general registers at an exception, as the entry pushes them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Registers {
    pub(crate) address: u64,
    pub(crate) r15: u64,
    pub(crate) r14: u64,
    pub(crate) r13: u64,
    pub(crate) r12: u64,
    pub(crate) r11: u64,
    pub(crate) r10: u64,
    pub(crate) r9: u64,
    pub(crate) r8: u64,
    pub(crate) rbp: u64,
    pub(crate) rdi: u64,
    pub(crate) rsi: u64,
    pub(crate) rdx: u64,
    pub(crate) rcx: u64,
    pub(crate) rbx: u64,
    pub(crate) rax: u64,
    pub(crate) vector: u64,
    pub(crate) error: u64,
    pub(crate) rip: u64,
    pub(crate) cs: u64,
    pub(crate) rflags: u64,
    pub(crate) rsp: u64,
    pub(crate) ss: u64,
}

/// Room for the extended state: more than any of the states in XCR0 as the plan sets it needs.
pub(super) const STATE: u64 = 4096;

/// Bytes of a handler's stack.
pub(super) const STACK: u64 = 16 * 1024;

/// Directs the exceptions of vCPU `index` to [`entry`], on the stack that ends at `stack`.
pub(super) fn install(index: u32, stack: u64) {
    let page = layout::CPU_PAGES + u64::from(index) * layout::PAGE;
    let put = |offset: u64, value: u64| {
        let slot: *mut u64 = core::ptr::with_exposed_provenance_mut((page + offset) as usize);
        // SAFETY: the CPU page of a vCPU that is started or being started is mapped writable.
        unsafe { slot.write_volatile(value) };
    };
    put(cpu_page::HANDLER_STACK, stack);
    put(cpu_page::HANDLER, entry as *const () as u64);
}

/// Where ring 0 goes on: RAX is the CPU page, RSP the handler's stack.
#[unsafe(naked)]
unsafe extern "C" fn entry() {
    naked_asm!(
        // The frame lies below the top of the CPU page; with RAX at its end the offsets are negative.
        "add rax, {top}",
        "push qword ptr [rax - 8]",
        "push qword ptr [rax - 16]",
        "push qword ptr [rax - 24]",
        "push qword ptr [rax - 32]",
        "push qword ptr [rax - 40]",
        "push qword ptr [rax - 48]",
        "push qword ptr [rax - 56]",
        "push qword ptr [rax - 64]",
        "push rbx",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push rbp",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "push qword ptr [rax - 72]",
        "mov rdi, rsp",
        "mov rbx, rsp",
        "sub rsp, {state}",
        "and rsp, -64",
        // XSAVE leaves words of its header as they are; XRSTOR wants them zero.
        "xor eax, eax",
        "mov [rsp + 512], rax",
        "mov [rsp + 520], rax",
        "mov [rsp + 528], rax",
        "mov [rsp + 536], rax",
        "mov [rsp + 544], rax",
        "mov [rsp + 552], rax",
        "mov [rsp + 560], rax",
        "mov [rsp + 568], rax",
        "mov eax, -1",
        "mov edx, -1",
        "xsave64 [rsp]",
        "cld",
        "call {handle}",
        "mov eax, -1",
        "mov edx, -1",
        "xrstor64 [rsp]",
        "mov rsp, rbx",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rbp",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rbx",
        "pop rax",
        "add rsp, 16",
        "iretq",
        top = const cpu_page::EXCEPTION_STACK,
        state = const STATE,
        handle = sym handle,
    )
}

// x86 exception vectors.
const DIVIDE: u64 = 0;
const INVALID_OPCODE: u64 = 6;
const STACK_FAULT: u64 = 12;
const PROTECTION: u64 = 13;
const PAGE_FAULT: u64 = 14;
const X87: u64 = 16;
const ALIGNMENT: u64 = 17;
const SIMD: u64 = 19;

// Bits of a page fault's error code.
const PRESENT: u64 = 1;
const WRITE: u64 = 2;
const FETCH: u64 = 16;

extern "C" fn handle(registers: &mut Registers) {
    let delivered = match registers.vector {
        PAGE_FAULT => {
            let (address, error) = (registers.address, registers.error);
            if mm::fault(address, error & WRITE != 0, error & FETCH != 0) {
                return;
            }
            let code = if error & PRESENT == 0 { SEGV_MAPERR } else { SEGV_ACCERR };
            signal::deliver(registers, libc::SIGSEGV, code, address)
        }
        DIVIDE => signal::deliver(registers, libc::SIGFPE, FPE_INTDIV, registers.rip),
        X87 | SIMD => signal::deliver(registers, libc::SIGFPE, FPE_FLTINV, registers.rip),
        INVALID_OPCODE => signal::deliver(registers, libc::SIGILL, ILL_ILLOPN, registers.rip),
        PROTECTION | STACK_FAULT => signal::deliver(registers, libc::SIGSEGV, SI_KERNEL, 0),
        ALIGNMENT => signal::deliver(registers, libc::SIGBUS, BUS_ADRALN, 0),
        _ => false,
    };
    if !delivered {
        let address = registers.rip.wrapping_sub(layout::BODY) & 0xffff_ffff_ffff;
        gate::abort(Ending::Fault { vector: registers.vector as u8, address });
    }
}

// Signal codes (`asm-generic/siginfo.h`).
const ILL_ILLOPN: i32 = 2;
const FPE_INTDIV: i32 = 1;
const FPE_FLTINV: i32 = 7;
const SEGV_MAPERR: i32 = 1;
const SEGV_ACCERR: i32 = 2;
const BUS_ADRALN: i32 = 1;
const SI_KERNEL: i32 = 0x80;
