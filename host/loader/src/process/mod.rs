//! The backend `process`: a Keep in a child process that can do nothing but compute and ring.
//!
//! The child's memory is what the launch plan says and nothing else: before its first instruction the
//! loader's own memory is unmapped, all descriptors are closed, and a filter allows only the system
//! calls of the Keep's own memory, threads and signals.

mod child;
mod filter;
mod regions;

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use holdfast_launch::LaunchPlan;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use crate::LoaderError;
use crate::window::Window;

/// A Keep in a child process. It is killed when this process, or the thread that made it, ends.
#[derive(Debug)]
pub struct Child {
    process: OwnedFd,
    gate: UnixStream,
}

impl Child {
    /// Makes the child and brings it before its first instruction. This process must have one thread.
    ///
    /// # Errors
    /// [`LoaderError`]: what the child could not do.
    pub fn new(plan: &LaunchPlan, window: &Window, memory: u64) -> Result<Self, LoaderError> {
        let orders = child::Orders::new(plan, window, memory)
            .map_err(LoaderError::system("plan the Keep's process"))?;
        let (gate, childs) = UnixStream::pair().map_err(LoaderError::system("make a socket pair"))?;
        // SAFETY: this process has one thread, so that the child's copy of it is whole.
        let pid = match unsafe { libc::fork() } {
            0 => {
                drop(gate);
                child::follow(&orders, childs)
            }
            pid => pid,
        };
        drop(childs);
        let pid = Pid::from_raw(pid).ok_or_else(io::Error::last_os_error);
        let pid = pid.map_err(LoaderError::system("fork"))?;
        let process = pidfd_open(pid, PidfdFlags::empty()).map_err(LoaderError::system("watch the Keep"))?;
        let mut child = Self { process, gate };
        child.await_ready()?;
        Ok(child)
    }

    fn await_ready(&mut self) -> Result<(), LoaderError> {
        let mut report = [0; child::REPORT];
        match self.gate.read_exact(&mut report) {
            Ok(()) => child::read_report(report),
            Err(_) => Err(self.reap().err().unwrap_or(LoaderError::Silent)),
        }
    }

    /// Lets the Keep run.
    ///
    /// # Errors
    /// If the child is gone.
    pub fn go(&self) -> io::Result<()> {
        (&self.gate).write_all(&[1])
    }

    /// Every descriptor that watching the child needs.
    pub(crate) fn descriptors(&self) -> [RawFd; 2] {
        [self.process.as_raw_fd(), self.gate.as_raw_fd()]
    }

    /// Ends the Keep and waits for its end.
    pub fn kill(&self) {
        // It may have ended already, which is as well.
        let _ = pidfd_send_signal(&self.process, Signal::KILL);
        let _ = self.reap();
    }

    /// Waits for the end of the Keep, which is always a failure: a Keep that ends well rings first, and
    /// is killed.
    ///
    /// # Errors
    /// How it ended.
    pub fn reap(&self) -> Result<(), LoaderError> {
        let status = waitid(WaitId::PidFd(self.process.as_fd()), WaitIdOptions::EXITED);
        let Some(status) = status.map_err(LoaderError::system("wait for the Keep"))? else { return Ok(()) };
        Err(match status.terminating_signal() {
            Some(signal) => LoaderError::Killed { signal },
            None => LoaderError::Stopped("its process ended without a word".into()),
        })
    }
}

impl AsFd for Child {
    /// Readable when the Keep has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }
}
