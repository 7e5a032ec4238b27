//! The program inside the Keep: it takes an application from the client, runs it, and gives back what
//! came of it. All of that goes over one stream of bytes, the channel (`holdfast_protocol`).
//!
//! | module | what |
//! |---|---|
//! | [`serve`] | one conversation from the first to the last message |
//! | `opening` | what comes before the start: configuration, application, files |
//! | `files` | the application's directories: laid out before, collected after |
//! | `application` | Wasmtime and WASI: load, link, run |
//! | `channel` | the conversation while the application runs |
//! | `stdio` | the application's standard streams on the channel |
//! | `failure` | what goes wrong, and who is told |
//!
//! It is an ordinary Linux program, and is tested as one. In the image its C library is the shim.
#![deny(unsafe_code)]

mod application;
mod channel;
mod failure;
mod files;
mod opening;
mod serve;
mod stdio;

pub use failure::{Lost, tell_panics};
pub use serve::serve;
