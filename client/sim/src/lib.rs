//! Simulated vendors: what AMD and Intel publish and their hardware signs, in the same bytes, by roots that
//! say SIMULATED.
//!
//! * [`amd`]: ARK, ASK, ASVK, VCEK, VLEK, revocation lists and SEV-SNP reports.
//! * [`intel`]: root, PCK authorities, PCK, TCB info, identities, revocation lists, SGX and TDX quotes.
//! * [`certificate`]: the certificate of somebody who has evidence.
//! * `service`, with the feature of that name: both vendors' collateral services as a local HTTP server.
//!
//! **Nothing here protects anything.** The private keys of the simulated authorities are in this repository or
//! follow from a seed, so anybody can issue any evidence under these roots. A verifier must refuse them unless
//! its policy names such a root. They are for tests, and for the backends that run without a TEE.
//!
//! Everything is a function of a [`Seed`] and a time; there is no clock and no other source of randomness.
#![forbid(unsafe_code)]

pub mod amd;
pub mod certificate;
mod der;
mod fault;
pub mod intel;
mod seed;
#[cfg(feature = "service")]
pub mod service;
mod x509;

pub use fault::Fault;
pub use seed::Seed;
