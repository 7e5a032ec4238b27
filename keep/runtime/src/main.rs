//! The Keep's `main`: the channel is descriptor 3.
//!
//! Natively, for tests: `holdfast-runtime --root DIR`, where `DIR` is an empty directory for the
//! application's files.

use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

#[cfg(holdfast_keep)]
extern crate holdfast_shim as _;

/// Where the channel is when the program starts.
const CHANNEL: i32 = 3;

/// The root of the application's files in the Keep's file system.
const ROOT: &str = "/fs";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let root = match (arguments.next(), arguments.next()) {
        (Some(option), Some(root)) if option == "--root" => PathBuf::from(root),
        _ => PathBuf::from(ROOT),
    };
    // SAFETY: whoever starts this program hands it the channel as this descriptor, and nothing has
    // opened or closed a descriptor yet.
    let channel = UnixStream::from(unsafe { OwnedFd::from_raw_fd(CHANNEL) });
    holdfast_runtime::tell_panics(&channel);
    // Without the channel there is nobody to tell; the status says it to whoever started this.
    match holdfast_runtime::serve(channel, &root) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_lost) => ExitCode::FAILURE,
    }
}
