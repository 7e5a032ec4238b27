//! MRENCLAVE of a plan.

use alloc::collections::BTreeSet;

use holdfast_launch::plan::{Kind, Region, Start};
use holdfast_launch::{LaunchPlan, Platform, Shape};

use super::{PlanError, measured, pages};
use crate::PAGE;
use crate::digest::Digest256;
use crate::sgx::{Mrenclave, SecinfoFlags};

const TEE: &str = "SGX";

/// What the SGX backend adds to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SgxProfile<'a> {
    /// SECS.SSAFRAMESIZE, in pages.
    pub ssa_frame_size: u32,
    /// The addresses of the plan's measured pages that are thread control structures, one per thread.
    pub tcs: &'a [u64],
}

/// MRENCLAVE of `plan`: each page of its measured regions added with the region's permissions and extended,
/// in their order. The enclave begins with the first region and has the least size that holds all private
/// ones; memory that the plan does not measure is added after the start (EAUG).
///
/// # Errors
/// If the plan is for a machine, lacks the thread control structures of this `shape`, or does not fit the
/// range of an enclave.
pub fn sgx_mrenclave(
    plan: &LaunchPlan,
    shape: &Shape,
    profile: &SgxProfile<'_>,
) -> Result<Digest256, PlanError> {
    process(plan)?;
    let is_measured = |address: &u64| {
        address.is_multiple_of(PAGE as u64)
            && measured(plan).any(|region| {
                (region.address..region.address.saturating_add(region.length)).contains(address)
            })
    };
    // Each thread has its own.
    let tcs: BTreeSet<u64> = profile.tcs.iter().copied().filter(is_measured).collect();
    if u32::try_from(tcs.len()) != Ok(shape.vcpus) || tcs.len() != profile.tcs.len() {
        let what = "a measured thread control structure (TCS) with its state-save frames for each thread";
        return Err(PlanError::Lacks { tee: TEE, what });
    }
    added_pages(plan, profile.ssa_frame_size, &tcs)
}

/// MRENCLAVE of `plan` as `process` executes it, which is **no TEE**: all pages are regular ones. Intel's hardware
/// never reports such a value: an enclave without a TCS cannot be entered.
///
/// # Errors
/// If the plan is for a machine, or does not fit the range of an enclave.
pub fn simulated_sgx_mrenclave(plan: &LaunchPlan) -> Result<Digest256, PlanError> {
    process(plan)?;
    added_pages(plan, 1, &BTreeSet::new())
}

fn process(plan: &LaunchPlan) -> Result<(), PlanError> {
    match plan.start {
        Start::Process(_) => Ok(()),
        Start::Machine(_) => Err(PlanError::Platform { tee: TEE, needed: Platform::Process }),
    }
}

fn added_pages(plan: &LaunchPlan, ssa_frame_size: u32, tcs: &BTreeSet<u64>) -> Result<Digest256, PlanError> {
    let (base, size) = range(plan)?;
    let mut mrenclave = Mrenclave::ecreate(ssa_frame_size, size)?;
    for region in measured(plan) {
        for (address, page) in pages(region) {
            let flags = if tcs.contains(&address) {
                SecinfoFlags::TCS
            } else {
                SecinfoFlags::regular(region.permissions)
            };
            mrenclave.page(address - base, flags, &page)?;
        }
    }
    Ok(mrenclave.value())
}

/// The enclave's base and size: SECS.BASEADDR is a multiple of SECS.SIZE, a power of two.
fn range(plan: &LaunchPlan) -> Result<(u64, u64), PlanError> {
    let private = |region: &&Region| region.kind != Kind::Shared;
    let ends = plan.regions.iter().filter(private).map(|region| region.address.saturating_add(region.length));
    let bases = plan.regions.iter().filter(private).map(|region| region.address);
    let (base, end) = bases.min().zip(ends.max()).ok_or(PlanError::Range("it has no private region"))?;
    let size = (end - base).checked_next_power_of_two().ok_or(PlanError::Range("it is too large"))?;
    if !base.is_multiple_of(size) {
        return Err(PlanError::Range("its base is not a multiple of its size"));
    }
    let inside =
        |region: &Region| region.address < base + size && region.address.saturating_add(region.length) > base;
    if plan.regions.iter().any(|region| region.kind == Kind::Shared && inside(region)) {
        return Err(PlanError::Range("memory shared with the host would lie inside it"));
    }
    Ok((base, size))
}

const _: () = {
    use holdfast_launch::headers::{EXECUTE, READ, WRITE};
    assert!(READ == SecinfoFlags::READ && WRITE == SecinfoFlags::WRITE && EXECUTE == SecinfoFlags::EXECUTE);
};
