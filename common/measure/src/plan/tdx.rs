//! MRTD of a plan.

use holdfast_launch::plan::Region;
use holdfast_launch::{LaunchPlan, Shape};

use super::{PlanError, machine, measured, pages};
use crate::digest::Digest384;
use crate::tdx::Mrtd;

const TEE: &str = "TDX";

/// Where every vCPU of a TD starts, in 32-bit protected mode without paging: no VMM can set its registers
/// (Intel 348549, "Initial State of Guest VCPUs").
const RESET_VECTOR: u64 = 0xffff_fff0;

/// MRTD of `plan`: each page of its measured regions added and extended, in their order. Memory that the
/// plan does not measure is accepted by the Keep itself.
///
/// # Errors
/// If the plan is for a process, is not of this `shape`, or has no page at the reset vector.
pub fn tdx_mrtd(plan: &LaunchPlan, shape: &Shape) -> Result<Digest384, PlanError> {
    machine(TEE, plan, shape)?;
    let starts_here = |region: &Region| {
        (region.address..region.address.saturating_add(region.length)).contains(&RESET_VECTOR)
    };
    if !measured(plan).any(starts_here) {
        let what = "a measured page at the reset vector 0xfffffff0: a TD's vCPUs start there, not with the plan's registers";
        return Err(PlanError::Lacks { tee: TEE, what });
    }
    Ok(added_pages(plan))
}

/// MRTD of `plan` as `kvm` executes it, which is **no TEE**: nothing need lie at the reset vector. Intel's hardware
/// never reports such a value: a TD without a page there runs no instruction.
///
/// # Errors
/// If the plan is for a process, or is not of this `shape`.
pub fn simulated_tdx_mrtd(plan: &LaunchPlan, shape: &Shape) -> Result<Digest384, PlanError> {
    machine(TEE, plan, shape)?;
    Ok(added_pages(plan))
}

fn added_pages(plan: &LaunchPlan) -> Digest384 {
    let mut mrtd = Mrtd::default();
    for (address, page) in measured(plan).flat_map(pages) {
        mrtd.page_add(address);
        mrtd.extend_page(address, &page);
    }
    mrtd.finalize()
}
