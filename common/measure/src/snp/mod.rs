//! AMD SEV-SNP.
//!
//! Specifications: AMD 56860, *SEV Secure Nested Paging Firmware ABI*, revision 1.58 (launch, ID block);
//! AMD 24593, *Architecture Programmer's Manual, volume 2*, appendix B (the save area).

mod cpu;
mod digest;
mod guest;
mod hashes;
mod id_block;
mod vmsa;

pub use cpu::{cpuid_signature, vcpu_model_signature};
pub use digest::{LaunchDigest, PageType, VMSA_ADDRESS};
pub use guest::{GuestError, MAX_VCPUS, SnpGuest, Vmm, svsm_digest};
pub use hashes::KernelHashes;
pub use id_block::{EcdsaPublicKey, EcdsaSignature, IdAuth, IdBlock, IdBlockError};
pub use vmsa::{Vmsa, VmsaSegment};
