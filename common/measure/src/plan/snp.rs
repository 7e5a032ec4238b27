//! The SNP launch digest of a plan.

use holdfast_launch::plan::{Kind, MachineRegisters, Segment};
use holdfast_launch::{LaunchPlan, Shape};

use super::{PlanError, machine, measured, pages};
use crate::PAGE;
use crate::digest::Digest384;
use crate::snp::{LaunchDigest, Vmsa, VmsaSegment};

const TEE: &str = "SNP";

/// What the SNP backend adds to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnpProfile {
    /// SEV_FEATURES of the vCPUs; equal to `vmsa_features` of `KVM_SEV_INIT2` with bit 0, SNP active.
    pub sev_features: u64,
    /// The extended states that the CPU has. XCR0 is what the plan allows of them.
    pub xcr0: u64,
    /// Where the SECRETS page lies. A guest without it gets no evidence.
    pub secrets: Option<u64>,
    /// Where the CPUID page lies. A guest without it must believe the host's CPUID.
    pub cpuid: Option<u64>,
}

impl SnpProfile {
    /// What holds for every Keep: SNP is active and nothing else; x87, SSE and AVX, which every processor with
    /// SNP has. No place for the special pages.
    pub const KEEP: Self = Self { sev_features: 1, xcr0: 7, secrets: None, cpuid: None };
}

/// The launch digest of `plan`: its measured regions as NORMAL pages in their order, then the SECRETS and
/// the CPUID page, then a VMSA per vCPU. Memory that the plan does not measure is not added at launch: the
/// Keep validates it itself.
///
/// # Errors
/// If the plan is for a process, is not of this `shape`, or lacks what SNP needs.
pub fn snp_digest(plan: &LaunchPlan, shape: &Shape, profile: &SnpProfile) -> Result<Digest384, PlanError> {
    let vcpus = machine(TEE, plan, shape)?;
    let lacks = |what| PlanError::Lacks { tee: TEE, what };
    let secrets =
        profile.secrets.ok_or(lacks("a place for the SECRETS page, through which evidence is asked for"))?;
    let cpuid =
        profile.cpuid.ok_or(lacks("a place for the CPUID page, in which the firmware vouches for CPUID"))?;
    check_free(plan, "SECRETS", secrets, None)?;
    check_free(plan, "CPUID", cpuid, Some(secrets))?;

    let mut digest = normal_pages(plan);
    digest.secrets_page(secrets);
    digest.cpuid_page(cpuid);
    Ok(finish(digest, vcpus, profile))
}

/// The launch digest of `plan` as `kvm` executes it, which is **no TEE**: there are no SECRETS and no CPUID page,
/// so `profile` need not place them. AMD's hardware never reports such a value: without a SECRETS page a guest has
/// no key to ask for a report with.
///
/// # Errors
/// If the plan is for a process, or is not of this `shape`.
pub fn simulated_snp_digest(
    plan: &LaunchPlan,
    shape: &Shape,
    profile: &SnpProfile,
) -> Result<Digest384, PlanError> {
    let vcpus = machine(TEE, plan, shape)?;
    Ok(finish(normal_pages(plan), vcpus, profile))
}

fn normal_pages(plan: &LaunchPlan) -> LaunchDigest {
    let mut digest = LaunchDigest::default();
    for region in measured(plan) {
        pages(region).for_each(|(address, page)| digest.normal_page(address, &page));
    }
    digest
}

fn finish(mut digest: LaunchDigest, vcpus: &[MachineRegisters], profile: &SnpProfile) -> Digest384 {
    for registers in vcpus {
        digest.vmsa_page(vmsa(registers, profile).page());
    }
    digest.value()
}

fn check_free(
    plan: &LaunchPlan,
    what: &'static str,
    address: u64,
    other: Option<u64>,
) -> Result<(), PlanError> {
    let page = PAGE as u64;
    let taken = plan.regions.iter().filter(|region| region.kind != Kind::Memory).any(|region| {
        address < region.address.saturating_add(region.length)
            && region.address < address.saturating_add(page)
    });
    if taken || other == Some(address) || !address.is_multiple_of(page) {
        return Err(PlanError::Overlap { what, address });
    }
    Ok(())
}

/// The save area that KVM makes of the plan's registers (Linux, `sev_es_sync_vmsa`), set with
/// `KVM_SET_SREGS`, `KVM_SET_XCRS` and `KVM_SET_REGS`; all others stay as a reset leaves them.
fn vmsa(registers: &MachineRegisters, profile: &SnpProfile) -> Vmsa {
    let mut vmsa = Vmsa::after_reset();
    vmsa.cs = segment(&registers.cs);
    for data in [&mut vmsa.es, &mut vmsa.ss, &mut vmsa.ds, &mut vmsa.fs, &mut vmsa.gs] {
        *data = segment(&registers.ds);
    }
    vmsa.tr = segment(&registers.tr);
    let table = |(base, limit): (u64, u16)| VmsaSegment { selector: 0, attrib: 0, limit: limit.into(), base };
    vmsa.gdtr = table(registers.gdt);
    vmsa.idtr = table(registers.idt);
    // KVM takes the CPL from SS (`svm_set_segment`).
    vmsa.cpl = registers.ds.access >> 5 & 3;
    vmsa.efer |= registers.efer;
    vmsa.cr4 |= registers.cr4;
    vmsa.cr3 = registers.cr3;
    vmsa.cr0 = registers.cr0;
    vmsa.rflags = registers.rflags;
    vmsa.rip = registers.rip;
    vmsa.rsp = registers.rsp;
    vmsa.rdi = registers.rdi;
    vmsa.sev_features = profile.sev_features;
    vmsa.xcr0 = registers.xcr0 & profile.xcr0;
    vmsa
}

/// As the loader gives it to KVM, and KVM writes it: AVL 0, D/B for data and 32-bit code, G for limits that
/// need it.
fn segment(segment: &Segment) -> VmsaSegment {
    let system = segment.access & 0x10 == 0;
    let long = u16::from(segment.long) << 9;
    let big = u16::from(!segment.long && !system) << 10;
    let granular = u16::from(segment.limit > 0xf_ffff) << 11;
    VmsaSegment {
        selector: segment.selector,
        attrib: u16::from(segment.access) | long | big | granular,
        limit: segment.limit,
        base: segment.base,
    }
}
