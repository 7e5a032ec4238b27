//! `holdfast measure`.

use std::path::Path;

use holdfast_client::exit::ExitCode;
use holdfast_image::IMAGE;
use holdfast_measure::plan::{SgxProfile, SnpProfile};
use holdfast_measure::request::{Boot, Launch, Simulated};
use holdfast_measure::snp::{Vmm, vcpu_model_signature};
use holdfast_measure::tdx::PageOrder;
use holdfast_measure::{Request, measure as compute};

use crate::failure::Failure;
use crate::options::{Machine, Measure, Tee};

/// The longest image, firmware, kernel or RAM disk, in bytes.
const LONGEST: u64 = 1 << 30;

pub(crate) fn measure(options: &Measure) -> Result<u8, Failure> {
    let given = options.image.as_deref().map(|path| crate::input::read(path, LONGEST)).transpose()?;
    let image = given.as_deref().unwrap_or(IMAGE);
    let read = |path: &Option<std::path::PathBuf>| {
        path.as_deref().map_or(Ok(Vec::new()), |path: &Path| crate::input::read(path, LONGEST))
    };
    let (kernel, initrd, svsm) = (read(&options.kernel)?, read(&options.initrd)?, read(&options.svsm)?);
    let boot = options.kernel.is_some().then(|| Boot {
        kernel: &kernel,
        initrd: &initrd,
        cmdline: options.append.as_bytes(),
    });
    let keep = image.starts_with(b"\x7fELF");
    let memory = options.memory.unwrap_or(crate::run::DEFAULT_MEMORY);
    let profile = SnpProfile {
        sev_features: options.sev_features.unwrap_or(SnpProfile::KEEP.sev_features),
        ..SnpProfile::KEEP
    };
    let launch = match (keep, options.tee) {
        (true, tee) if options.simulated => Launch::KeepSimulated {
            memory,
            tee: match tee {
                Tee::Snp => Simulated::Snp(profile),
                Tee::Tdx => Simulated::Tdx,
                Tee::Sgx => Simulated::Sgx,
            },
        },
        (false, _) if options.simulated => {
            let message = "--simulated is for a keep image: the backends for development launch nothing else";
            return Err(Failure::new(ExitCode::Usage, message.into()));
        }
        (true, Tee::Snp) => Launch::KeepSnp { memory, profile },
        (true, Tee::Tdx) => Launch::KeepTdx { memory },
        (true, Tee::Sgx) => Launch::KeepSgx { memory, profile: SgxProfile { ssa_frame_size: 1, tcs: &[] } },
        (false, Tee::Snp) if options.svsm.is_some() => {
            Launch::SvsmSnp { svsm: &svsm, variables: options.variables, vcpu_signature: signature(options)? }
        }
        (false, Tee::Snp) => Launch::FirmwareSnp {
            sev_features: options.sev_features.unwrap_or(1),
            vmm: match options.vmm {
                Machine::Qemu => Vmm::Qemu { vcpu_signature: signature(options)? },
                Machine::Ec2 => Vmm::Ec2,
                Machine::Gce => Vmm::Gce,
            },
            boot,
        },
        (false, Tee::Tdx) => Launch::FirmwareTdx {
            order: if options.two_pass { PageOrder::AddThenExtend } else { PageOrder::PageByPage },
        },
        (false, Tee::Sgx) => {
            let message = "an SGX measurement is computed for a keep image only; this file is none";
            return Err(Failure::new(ExitCode::Usage, message.into()));
        }
    };
    let refused = |error: &dyn core::fmt::Display| {
        let name = options.image.as_deref().map_or("the built-in keep image".into(), Path::to_string_lossy);
        Failure::new(ExitCode::Evidence, format!("{name} cannot be measured for this launch: {error}"))
    };
    let measurement =
        compute(&Request { image, vcpus: options.vcpus, launch }).map_err(|error| refused(&error))?;
    let text = if options.json {
        serde_json::to_string_pretty(&measurement)
            .map_err(|error| Failure::new(ExitCode::Internal, error.to_string()))?
            + "\n"
    } else {
        measurement.to_string()
    };
    // What of an image is measured, and how, is known even where there is no value.
    crate::print(&text)?;
    measurement.value.map(|_| 0).map_err(|lacks| {
        let mut failure = refused(&lacks);
        failure.message += "; --simulated measures what the backends for development launch";
        failure
    })
}

fn signature(options: &Measure) -> Result<u32, Failure> {
    let unknown = || {
        let message = format!(
            "the vCPU model {:?} is not known; write QEMU's name of it, as in EPYC-Milan, or its CPUID signature, as in 0xa00f11",
            options.vcpu_model
        );
        Failure::new(ExitCode::Usage, message)
    };
    let model = &options.vcpu_model;
    let number = model.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
    number.or_else(|| vcpu_model_signature(model)).ok_or_else(unknown)
}
