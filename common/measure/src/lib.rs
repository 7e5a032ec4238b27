//! Expected measurements: what a genuine TEE reports of a launch, computed without one.
//!
//! Each vendor chains a hash over the operations by which a TEE is filled before it first runs. These
//! modules replay the chains; nothing here talks to hardware, reads a file or looks at a clock.
//!
//! * [`snp`]: the SEV-SNP launch digest, the ID block and its keys.
//! * [`tdx`]: MRTD, and the replay of RTMRs.
//! * [`sgx`]: MRENCLAVE, SIGSTRUCT and MRSIGNER.
//! * [`firmware`]: what an OVMF file says of its own launch, for guests that are not ours.
//! * [`plan`]: the same for our launch plan, the one that the loader executes.
//! * [`coverage`]: what of an image is measured directly, and what through stage 0.
//! * [`request`]: one question, one serialisable answer, for a command or a service.
//! * [`fuzz`]: every parser as a function of bytes.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(not(target_endian = "little"))]
compile_error!("the structures are laid out for a little-endian machine");

pub mod coverage;
pub mod digest;
pub mod firmware;
pub mod fuzz;
pub mod plan;
pub mod request;
pub mod sgx;
pub mod snp;
pub mod tdx;

pub use digest::Digest;
pub use request::{MeasureError, Measurement, Request, measure};

/// A page of every TEE here, in bytes.
pub const PAGE: usize = 4096;
