//! One question, one answer: what will a genuine TEE report of this file, launched like this?

use alloc::vec::Vec;
use core::fmt;

use holdfast_gate::boot::BootInfoError;
use holdfast_launch::plan::HostFacts;
use holdfast_launch::{Image, ImageError, LaunchPlan, Platform, Shape};
use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::coverage::{self, BodyMismatch, Part};
use crate::digest::{Digest, Digest256, Digest384};
use crate::firmware::{Firmware, FirmwareError};
use crate::plan::{
    PlanError, SgxProfile, SnpProfile, sgx_mrenclave, simulated_sgx_mrenclave, simulated_snp_digest,
    simulated_tdx_mrtd, snp_digest, tdx_mrtd,
};
use crate::snp::{GuestError, KernelHashes, SnpGuest, Vmm, svsm_digest};
use crate::tdx::{PageOrder, mrtd};

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The image file: a keep image or an OVMF firmware, as `launch` says.
    pub image: &'a [u8],
    /// How many vCPUs or threads.
    pub vcpus: u32,
    /// How it is launched.
    pub launch: Launch<'a>,
}

/// How an image is launched.
#[derive(Clone, Copy, Debug)]
pub enum Launch<'a> {
    /// A Keep under SEV-SNP.
    KeepSnp {
        /// Its memory in bytes.
        memory: u64,
        /// What the backend adds to the plan.
        profile: SnpProfile,
    },
    /// A Keep under TDX.
    KeepTdx {
        /// Its memory in bytes.
        memory: u64,
    },
    /// A Keep in an SGX enclave.
    KeepSgx {
        /// Its memory in bytes.
        memory: u64,
        /// What the backend adds to the plan.
        profile: SgxProfile<'a>,
    },
    /// A Keep as the backends for development launch it, which are **no TEEs**, by the rules of one.
    KeepSimulated {
        /// Its memory in bytes.
        memory: u64,
        /// Whose rules.
        tee: Simulated,
    },
    /// An SNP guest that starts with OVMF.
    FirmwareSnp {
        /// SEV_FEATURES.
        sev_features: u64,
        /// The VMM.
        vmm: Vmm,
        /// What is booted directly.
        boot: Option<Boot<'a>>,
    },
    /// An SNP guest under Coconut SVSM and QEMU.
    SvsmSnp {
        /// The SVSM's image.
        svsm: &'a [u8],
        /// Bytes of variables between SVSM and firmware.
        variables: u64,
        /// [`crate::snp::vcpu_model_signature`].
        vcpu_signature: u32,
    },
    /// A trust domain that starts with OVMF.
    FirmwareTdx {
        /// The VMM's order.
        order: PageOrder,
    },
}

/// By whose rules a launch is measured that is no TEE's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simulated {
    /// SEV-SNP's, for what the backend `kvm` launches.
    Snp(SnpProfile),
    /// TDX's, for what the backend `kvm` launches.
    Tdx,
    /// SGX's, for what the backend `process` launches.
    Sgx,
}

/// A kernel that the VMM loads, as files.
#[derive(Clone, Copy, Debug)]
pub struct Boot<'a> {
    /// The kernel.
    pub kernel: &'a [u8],
    /// The initial RAM disk; empty for none.
    pub initrd: &'a [u8],
    /// The command line, without a closing NUL.
    pub cmdline: &'a [u8],
}

/// A measurement, by its vendor's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// MEASUREMENT of an SNP report.
    Snp(Digest384),
    /// MRTD of a TDX quote.
    Tdx(Digest384),
    /// MRENCLAVE of an SGX quote.
    Sgx(Digest256),
}

/// The answer. As data it is `{"tee": …, "name": …, "value": hex, …}`; without a value `null`, and `"lacks"` says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// The TEE: "snp", "tdx" or "sgx".
    pub tee: &'static str,
    /// What the vendor calls the value.
    pub name: &'static str,
    /// Whether only simulated evidence can show the value.
    pub simulated: bool,
    /// What a report or quote will say; of a keep image, what its launch plan lacks for this TEE.
    pub value: Result<Value, PlanError>,
    /// For how many vCPUs.
    pub vcpus: u32,
    /// SHA-256 of the image file, to tell what was measured.
    pub image_sha256: Digest256,
    /// What of the image is measured, and how the rest is bound.
    pub parts: Vec<Part>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MeasureError {
    /// The keep image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The keep image's body.
    #[error(transparent)]
    Body(#[from] BodyMismatch),
    /// The firmware.
    #[error(transparent)]
    Firmware(#[from] FirmwareError),
    /// The guest.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// The shape is one that no Keep can have.
    #[error(transparent)]
    Shape(#[from] BootInfoError),
}

/// Answers `request`.
///
/// # Errors
/// If the image is not what the launch needs. A keep image for a TEE that its launch plan does not suit yet is an
/// answer without a value: its parts are known.
pub fn measure(request: &Request<'_>) -> Result<Measurement, MeasureError> {
    let (vcpus, file) = (request.vcpus, request.image);
    let (value, parts) = match request.launch {
        Launch::KeepSnp { memory, profile } => {
            let (value, mut parts) = keep(request, Platform::Machine, memory, |plan, shape| {
                snp_digest(plan, shape, &profile).map(Value::Snp)
            })?;
            parts.extend(coverage::snp_special_pages());
            parts.push(coverage::snp_registers(vcpus));
            (value, parts)
        }
        Launch::KeepTdx { memory } => {
            keep(request, Platform::Machine, memory, |plan, shape| tdx_mrtd(plan, shape).map(Value::Tdx))?
        }
        Launch::KeepSgx { memory, profile } => keep(request, Platform::Process, memory, |plan, shape| {
            sgx_mrenclave(plan, shape, &profile).map(Value::Sgx)
        })?,
        Launch::KeepSimulated { memory, tee: Simulated::Snp(profile) } => {
            let (value, mut parts) = keep(request, Platform::Machine, memory, |plan, shape| {
                simulated_snp_digest(plan, shape, &profile).map(Value::Snp)
            })?;
            parts.push(coverage::snp_registers(vcpus));
            (value, parts)
        }
        Launch::KeepSimulated { memory, tee: Simulated::Tdx } => {
            keep(request, Platform::Machine, memory, |plan, shape| {
                simulated_tdx_mrtd(plan, shape).map(Value::Tdx)
            })?
        }
        Launch::KeepSimulated { memory, tee: Simulated::Sgx } => {
            keep(request, Platform::Process, memory, |plan, _| simulated_sgx_mrenclave(plan).map(Value::Sgx))?
        }
        Launch::FirmwareSnp { sev_features, vmm, boot } => {
            let firmware = Firmware::parse(file)?;
            let hashes = boot.map(|boot| KernelHashes::new(boot.kernel, boot.initrd, boot.cmdline));
            let guest = SnpGuest { firmware, firmware_digest: None, hashes, vcpus, sev_features, vmm };
            let mut parts = coverage::snp_firmware(&firmware, hashes.as_ref())?;
            if let Some((boot, hashes)) = boot.zip(hashes) {
                parts.extend(boot.parts(&hashes));
            }
            parts.push(coverage::snp_registers(vcpus));
            (Ok(Value::Snp(guest.digest()?)), parts)
        }
        Launch::SvsmSnp { svsm, variables, vcpu_signature } => {
            let firmware = Firmware::parse(file)?;
            let digest = svsm_digest(&firmware, variables, svsm, vcpus, vcpu_signature)?;
            let part = |name, bytes: &[u8]| Part {
                name,
                bytes: bytes.len() as u64,
                binding: coverage::Binding::Measured,
            };
            (
                Ok(Value::Snp(digest)),
                alloc::vec![part("firmware", file), part("SVSM", svsm), coverage::snp_registers(vcpus)],
            )
        }
        Launch::FirmwareTdx { order } => {
            let firmware = Firmware::parse(file)?;
            (Ok(Value::Tdx(mrtd(&firmware, order)?)), coverage::tdx_firmware(&firmware)?)
        }
    };
    let (tee, name) = request.launch.names();
    let simulated = matches!(request.launch, Launch::KeepSimulated { .. });
    let image_sha256 = Digest(Sha256::digest(file).into());
    Ok(Measurement { tee, name, simulated, value, vcpus, image_sha256, parts })
}

fn keep(
    request: &Request<'_>,
    platform: Platform,
    memory: u64,
    value: impl FnOnce(&LaunchPlan, &Shape) -> Result<Value, PlanError>,
) -> Result<(Result<Value, PlanError>, Vec<Part>), MeasureError> {
    let image = Image::parse(request.image)?;
    let shape = Shape { platform, vcpus: request.vcpus, memory };
    shape.boot_info(&image, &HostFacts::default()).check()?;
    let plan = LaunchPlan::new(&image, &shape);
    let parts = coverage::keep(&image, &plan)?;
    Ok((value(&plan, &shape), parts))
}

impl Boot<'_> {
    fn parts(&self, hashes: &KernelHashes) -> [Part; 3] {
        let part = |name, bytes: usize, sha256| Part {
            name,
            bytes: bytes as u64,
            binding: coverage::Binding::Hashed { sha256 },
        };
        [
            part("kernel", self.kernel.len(), hashes.kernel),
            part("initial RAM disk", self.initrd.len(), hashes.initrd),
            // With the closing NUL.
            part("kernel command line", self.cmdline.len() + 1, hashes.cmdline),
        ]
    }
}

impl Launch<'_> {
    /// The TEE, and what its vendor calls the value.
    const fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::KeepSnp { .. }
            | Self::KeepSimulated { tee: Simulated::Snp(_), .. }
            | Self::FirmwareSnp { .. }
            | Self::SvsmSnp { .. } => ("snp", "MEASUREMENT"),
            Self::KeepTdx { .. }
            | Self::KeepSimulated { tee: Simulated::Tdx, .. }
            | Self::FirmwareTdx { .. } => ("tdx", "MRTD"),
            Self::KeepSgx { .. } | Self::KeepSimulated { tee: Simulated::Sgx, .. } => ("sgx", "MRENCLAVE"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snp(value) | Self::Tdx(value) => value.fmt(f),
            Self::Sgx(value) => value.fmt(f),
        }
    }
}

/// For people: the value, then a line for each part.
impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.tee, self.name)?;
        f.write_str(if self.simulated { "(SIMULATED) " } else { "" })?;
        match &self.value {
            Ok(value) => writeln!(f, "{value}")?,
            Err(_) => writeln!(f, "none")?,
        }
        writeln!(f, "{:>12}  part", "bytes")?;
        self.parts.iter().try_for_each(|part| writeln!(f, "{part}"))
    }
}

impl Serialize for Measurement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("Measurement", 8)?;
        fields.serialize_field("tee", self.tee)?;
        fields.serialize_field("name", self.name)?;
        fields.serialize_field("simulated", &self.simulated)?;
        match &self.value {
            Ok(value) => fields.serialize_field("value", &format_args!("{value}"))?,
            Err(lacks) => {
                fields.serialize_field("value", &())?;
                fields.serialize_field("lacks", &format_args!("{lacks}"))?;
            }
        }
        fields.serialize_field("vcpus", &self.vcpus)?;
        fields.serialize_field("image_sha256", &self.image_sha256)?;
        fields.serialize_field("parts", &self.parts)?;
        fields.end()
    }
}
