//! The programs that are compared, and how they are started.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use holdfast_client::artefact::WASMTIME;
use holdfast_client::compile::compile;
use holdfast_client::inspect::{Application, read};
use holdfast_engine::{CpuLevel, Profile};
use tempfile::TempDir;

/// Who runs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Holdfast: a Keep, or its verifier.
    Keep,
    /// This program's own native host.
    Native,
    /// `wasmtime run`.
    Wasmtime,
    /// The crate `sev`, used plainly.
    Sev,
    /// The crate `dcap-qvl`, used plainly.
    DcapQvl,
    /// `holdfast --version`.
    Version,
}

/// What the Keep is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// A virtual machine.
    #[default]
    Kvm,
    /// A process.
    Process,
}

impl Backend {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Process => "process",
        }
    }
}

/// Where everything is.
#[derive(Debug)]
pub(crate) struct Tools {
    holdfast: PathBuf,
    own: PathBuf,
    wasmtime: Option<PathBuf>,
    shared: PathBuf,
    backend: Backend,
    quick: bool,
    compiled: TempDir,
}

/// A program, compiled for each side.
#[derive(Debug)]
pub(crate) struct Program {
    keep: PathBuf,
    wasmtime: Option<PathBuf>,
}

/// With what a program runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Launch<'a> {
    /// A directory on the host, and its name for the program.
    pub(crate) directory: Option<(&'a Path, &'a str)>,
    /// The program's arguments.
    pub(crate) arguments: &'a [&'a str],
    /// The Keep's memory, if not the default.
    pub(crate) memory: Option<&'a str>,
}

impl Tools {
    /// Finds what is not named, and checks that it is the right version.
    ///
    /// # Errors
    /// If something that is needed is not there.
    pub(crate) fn new(
        holdfast: Option<PathBuf>,
        wasmtime: Option<PathBuf>,
        shared: Option<PathBuf>,
        backend: Backend,
        quick: bool,
    ) -> Result<Self> {
        let own = std::env::current_exe()?;
        let holdfast = holdfast.unwrap_or_else(|| own.with_file_name("holdfast"));
        ensure!(
            holdfast.exists(),
            "there is no {}; build it with `cargo build --release`, or name it with --holdfast",
            holdfast.display()
        );
        if let Some(wasmtime) = &wasmtime {
            let said = Command::new(wasmtime).arg("--version").output();
            let said = said.with_context(|| format!("cannot start {}", wasmtime.display()))?.stdout;
            let said = String::from_utf8_lossy(&said);
            let version = said.split_whitespace().nth(1).unwrap_or_default();
            ensure!(version == WASMTIME, "--wasmtime is version {version:?}, the Keep has {WASMTIME}");
        }
        let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
        let shared = shared.unwrap_or_else(beside);
        Ok(Self { holdfast, own, wasmtime, shared, backend, quick, compiled: tempfile::tempdir()? })
    }

    /// The `holdfast` command.
    pub(crate) fn holdfast(&self) -> &Path {
        &self.holdfast
    }

    /// A number of rounds for a case of which one round is `heavy`ier than a start.
    pub(crate) const fn rounds(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// The peer for starts: Wasmtime's command, or our own host where that is not given.
    pub(crate) const fn starter(&self) -> Side {
        if self.wasmtime.is_some() { Side::Wasmtime } else { Side::Native }
    }

    /// A workload of the shared folder, or nothing where it is absent.
    pub(crate) fn workload(&self, name: &str) -> Option<PathBuf> {
        Some(self.shared.join("wasm").join(name)).filter(|path| path.exists())
    }

    /// One of our own programs.
    pub(crate) fn own_program(&self, name: &str) -> Result<Program> {
        self.compile(&Path::new(env!("CARGO_MANIFEST_DIR")).join("programs").join(name))
    }

    /// Compiles a program once for Keep and native host, and for Wasmtime's command if it is there.
    pub(crate) fn compile(&self, source: &Path) -> Result<Program> {
        let Application::Wasm { kind, bytes } = read(source)? else {
            bail!("{} is compiled already", source.display());
        };
        let cpu = CpuLevel::local().context("this CPU has not the least that is needed")?;
        let stem = source.file_stem().unwrap_or_default();
        let folder = tempfile::tempdir_in(&self.compiled)?.keep();
        let keep = folder.join(stem).with_extension("cwasm");
        std::fs::write(&keep, compile(kind, &bytes, Profile { cpu, metered: false })?)?;
        let wasmtime = match &self.wasmtime {
            None => None,
            Some(wasmtime) => {
                let plain = folder.join(stem).with_extension("wasm");
                let output = folder.join(stem).with_extension("wasmtime");
                std::fs::write(&plain, bytes)?;
                let mut command = Command::new(wasmtime);
                command.arg("compile").arg("-o").arg(&output).arg(plain);
                ensure!(command.status()?.success(), "`wasmtime compile` failed");
                Some(output)
            }
        };
        Ok(Program { keep, wasmtime })
    }

    /// The command that runs a program.
    ///
    /// # Errors
    /// If that side is not there.
    pub(crate) fn command(&self, side: Side, program: &Program, launch: &Launch<'_>) -> Result<Command> {
        let mut command;
        let directory = |separator: &str| {
            let (host, guest) = launch.directory?;
            Some(format!("--dir={}{separator}{guest}", host.display()))
        };
        match side {
            Side::Keep => {
                command = Command::new(&self.holdfast);
                command.args(["run", "--quiet", "--json", "--backend", self.backend.name()]);
                command.args(launch.memory.map(|memory| format!("--memory={memory}")));
                command.args(directory(":")).arg(&program.keep);
            }
            Side::Native => {
                command = Command::new(&self.own);
                command.arg("native").args(directory(":")).arg(&program.keep);
            }
            Side::Wasmtime => {
                let wasmtime = self.wasmtime.as_ref().context("there is no --wasmtime")?;
                command = Command::new(wasmtime);
                command.args(["run", "--allow-precompiled"]).args(directory("::"));
                command.args(&program.wasmtime);
            }
            Side::Sev | Side::DcapQvl | Side::Version => bail!("{side:?} runs no programs"),
        }
        command.args(launch.arguments);
        Ok(command)
    }
}
