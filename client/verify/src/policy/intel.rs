use serde::Deserialize;

use super::{Accept, Hex};

/// What is demanded of an Intel platform, for SGX and TDX alike.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformPolicy {
    /// The TCB statuses that are accepted, with Intel's names. `Revoked` never is.
    pub tcb_statuses: Vec<String>,
    /// The advisories that a status other than `UpToDate` may carry.
    pub tolerated_advisories: Accept<String>,
    /// The least tcbEvaluationDataNumber: older collateral cannot hide a newer advisory.
    pub minimum_tcb_evaluation_data_number: u32,
    /// FMSPC: kinds of processor.
    pub fmspcs: Accept<Hex<6>>,
    /// PPID: single machines.
    pub ppids: Accept<Hex<16>>,
}

/// Bits of a field: those in `mask` must be as in `value`. Both in hex, as the vendor prints them: the first
/// byte in memory first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Masked<const N: usize> {
    /// What the bits must be.
    pub value: Hex<N>,
    /// Which bits count.
    pub mask: Hex<N>,
}

impl<const N: usize> Masked<N> {
    /// Whether `found` is as demanded.
    #[must_use]
    pub fn accepts(&self, found: &[u8; N]) -> bool {
        let mut bytes = found.iter().zip(&self.value.0).zip(&self.mask.0);
        bytes.all(|((found, value), mask)| (found ^ value) & mask == 0)
    }
}

/// What is demanded of TDX quotes. Every key is mandatory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TdxPolicy {
    /// The platform.
    pub platform: PlatformPolicy,
    /// TDATTRIBUTES.
    pub td_attributes: Masked<8>,
    /// XFAM.
    pub xfam: Masked<8>,
    /// MRSEAM: the TDX module.
    pub mr_seams: Accept<Hex<48>>,
    /// MRTD.
    pub mr_tds: Accept<Hex<48>>,
    /// RTMR0.
    pub rtmr0: Accept<Hex<48>>,
    /// RTMR1.
    pub rtmr1: Accept<Hex<48>>,
    /// RTMR2.
    pub rtmr2: Accept<Hex<48>>,
    /// RTMR3.
    pub rtmr3: Accept<Hex<48>>,
    /// MRCONFIGID.
    pub mr_config_ids: Accept<Hex<48>>,
    /// MROWNER.
    pub mr_owners: Accept<Hex<48>>,
    /// MROWNERCONFIG.
    pub mr_owner_configs: Accept<Hex<48>>,
}

/// What is demanded of SGX quotes. Every key is mandatory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgxPolicy {
    /// The platform.
    pub platform: PlatformPolicy,
    /// ATTRIBUTES.FLAGS.
    pub attributes: Masked<8>,
    /// ATTRIBUTES.XFRM.
    pub xfrm: Masked<8>,
    /// MISCSELECT.
    pub misc_select: Masked<4>,
    /// MRENCLAVE.
    pub mr_enclaves: Accept<Hex<32>>,
    /// MRSIGNER.
    pub mr_signers: Accept<Hex<32>>,
    /// ISVPRODID.
    pub isv_prod_ids: Accept<u16>,
    /// The least ISVSVN.
    pub minimum_isv_svn: u16,
    /// CONFIGID.
    pub config_ids: Accept<Hex<64>>,
}

const STATUSES: [&str; 8] = [
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "TDRelaunchAdvised",
    "TDRelaunchAdvisedConfigurationNeeded",
];

impl PlatformPolicy {
    pub(super) fn check(&self) -> Result<(), String> {
        super::Demand::check("tcb_statuses", &self.tcb_statuses, STATUSES.into_iter())
    }
}
