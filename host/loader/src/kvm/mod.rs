//! The backend `kvm`: executes the launch plan of a virtual machine.

mod memory;
mod vcpu;

use std::os::fd::AsRawFd;

use holdfast_launch::plan::{Kind, LaunchPlan, MachineRegisters, Start};
use kvm_bindings::{CpuId, KVM_MAX_CPUID_ENTRIES, kvm_userspace_memory_region};
use kvm_ioctls::{Cap, Kvm, VmFd};

use crate::window::Window;

pub use memory::Memory;
pub use vcpu::{Exit, Kick, Vcpu, install_kick_handler};

/// Why a virtual machine cannot be made or run. At fault is the host.
#[derive(Debug, thiserror::Error)]
pub enum KvmError {
    /// There is no `/dev/kvm`.
    #[error(
        "/dev/kvm does not exist; enable virtualisation in the firmware and load the module kvm_amd or kvm_intel, or use --backend process"
    )]
    Missing,
    /// It may not be opened.
    #[error(
        "/dev/kvm may not be opened by this user; add the user to the group kvm, or use --backend process"
    )]
    NotPermitted,
    /// It answers with another version.
    #[error("/dev/kvm speaks API version {0}, not 12; update the kernel")]
    Version(i32),
    /// It lacks something.
    #[error("this kernel's KVM lacks {0}; update the kernel, or use --backend process")]
    Lacks(&'static str),
    /// The host has not the memory.
    #[error("the host cannot give {0} bytes of memory; ask for less with --memory")]
    Memory(u64),
    /// A call failed.
    #[error("KVM: {0} failed: {1}")]
    Call(&'static str, std::io::Error),
    /// A vCPU stopped in a way that the Keep does not do.
    #[error("vCPU {index} stopped: {reason}; the Keep failed")]
    Stopped {
        /// Which vCPU.
        index: u32,
        /// What KVM says.
        reason: String,
    },
}

pub(crate) fn call(what: &'static str) -> impl Fn(kvm_ioctls::Error) -> KvmError {
    move |error| KvmError::Call(what, error.into())
}

/// Opens `/dev/kvm` and checks that it can serve.
///
/// # Errors
/// What is missing.
pub fn open() -> Result<Kvm, KvmError> {
    let kvm = Kvm::new().map_err(|error| match error.errno() {
        libc::ENOENT | libc::ENODEV | libc::ENXIO => KvmError::Missing,
        libc::EACCES | libc::EPERM => KvmError::NotPermitted,
        _ => KvmError::Call("open /dev/kvm", error.into()),
    })?;
    match kvm.get_api_version() {
        12 => {}
        other => return Err(KvmError::Version(other)),
    }
    for (capability, name) in [
        (Cap::UserMemory, "KVM_CAP_USER_MEMORY"),
        (Cap::ImmediateExit, "KVM_CAP_IMMEDIATE_EXIT"),
        (Cap::ExtCpuid, "KVM_CAP_EXT_CPUID"),
        (Cap::Xcrs, "KVM_CAP_XCRS"),
    ] {
        if !kvm.check_extension(capability) {
            return Err(KvmError::Lacks(name));
        }
    }
    Ok(kvm)
}

/// A virtual machine with its memory as the plan says. vCPUs are made as they start.
#[derive(Debug)]
pub struct Machine {
    // Dropped before the memory that it uses.
    vm: VmFd,
    cpuid: CpuId,
    run_size: usize,
    registers: Vec<MachineRegisters>,
    _memory: Vec<Memory>,
}

impl Machine {
    /// Makes the machine. The window must live as long as it.
    ///
    /// # Errors
    /// [`KvmError`].
    pub fn new(kvm: &Kvm, plan: &LaunchPlan, window: &Window) -> Result<Self, KvmError> {
        let Start::Machine(registers) = &plan.start else {
            return Err(KvmError::Lacks("a plan for a machine"));
        };
        let vm = kvm.create_vm().map_err(call("KVM_CREATE_VM"))?;
        // Intel's KVM needs three pages of guest-physical space for itself; the plan leaves them free.
        // Other machines may refuse: they need none.
        let _ = vm.set_tss_address(0xfffb_d000);
        let mut owned = Vec::new();
        let mut slots = 0_u32..;
        for region in &plan.regions {
            let parts = match region.kind {
                Kind::Shared => window.parts(),
                Kind::Measured | Kind::Memory => {
                    let memory = Memory::new(region.length, &region.content)
                        .map_err(|_| KvmError::Memory(region.length))?;
                    let part = (memory.address(), region.length);
                    owned.push(memory);
                    vec![part]
                }
            };
            if parts.iter().map(|part| part.1).sum::<u64>() > region.length {
                return Err(KvmError::Lacks("a window of the plan's size"));
            }
            let mut guest_phys_addr = region.address;
            for ((userspace_addr, memory_size), slot) in parts.into_iter().zip(&mut slots) {
                let region = kvm_userspace_memory_region {
                    slot,
                    flags: 0,
                    guest_phys_addr,
                    memory_size,
                    userspace_addr,
                };
                memory::set_region(&vm, region).map_err(call("KVM_SET_USER_MEMORY_REGION"))?;
                guest_phys_addr += memory_size;
            }
        }
        let cpuid =
            kvm.get_supported_cpuid(KVM_MAX_CPUID_ENTRIES).map_err(call("KVM_GET_SUPPORTED_CPUID"))?;
        let run_size = kvm.get_vcpu_mmap_size().map_err(call("KVM_GET_VCPU_MMAP_SIZE"))?;
        Ok(Self { vm, cpuid, run_size, registers: registers.clone(), _memory: owned })
    }

    /// The machine's descriptor, for a filter of system calls.
    #[must_use]
    pub fn descriptor(&self) -> i32 {
        self.vm.as_raw_fd()
    }

    /// Size of the structure that KVM shares for each vCPU.
    #[must_use]
    pub const fn run_size(&self) -> usize {
        self.run_size
    }

    /// Makes vCPU `index` with the plan's registers.
    ///
    /// # Errors
    /// [`KvmError`]; also if the plan has no such vCPU.
    pub fn vcpu(&self, index: u32) -> Result<Vcpu, KvmError> {
        let registers = self.registers.get(index as usize).ok_or(KvmError::Lacks("this vCPU in the plan"))?;
        let fd = self.vm.create_vcpu(u64::from(index)).map_err(call("KVM_CREATE_VCPU"))?;
        Vcpu::new(fd, index, &self.cpuid, registers)
    }

    /// Frequency of the guest's time stamp counter in kHz, 0 if KVM does not say.
    #[must_use]
    pub fn tsc_khz(vcpu: &Vcpu) -> u64 {
        vcpu.tsc_khz()
    }
}
