//! The C library of the Keep.
//!
//! The runtime is an ordinary Rust program; what it asks of a C library is here, with Linux's semantics
//! for what it uses, and nothing beneath but the gate. The crate has two halves:
//!
//! * **logic** (`fs`, `fd`, `net`, `mm`, `futex`, …): safe Rust over the seam in [`sys`]. It compiles
//!   and tests as a normal library.
//! * **the C symbols and the machine** (`c`, `sys::keep`, …): only with `--cfg holdfast_keep`, for the
//!   image. Here is all the `unsafe`.
#![no_std]

extern crate alloc;
#[cfg(not(holdfast_keep))]
extern crate std;

pub mod blocking;
#[cfg(holdfast_keep)]
pub mod c;
pub mod channel;
pub mod clock;
pub mod epoll;
pub mod errno;
pub mod error_text;
pub mod eventfd;
pub mod fd;
pub mod fs;
pub mod futex;
pub mod heap;
pub mod mem;
pub mod mm;
pub mod mutex;
pub mod net;
pub mod null;
pub mod object;
pub mod pipe;
pub mod poll;
pub mod ring;
pub mod rng;
pub mod spin;
pub mod sync;
pub mod sys;
pub mod tls_keys;
pub mod wait;
