//! The gate: everything that crosses between a Keep and its host.
//!
//! A Keep and its loader share one **window** of memory ([`window`]) and nothing else. In it lie the
//! boot information ([`boot`]), and for each vCPU a **mailbox** with one request and one reply of
//! fixed size ([`call`]) and a **bounce buffer** for data. A call is synchronous: the vCPU writes a
//! request, leaves to the host (an I/O port on KVM, a futex in a process), and finds the reply when it
//! comes back. No pointer and no system call ever crosses.
//!
//! Both sides distrust the window: each copies a structure out of it **once** and then looks at the
//! copy only. The Keep checks each reply against the call that it made ([`Call::check`]); a reply that
//! is not one of the allowed answers is a [`Violation`], and ends the Keep. The host checks each
//! request ([`Call::decode`]) and ends a Keep that breaks the rules.
//!
//! This crate holds data and checks only: no I/O, no clock, no `unsafe`.
#![no_std]
#![forbid(unsafe_code)]

pub mod boot;
pub mod call;
pub mod ending;
pub mod window;

pub use boot::{BootInfo, BootInfoError};
pub use call::{Answer, Call, Interest, Reply, Request, RequestError, Violation};
pub use ending::Ending;

/// The version of everything in this crate. The keep image carries it as an ELF note
/// ([`NOTE_NAME`], [`NOTE_TYPE`]) and the loader refuses an image of another version.
pub const ABI_VERSION: u32 = 1;

/// Name field of the ELF note that carries [`ABI_VERSION`] as a little-endian `u32`.
pub const NOTE_NAME: &str = "Holdfast";

/// Type field of that note.
pub const NOTE_TYPE: u32 = 1;

/// The I/O port a vCPU writes one byte to when its mailbox holds a request (backend `kvm`).
pub const DOORBELL_PORT: u16 = 0x48;

/// The most vCPUs (threads) a Keep may have.
pub const MAX_VCPUS: u32 = 64;

/// The stream between client and Keep, open from the start. The only one of this version.
pub const CHANNEL: u32 = 0;
