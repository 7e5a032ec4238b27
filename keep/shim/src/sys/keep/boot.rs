//! From stage 0 to `main`.

use core::arch::naked_asm;
use core::arch::x86_64::__cpuid_count;
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int};
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};

use holdfast_gate::{BootInfo, Ending};
use holdfast_launch::headers::BodyHeader;
use holdfast_launch::layout;
use holdfast_stage0::Platform;

use super::tcb::{self, Tcb};
use super::thread::{self, Control};
use super::vcpu::{self, VCPU_SHIFT, VCPUS};
use super::{PROCESSORS, clock, exception, gate};
use crate::{fs, mm, rng};

/// The main thread's stack.
const MAIN_STACK: u64 = 8 * 1024 * 1024;

/// The stack until there is memory.
const BOOT_STACK: usize = 32 * 1024;

#[repr(C, align(64))]
struct Memory<const LENGTH: usize>(UnsafeCell<[u8; LENGTH]>);

// SAFETY: each is used by one CPU as its stack, or by one thread as its block.
unsafe impl<const LENGTH: usize> Sync for Memory<LENGTH> {}

static BOOT_STACK_MEMORY: Memory<BOOT_STACK> = Memory(UnsafeCell::new([0; BOOT_STACK]));
static HANDLER_STACK: Memory<{ exception::STACK as usize }> =
    Memory(UnsafeCell::new([0; exception::STACK as usize]));
static BOOT_TCB: Memory<1024> = Memory(UnsafeCell::new([0; 1024]));
const _: () = assert!(size_of::<Tcb>() <= 1024);

/// The code of the platform ([`Platform::code`]); written once at boot.
static PLATFORM: AtomicU64 = AtomicU64::new(0);

/// Where this Keep runs.
pub fn platform() -> Platform {
    if PLATFORM.load(Ordering::Relaxed) == Platform::Process.code() {
        Platform::Process
    } else {
        Platform::Machine
    }
}

/// The thread-local storage of a new thread.
pub(super) struct Template {
    pub(super) start: *const u8,
    pub(super) initialised: u64,
    pub(super) length: u64,
    pub(super) alignment: u64,
}

fn header() -> &'static BodyHeader {
    // SAFETY: the body's first page is its header, read only from the start, verified by stage 0.
    unsafe { &*ptr::with_exposed_provenance(layout::BODY as usize) }
}

pub(super) fn tls_template() -> Template {
    let header = header();
    Template {
        start: ptr::with_exposed_provenance((layout::BODY + header.tls_offset) as usize),
        initialised: header.tls_initialised,
        length: header.tls_length,
        alignment: header.tls_alignment,
    }
}

/// The body's entry. Stage 0 passes platform, vCPU, memory in use and boot information; vCPU 0 boots,
/// the others take their own stack, once.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        "xor ebp, ebp",
        "test esi, esi",
        "jnz 2f",
        "lea rsp, [rip + {stack} + {length}]",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "call {boot}",
        "ud2",
        "2:",
        "mov edi, esi",
        "shl rsi, {shift}",
        "lea rax, [rip + {vcpus}]",
        "xor esp, esp",
        "xchg rsp, [rax + rsi]",
        "call {main}",
        "ud2",
        stack = sym BOOT_STACK_MEMORY,
        length = const BOOT_STACK,
        boot = sym boot,
        shift = const VCPU_SHIFT,
        vcpus = sym VCPUS,
        main = sym vcpu::main,
    )
}

extern "C" fn boot(platform: u64, used: u64, info: &BootInfo) -> ! {
    PLATFORM.store(platform, Ordering::Relaxed);
    let platform = self::platform();
    if !cpu_is_suitable() {
        // Without FSGSBASE there is no thread block to make a call from.
        end_without_thread(platform, Ending::CpuUnsuitable);
    }
    let tcb: *mut Tcb = BOOT_TCB.0.get().cast();
    // SAFETY: the place is large enough, aligned, and this CPU's alone.
    unsafe { tcb.write(Tcb::new(tcb, 0)) };
    // SAFETY: it is never freed.
    unsafe { tcb::set(tcb) };
    vcpu::first();
    if platform == Platform::Machine {
        exception::install(0, HANDLER_STACK.0.get() as u64 + exception::STACK);
    }
    mm::init(platform, info, header(), used);
    PROCESSORS.store(info.vcpus, Ordering::Relaxed);
    clock::init(platform, info);
    rng::init();
    fs::set_capacity(info.memory / 2);
    let control = match thread::make(MAIN_STACK, None, ptr::null_mut()) {
        Ok(control) => control,
        Err(_) => gate::abort(Ending::OutOfMemory),
    };
    // SAFETY: the record was just made; the main thread stays on vCPU 0.
    let (base, length) = unsafe { (*control).stack };
    // SAFETY: the TLS block lies right before the record, whose first field is the block.
    unsafe { tcb::set(control.cast()) };
    // SAFETY: the stack is the main thread's own.
    unsafe { thread::on_stack(base + length, main_thread, control) };
    gate::abort(Ending::Aborted)
}

extern "C" fn main_thread(_: *mut Control) {
    type Initialiser = extern "C" fn(c_int, *const *const c_char, *const *const c_char);
    unsafe extern "C" {
        fn main(count: c_int, arguments: *const *const c_char) -> c_int;
        static __init_array_start: [Initialiser; 0];
        static __init_array_end: [Initialiser; 0];
    }
    let arguments = [c"holdfast-keep".as_ptr(), ptr::null(), ptr::null()];
    let environment = arguments.as_ptr().wrapping_add(1);
    let (mut at, end) = (&raw const __init_array_start, &raw const __init_array_end);
    let mut initialiser: *const Initialiser = at.cast();
    while at < end {
        // SAFETY: the linker puts function pointers between the two symbols.
        unsafe { (*initialiser)(1, arguments.as_ptr(), environment) };
        initialiser = initialiser.wrapping_add(1);
        at = initialiser.cast();
    }
    // SAFETY: the C entry of the program, called once, with arguments as C has them.
    let status = unsafe { main(1, arguments.as_ptr()) };
    super::exit(status);
}

/// RDRAND, AVX, FSGSBASE, OSXSAVE and SSE4.2 (AMD APM volume 3, appendix E).
fn cpu_is_suitable() -> bool {
    let (features, extended) = (__cpuid_count(1, 0), __cpuid_count(7, 0));
    let bit = |register: u32, bit: u32| register & (1 << bit) != 0;
    bit(features.ecx, 30)
        && bit(features.ecx, 28)
        && bit(features.ecx, 27)
        && bit(features.ecx, 20)
        && bit(extended.ebx, 0)
}

fn end_without_thread(platform: Platform, ending: Ending) -> ! {
    let request = holdfast_gate::Call::Exit(ending).encode(1);
    loop {
        holdfast_stage0::doorbell::ring(platform, holdfast_gate::window::MAILBOXES, &request);
    }
}
