//! Signed bundles of reference values: CoRIM (draft-ietf-rats-corim-11) in a COSE_Sign1 (RFC 9052, section 4.2).
//!
//! A bundle has one encoding. After reading, it is written again and must give the same bytes: so nothing in it
//! goes unread, and nothing can be said in two ways.

mod cbor;
mod content;
mod envelope;
mod error;

use crate::{ReferenceValue, Validity};

pub use envelope::SignedBundle;
pub use error::BundleError;

/// The longest bundle, in bytes: some five thousand values.
pub const MAX_BUNDLE: usize = 1 << 20;

/// The profile (a `tag` URI, RFC 4151). A CoRIM of another profile, or of none, is refused.
pub const PROFILE: &str = "tag:example.invalid,2026:holdfast/refdb/1";

/// What a signer says about reference values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The CoRIM id: what the bundle is about, the same for all its versions.
    pub id: String,
    /// The `tag-version`: higher is newer.
    pub version: u64,
    /// The `rim-validity`: when the bundle may be imported, and the bounds of its values' validity.
    pub validity: Validity,
    /// The values, each named once, sorted by status. Who vouches for them is who signed.
    pub values: Vec<ReferenceValue>,
}

impl Bundle {
    /// The bundle, if `now` lies within its validity.
    pub(crate) fn valid_at(self, now: i64) -> Result<Self, BundleError> {
        let Validity { not_before, not_after } = self.validity;
        if now < not_before {
            return Err(BundleError::NotYetValid { not_before, now });
        }
        if now > not_after {
            return Err(BundleError::Expired { not_after, now });
        }
        Ok(self)
    }
}
