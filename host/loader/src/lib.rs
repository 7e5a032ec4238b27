//! The loader: the process that makes a Keep by its launch plan and serves its gate. Untrusted.
//!
//! * [`control`]: how a client starts a loader and hears how its Keep ended.
//! * [`kvm`], [`process`]: the backends.
//! * [`service`]: what the host does for a Keep; [`window`]: the memory that they share.
//! * [`sandbox`]: what the loader gives up before the Keep's first instruction.
//! * [`probe`]: which backends work on this machine, and what is missing.

pub mod body;
pub mod control;
mod error;
mod filter;
pub mod kvm;
mod large;
mod launch;
mod machine;
pub mod probe;
pub mod process;
pub mod sandbox;
pub mod service;
pub mod window;

pub use control::{Backend, Choice, Handle, LoaderConfig, SpawnError, spawn};
pub use error::LoaderError;
