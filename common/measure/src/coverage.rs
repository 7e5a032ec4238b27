//! What of an image a launch measures, part by part, and how the rest is bound to it.

use alloc::vec::Vec;
use core::fmt;

use holdfast_launch::plan::{Kind, Start};
use holdfast_launch::{Image, LaunchPlan};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::PAGE;
use crate::digest::{Digest, Digest256};
use crate::firmware::{Firmware, FirmwareError, SevSectionKind};
use crate::snp::KernelHashes;

/// How a part is bound to the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Binding {
    /// Its bytes and their address are in the measurement.
    Measured,
    /// Its hash is in what is measured, and what is measured checks it before it is used.
    Hashed {
        /// SHA-256 of the part.
        sha256: Digest256,
    },
    /// Its address is in the measurement, its content is not.
    AddressOnly,
    /// Not in the measurement. What runs there must not trust it.
    Unmeasured,
}

/// A part of what a TEE holds at its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is.
    pub name: &'static str,
    /// Its length in bytes.
    pub bytes: u64,
    /// How it is bound.
    #[serde(flatten)]
    pub binding: Binding,
}

/// The save areas with which an SNP guest's vCPUs start.
#[must_use]
pub fn snp_registers(vcpus: u32) -> Part {
    Part {
        name: "first registers of the vCPUs",
        bytes: u64::from(vcpus) * PAGE as u64,
        binding: Binding::Measured,
    }
}

/// The two pages that the SNP firmware fills or checks for a Keep.
#[must_use]
pub fn snp_special_pages() -> [Part; 2] {
    let page = |name| Part { name, bytes: PAGE as u64, binding: Binding::AddressOnly };
    [page("SECRETS page"), page("CPUID page")]
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12}  {:<46}  ", self.bytes, self.name)?;
        match self.binding {
            Binding::Measured => f.write_str("measured directly"),
            Binding::Hashed { sha256 } => write!(f, "through its hash, which is measured: SHA-256 {sha256}"),
            Binding::AddressOnly => f.write_str("address measured, content not"),
            Binding::Unmeasured => f.write_str("not measured"),
        }
    }
}

/// The body of a keep image is not the one that its stage 0 takes. Who made the image is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "stage 0 of this image takes a body with SHA-256 {expected}, but it carries {found}; it would not start"
)]
pub struct BodyMismatch {
    /// In stage 0.
    pub expected: Digest256,
    /// Of the body.
    pub found: Digest256,
}

/// The parts of a keep image under `plan`. The body is hashed here: a wrong one is found now, not at the start.
///
/// # Errors
/// [`BodyMismatch`].
pub fn keep(image: &Image<'_>, plan: &LaunchPlan) -> Result<Vec<Part>, BodyMismatch> {
    let (expected, found) =
        (Digest(image.stage0_header.body_hash), Digest(Sha256::digest(image.body).into()));
    if expected != found {
        return Err(BodyMismatch { expected, found });
    }
    let sum =
        |kind| plan.regions.iter().filter(|region| region.kind == kind).map(|region| region.length).sum();
    let (measured, memory, shared): (u64, u64, u64) =
        (sum(Kind::Measured), sum(Kind::Memory), sum(Kind::Shared));
    let stage0 = (image.stage0.len() + image.stage0_data.len()) as u64;
    Ok([
        Part { name: "stage 0, code and data", bytes: stage0, binding: Binding::Measured },
        Part {
            name: match plan.start {
                Start::Machine(_) => "page tables, CPU tables and pages, first stack",
                Start::Process(_) => "first stack",
            },
            bytes: measured.saturating_sub(stage0),
            binding: Binding::Measured,
        },
        Part {
            name: "body: shim and runtime",
            bytes: image.body.len() as u64,
            binding: Binding::Hashed { sha256: found },
        },
        Part { name: "private memory", bytes: memory, binding: Binding::Unmeasured },
        Part { name: "window shared with the host", bytes: shared, binding: Binding::Unmeasured },
    ]
    .into())
}

/// The parts of an SNP guest with OVMF firmware.
///
/// # Errors
/// If the firmware has no sound SEV metadata.
pub fn snp_firmware(
    firmware: &Firmware<'_>,
    hashes: Option<&KernelHashes>,
) -> Result<Vec<Part>, FirmwareError> {
    let sections = firmware.sev_sections()?;
    let sum = |kind| sections.iter().filter(|section| section.kind == kind).map(|section| section.size).sum();
    let mut parts = alloc::vec![
        Part { name: "firmware", bytes: firmware.bytes().len() as u64, binding: Binding::Measured },
        Part {
            name: "firmware's first memory",
            bytes: sum(SevSectionKind::SecMem),
            binding: Binding::AddressOnly
        },
        Part { name: "SECRETS page", bytes: sum(SevSectionKind::Secrets), binding: Binding::AddressOnly },
        Part { name: "CPUID page", bytes: sum(SevSectionKind::Cpuid), binding: Binding::AddressOnly },
        Part {
            name: "kernel hashes",
            bytes: sum(SevSectionKind::KernelHashes),
            binding: if hashes.is_some() { Binding::Measured } else { Binding::AddressOnly },
        },
    ];
    parts.retain(|part| part.bytes != 0);
    Ok(parts)
}

/// The parts of a TD with OVMF firmware.
///
/// # Errors
/// If the firmware has no sound TDVF metadata.
pub fn tdx_firmware(firmware: &Firmware<'_>) -> Result<Vec<Part>, FirmwareError> {
    use crate::firmware::TdvfSectionKind as Section;
    let part = |section: &crate::firmware::TdvfSection<'_>| Part {
        name: match section.kind {
            Section::Bfv => "firmware code (BFV)",
            Section::Cfv => "firmware variables (CFV)",
            Section::TdHob => "hand-off block (TD_HOB)",
            Section::TempMem => "firmware's first memory",
            Section::PermMem => "memory",
            Section::Payload => "payload",
            Section::PayloadParam => "payload parameters",
            Section::TdInfo => "TD information",
            Section::TdParams => "TD parameters",
        },
        bytes: section.size,
        binding: match (section.added, section.extended) {
            (true, true) => Binding::Measured,
            (true, false) => Binding::AddressOnly,
            (false, _) => Binding::Unmeasured,
        },
    };
    Ok(firmware.tdvf_sections()?.iter().map(part).collect())
}
