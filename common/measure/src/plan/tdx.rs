//! MRTD of a plan.

use holdfast_launch::plan::{Kind, Region, Start};
use holdfast_launch::{LaunchPlan, Platform, Shape};

use super::{PlanError, pages};
use crate::digest::Digest384;
use crate::tdx::Mrtd;

/// Where every vCPU of a TD starts, in 32-bit protected mode without paging: no VMM can set its registers
/// (Intel 348549, "Initial State of Guest VCPUs").
const RESET_VECTOR: u64 = 0xffff_fff0;

/// MRTD of `plan`: each page of its measured regions added and extended, in their order. Memory that the
/// plan does not measure is accepted by the Keep itself.
///
/// # Errors
/// If the plan is for a process, is not of this `shape`, or has no page at the reset vector.
pub fn tdx_mrtd(plan: &LaunchPlan, shape: &Shape) -> Result<Digest384, PlanError> {
    const TEE: &str = "TDX";
    let Start::Machine(vcpus) = &plan.start else {
        return Err(PlanError::Platform { tee: TEE, needed: Platform::Machine });
    };
    if u32::try_from(vcpus.len()) != Ok(shape.vcpus) || vcpus.is_empty() {
        return Err(PlanError::Shape { plan: vcpus.len(), shape: shape.vcpus });
    }
    let starts_here = |region: &Region| {
        region.kind == Kind::Measured
            && (region.address..region.address.saturating_add(region.length)).contains(&RESET_VECTOR)
    };
    if !plan.regions.iter().any(starts_here) {
        let what = "a measured page at the reset vector 0xfffffff0: a TD's vCPUs start there, not with the plan's registers";
        return Err(PlanError::Lacks { tee: TEE, what });
    }
    let mut mrtd = Mrtd::default();
    for region in &plan.regions {
        match region.kind {
            Kind::Measured => pages(region).for_each(|(address, page)| {
                mrtd.page_add(address);
                mrtd.extend_page(address, &page);
            }),
            Kind::Memory | Kind::Shared => {}
        }
    }
    Ok(mrtd.finalize())
}
