//! The roots that are trusted: part of the program, since whoever could change them could vouch for anything.

use crate::policy::{Hex, Insecure};

/// AMD's root keys, as published at `https://kdsintf.amd.com/vcek/v1/{Milan,Genoa,Turin}/cert_chain`. Genoa's
/// serves Bergamo and Siena too.
pub(crate) const ARKS: [&[u8]; 3] =
    [include_bytes!("ark-milan.der"), include_bytes!("ark-genoa.der"), include_bytes!("ark-turin.der")];

/// Intel's SGX root, as published at
/// `https://certificates.trustedservices.intel.com/Intel_SGX_Provisioning_Certification_RootCA.cer`. It serves
/// TDX too.
pub(crate) const INTEL_ROOT: &[u8] = include_bytes!("intel-sgx-root.der");

/// Who vouches for a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is pinned here.
    Pinned,
    /// The policy names it, as simulated.
    Simulated,
}

/// Whether a root is trusted, and by whom.
pub(crate) fn standing(
    der: &[u8],
    fingerprint: [u8; 32],
    pinned: &[&[u8]],
    insecure: &Insecure,
) -> Option<Standing> {
    if pinned.contains(&der) {
        return Some(Standing::Pinned);
    }
    insecure.simulated_roots.contains(&Hex(fingerprint)).then_some(Standing::Simulated)
}
