//! Signals, as far as WebAssembly traps need them: synchronous ones, to the thread that caused them.

use core::arch::naked_asm;
use core::mem::MaybeUninit;

use holdfast_gate::Ending;

use super::exception::{Registers, STATE};
use super::{gate, resume, tcb};
use crate::spin::SpinLock;

/// The highest signal number with an action, plus one.
pub(crate) const SIGNALS: usize = 65;

/// The registered actions, as the kernel's `struct sigaction` has them: handler and flags.
static ACTIONS: SpinLock<[Action; SIGNALS]> = SpinLock::new([Action { handler: 0, flags: 0 }; SIGNALS]);

/// What to do at a signal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Action {
    /// Address of the handler, `SIG_DFL` or `SIG_IGN`.
    pub(crate) handler: usize,
    /// `SA_*`.
    pub(crate) flags: i32,
}

/// Sets the action of a signal, if one is given, and returns the one before; nothing for a number that
/// is no signal.
pub(crate) fn set_action(number: usize, action: Option<Action>) -> Option<Action> {
    ACTIONS.with(|actions| {
        let slot = actions.get_mut(number).filter(|_| number != 0)?;
        let before = *slot;
        *slot = action.unwrap_or(before);
        Some(before)
    })
}

/// Lets the program's handler run in place of what caused the signal; `false` if it has none.
pub(super) fn deliver(registers: &mut Registers, number: i32, code: i32, address: u64) -> bool {
    let action = ACTIONS.with(|actions| actions.get(number as usize).copied());
    let Some(action) = action.filter(|a| a.handler != libc::SIG_DFL && a.handler != libc::SIG_IGN) else {
        return false;
    };
    let tcb = tcb::current();
    // SAFETY: the block is valid as long as its thread runs; between here and the trampoline nothing
    // else of this thread runs, so nobody else uses `pending`.
    unsafe { (*tcb).pending = tcb::Pending { registers: *registers, number, code, address } };
    // SAFETY: as above; the stack is set by this thread only.
    let [start, length] = unsafe { (*tcb).signal_stack };
    let on_it = (start..start.wrapping_add(length)).contains(&registers.rsp);
    // Below the red zone (System V ABI, 3.2.2), or at the top of the stack for signals.
    let other = action.flags & libc::SA_ONSTACK != 0 && length != 0 && !on_it;
    let stack = if other { start.wrapping_add(length) } else { registers.rsp.wrapping_sub(128) };
    registers.rsp = stack & !0xf;
    registers.rip = trampoline as *const () as u64;
    // The direction flag must be clear at a call.
    registers.rflags &= !(1 << 10);
    true
}

/// Saves the extended state, which is still that of the interrupted code, and goes on in Rust.
#[unsafe(naked)]
unsafe extern "C" fn trampoline() {
    naked_asm!(
        "sub rsp, {state}",
        "and rsp, -64",
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
        "mov rdi, rsp",
        "call {run}",
        "ud2",
        state = const STATE,
        run = sym run,
    )
}

/// Calls the program's handler and goes on where it says.
extern "C" fn run(state: *const u8) -> ! {
    // SAFETY: `deliver` filled it for this thread, and nothing else ran since.
    let pending = unsafe { (*tcb::current()).pending };
    let action = ACTIONS.with(|actions| actions.get(pending.number as usize).copied());
    let Some(action) = action else { gate::abort(Ending::Aborted) };
    let mut context = to_context(&pending.registers);
    let mut info = information(&pending);
    type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::ucontext_t);
    // SAFETY: the program registered this address as a signal handler.
    let handler = unsafe { core::mem::transmute::<usize, Handler>(action.handler) };
    handler(pending.number, &raw mut info, &raw mut context);
    let registers = from_context(&context, &pending.registers);
    // SAFETY: the registers are those of the interrupted code as its own handler left them; `state` is
    // what the trampoline saved.
    unsafe { resume::resume(&registers, state) }
}

fn information(pending: &tcb::Pending) -> libc::siginfo_t {
    // `siginfo_t` of a fault on x86-64: number, errno, code, then the address at byte 16.
    #[repr(C)]
    struct Fault {
        number: i32,
        errno: i32,
        code: i32,
        padding: i32,
        address: u64,
        rest: [u64; 13],
    }
    const _: () = assert!(size_of::<Fault>() == size_of::<libc::siginfo_t>());
    let fault = Fault {
        number: pending.number,
        errno: 0,
        code: pending.code,
        padding: 0,
        address: pending.address,
        rest: [0; 13],
    };
    // SAFETY: same size, no padding, and `siginfo_t` admits any bits.
    unsafe { core::mem::transmute(fault) }
}

macro_rules! registers {
    ($visit:ident) => {
        $visit! {
            REG_R8 r8, REG_R9 r9, REG_R10 r10, REG_R11 r11, REG_R12 r12, REG_R13 r13, REG_R14 r14,
            REG_R15 r15, REG_RDI rdi, REG_RSI rsi, REG_RBP rbp, REG_RBX rbx, REG_RDX rdx, REG_RAX rax,
            REG_RCX rcx, REG_RSP rsp, REG_RIP rip, REG_EFL rflags, REG_ERR error, REG_TRAPNO vector,
            REG_CR2 address,
        }
    };
}

fn to_context(registers: &Registers) -> libc::ucontext_t {
    let context = MaybeUninit::<libc::ucontext_t>::zeroed();
    // SAFETY: a `ucontext_t` is integers and pointers that may be null.
    let mut context = unsafe { context.assume_init() };
    macro_rules! put {
        ($($index:ident $field:ident,)*) => {
            $(if let Some(slot) = context.uc_mcontext.gregs.get_mut(libc::$index as usize) {
                *slot = registers.$field.cast_signed();
            })*
        };
    }
    registers!(put);
    context
}

fn from_context(context: &libc::ucontext_t, before: &Registers) -> Registers {
    let mut registers = *before;
    macro_rules! take {
        ($($index:ident $field:ident,)*) => {
            $(if let Some(value) = context.uc_mcontext.gregs.get(libc::$index as usize) {
                registers.$field = value.cast_unsigned();
            })*
        };
    }
    registers!(take);
    registers
}
