//! Why a bundle is refused.

/// A bundle that is not accepted. Whoever made or sent it is at fault, unless the message says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// More bytes than any bundle has.
    #[error("it has {0} bytes, and at most {max} are read", max = super::MAX_BUNDLE)]
    TooLong(usize),
    /// No signed CoRIM at all.
    #[error("it is not signed: it must be a COSE_Sign1 (CBOR tag 18)")]
    Unsigned,
    /// A COSE_Sign1 that is not shaped as one, or not in the one encoding.
    #[error("its envelope is malformed: {0}")]
    Envelope(&'static str),
    /// No trust anchor has this key identifier.
    #[error(
        "its signer is unknown: the database has no trust anchor {0:?}; add it with `holdfast db add anchor` if \
         you trust it"
    )]
    UnknownSigner(String),
    /// An algorithm that is not the trust anchor's.
    #[error("it says that it is signed with algorithm {found}, but the trust anchor's is {expected}")]
    Algorithm {
        /// By the trust anchor's key, in IANA's numbers.
        expected: i64,
        /// By the header.
        found: i64,
    },
    /// The signature is not the trust anchor's.
    #[error("its signature is wrong: it was altered, or another key has that identifier")]
    Signature,
    /// The signed name is not the trust anchor's.
    #[error("it names {found:?} as its signer, and the trust anchor belongs to {expected:?}")]
    SignerName {
        /// By the trust anchor.
        expected: String,
        /// By the bundle.
        found: String,
    },
    /// A signed payload that is no CoRIM of our profile.
    #[error("its content is malformed: {0}")]
    Content(&'static str),
    /// A signed value that cannot be meant.
    #[error("one of its values is wrong: {0}")]
    Value(String),
    /// Too early.
    #[error("it is valid from {not_before} on (seconds since 1970), and now is {now}; check the clock")]
    NotYetValid {
        /// First second of validity.
        not_before: i64,
        /// The time that the caller gave.
        now: i64,
    },
    /// Too late.
    #[error("it was valid until {not_after} (seconds since 1970), and now is {now}; ask for a newer one")]
    Expired {
        /// Last second of validity.
        not_after: i64,
        /// The time that the caller gave.
        now: i64,
    },
    /// Older than what this database has seen of the same signer and id.
    #[error(
        "it is version {found}, and version {newest} of the same signer and id was seen; ask for a newer one"
    )]
    Rollback {
        /// Its version.
        found: u64,
        /// The newest seen.
        newest: u64,
    },
    /// Two contents with one version.
    #[error("version {0} was seen with another content; its signer must not use a version twice")]
    Ambiguous(u64),
}
