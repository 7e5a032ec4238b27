//! Where a program can run, and the command line for it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::spec::World;

/// A backend of Holdfast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Backend {
    /// A virtual machine.
    Kvm,
    /// A process under a system call filter.
    Process,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Kvm, Self::Process];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Process => "process",
        }
    }

    /// Why it does not work here, if it does not.
    #[must_use]
    pub fn missing(self) -> Option<String> {
        match self {
            Self::Process => None,
            Self::Kvm => {
                let opened = std::fs::File::options().read(true).write(true).open("/dev/kvm");
                opened.err().map(|error| format!("/dev/kvm: {error}"))
            }
        }
    }
}

/// Where a program runs.
#[derive(Clone, Debug)]
pub enum Target {
    /// The `wasmtime` command.
    Native(PathBuf),
    /// The `holdfast` command, with this backend.
    Keep(PathBuf, Backend),
}

/// A program and what it is given.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    /// The program.
    pub application: PathBuf,
    /// Its arguments after the first, which is its name.
    pub arguments: Vec<String>,
    /// Its environment.
    pub environment: Vec<(String, String)>,
    /// The directories that it sees.
    pub directories: Vec<Directory>,
    /// Options for `holdfast run` alone.
    pub options: Vec<String>,
    /// What kind of program it is.
    pub world: World,
    /// It is of WASI p3.
    pub p3: bool,
    /// What of WASI it needs besides the least.
    pub proposals: Vec<String>,
}

/// A directory that a program sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Where it is.
    pub host: PathBuf,
    /// What the program calls it.
    pub guest: String,
    /// Whether what the program writes is wanted. Natively it is written in any case.
    pub out: bool,
}

impl Target {
    /// Its name in tables: `native`, or the backend's.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Native(_) => "native",
            Self::Keep(_, backend) => backend.name(),
        }
    }

    /// The command that runs a program here.
    #[must_use]
    pub fn command(&self, launch: &Launch) -> Command {
        let (mut command, separator) = match self {
            Self::Native(wasmtime) => (wasmtime_command(wasmtime.clone(), launch), "::"),
            Self::Keep(holdfast, backend) => {
                let mut command = Command::new(holdfast);
                command.args(["run", "--quiet", "--backend", backend.name()]).args(&launch.options);
                (command, ":")
            }
        };
        for (key, value) in &launch.environment {
            command.arg("--env").arg(format!("{key}={value}"));
        }
        for directory in &launch.directories {
            let mut argument = OsString::from(&directory.host);
            argument.push(separator);
            argument.push(&directory.guest);
            if directory.out && matches!(self, Self::Keep(..)) {
                argument.push(":out");
            }
            command.arg("--dir").arg(argument);
        }
        // A backtrace of our own is not part of any answer.
        command.env_remove("RUST_BACKTRACE").arg(&launch.application).args(&launch.arguments);
        command
    }
}

/// `wasmtime run` or `wasmtime serve` with what the program needs of WASI.
fn wasmtime_command(wasmtime: PathBuf, launch: &Launch) -> Command {
    let mut command = Command::new(wasmtime);
    match launch.world {
        World::Command => command.arg("run"),
        World::Service => command.args(["serve", "-Scli", "--addr=127.0.0.1:0"]),
    };
    if launch.p3 {
        command.args(["-Wcomponent-model-async", "-Sp3"]);
    }
    for proposal in &launch.proposals {
        command.arg(match proposal.as_str() {
            "sockets" => "-Sinherit-network".to_owned(),
            other => format!("-S{other}"),
        });
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(target: &Target, launch: &Launch) -> String {
        let command = target.command(launch);
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        words.join(" ")
    }

    #[test]
    fn each_target_has_its_own_words() {
        let launch = Launch {
            application: "app.wasm".into(),
            arguments: vec!["--env".into()],
            environment: vec![("K".into(), "V".into())],
            directories: vec![Directory { host: "/tmp/x".into(), guest: "/".into(), out: true }],
            p3: true,
            proposals: vec!["sockets".into()],
            ..Launch::default()
        };
        assert_eq!(
            words(&Target::Native("wasmtime".into()), &launch),
            "run -Wcomponent-model-async -Sp3 -Sinherit-network --env K=V --dir /tmp/x::/ app.wasm --env"
        );
        assert_eq!(
            words(&Target::Keep("holdfast".into(), Backend::Kvm), &launch),
            "run --quiet --backend kvm --env K=V --dir /tmp/x:/:out app.wasm --env"
        );
    }
}
