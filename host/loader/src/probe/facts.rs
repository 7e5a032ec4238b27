//! What can be seen of this machine without privileges and without changing anything.

use std::arch::x86_64::{__cpuid, __cpuid_count};
use std::fs::{self, File};
use std::io::ErrorKind;

use serde::Serialize;

/// Whether a device can be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// It does not exist.
    #[default]
    Absent,
    /// It exists, but not for this user.
    Refused,
    /// It can be opened for reading and writing.
    Usable,
}

/// What the CPU says of itself (CPUID).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cpu {
    /// The vendor is AMD.
    pub amd: bool,
    /// The vendor is Intel.
    pub intel: bool,
    /// It has what every Keep needs.
    pub keep_features: bool,
    /// It can do SEV-SNP (leaf 0x8000001f, EAX bit 4).
    pub snp: bool,
    /// It can do SGX (leaf 7, EBX bit 2).
    pub sgx: bool,
    /// It says that this is a TDX guest (leaf 0x21, "IntelTDX").
    pub tdx_guest: bool,
    /// The name of the hypervisor below, if there is one.
    pub hypervisor: Option<String>,
}

/// Everything that [`super::Report::new`] judges by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The CPU.
    pub cpu: Cpu,
    /// `/dev/kvm`.
    pub kvm: Access,
    /// `/dev/sev`.
    pub sev: Access,
    /// `/dev/sgx_enclave`.
    pub sgx_enclave: Access,
    /// The module kvm_amd runs SNP guests.
    pub kvm_amd_sev_snp: bool,
    /// The module kvm_intel runs TDX guests.
    pub kvm_intel_tdx: bool,
    /// `/dev/sev-guest` exists.
    pub sev_guest: bool,
    /// `/dev/tdx_guest` exists.
    pub tdx_guest: bool,
    /// Who makes reports for `/sys/kernel/config/tsm`, if a report entry exists there to ask.
    pub tsm_provider: Option<String>,
    /// The kernel has seccomp filters.
    pub seccomp: bool,
}

impl Facts {
    /// Looks at this machine.
    #[must_use]
    pub fn collect() -> Self {
        let exists = |path| fs::exists(path).unwrap_or(false);
        Self {
            cpu: Cpu::collect(),
            kvm: access("/dev/kvm"),
            sev: access("/dev/sev"),
            sgx_enclave: access("/dev/sgx_enclave"),
            kvm_amd_sev_snp: parameter("/sys/module/kvm_amd/parameters/sev_snp"),
            kvm_intel_tdx: parameter("/sys/module/kvm_intel/parameters/tdx"),
            sev_guest: exists("/dev/sev-guest"),
            tdx_guest: exists("/dev/tdx_guest"),
            tsm_provider: tsm_provider(),
            seccomp: exists("/proc/sys/kernel/seccomp/actions_avail"),
        }
    }
}

fn access(path: &str) -> Access {
    match File::options().read(true).write(true).open(path) {
        Ok(_) => Access::Usable,
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ResourceBusy) => {
            Access::Refused
        }
        Err(_) => Access::Absent,
    }
}

/// A module's switch, which is absent if the module is or does not know it.
fn parameter(path: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|text| matches!(text.trim(), "Y" | "y" | "1"))
}

fn tsm_provider() -> Option<String> {
    let entry = fs::read_dir("/sys/kernel/config/tsm/report").ok()?.next()?.ok()?;
    Some(fs::read_to_string(entry.path().join("provider")).ok()?.trim().to_owned())
}

impl Cpu {
    fn collect() -> Self {
        let vendor = __cpuid(0);
        let name = text(&[vendor.ebx, vendor.edx, vendor.ecx]);
        let features = __cpuid(1);
        let has = |register: u32, bit: u32| register & (1 << bit) != 0;
        let leaf = |leaf: u32, base: u32| {
            if __cpuid(base).eax >= leaf { Some(__cpuid_count(leaf, 0)) } else { None }
        };
        let extended = leaf(7, 0);
        let under = has(features.ecx, 31).then(|| __cpuid(0x4000_0000));
        Self {
            amd: name == "AuthenticAMD",
            intel: name == "GenuineIntel",
            // SSE4.2, OSXSAVE, AVX, RDRAND; FSGSBASE.
            keep_features: [20, 27, 28, 30].iter().all(|bit| has(features.ecx, *bit))
                && extended.is_some_and(|extended| has(extended.ebx, 0)),
            snp: leaf(0x8000_001f, 0x8000_0000).is_some_and(|sev| has(sev.eax, 4)),
            sgx: extended.is_some_and(|extended| has(extended.ebx, 2)),
            tdx_guest: leaf(0x21, 0).is_some_and(|tdx| text(&[tdx.ebx, tdx.edx, tdx.ecx]) == "IntelTDX    "),
            hypervisor: under
                .map(|under| text(&[under.ebx, under.ecx, under.edx]))
                .filter(|name| !name.is_empty()),
        }
    }
}

fn text(registers: &[u32]) -> String {
    let bytes: Vec<u8> = registers.iter().flat_map(|register| register.to_le_bytes()).collect();
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned()
}
