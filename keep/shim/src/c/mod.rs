//! The C symbols: thin adapters from the C calling convention to the logic of the shim.
//!
//! A function here checks and converts its arguments, calls the logic, and turns an [`Errno`] into
//! `errno` and `-1`. Only the runtime calls these symbols, and it is trusted: a pointer that it passes is
//! valid as the C standard demands; null is checked where C programs rely on it.
//!
//! [`Errno`]: crate::errno::Errno

pub mod alloc;
pub mod dirs;
pub mod env;
pub mod errno;
pub mod files;
pub mod io;
pub mod memory;
pub mod misc;
pub mod netdb;
pub mod paths;
pub mod poll;
pub mod pthread;
pub mod random;
pub mod signal;
pub mod socket;
pub mod string;
pub mod syscall;
pub mod thread;
pub mod time;
pub mod unwind;
