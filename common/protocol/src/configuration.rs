//! What the application is to run with.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{Digest, ProtocolError};

/// The most directories.
pub const MAX_DIRECTORIES: usize = 256;

/// The longest compiled application in bytes (1 GiB).
pub const MAX_APPLICATION: u64 = 1 << 30;

/// All that the application sees of its surroundings. Arguments, variables and all fit in one frame
/// (256 KiB).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// The arguments; the first is the program's name.
    pub arguments: Vec<String>,
    /// The environment: names and values, in order.
    pub environment: Vec<(String, String)>,
    /// How much fuel the application has. Present if and only if it was compiled to be metered.
    pub fuel: Option<u64>,
    /// The most bytes that each of the application's linear memories may grow to.
    pub max_memory: Option<u64>,
    /// The directories that the application finds open, in order.
    pub directories: Vec<Directory>,
    /// Where standard input comes from.
    pub stdin: Stdio,
    /// Where standard output goes.
    pub stdout: Stdio,
    /// Where standard error goes.
    pub stderr: Stdio,
}

/// A directory of the application. Its content comes as [`crate::Entry`]s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// The name under which the application finds it.
    pub guest: String,
    /// The application cannot change it.
    pub read_only: bool,
    /// Its content goes back to the client at the end.
    pub out: bool,
}

/// One end of a stdio stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdio {
    /// The client.
    #[default]
    Client,
    /// Nowhere: empty to read, and what is written is dropped.
    Null,
}

/// The application itself: its length, and what it must hash to. The bytes follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Core module or component.
    pub kind: ApplicationKind,
    /// Length of the compiled artefact in bytes, at most [`MAX_APPLICATION`].
    pub length: u64,
    /// SHA-256 of the compiled artefact.
    pub digest: Digest,
}

/// What kind of compiled artefact an application is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApplicationKind {
    /// A core module with WASI p1.
    Module,
    /// A component of the command world, WASI p2 or p3.
    Component,
}

impl Configuration {
    /// Checks what the types do not say.
    ///
    /// # Errors
    /// Too many directories, a NUL byte in a text, an empty variable name or directory name.
    pub(crate) fn check(&self) -> Result<(), ProtocolError> {
        let text = |ok: bool, what| if ok { Ok(()) } else { Err(ProtocolError::Text(what)) };
        for argument in &self.arguments {
            text(!argument.contains('\0'), "an argument")?;
        }
        for (name, value) in &self.environment {
            text(!name.is_empty() && !name.contains(['\0', '=']), "an environment variable's name")?;
            text(!value.contains('\0'), "an environment variable's value")?;
        }
        for directory in &self.directories {
            text(!directory.guest.is_empty() && !directory.guest.contains('\0'), "a directory's name")?;
        }
        if self.directories.len() > MAX_DIRECTORIES {
            return Err(ProtocolError::TooMany { what: "directories", limit: MAX_DIRECTORIES });
        }
        Ok(())
    }
}

impl Application {
    /// Checks the length.
    ///
    /// # Errors
    /// [`ProtocolError::TooMany`].
    pub(crate) fn check(&self) -> Result<(), ProtocolError> {
        if self.length > MAX_APPLICATION {
            return Err(ProtocolError::TooMany {
                what: "bytes of compiled application",
                limit: MAX_APPLICATION as usize,
            });
        }
        Ok(())
    }
}
