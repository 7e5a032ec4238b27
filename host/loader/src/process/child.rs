//! What the child does between its birth and the Keep's first instruction.

use std::arch::{asm, global_asm};
use std::io::{self, Read, Write};
use std::mem;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr;

use holdfast_launch::headers::{EXECUTE, READ};
use holdfast_launch::layout;
use holdfast_launch::plan::{Kind, LaunchPlan, ProcessRegisters, Region, Start};
use rustix::process::{
    DumpableBehavior, Resource, Signal, set_dumpable_behavior, set_parent_process_death_signal,
};
use seccompiler::BpfProgram;

use super::{filter, regions};
use crate::LoaderError;
use crate::filter::allow;
use crate::sandbox::{close_all_but, limit};
use crate::window::Window;

/// Length of the report that the child sends: the step that failed (0: none) and the error number.
pub(super) const REPORT: usize = 8;

/// Writable memory that a Keep may have besides [`holdfast_gate::BootInfo::memory`] and what the plan
/// maps: thread stacks and the shim's own tables.
const SLACK: u64 = 64 << 20;

/// Where the code lies that leaves the loader's memory: in the CPU pages, which only machines have.
const DEPARTURE: u64 = layout::CPU_PAGES;

/// End of the addresses of a process (47 bits, less the last page).
const END: u64 = 0x7fff_ffff_f000;

/// All that the child needs to know, made before the fork.
#[derive(Debug)]
pub(super) struct Orders {
    regions: Vec<Region>,
    start: ProcessRegisters,
    window: RawFd,
    memory: u64,
    filter: BpfProgram,
    parent: u32,
}

impl Orders {
    pub(super) fn new(plan: &LaunchPlan, window: &Window, memory: u64) -> io::Result<Self> {
        let Start::Process(start) = plan.start else { return Err(io::ErrorKind::InvalidInput.into()) };
        let mut regions = plan.regions.clone();
        regions.push(departure()?);
        let planned = regions.iter().filter(|region| region.kind != Kind::Shared).map(|region| region.length);
        let memory = memory.saturating_add(planned.sum()).saturating_add(SLACK);
        let window = window.descriptor().ok_or(io::ErrorKind::InvalidInput)?.as_raw_fd();
        let parent = std::process::id();
        Ok(Self { regions, start, window, memory, filter: allow(filter::KEEP)?, parent })
    }
}

/// A step that can fail, as its number in the report.
type Step = &'static str;

const STEPS: [Step; 7] = [
    "lay out the Keep's memory (another mapping lies there, or the host has too little)",
    "tie the Keep's life to the loader's",
    "reset signals",
    "leave the C library's thread",
    "set limits",
    "close descriptors",
    "install the filter of system calls",
];

/// The report as an error.
pub(super) fn read_report(report: [u8; REPORT]) -> Result<(), LoaderError> {
    let [step, _, _, _, error @ ..] = report;
    match STEPS.get(usize::from(step).wrapping_sub(1)) {
        None => Ok(()),
        Some(what) => Err(LoaderError::system(what)(io::Error::from_raw_os_error(i32::from_le_bytes(error)))),
    }
}

/// Becomes the Keep. The process has one thread, and nothing of it is left afterwards.
pub(super) fn follow(orders: &Orders, mut gate: UnixStream) -> ! {
    let ready = prepare(orders).map_or_else(
        |(step, error)| {
            let number = error.raw_os_error().unwrap_or(libc::EINVAL).to_le_bytes();
            let [a, b, c, d] = number;
            let step = STEPS.iter().position(|name| *name == step).map_or(1, |at| at + 1);
            Err([step as u8, 0, 0, 0, a, b, c, d])
        },
        |()| Ok([0; REPORT]),
    );
    let report = ready.unwrap_or_else(|report| report);
    let told = gate.write_all(&report).and_then(|()| gate.read_exact(&mut [0]));
    if told.is_err() || ready.is_err() || finish(orders).is_err() {
        // SAFETY: ends this process at once; nothing of the loader's may run at its end.
        unsafe { libc::_exit(1) }
    }
    depart(orders)
}

fn prepare(orders: &Orders) -> Result<(), (Step, io::Error)> {
    let [memory, life, signals, thread, limits, ..] = STEPS;
    for region in &orders.regions {
        regions::map(region, orders.window).map_err(|error| (memory, error))?;
    }
    tie_to_parent(orders.parent).map_err(|error| (life, error))?;
    reset_signals().map_err(|error| (signals, error))?;
    leave_thread().map_err(|error| (thread, error))?;
    set_limits(orders.memory).map_err(|error| (limits, error))
}

/// After the last word with the loader: the descriptors, and the filter.
fn finish(orders: &Orders) -> io::Result<()> {
    close_all_but(&[])?;
    seccompiler::apply_filter(&orders.filter).map_err(io::Error::other)
}

fn tie_to_parent(parent: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before.
    match rustix::process::getppid() {
        Some(now) if now.as_raw_nonzero().get().cast_unsigned() == parent => Ok(()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

/// No handler of the loader's is left; each signal does what it does by default.
fn reset_signals() -> io::Result<()> {
    for signal in 1..=64 {
        // SAFETY: takes a handler away. Two signals have none, and two belong to the C library: errors
        // that change nothing.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: all zero is an empty set.
    let none: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: the kernel reads one set.
    let unmasked = unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut()) };
    let off = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    // SAFETY: the kernel reads one structure; no handler is left that needs the stack.
    let disabled = unsafe { libc::sigaltstack(&raw const off, ptr::null_mut()) };
    if unmasked == 0 && disabled == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The kernel forgets the places where the C library had it write.
fn leave_thread() -> io::Result<()> {
    // SAFETY: a null list is none; the length is that of the kernel's structure.
    unsafe { libc::syscall(libc::SYS_set_robust_list, ptr::null::<u8>(), 24) };
    // SAFETY: a null address is none.
    unsafe { libc::syscall(libc::SYS_set_tid_address, ptr::null::<u8>()) };
    #[cfg(target_env = "gnu")]
    leave_rseq()?;
    Ok(())
}

/// glibc registers an area for restartable sequences, which the kernel writes to at every preemption.
#[cfg(target_env = "gnu")]
fn leave_rseq() -> io::Result<()> {
    const UNREGISTER: u32 = 1;
    /// glibc's for x86 (`sysdeps/unix/sysv/linux/x86/bits/rseq.h`).
    const SIGNATURE: u32 = 0x5305_3053;
    unsafe extern "C" {
        static __rseq_offset: isize;
        static __rseq_size: u32;
    }
    // SAFETY: written by the C library before `main`, and never again.
    let size = unsafe { __rseq_size };
    // SAFETY: as above.
    let offset = unsafe { __rseq_offset };
    if size == 0 {
        return Ok(());
    }
    let thread: usize;
    // SAFETY: reads the thread pointer, which x86-64's C libraries keep at its own address.
    unsafe { asm!("mov {}, fs:0", out(reg) thread, options(nostack, readonly, preserves_flags)) };
    let area = thread.wrapping_add_signed(offset);
    // The length registered is not the one published from glibc 2.40 on.
    for length in [32, size, size.next_multiple_of(32)] {
        // SAFETY: takes a registration away.
        if unsafe { libc::syscall(libc::SYS_rseq, area, length, UNREGISTER, SIGNATURE) } == 0 {
            return Ok(());
        }
    }
    Err(io::Error::last_os_error())
}

fn set_limits(memory: u64) -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    limit(Resource::Data, memory)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Memlock, 0)?;
    // It has descriptors until `finish`, but can open no other.
    limit(Resource::Nofile, 0)
}

// Copied to `DEPARTURE`, and run there with R12 and R13: where the Keep starts, and its stack; R14: a
// list of address and length, to be unmapped, up to a length of 0.
global_asm!(
    ".pushsection .rodata.holdfast_departure, \"a\"",
    "holdfast_departure:",
    "2: mov rdi, [r14]",
    "mov rsi, [r14 + 8]",
    "test rsi, rsi",
    "jz 3f",
    "mov eax, {munmap}",
    "syscall",
    "add r14, 16",
    "test rax, rax",
    "jz 2b",
    "ud2",
    "3: mov rsp, r13",
    "xor eax, eax",
    "xor ebx, ebx",
    "xor ecx, ecx",
    "xor edx, edx",
    "xor esi, esi",
    "xor edi, edi",
    "xor ebp, ebp",
    "xor r8d, r8d",
    "xor r9d, r9d",
    "xor r10d, r10d",
    "xor r11d, r11d",
    "xor r14d, r14d",
    "xor r15d, r15d",
    "jmp r12",
    "holdfast_departure_end:",
    ".popsection",
    munmap = const libc::SYS_munmap,
);

/// The page of [`DEPARTURE`]: the list, then the code.
fn departure() -> io::Result<Region> {
    unsafe extern "C" {
        static holdfast_departure: u8;
        static holdfast_departure_end: u8;
    }
    let start = &raw const holdfast_departure;
    let length = (&raw const holdfast_departure_end).addr() - start.addr();
    // SAFETY: the bytes between the two labels, in constant data.
    let code = unsafe { std::slice::from_raw_parts(start, length) };
    let (kernel_from, kernel_to) = kernel_pages(&std::fs::read_to_string("/proc/self/maps")?);
    let after = layout::BASE + (1 << 30);
    let ranges = [(0, layout::BASE), (after, kernel_from), (kernel_to, END)];
    let mut content = Vec::new();
    for (from, to) in ranges {
        content.extend(from.to_le_bytes());
        content.extend(to.saturating_sub(from).to_le_bytes());
    }
    content.resize(LIST, 0);
    content.extend(code);
    Ok(Region {
        address: DEPARTURE,
        length: layout::PAGE,
        content,
        kind: Kind::Measured,
        permissions: READ | EXECUTE,
    })
}

/// Where the kernel's own pages lie (vDSO and its data) by `/proc/self/maps`: some kernels do not let
/// them be unmapped, and nothing of the loader's is in them.
fn kernel_pages(maps: &str) -> (u64, u64) {
    let ranges =
        maps.lines().filter(|line| line.contains("[vdso]") || line.contains("[vvar")).filter_map(|line| {
            let (from, to) = line.split_once(' ')?.0.split_once('-')?;
            Some((u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?))
        });
    ranges.reduce(|all, range| (all.0.min(range.0), all.1.max(range.1))).unwrap_or((END, END))
}

/// Bytes of the list: three ranges at most, and the end.
const LIST: usize = 64;

/// Unmaps all that the plan did not map, and starts the Keep.
fn depart(orders: &Orders) -> ! {
    // SAFETY: the code at `DEPARTURE` uses no stack and no memory but its own page, and ends in the Keep's
    // entry; this function's frame is gone then, and with it everything that could be dropped.
    unsafe {
        asm!(
            "jmp {code}",
            code = in(reg) DEPARTURE + LIST as u64,
            in("r12") orders.start.rip, in("r13") orders.start.rsp, in("r14") DEPARTURE,
            options(noreturn)
        )
    }
}
