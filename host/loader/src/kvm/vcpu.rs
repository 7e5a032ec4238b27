//! One vCPU: its registers, and running it until it rings.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};

use holdfast_gate::DOORBELL_PORT;
use holdfast_gate::call::INTERRUPT_VECTOR;
use holdfast_launch::plan::{MachineRegisters, Segment};
use kvm_bindings::{CpuId, kvm_dtable, kvm_interrupt, kvm_regs, kvm_segment, kvm_xcr, kvm_xcrs};
use kvm_ioctls::{VcpuExit, VcpuFd};

use super::{KvmError, call};

/// Why [`Vcpu::run`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The mailbox holds a request.
    Doorbell,
}

/// One vCPU, to be run by one thread.
#[derive(Debug)]
pub struct Vcpu {
    fd: VcpuFd,
    index: u32,
    kick: Arc<Kick>,
}

/// How other threads get a vCPU out of the guest to give it the interrupt.
#[derive(Debug, Default)]
pub struct Kick {
    thread: AtomicI32,
    pending: AtomicBool,
    /// `immediate_exit` of the vCPU's `kvm_run`, as long as there is one.
    immediate: Mutex<Option<ImmediateExit>>,
}

/// The byte that keeps a vCPU from entering the guest.
#[derive(Debug)]
struct ImmediateExit(*mut u8);

// SAFETY: the byte is accessed atomically, or by the thread that runs the vCPU and the kernel.
unsafe impl Send for ImmediateExit {}

impl Kick {
    /// Asks for the interrupt; it comes as soon as the vCPU runs.
    pub fn interrupt(&self) {
        self.pending.store(true, Ordering::SeqCst);
        // A signal that is handled just before KVM_RUN would be lost; this byte is not.
        if let Some(ImmediateExit(byte)) = &*self.immediate.lock().unwrap_or_else(PoisonError::into_inner) {
            // SAFETY: mapped as long as it stands here, which the vCPU's `drop` ends under the same lock.
            let byte = unsafe { AtomicU8::from_ptr(*byte) };
            byte.store(1, Ordering::SeqCst);
        }
        let thread = self.thread.load(Ordering::SeqCst);
        if thread != 0 {
            let process = std::process::id();
            // SAFETY: sends a signal, whose handler does nothing, to a thread of this process; if it is gone
            // the call fails.
            unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGUSR1) };
        }
    }
}

/// Installs the empty handler of the signal that [`Kick`] sends. Once per process, before the first vCPU.
///
/// # Errors
/// The system's.
pub fn install_kick_handler() -> io::Result<()> {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: all-zero is a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as *const () as usize;
    // SAFETY: the handler does nothing, so it may interrupt anything. No SA_RESTART: KVM_RUN shall return.
    match unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Vcpu {
    pub(super) fn new(
        mut fd: VcpuFd,
        index: u32,
        cpuid: &CpuId,
        registers: &MachineRegisters,
    ) -> Result<Self, KvmError> {
        fd.set_cpuid2(cpuid).map_err(call("KVM_SET_CPUID2"))?;
        let mut sregs = fd.get_sregs().map_err(call("KVM_GET_SREGS"))?;
        sregs.cs = segment(&registers.cs);
        for slot in [&mut sregs.ds, &mut sregs.es, &mut sregs.fs, &mut sregs.gs, &mut sregs.ss] {
            *slot = segment(&registers.ds);
        }
        sregs.tr = segment(&registers.tr);
        sregs.gdt = table(registers.gdt);
        sregs.idt = table(registers.idt);
        sregs.cr0 = registers.cr0;
        sregs.cr3 = registers.cr3;
        sregs.cr4 = registers.cr4;
        sregs.efer = registers.efer;
        fd.set_sregs(&sregs).map_err(call("KVM_SET_SREGS"))?;
        let mut xcrs = kvm_xcrs { nr_xcrs: 1, ..Default::default() };
        xcrs.xcrs[0] =
            kvm_xcr { xcr: 0, value: registers.xcr0 & supported_states(cpuid), ..Default::default() };
        fd.set_xcrs(&xcrs).map_err(call("KVM_SET_XCRS"))?;
        let regs = kvm_regs {
            rip: registers.rip,
            rsp: registers.rsp,
            rdi: registers.rdi,
            rflags: registers.rflags,
            ..Default::default()
        };
        fd.set_regs(&regs).map_err(call("KVM_SET_REGS"))?;
        let kick = Kick::default();
        let byte = &raw mut fd.get_kvm_run().immediate_exit;
        *kick.immediate.lock().unwrap_or_else(PoisonError::into_inner) = Some(ImmediateExit(byte));
        Ok(Self { fd, index, kick: Arc::new(kick) })
    }

    /// The handle for other threads.
    #[must_use]
    pub fn kick(&self) -> Arc<Kick> {
        Arc::clone(&self.kick)
    }

    /// The vCPU's descriptor, for a loader that closes all others.
    #[must_use]
    pub fn descriptor(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    pub(super) fn tsc_khz(&self) -> u64 {
        self.fd.get_tsc_khz().map_or(0, u64::from)
    }

    /// The registers, for a message about a vCPU that failed.
    #[must_use]
    pub fn regs(&self) -> String {
        match (self.fd.get_regs(), self.fd.get_sregs()) {
            (Ok(regs), Ok(sregs)) => format!(
                "rip {:#x} rsp {:#x} cr2 {:#x} cs {:#x}",
                regs.rip, regs.rsp, sregs.cr2, sregs.cs.selector
            ),
            _ => "unknown".into(),
        }
    }

    /// Runs the vCPU in the calling thread, always the same one, until it rings.
    ///
    /// # Errors
    /// If it stops for another reason.
    pub fn run(&mut self) -> Result<Exit, KvmError> {
        if self.kick.thread.load(Ordering::Relaxed) == 0 {
            // SAFETY: no arguments, no effect.
            let thread = unsafe { libc::gettid() };
            self.kick.thread.store(thread, Ordering::SeqCst);
        }
        loop {
            self.inject()?;
            let stopped = |reason: String| KvmError::Stopped { index: self.index, reason };
            match self.fd.run() {
                Ok(VcpuExit::IoOut(DOORBELL_PORT, _)) => return Ok(Exit::Doorbell),
                Ok(VcpuExit::IrqWindowOpen | VcpuExit::Intr) => {}
                Ok(VcpuExit::Hlt) => return Err(stopped("it halted".into())),
                Ok(VcpuExit::Shutdown) => return Err(stopped("it failed in its exception handler".into())),
                Ok(other) => return Err(stopped(format!("{other:x?}"))),
                Err(error) if matches!(error.errno(), libc::EINTR | libc::EAGAIN) => {
                    self.fd.set_kvm_immediate_exit(0);
                    // Whoever sets it later has set `pending` before: look at that only now.
                    fence(Ordering::SeqCst);
                }
                Err(error) if error.errno() == libc::ENOMEM => {
                    return Err(stopped("the host is out of memory".into()));
                }
                Err(error) => return Err(KvmError::Call("KVM_RUN", error.into())),
            }
        }
    }

    fn inject(&mut self) -> Result<(), KvmError> {
        if !self.kick.pending.load(Ordering::SeqCst) {
            return Ok(());
        }
        let run = self.fd.get_kvm_run();
        if run.ready_for_interrupt_injection == 0 || run.if_flag == 0 {
            run.request_interrupt_window = 1;
            return Ok(());
        }
        run.request_interrupt_window = 0;
        self.kick.pending.store(false, Ordering::SeqCst);
        interrupt(&self.fd).map_err(|error| KvmError::Call("KVM_INTERRUPT", error))
    }
}

impl Drop for Vcpu {
    fn drop(&mut self) {
        *self.kick.immediate.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// `KVM_INTERRUPT`, `_IOW(KVMIO, 0x86, struct kvm_interrupt)`.
fn interrupt(fd: &VcpuFd) -> io::Result<()> {
    const KVM_INTERRUPT: libc::c_ulong = 0x4004_ae86;
    let argument = kvm_interrupt { irq: u32::from(INTERRUPT_VECTOR) };
    // SAFETY: the kernel reads the one structure that the pointer is to.
    match unsafe { libc::ioctl(fd.as_raw_fd(), KVM_INTERRUPT, &raw const argument) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The extended states that this CPU and KVM have (CPUID 0xD.0, EDX:EAX).
fn supported_states(cpuid: &CpuId) -> u64 {
    let found = cpuid.as_slice().iter().find(|entry| entry.function == 0xd && entry.index == 0);
    found.map_or(3, |entry| u64::from(entry.eax) | (u64::from(entry.edx) << 32))
}

fn segment(segment: &Segment) -> kvm_segment {
    let access = segment.access;
    kvm_segment {
        base: segment.base,
        limit: segment.limit,
        selector: segment.selector,
        type_: access & 0xf,
        s: (access >> 4) & 1,
        dpl: (access >> 5) & 3,
        present: access >> 7,
        l: u8::from(segment.long),
        db: u8::from(!segment.long && access & 0x10 != 0),
        g: u8::from(segment.limit > 0xf_ffff),
        ..Default::default()
    }
}

fn table((base, limit): (u64, u16)) -> kvm_dtable {
    kvm_dtable { base, limit, ..Default::default() }
}
