//! The measurement database: what a verifier may compare evidence with, and who vouched for it.
//!
//! One SQLite file. Every change is a [`Change`], written to a hash-chained log and applied to the tables in
//! one transaction; the tables are a view of the log, and [`Database::check`] proves it by replaying.
//! Time is always a parameter: seconds since 1970-01-01T00:00:00Z.
#![forbid(unsafe_code)]

mod bundle;
mod change;
mod check;
mod database;
pub mod development;
mod error;
mod hex;
mod import;
mod key;
mod log;
mod schema;
mod value;

pub use bundle::{Bundle, BundleError, MAX_BUNDLE, PROFILE, SignedBundle};
pub use change::Change;
pub use check::Checked;
pub use database::Database;
pub use error::{Damage, DatabaseError};
pub use hex::{hex, unhex};
pub use import::Imported;
pub use key::{Algorithm, MAX_KEY, PublicKey, SigningKey};
pub use log::{Digest, Entry};
pub use value::{Kind, Platform, ReferenceValue, SeenBundle, Status, Tee, TrustAnchor, Validity};
