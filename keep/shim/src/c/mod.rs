//! The C symbols: thin adapters from the C calling convention to the logic of the shim.
//!
//! A function here checks and converts its arguments, calls the logic, and turns an [`Errno`] into
//! `errno` and `-1`. Only the runtime calls these symbols, and it is trusted: a pointer that it passes is
//! valid as the C standard demands; null is checked where C programs rely on it.
//!
//! [`Errno`]: crate::errno::Errno

pub mod alloc;
pub mod errno;
