//! The vCPUs: starting them, keeping them for the next thread, and flushing all their TLBs.

use core::arch::asm;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use holdfast_gate::call::NO_TIMEOUT;
use holdfast_gate::{Answer, Call, Ending, Interest, MAX_VCPUS};
use holdfast_launch::layout::{self, PAGE, cpu_page};
use holdfast_stage0::{Platform, syscall};

use super::tcb::{self, Tcb};
use super::thread::Control;
use super::{boot, exception, gate};
use crate::errno::Errno;
use crate::mm;

/// What the others know of a vCPU.
#[repr(C, align(64))]
pub(super) struct Vcpu {
    /// Top of its own stack, until it takes it: a vCPU starts once. First: the entry reads it.
    stack: AtomicU64,
    /// Number of its last request.
    sequence: AtomicU64,
    /// The thread to run next.
    next: AtomicPtr<Control>,
    /// Its block while it has no thread.
    tcb: AtomicPtr<Tcb>,
    started: AtomicBool,
    /// A thread runs on it, or is about to.
    busy: AtomicBool,
    /// It is with the host, or has yet to come from there, and uses no memory but the window.
    outside: AtomicBool,
    /// It must flush its TLB when it comes back.
    flush: AtomicBool,
    /// Whether its thread sleeps, or must not: see [`super::park`].
    token: AtomicU32,
}

/// log2 of the size of a [`Vcpu`], for the entry.
pub(super) const VCPU_SHIFT: u32 = 6;
const _: () = assert!(size_of::<Vcpu>() == 1 << VCPU_SHIFT);

pub(super) static VCPUS: [Vcpu; MAX_VCPUS as usize] = [const {
    Vcpu {
        stack: AtomicU64::new(0),
        sequence: AtomicU64::new(0),
        next: AtomicPtr::new(ptr::null_mut()),
        tcb: AtomicPtr::new(ptr::null_mut()),
        started: AtomicBool::new(false),
        busy: AtomicBool::new(false),
        outside: AtomicBool::new(false),
        flush: AtomicBool::new(false),
        token: AtomicU32::new(0),
    }
}; MAX_VCPUS as usize];

/// Its own stack, for the time without a thread.
const STACK: u64 = 16 * 1024;

fn vcpu(index: u32) -> &'static Vcpu {
    match VCPUS.get(index as usize) {
        Some(vcpu) => vcpu,
        None => gate::abort(Ending::Aborted),
    }
}

/// The token by which the thread on vCPU `index` sleeps and is woken.
pub(super) fn token(index: u32) -> &'static AtomicU32 {
    &vcpu(index).token
}

/// The number of the next request of vCPU `index`, which is the calling one.
pub(super) fn next_sequence(index: u32) -> u64 {
    vcpu(index).sequence.fetch_add(1, Ordering::Relaxed) + 1
}

/// Calls `work`, during which vCPU `index`, the calling one, is with the host.
pub(super) fn outside<R>(index: u32, work: impl FnOnce() -> R) -> R {
    let vcpu = vcpu(index);
    vcpu.outside.store(true, Ordering::SeqCst);
    let result = work();
    back(vcpu);
    result
}

/// A vCPU comes from the host.
fn back(vcpu: &Vcpu) {
    vcpu.outside.store(false, Ordering::SeqCst);
    if vcpu.flush.load(Ordering::SeqCst) && vcpu.flush.swap(false, Ordering::SeqCst) {
        flush();
    }
}

/// Flushes the calling vCPU's TLB.
fn flush() {
    // SAFETY: the gate of #BP reloads CR3 and changes no register and no memory of ours.
    unsafe { asm!("int3") };
}

/// Flushes the TLB of each vCPU, and returns when all have done it. Those that are with the host do it
/// when they come back; the others are interrupted. A host that does not deliver the interrupt stops
/// the Keep here: it can do no more than that.
pub fn flush_all_vcpus() {
    if boot::platform() == Platform::Process {
        return;
    }
    flush();
    let own = tcb::current_index();
    for (index, vcpu) in (0..MAX_VCPUS).zip(&VCPUS) {
        if index == own || !vcpu.started.load(Ordering::SeqCst) {
            continue;
        }
        vcpu.flush.store(true, Ordering::SeqCst);
        if vcpu.outside.load(Ordering::SeqCst) {
            continue;
        }
        let before = flushes(index);
        gate::call(Call::Interrupt { index });
        while flushes(index) == before
            && vcpu.flush.load(Ordering::SeqCst)
            && !vcpu.outside.load(Ordering::SeqCst)
        {
            core::hint::spin_loop();
        }
    }
}

/// How often vCPU `index` has been interrupted.
fn flushes(index: u32) -> u64 {
    let address = layout::CPU_PAGES + u64::from(index) * PAGE + cpu_page::FLUSHES;
    let counter: *const AtomicU64 = ptr::with_exposed_provenance(address as usize);
    // SAFETY: the CPU page of a started vCPU is mapped, and the word is written by its ring 0 only.
    unsafe { (*counter).load(Ordering::SeqCst) }
}

/// vCPU 0 runs the main thread.
pub(super) fn first() {
    let vcpu = vcpu(0);
    vcpu.started.store(true, Ordering::SeqCst);
    vcpu.busy.store(true, Ordering::SeqCst);
}

/// Runs `control` on a vCPU that is free, or on a new one.
///
/// # Errors
/// `EAGAIN`: there is none.
pub(super) fn run(control: *mut Control) -> Result<(), Errno> {
    for (index, vcpu) in (0..super::processors()).zip(&VCPUS) {
        if vcpu.busy.swap(true, Ordering::SeqCst) {
            continue;
        }
        vcpu.next.store(control, Ordering::SeqCst);
        if vcpu.started.load(Ordering::SeqCst) {
            gate::call(Call::Wake { index });
            return Ok(());
        }
        return start(index).inspect_err(|_| {
            vcpu.next.store(ptr::null_mut(), Ordering::SeqCst);
            vcpu.busy.store(false, Ordering::SeqCst);
        });
    }
    Err(Errno::EAGAIN)
}

fn start(index: u32) -> Result<(), Errno> {
    let vcpu = vcpu(index);
    if vcpu.tcb.load(Ordering::SeqCst).is_null() {
        prepare(index)?;
    }
    // Nobody can interrupt it before it runs.
    vcpu.outside.store(true, Ordering::SeqCst);
    vcpu.started.store(true, Ordering::SeqCst);
    let done = gate::call(Call::StartVcpu { index }) == Answer::Done
        && (boot::platform() == Platform::Machine || clone(index));
    if !done {
        vcpu.started.store(false, Ordering::SeqCst);
        return Err(Errno::EAGAIN);
    }
    Ok(())
}

/// Memory for a vCPU: the exception handler's stack, its own, and its block. All of it is touched, as
/// a page fault needs it.
fn prepare(index: u32) -> Result<(), Errno> {
    let length = exception::STACK + STACK + PAGE;
    let memory = mm::map(None, length, mm::areas::READ | mm::areas::WRITE)?;
    for page in (memory..memory + length).step_by(PAGE as usize) {
        let byte: *mut u8 = ptr::with_exposed_provenance_mut(page as usize);
        // SAFETY: the mapping is new and ours.
        unsafe { byte.write_volatile(0) };
    }
    let own_stack = memory + exception::STACK + STACK;
    let tcb: *mut Tcb = ptr::with_exposed_provenance_mut(own_stack as usize);
    // SAFETY: the page behind the stacks is ours, and long enough for a block.
    unsafe { tcb.write(Tcb::new(tcb, index)) };
    if boot::platform() == Platform::Machine {
        let page = layout::CPU_PAGES + u64::from(index) * PAGE;
        mm::map_cpu_page(page)?;
        fill_cpu_page(page);
        exception::install(index, memory + exception::STACK);
    }
    vcpu(index).stack.store(own_stack, Ordering::SeqCst);
    vcpu(index).tcb.store(tcb, Ordering::SeqCst);
    Ok(())
}

/// The task state segment of a CPU page: as vCPU 0's, with this page's stacks.
fn fill_cpu_page(page: u64) {
    let word = |at: u64| -> *mut u32 { ptr::with_exposed_provenance_mut((page + at) as usize) };
    let first = |at: u64| -> *const u32 { ptr::with_exposed_provenance((layout::CPU_PAGES + at) as usize) };
    for at in 0..cpu_page::HANDLER / 4 {
        // SAFETY: CPU page 0 is mapped from the start.
        let value = unsafe { first(at * 4).read_volatile() };
        // SAFETY: the page was mapped for this.
        unsafe { word(at * 4).write_volatile(value) };
    }
    // Stack pointers at offsets 4 (ring 0), 0x24 and 0x2c (IST 1 and 2): low and high halves.
    for (at, top) in [
        (0x04, cpu_page::EXCEPTION_STACK),
        (0x24, cpu_page::BREAKPOINT_STACK),
        (0x2c, cpu_page::INTERRUPT_STACK),
    ] {
        let address = page + top;
        // SAFETY: as above.
        unsafe { word(at).write_volatile(address as u32) };
        // SAFETY: as above.
        unsafe { word(at + 4).write_volatile((address >> 32) as u32) };
    }
}

/// A thread of the process, on the vCPU's own stack.
fn clone(index: u32) -> bool {
    // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM: what a thread shares.
    const FLAGS: u64 = 0x100 | 0x200 | 0x400 | 0x800 | 0x1_0000 | 0x4_0000;
    let stack = vcpu(index).stack.swap(0, Ordering::SeqCst);
    let result: i64;
    // SAFETY: the child starts on a stack of its own, which nobody else uses, and never returns here.
    unsafe {
        asm!(
            "call {syscall}",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov edi, r12d",
            "call {main}",
            "ud2",
            "2:",
            syscall = sym clone_call,
            main = sym main,
            in("rdi") FLAGS, in("rsi") stack, in("r12") u64::from(index),
            lateout("rax") result,
            clobber_abi("C"),
        );
    }
    result > 0
}

/// `clone(flags, stack)`: the child returns to the caller on its new stack, so the return address goes
/// there first.
#[unsafe(naked)]
unsafe extern "C" fn clone_call(flags: u64, stack: u64) -> i64 {
    core::arch::naked_asm!(
        "mov rax, [rsp]",
        "sub rsi, 8",
        "mov [rsi], rax",
        "mov eax, {number}",
        "xor edx, edx",
        "xor r10d, r10d",
        "xor r8d, r8d",
        "jmp {raw}",
        number = const syscall::number::CLONE,
        raw = sym syscall::raw,
    )
}

/// What a vCPU does: thread after thread.
pub(super) extern "C" fn main(index: u32) -> ! {
    let vcpu = vcpu(index);
    back(vcpu);
    let own = vcpu.tcb.load(Ordering::SeqCst);
    // SAFETY: `prepare` made the block, and it is never freed.
    unsafe { tcb::set(own) };
    loop {
        let control = vcpu.next.swap(ptr::null_mut(), Ordering::SeqCst);
        if control.is_null() {
            gate::call_as(index, Call::Park { interest: Interest::NONE, timeout: NO_TIMEOUT });
            continue;
        }
        // SAFETY: `run` was given it for one run on this vCPU.
        unsafe { super::thread::run(control, index) };
        // SAFETY: as above; the thread's own block may be freed from here on.
        unsafe { tcb::set(own) };
        // The vCPU is free before somebody who joins the thread starts another.
        vcpu.busy.store(false, Ordering::SeqCst);
        // SAFETY: the thread has left its stack.
        unsafe { super::thread::finish(control) };
    }
}
