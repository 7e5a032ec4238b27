//! The key that signs bundles of values which no release vouches for.
//!
//! It is a **development key, which is insecure**: its private half is part of the source, so that everybody can sign
//! with it. Nothing trusts it by itself; who wants to must add its trust anchor on purpose. A release brings its own
//! bundle, signed with a key that is kept offline.

use sha2::{Digest as _, Sha256};

use crate::{Bundle, DatabaseError, SigningKey, TrustAnchor};

/// The key identifier of the development key.
pub const KID: &str = "holdfast-development-insecure";

/// The name under which the development key signs.
pub const SIGNER: &str = "Holdfast (development, insecure)";

/// The development key's trust anchor. Everybody can sign with this key.
///
/// # Errors
/// [`DatabaseError::Key`] where the key cannot be encoded.
pub fn anchor() -> Result<TrustAnchor, DatabaseError> {
    Ok(TrustAnchor { kid: KID.into(), signer: SIGNER.into(), public_key: key().public().to_der()? })
}

/// Signs `bundle` with the development key. Ed25519 signatures are deterministic: the same bundle gives the same
/// bytes each time.
///
/// # Errors
/// [`DatabaseError::Bundle`] for values that cannot be meant.
pub fn sign(bundle: &Bundle) -> Result<Vec<u8>, DatabaseError> {
    Ok(bundle.sign(KID, SIGNER, &key())?)
}

fn key() -> SigningKey {
    let seed = Sha256::digest(b"holdfast refdb development key, insecure");
    SigningKey::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed.into()))
}
