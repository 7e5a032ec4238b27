//! The application's directories: laid out before the start, collected after the end.
//!
//! Directory `n` of the configuration is `ROOT/n`. While a layout is under way there is no symbolic
//! link in it, they are made last; so no path of an entry can lead out of its directory.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use holdfast_protocol::{Content, Entry, FailureClass, check_path, frame};
use rustix::fs::{self, AtFlags, CWD, Dir, FileType, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;

use crate::failure::Stop;

/// Where directory `index` of the application lies.
pub(crate) fn place(root: &Path, index: usize) -> PathBuf {
    root.join(index.to_string())
}

/// Directories being laid out.
#[derive(Debug)]
pub(crate) struct Layout {
    directories: Vec<OwnedFd>,
    links: Vec<(Entry, String)>,
    /// Their times are set last, as each new entry in them changes them.
    made: Vec<Entry>,
}

impl Layout {
    /// Makes the empty directories `ROOT/0` to `ROOT/(count-1)`.
    pub(crate) fn new(root: &Path, count: usize) -> Result<Self, Stop> {
        make(root)?;
        let directories = (0..count)
            .map(|index| {
                let path = place(root, index);
                make(&path)?;
                open_directory(&path)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { directories, links: Vec::new(), made: Vec::new() })
    }

    /// Takes the next entry; the bytes of a file are to be written to the answer.
    pub(crate) fn add(&mut self, entry: &Entry) -> Result<NewFile, Stop> {
        let directory = self.directory(entry)?;
        match &entry.content {
            Content::Directory => {
                // Whoever lays it out must be able to go in.
                let mode = Mode::from_raw_mode(u32::from(entry.mode & 0o777)) | Mode::RWXU;
                fs::mkdirat(directory, &entry.path, mode)
                    .map_err(|errno| fault("make the directory", entry, errno))?;
                self.made.push(entry.clone());
                Ok(NewFile(None))
            }
            Content::File { .. } => {
                let flags =
                    OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let mode = Mode::from_raw_mode(u32::from(entry.mode & 0o777));
                let file = fs::openat(directory, &entry.path, flags, mode)
                    .map_err(|errno| fault("make the file", entry, errno))?;
                Ok(NewFile(Some((file, entry.clone()))))
            }
            Content::Symlink { target } => {
                self.links.push((entry.clone(), target.clone()));
                Ok(NewFile(None))
            }
        }
    }

    /// Makes what had to wait: links, and the times of directories.
    pub(crate) fn finish(self) -> Result<(), Stop> {
        for (entry, target) in &self.links {
            let directory = self.directory(entry)?;
            fs::symlinkat(target.as_str(), directory, &entry.path)
                .map_err(|errno| fault("make the symbolic link", entry, errno))?;
        }
        for entry in self.links.iter().map(|(entry, _)| entry).chain(&self.made) {
            let directory = self.directory(entry)?;
            fs::utimensat(directory, &entry.path, &times(entry), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|errno| fault("set the time of", entry, errno))?;
        }
        Ok(())
    }

    fn directory(&self, entry: &Entry) -> Result<&OwnedFd, Stop> {
        self.directories.get(usize::from(entry.directory)).ok_or_else(|| {
            let text =
                format!("{:?} is for directory {}, which is not configured", entry.path, entry.directory);
            Stop::new(FailureClass::Protocol, text)
        })
    }
}

/// A file whose bytes are arriving; nothing for what has no bytes.
#[derive(Debug)]
pub(crate) struct NewFile(Option<(OwnedFd, Entry)>);

impl NewFile {
    /// Writes the next bytes.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<(), Stop> {
        let Some((file, entry)) = &self.0 else {
            return Ok(());
        };
        while !bytes.is_empty() {
            let written = match rustix::io::write(file, bytes) {
                Ok(0) => return Err(fault("write", entry, Errno::NOSPC)),
                Ok(written) => written,
                Err(Errno::INTR) => 0,
                Err(errno) => return Err(fault("write", entry, errno)),
            };
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// All bytes are there.
    pub(crate) fn finish(self) -> Result<(), Stop> {
        match self.0 {
            Some((file, entry)) => {
                fs::futimens(file, &times(&entry)).map_err(|errno| fault("set the time of", &entry, errno))
            }
            None => Ok(()),
        }
    }
}

/// Where collected entries go.
pub(crate) trait Sink {
    /// The next entry. As many bytes as a file's entry says follow.
    fn entry(&mut self, entry: Entry) -> Result<(), Stop>;
    /// The next bytes of the file before.
    fn data(&mut self, bytes: &[u8]) -> Result<(), Stop>;
}

/// Lists all that is in directory `index`, in the order of names and each directory before its content.
pub(crate) fn collect(root: &Path, index: u16, sink: &mut impl Sink) -> Result<(), Stop> {
    let top = open_directory(&place(root, usize::from(index)))?;
    let mut buffer = vec![0; frame::MAX_PAYLOAD];
    // Paths still to visit, the next one last.
    let mut waiting = names(&top, "")?;
    while let Some(path) = waiting.pop() {
        check_path(&path).map_err(|reason| {
            let text = format!("the file {path:?} cannot go back to the client: {reason}");
            Stop::new(FailureClass::Files, text)
        })?;
        let failed = |what: &str, errno| Stop::files(&format!("{what} {path:?} to give it back"), errno);
        let stat =
            fs::statat(&top, &path, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| failed("look at", errno))?;
        let content = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                waiting.extend(names(&top, &path)?);
                Content::Directory
            }
            FileType::RegularFile => Content::File { length: u64::try_from(stat.st_size).unwrap_or(0) },
            FileType::Symlink => {
                let target =
                    fs::readlinkat(&top, &path, Vec::new()).map_err(|errno| failed("read", errno))?;
                Content::Symlink { target: target.into_string().map_err(|_| failed("read", Errno::ILSEQ))? }
            }
            // WASI has no call that makes anything else.
            _ => continue,
        };
        let entry = Entry {
            directory: index,
            path: path.clone(),
            content,
            mode: u16::try_from(stat.st_mode & 0o777).unwrap_or(0),
            modified: nanoseconds(stat.st_mtime, i64::try_from(stat.st_mtime_nsec).unwrap_or(0)),
        };
        let mut missing = entry.length();
        sink.entry(entry)?;
        if missing == 0 {
            continue;
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(&top, &path, flags, Mode::empty()).map_err(|errno| failed("open", errno))?;
        while missing > 0 {
            let length = buffer.len().min(usize::try_from(missing).unwrap_or(usize::MAX));
            let room = buffer.get_mut(..length).unwrap_or_default();
            match rustix::io::read(&file, &mut *room) {
                // Nobody is left to shorten it.
                Ok(0) => return Err(failed("read all of", Errno::IO)),
                Ok(read) => {
                    sink.data(room.get(..read).unwrap_or_default())?;
                    missing = missing.saturating_sub(read as u64);
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed("read", errno)),
            }
        }
    }
    Ok(())
}

/// The paths of what is in the directory `path` below `top`, the first name last.
fn names(top: &OwnedFd, path: &str) -> Result<Vec<String>, Stop> {
    let failed = |errno| Stop::files(&format!("list {path:?} to give it back"), errno);
    let here = if path.is_empty() { "." } else { path };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = fs::openat(top, here, flags, Mode::empty()).map_err(failed)?;
    let mut names = Vec::new();
    for item in Dir::new(directory).map_err(failed)? {
        let item = item.map_err(failed)?;
        let name = item.file_name().to_str().map_err(|_| failed(Errno::ILSEQ))?;
        if !matches!(name, "." | "..") {
            names.push(if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") });
        }
    }
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(names)
}

fn make(path: &Path) -> Result<(), Stop> {
    match fs::mkdirat(CWD, path, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(Stop::files("make the application's directories", errno)),
    }
}

fn open_directory(path: &Path) -> Result<OwnedFd, Stop> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    fs::openat(CWD, path, flags, Mode::empty())
        .map_err(|errno| Stop::files("open the application's directories", errno))
}

fn fault(what: &str, entry: &Entry, errno: Errno) -> Stop {
    Stop::files(&format!("{what} {:?}", entry.path), errno)
}

const SECOND: i64 = 1_000_000_000;

fn times(entry: &Entry) -> Timestamps {
    let time =
        Timespec { tv_sec: entry.modified.div_euclid(SECOND), tv_nsec: entry.modified.rem_euclid(SECOND) };
    Timestamps { last_access: time, last_modification: time }
}

/// Times beyond the years 1677 to 2262 become the nearest that fits.
fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(SECOND).saturating_add(nanoseconds)
}
