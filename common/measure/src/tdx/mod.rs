//! Intel TDX.
//!
//! Specification: Intel 348551, *TDX Module ABI* (TDH.MEM.PAGE.ADD, TDH.MR.EXTEND, TDG.MR.RTMR.EXTEND), and
//! 348549, *TDX Module Base Architecture Specification*, chapter "Measurement and Attestation".

mod mrtd;
mod rtmr;

pub use mrtd::{Mrtd, PageOrder, mrtd};
pub use rtmr::Rtmr;
