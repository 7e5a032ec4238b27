//! Entries: from the loader, and from the CPU's exceptions.

use core::arch::{asm, global_asm, naked_asm};
use core::sync::atomic::{AtomicU64, Ordering};

use holdfast_gate::{BootInfo, Ending};
use holdfast_launch::headers::{EXCEPTION_VECTORS, EXECUTE, STAGE0_MAGIC, Stage0Header, WRITE};
use holdfast_launch::layout::{self, cpu_page, selector};
use holdfast_stage0::{Platform, syscall};

use crate::{body, end, paging};

/// The header as the linker fills it; the packer writes hash and length. The same layout as
/// [`Stage0Header`], with addresses that are relocated.
#[repr(C)]
struct Header {
    magic: u64,
    machine_entry: unsafe extern "C" fn() -> !,
    vcpu_entry: unsafe extern "C" fn() -> !,
    process_entry: unsafe extern "C" fn() -> !,
    exceptions: [Option<unsafe extern "C" fn()>; EXCEPTION_VECTORS],
    interrupt: unsafe extern "C" fn(),
    stack: u64,
    body_length: u64,
    body_hash: [u8; 32],
}

const _: () = assert!(size_of::<Header>() == size_of::<Stage0Header>());

macro_rules! exceptions {
    ($($vector:literal $name:ident $kind:literal),* $(,)?) => {
        unsafe extern "C" { $(fn $name();)* fn holdfast_interrupt(); fn holdfast_breakpoint(); }
        $(global_asm!(
            concat!(".globl ", stringify!($name)),
            concat!(stringify!($name), ":"),
            $kind,
            concat!("push ", stringify!($vector)),
            "jmp holdfast_reflect",
        );)*
        #[unsafe(no_mangle)]
        static HOLDFAST_STAGE0_HEADER: Header = Header {
            magic: STAGE0_MAGIC,
            machine_entry,
            vcpu_entry,
            process_entry,
            exceptions: {
                let mut table: [Option<unsafe extern "C" fn()>; EXCEPTION_VECTORS] = [None; EXCEPTION_VECTORS];
                $(table[$vector] = Some($name);)*
                table[3] = Some(holdfast_breakpoint);
                table
            },
            interrupt: holdfast_interrupt,
            stack: 0,
            body_length: 0,
            body_hash: [0; 32],
        };
    };
}

// Vector, entry, and what makes up for a missing error code (AMD APM volume 2, 8.2).
exceptions! {
    0 exception_divide "push 0", 1 exception_debug "push 0", 2 exception_nmi "push 0",
    5 exception_bound "push 0", 6 exception_invalid "push 0", 7 exception_device "push 0",
    8 exception_double "", 10 exception_tss "", 11 exception_segment "", 12 exception_stack "",
    13 exception_protection "", 14 exception_page "", 16 exception_x87 "push 0", 17 exception_alignment "",
    19 exception_simd "push 0", 29 exception_vmm "",
}

// Ring 0. On machines that emulate it, each instruction costs about a microsecond.
//
// An exception: completes the frame of `cpu_page::ExceptionFrame` below the stack's top and goes on at the
// handler that the CPU page names, in ring 3, with the CPU page's address in RAX. Ring 3 reads the frame
// there and returns by itself; `iretq` to the same ring is no privileged instruction.
global_asm!(
    "holdfast_reflect:",
    "push rax",
    "mov rax, cr2",
    "push rax",
    "mov rax, rsp",
    "and rax, -4096",
    "push {data}",
    "push qword ptr [rax + {stack}]",
    "push 0x202",
    "push {code}",
    "push qword ptr [rax + {handler}]",
    "iretq",
    // `int3` from ring 3: flush this vCPU's TLB.
    ".globl holdfast_breakpoint",
    "holdfast_breakpoint:",
    "push rax",
    "mov rax, cr3",
    "mov cr3, rax",
    "pop rax",
    "iretq",
    // The host's interrupt, which another vCPU asked for: the same, and count it.
    ".globl holdfast_interrupt",
    "holdfast_interrupt:",
    "push rax",
    "mov rax, cr3",
    "mov cr3, rax",
    "mov rax, rsp",
    "and rax, -4096",
    "inc qword ptr [rax + {flushes}]",
    "pop rax",
    "iretq",
    data = const selector::USER_DATA,
    code = const selector::USER_CODE,
    stack = const cpu_page::HANDLER_STACK,
    handler = const cpu_page::HANDLER,
    flushes = const cpu_page::FLUSHES,
);

/// Which platform was entered; for the panic handler. Written once, to the stack's page.
fn platform_cell() -> &'static AtomicU64 {
    let address = layout::STAGE0 + stage0_end();
    // SAFETY: the first word of stage 0's stack pages: mapped, aligned, and below any use of the stack.
    unsafe { &*(address as *const AtomicU64) }
}

fn stage0_end() -> u64 {
    unsafe extern "C" {
        static _end: u8;
    }
    (&raw const _end as u64 - layout::STAGE0).next_multiple_of(layout::PAGE)
}

pub(crate) fn platform() -> Platform {
    Platform::from_code(platform_cell().load(Ordering::Relaxed)).unwrap_or(Platform::Machine)
}

/// What the packer wrote. Read by volatile loads: the compiler knows other values.
pub(crate) fn header() -> Stage0Header {
    let header = (&raw const HOLDFAST_STAGE0_HEADER).cast::<Stage0Header>();
    // SAFETY: both structures have the same size and no padding; any bits are a `Stage0Header`.
    unsafe { header.read_volatile() }
}

#[unsafe(naked)]
unsafe extern "C" fn machine_entry() -> ! {
    naked_asm!("xor ebp, ebp", "call {start}", "ud2", start = sym start_machine)
}

#[unsafe(naked)]
unsafe extern "C" fn process_entry() -> ! {
    naked_asm!("xor ebp, ebp", "call {start}", "ud2", start = sym start_process)
}

/// A vCPU other than the first: straight into the body, which is mapped only once it is verified.
#[unsafe(naked)]
unsafe extern "C" fn vcpu_entry() -> ! {
    naked_asm!(
        "xor ebp, ebp",
        "mov rsi, rdi",
        "mov edi, {machine}",
        "movabs rax, {entry}",
        "jmp qword ptr [rax]",
        machine = const 1,
        entry = const layout::BODY + core::mem::offset_of!(holdfast_launch::headers::BodyHeader, entry) as u64,
    )
}

extern "C" fn start_machine() -> ! {
    platform_cell().store(Platform::Machine.code(), Ordering::Relaxed);
    catch_exceptions();
    let result = body::boot_info().and_then(|info| {
        let at = core::ptr::with_exposed_provenance_mut::<u8>(layout::EARLY_MEMORY as usize);
        // SAFETY: the plan maps this much of the Keep's memory here, and nothing else uses it yet.
        let memory = unsafe { core::slice::from_raw_parts_mut(at, layout::EARLY_MEMORY_SIZE as usize) };
        let header = body::take(memory)?;
        let (from, to) = (info.body_length as usize, header.memory as usize);
        memory.get_mut(from..to).ok_or(Ending::BodyRefused)?.fill(0);
        Ok((header.entry, paging::map(&header, memory)?, info))
    });
    match result {
        Ok((entry, used, info)) => enter(Platform::Machine, entry, used, &info),
        Err(ending) => end(Platform::Machine, ending),
    }
}

extern "C" fn start_process() -> ! {
    platform_cell().store(Platform::Process.code(), Ordering::Relaxed);
    let result = body::boot_info().and_then(|info| {
        let at = core::ptr::with_exposed_provenance_mut::<u8>(layout::BODY as usize);
        // SAFETY: the plan maps at least the body's length here, zeroed, and nothing else uses it yet.
        let memory = unsafe { core::slice::from_raw_parts_mut(at, info.body_length as usize) };
        let header = body::take(memory)?;
        protect(0, layout::PAGE, 0)?;
        for segment in header.segments.iter().take(header.segment_count as usize) {
            protect(segment.offset, segment.length, segment.permissions)?;
        }
        Ok((header.entry, info))
    });
    match result {
        Ok((entry, info)) => enter(Platform::Process, entry, 0, &info),
        Err(ending) => end(Platform::Process, ending),
    }
}

fn protect(offset: u64, length: u64, permissions: u64) -> Result<(), Ending> {
    let protection = match permissions {
        bits if bits & EXECUTE != 0 => syscall::PROT_READ | syscall::PROT_EXEC,
        bits if bits & WRITE != 0 => syscall::PROT_READ | syscall::PROT_WRITE,
        _ => syscall::PROT_READ,
    };
    let arguments = [layout::BODY + offset, length, protection, 0, 0, 0];
    // SAFETY: it takes rights from the body's own pages, to which no reference is left that needs them.
    match unsafe { syscall::syscall(syscall::number::MPROTECT, arguments) } {
        0 => Ok(()),
        _ => Err(Ending::BodyRefused),
    }
}

/// Until the shim has its own handler, an exception ends the Keep.
fn catch_exceptions() {
    let put = |offset: u64, value: u64| {
        let slot = (layout::CPU_PAGES + offset) as *mut u64;
        // SAFETY: the CPU page of vCPU 0 is mapped writable; these two words are the handler's.
        unsafe { slot.write_volatile(value) };
    };
    put(cpu_page::HANDLER, exception as *const () as u64);
    // Far enough below the frames in use; 16-byte aligned, less the return address of a call.
    put(cpu_page::HANDLER_STACK, layout::STAGE0 + stage0_end() + 0x1000 - 8);
}

extern "C" fn exception() -> ! {
    let at = |offset: u64| {
        let slot = (layout::CPU_PAGES + cpu_page::EXCEPTION_STACK - offset) as *const u64;
        // SAFETY: the exception frame lies at the top of CPU page 0, which is mapped.
        unsafe { slot.read_volatile() }
    };
    let (vector, address) = (at(56), at(40));
    end(
        Platform::Machine,
        Ending::Fault { vector: vector as u8, address: address.wrapping_sub(layout::BODY) },
    )
}

/// Into the body: platform, vCPU 0, memory in use, boot information.
fn enter(platform: Platform, entry: u64, used: u64, info: &BootInfo) -> ! {
    // SAFETY: the body is verified and mapped; its entry takes these registers and never returns.
    unsafe {
        asm!(
            "jmp {entry}",
            entry = in(reg) entry,
            in("rdi") platform.code(), in("rsi") 0_u64, in("rdx") used, in("rcx") core::ptr::from_ref(info),
            options(noreturn)
        );
    }
}
