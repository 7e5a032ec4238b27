//! The exit statuses of the `holdfast` command.

/// Why `holdfast` exits with a status that is not the application's.
///
/// The numbers are a promise: scripts rely on them. They follow `sysexits.h` where it has a word for
/// it, and the shell's 128 + signal where a signal is meant. An application can of course exit with
/// any of them itself; `--json` tells which it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// The command line cannot be understood.
    Usage = 64,
    /// The application cannot be run: not WebAssembly, damaged, of an unknown world, a missing import.
    Application = 65,
    /// A file or directory cannot be found or read.
    Input = 66,
    /// Evidence, an image or collateral cannot be read as what it should be.
    Evidence = 67,
    /// A service that publishes collateral gives none, or there is none kept.
    Unavailable = 68,
    /// The backend that was asked for does not work on this machine.
    Backend = 69,
    /// A bug in Holdfast.
    Internal = 70,
    /// This machine has not enough memory, processes or file descriptors, or the Keep too little memory.
    Resources = 71,
    /// A result cannot be written.
    Output = 73,
    /// The Keep ended without a result, or the host broke the rules of the gate or the protocol.
    Keep = 76,
    /// The evidence or bundle was read, appraised, and is not to be trusted.
    Denied = 77,
    /// The configuration file or policy is wrong.
    Configuration = 78,
    /// The time limit passed.
    Timeout = 124,
    /// Ctrl-C (SIGINT).
    Interrupted = 130,
    /// The application trapped (as with SIGABRT).
    Trap = 134,
    /// The reader of standard output went away (as with SIGPIPE). Nothing is printed.
    Pipe = 141,
    /// SIGTERM.
    Terminated = 143,
    /// The fuel is used up (as with SIGXCPU).
    Fuel = 152,
}

impl ExitCode {
    /// All of them, in order.
    pub const ALL: [Self; 18] = [
        Self::Usage,
        Self::Application,
        Self::Input,
        Self::Evidence,
        Self::Unavailable,
        Self::Backend,
        Self::Internal,
        Self::Resources,
        Self::Output,
        Self::Keep,
        Self::Denied,
        Self::Configuration,
        Self::Timeout,
        Self::Interrupted,
        Self::Trap,
        Self::Pipe,
        Self::Terminated,
        Self::Fuel,
    ];

    /// The status that the process exits with.
    #[must_use]
    pub const fn status(self) -> u8 {
        self as u8
    }

    /// One word for it, in `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Application => "application",
            Self::Input => "input",
            Self::Evidence => "evidence",
            Self::Unavailable => "unavailable",
            Self::Backend => "backend",
            Self::Internal => "internal",
            Self::Resources => "resources",
            Self::Output => "output",
            Self::Keep => "keep",
            Self::Denied => "denied",
            Self::Configuration => "configuration",
            Self::Timeout => "timeout",
            Self::Interrupted => "interrupted",
            Self::Trap => "trap",
            Self::Pipe => "pipe",
            Self::Terminated => "terminated",
            Self::Fuel => "fuel",
        }
    }

    /// What it means, for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Usage => "the command line cannot be understood",
            Self::Application => {
                "the application cannot be run: not WebAssembly, damaged, an unknown world, a missing import"
            }
            Self::Input => "a file or directory cannot be found or read",
            Self::Evidence => "evidence, an image or collateral cannot be read as what it should be",
            Self::Unavailable => "collateral cannot be fetched, and is not kept",
            Self::Backend => "the backend does not work on this machine; see `holdfast platform`",
            Self::Internal => "a bug in Holdfast",
            Self::Resources => "this machine is out of memory or processes, or the Keep out of memory",
            Self::Output => "a result cannot be written",
            Self::Keep => "the Keep ended without a result, or its host broke the rules",
            Self::Denied => "the evidence or bundle was appraised, and is not to be trusted",
            Self::Configuration => "the configuration file or policy is wrong",
            Self::Timeout => "the time limit passed",
            Self::Interrupted => "Ctrl-C (SIGINT)",
            Self::Trap => "the application trapped",
            Self::Pipe => "the reader of standard output went away; nothing is printed",
            Self::Terminated => "SIGTERM",
            Self::Fuel => "the fuel is used up",
        }
    }
}

/// An error that ends the command.
pub trait Fails: core::error::Error {
    /// The status to exit with.
    fn exit_code(&self) -> ExitCode;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_lists_exactly_these() {
        let document = include_str!("../../../docs/exit-codes.md");
        let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
        let expected: Vec<String> = ExitCode::ALL
            .iter()
            .map(|code| format!("| {} | `{}` | {} |", code.status(), code.name(), code.meaning()))
            .collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn statuses_ascend_and_so_differ() {
        assert!(ExitCode::ALL.is_sorted_by(|a, b| a.status() < b.status()));
    }
}
