//! The address space: what is mapped, and the memory behind it.
//!
//! [`areas`] says which addresses have which rights; [`frames`] says whose each frame of memory is. The
//! two meet in `machine` (page tables of our own) or in `process` (the host's, by four system calls).
//! Memory is charged when it becomes accessible, so that a page fault never fails for want of it.

pub mod areas;
pub mod entry;
pub mod frames;

#[cfg(holdfast_keep)]
mod machine;
#[cfg(holdfast_keep)]
mod process;
#[cfg(holdfast_keep)]
mod space;

#[cfg(holdfast_keep)]
pub use machine::{Audit, audit};
#[cfg(holdfast_keep)]
pub(crate) use space::map_cpu_page;
#[cfg(holdfast_keep)]
pub use space::{discard, fault, init, map, protect, unmap, used};
