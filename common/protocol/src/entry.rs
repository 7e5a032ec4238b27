//! One file, directory or symbolic link below a directory of the application.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::{ProtocolError, configuration::MAX_DIRECTORIES};

/// The longest path in bytes (Linux's `PATH_MAX` with its NUL).
pub const MAX_PATH: usize = 4095;

/// The longest name in a path in bytes (Linux's `NAME_MAX`).
pub const MAX_NAME: usize = 255;

/// The most entries in one direction.
pub const MAX_ENTRIES: usize = 1 << 20;

/// One file, directory or symbolic link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Position in [`crate::Configuration::directories`].
    pub directory: u16,
    /// Path below that directory, as [`check_path`] allows it.
    pub path: String,
    /// What it is.
    pub content: Content,
    /// Permission bits of Linux's `st_mode`, at most `0o777`.
    pub mode: u16,
    /// Time of the last change, nanoseconds since 1970-01-01T00:00:00Z.
    pub modified: i64,
}

/// What an [`Entry`] is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// A directory.
    Directory,
    /// A regular file; its bytes follow.
    File {
        /// In bytes.
        length: u64,
    },
    /// A symbolic link.
    Symlink {
        /// What it says, at most [`MAX_PATH`] bytes; not checked further.
        target: String,
    },
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It has no bytes.
    #[error("it is empty")]
    Empty,
    /// It starts with `/`.
    #[error("it is absolute")]
    Absolute,
    /// A name is empty, `.` or `..`.
    #[error("a name in it is empty, `.` or `..`")]
    Name,
    /// A NUL byte.
    #[error("it has a NUL byte")]
    Nul,
    /// Above [`MAX_PATH`], or a name above [`MAX_NAME`].
    #[error("it is longer than {MAX_PATH} bytes, or a name in it longer than {MAX_NAME}")]
    Long,
    /// The entry is of a directory that the configuration does not have.
    #[error("it belongs to no directory")]
    Directory,
}

/// Whether `path` is relative, made of plain names joined by `/`, and short enough.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_path(path: &str) -> Result<(), PathError> {
    if path.is_empty() {
        return Err(PathError::Empty);
    }
    if path.starts_with('/') {
        return Err(PathError::Absolute);
    }
    if path.len() > MAX_PATH {
        return Err(PathError::Long);
    }
    if path.contains('\0') {
        return Err(PathError::Nul);
    }
    for name in path.split('/') {
        if name.len() > MAX_NAME {
            return Err(PathError::Long);
        }
        if matches!(name, "" | "." | "..") {
            return Err(PathError::Name);
        }
    }
    Ok(())
}

impl Entry {
    /// Length in bytes of the data that follow.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self.content {
            Content::File { length } => length,
            Content::Directory | Content::Symlink { .. } => 0,
        }
    }

    /// Checks what the types do not say.
    ///
    /// # Errors
    /// [`ProtocolError::Path`], or [`ProtocolError::Text`] for a mode or a link that cannot be.
    pub(crate) fn check(&self) -> Result<(), ProtocolError> {
        let fault = |reason| ProtocolError::Path { path: self.path.chars().take(80).collect(), reason };
        check_path(&self.path).map_err(fault)?;
        if usize::from(self.directory) >= MAX_DIRECTORIES {
            return Err(fault(PathError::Directory));
        }
        match &self.content {
            Content::Symlink { target } if target.is_empty() || target.contains('\0') => {
                Err(ProtocolError::Text("a symbolic link's target"))
            }
            Content::Symlink { target } if target.len() > MAX_PATH => Err(fault(PathError::Long)),
            _ => Ok(()),
        }
    }
}
