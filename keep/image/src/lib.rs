//! The keep image, built from `keep/stage0`, `keep/runtime` and `keep/shim` when this crate is built.
//!
//! `build.rs` runs cargo for the image's own target and flags, and packs the two programs into one file.
#![no_std]
#![forbid(unsafe_code)]

/// The image file: an ELF that the loader starts ([`holdfast_launch::Image`] reads it).
///
/// [`holdfast_launch::Image`]: https://docs.rs/holdfast-launch
///
/// It begins at a page, so that a loader can give its pages back to the system.
pub static IMAGE: &[u8] = &PAGES.0;

static PAGES: &Pages<[u8]> = &Pages(*include_bytes!(concat!(env!("OUT_DIR"), "/holdfast-keep.elf")));

#[repr(C, align(4096))]
struct Pages<T: ?Sized>(T);

/// The image whose body is `keep/selftest`.
#[cfg(feature = "selftest")]
pub static SELFTEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/holdfast-selftest.elf"));
