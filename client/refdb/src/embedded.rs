//! The release values of our own image, as part of the program.
//!
//! No backend launches the image in a TEE yet, so there is no SEV-SNP, TDX or SGX measurement of it, and the bundle
//! holds no value. The SHA-256 digests of its two parts are no measurements that evidence could show, and do not
//! belong here.
//!
//! The bundle is signed with a **development key, which is insecure**: its private half is part of the source.
//! Nothing trusts it by itself; who wants to must add its trust anchor on purpose. A release will bring its own
//! bundle, signed with a key that is kept offline.

use sha2::{Digest as _, Sha256};

use crate::{Bundle, DatabaseError, SigningKey, TrustAnchor, Validity};

/// The signed bundle. `cargo run -p holdfast-refdb --example embed` writes it, and a test compares.
pub const BUNDLE: &[u8] = include_bytes!("../release/development.corim");

/// The key identifier of the development key.
pub const DEVELOPMENT_KID: &str = "holdfast-development-insecure";

/// The name under which the development key signs.
pub const DEVELOPMENT_SIGNER: &str = "Holdfast (development, insecure)";

/// The development key's trust anchor. Everybody can sign with this key.
///
/// # Errors
/// [`DatabaseError::Key`] where the key cannot be encoded.
pub fn development_anchor() -> Result<TrustAnchor, DatabaseError> {
    let public_key = development_key().public().to_der()?;
    Ok(TrustAnchor { kid: DEVELOPMENT_KID.into(), signer: DEVELOPMENT_SIGNER.into(), public_key })
}

/// Makes [`BUNDLE`] anew; Ed25519 signatures are deterministic, so the bytes are the same each time.
///
/// # Errors
/// [`DatabaseError::Bundle`] for values that cannot be meant.
pub fn build() -> Result<Vec<u8>, DatabaseError> {
    // 2026-11-24 to 2027-11-24.
    let validity = Validity { not_before: 1_795_478_400, not_after: 1_827_014_400 };
    let bundle = Bundle { id: "holdfast/keep-image".into(), version: 1, validity, values: Vec::new() };
    Ok(bundle.sign(DEVELOPMENT_KID, DEVELOPMENT_SIGNER, &development_key())?)
}

fn development_key() -> SigningKey {
    let seed = Sha256::digest(b"holdfast refdb development key, insecure");
    SigningKey::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed.into()))
}
