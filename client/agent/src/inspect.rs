//! What a file is, before anything is done with it.

use std::path::{Path, PathBuf};

use holdfast_protocol::ApplicationKind;
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

use crate::artefact::{self, ArtefactError};
use crate::exit::{ExitCode, Fails};
use crate::world::{self, WorldError};

/// An application that can be compiled or run.
#[derive(Debug)]
pub enum Application {
    /// WebAssembly, checked: valid, and of a world that a Keep serves.
    Wasm {
        /// Core module or component.
        kind: ApplicationKind,
        /// The binary form.
        bytes: Vec<u8>,
    },
    /// Compiled by `holdfast compile`; checked as [`artefact::open`] does.
    Compiled(Vec<u8>),
}

/// Why a file cannot be run. The application's author is at fault, or whoever named the file.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Neither binary nor text format, nor compiled by us.
    #[error(
        "{0} is not WebAssembly; expected a core module, a component, a .wat text or a .cwasm of `holdfast compile`"
    )]
    NotWasm(PathBuf),
    /// The text format has an error.
    #[error("{path} is not valid WebAssembly text: {error}")]
    Text {
        /// The file.
        path: PathBuf,
        /// What and where, in one line.
        error: String,
    },
    /// The file ends in the middle.
    #[error("{path} is truncated: it ends at byte {length}, inside a section; copy or build it again")]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
    /// Malformed or invalid.
    #[error("{path} is not valid WebAssembly: {error}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where and what.
        error: wasmparser::BinaryReaderError,
    },
    /// It wants what a Keep does not have, or has no entry point.
    #[error("{path}: {error}")]
    World {
        /// The file.
        path: PathBuf,
        /// What.
        error: WorldError,
    },
    /// A `.cwasm` that cannot be used here.
    #[error("{path}: {error}")]
    Artefact {
        /// The file.
        path: PathBuf,
        /// Why.
        error: ArtefactError,
    },
}

impl Fails for InspectError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Read { .. } => ExitCode::Input,
            Self::NotWasm(_)
            | Self::Text { .. }
            | Self::Truncated { .. }
            | Self::Invalid { .. }
            | Self::World { .. }
            | Self::Artefact { .. } => ExitCode::Application,
        }
    }
}

/// Reads a file and finds out what it is, by its content; its name does not matter.
///
/// # Errors
/// It cannot be read, or cannot be run.
pub fn read(path: &Path) -> Result<Application, InspectError> {
    let bytes = std::fs::read(path).map_err(|error| InspectError::Read { path: path.into(), error })?;
    inspect(path, bytes)
}

/// Finds out what `bytes` are; `path` is for messages only.
///
/// # Errors
/// They cannot be run.
pub fn inspect(path: &Path, bytes: Vec<u8>) -> Result<Application, InspectError> {
    if bytes.starts_with(&artefact::MAGIC) {
        return match artefact::open(&bytes) {
            Ok(_) => Ok(Application::Compiled(bytes)),
            Err(error) => Err(InspectError::Artefact { path: path.into(), error }),
        };
    }
    // Wasmtime's own artefacts are ELF files; they lack our header, so nothing says what they are for.
    if bytes.starts_with(b"\x7fELF") {
        return Err(InspectError::Artefact { path: path.into(), error: ArtefactError::Foreign });
    }
    let bytes = if bytes.starts_with(b"\0asm") { bytes } else { text(path, &bytes)? };
    let kind = validate(path, &bytes)?;
    world::check(kind, &bytes).map_err(|error| InspectError::World { path: path.into(), error })?;
    Ok(Application::Wasm { kind, bytes })
}

/// The binary form of a `.wat`.
fn text(path: &Path, bytes: &[u8]) -> Result<Vec<u8>, InspectError> {
    // The first thing in a text is a parenthesis or a comment. Anything else was never meant as one.
    let looks_like_text =
        std::str::from_utf8(bytes).is_ok_and(|text| text.trim_start().starts_with(['(', ';']));
    if !looks_like_text {
        return Err(InspectError::NotWasm(path.into()));
    }
    wat::Parser::new()
        .parse_bytes(Some(path), bytes)
        .map(std::borrow::Cow::into_owned)
        .map_err(|error| InspectError::Text { path: path.into(), error: one_line(&error) })
}

/// The message and its place, without the drawing of the source between them.
fn one_line(error: &wat::Error) -> String {
    let text = error.to_string();
    let mut lines = text.lines();
    let message = lines.next().unwrap_or_default();
    match lines.find_map(|line| line.trim_start().strip_prefix("--> ")) {
        Some(place) => format!("{message} (at {place})"),
        None => message.into(),
    }
}

/// Whether it is a valid module or component.
///
/// Function bodies are left to the compiler, which validates them in parallel.
fn validate(path: &Path, bytes: &[u8]) -> Result<ApplicationKind, InspectError> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let mut kind = ApplicationKind::Module;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| malformed(path, bytes, error))?;
        if let Payload::Version { encoding: Encoding::Component, range, .. } = &payload
            && range.start == 0
        {
            kind = ApplicationKind::Component;
        }
        validator.payload(&payload).map_err(|error| malformed(path, bytes, error))?;
    }
    Ok(kind)
}

fn malformed(path: &Path, bytes: &[u8], error: wasmparser::BinaryReaderError) -> InspectError {
    // The parser names the end of the file as the place when bytes are missing there.
    let at_end = error.offset() >= bytes.len();
    if at_end || error.message().contains("unexpected end") {
        InspectError::Truncated { path: path.into(), length: bytes.len() }
    } else {
        InspectError::Invalid { path: path.into(), error }
    }
}
