use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::FetchError;

/// A folder of answers, one file each, named by the address's SHA-256: a line of JSON, then the body.
///
/// A file appears whole or not at all, so that processes may share a folder, and be killed.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

/// What is kept of an answer, besides its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The address.
    pub url: String,
    /// When it was fetched, in seconds since 1970.
    pub fetched: u64,
    /// When to ask again, in seconds since 1970.
    pub ask_again: u64,
    /// The header field that belongs to the answer, if one does.
    pub field: Option<String>,
}

/// The longest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 23;

const SUFFIX: &str = "collateral";

impl Cache {
    /// A cache in a folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`FetchError::Cache`].
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, FetchError> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(|source| failure(&folder, source))?;
        Ok(Self { folder })
    }

    /// What is kept, by address.
    ///
    /// # Errors
    /// [`FetchError::Cache`].
    pub fn entries(&self) -> Result<Vec<Entry>, FetchError> {
        let mut entries = Vec::new();
        self.each(|_, entry| {
            entries.extend(entry);
            Ok(())
        })?;
        entries.sort_by(|one, other| one.url.cmp(&other.url));
        Ok(entries)
    }

    /// Removes what was fetched before a time, in seconds since 1970, and files that cannot be read. Says how many.
    ///
    /// # Errors
    /// [`FetchError::Cache`].
    pub fn prune(&self, before: u64) -> Result<usize, FetchError> {
        let mut removed = 0;
        self.each(|path, entry| {
            if entry.is_none_or(|entry| entry.fetched < before) {
                fs::remove_file(path)?;
                removed += 1;
            }
            Ok(())
        })?;
        Ok(removed)
    }

    /// The answer of an address. A file that is damaged, or is of another address, is as none.
    pub(crate) fn get(&self, url: &str) -> Option<(Entry, Vec<u8>)> {
        read(&self.path(url)).filter(|(entry, _)| entry.url == url)
    }

    pub(crate) fn put(&self, entry: &Entry, body: &[u8]) -> Result<(), FetchError> {
        let path = self.path(&entry.url);
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            serde_json::to_writer(&mut file, entry)?;
            file.write_all(b"\n")?;
            file.write_all(body)?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|source| failure(&path, source))
    }

    fn path(&self, url: &str) -> PathBuf {
        let name: String = Sha256::digest(url).iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(name).with_extension(SUFFIX)
    }

    fn each(&self, mut visit: impl FnMut(&Path, Option<Entry>) -> io::Result<()>) -> Result<(), FetchError> {
        let mut walk = || {
            for file in fs::read_dir(&self.folder)? {
                let path = file?.path();
                if path.extension().is_some_and(|suffix| suffix == SUFFIX) {
                    visit(&path, read(&path).map(|(entry, _)| entry))?;
                }
            }
            Ok(())
        };
        walk().map_err(|source| failure(&self.folder, source))
    }
}

fn read(path: &Path) -> Option<(Entry, Vec<u8>)> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let entry = serde_json::from_slice(bytes.get(..end)?).ok()?;
    Some((entry, bytes.split_off(end + 1)))
}

fn failure(path: &Path, source: io::Error) -> FetchError {
    FetchError::Cache { path: path.to_owned(), source }
}
