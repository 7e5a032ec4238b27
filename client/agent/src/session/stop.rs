use core::time::Duration;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::exit::ExitCode;

/// Why a session was ended from this side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The time limit.
    #[error("the time limit of {0:?} passed; the Keep was ended")]
    Timeout(Duration),
    /// SIGINT.
    #[error("interrupted; the Keep was ended")]
    Interrupted,
    /// SIGTERM.
    #[error("terminated; the Keep was ended")]
    Terminated,
    /// The reader of standard output went away.
    #[error("nobody reads standard output any more; the Keep was ended")]
    Pipe,
    /// Standard output cannot be written to.
    #[error("cannot write to standard output: {0}; the Keep was ended")]
    Output(String),
}

impl Stop {
    pub(super) const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Timeout(_) => ExitCode::Timeout,
            Self::Interrupted => ExitCode::Interrupted,
            Self::Terminated => ExitCode::Terminated,
            Self::Pipe => ExitCode::Pipe,
            Self::Output(_) => ExitCode::Output,
        }
    }
}

/// Ends a session early, from any thread. The first reason counts.
#[derive(Clone, Debug, Default)]
pub struct Stopper(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    reason: Option<Stop>,
    channel: Option<UnixStream>,
    finished: bool,
}

impl Stopper {
    /// Ends the session, now or as soon as it begins.
    pub fn stop(&self, reason: Stop) {
        let mut state = self.state();
        if state.finished || state.reason.is_some() {
            return;
        }
        state.reason = Some(reason);
        if let Some(channel) = &state.channel {
            // It fails only if the other side is gone, and then every thread notices as well.
            let _ = channel.shutdown(Shutdown::Both);
        }
        self.0.changed.notify_all();
    }

    /// Whether there is a reason to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.state().reason.is_some()
    }

    /// Takes charge of a session that begins.
    pub(super) fn watch(&self, channel: &UnixStream, timeout: Option<Duration>) -> io::Result<()> {
        let mut state = self.state();
        if state.reason.is_some() {
            channel.shutdown(Shutdown::Both)?;
        }
        state.channel = Some(channel.try_clone()?);
        drop(state);
        if let Some(timeout) = timeout {
            let stopper = self.clone();
            std::thread::Builder::new().name("timeout".into()).spawn(move || stopper.sleep(timeout))?;
        }
        Ok(())
    }

    /// The session is over: no reason counts any more but the one that there is.
    pub(super) fn finish(&self) -> Option<Stop> {
        let mut state = self.state();
        state.finished = true;
        self.0.changed.notify_all();
        state.reason.clone()
    }

    /// Waits until `done`, or until there is a reason to end. Whoever makes `done` true calls [`Self::wake`].
    pub(super) fn wait_until(&self, done: impl Fn() -> bool) {
        let state = self.state();
        let waiting = |state: &mut State| !done() && state.reason.is_none();
        drop(self.0.changed.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn wake(&self) {
        // Taking the lock orders this after the check of a waiter that is about to sleep.
        drop(self.state());
        self.0.changed.notify_all();
    }

    fn sleep(&self, timeout: Duration) {
        let waiting = |state: &mut State| !state.finished && state.reason.is_none();
        let outcome = self.0.changed.wait_timeout_while(self.state(), timeout, waiting);
        let (state, result) = outcome.unwrap_or_else(PoisonError::into_inner);
        drop(state);
        if result.timed_out() {
            self.stop(Stop::Timeout(timeout));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
