//! Random sequences of file system calls, on the shim's file system and on the real one: each call must
//! give the same answer, the error number included.
#![cfg(not(holdfast_keep))]

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use holdfast_shim::errno::Errno;
use holdfast_shim::fs::{Access, At, FileSystem, Inode, Kind, OpenFile, Time, Whence};
use holdfast_shim::object::{Object, Stat};
use proptest::prelude::*;
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, SeekFrom, Timespec, Timestamps, UTIME_NOW};

/// One call. `usize` fields choose one of the open files; the first is the base directory.
#[derive(Clone, Debug)]
enum Call {
    Open(usize, String, i32, u32),
    Close(usize),
    Read(usize, usize),
    ReadAt(usize, u64, usize),
    Write(usize, usize),
    WriteAt(usize, u64, usize),
    Seek(usize, SeekTo),
    Resize(usize, u64),
    StatOpen(usize),
    List(usize),
    CreateDirectory(usize, String, u32),
    RemoveDirectory(usize, String),
    Unlink(usize, String),
    Rename(usize, String, usize, String),
    Link(usize, String, usize, String, bool),
    Symlink(String, usize, String),
    ReadLink(usize, String),
    Stat(usize, String, bool),
    Access(usize, String, u32),
    SetPermissions(usize, String, u32),
    SetTimes(usize, String, bool, Option<u32>, Option<u32>),
    RealPath(String),
}

#[derive(Clone, Copy, Debug)]
enum SeekTo {
    Start(u64),
    Current(i64),
    End(i64),
}

/// What a call says; equal on both sides, or there is a bug.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Done,
    Number(u64),
    Bytes(Vec<u8>),
    Names(Vec<(Vec<u8>, u8)>),
    Stat { kind: u32, permissions: u32, links: u64, size: u64, modified: Option<i64> },
    Times(Option<i64>, Option<i64>),
}

/// Times from the clock differ; those that a test sets lie before this, in nanoseconds.
const SET_TIMES_END: i64 = 10_i64.pow(18);

fn comparable(time: i64) -> Option<i64> {
    Some(time).filter(|time| *time < SET_TIMES_END)
}

fn answer(stat: Stat) -> Answer {
    let directory = stat.mode & libc::S_IFMT == libc::S_IFDIR;
    Answer::Stat {
        kind: stat.mode & libc::S_IFMT,
        permissions: stat.mode & 0o7777,
        links: stat.links,
        // A directory's length is each file system's own affair.
        size: if directory { 0 } else { stat.size },
        modified: comparable(stat.modified),
    }
}

fn answer_real(stat: fs::Stat) -> Answer {
    answer(Stat {
        mode: stat.st_mode,
        links: stat.st_nlink,
        size: stat.st_size as u64,
        modified: stat.st_mtime * 1_000_000_000 + stat.st_mtime_nsec as i64,
        ..Stat::default()
    })
}

/// Bytes that tell where they were written.
fn pattern(length: usize, seed: u64) -> Vec<u8> {
    (0..length).map(|at| (at as u64).wrapping_mul(31).wrapping_add(seed * 7 + 1) as u8).collect()
}

/// A file open on both sides.
struct Pair {
    ours: Arc<OpenFile>,
    real: OwnedFd,
}

struct World {
    ours: FileSystem,
    base: Vec<u8>,
    directory: tempfile::TempDir,
    open: Vec<Pair>,
}

/// The way from the real root to the base directory must be as long on our side, for `..` to do the same.
fn our_base(fs: &FileSystem, path: &Path) -> Arc<Inode> {
    let mut made = Vec::new();
    for component in path.components().skip(1) {
        made.push(b'/');
        made.extend_from_slice(component.as_os_str().as_bytes());
        fs.create_directory(At { base: fs.root(), path: &made }, 0o755).expect("nothing is there yet");
    }
    fs.find(At { base: fs.root(), path: &made }, true).expect("just made")
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("our own directory");
        let path = directory.path().canonicalize().expect("it exists");
        let ours = FileSystem::new(1 << 30);
        let base = our_base(&ours, &path);
        let pair = Pair {
            ours: ours.open(At { base: &base, path: b"." }, libc::O_RDONLY, 0).expect("it exists"),
            real: fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).expect("it exists"),
        };
        Self { ours, base: path.as_os_str().as_bytes().to_vec(), directory, open: vec![pair] }
    }

    fn pair(&self, index: usize) -> &Pair {
        &self.open[index % self.open.len()]
    }

    fn ours(&mut self, call: &Call) -> Result<Answer, Errno> {
        let file = |index: &usize| self.pair(*index).ours.clone();
        let fs = &self.ours;
        fn at<'a>(base: &'a OpenFile, path: &'a str) -> At<'a> {
            At { base: base.inode(), path: path.as_bytes() }
        }
        let done = |()| Answer::Done;
        let number = |length: usize| Answer::Number(length as u64);
        match call {
            Call::Open(..) | Call::Close(_) => unreachable!("done on both sides at once"),
            Call::Read(index, length) => {
                let mut buffer = vec![0xee; *length];
                let length = file(index).read(&mut buffer)?;
                buffer.truncate(length);
                Ok(Answer::Bytes(buffer))
            }
            Call::ReadAt(index, offset, length) => {
                let mut buffer = vec![0xee; *length];
                let length = file(index).read_at(*offset, &mut buffer)?;
                buffer.truncate(length);
                Ok(Answer::Bytes(buffer))
            }
            Call::Write(index, length) => file(index).write(&pattern(*length, *length as u64)).map(number),
            Call::WriteAt(index, offset, length) => {
                file(index).write_at(*offset, &pattern(*length, *offset)).map(number)
            }
            Call::Seek(index, to) => match *to {
                SeekTo::Start(offset) => file(index).seek(offset as i64, Whence::Start),
                SeekTo::Current(offset) => file(index).seek(offset, Whence::Current),
                SeekTo::End(offset) => file(index).seek(offset, Whence::End),
            }
            .map(Answer::Number),
            Call::Resize(index, size) => file(index).resize(*size).map(done),
            Call::StatOpen(index) => file(index).stat().map(answer),
            Call::List(index) => {
                let file = file(index);
                file.seek(0, Whence::Start)?;
                let mut names = Vec::new();
                loop {
                    let entries = file.entries(3)?;
                    if entries.is_empty() {
                        break;
                    }
                    names.extend(entries.iter().map(|entry| (entry.name.to_vec(), entry.kind.entry_type())));
                }
                file.seek(0, Whence::Start)?;
                names.sort();
                Ok(Answer::Names(names))
            }
            Call::CreateDirectory(index, path, mode) => {
                fs.create_directory(at(&file(index), path), *mode).map(done)
            }
            Call::RemoveDirectory(index, path) => fs.remove_directory(at(&file(index), path)).map(done),
            Call::Unlink(index, path) => fs.unlink(at(&file(index), path)).map(done),
            Call::Rename(from, old, to, new) => fs.rename(at(&file(from), old), at(&file(to), new)).map(done),
            Call::Link(from, old, to, new, follow) => {
                fs.link(at(&file(from), old), at(&file(to), new), *follow).map(done)
            }
            Call::Symlink(target, index, path) => {
                fs.create_symlink(target.as_bytes(), at(&file(index), path)).map(done)
            }
            Call::ReadLink(index, path) => {
                fs.read_link(at(&file(index), path)).map(|target| Answer::Bytes(target.into_vec()))
            }
            Call::Stat(index, path, follow) => {
                fs.find(at(&file(index), path), *follow).map(|inode| answer(inode.stat()))
            }
            Call::Access(index, path, wanted) => {
                fs.find(at(&file(index), path), true)?.check(Access(*wanted)).map(done)
            }
            Call::SetPermissions(index, path, mode) => {
                fs.find(at(&file(index), path), true)?.set_permissions(*mode);
                Ok(Answer::Done)
            }
            Call::SetTimes(index, path, follow, accessed, modified) => {
                let inode = fs.find(at(&file(index), path), *follow)?;
                let time = |seconds: &Option<u32>| {
                    seconds.map_or(Time::Now, |s| Time::At(i64::from(s) * 1_000_000_000 + 5))
                };
                inode.set_times(time(accessed), time(modified));
                let stat = inode.stat();
                Ok(Answer::Times(comparable(stat.accessed), comparable(stat.modified)))
            }
            Call::RealPath(path) => fs
                .real_path(at(&self.open[0].ours, path))
                .map(|path| Answer::Bytes(path[self.base.len()..].to_vec())),
        }
    }

    fn real(&mut self, call: &Call) -> rustix::io::Result<Answer> {
        let file = |index: &usize| self.pair(*index).real.as_fd();
        let done = |()| Answer::Done;
        let number = |length: usize| Answer::Number(length as u64);
        let nofollow = |follow: bool| if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        match call {
            Call::Open(..) | Call::Close(_) => unreachable!("done on both sides at once"),
            Call::Read(index, length) => {
                let mut buffer = vec![0xee; *length];
                let length = rustix::io::read(file(index), &mut buffer)?;
                buffer.truncate(length);
                Ok(Answer::Bytes(buffer))
            }
            Call::ReadAt(index, offset, length) => {
                let mut buffer = vec![0xee; *length];
                let length = rustix::io::pread(file(index), &mut buffer, *offset)?;
                buffer.truncate(length);
                Ok(Answer::Bytes(buffer))
            }
            Call::Write(index, length) => {
                rustix::io::write(file(index), &pattern(*length, *length as u64)).map(number)
            }
            Call::WriteAt(index, offset, length) => {
                rustix::io::pwrite(file(index), &pattern(*length, *offset), *offset).map(number)
            }
            Call::Seek(index, to) => {
                let to = match *to {
                    SeekTo::Start(offset) => SeekFrom::Start(offset),
                    SeekTo::Current(offset) => SeekFrom::Current(offset),
                    SeekTo::End(offset) => SeekFrom::End(offset),
                };
                fs::seek(file(index), to).map(Answer::Number)
            }
            Call::Resize(index, size) => fs::ftruncate(file(index), *size).map(done),
            Call::StatOpen(index) => fs::fstat(file(index)).map(answer_real),
            Call::List(index) => {
                let duplicate = rustix::io::dup(file(index))?;
                fs::seek(&duplicate, SeekFrom::Start(0))?;
                let mut names = Vec::new();
                let mut buffer = Vec::with_capacity(4096);
                let mut entries = fs::RawDir::new(&duplicate, buffer.spare_capacity_mut());
                while let Some(entry) = entries.next() {
                    match entry {
                        Ok(entry) => {
                            names.push((entry.file_name().to_bytes().to_vec(), kind(entry.file_type())))
                        }
                        // It has been removed; `readdir` takes this for the end.
                        Err(rustix::io::Errno::NOENT) => break,
                        Err(errno) => return Err(errno),
                    }
                }
                fs::seek(&duplicate, SeekFrom::Start(0))?;
                names.sort();
                Ok(Answer::Names(names))
            }
            Call::CreateDirectory(index, path, mode) => {
                fs::mkdirat(file(index), path, Mode::from_raw_mode(*mode)).map(done)
            }
            Call::RemoveDirectory(index, path) => {
                fs::unlinkat(file(index), path, AtFlags::REMOVEDIR).map(done)
            }
            Call::Unlink(index, path) => fs::unlinkat(file(index), path, AtFlags::empty()).map(done),
            Call::Rename(from, old, to, new) => fs::renameat(file(from), old, file(to), new).map(done),
            Call::Link(from, old, to, new, follow) => {
                let flags = if *follow { AtFlags::SYMLINK_FOLLOW } else { AtFlags::empty() };
                fs::linkat(file(from), old, file(to), new, flags).map(done)
            }
            Call::Symlink(target, index, path) => fs::symlinkat(target, file(index), path).map(done),
            Call::ReadLink(index, path) => {
                fs::readlinkat(file(index), path, Vec::new()).map(|target| Answer::Bytes(target.into_bytes()))
            }
            Call::Stat(index, path, follow) => {
                fs::statat(file(index), path, nofollow(*follow)).map(answer_real)
            }
            Call::Access(index, path, wanted) => {
                fs::accessat(file(index), path, fs::Access::from_bits_retain(*wanted), AtFlags::EACCESS)
                    .map(done)
            }
            Call::SetPermissions(index, path, mode) => {
                fs::chmodat(file(index), path, Mode::from_raw_mode(*mode), AtFlags::empty()).map(done)
            }
            Call::SetTimes(index, path, follow, accessed, modified) => {
                let time = |seconds: &Option<u32>| match seconds {
                    Some(seconds) => Timespec { tv_sec: i64::from(*seconds), tv_nsec: 5 },
                    None => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
                };
                let times = Timestamps { last_access: time(accessed), last_modification: time(modified) };
                fs::utimensat(file(index), path, &times, nofollow(*follow))?;
                let stat = fs::statat(file(index), path, nofollow(*follow))?;
                let ns = |seconds: i64, ns: u64| comparable(seconds * 1_000_000_000 + ns as i64);
                Ok(Answer::Times(
                    ns(stat.st_atime, stat.st_atime_nsec),
                    ns(stat.st_mtime, stat.st_mtime_nsec),
                ))
            }
            Call::RealPath(path) => std::fs::canonicalize(self.directory.path().join(path))
                .map(|path| Answer::Bytes(path.as_os_str().as_bytes()[self.base.len()..].to_vec()))
                .map_err(|error| rustix::io::Errno::from_io_error(&error).expect("an error of the system")),
        }
    }

    fn open(&mut self, index: usize, path: &str, flags: i32, mode: u32) -> Result<(), TestCaseError> {
        let pair = self.pair(index);
        let at = At { base: pair.ours.inode(), path: path.as_bytes() };
        let ours = self.ours.open(at, flags, mode);
        let oflags = OFlags::from_bits_retain(flags as u32) | OFlags::CLOEXEC;
        let real = fs::openat(&pair.real, path, oflags, Mode::from_raw_mode(mode));
        match (ours, real) {
            (Ok(ours), Ok(real)) => self.open.push(Pair { ours, real }),
            (Err(ours), Err(real)) => prop_assert_eq!(ours.0, real.raw_os_error()),
            (ours, real) => prop_assert!(false, "ours {:?}, real {:?}", ours, real),
        }
        Ok(())
    }

    fn call(&mut self, call: &Call) -> Result<(), TestCaseError> {
        match call {
            Call::Open(index, path, flags, mode) => self.open(*index, path, *flags, *mode)?,
            Call::Close(index) => {
                let index = index % self.open.len();
                if index > 0 {
                    self.open.swap_remove(index);
                }
            }
            // What the positions in a directory mean is each file system's own affair.
            Call::Seek(index, _) if self.pair(*index).ours.inode().kind() == Kind::Directory => {}
            _ => {
                let ours = self.ours(call).map_err(|errno| errno.0);
                let real = self.real(call).map_err(rustix::io::Errno::raw_os_error);
                // glibc's `realpath` drops a `.` without asking whether the directory may be searched.
                if !(matches!(call, Call::RealPath(_)) && ours == Err(libc::EACCES)) {
                    prop_assert_eq!(ours, real);
                }
            }
        }
        Ok(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // What a test made unreadable could not be removed.
        let mut left = vec![self.directory.path().to_path_buf()];
        while let Some(directory) = left.pop() {
            _ = std::fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o700));
            let entries = std::fs::read_dir(&directory).into_iter().flatten().flatten();
            left.extend(entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()));
        }
    }
}

fn kind(real: FileType) -> u8 {
    match real {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        other => panic!("no call makes a {other:?}"),
    }
    .entry_type()
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => "[abc]",
        1 => Just("x".repeat(255)),
        1 => Just("y".repeat(256)),
    ]
}

/// A relative path that cannot leave the base directory: each `..` follows a name, and a name leads at least
/// one level down, as no target of a link is `.` or has `..`.
fn path() -> impl Strategy<Value = String> {
    let component = prop_oneof![
        8 => name(),
        1 => name().prop_map(|name| name + "/.."),
        1 => Just(".".to_owned()),
    ];
    let end = prop::sample::select(vec!["", "", "", "", "", "", "/", "//", "/.", "/.."]);
    let some = (prop::collection::vec(component, 1..4), end).prop_map(|(components, end)| {
        let names = components.iter().filter(|component| !component.contains('.')).count();
        let end = if names == 0 && end == "/.." { "" } else { end };
        components.join("/") + end
    });
    prop_oneof![20 => some, 1 => Just(String::new())]
}

fn target() -> impl Strategy<Value = String> {
    (prop::collection::vec(name(), 1..3), prop_oneof![5 => Just(""), 1 => Just("/")])
        .prop_map(|(names, end)| names.join("/") + end)
}

fn flags() -> impl Strategy<Value = i32> {
    let access = prop_oneof![1 => Just(libc::O_RDONLY), 1 => Just(libc::O_WRONLY), 3 => Just(libc::O_RDWR)];
    let create = prop_oneof![
        3 => Just(0),
        4 => Just(libc::O_CREAT),
        2 => Just(libc::O_CREAT | libc::O_EXCL),
        1 => Just(libc::O_PATH),
    ];
    let extra = [libc::O_TRUNC, libc::O_APPEND, libc::O_NOFOLLOW, libc::O_DIRECTORY];
    let extra =
        prop::collection::vec((prop::sample::select(extra.to_vec()), prop::bool::weighted(0.3)), 0..3);
    (access, create, extra).prop_map(|(access, create, extra)| {
        extra.iter().filter(|(_, on)| *on).fold(access | create, |flags, (flag, _)| flags | flag)
    })
}

fn mode() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(0o777), 2 => Just(0o666), 1 => 0..0o1000_u32]
}

fn offset() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..300_u64, 2 => 65_000..66_500_u64, 1 => 0..300_000_u64]
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..300_usize, 1 => 0..140_000_usize]
}

fn call() -> impl Strategy<Value = Call> {
    let file = || prop_oneof![2 => Just(0_usize), 3 => 0..16_usize];
    let time = || prop::option::of(0..900_000_000_u32);
    let seek = prop_oneof![
        offset().prop_map(SeekTo::Start),
        (-400..400_i64).prop_map(SeekTo::Current),
        (-400..400_i64).prop_map(SeekTo::End),
    ];
    prop_oneof![
        8 => (file(), path(), flags(), mode()).prop_map(|(f, p, o, m)| Call::Open(f, p, o, m)),
        2 => file().prop_map(Call::Close),
        3 => (file(), length()).prop_map(|(f, l)| Call::Read(f, l)),
        3 => (file(), offset(), length()).prop_map(|(f, o, l)| Call::ReadAt(f, o, l)),
        4 => (file(), length()).prop_map(|(f, l)| Call::Write(f, l)),
        4 => (file(), offset(), length()).prop_map(|(f, o, l)| Call::WriteAt(f, o, l)),
        3 => (file(), seek).prop_map(|(f, to)| Call::Seek(f, to)),
        3 => (file(), offset()).prop_map(|(f, s)| Call::Resize(f, s)),
        2 => file().prop_map(Call::StatOpen),
        3 => file().prop_map(Call::List),
        6 => (file(), path(), mode()).prop_map(|(f, p, m)| Call::CreateDirectory(f, p, m)),
        3 => (file(), path()).prop_map(|(f, p)| Call::RemoveDirectory(f, p)),
        3 => (file(), path()).prop_map(|(f, p)| Call::Unlink(f, p)),
        6 => (file(), path(), file(), path()).prop_map(|(f, p, g, q)| Call::Rename(f, p, g, q)),
        4 => (file(), path(), file(), path(), any::<bool>()).prop_map(|(f, p, g, q, y)| Call::Link(f, p, g, q, y)),
        4 => (target(), file(), path()).prop_map(|(t, f, p)| Call::Symlink(t, f, p)),
        2 => (file(), path()).prop_map(|(f, p)| Call::ReadLink(f, p)),
        4 => (file(), path(), any::<bool>()).prop_map(|(f, p, y)| Call::Stat(f, p, y)),
        2 => (file(), path(), 0..8_u32).prop_map(|(f, p, a)| Call::Access(f, p, a)),
        1 => (file(), path(), mode()).prop_map(|(f, p, m)| Call::SetPermissions(f, p, m)),
        2 => (file(), path(), any::<bool>(), time(), time()).prop_map(|(f, p, y, a, m)| Call::SetTimes(f, p, y, a, m)),
        2 => path().prop_filter("the base itself", |path| !path.is_empty()).prop_map(Call::RealPath),
    ]
}

/// Root may do everything; the Keep's only user may not. Only the calling thread changes.
fn become_ordinary_user(world: &World) {
    const USER: u32 = 1000;
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(world.directory.path(), Some(USER), Some(USER)).expect("we are root");
        let group = rustix::process::Gid::from_raw(USER);
        rustix::thread::set_thread_res_gid(group, group, group).expect("we are root");
        let user = rustix::process::Uid::from_raw(USER);
        rustix::thread::set_thread_res_uid(user, user, user).expect("we are root");
    }
}

fn run(calls: &[Call]) -> Result<(), TestCaseError> {
    let mut world = World::new();
    let result = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                become_ordinary_user(&world);
                for (step, call) in calls.iter().enumerate() {
                    world
                        .call(call)
                        .map_err(|error| TestCaseError::fail(format!("call {step}, {call:?}: {error}")))?;
                }
                Ok(())
            })
            .join()
            .expect("the calls do not panic")
    });
    drop(world);
    result
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn calls_answer_as_linux_does(calls in prop::collection::vec(call(), 1..60)) {
        rustix::process::umask(Mode::from_raw_mode(holdfast_shim::fs::UMASK));
        run(&calls)?;
    }
}
