//! Evidence, as the TEE's vendor lays it out: parsed, built, and nothing decided.
//!
//! * [`snp`]: the SEV-SNP attestation report, versions 2 to 5, and the host's certificate table.
//! * [`quote`]: SGX quotes version 3, TDX quotes versions 4 and 5, and their certification data.
//! * [`report_data`]: what a Keep binds into its evidence.
//! * `cmw`, with the feature of that name: the envelope of RFC 9999.
//! * `x509`, with the feature of that name: certificates that carry evidence.
//! * `carried`, with the same feature: evidence, in whatever of these it comes.
//! * [`detect`]: which of these some bytes are.
//! * [`fuzz`]: every parser as a function of bytes.
//!
//! Field names are the vendors'. A parser takes exactly the bytes of one structure: too few or too many are
//! an error. Whether reserved bytes are zero, a signature holds or a value is acceptable is the verifier's
//! to decide; the parsed forms keep every byte for it.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(not(target_endian = "little"))]
compile_error!("the structures are laid out for a little-endian machine");

#[cfg(feature = "x509")]
pub mod carried;
#[cfg(feature = "cmw")]
pub mod cmw;
pub mod detect;
mod error;
pub mod fuzz;
pub mod quote;
pub mod report_data;
pub mod snp;
#[cfg(feature = "x509")]
pub mod x509;

pub use error::EvidenceError;
