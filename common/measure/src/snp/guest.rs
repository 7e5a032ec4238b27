//! Guests that start with OVMF, or with an SVSM and OVMF, under VMMs that are not ours.

use super::LaunchDigest;
use super::hashes::KernelHashes;
use super::vmsa::{Vmsa, VmsaSegment};
use crate::PAGE;
use crate::digest::Digest384;
use crate::firmware::{Firmware, FirmwareError, SevSectionKind};

/// Where vCPU 0 starts: the reset vector of x86.
const RESET_VECTOR: u32 = 0xffff_fff0;

/// More vCPUs than any machine that runs SEV-SNP gives to one guest. It bounds the work.
pub const MAX_VCPUS: u32 = 4096;

/// What a VMM does in its own way: initial registers and the order of pages. Each is what that VMM did when
/// the vectors that prove it were recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vmm {
    /// QEMU with KVM. The vCPU model's CPUID signature is in RDX.
    Qemu {
        /// [`super::vcpu_model_signature`].
        vcpu_signature: u32,
    },
    /// Amazon EC2.
    Ec2,
    /// Google Compute Engine.
    Gce,
}

/// Why a guest cannot be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuestError {
    /// The firmware.
    #[error(transparent)]
    Firmware(#[from] FirmwareError),
    /// None, or too many.
    #[error("a guest has 1 to {MAX_VCPUS} vCPUs, not {0}")]
    Vcpus(u32),
    /// A kernel is given, but the firmware has no page for its hash: it would boot it unchecked.
    #[error(
        "the firmware has no page for kernel hashes; use an OVMF built for measured direct boot (AmdSev)"
    )]
    NoKernelHashes,
    /// The table of kernel hashes does not lie in the page that is kept for it.
    #[error("the firmware expects the kernel hashes outside the page that it keeps for them; it is damaged")]
    KernelHashesOutside,
    /// The space between SVSM and the end of memory.
    #[error("below the firmware there is no room for variables of {0} bytes, in whole pages, and the SVSM")]
    SvsmPlace(u64),
}

/// A guest.
#[derive(Clone, Copy, Debug)]
pub struct SnpGuest<'a> {
    /// Its firmware, which ends at 4 GiB.
    pub firmware: Firmware<'a>,
    /// If the firmware's pages were measured elsewhere: the digest after them. The file's content is then
    /// not hashed, only its tables are read.
    pub firmware_digest: Option<Digest384>,
    /// What it boots, if the VMM loads it.
    pub hashes: Option<KernelHashes>,
    /// How many vCPUs.
    pub vcpus: u32,
    /// SEV_FEATURES of its vCPUs (bit 0 SNP active, bit 5 debug swap).
    pub sev_features: u64,
    /// Under which VMM.
    pub vmm: Vmm,
}

impl SnpGuest<'_> {
    /// The launch digest.
    ///
    /// # Errors
    /// If the firmware lacks something that this guest needs, or `vcpus` is out of range.
    pub fn digest(&self) -> Result<Digest384, GuestError> {
        check_vcpus(self.vcpus)?;
        let mut digest = self.firmware_digest.map_or_else(LaunchDigest::default, LaunchDigest::resume);
        if self.firmware_digest.is_none() {
            digest.normal_pages(self.firmware.address(), self.firmware.bytes());
        }
        self.sections(&mut digest)?;
        digest.vmsa_page(self.vmm.registers(RESET_VECTOR, self.sev_features).page());
        if self.vcpus > 1 {
            let others = self.vmm.registers(self.firmware.reset_eip()?, self.sev_features);
            for _ in 1..self.vcpus {
                digest.vmsa_page(others.page());
            }
        }
        Ok(digest.value())
    }

    fn sections(&self, digest: &mut LaunchDigest) -> Result<(), GuestError> {
        let sections = self.firmware.sev_sections()?;
        let has_hash_page = sections.iter().any(|section| section.kind == SevSectionKind::KernelHashes);
        if self.hashes.is_some() && !has_hash_page {
            return Err(GuestError::NoKernelHashes);
        }
        for section in &sections {
            match (section.kind, self.vmm) {
                (SevSectionKind::SecMem, Vmm::Gce) => digest.unmeasured_pages(section.address, section.size),
                (SevSectionKind::SecMem | SevSectionKind::SvsmCaa, _) => {
                    digest.zero_pages(section.address, section.size);
                }
                (SevSectionKind::Secrets, _) => digest.secrets_page(section.address),
                (SevSectionKind::Cpuid, Vmm::Ec2) => {}
                (SevSectionKind::Cpuid, _) => digest.cpuid_page(section.address),
                (SevSectionKind::KernelHashes, _) => match &self.hashes {
                    Some(hashes) => {
                        let page = self.hash_page(hashes, section.address)?;
                        digest.normal_page(section.address, &page);
                    }
                    None => digest.zero_pages(section.address, section.size),
                },
            }
        }
        if self.vmm == Vmm::Ec2 {
            for section in sections.iter().filter(|section| section.kind == SevSectionKind::Cpuid) {
                digest.cpuid_page(section.address);
            }
        }
        Ok(())
    }

    fn hash_page(&self, hashes: &KernelHashes, address: u64) -> Result<[u8; PAGE], GuestError> {
        u64::from(self.firmware.hash_table()?)
            .checked_sub(address)
            .and_then(|offset| hashes.page(usize::try_from(offset).ok()?))
            .ok_or(GuestError::KernelHashesOutside)
    }
}

impl Vmm {
    /// The initial registers of a vCPU that starts at `eip`: 0xfffffff0 for the first, [`Firmware::reset_eip`]
    /// for the others.
    #[must_use]
    pub fn registers(self, eip: u32, sev_features: u64) -> Vmsa {
        let mut vmsa = Vmsa::after_reset();
        vmsa.start_at(eip);
        vmsa.sev_features = sev_features;
        match self {
            Self::Qemu { vcpu_signature } => vmsa.rdx = vcpu_signature.into(),
            Self::Ec2 => {
                if eip == RESET_VECTOR {
                    vmsa.cs.attrib = 0x9a;
                }
                vmsa.ss.attrib = 0x92;
                vmsa.tr.attrib = 0x83;
            }
            Self::Gce => vmsa.g_pat = 0x0007_0106,
        }
        if matches!(self, Self::Ec2 | Self::Gce) {
            // Both start from the architecture's value of RDX, and leave the floating-point part zero.
            vmsa.rdx = 0x600;
            vmsa.mxcsr = 0;
            vmsa.x87_fcw = 0;
        }
        vmsa
    }
}

/// The launch digest of a guest under Coconut SVSM and QEMU: `svsm` lies below the firmware and its
/// variables (`variables` bytes), and every vCPU starts in it, in 32-bit protected mode.
///
/// # Errors
/// If a file is damaged, no SVSM, or too long, or `vcpus` is out of range.
pub fn svsm_digest(
    firmware: &Firmware<'_>,
    variables: u64,
    svsm: &[u8],
    vcpus: u32,
    vcpu_signature: u32,
) -> Result<Digest384, GuestError> {
    check_vcpus(vcpus)?;
    let end = firmware
        .address()
        .checked_sub(variables)
        .filter(|end| end.is_multiple_of(PAGE as u64) && *end >= svsm.len() as u64)
        .ok_or(GuestError::SvsmPlace(variables))?;
    let svsm = Firmware::parse_ending_at(svsm, end)?;
    let mut digest = LaunchDigest::default();
    digest.normal_pages(firmware.address(), firmware.bytes());
    digest.normal_pages(svsm.address(), svsm.bytes());
    let vmm = Vmm::Qemu { vcpu_signature };
    let guest = SnpGuest { firmware: svsm, firmware_digest: None, hashes: None, vcpus, sev_features: 1, vmm };
    guest.sections(&mut digest)?;
    let mut vmsa = Vmsa::after_reset();
    let data = VmsaSegment { selector: 16, attrib: 0xc93, limit: u32::MAX, base: 0 };
    for segment in [&mut vmsa.es, &mut vmsa.ss, &mut vmsa.ds, &mut vmsa.fs] {
        *segment = data;
    }
    vmsa.cs = VmsaSegment { selector: 8, attrib: 0xc9b, ..data };
    vmsa.cr0 |= 1;
    vmsa.rip = svsm.svsm_entry()?.into();
    vmsa.rdx = vcpu_signature.into();
    vmsa.sev_features = 1;
    // The kernel for which these vectors were recorded left the control word out.
    vmsa.x87_fcw = 0;
    for _ in 0..vcpus {
        digest.vmsa_page(vmsa.page());
    }
    Ok(digest.value())
}

fn check_vcpus(vcpus: u32) -> Result<(), GuestError> {
    if (1..=MAX_VCPUS).contains(&vcpus) { Ok(()) } else { Err(GuestError::Vcpus(vcpus)) }
}
