//! Signals: a fault becomes one, with Linux's context, and the handler says where to go on.

use std::arch::asm;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::thread;

use crate::expect;
use crate::memory::{DATA, Mapping, PAGE};

/// One test at a time uses the handler.
static TURN: Mutex<()> = Mutex::new(());
static NUMBER: AtomicI32 = AtomicI32::new(0);
static ADDRESS: AtomicUsize = AtomicUsize::new(0);

/// All instructions that cause a signal here put the address to go on at into R11.
extern "C" fn handler(number: i32, info: *mut libc::siginfo_t, context: *mut libc::ucontext_t) {
    NUMBER.store(number, Ordering::SeqCst);
    // SAFETY: the system passes a valid structure.
    let info = unsafe { &*info };
    // SAFETY: the signals of these tests carry an address.
    ADDRESS.store(unsafe { info.si_addr() } as usize, Ordering::SeqCst);
    // SAFETY: as above; nobody else uses it.
    let registers = unsafe { &mut (*context).uc_mcontext.gregs };
    registers[libc::REG_RIP as usize] = registers[libc::REG_R11 as usize];
    // What the handler does to vector registers must not reach the program.
    // SAFETY: the register is declared as changed.
    unsafe { asm!("pcmpeqd xmm7, xmm7", out("xmm7") _) };
}

/// Runs `cause` with the handler in place; the signal that came, and the address it told.
fn caught(signal: i32, cause: impl FnOnce()) -> (i32, usize) {
    let _turn = TURN.lock().unwrap_or_else(|error| error.into_inner());
    NUMBER.store(0, Ordering::SeqCst);
    // SAFETY: all zero is a valid action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    // SAFETY: all zero is a valid action.
    let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: the handler is one, and the places are valid.
    unsafe { libc::sigaction(signal, &raw const action, &raw mut before) };
    cause();
    // SAFETY: as above.
    unsafe { libc::sigaction(signal, &raw const before, std::ptr::null_mut()) };
    (NUMBER.load(Ordering::SeqCst), ADDRESS.load(Ordering::SeqCst))
}

fn read(address: *const u8) {
    // SAFETY: if the address has no rights, the handler goes on at the label.
    unsafe {
        asm!("lea r11, [rip + 2f]", "mov {r}, byte ptr [{a}]", "2:", a = in(reg) address, r = out(reg_byte) _, out("r11") _)
    };
}

pub(crate) fn no_rights() -> Result<(), String> {
    let mapping = Mapping::new(4 << 20, libc::PROT_NONE)?;
    for offset in [0, 1, PAGE, (2 << 20) + 5, (4 << 20) - 1] {
        let address = mapping.start.wrapping_add(offset);
        expect(
            caught(libc::SIGSEGV, || read(address)) == (libc::SIGSEGV, address as usize),
            "SIGSEGV with the address",
        )?;
    }
    mapping.protect(PAGE, PAGE, DATA)?;
    expect(caught(libc::SIGSEGV, || read(mapping.start.wrapping_add(PAGE))).0 == 0, "no signal with rights")?;
    let beyond = mapping.start.wrapping_add(2 * PAGE);
    expect(caught(libc::SIGSEGV, || read(beyond)).0 == libc::SIGSEGV, "SIGSEGV one page on")
}

pub(crate) fn divide() -> Result<(), String> {
    let cause = || {
        // SAFETY: the handler goes on at the label.
        unsafe {
            asm!("lea r11, [rip + 2f]", "xor ecx, ecx", "div ecx", "2:",
                out("r11") _, out("ecx") _, inout("eax") 1 => _, inout("edx") 0 => _)
        };
    };
    expect(caught(libc::SIGFPE, cause).0 == libc::SIGFPE, "SIGFPE")
}

pub(crate) fn invalid_opcode() -> Result<(), String> {
    let cause = || {
        // SAFETY: the handler goes on at the label.
        unsafe { asm!("lea r11, [rip + 2f]", "ud2", "2:", out("r11") _) };
    };
    expect(caught(libc::SIGILL, cause).0 == libc::SIGILL, "SIGILL")
}

pub(crate) fn keeps_vectors() -> Result<(), String> {
    let mut value = 0x1122_3344_5566_7788_u64;
    let cause = || {
        // SAFETY: the handler goes on at the label.
        unsafe {
            asm!("movq xmm7, {v}", "lea r11, [rip + 2f]", "ud2", "2:", "movq {v}, xmm7",
                v = inout(reg) value, out("r11") _, out("xmm7") _)
        };
    };
    expect(caught(libc::SIGILL, cause).0 == libc::SIGILL, "SIGILL")?;
    expect(value == 0x1122_3344_5566_7788, "the register as it was")
}

/// A thread that reads a page all the time must fault as soon as another has unmapped it.
pub(crate) fn shootdown() -> Result<(), String> {
    static STARTED: AtomicBool = AtomicBool::new(false);
    static GONE: AtomicBool = AtomicBool::new(false);
    for _ in 0..20 {
        let mapping = Mapping::new(PAGE, DATA)?;
        let address = mapping.start as usize;
        STARTED.store(false, Ordering::SeqCst);
        GONE.store(false, Ordering::SeqCst);
        let reader = thread::spawn(move || {
            let caught = caught(libc::SIGSEGV, || {
                // SAFETY: when the page is gone the handler goes on at the label. The loop sets R11 first.
                unsafe {
                    asm!("lea r11, [rip + 3f]", "2:", "mov byte ptr [{s}], 1", "mov {t:l}, byte ptr [{a}]", "jmp 2b", "3:",
                        a = in(reg) address, s = in(reg) STARTED.as_ptr(), t = out(reg) _, out("r11") _)
                };
            });
            (caught.0, GONE.load(Ordering::SeqCst))
        });
        while !STARTED.load(Ordering::SeqCst) {
            std::hint::spin_loop();
        }
        GONE.store(true, Ordering::SeqCst);
        drop(mapping);
        let result = reader.join().map_err(|_| "the reader failed")?;
        expect(result == (libc::SIGSEGV, true), "SIGSEGV in the other thread")?;
    }
    Ok(())
}
