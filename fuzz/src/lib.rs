//! Fuzz targets: every parser of bytes from another side of a trust boundary.
//!
//! A [`Target`] is a function that takes any bytes and panics if a promise is broken, with inputs to
//! start from. The same targets run in two ways:
//!
//! * `cargo fuzz run TARGET` (nightly toolchain, cargo-fuzz), guided by coverage, as long as one likes.
//!   `cargo run -p holdfast-fuzz --bin seeds -- fuzz/corpus` writes what it starts from.
//! * `cargo test -p holdfast-fuzz` (stable): each target with its seeds and some ten thousand mutations of
//!   them, the same ones every time. One target alone: `cargo run -p holdfast-fuzz --bin TARGET`, and with
//!   files as arguments, those inputs.
//!
//! The readers of evidence get the same inputs once more while what they allocate is counted (`tests/memory.rs`).
#![forbid(unsafe_code)]

mod client;
mod evidence;
mod gate;
mod launch;
mod loader;
mod measure;
mod protocol;
mod refdb;
pub mod smoke;
mod verify;

pub use client::{APPLICATION, ARTEFACT, CONFIGURATION};
pub use evidence::{CARRIED, CERTIFICATE_TABLE, DETECTION, ENVELOPE, QUOTE, SNP_REPORT};
pub use gate::{BOOT_INFO, GATE_REPLY, GATE_REQUEST};
pub use launch::LAUNCH_IMAGE;
pub use loader::LOADER_SERVICE;
pub use measure::{FIRMWARE, ID_BLOCK, SIGSTRUCT};
pub use protocol::PROTOCOL;
pub use refdb::{BUNDLE_CONTENT, SIGNED_BUNDLE};
pub use verify::{APPRAISAL_POLICY, VERIFY};

/// Something that takes any bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As the binary is called.
    pub name: &'static str,
    /// Panics if a promise is broken.
    pub body: fn(&[u8]),
    /// Inputs that get past the first checks.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// How many mutated inputs a smoke run tries: a second or two of them.
    pub rounds: u32,
}

/// All of them.
pub const TARGETS: [Target; 22] = [
    GATE_REQUEST,
    GATE_REPLY,
    BOOT_INFO,
    LAUNCH_IMAGE,
    PROTOCOL,
    CONFIGURATION,
    ARTEFACT,
    APPLICATION,
    LOADER_SERVICE,
    SNP_REPORT,
    QUOTE,
    CERTIFICATE_TABLE,
    FIRMWARE,
    SIGSTRUCT,
    ID_BLOCK,
    VERIFY,
    APPRAISAL_POLICY,
    DETECTION,
    ENVELOPE,
    CARRIED,
    SIGNED_BUNDLE,
    BUNDLE_CONTENT,
];
