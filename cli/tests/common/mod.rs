//! What the integration tests share: cases on each backend, and running a program in a Keep.

#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod command;

use std::io::{Write, stdout};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use holdfast_conformance::process::{Ended, Running};
use holdfast_conformance::target::{Backend, Launch, Target};
use libtest_mimic::{Arguments, Failed, Trial};

/// The command under test.
pub(crate) const HOLDFAST: &str = env!("CARGO_BIN_EXE_holdfast");

/// How long one run may take, whatever else the machine does.
pub(crate) const LIMIT: Duration = Duration::from_secs(300);

/// A test that runs on a backend.
pub(crate) type Case = (String, Box<dyn Fn(Backend) -> Result<()> + Send + Sync>);

/// A case from a name and a function.
pub(crate) fn case(
    name: impl Into<String>,
    test: impl Fn(Backend) -> Result<()> + Send + Sync + 'static,
) -> Case {
    (name.into(), Box::new(test))
}

/// Runs each case on each backend that works here; names those that are skipped.
pub(crate) fn run_on_each_backend(cases: Vec<Case>) -> ! {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (name, test) in cases {
        let test = std::sync::Arc::new(test);
        for backend in Backend::ALL {
            let name = format!("{}/{name}", backend.name());
            match backend.missing() {
                Some(why) => skip(&name, &why),
                None => {
                    let test = test.clone();
                    let run = move || test(backend).map_err(|error| Failed::from(format!("{error:#}")));
                    trials.push(Trial::test(name, run));
                }
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit()
}

/// Says on a line of its own that a test is not run.
pub(crate) fn skip(name: &str, why: &str) {
    let mut out = stdout().lock();
    // Nobody who reads, nobody to tell.
    let _ = writeln!(out, "skipped: {name}: {why}");
}

/// Runs a program in a Keep to its end.
///
/// Compiled programs are kept beside other results of the build, not in the cache of whoever runs this.
pub(crate) fn keep(backend: Backend, launch: &Launch, input: &[u8]) -> Result<Ended> {
    let mut command = Target::Keep(HOLDFAST.into(), backend).command(launch);
    command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    let ended = Running::complete(command, input, LIMIT)?;
    ensure!(!ended.late, "it was not done after {LIMIT:?}: {}", ended.err());
    Ok(ended)
}
