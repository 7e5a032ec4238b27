//! The first stage of a Keep, and the two things that it shares with the shim: the doorbell and the
//! system calls of the process platform.
//!
//! The program (`main.rs`) is what a launch measures. It copies the body from the window into the
//! Keep's memory, hashes the copy, and starts it if the hash is the one that it carries.
#![no_std]

pub mod doorbell;
pub mod syscall;

/// On which platform a Keep runs, as stage 0 tells the body in its first register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// A virtual machine.
    Machine,
    /// A process.
    Process,
}

impl Platform {
    /// The value in the register.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::Machine => 1,
            Self::Process => 2,
        }
    }

    /// The reverse of [`Platform::code`].
    #[must_use]
    pub const fn from_code(code: u64) -> Option<Self> {
        match code {
            1 => Some(Self::Machine),
            2 => Some(Self::Process),
            _ => None,
        }
    }
}
