//! Signed bundles of reference values.

mod error;
pub use error::BundleError;

/// The longest bundle, in bytes: some five thousand values.
pub const MAX_BUNDLE: usize = 1 << 20;
