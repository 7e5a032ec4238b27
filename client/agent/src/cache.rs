//! Compiled applications, kept by content.
//!
//! An entry's name is the SHA-256 of the WebAssembly, the profile and Wasmtime's version. Whoever can
//! write to the cache can change what runs: it lies in the owner's own cache directory, which nobody
//! else may enter (mode 0700), and is trusted as the owner's other files are. The digest in each entry
//! finds damage; a damaged entry is compiled again.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use holdfast_engine::Profile;

use crate::artefact::{self, WASMTIME};
use crate::digest::Digest;

/// The most bytes that the cache keeps; the least recently used go first (2 GiB).
pub const CAPACITY: u64 = 2 << 30;

/// What entries' names end with.
const SUFFIX: &str = ".cwasm";

/// A directory of compiled applications.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
}

/// What is in a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many applications.
    pub entries: usize,
    /// Their size in bytes.
    pub bytes: u64,
}

impl Cache {
    /// The cache of the user: `$XDG_CACHE_HOME/holdfast`, else `$HOME/.cache/holdfast`; nothing if
    /// neither variable names an absolute path.
    #[must_use]
    pub fn of_user() -> Option<Self> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
        Some(Self::at(&base.join("holdfast")))
    }

    /// A cache in `directory`, which is made when something is stored.
    #[must_use]
    pub fn at(directory: &Path) -> Self {
        Self { directory: directory.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The content of the `.cwasm` of this application, if it is there and in order.
    #[must_use]
    pub fn find(&self, source: Digest, profile: Profile) -> Option<Vec<u8>> {
        let path = self.path(source, profile);
        let file = fs::read(&path).ok()?;
        match artefact::open(&file) {
            Ok(artefact) if artefact.source == source && artefact.profile == profile => {
                // The time of last use, for `prune`. If it cannot be set, the entry merely goes sooner.
                let _ = File::open(&path).and_then(|entry| entry.set_modified(SystemTime::now()));
                Some(file)
            }
            _ => {
                // Damaged, so of no use to anyone; another process may have removed it already.
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// Keeps a `.cwasm`. Concurrent processes may store the same one: the last wins, and none is ever
    /// seen half written.
    ///
    /// # Errors
    /// The directory cannot be made or written to.
    pub fn store(&self, source: Digest, profile: Profile, file: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let mut new = tempfile::NamedTempFile::new_in(&self.directory)?;
        new.write_all(file)?;
        new.persist(self.path(source, profile)).map_err(|error| error.error)?;
        self.prune(CAPACITY)
    }

    /// How much is in it. A cache that does not exist is empty.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn usage(&self) -> io::Result<Usage> {
        let entries = self.entries()?;
        Ok(Usage { entries: entries.len(), bytes: entries.iter().map(|entry| entry.bytes).sum() })
    }

    /// Removes the least recently used until at most `capacity` bytes are left; 0 empties it. Also
    /// removes what interrupted processes left behind.
    ///
    /// # Errors
    /// It cannot be read or changed.
    pub fn prune(&self, capacity: u64) -> io::Result<()> {
        let mut entries = self.entries()?;
        entries.sort_by_key(|entry| core::cmp::Reverse(entry.used));
        let mut kept: u64 = 0;
        for entry in entries {
            let with = kept.saturating_add(entry.bytes);
            if with <= capacity && entry.complete {
                kept = with;
            } else if with > capacity || entry.is_abandoned() {
                remove(&entry.path)?;
            }
        }
        Ok(())
    }

    fn path(&self, source: Digest, profile: Profile) -> PathBuf {
        let key = format!("{source} {} {} {WASMTIME}", profile.cpu, profile.metered);
        self.directory.join(format!("{}{SUFFIX}", Digest::of(key.as_bytes())))
    }

    fn entries(&self) -> io::Result<Vec<Entry>> {
        let listing = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listing => listing?,
        };
        let mut entries = Vec::new();
        for item in listing {
            let item = item?;
            // Another process may remove entries meanwhile: those are simply not there.
            let Ok(metadata) = item.metadata() else { continue };
            if metadata.is_file() {
                entries.push(Entry {
                    complete: item.path().extension().is_some_and(|extension| extension == "cwasm"),
                    path: item.path(),
                    bytes: metadata.len(),
                    used: metadata.modified()?,
                });
            }
        }
        Ok(entries)
    }
}

struct Entry {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
    /// No temporary file of a process that is writing it.
    complete: bool,
}

impl Entry {
    /// A temporary file that nobody has written to for an hour.
    fn is_abandoned(&self) -> bool {
        let age = SystemTime::now().duration_since(self.used).unwrap_or_default();
        !self.complete && age.as_secs() > 3600
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::compile;
    use holdfast_engine::CpuLevel;
    use holdfast_protocol::ApplicationKind;
    use std::os::unix::fs::PermissionsExt;

    const PROFILE: Profile = Profile { cpu: CpuLevel::V2, metered: false };
    const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

    fn cache() -> (tempfile::TempDir, Cache, Digest, Vec<u8>) {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::at(&directory.path().join("holdfast"));
        let file = compile(ApplicationKind::Module, EMPTY, PROFILE).unwrap();
        cache.store(Digest::of(EMPTY), PROFILE, &file).unwrap();
        (directory, cache, Digest::of(EMPTY), file)
    }

    #[test]
    fn finds_what_was_stored_and_only_for_the_same_profile() {
        let (_directory, cache, source, file) = cache();
        assert_eq!(cache.find(source, PROFILE), Some(file));
        assert_eq!(cache.find(source, Profile { metered: true, ..PROFILE }), None);
        assert_eq!(cache.find(Digest::of(b"other"), PROFILE), None);
        assert_eq!(fs::metadata(cache.directory()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_damaged_entry_is_dropped() {
        let (_directory, cache, source, mut file) = cache();
        let last = file.len() - 1;
        file[last] ^= 1;
        fs::write(cache.path(source, PROFILE), &file).unwrap();
        assert_eq!(cache.find(source, PROFILE), None);
        assert_eq!(cache.usage().unwrap(), Usage::default());
    }

    #[test]
    fn pruning_drops_the_least_recently_used() {
        let (_directory, cache, source, file) = cache();
        let other = Digest::of(b"other");
        cache.store(other, PROFILE, &file).unwrap();
        let old = SystemTime::UNIX_EPOCH;
        File::open(cache.path(other, PROFILE)).unwrap().set_modified(old).unwrap();
        let size = file.len() as u64;
        assert_eq!(cache.usage().unwrap(), Usage { entries: 2, bytes: 2 * size });
        cache.prune(size).unwrap();
        assert!(!cache.path(other, PROFILE).exists());
        assert!(cache.find(source, PROFILE).is_some());
        cache.prune(0).unwrap();
        assert_eq!(cache.usage().unwrap(), Usage::default());
    }

    #[test]
    fn processes_that_store_at_once_do_not_disturb_each_other() {
        let (_directory, cache, source, file) = cache();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        cache.store(source, PROFILE, &file).unwrap();
                        assert_eq!(cache.find(source, PROFILE).as_ref(), Some(&file));
                    }
                });
            }
        });
        assert_eq!(cache.usage().unwrap().entries, 1);
    }
}
