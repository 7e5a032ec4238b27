//! The owner's side: compiles, delivers, collects.
//!
//! An application goes through [`inspect`] (what is it, can it run), [`compile`] or the [`cache`], and a
//! [`session`] with a Keep, to which it brings the directories that [`pack`] has read.
#![forbid(unsafe_code)]

pub mod artefact;
pub mod cache;
pub mod collect;
pub mod compile;
pub mod config;
pub mod digest;
pub mod exit;
pub mod inspect;
pub mod pack;
pub mod session;
mod world;

pub use world::WorldError;
