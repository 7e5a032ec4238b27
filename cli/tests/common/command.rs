//! The `holdfast` command with nothing of the user's around it, and what it leaves behind.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use holdfast_conformance::process::{Ended, Running};
use holdfast_conformance::target::Backend;
use tempfile::TempDir;

/// The variable by which a process of a test is known.
const MARK: &str = "HOLDFAST_TEST_MARK";

/// How long the last process of an ended command may take to go.
const PATIENCE: Duration = Duration::from_secs(5);

/// A folder to run `holdfast` in, with temporary files and cache of its own.
pub(crate) struct Place {
    folder: TempDir,
    mark: String,
}

impl Place {
    pub(crate) fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = tempfile::tempdir()?;
        for name in ["work", "temporary", "cache"] {
            fs::create_dir(folder.path().join(name))?;
        }
        Ok(Self { folder, mark })
    }

    /// Where the command runs.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.work().join(name)
    }

    /// Writes a file there.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<()> {
        Ok(fs::write(self.path(name), content)?)
    }

    /// `program` with this place around it.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.work()).env(MARK, &self.mark);
        command.env("TMPDIR", self.folder.path().join("temporary"));
        command.env("XDG_CACHE_HOME", self.folder.path().join("cache"));
        command
    }

    /// `holdfast` with these arguments.
    pub(crate) fn holdfast(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = self.command(super::HOLDFAST);
        command.args(arguments);
        Ok(command)
    }

    /// `holdfast run --quiet --backend …` with these arguments.
    pub(crate) fn run(&self, backend: Backend, arguments: &[&str]) -> Result<Command> {
        let mut command = self.holdfast(&["run", "--quiet", "--backend", backend.name()])?;
        command.args(arguments);
        Ok(command)
    }

    /// Runs to the end, and makes sure that nothing is left.
    pub(crate) fn complete(&self, command: Command, input: &[u8]) -> Result<Ended> {
        let ended = Running::complete(command, input, super::LIMIT)?;
        self.ended(ended)
    }

    /// Makes sure that nothing is left of a command.
    pub(crate) fn ended(&self, ended: Ended) -> Result<Ended> {
        ensure!(!ended.late, "it was not done in time: {}", ended.err());
        let deadline = Instant::now() + PATIENCE;
        while let Some(process) = self.process() {
            ensure!(Instant::now() < deadline, "a process is left: {process}");
            std::thread::sleep(Duration::from_millis(5));
        }
        for folder in [self.folder.path().join("temporary"), self.folder.path().into(), self.work()] {
            for item in fs::read_dir(&folder)? {
                let name = item?.file_name().to_string_lossy().into_owned();
                let ours = ["work", "temporary", "cache"].contains(&name.as_str());
                let temporary = folder.ends_with("temporary") || name.starts_with('.');
                ensure!(ours || !temporary, "{name} is left in {}", folder.display());
            }
        }
        Ok(ended)
    }

    /// The command line of a process that belongs to this place, if there is one.
    fn process(&self) -> Option<String> {
        let mark = format!("{MARK}={}\0", self.mark);
        let processes = fs::read_dir("/proc").ok()?;
        processes.flatten().find_map(|process| {
            let environment = fs::read(process.path().join("environ")).ok()?;
            let found = environment.windows(mark.len()).any(|window| window == mark.as_bytes());
            found.then(|| text(&process.path().join("cmdline")))
        })
    }
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).replace('\0', " ")
}

/// One line on standard error that says all of these, and this exit status.
pub(crate) fn fails(ended: &Ended, status: i32, says: &[&str]) -> Result<()> {
    let message = ended.err();
    ensure!(ended.status == status, "exit status {} instead of {status}: {message}", ended.status);
    ensure!(message.lines().count() == 1, "not one line: {message:?}");
    ensure!(message.starts_with("holdfast: "), "{message:?}");
    for word in says {
        ensure!(message.contains(word), "no {word:?} in {message:?}");
    }
    Ok(())
}

/// This exit status, and nothing on standard error.
pub(crate) fn succeeds(ended: &Ended, out: &str) -> Result<()> {
    ensure!(ended.status == 0, "exit status {}: {}", ended.status, ended.err());
    ensure!(ended.out() == out, "output {:?} instead of {out:?}", ended.out());
    ensure!(ended.stderr.is_empty(), "standard error: {:?}", ended.err());
    Ok(())
}
