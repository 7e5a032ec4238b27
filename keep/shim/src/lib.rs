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

#[cfg(holdfast_keep)]
pub mod c;
pub mod errno;
pub mod fs;
pub mod heap;
pub mod object;
pub mod sync;
pub mod sys;
pub mod wait;
