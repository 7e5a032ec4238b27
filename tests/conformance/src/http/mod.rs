//! As much of HTTP/1.1 as the suite's tests need, chunks and trailers included.

mod client;
mod message;
mod server;

pub use client::ask;
pub use message::Message;
pub use server::Server;
