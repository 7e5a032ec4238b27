//! What the database holds.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{DatabaseError, PublicKey, hex};

/// The technology a value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tee {
    /// AMD SEV-SNP.
    Snp,
    /// Intel TDX.
    Tdx,
    /// Intel SGX.
    Sgx,
}

impl Tee {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Snp, Self::Tdx, Self::Sgx];

    /// Its name in files, on the command line and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snp => "snp",
            Self::Tdx => "tdx",
            Self::Sgx => "sgx",
        }
    }

    /// The bytes of a machine's identity: CHIP_ID for SNP, PPID for Intel.
    #[must_use]
    pub const fn identity_length(self) -> usize {
        match self {
            Self::Snp => 64,
            Self::Tdx | Self::Sgx => 16,
        }
    }
}

/// Which field of the evidence a value is compared with, by the vendor's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Measurement, Self::MrTd, Self::MrEnclave, Self::MrSigner];

    /// Its name in files, on the command line, in bundles and in the log: the vendor's, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Measurement => "measurement",
            Self::MrTd => "mrtd",
            Self::MrEnclave => "mrenclave",
            Self::MrSigner => "mrsigner",
        }
    }

    /// The bytes a value of this kind has.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::Measurement | Self::MrTd => 48,
            Self::MrEnclave | Self::MrSigner => 32,
        }
    }

    /// The technology whose evidence has this field.
    #[must_use]
    pub const fn tee(self) -> Tee {
        match self {
            Self::Measurement => Tee::Snp,
            Self::MrTd => Tee::Tdx,
            Self::MrEnclave | Self::MrSigner => Tee::Sgx,
        }
    }
}

/// How far a value is trusted, highest first. A revocation is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// May be accepted.
    Trusted,
    /// Superseded: not accepted, unless it is trusted again.
    Deprecated,
    /// Never accepted again.
    Revoked,
}

impl Status {
    /// Its name in files, on the command line and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Deprecated => "deprecated",
            Self::Revoked => "revoked",
        }
    }
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

    /// Refuses one that ends before it begins.
    pub(crate) fn validate(self) -> Result<(), DatabaseError> {
        let Self { not_before, not_after } = self;
        if not_after < not_before { Err(DatabaseError::Validity { not_before, not_after }) } else { Ok(()) }
    }
}

/// A value that evidence may be compared with. Named by kind and value together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceValue {
    /// Which field of the evidence; says the TEE as well.
    pub kind: Kind,
    /// The field's bytes, [`Kind::length`] of them.
    #[serde(with = "crate::hex")]
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
        length(self.kind.length(), self.value.len())?;
        text("image version", &self.image_version)?;
        text("voucher's name", &self.vouched_by)?;
        self.validity.validate()
    }
}

/// A key whose signature on a bundle is accepted, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustAnchor {
    /// The COSE key identifier (RFC 9052, section 3.1), here always text.
    pub kid: String,
    /// Whose key it is. One signer may have several: what was seen of its bundles counts for all of them.
    pub signer: String,
    /// The public key, a DER SubjectPublicKeyInfo (RFC 5280, section 4.1): P-256, P-384 or Ed25519.
    #[serde(with = "crate::hex")]
    pub public_key: Vec<u8>,
}

impl TrustAnchor {
    /// An anchor whose `kid` is the SHA-256 of the key's DER, in hex.
    ///
    /// # Errors
    /// [`DatabaseError::Key`].
    pub fn new(signer: String, key: &PublicKey) -> Result<Self, DatabaseError> {
        let public_key = key.to_der()?;
        Ok(Self { kid: hex(&Sha256::digest(&public_key)), signer, public_key })
    }

    /// Refuses an anchor that cannot be meant.
    pub(crate) fn validate(&self) -> Result<(), DatabaseError> {
        text("key identifier", &self.kid)?;
        text("signer's name", &self.signer)?;
        self.key().map(drop)
    }

    /// The key.
    ///
    /// # Errors
    /// [`DatabaseError::Key`].
    pub fn key(&self) -> Result<PublicKey, DatabaseError> {
        PublicKey::from_der(&self.public_key)
    }
}

/// A machine that a policy may require.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// The technology that names it.
    pub tee: Tee,
    /// CHIP_ID for SNP, PPID for Intel; [`Tee::identity_length`] bytes.
    #[serde(with = "crate::hex")]
    pub identity: Vec<u8>,
    /// For people.
    pub name: String,
}

impl Platform {
    /// Refuses a platform that cannot be meant.
    pub(crate) fn validate(&self) -> Result<(), DatabaseError> {
        length(self.tee.identity_length(), self.identity.len())?;
        text("platform's name", &self.name)
    }
}

/// The newest bundle seen of a signer and an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenBundle {
    /// Whose it was.
    pub signer: String,
    /// Its CoRIM id.
    pub id: String,
    /// Its version; higher is newer.
    pub version: u64,
    /// SHA-256 of its payload.
    #[serde(with = "crate::hex")]
    pub digest: Vec<u8>,
}

impl SeenBundle {
    /// Refuses one that cannot be meant.
    pub(crate) fn validate(&self) -> Result<(), DatabaseError> {
        text("signer's name", &self.signer)?;
        text("bundle's id", &self.id)?;
        length(32, self.digest.len())
    }
}

fn length(expected: usize, found: usize) -> Result<(), DatabaseError> {
    if found == expected { Ok(()) } else { Err(DatabaseError::Length { expected, found }) }
}

/// The longest name, in bytes.
const MAX_TEXT: usize = 256;

/// Names are shown on terminals and compared by people.
pub(crate) fn text(what: &'static str, text: &str) -> Result<(), DatabaseError> {
    if text.is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(DatabaseError::Text(what));
    }
    Ok(())
}
