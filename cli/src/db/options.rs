//! The command line of `holdfast db`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use holdfast_refdb::{Kind, Tee, unhex};
use holdfast_verify::UnixTime;

const EXAMPLES: &str = "\
Examples:
  holdfast db init
  holdfast db add anchor vendor.pem --signer 'Example Ltd'
  holdfast db import release.corim
  holdfast db list
  holdfast db revoke measurement:7357a10d...
  holdfast db check
  holdfast verify report.bin --policy policy.toml --collateral fetch --db default

Exit status: 0 if it was done; 77 if a bundle is not to be trusted, 67 if it cannot be read;
66 if the database is missing or damaged (see docs/exit-codes.md).";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Db {
    /// The database [default: measurements.db in holdfast's folder under XDG_DATA_HOME]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the database; one that is there already is left as it is
    Init,
    /// List what the database holds
    List {
        /// Only this
        #[arg(value_enum)]
        what: Option<What>,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show all about one reference value, with what the log says of it
    Show {
        /// The value
        #[arg(value_name = "KIND:HEX")]
        value: ValueName,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a reference value, a signer's key, or a machine
    #[command(subcommand)]
    Add(Box<Add>),
    /// Remove a signer's key or a machine; a reference value is revoked instead
    #[command(subcommand)]
    Remove(Remove),
    /// Trust a reference value again that was deprecated
    Trust {
        /// The value
        #[arg(value_name = "KIND:HEX")]
        value: ValueName,
    },
    /// Call a reference value superseded: evidence that shows it is not accepted, until it is trusted again
    Deprecate {
        /// The value
        #[arg(value_name = "KIND:HEX")]
        value: ValueName,
    },
    /// Never accept a reference value again; this is final
    Revoke {
        /// The value
        #[arg(value_name = "KIND:HEX")]
        value: ValueName,
    },
    /// Take over a signed bundle (CoRIM), all of it or nothing
    Import(Import),
    /// Write all reference values as a signed bundle (CoRIM)
    Export(Export),
    /// Show the log of every change, oldest first
    Log {
        /// Only entries after this one
        #[arg(long, value_name = "N", default_value_t = 0)]
        after: i64,
        /// At most as many
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// Prove that the file is sound, its log unbroken, and its content what the log says
    Check {
        /// Also demand this entry, as an earlier check printed it: finds a log that was replaced or cut
        #[arg(long, value_name = "N:HEX")]
        entry: Option<EntryName>,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
}

/// A part of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// Reference values
    Values,
    /// Trust anchors: whose signature on a bundle is accepted
    Anchors,
    /// Platforms: machines by identity
    Platforms,
    /// The newest bundle seen of each signer
    Bundles,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Add {
    /// A reference value, on your own word; one that is there is replaced unless it is revoked
    Value {
        /// The value: `measurement` (SEV-SNP), `mrtd` (TDX), `mrenclave` or `mrsigner` (SGX), and its bytes in hex
        #[arg(value_name = "KIND:HEX")]
        value: ValueName,
        /// The image's version, for people
        #[arg(long, value_name = "TEXT")]
        image_version: String,
        /// The image's security version; higher is newer
        #[arg(long, value_name = "N")]
        security_version: u32,
        /// From when on it may be used [default: now]
        #[arg(long, value_name = "TIME")]
        not_before: Option<UnixTime>,
        /// Until when it may be used, as in 2027-01-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        not_after: UnixTime,
        /// Who says so
        #[arg(long, value_name = "NAME", default_value = "the owner")]
        vouched_by: String,
    },
    /// The public key of a signer of bundles
    Anchor(Anchor),
    /// A machine
    Platform {
        /// Its CHIP_ID (snp, 64 bytes) or PPID (tdx and sgx, 16 bytes)
        #[arg(value_name = "TEE:HEX")]
        platform: PlatformName,
        /// Its name, for people
        #[arg(long)]
        name: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Anchor {
    /// The key: SubjectPublicKeyInfo in PEM, for P-256, P-384 or Ed25519
    #[arg(value_name = "KEY", required_unless_present = "development", requires = "signer")]
    pub(crate) key: Option<PathBuf>,
    /// Whose key it is; the bundles must say the same
    #[arg(long, value_name = "NAME")]
    pub(crate) signer: Option<String>,
    /// The key identifier that the bundles give [default: SHA-256 of the key's DER, in hex]
    #[arg(long, value_name = "TEXT", requires = "key")]
    pub(crate) kid: Option<String>,
    /// INSECURE: Holdfast's own development key, with which everybody can sign
    #[arg(long, conflicts_with_all = ["key", "signer"])]
    pub(crate) development: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Remove {
    /// The public key of a signer: no more bundles of that key are taken. What it vouched for stays
    Anchor {
        /// Its key identifier
        kid: String,
    },
    /// A machine
    Platform {
        /// Which one
        #[arg(value_name = "TEE:HEX")]
        platform: PlatformName,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The bundle; `-` for standard input
    #[arg(required_unless_present = "embedded")]
    pub(crate) file: Option<PathBuf>,
    /// The bundle for Holdfast's own image that is part of this command
    #[arg(long, conflicts_with = "file")]
    pub(crate) embedded: bool,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Export {
    /// What the bundle is about; the same for all its versions
    #[arg(long)]
    pub(crate) id: String,
    /// Its number; higher is newer [default: seconds since 1970]
    #[arg(long, value_name = "N")]
    pub(crate) number: Option<u64>,
    /// From when on it may be imported [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) not_before: Option<UnixTime>,
    /// Until when it may be imported and its values used
    #[arg(long, value_name = "TIME")]
    pub(crate) not_after: UnixTime,
    /// Who signs
    #[arg(long, value_name = "NAME")]
    pub(crate) signer: String,
    /// The private key: PKCS #8 in PEM, unencrypted, for P-256, P-384 or Ed25519
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The key identifier to give [default: SHA-256 of the public key's DER, in hex]
    #[arg(long, value_name = "TEXT")]
    pub(crate) kid: Option<String>,
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// A reference value, by kind and bytes.
#[derive(Clone, Debug)]
pub(crate) struct ValueName {
    pub(crate) kind: Kind,
    pub(crate) value: Vec<u8>,
}

impl core::str::FromStr for ValueName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "write measurement:, mrtd:, mrenclave: or mrsigner: and the value in hex";
        let (name, hex) = text.split_once(':').ok_or(WRONG)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or(WRONG)?;
        Ok(Self { kind, value: bytes(hex).ok_or(WRONG)? })
    }
}

/// A machine, by TEE and identity.
#[derive(Clone, Debug)]
pub(crate) struct PlatformName {
    pub(crate) tee: Tee,
    pub(crate) identity: Vec<u8>,
}

impl core::str::FromStr for PlatformName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "write snp:, tdx: or sgx: and the identity in hex";
        let (name, hex) = text.split_once(':').ok_or(WRONG)?;
        let tee = Tee::ALL.into_iter().find(|tee| tee.name() == name).ok_or(WRONG)?;
        Ok(Self { tee, identity: bytes(hex).ok_or(WRONG)? })
    }
}

/// An entry of the log, by number and hash.
#[derive(Clone, Debug)]
pub(crate) struct EntryName {
    pub(crate) sequence: i64,
    pub(crate) hash: [u8; 32],
}

impl core::str::FromStr for EntryName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "write number:hash, as `holdfast db check` printed it";
        let (sequence, hex) = text.split_once(':').ok_or(WRONG)?;
        let hash = bytes(hex).and_then(|hash| hash.try_into().ok()).ok_or(WRONG)?;
        Ok(Self { sequence: sequence.parse().map_err(|_| WRONG)?, hash })
    }
}

/// Hex in either case.
fn bytes(text: &str) -> Option<Vec<u8>> {
    unhex(&text.to_ascii_lowercase())
}
