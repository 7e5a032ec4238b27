//! `.cwasm`: a compiled application with a header that says what it is.
//!
//! | offset | length | what |
//! |---|---|---|
//! | 0 | 8 | [`MAGIC`] |
//! | 8 | 16 | Wasmtime's version, ASCII, filled up with zeros |
//! | 24 | 1 | kind: 1 core module, 2 component |
//! | 25 | 1 | CPU: 2, 3 and 4 for x86-64-v2, v3 and v4; 0xff for all that the compiling machine had |
//! | 26 | 1 | 1 if the code counts fuel, else 0 |
//! | 27 | 1 | version of this form: 1 |
//! | 28 | 4 | zero |
//! | 32 | 32 | SHA-256 of the application that was compiled |
//! | 64 | 32 | SHA-256 of the artefact |
//! | 96 | | the artefact, as Wasmtime serialises it |
//!
//! A `.cwasm` is native code. It is trusted as far as the files of its owner are: the digest finds
//! damage, not malice. Code that misbehaves can harm its own Keep, and nothing else.

use holdfast_engine::{CpuLevel, Profile};
use holdfast_protocol::ApplicationKind;

use crate::digest::Digest;

/// How a `.cwasm` begins.
pub const MAGIC: [u8; 8] = *b"hf-cwasm";

/// The version of the form.
const FORM: u8 = 1;

/// Length of the header in bytes.
const HEADER: usize = 96;

/// The Wasmtime whose artefacts these are.
pub const WASMTIME: &str = "48.0.8";

/// A compiled application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Artefact<'a> {
    /// Core module or component.
    pub kind: ApplicationKind,
    /// How it was compiled.
    pub profile: Profile,
    /// Of the application that was compiled.
    pub source: Digest,
    /// Of `code`.
    pub digest: Digest,
    /// What Wasmtime serialised.
    pub code: &'a [u8],
}

/// Why a `.cwasm` cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArtefactError {
    /// An artefact of plain Wasmtime, or another ELF file.
    #[error("it is not a .cwasm of Holdfast; make one with `holdfast compile`")]
    Foreign,
    /// The file ends early.
    #[error("the .cwasm is truncated; compile the application again")]
    Truncated,
    /// A header that this version of Holdfast does not write.
    #[error("the .cwasm has a header of another version of Holdfast; compile the application again")]
    Header,
    /// Another Wasmtime made it.
    #[error("the .cwasm was compiled by Wasmtime {0}, a Keep has {WASMTIME}; compile the application again")]
    Version(String),
    /// The CPU lacks something.
    #[error(
        "the .cwasm was compiled for {level}, but this machine's CPU lacks {missing}; compile it with --cpu {suggestion}"
    )]
    Cpu {
        /// For which level.
        level: CpuLevel,
        /// The features, by name.
        missing: String,
        /// A level that runs here.
        suggestion: CpuLevel,
    },
    /// The code is not what was written.
    #[error("the .cwasm is damaged (its digest differs); compile the application again")]
    Damaged,
}

/// The header of a compiled application; its code follows.
#[must_use]
pub fn header(kind: ApplicationKind, profile: Profile, source: Digest, code: &[u8]) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..24].copy_from_slice(&version_field());
    header[24] = match kind {
        ApplicationKind::Module => 1,
        ApplicationKind::Component => 2,
    };
    header[25] = match profile.cpu {
        CpuLevel::V2 => 2,
        CpuLevel::V3 => 3,
        CpuLevel::V4 => 4,
        CpuLevel::Native => 0xff,
    };
    header[26] = u8::from(profile.metered);
    header[27] = FORM;
    header[32..64].copy_from_slice(&source.0);
    header[64..].copy_from_slice(&Digest::of(code).0);
    header
}

/// Reads and checks a `.cwasm`, its digest and this machine's CPU included.
///
/// # Errors
/// The first thing that is wrong.
pub fn open(bytes: &[u8]) -> Result<Artefact<'_>, ArtefactError> {
    let artefact = parse(bytes)?;
    let missing = artefact.profile.cpu.missing();
    if missing.is_empty() {
        return Ok(artefact);
    }
    Err(ArtefactError::Cpu {
        level: artefact.profile.cpu,
        missing: missing.join(", "),
        suggestion: CpuLevel::local().unwrap_or(CpuLevel::V2),
    })
}

/// Reads a `.cwasm` for any machine.
fn parse(bytes: &[u8]) -> Result<Artefact<'_>, ArtefactError> {
    if !bytes.starts_with(&MAGIC) {
        return Err(ArtefactError::Foreign);
    }
    let (header, code) = bytes.split_first_chunk::<HEADER>().ok_or(ArtefactError::Truncated)?;
    if header[27] != FORM || header[28..32] != [0; 4] {
        return Err(ArtefactError::Header);
    }
    if header[8..24] != version_field() {
        let other = String::from_utf8_lossy(&header[8..24]);
        let printable = other.chars().filter(char::is_ascii_graphic).collect();
        return Err(ArtefactError::Version(printable));
    }
    let kind = match header[24] {
        1 => ApplicationKind::Module,
        2 => ApplicationKind::Component,
        _ => return Err(ArtefactError::Header),
    };
    let cpu = match header[25] {
        2 => CpuLevel::V2,
        3 => CpuLevel::V3,
        4 => CpuLevel::V4,
        0xff => CpuLevel::Native,
        _ => return Err(ArtefactError::Header),
    };
    let metered = match header[26] {
        0 => false,
        1 => true,
        _ => return Err(ArtefactError::Header),
    };
    let digest = Digest(array(&header[64..]));
    if Digest::of(code) != digest {
        return Err(ArtefactError::Damaged);
    }
    Ok(Artefact {
        kind,
        profile: Profile { cpu, metered },
        source: Digest(array(&header[32..64])),
        digest,
        code,
    })
}

fn array(bytes: &[u8]) -> [u8; 32] {
    let mut array = [0; 32];
    array.copy_from_slice(bytes);
    array
}

/// Wasmtime's version as it stands in the header.
fn version_field() -> [u8; 16] {
    let mut field = [0; 16];
    for (place, byte) in field.iter_mut().zip(WASMTIME.bytes()) {
        *place = byte;
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: Profile = Profile { cpu: CpuLevel::V2, metered: true };

    fn example() -> Vec<u8> {
        let code = b"not really code";
        let mut file = header(ApplicationKind::Component, PROFILE, Digest::of(b"source"), code).to_vec();
        file.extend(code);
        file
    }

    #[test]
    fn the_version_is_the_one_that_is_linked() {
        let manifest = include_str!("../../../Cargo.toml");
        assert!(manifest.contains(&format!("wasmtime = {{ version = \"={WASMTIME}\"")));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let file = example();
        let artefact = parse(&file).unwrap();
        assert_eq!(artefact.kind, ApplicationKind::Component);
        assert_eq!(artefact.profile, PROFILE);
        assert_eq!(artefact.source, Digest::of(b"source"));
        assert_eq!(artefact.code, b"not really code");
    }

    #[test]
    fn any_changed_byte_before_the_source_digest_or_after_it_is_noticed() {
        for at in (0..32).chain(64..example().len()) {
            let mut file = example();
            file[at] ^= 0x40;
            assert!(parse(&file).is_err(), "byte {at}");
        }
    }

    #[test]
    fn every_truncation_is_noticed() {
        for length in 0..example().len() {
            assert!(parse(&example()[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn another_wasmtime_is_named() {
        let mut file = example();
        file[8..16].copy_from_slice(b"47.0.1\0\0");
        assert_eq!(parse(&file), Err(ArtefactError::Version("47.0.1".into())));
    }
}
