use core::time::Duration;
use std::time::Instant;

use serde::Serialize;

use crate::failure::Failure;

/// What `--json` prints: one line, the last on standard error. The form is described in docs/json.md.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    version: u32,
    /// The status that `holdfast` exits with.
    pub(crate) status: u8,
    /// `exit` if the status is the application's own, else the name in docs/exit-codes.md.
    pub(crate) ended_by: &'static str,
    pub(crate) message: Option<String>,
    pub(crate) backend: Option<&'static str>,
    pub(crate) confidential: bool,
    pub(crate) landlock: Option<bool>,
    pub(crate) application: Option<Application>,
    /// Of the Keep, in bytes.
    pub(crate) memory: u64,
    pub(crate) threads: u32,
    pub(crate) milliseconds: Phases,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Application {
    pub(crate) kind: &'static str,
    pub(crate) source_sha256: String,
    pub(crate) code_sha256: String,
    pub(crate) cpu: &'static str,
}

/// How long each phase took, in milliseconds. A phase that was not reached is null.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Phases {
    pub(crate) prepare: Option<f64>,
    pub(crate) start: Option<f64>,
    pub(crate) deliver: Option<f64>,
    pub(crate) run: Option<f64>,
    pub(crate) total: f64,
}

impl Summary {
    pub(crate) fn new(memory: u64, threads: u32) -> Self {
        Self {
            version: 1,
            status: 0,
            ended_by: "",
            message: None,
            backend: None,
            confidential: false,
            landlock: None,
            application: None,
            memory,
            threads,
            milliseconds: Phases::default(),
        }
    }

    /// Says how the command that began at `begin` ended.
    pub(crate) fn end(&mut self, result: &Result<u8, Failure>, begin: Instant) {
        (self.status, self.ended_by, self.message) = match result {
            Ok(status) => (*status, "exit", None),
            Err(failure) => (failure.code.status(), failure.code.name(), Some(failure.message.clone())),
        };
        self.milliseconds.total = since(begin);
    }

    /// Prints it. A closed standard error is no reason to fail.
    pub(crate) fn print(&self) {
        if let Ok(line) = serde_json::to_string(self) {
            let _ = std::io::Write::write_all(&mut std::io::stderr(), (line + "\n").as_bytes());
        }
    }
}

/// In milliseconds.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Milliseconds since `begin`.
pub(crate) fn since(begin: Instant) -> f64 {
    ms(begin.elapsed())
}
