//! Directories on their way back.
//!
//! What comes back is written into a new directory beside the old one, and the two are exchanged in one
//! step at the end: at no time is a half-written directory seen. Times and permissions come back too, so
//! that what the application did not touch is as it was. A session that does not get so far leaves
//! nothing behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, FileTimes, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use holdfast_protocol::{Content, Entry};
use rustix::fs::{CWD, RenameFlags};
use tempfile::TempDir;

use crate::exit::{ExitCode, Fails};

/// Why results are not written.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The disk is full, the directory not writable, and so on.
    #[error("cannot write {path}: {error}")]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The Keep sent what it must not: a name twice, a file below a file, more or less data than it said.
    #[error("the Keep sent a directory that cannot be: {0}")]
    Keep(String),
}

impl Fails for CollectError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Write { .. } => ExitCode::Output,
            Self::Keep(_) => ExitCode::Keep,
        }
    }
}

/// One directory that is coming back.
#[derive(Debug)]
pub struct Collector {
    /// The directory that will be replaced.
    target: PathBuf,
    /// The new one, beside it.
    new: TempDir,
    /// Every directory that has come, with its mode and time, which writing into it would change.
    directories: BTreeMap<String, (u16, i64)>,
    /// Every name that has come.
    seen: BTreeSet<String>,
    /// The file whose data are coming: its place, itself, how much is missing.
    file: Option<(PathBuf, File, u64, Entry)>,
}

impl Collector {
    /// Prepares to replace the content of `target`.
    ///
    /// # Errors
    /// A directory beside `target` cannot be made.
    pub fn new(target: &Path) -> Result<Self, CollectError> {
        let target = fs::canonicalize(target).map_err(|error| write_error(target, error))?;
        let parent = target.parent().unwrap_or(Path::new("/"));
        let new = tempfile::Builder::new()
            .prefix(".holdfast-")
            .tempdir_in(parent)
            .map_err(|error| write_error(parent, error))?;
        Ok(Self { target, new, directories: BTreeMap::new(), seen: BTreeSet::new(), file: None })
    }

    /// Takes the next entry. Its path has been checked by the protocol.
    ///
    /// # Errors
    /// It cannot be written, or cannot be in this place.
    pub fn entry(&mut self, entry: Entry) -> Result<(), CollectError> {
        self.complete()?;
        if let Some((parent, _)) = entry.path.rsplit_once('/')
            && !self.directories.contains_key(parent)
        {
            // Without this check a name could lead through a symbolic link out of the directory.
            return Err(CollectError::Keep(format!("{:?} is not below a directory", entry.path)));
        }
        if !self.seen.insert(entry.path.clone()) {
            return Err(CollectError::Keep(format!("{:?} came twice", entry.path)));
        }
        let path = self.new.path().join(&entry.path);
        let fail = |error| write_error(&path, error);
        match &entry.content {
            Content::Directory => {
                fs::create_dir(&path).map_err(fail)?;
                self.directories.insert(entry.path, (entry.mode, entry.modified));
            }
            Content::Symlink { target } => symlink(target, &path).map_err(fail)?,
            Content::File { length } => {
                let length = *length;
                let file = File::create_new(&path).map_err(fail)?;
                self.file = Some((path, file, length, entry));
            }
        }
        Ok(())
    }

    /// Takes the next bytes of the file that came last.
    ///
    /// # Errors
    /// They cannot be written, or are too many.
    pub fn data(&mut self, bytes: &[u8]) -> Result<(), CollectError> {
        let Some((path, file, missing, _)) = &mut self.file else {
            return Err(CollectError::Keep("data without a file".into()));
        };
        *missing = missing
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| CollectError::Keep("more data than the file's length".into()))?;
        file.write_all(bytes).map_err(|error| write_error(path, error))
    }

    /// Puts the new directory into the place of the old one, in one step.
    ///
    /// # Errors
    /// The last file is not complete, or the exchange is not possible.
    pub fn finish(mut self) -> Result<(), CollectError> {
        self.complete()?;
        // The deepest first, since each write into a directory changes its time.
        for (path, (mode, modified)) in self.directories.iter().rev() {
            let path = self.new.path().join(path);
            let directory = File::open(&path).map_err(|error| write_error(&path, error))?;
            settle(&directory, *mode, *modified).map_err(|error| write_error(&path, error))?;
        }
        let fail = |error| write_error(&self.target, error);
        let old = fs::metadata(&self.target).map_err(fail)?;
        fs::set_permissions(self.new.path(), old.permissions()).map_err(fail)?;
        rustix::fs::renameat_with(CWD, self.new.path(), CWD, &self.target, RenameFlags::EXCHANGE)
            .map_err(|error| fail(error.into()))?;
        // Now the temporary directory is the old one.
        let temporary = self.new.path().to_path_buf();
        make_removable(&temporary);
        self.new.close().map_err(|error| write_error(&temporary, error))
    }

    /// Ends the file whose data have come.
    fn complete(&mut self) -> Result<(), CollectError> {
        let Some((path, file, missing, entry)) = self.file.take() else {
            return Ok(());
        };
        if missing != 0 {
            return Err(CollectError::Keep(format!("{:?} lacks {missing} bytes", entry.path)));
        }
        settle(&file, entry.mode, entry.modified).map_err(|error| write_error(&path, error))
    }
}

/// Gives a file or directory its permissions and its time.
fn settle(file: &File, mode: u16, modified: i64) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(u32::from(mode & 0o777)))?;
    let distance = Duration::from_nanos(modified.unsigned_abs());
    let time = if modified < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    match time {
        Some(time) => file.set_times(FileTimes::new().set_modified(time)),
        None => Ok(()),
    }
}

/// The old directory may hold directories without write permission, which could not be emptied.
fn make_removable(directory: &Path) {
    // Whatever fails here fails again, with its name, when the directory is removed.
    let _ = fs::set_permissions(directory, Permissions::from_mode(0o700));
    for item in fs::read_dir(directory).into_iter().flatten().flatten() {
        if item.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_removable(&item.path());
        }
    }
}

fn write_error(path: &Path, error: io::Error) -> CollectError {
    CollectError::Write { path: path.into(), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, content: Content) -> Entry {
        Entry { directory: 0, path: path.into(), content, mode: 0o755, modified: 1_000_000_007 }
    }

    /// A parent directory, with `out` in it, which holds one file.
    fn target() -> (TempDir, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("out");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("old"), b"old").unwrap();
        (parent, target)
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|item| item.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn replaces_the_whole_directory_and_leaves_nothing_beside_it() {
        let (parent, target) = target();
        let mut collector = Collector::new(&target).unwrap();
        collector.entry(entry("sub", Content::Directory)).unwrap();
        collector.entry(entry("sub/file", Content::File { length: 5 })).unwrap();
        collector.data(b"12").unwrap();
        collector.data(b"345").unwrap();
        collector.entry(entry("link", Content::Symlink { target: "sub/file".into() })).unwrap();
        assert_eq!(names(&target), ["old"]);
        collector.finish().unwrap();
        assert_eq!(names(&target), ["link", "sub"]);
        assert_eq!(fs::read(target.join("link")).unwrap(), b"12345");
        let modified = fs::metadata(target.join("sub")).unwrap().modified().unwrap();
        let expected = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_000_000_007);
        assert_eq!(modified, expected);
        assert_eq!(names(parent.path()), ["out"]);
    }

    #[test]
    fn a_session_that_breaks_off_changes_nothing() {
        let (parent, target) = target();
        let mut collector = Collector::new(&target).unwrap();
        collector.entry(entry("file", Content::File { length: 5 })).unwrap();
        collector.data(b"12").unwrap();
        assert!(matches!(collector.finish(), Err(CollectError::Keep(_))));
        assert_eq!(names(&target), ["old"]);
        assert_eq!(names(parent.path()), ["out"]);
    }

    #[test]
    fn a_keep_cannot_write_through_a_link() {
        let (parent, target) = target();
        let mut collector = Collector::new(&target).unwrap();
        collector.entry(entry("link", Content::Symlink { target: "..".into() })).unwrap();
        let error = collector.entry(entry("link/escaped", Content::File { length: 0 }));
        assert!(matches!(error, Err(CollectError::Keep(_))));
        drop(collector);
        assert_eq!(names(parent.path()), ["out"]);
    }

    #[test]
    fn what_came_twice_or_too_long_is_refused() {
        let (_parent, target) = target();
        let mut collector = Collector::new(&target).unwrap();
        collector.entry(entry("file", Content::File { length: 1 })).unwrap();
        assert!(collector.data(b"12").is_err());
        let mut collector = Collector::new(&target).unwrap();
        assert!(collector.data(b"1").is_err());
        collector.entry(entry("file", Content::File { length: 0 })).unwrap();
        assert!(collector.entry(entry("file", Content::Directory)).is_err());
    }
}
