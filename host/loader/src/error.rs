//! Why there is no Keep, or none any more.

use std::io;

use serde::{Deserialize, Serialize};

use crate::kvm::KvmError;

/// What a loader reports to its client when a Keep cannot be made, or ends without saying so itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum LoaderError {
    /// There is no `/dev/kvm`. The host's.
    #[error(
        "/dev/kvm does not exist; enable virtualisation in the firmware and load the module kvm_amd or kvm_intel, or use --backend process"
    )]
    KvmMissing,
    /// It may not be opened. The host's.
    #[error(
        "/dev/kvm may not be opened by this user; add the user to the group kvm, or use --backend process"
    )]
    KvmNotPermitted,
    /// KVM cannot serve. The host's.
    #[error("{0}")]
    Kvm(String),
    /// The host has not the memory.
    #[error("the host cannot give {0} bytes of memory; ask for less with --memory")]
    Memory(u64),
    /// Memory or vCPUs out of range. The caller's.
    #[error("{0}")]
    Shape(String),
    /// Not a keep image of this version. The caller's.
    #[error("{0}")]
    Image(String),
    /// A vCPU broke the rules of the gate. The Keep's.
    #[error(
        "the Keep broke the rules of the gate ({0}); it was ended. This is a bug in Holdfast, or somebody attacks the host from inside the Keep"
    )]
    Violation(String),
    /// A vCPU or the Keep's process stopped without saying why.
    #[error("the Keep stopped: {0}")]
    Stopped(String),
    /// The Keep's process was killed by a signal.
    #[error("the Keep's process was killed by signal {signal} ({reason})", reason = signal_reason(*signal))]
    Killed {
        /// Its number.
        signal: i32,
    },
    /// The loader itself was ended from outside, or broke the rules of its own sandbox.
    #[error("the loader's process was killed by signal {signal} ({reason})", reason = signal_reason(*signal))]
    LoaderKilled {
        /// Its number.
        signal: i32,
    },
    /// The loader ended without a report.
    #[error("the loader ended without a report; this is a bug in Holdfast")]
    Silent,
    /// A system call failed. The host's.
    #[error("the loader could not {what}: {error}")]
    System {
        /// What it was to do.
        what: String,
        /// The system's message.
        error: String,
    },
}

fn signal_reason(signal: i32) -> &'static str {
    match signal {
        libc::SIGSYS => "it made a system call that its filter forbids",
        libc::SIGKILL => "somebody killed it, or the host ran out of memory",
        libc::SIGSEGV | libc::SIGBUS => "it used memory that it does not have",
        libc::SIGILL => "it executed an instruction that this CPU lacks, or gave up",
        _ => "an unexpected one",
    }
}

impl LoaderError {
    /// Makes the error of a failed system call.
    pub(crate) fn system<E: Into<io::Error>>(what: &'static str) -> impl Fn(E) -> Self {
        move |error| Self::System { what: what.into(), error: error.into().to_string() }
    }
}

impl From<KvmError> for LoaderError {
    fn from(error: KvmError) -> Self {
        match error {
            KvmError::Missing => Self::KvmMissing,
            KvmError::NotPermitted => Self::KvmNotPermitted,
            KvmError::Memory(bytes) => Self::Memory(bytes),
            stopped @ KvmError::Stopped { .. } => Self::Stopped(stopped.to_string()),
            other @ (KvmError::Version(_) | KvmError::Lacks(_) | KvmError::Call(..)) => {
                Self::Kvm(other.to_string())
            }
        }
    }
}
