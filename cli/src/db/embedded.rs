//! The values of the keep image that is part of this command.
//!
//! No backend launches it in a TEE yet, so these are the values of what the backends for development launch, which only
//! simulated evidence can show. They are computed from the image, so they always belong to it, and signed with the
//! development key, so nobody trusts them by accident.

use holdfast_client::exit::ExitCode;
use holdfast_gate::MAX_VCPUS;
use holdfast_image::IMAGE;
use holdfast_measure::plan::SnpProfile;
use holdfast_measure::request::{Launch, Simulated, Value};
use holdfast_measure::{Measurement, Request, measure};
use holdfast_refdb::{Bundle, Kind, ReferenceValue, Status, Validity, development};

use super::failure::failed;
use crate::failure::Failure;

/// 2026-01-01 to 2036-01-01.
const VALIDITY: Validity = Validity { not_before: 1_767_225_600, not_after: 2_082_758_400 };

/// The signed bundle.
///
/// Its id names the image: two builds are two things to speak of, and none is the other's older version.
pub(super) fn bundle() -> Result<Vec<u8>, Failure> {
    let tdx = measured(1, Simulated::Tdx)?;
    let mut values = vec![value(&tdx)?, value(&measured(1, Simulated::Sgx)?)?];
    for vcpus in 1..=MAX_VCPUS {
        values.push(value(&measured(vcpus, Simulated::Snp(SnpProfile::KEEP))?)?);
    }
    let id = format!("holdfast/keep-image/{}", tdx.image_sha256);
    let bundle = Bundle { id, version: 1, validity: VALIDITY, values };
    development::sign(&bundle).map_err(failed)
}

fn measured(vcpus: u32, tee: Simulated) -> Result<Measurement, Failure> {
    // How much memory a Keep has is not measured.
    let launch = Launch::KeepSimulated { memory: crate::run::DEFAULT_MEMORY, tee };
    measure(&Request { image: IMAGE, vcpus, launch }).map_err(|error| broken(&error))
}

fn value(measured: &Measurement) -> Result<ReferenceValue, Failure> {
    let (kind, value, form) = match measured.value.map_err(|error| broken(&error))? {
        Value::Snp(digest) => {
            (Kind::Measurement, digest.0.to_vec(), format!("kvm, {} vCPUs", measured.vcpus))
        }
        Value::Tdx(digest) => (Kind::MrTd, digest.0.to_vec(), "kvm".into()),
        Value::Sgx(digest) => (Kind::MrEnclave, digest.0.to_vec(), "process".into()),
    };
    Ok(ReferenceValue {
        kind,
        value,
        image_version: format!("{} SIMULATED ({form})", env!("CARGO_PKG_VERSION")),
        security_version: 0,
        validity: VALIDITY,
        status: Status::Trusted,
        vouched_by: development::SIGNER.into(),
    })
}

fn broken(error: &dyn core::fmt::Display) -> Failure {
    Failure::new(ExitCode::Internal, format!("the keep image in this command cannot be measured: {error}"))
}
