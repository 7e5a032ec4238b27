//! How a client starts a loader, and hears from it.
//!
//! A loader is a process of its own, joined to the client by two sockets: the **channel**, whose bytes
//! pass between client and Keep, and the **control** socket, on which the loader reports. It ends when
//! the client closes its end of the control socket, also by dying; and the Keep ends with the loader.

use std::ffi::OsString;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

use holdfast_gate::{Ending, window};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::sockopt::set_socket_send_buffer_size;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};
use serde::{Deserialize, Serialize};

use crate::{LoaderError, launch, sandbox};

/// The first argument with which [`spawn`] starts the client's own program when it cannot fork. The
/// program must then call [`run_inherited`] with the arguments that follow.
pub const ARGUMENT: &str = "loader";

/// What the user wants to run a Keep on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Choice {
    /// KVM where it works, else a process.
    #[default]
    Auto,
    /// A virtual machine, or nothing.
    Kvm,
    /// A process.
    Process,
}

/// What a Keep runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backend {
    /// A virtual machine of KVM.
    Kvm,
    /// A process under a filter of system calls.
    Process,
}

impl Backend {
    /// Its name, as on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Process => "process",
        }
    }
}

/// What the loader is to make.
#[derive(Clone, Copy, Debug)]
pub struct LoaderConfig {
    /// On what.
    pub backend: Choice,
    /// The Keep's memory in bytes, as [`holdfast_gate::BootInfo::memory`].
    pub memory: u64,
    /// Its vCPUs (threads), 1..=[`holdfast_gate::MAX_VCPUS`].
    pub vcpus: u32,
    /// The keep image, a file's content. The loader's process reads it once.
    pub image: &'static [u8],
}

/// Why a loader cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("the loader's process cannot be started: {what} failed: {error}")]
pub struct SpawnError {
    what: &'static str,
    error: io::Error,
}

fn failed<E: Into<io::Error>>(what: &'static str) -> impl Fn(E) -> SpawnError {
    move |error| SpawnError { what, error: error.into() }
}

/// What a loader tells its client: first `Started` or `Failed`, then at the end one of the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    Started {
        backend: Backend,
        landlock: bool,
    },
    Failed(LoaderError),
    /// Code and detail of an [`Ending`].
    Ended(u32, u64),
}

/// Bytes that each end of the channel would like to have on their way.
const CHANNEL_BUFFER: usize = 1 << 20;

/// The longest report, in bytes.
const MAX_REPORT: usize = 4096;

impl Report {
    pub(crate) fn ended(ending: Ending) -> Self {
        let (code, detail) = ending.encode();
        Self::Ended(code, detail)
    }

    pub(crate) fn send(&self, control: BorrowedFd<'_>) -> io::Result<()> {
        let bytes = postcard::to_allocvec(self).map_err(io::Error::other)?;
        send(control, &bytes, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}

/// How a Keep ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As the Keep said itself.
    Ended(Ending),
    /// It was not made, or ended without a word.
    Failed(LoaderError),
}

/// A started loader. Dropping it ends loader and Keep.
#[derive(Debug)]
pub struct Handle {
    /// The client's end of the channel.
    pub channel: UnixStream,
    control: OwnedFd,
    process: OwnedFd,
    reaped: bool,
}

impl Handle {
    /// Waits until the Keep starts. Returns on what it runs, and whether the loader is under Landlock.
    ///
    /// # Errors
    /// Why there is no Keep.
    pub fn started(&mut self) -> Result<(Backend, bool), LoaderError> {
        match self.receive() {
            Some(Report::Started { backend, landlock }) => Ok((backend, landlock)),
            Some(Report::Failed(error)) => Err(error),
            Some(Report::Ended(..)) => Err(LoaderError::Silent),
            None => Err(self.silence()),
        }
    }

    /// Waits for the end of Keep and loader. Nothing of them is left afterwards.
    pub fn wait(&mut self) -> Outcome {
        loop {
            let outcome = match self.receive() {
                Some(Report::Started { .. }) => continue,
                Some(Report::Failed(error)) => Outcome::Failed(error),
                Some(Report::Ended(code, detail)) => match Ending::decode(code, detail) {
                    Some(ending) => Outcome::Ended(ending),
                    None => Outcome::Failed(LoaderError::Silent),
                },
                None => return Outcome::Failed(self.silence()),
            };
            self.reap();
            return outcome;
        }
    }

    /// Ends loader and Keep at once.
    pub fn kill(&self) {
        // It may be gone already, which is as well.
        let _ = pidfd_send_signal(&self.process, Signal::KILL);
    }

    fn receive(&self) -> Option<Report> {
        let mut buffer = [0; MAX_REPORT];
        loop {
            match recv(&self.control, &mut buffer, RecvFlags::empty()) {
                Ok((_, length)) => return postcard::from_bytes(buffer.get(..length)?).ok(),
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return None,
            }
        }
    }

    /// The loader's end without a report.
    fn silence(&mut self) -> LoaderError {
        self.kill_unless_ending();
        match self.reap() {
            Some(signal) => LoaderError::LoaderKilled { signal },
            None => LoaderError::Silent,
        }
    }

    /// A loader that has closed its control socket is ending; one that has sent nonsense is not.
    fn kill_unless_ending(&self) {
        let mut probe = [0];
        let ending = matches!(recv(&self.control, &mut probe, RecvFlags::DONTWAIT), Ok((_, 0)));
        if !ending {
            self.kill();
        }
    }

    /// Waits for the end of the loader; the signal that ended it, if one did.
    fn reap(&mut self) -> Option<i32> {
        if self.reaped {
            return None;
        }
        let status = loop {
            match waitid(WaitId::PidFd(self.process.as_fd()), WaitIdOptions::EXITED) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other,
            }
        };
        self.reaped = true;
        status.ok().flatten().and_then(|status| status.terminating_signal())
    }
}

impl AsFd for Handle {
    /// Readable when the loader has something to report.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            self.reap();
        }
    }
}

/// Starts a loader. A caller with one thread is forked, which is fast; one with more starts its own
/// program again with [`ARGUMENT`].
///
/// # Errors
/// If the system has not the means. Why a *Keep* cannot be made is said by [`Handle::started`].
pub fn spawn(config: &LoaderConfig) -> Result<Handle, SpawnError> {
    let (channel, loaders_channel) = UnixStream::pair().map_err(failed("making the channel"))?;
    for end in [&channel, &loaders_channel] {
        // The system gives what it allows, mostly twice its default: room for a whole frame.
        let _ = set_socket_send_buffer_size(end, CHANNEL_BUFFER);
    }
    let (control, loaders_control) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map_err(failed("making the control socket"))?;
    let pid = if single_threaded() {
        fork(config, loaders_channel.into(), loaders_control)
    } else {
        start_again(config, loaders_channel.into(), loaders_control)
    };
    let pid = pid.map_err(failed("making its process"))?;
    let process = pidfd_open(pid, PidfdFlags::empty()).map_err(failed("watching its process"))?;
    Ok(Handle { channel, control, process, reaped: false })
}

fn single_threaded() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

fn fork(config: &LoaderConfig, channel: OwnedFd, control: OwnedFd) -> io::Result<Pid> {
    // SAFETY: the process has one thread, so that the child's copy of it is whole.
    match unsafe { libc::fork() } {
        0 => settle(config, channel, control),
        pid => Pid::from_raw(pid).ok_or_else(io::Error::last_os_error),
    }
}

/// A loader's first steps: out of the client's terminal, and without its descriptors.
fn settle(config: &LoaderConfig, channel: OwnedFd, control: OwnedFd) -> ! {
    // Ctrl-C is for the client. It fails only for a process that leads a group already.
    let _ = rustix::process::setsid();
    let settled = sandbox::close_all_but(&[channel.as_raw_fd(), control.as_raw_fd()]);
    match settled.and_then(|()| occupy_stdio()) {
        Ok(()) => launch::run(config, channel, control),
        Err(_) => launch::exit(),
    }
}

/// Nothing that is opened later becomes a standard stream.
fn occupy_stdio() -> io::Result<()> {
    loop {
        let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
        if null.as_raw_fd() > libc::STDERR_FILENO {
            return Ok(());
        }
        // Stays open as long as the process.
        let _ = std::os::fd::IntoRawFd::into_raw_fd(null);
    }
}

/// What goes to a loader that is a program of its own; the image follows.
#[derive(Debug, Serialize, Deserialize)]
struct Inherited {
    backend: Choice,
    memory: u64,
    vcpus: u32,
}

/// Bytes of the file before the image.
const HEADER: usize = 32;

/// The longest image file: body, stage 0 and headers.
const MAX_IMAGE: u64 = window::MAX_BODY + (1 << 20);

fn start_again(config: &LoaderConfig, channel: OwnedFd, control: OwnedFd) -> io::Result<Pid> {
    let mut file = std::fs::File::from(memfd_create("holdfast-config", MemfdFlags::CLOEXEC)?);
    let header = Inherited { backend: config.backend, memory: config.memory, vcpus: config.vcpus };
    let mut bytes = postcard::to_allocvec(&header).map_err(io::Error::other)?;
    bytes.resize(HEADER, 0);
    file.write_all(&bytes)?;
    file.write_all(config.image)?;
    file.rewind()?;
    let descriptors = [channel.as_raw_fd(), control.as_raw_fd(), file.as_raw_fd()];
    let mut command = Command::new("/proc/self/exe");
    command.arg(ARGUMENT).args(descriptors.map(|fd| fd.to_string()));
    let inherit = move || {
        for fd in descriptors {
            // SAFETY: clears a flag of a descriptor that the parent holds open; async-signal-safe.
            if unsafe { libc::fcntl(fd, libc::F_SETFD, 0) } != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: the closure makes one async-signal-safe call per descriptor and allocates nothing.
    unsafe { command.pre_exec(inherit) };
    let child = command.spawn()?;
    Pid::from_raw(child.id().cast_signed()).ok_or_else(|| io::ErrorKind::Other.into())
}

/// The life of a loader that [`spawn`] started as a program: `arguments` are those behind [`ARGUMENT`].
/// Call it before anything else, with one thread.
///
/// # Errors
/// If the arguments are not those of [`spawn`]: somebody else started the program so.
pub fn run_inherited(arguments: &[OsString]) -> io::Result<std::convert::Infallible> {
    let not_ours = || io::Error::new(io::ErrorKind::InvalidInput, "this command is for Holdfast itself");
    let number =
        |text: &OsString| text.to_str()?.parse::<RawFd>().ok().filter(|fd| *fd > libc::STDERR_FILENO);
    let numbers: Option<Vec<_>> = arguments.iter().map(number).collect();
    let Some([channel, control, file]) = numbers.as_deref() else { return Err(not_ours()) };
    let [channel, control, file] = [inherited(*channel)?, inherited(*control)?, inherited(*file)?];
    let mut bytes = Vec::new();
    std::fs::File::from(file).take(HEADER as u64 + MAX_IMAGE).read_to_end(&mut bytes)?;
    // For the rest of this process.
    let bytes: &'static [u8] = bytes.leak();
    let (header, image) = bytes.split_at_checked(HEADER).ok_or_else(not_ours)?;
    let (header, _) = postcard::take_from_bytes::<Inherited>(header).map_err(|_| not_ours())?;
    let Inherited { backend, memory, vcpus } = header;
    settle(&LoaderConfig { backend, memory, vcpus, image }, channel, control)
}

fn inherited(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: asks about a number, whatever it is.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, was made for this process by its parent, and nothing else here owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
