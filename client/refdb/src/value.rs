//! What the database holds.

use serde::{Deserialize, Serialize};

use crate::DatabaseError;

/// The technology a value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tee {
    /// AMD SEV-SNP.
    Snp,
    /// Intel TDX.
    Tdx,
    /// Intel SGX.
    Sgx,
}

/// Which field of the evidence a value is compared with, by the vendor's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// SEV-SNP `MEASUREMENT`, 48 bytes (AMD 56860, table "ATTESTATION_REPORT").
    Measurement,
    /// TDX `MRTD`, 48 bytes (Intel TDX module ABI, `TDINFO_STRUCT`).
    MrTd,
    /// SGX `MRENCLAVE`, 32 bytes (Intel SDM volume 3D, `REPORT`).
    MrEnclave,
    /// SGX `MRSIGNER`, 32 bytes (Intel SDM volume 3D, `REPORT`).
    MrSigner,
}

impl Kind {
    /// The bytes a value of this kind has.
    #[must_use]
    pub fn length(self) -> usize {
        match self {
            Self::Measurement | Self::MrTd => 48,
            Self::MrEnclave | Self::MrSigner => 32,
        }
    }

    /// The technology whose evidence has this field.
    #[must_use]
    pub fn tee(self) -> Tee {
        match self {
            Self::Measurement => Tee::Snp,
            Self::MrTd => Tee::Tdx,
            Self::MrEnclave | Self::MrSigner => Tee::Sgx,
        }
    }
}

/// How far a value is trusted. A revocation is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// May be accepted.
    Trusted,
    /// Superseded: accepted only by a policy that says so.
    Deprecated,
    /// Never accepted again.
    Revoked,
}

/// Seconds since 1970 UTC, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// First second.
    pub not_before: i64,
    /// Last second.
    pub not_after: i64,
}

impl Validity {
    /// Whether `now` lies within.
    #[must_use]
    pub fn contains(self, now: i64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

/// A value that evidence may be compared with. Named by kind and value together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceValue {
    /// Which field of the evidence; says the TEE as well.
    pub kind: Kind,
    /// The field's bytes, [`Kind::length`] of them.
    pub value: Vec<u8>,
    /// The image's version, for people.
    pub image_version: String,
    /// Security version; higher is newer.
    pub security_version: u32,
    /// When it may be used.
    pub validity: Validity,
    /// How far it is trusted.
    pub status: Status,
    /// Who vouched for it.
    pub vouched_by: String,
}

impl ReferenceValue {
    /// Refuses a value that cannot be meant.
    pub(crate) fn validate(&self) -> Result<(), DatabaseError> {
        let (expected, found) = (self.kind.length(), self.value.len());
        if found != expected {
            return Err(DatabaseError::Length { expected, found });
        }
        let Validity { not_before, not_after } = self.validity;
        if not_after < not_before {
            return Err(DatabaseError::Validity { not_before, not_after });
        }
        Ok(())
    }
}

/// A key whose signature on a bundle is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustAnchor {
    /// The COSE key identifier (RFC 9052, section 3.1).
    pub kid: Vec<u8>,
    /// The public key, a DER SubjectPublicKeyInfo (RFC 5280, section 4.1).
    pub public_key: Vec<u8>,
}

/// A machine that a policy may require: CHIP_ID for SNP, PPID or platform instance ID for Intel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// The technology that names it.
    pub tee: Tee,
    /// The identity, as the vendor encodes it.
    pub identity: Vec<u8>,
    /// For people.
    pub name: String,
}
