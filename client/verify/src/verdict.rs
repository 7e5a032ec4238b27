//! What an appraisal found: every step, whether it holds, and what it saw.

use core::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::{Step, UnixTime};

/// Who has to act when a step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// Whoever made or carried the evidence.
    Evidence,
    /// Whoever runs the machine: it is genuine, but not in the state that the policy demands.
    Platform,
    /// Whoever fetched the collateral.
    Collateral,
    /// Whoever wrote the policy.
    Policy,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It holds.
    Passed,
    /// The policy says in so many words that it accepts anything here.
    Waived,
    /// It does not hold.
    Failed,
    /// An earlier failure left nothing to look at. Never counts as passed.
    NotReached,
}

impl Outcome {
    const fn mark(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Waived => "waived",
            Self::Failed => "FAILED",
            Self::NotReached => "not reached",
        }
    }
}

/// A step and what it found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Which.
    pub step: Step,
    /// How it ended.
    pub outcome: Outcome,
    /// What was found.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub found: String,
    /// What had to be found.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub expected: String,
    /// What would mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<&'static str>,
    /// Who has to do that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blame: Option<Blame>,
}

/// The kinds of TEE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Tee {
    /// AMD SEV-SNP.
    #[serde(rename = "sev-snp")]
    Snp,
    /// Intel TDX.
    #[serde(rename = "tdx")]
    Tdx,
    /// Intel SGX.
    #[serde(rename = "sgx")]
    Sgx,
}

impl Tee {
    /// The steps for its evidence.
    #[must_use]
    pub const fn steps(self) -> &'static [Step] {
        match self {
            Self::Snp => Step::snp(),
            Self::Tdx => Step::tdx(),
            Self::Sgx => Step::sgx(),
        }
    }
}

impl Display for Tee {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Snp => "SEV-SNP",
            Self::Tdx => "TDX",
            Self::Sgx => "SGX",
        })
    }
}

/// The whole appraisal. [`Display`] is a table, [`Serialize`] the same as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub(crate) tee: Tee,
    pub(crate) at: UnixTime,
    pub(crate) trusted: bool,
    pub(crate) simulated: bool,
    pub(crate) steps: Vec<Record>,
}

impl Verdict {
    /// Of what kind of TEE the evidence claims to be.
    #[must_use]
    pub const fn tee(&self) -> Tee {
        self.tee
    }

    /// For which time it was appraised.
    #[must_use]
    pub const fn at(&self) -> UnixTime {
        self.at
    }

    /// Whether every step passed or was waived by the policy.
    #[must_use]
    pub const fn trusted(&self) -> bool {
        self.trusted
    }

    /// Whether a root that the policy names as simulated vouches for the evidence: then nothing protects the
    /// Keep, whatever else the verdict says.
    #[must_use]
    pub const fn simulated(&self) -> bool {
        self.simulated
    }

    /// Every step of [`Tee::steps`], in that order.
    #[must_use]
    pub fn steps(&self) -> &[Record] {
        &self.steps
    }

    /// The first step that failed.
    #[must_use]
    pub fn failed(&self) -> Option<&Record> {
        self.steps.iter().find(|record| record.outcome == Outcome::Failed)
    }
}

impl Display for Verdict {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let result = if self.trusted { "TRUSTED" } else { "DENIED" };
        writeln!(formatter, "{result}: {} evidence, appraised for {}", self.tee, self.at)?;
        if self.simulated {
            writeln!(
                formatter,
                "SIMULATED: a root that the policy calls simulated vouches for it; no hardware protects it"
            )?;
        }
        for record in &self.steps {
            write!(formatter, "  {:11}  {:17}", record.outcome.mark(), record.step)?;
            match record.outcome {
                Outcome::Passed | Outcome::NotReached => writeln!(formatter, "  {}", record.found)?,
                Outcome::Waived => writeln!(formatter, "  {} (the policy accepts any)", record.found)?,
                Outcome::Failed => {
                    writeln!(formatter, "  found {}; expected {}", record.found, record.expected)?;
                    if let Some(remedy) = record.remedy {
                        writeln!(formatter, "  {:11}  {:17}  -> {remedy}", "", "")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Evidence that a policy accepts. Only [`crate::verify`] makes one; what opens a channel for secrets asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub(crate) verdict: Verdict,
    pub(crate) claims: Claims,
}

impl Verified {
    /// The steps that led to it.
    #[must_use]
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// What the evidence says.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }
}

/// What verified evidence says of its subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// MEASUREMENT, MRTD or MRENCLAVE, in hex.
    pub measurement: String,
    /// REPORT_DATA, in hex.
    pub report_data: String,
    /// CHIP_ID, or the PPID, in hex; empty where the platform hides it.
    pub platform: String,
}

/// Evidence that is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("denied at step {}: found {}; expected {}; {}", first.step, first.found, first.expected, first.remedy.unwrap_or_default())]
pub struct Denied {
    first: Box<Record>,
    verdict: Verdict,
}

impl Denied {
    pub(crate) fn new(first: Record, verdict: Verdict) -> Self {
        Self { first: Box::new(first), verdict }
    }

    /// The first step that failed.
    #[must_use]
    pub const fn step(&self) -> Step {
        self.first.step
    }

    /// Its record: what was found and expected, what would mend it, who has to.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.first
    }

    /// All steps.
    #[must_use]
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}
