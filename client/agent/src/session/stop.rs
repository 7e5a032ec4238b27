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
    /// The status to exit with.
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
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
#[derive(Clone)]
pub struct Stopper(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// What to do about a reason as long as there is no session.
    early: Box<dyn Fn(&Stop) + Send + Sync>,
}

#[derive(Debug, Default)]
struct State {
    reason: Option<Stop>,
    channel: Option<UnixStream>,
    finished: bool,
}

impl Stopper {
    /// `early` is called, on the thread of whoever stops, if there is a reason to end before there is a
    /// session. If it returns, the session ends as soon as it begins.
    pub fn new(early: impl Fn(&Stop) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::default(),
            early: Box::new(early),
        }))
    }

    /// Ends the session, now or as soon as it begins.
    pub fn stop(&self, reason: Stop) {
        let mut state = self.state();
        if state.finished || state.reason.is_some() {
            return;
        }
        match &state.channel {
            // It fails only if the other side is gone, and then every thread notices as well.
            Some(channel) => drop(channel.shutdown(Shutdown::Both)),
            None => (self.0.early)(&reason),
        }
        state.reason = Some(reason);
        self.0.changed.notify_all();
    }

    /// Ends the session `limit` from now.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn limit(&self, limit: Duration) -> io::Result<()> {
        let stopper = self.clone();
        std::thread::Builder::new().name("timeout".into()).spawn(move || stopper.sleep(limit))?;
        Ok(())
    }

    /// Whether there is a reason to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.state().reason.is_some()
    }

    /// Takes charge of a session that begins.
    pub(super) fn watch(&self, channel: &UnixStream) -> io::Result<()> {
        let mut state = self.state();
        if state.reason.is_some() {
            channel.shutdown(Shutdown::Both)?;
        }
        state.channel = Some(channel.try_clone()?);
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
