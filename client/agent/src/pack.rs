//! Directories on their way into a Keep.
//!
//! First the whole tree is looked at ([`Tree::read`]): names, kinds and sizes, so that everything that
//! cannot be packed is named before anything is sent, and the total is known. Then the files are read
//! and sent one by one.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use holdfast_protocol::{Content, Entry, MAX_ENTRIES, check_path};

use crate::exit::{ExitCode, Fails};

/// A directory of the application's, as `--dir HOST:GUEST[:ro][:out]` or `Holdfast.toml` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The directory on this machine.
    pub host: PathBuf,
    /// The name under which the application finds it.
    pub guest: String,
    /// The application cannot change it.
    pub read_only: bool,
    /// What the application changed comes back at the end.
    pub out: bool,
}

/// Why a directory cannot be packed. The owner is to change something in it, or to name another.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Cannot be opened, listed or read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The mapping names no directory.
    #[error("{0} is not a directory; --dir takes directories only")]
    NotADirectory(PathBuf),
    /// A link that leads out of the tree would mean another file inside the Keep.
    #[error("the symbolic link {path} leads out of the directory (to {target}); replace it by a copy")]
    SymlinkOut {
        /// The link.
        path: PathBuf,
        /// What it says.
        target: PathBuf,
    },
    /// A device, socket or pipe.
    #[error("{path} is a {kind}; only files, directories and symbolic links can go into a Keep")]
    Special {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A name that WASI cannot express.
    #[error("the name of {path} cannot be used: {reason}; rename it")]
    Name {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// More than [`MAX_ENTRIES`].
    #[error("{path} has more than {MAX_ENTRIES} files; name a smaller directory")]
    TooMany {
        /// The directory of the mapping.
        path: PathBuf,
    },
    /// The file grew or shrank between the first look and the reading of it.
    #[error("{path} changed while it was read; run again when nobody writes to it")]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

impl Fails for PackError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Input
    }
}

/// A directory's content: what is in it, in order, each directory before what is in it.
#[derive(Debug)]
pub struct Tree {
    /// The directory on this machine.
    pub root: PathBuf,
    /// Below it. All paths have passed [`check_path`].
    pub entries: Vec<Entry>,
    /// The sum of the files' lengths in bytes.
    pub bytes: u64,
}

impl Tree {
    /// Looks at all that is below `root`, without opening files. `directory` is the position of the mapping
    /// in the configuration.
    ///
    /// # Errors
    /// The first thing, in the order of names, that cannot be packed.
    pub fn read(root: &Path, directory: u16) -> Result<Self, PackError> {
        let mut tree = Self { root: root.into(), entries: Vec::new(), bytes: 0 };
        let metadata = fs::metadata(root).map_err(|error| read_error(root, error))?;
        if !metadata.is_dir() {
            return Err(PackError::NotADirectory(root.into()));
        }
        // What remains to be listed, as paths below the root. A stack, not recursion: depth is the owner's choice.
        let mut remaining = vec![String::new()];
        while let Some(parent) = remaining.pop() {
            let mut subdirectories = Vec::new();
            for name in tree.names(&parent)? {
                let path = if parent.is_empty() { name } else { format!("{parent}/{name}") };
                let entry = tree.look(directory, path)?;
                if entry.content == Content::Directory {
                    subdirectories.push(entry.path.clone());
                }
                if tree.entries.len() == MAX_ENTRIES {
                    return Err(PackError::TooMany { path: root.into() });
                }
                tree.bytes = tree.bytes.saturating_add(entry.length());
                tree.entries.push(entry);
            }
            remaining.extend(subdirectories.into_iter().rev());
        }
        Ok(tree)
    }

    /// Opens the file of an entry. It is the one that was looked at, with the length it had.
    ///
    /// # Errors
    /// It cannot be opened, or it changed.
    pub fn open(&self, entry: &Entry) -> Result<File, PackError> {
        let path = self.root.join(&entry.path);
        let file = rustix::fs::open(
            &path,
            // A file that was replaced by a link or a pipe meanwhile is not followed, and does not block.
            rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )
        .map_err(|error| read_error(&path, error.into()))?;
        let file = File::from(file);
        let metadata = file.metadata().map_err(|error| read_error(&path, error))?;
        if metadata.is_file() && metadata.len() == entry.length() {
            Ok(file)
        } else {
            Err(PackError::Changed { path })
        }
    }

    /// The names in a directory, in order.
    fn names(&self, parent: &str) -> Result<Vec<String>, PackError> {
        let path = self.root.join(parent);
        let mut names = Vec::new();
        for item in fs::read_dir(&path).map_err(|error| read_error(&path, error))? {
            let item = item.map_err(|error| read_error(&path, error))?;
            let name = item
                .file_name()
                .into_string()
                .map_err(|_| PackError::Name { path: item.path(), reason: "it is not UTF-8".into() })?;
            names.push(name);
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What is at `path`.
    fn look(&self, directory: u16, path: String) -> Result<Entry, PackError> {
        let host = self.root.join(&path);
        check_path(&path)
            .map_err(|reason| PackError::Name { path: host.clone(), reason: reason.to_string() })?;
        let metadata = fs::symlink_metadata(&host).map_err(|error| read_error(&host, error))?;
        let kind = metadata.file_type();
        let content = if kind.is_dir() {
            Content::Directory
        } else if kind.is_file() {
            readable(&host)?;
            Content::File { length: metadata.len() }
        } else if kind.is_symlink() {
            Content::Symlink { target: link_target(&host, &path)? }
        } else {
            return Err(PackError::Special { path: host, kind: special(&metadata) });
        };
        Ok(Entry {
            directory,
            path,
            content,
            mode: u16::try_from(metadata.mode() & 0o777).unwrap_or_default(),
            modified: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
        })
    }
}

/// Names an unreadable file now rather than halfway through the sending.
fn readable(path: &Path) -> Result<(), PackError> {
    rustix::fs::access(path, rustix::fs::Access::READ_OK).map_err(|error| read_error(path, error.into()))
}

/// The target of a link, if following it by name stays in the tree.
fn link_target(host: &Path, path: &str) -> Result<String, PackError> {
    let target = fs::read_link(host).map_err(|error| read_error(host, error))?;
    let out = || PackError::SymlinkOut { path: host.into(), target: target.clone() };
    let mut depth = path.split('/').count().saturating_sub(1);
    for component in target.components() {
        match component {
            Component::Normal(_) => depth = depth.saturating_add(1),
            Component::CurDir => {}
            Component::ParentDir => depth = depth.checked_sub(1).ok_or_else(out)?,
            Component::RootDir | Component::Prefix(_) => return Err(out()),
        }
    }
    target
        .clone()
        .into_os_string()
        .into_string()
        .map_err(|_| PackError::Name { path: host.into(), reason: "the link's target is not UTF-8".into() })
}

fn special(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    if kind.is_fifo() {
        "named pipe"
    } else if kind.is_socket() {
        "socket"
    } else {
        "device"
    }
}

fn read_error(path: &Path, error: io::Error) -> PackError {
    PackError::Read { path: path.into(), error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir_all(root.join("b/c")).unwrap();
        fs::write(root.join("b/c/deep"), b"12345").unwrap();
        fs::write(root.join("b.txt"), b"123").unwrap();
        symlink("../b.txt", root.join("b/link")).unwrap();
        directory
    }

    #[test]
    fn lists_parents_first_and_in_order() {
        let directory = tree();
        let tree = Tree::read(directory.path(), 7).unwrap();
        let paths: Vec<&str> = tree.entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["b", "b.txt", "b/c", "b/link", "b/c/deep"]);
        assert_eq!(tree.bytes, 8);
        assert!(tree.entries.iter().all(|entry| entry.directory == 7));
    }

    #[test]
    fn links_out_of_the_tree_are_named() {
        for target in ["/etc/passwd", "../x", "c/../../../x"] {
            let directory = tree();
            symlink(target, directory.path().join("b/zz")).unwrap();
            let error = Tree::read(directory.path(), 0);
            let expected =
                matches!(&error, Err(PackError::SymlinkOut { path, .. }) if path.ends_with("b/zz"));
            assert_eq!(expected, target != "../x", "{target}");
        }
    }

    #[test]
    fn special_files_and_strange_names_are_named() {
        let directory = tree();
        let socket = directory.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let error = Tree::read(directory.path(), 0);
        assert!(matches!(error, Err(PackError::Special { path, kind: "socket" }) if path == socket));
    }

    #[test]
    fn a_file_that_changed_is_not_sent() {
        let directory = tree();
        let tree = Tree::read(directory.path(), 0).unwrap();
        let entry = tree.entries.iter().find(|entry| entry.path == "b.txt").unwrap();
        assert!(tree.open(entry).is_ok());
        fs::write(directory.path().join("b.txt"), b"longer").unwrap();
        assert!(matches!(tree.open(entry), Err(PackError::Changed { .. })));
        fs::remove_file(directory.path().join("b.txt")).unwrap();
        symlink("b/c/deep", directory.path().join("b.txt")).unwrap();
        assert!(tree.open(entry).is_err());
    }

    #[test]
    fn what_is_not_there_or_no_directory_is_named() {
        let directory = tree();
        let file = directory.path().join("b.txt");
        assert!(matches!(Tree::read(&file, 0), Err(PackError::NotADirectory(path)) if path == file));
        let absent = directory.path().join("absent");
        assert!(matches!(Tree::read(&absent, 0), Err(PackError::Read { path, .. }) if path == absent));
    }
}
