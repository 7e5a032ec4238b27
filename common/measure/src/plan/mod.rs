//! Measurements of a launch plan: the plan's steps, as the vendor's operations.
//!
//! A plan says which pages lie where with which content, and with which registers each vCPU starts. A TEE
//! needs more than that for some platforms; what the plan does not say comes with a profile, and what neither
//! says is a [`PlanError`]: nothing is made up, because a value that no TEE ever reports is worse than none.
//!
//! The development backends are no TEEs. What they launch has a value by the vendors' rules all the same, for
//! simulated evidence: the functions named `simulated_…`.

mod sgx;
mod snp;
mod tdx;

pub use sgx::{SgxProfile, sgx_mrenclave, simulated_sgx_mrenclave};
pub use snp::{SnpProfile, simulated_snp_digest, snp_digest};
pub use tdx::{simulated_tdx_mrtd, tdx_mrtd};

use holdfast_launch::plan::{Kind, MachineRegisters, Region, Start};
use holdfast_launch::{LaunchPlan, Platform, Shape};

use crate::sgx::MrenclaveError;

/// Why a plan cannot be measured for a TEE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The plan is for the other kind of platform.
    #[error("{tee} needs a plan for a {needed:?}; this one is not")]
    Platform {
        /// "SNP", "TDX" or "SGX".
        tee: &'static str,
        /// What it needs.
        needed: Platform,
    },
    /// The plan has another number of vCPUs than the shape.
    #[error("the plan has {plan} vCPUs and the shape {shape}; make the plan from this shape")]
    Shape {
        /// In the plan.
        plan: usize,
        /// In the shape.
        shape: u32,
    },
    /// Neither plan nor profile says something that the TEE cannot do without.
    #[error("for {tee} the launch plan lacks {what}; this release cannot launch, and so not measure, that")]
    Lacks {
        /// "SNP", "TDX" or "SGX".
        tee: &'static str,
        /// What.
        what: &'static str,
    },
    /// A page of the profile lies in a region of the plan, or is no page.
    #[error("the {what} page at {address:#x} is not page aligned, or overlaps the plan")]
    Overlap {
        /// Which page.
        what: &'static str,
        /// Where.
        address: u64,
    },
    /// The enclave's range.
    #[error("the plan does not fit an enclave: {0}")]
    Range(&'static str),
    /// The enclave's layout.
    #[error(transparent)]
    Enclave(#[from] MrenclaveError),
}

/// The vCPUs of a machine's plan of this `shape`.
fn machine<'a>(
    tee: &'static str,
    plan: &'a LaunchPlan,
    shape: &Shape,
) -> Result<&'a [MachineRegisters], PlanError> {
    let Start::Machine(vcpus) = &plan.start else {
        return Err(PlanError::Platform { tee, needed: Platform::Machine });
    };
    if u32::try_from(vcpus.len()) != Ok(shape.vcpus) || vcpus.is_empty() {
        return Err(PlanError::Shape { plan: vcpus.len(), shape: shape.vcpus });
    }
    Ok(vcpus)
}

/// What a launch measures, in its order.
fn measured(plan: &LaunchPlan) -> impl Iterator<Item = &Region> {
    plan.regions.iter().filter(|region| region.kind == Kind::Measured)
}

/// A region's content with the zeros that fill it, page by page.
fn pages(region: &Region) -> impl Iterator<Item = (u64, [u8; crate::PAGE])> {
    let addresses = (region.address..region.address.saturating_add(region.length)).step_by(crate::PAGE);
    let content = region.content.chunks(crate::PAGE).chain(core::iter::repeat(&[][..]));
    addresses.zip(content).map(|(address, bytes)| {
        let mut page = [0; crate::PAGE];
        page[..bytes.len()].copy_from_slice(bytes);
        (address, page)
    })
}
