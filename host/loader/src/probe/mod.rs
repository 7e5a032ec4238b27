//! Which backends work on this machine, what is missing, and what mends it; and whether the machine is
//! itself inside a confidential virtual machine.
//!
//! [`Facts::collect`] looks, without changing anything; [`Report::new`] judges, a pure function.

mod facts;

pub use facts::{Access, Cpu, Facts};
use serde::Serialize;

/// What `holdfast platform` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Each backend, in the order of preference.
    pub backends: Vec<BackendReport>,
    /// The confidential virtual machine that this machine is, if it is one.
    pub inside: Option<Inside>,
    /// What was found.
    pub facts: Facts,
}

/// One backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackendReport {
    /// Its name, as on the command line.
    pub name: &'static str,
    /// Whether it keeps its secrets from this machine's owner.
    pub confidential: bool,
    /// Whether this release can start a Keep on it.
    pub supported: bool,
    /// What is missing, each with what mends it. Empty: the machine has what it needs.
    pub missing: Vec<Missing>,
}

impl BackendReport {
    /// Whether a Keep can be started on it here and now.
    #[must_use]
    pub const fn usable(&self) -> bool {
        self.supported && self.missing.is_empty()
    }
}

/// Something that a backend needs and the machine has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// What.
    pub what: &'static str,
    /// The command or step that mends it.
    pub remedy: &'static str,
}

/// A kind of confidential virtual machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Inside {
    /// AMD SEV-SNP.
    Snp,
    /// Intel TDX.
    Tdx,
}

impl Report {
    /// Looks at this machine and judges.
    #[must_use]
    pub fn of_this_machine() -> Self {
        Self::new(Facts::collect())
    }

    /// What the facts mean.
    #[must_use]
    pub fn new(facts: Facts) -> Self {
        let backend = |name, confidential, supported, needs: &[Option<Missing>]| BackendReport {
            name,
            confidential,
            supported,
            missing: needs.iter().flatten().cloned().collect(),
        };
        let keep_cpu = need(
            facts.cpu.keep_features,
            "a CPU with RDRAND, FSGSBASE, AVX state and SSE4.2",
            "use a machine with a newer CPU (Intel since 2012, AMD since 2017)",
        );
        let kvm = [keep_cpu.clone(), device(facts.kvm, NO_KVM, KVM_REFUSED)];
        let snp = [
            need(facts.cpu.amd, "an AMD EPYC CPU of the third generation or later", "use such a machine"),
            need(
                !facts.cpu.amd || facts.cpu.snp,
                "SEV-SNP in the CPU",
                "enable SNP (SEV-SNP Support, SNP Memory Coverage) in the firmware",
            ),
            need(
                facts.kvm_amd_sev_snp,
                "SEV-SNP in the kernel",
                "use Linux 6.11 or later and load the module: modprobe kvm_amd sev=1 sev_snp=1",
            ),
            device(
                facts.sev,
                "the secure processor's driver: modprobe ccp",
                "sudo setfacl -m u:$USER:rw /dev/sev",
            ),
            device(facts.kvm, NO_KVM, KVM_REFUSED),
        ];
        let tdx = [
            need(facts.cpu.intel, "an Intel Xeon CPU of the fifth generation or later", "use such a machine"),
            need(
                facts.kvm_intel_tdx,
                "TDX in the kernel",
                "enable TDX in the firmware, use Linux 6.16 or later, and load the module: modprobe kvm_intel tdx=1",
            ),
            device(facts.kvm, NO_KVM, KVM_REFUSED),
        ];
        let sgx = [
            need(facts.cpu.sgx, "SGX in the CPU", "use an Intel Xeon with SGX and enable it in the firmware"),
            device(
                facts.sgx_enclave,
                "use Linux 5.11 or later, built with CONFIG_X86_SGX",
                "sudo usermod -aG sgx $USER, and log in again",
            ),
        ];
        let process = [
            keep_cpu,
            need(
                facts.seccomp,
                "seccomp filters in the kernel",
                "use a kernel built with CONFIG_SECCOMP_FILTER",
            ),
        ];
        Self {
            backends: vec![
                backend("snp", true, false, &snp),
                backend("tdx", true, false, &tdx),
                backend("sgx", true, false, &sgx),
                backend("kvm", false, true, &kvm),
                backend("process", false, true, &process),
            ],
            inside: inside(&facts),
            facts,
        }
    }
}

const NO_KVM: &str =
    "enable virtualisation in the firmware and load the module: modprobe kvm_amd or kvm_intel";
const KVM_REFUSED: &str = "sudo usermod -aG kvm $USER, and log in again";

fn need(there: bool, what: &'static str, remedy: &'static str) -> Option<Missing> {
    (!there).then_some(Missing { what, remedy })
}

fn device(access: Access, absent: &'static str, refused: &'static str) -> Option<Missing> {
    match access {
        Access::Usable => None,
        Access::Refused => Some(Missing { what: "permission to open its device", remedy: refused }),
        Access::Absent => Some(Missing { what: "its device", remedy: absent }),
    }
}

/// By the device that only the guest's kernel has, or by what the CPU tells a guest. What a host says
/// this way is a hint for the user and proves nothing.
fn inside(facts: &Facts) -> Option<Inside> {
    if facts.sev_guest || facts.tsm_provider.as_deref() == Some("sev_guest") {
        return Some(Inside::Snp);
    }
    if facts.tdx_guest || facts.cpu.tdx_guest || facts.tsm_provider.as_deref() == Some("tdx_guest") {
        return Some(Inside::Tdx);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(report: &Report) -> Vec<&str> {
        report
            .backends
            .iter()
            .filter(|backend| backend.missing.is_empty())
            .map(|backend| backend.name)
            .collect()
    }

    fn plain() -> Facts {
        Facts { seccomp: true, cpu: Cpu { keep_features: true, ..Cpu::default() }, ..Facts::default() }
    }

    #[test]
    fn any_linux_has_process() {
        let report = Report::new(plain());
        assert_eq!(names(&report), ["process"]);
        assert_eq!(report.inside, None);
    }

    #[test]
    fn a_device_without_permission_is_told_from_none() {
        let remedy = |kvm| {
            let report = Report::new(Facts { kvm, ..plain() });
            report.backends.iter().find(|backend| backend.name == "kvm").expect("kvm").missing.clone()
        };
        assert_eq!(remedy(Access::Usable), []);
        assert_eq!(remedy(Access::Refused)[0].remedy, KVM_REFUSED);
        assert_eq!(remedy(Access::Absent)[0].remedy, NO_KVM);
    }

    #[test]
    fn an_snp_host_lacks_nothing_but_this_release() {
        let facts = Facts {
            kvm: Access::Usable,
            sev: Access::Usable,
            kvm_amd_sev_snp: true,
            cpu: Cpu { amd: true, snp: true, keep_features: true, ..Cpu::default() },
            ..plain()
        };
        let report = Report::new(facts);
        assert_eq!(names(&report), ["snp", "kvm", "process"]);
        assert!(report.backends.iter().all(|backend| backend.name != "snp" || !backend.usable()));
    }

    #[test]
    fn snp_switched_off_in_the_firmware_is_told() {
        let facts = Facts { kvm: Access::Usable, cpu: Cpu { amd: true, ..Cpu::default() }, ..plain() };
        let report = Report::new(facts);
        assert!(report.backends[0].missing.iter().any(|missing| missing.remedy.contains("firmware")));
    }

    #[test]
    fn guests_know_what_they_are() {
        assert_eq!(Report::new(Facts { sev_guest: true, ..plain() }).inside, Some(Inside::Snp));
        assert_eq!(Report::new(Facts { tdx_guest: true, ..plain() }).inside, Some(Inside::Tdx));
        let tsm = Facts { tsm_provider: Some("tdx_guest".into()), ..plain() };
        assert_eq!(Report::new(tsm).inside, Some(Inside::Tdx));
    }

    #[test]
    fn no_remedy_is_empty() {
        for missing in Report::new(Facts::default()).backends.iter().flat_map(|backend| &backend.missing) {
            assert!(!missing.what.is_empty() && !missing.remedy.is_empty());
        }
    }

    #[test]
    fn this_machine_can_be_looked_at() {
        assert!(Facts::collect().seccomp);
    }
}
