use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Accept, Demand, Hex, Revocation};

/// The processors, each of which numbers its microcode for itself. `Bergamo` is Siena too.
pub const PROCESSORS: [&str; 7] = ["Milan", "Milan-X", "Genoa", "Genoa-X", "Bergamo", "Turin", "Turin-Dense"];

/// What is demanded of SEV-SNP reports. Every key is mandatory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnpPolicy {
    /// The least TCB by processor ([`PROCESSORS`]); one that is not here is refused.
    pub minimum_tcb: BTreeMap<String, TcbFloor>,
    /// The least committed firmware version.
    pub minimum_firmware: Firmware,
    /// Whether a fresh revocation list must be there.
    pub revocation: Revocation,
    /// The kinds of key that may sign.
    pub signing_keys: Vec<SigningKeyKind>,
    /// The providers whose VLEK may sign (the `cspID` of the certificate).
    pub vlek_providers: Accept<String>,
    /// The levels that may have asked for the report.
    pub vmpl: Vec<u32>,
    /// POLICY: bits that must be set, by name.
    pub guest_policy_must: Vec<String>,
    /// POLICY: the other bits that may be set, by name.
    pub guest_policy_may: Vec<String>,
    /// PLATFORM_INFO: bits that must be set, by name.
    pub platform_info_must: Vec<String>,
    /// PLATFORM_INFO: bits that must not be set, by name.
    pub platform_info_must_not: Vec<String>,
    /// Bits that LAUNCH_MIT_VECTOR and CURRENT_MIT_VECTOR must both have; 0 demands none.
    pub mitigations: u64,
    /// CHIP_ID.
    pub chip_ids: Accept<Hex<64>>,
    /// MEASUREMENT.
    pub measurements: Accept<Hex<48>>,
    /// ID_KEY_DIGEST.
    pub id_key_digests: Accept<Hex<48>>,
    /// AUTHOR_KEY_DIGEST.
    pub author_key_digests: Accept<Hex<48>>,
    /// FAMILY_ID.
    pub family_ids: Accept<Hex<16>>,
    /// IMAGE_ID.
    pub image_ids: Accept<Hex<16>>,
    /// The least GUEST_SVN.
    pub minimum_guest_svn: u32,
    /// HOST_DATA.
    pub host_data: Accept<Hex<32>>,
}

/// The least TCB, by component, with the names of the key service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the vendor's names")]
pub struct TcbFloor {
    /// FMC; Turin alone has it, and is refused without.
    pub fmcSPL: Option<u8>,
    /// Boot loader.
    pub blSPL: u8,
    /// TEE.
    pub teeSPL: u8,
    /// SNP firmware.
    pub snpSPL: u8,
    /// Microcode.
    pub ucodeSPL: u8,
}

impl TcbFloor {
    /// The floor of the component with this name; `None` where the policy has none, which no level meets.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<u8> {
        match name {
            "fmcSPL" => self.fmcSPL,
            "blSPL" => Some(self.blSPL),
            "teeSPL" => Some(self.teeSPL),
            "snpSPL" => Some(self.snpSPL),
            "ucodeSPL" => Some(self.ucodeSPL),
            _ => None,
        }
    }
}

/// A firmware version: major, minor, build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Firmware(pub u8, pub u8, pub u8);

/// A kind of endorsement key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SigningKeyKind {
    /// The chip's.
    Vcek,
    /// The provider's.
    Vlek,
}

impl SnpPolicy {
    /// That each name means something.
    pub(super) fn check(&self) -> Result<(), String> {
        use holdfast_evidence::snp::{GuestPolicy, PlatformInfo};
        let bits = GuestPolicy::BITS.iter().map(|(_, name)| *name);
        Demand::check("guest_policy_must", &self.guest_policy_must, bits.clone())?;
        Demand::check("guest_policy_may", &self.guest_policy_may, bits)?;
        for never in ["DEBUG", "MIGRATE_MA"] {
            if self.guest_policy_must.iter().chain(&self.guest_policy_may).any(|name| name == never) {
                return Err(format!("{never} is never accepted; take it out of [snp]"));
            }
        }
        let bits = PlatformInfo::BITS.iter().map(|(_, name)| *name);
        Demand::check("platform_info_must", &self.platform_info_must, bits.clone())?;
        Demand::check("platform_info_must_not", &self.platform_info_must_not, bits)?;
        let given: Vec<_> = self.minimum_tcb.keys().cloned().collect();
        Demand::check("minimum_tcb", &given, PROCESSORS.into_iter())
    }
}
