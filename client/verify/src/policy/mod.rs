//! What is accepted: a file that someone has written on purpose. Nothing has a default that accepts.

mod accept;
mod intel;
mod report_data;
mod snp;

use serde::Deserialize;

pub use accept::{Accept, Hex};
pub(crate) use accept::{hex, unhex};
pub use intel::{Masked, PlatformPolicy, SgxPolicy, TdxPolicy};
pub use report_data::ReportData;
pub use snp::{Firmware, PROCESSORS, SigningKeyKind, SnpPolicy, TcbFloor};

/// A policy for appraisal, TOML. A kind of evidence without its section is refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The version of this format, 1.
    pub version: u32,
    /// REPORT_DATA that the evidence must bind. Who asks for fresh evidence sets it for each request.
    pub report_data: ReportData,
    /// For SEV-SNP reports.
    pub snp: Option<SnpPolicy>,
    /// For TDX quotes.
    pub tdx: Option<TdxPolicy>,
    /// For SGX quotes.
    pub sgx: Option<SgxPolicy>,
    /// What no one should do in production.
    #[serde(default)]
    pub insecure: Insecure,
}

/// What gives up protection, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Insecure {
    /// SHA-256 of the DER of roots that are no vendor's. What they vouch for is not protected by hardware.
    #[serde(default)]
    pub simulated_roots: Vec<Hex<32>>,
}

/// Whether a revocation list is demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Revocation {
    /// A list that is fresh at the time of the appraisal must be there.
    Required,
    /// A list may be missing or stale, which the verdict shows. One that names a certificate still denies.
    Waived,
}

/// Why a policy cannot be used. Whoever wrote it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// No TOML, an unknown key, a missing one, or a value of the wrong shape.
    #[error("the policy cannot be read: {0}")]
    Syntax(String),
    /// Another version of the format.
    #[error("the policy has version {0}; this verifier reads version 1")]
    Version(u32),
    /// A value that has no meaning.
    #[error("the policy asks for something that does not exist: {0}")]
    Value(String),
    /// More bytes than any policy has.
    #[error("the policy has {0} bytes; at most {MAX_LENGTH} are read")]
    TooLong(usize),
}

/// The longest policy, in bytes.
pub const MAX_LENGTH: usize = 1 << 20;

/// A strict policy with comments, for `policy init`. It accepts nothing before its lists are filled in.
pub const TEMPLATE: &str = include_str!("template.toml");

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`PolicyError`]; there is no half-read policy.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_LENGTH {
            return Err(PolicyError::TooLong(text.len()));
        }
        let policy: Self = toml::from_str(text).map_err(|error| PolicyError::Syntax(error.to_string()))?;
        if policy.version != 1 {
            return Err(PolicyError::Version(policy.version));
        }
        let snp = policy.snp.as_ref().map_or(Ok(()), SnpPolicy::check);
        let tdx = policy.tdx.as_ref().map_or(Ok(()), |tdx| tdx.platform.check());
        let sgx = policy.sgx.as_ref().map_or(Ok(()), |sgx| sgx.platform.check());
        snp.and(tdx).and(sgx).map_err(PolicyError::Value)?;
        Ok(policy)
    }

    /// The same policy, for one request: the evidence must bind exactly `report_data`. If the policy demands that
    /// evidence comes in a certificate, it still does.
    #[must_use]
    pub fn expecting(mut self, report_data: [u8; 64]) -> Self {
        self.report_data.accept = Accept::Listed(vec![Hex(report_data)]);
        self
    }
}

/// Names in a policy.
struct Demand;

impl Demand {
    fn check(
        key: &str,
        given: &[String],
        known: impl Iterator<Item = &'static str> + Clone,
    ) -> Result<(), String> {
        match given.iter().find(|name| !known.clone().any(|known| known == *name)) {
            None => Ok(()),
            Some(name) => {
                let known: Vec<_> = known.collect();
                Err(format!("{key} has no `{name}`; it has {}", known.join(", ")))
            }
        }
    }
}
