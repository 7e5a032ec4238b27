//! From a keep image and a shape to a **launch plan**: which pages lie where with which content, and
//! with which registers each vCPU starts. A pure function; the loader executes its result, and a
//! measurer hashes it, so that what is measured is what is loaded.
//!
//! * [`layout`]: the addresses that image, stage 0, shim and loader agree on.
//! * [`headers`]: the two structures inside an image: [`headers::Stage0Header`], [`headers::BodyHeader`].
//! * [`image`]: the image file, an ELF: reading it.
//! * [`pack`]: making it of the two linked programs.
//! * [`plan`]: the launch plan.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

#[cfg(feature = "plan")]
extern crate alloc;

pub mod headers;
pub mod layout;

#[cfg(feature = "plan")]
pub mod image;
#[cfg(feature = "plan")]
mod machine;
#[cfg(feature = "plan")]
pub mod pack;
#[cfg(feature = "plan")]
pub mod plan;

#[cfg(feature = "plan")]
pub use image::{Image, ImageError};
#[cfg(feature = "plan")]
pub use plan::{LaunchPlan, Platform, Region, Shape};
