//! Collateral: what AMD and Intel publish and a verifier needs, fetched and kept.
//!
//! [`Fetcher`] asks the vendors' services, waits when they say so, and keeps what they answer in a [`Cache`].
//! Nothing here is trusted: a verifier checks signatures and dates of all of it. So the cache's age limits
//! decide when to ask again, never what is good, and a service or a cache that lies can deny service only.
//!
//! The time is a parameter, in seconds since 1970.
#![forbid(unsafe_code)]

mod amd;
mod cache;
mod error;
mod fetcher;
mod http;
mod intel;

pub use amd::AmdCollateral;
pub use cache::{Cache, Entry};
pub use error::FetchError;
pub use fetcher::{Fetcher, Mode, Sources};
pub use http::Patience;
pub use intel::{IntelCollateral, PckCa, Platform, Tee};
