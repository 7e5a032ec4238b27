//! Configuration files: `Holdfast.toml`, and `Enarx.toml` as far as it can be served.

mod enarx;
mod keys;
mod native;
mod units;

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use holdfast_protocol::Stdio;
pub use native::TEMPLATE;
pub use units::{UnitError, parse_duration, parse_size};

use crate::exit::{ExitCode, Fails};
use crate::pack::Mapping;

/// What a configuration file asks for. What it does not mention is empty or absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The application's arguments, its own name not among them.
    pub args: Vec<String>,
    /// The application's environment.
    pub env: BTreeMap<String, String>,
    /// Standard input, output and error.
    pub stdio: [Stdio; 3],
    /// Directories; relative host paths have been taken from the file's own directory.
    pub directories: Vec<Mapping>,
    /// Memory of the Keep in bytes.
    pub memory: Option<u64>,
    /// Threads (vCPUs) of the Keep.
    pub threads: Option<u32>,
    /// How long the application may run.
    pub timeout: Option<Duration>,
    /// How much fuel it may use.
    pub fuel: Option<u64>,
}

/// Why a configuration file is refused. The owner is to correct the file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// No TOML, or a value of the wrong type or form.
    #[error("{place}: {message}")]
    Wrong {
        /// Where.
        place: Place,
        /// What.
        message: String,
    },
    /// A key that does not exist.
    #[error("{place}: unknown key `{key}`{}", suggest(.nearest))]
    Unknown {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// The key that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A key of `Enarx.toml` that is known, but not yet served.
    #[error("{place}: `{key}` is not served yet: {reason}")]
    NotServed {
        /// Where.
        place: Place,
        /// The key, or the kind of file.
        key: String,
        /// What it would need.
        reason: &'static str,
    },
}

impl Fails for ConfigError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Read { .. } => ExitCode::Input,
            Self::Wrong { .. } | Self::Unknown { .. } | Self::NotServed { .. } => ExitCode::Configuration,
        }
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl core::fmt::Display for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// Reads a configuration file. One that is called `Enarx.toml` has Enarx's keys, any other ours.
///
/// # Errors
/// It cannot be read, or something in it is wrong; the first is named with its place.
pub fn load(path: &Path) -> Result<Settings, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| ConfigError::Read { path: path.into(), error })?;
    parse(path, &text)
}

/// Parses the text of a configuration file; `path` says which kind it is and where it lies.
///
/// # Errors
/// As [`load`].
pub fn parse(path: &Path, text: &str) -> Result<Settings, ConfigError> {
    let source = Source { path, text };
    if path.file_name().is_some_and(|name| name == "Enarx.toml") {
        enarx::parse(&source)
    } else {
        native::parse(&source)
    }
}

/// A file's text, for turning offsets into places.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            path: self.path.into(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    fn wrong(&self, error: &toml::de::Error) -> ConfigError {
        let offset = error.span().map_or(0, |span| span.start);
        let message = error.message().lines().collect::<Vec<_>>().join("; ");
        ConfigError::Wrong { place: self.place(offset), message }
    }
}

fn suggest(nearest: &Option<&'static str>) -> String {
    nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
}
