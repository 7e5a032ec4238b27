//! What client and Keep say to each other over their channel: one stream of bytes, in frames.
//!
//! A frame is a header of eight bytes and a payload ([`frame`]). What the frames mean is in [`ToKeep`]
//! and [`ToClient`]; the order is:
//!
//! ```text
//! client: Hello Configuration Application Data… (Entry Data…)… FilesEnd        Start (Stdin… StdinEnd | Credit)…
//! Keep:   Hello                                                         Ready        (Stdout | Stderr | Credit)… (Entry Data…)… OutEnd Exit
//! ```
//!
//! * The client need not wait for the Keep's `Hello`, but must have seen `Ready`, and checked the
//!   digests in it, before it sends `Start`. A Keep that fails sends `Exit` at any time.
//! * The `Data` after an `Application` or a file's `Entry` are exactly as long as that said, in frames of
//!   any size; a length of 0 has none.
//! * `Entry` frames towards the client list the whole content of each directory marked `out`, a
//!   directory before what is in it. `OutEnd` closes the list, also where there was none.
//! * Each stdio stream has a [`window`]: nobody sends more than its peer has room for, so a slow reader
//!   of one stream stops neither the others nor the Keep. Neither side may stop reading the channel
//!   while it waits to write.
//!
//! No I/O happens here: [`Encoder`] turns messages into bytes, [`Decoder`] bytes into frames.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod configuration;
mod decoder;
mod encoder;
mod entry;
mod error;
pub mod frame;
mod message;
mod outcome;
pub mod window;

pub use configuration::{
    Application, ApplicationKind, Configuration, Directory, MAX_APPLICATION, MAX_DIRECTORIES, Stdio,
};
pub use decoder::Decoder;
pub use encoder::Encoder;
pub use entry::{Content, Entry, MAX_ENTRIES, MAX_NAME, MAX_PATH, PathError, check_path};
pub use error::ProtocolError;
pub use frame::Frame;
pub use message::{Credit, Hello, Message, Ready, Stream, ToClient, ToKeep};
pub use outcome::{Exit, FailureClass, MAX_TEXT, TrapKind, clip};
pub use window::{Receiving, Sending};

/// The version of everything in this crate. Both sides must speak the same.
pub const VERSION: u32 = 1;

/// A SHA-256 digest.
pub type Digest = [u8; 32];
