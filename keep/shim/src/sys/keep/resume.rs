//! Going on with given registers.

use core::arch::naked_asm;
use core::mem::offset_of;

use super::exception::Registers;

/// Loads the extended state at `state` and all of `registers`. `iretq` is no privileged instruction as
/// long as it stays in ring 3.
///
/// # Safety
/// The registers are a state in which code of this thread may go on; `state` was written by XSAVE.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn resume(registers: &Registers, state: *const u8) -> ! {
    naked_asm!(
        "mov eax, -1",
        "mov edx, -1",
        "xrstor64 [rsi]",
        "push qword ptr [rdi + {ss}]",
        "push qword ptr [rdi + {rsp}]",
        "push qword ptr [rdi + {rflags}]",
        "push qword ptr [rdi + {cs}]",
        "push qword ptr [rdi + {rip}]",
        "mov r15, [rdi + {r15}]",
        "mov r14, [rdi + {r14}]",
        "mov r13, [rdi + {r13}]",
        "mov r12, [rdi + {r12}]",
        "mov r11, [rdi + {r11}]",
        "mov r10, [rdi + {r10}]",
        "mov r9, [rdi + {r9}]",
        "mov r8, [rdi + {r8}]",
        "mov rbp, [rdi + {rbp}]",
        "mov rsi, [rdi + {rsi}]",
        "mov rdx, [rdi + {rdx}]",
        "mov rcx, [rdi + {rcx}]",
        "mov rbx, [rdi + {rbx}]",
        "mov rax, [rdi + {rax}]",
        "mov rdi, [rdi + {rdi}]",
        "iretq",
        ss = const offset_of!(Registers, ss),
        rsp = const offset_of!(Registers, rsp),
        rflags = const offset_of!(Registers, rflags),
        cs = const offset_of!(Registers, cs),
        rip = const offset_of!(Registers, rip),
        r15 = const offset_of!(Registers, r15),
        r14 = const offset_of!(Registers, r14),
        r13 = const offset_of!(Registers, r13),
        r12 = const offset_of!(Registers, r12),
        r11 = const offset_of!(Registers, r11),
        r10 = const offset_of!(Registers, r10),
        r9 = const offset_of!(Registers, r9),
        r8 = const offset_of!(Registers, r8),
        rbp = const offset_of!(Registers, rbp),
        rsi = const offset_of!(Registers, rsi),
        rdx = const offset_of!(Registers, rdx),
        rcx = const offset_of!(Registers, rcx),
        rbx = const offset_of!(Registers, rbx),
        rax = const offset_of!(Registers, rax),
        rdi = const offset_of!(Registers, rdi),
    )
}
