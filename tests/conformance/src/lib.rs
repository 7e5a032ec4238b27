//! Runs WASI programs on native Wasmtime and in Keeps, and judges what they do.
//!
//! The command of this package runs the public WASI test suite. Its integration tests run the larger
//! workloads, the traps, and our own programs natively and in the Keep side by side.
#![forbid(unsafe_code)]

pub mod files;
pub mod http;
pub mod native;
pub mod process;
pub mod product;
pub mod reasons;
pub mod report;
pub mod spec;
pub mod suite;
pub mod target;
pub mod trial;
