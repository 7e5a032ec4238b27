//! Keys that sign bundles. The key says which algorithm there is; a bundle cannot choose.

use ed25519_dalek::pkcs8 as ed25519_pkcs8;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePublicKey};

use crate::DatabaseError;

/// The longest file that can hold a key, in bytes.
pub const MAX_KEY: usize = 1 << 14;

/// A signature algorithm of COSE (RFC 9053, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA with SHA-256, here always with P-256.
    Es256,
    /// ECDSA with SHA-384, here always with P-384.
    Es384,
    /// EdDSA, here always with Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Its number in IANA's registry "COSE Algorithms".
    #[must_use]
    pub const fn cose(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::Es384 => -35,
            Self::EdDsa => -8,
        }
    }

    /// Its name in the same registry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// A public key of a trust anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// P-256.
    P256(p256::ecdsa::VerifyingKey),
    /// P-384.
    P384(p384::ecdsa::VerifyingKey),
    /// Ed25519.
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo (RFC 5280, section 4.1) in the one encoding that [`Self::to_der`] gives.
    ///
    /// # Errors
    /// [`DatabaseError::Key`].
    pub fn from_der(der: &[u8]) -> Result<Self, DatabaseError> {
        let key = if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(der) {
            Self::P256(key)
        } else if let Ok(key) = p384::ecdsa::VerifyingKey::from_public_key_der(der) {
            Self::P384(key)
        } else {
            let key =
                <ed25519_dalek::VerifyingKey as ed25519_pkcs8::DecodePublicKey>::from_public_key_der(der);
            Self::Ed25519(key.map_err(|_| DatabaseError::Key)?)
        };
        // A point of small order verifies signatures that nobody made.
        let weak = matches!(&key, Self::Ed25519(key) if key.is_weak());
        if weak || key.to_der()? != der { Err(DatabaseError::Key) } else { Ok(key) }
    }

    /// Reads a public key in PEM (RFC 7468, section 13).
    ///
    /// # Errors
    /// [`DatabaseError::Key`].
    pub fn from_pem(pem: &str) -> Result<Self, DatabaseError> {
        use p256::pkcs8::der::Document;
        let (label, document) = Document::from_pem(pem).map_err(|_| DatabaseError::Key)?;
        if label == "PUBLIC KEY" { Self::from_der(document.as_bytes()) } else { Err(DatabaseError::Key) }
    }

    /// The key as a DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`DatabaseError::Key`] where the key cannot be encoded.
    pub fn to_der(&self) -> Result<Vec<u8>, DatabaseError> {
        let der = match self {
            Self::P256(key) => key.to_public_key_der().ok().map(|der| der.into_vec()),
            Self::P384(key) => key.to_public_key_der().ok().map(|der| der.into_vec()),
            Self::Ed25519(key) => {
                ed25519_pkcs8::EncodePublicKey::to_public_key_der(key).ok().map(|der| der.into_vec())
            }
        };
        der.ok_or(DatabaseError::Key)
    }

    /// The one algorithm that this key verifies.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(_) => Algorithm::Es256,
            Self::P384(_) => Algorithm::Es384,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Whether `signature` over `message` is this key's (RFC 9053, sections 2.1 and 2.2).
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Self::P384(key) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        }
    }
}

/// A private key that signs bundles.
#[derive(Clone)]
pub enum SigningKey {
    /// P-256.
    P256(p256::ecdsa::SigningKey),
    /// P-384.
    P384(p384::ecdsa::SigningKey),
    /// Ed25519.
    Ed25519(ed25519_dalek::SigningKey),
}

impl core::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "SigningKey({}, ..)", self.public().algorithm().name())
    }
}

impl SigningKey {
    /// Reads an unencrypted PKCS #8 private key in PEM (RFC 5958; RFC 7468, section 10).
    ///
    /// # Errors
    /// [`DatabaseError::Key`].
    pub fn from_pem(pem: &str) -> Result<Self, DatabaseError> {
        if let Ok(key) = p256::ecdsa::SigningKey::from_pkcs8_pem(pem) {
            return Ok(Self::P256(key));
        }
        if let Ok(key) = p384::ecdsa::SigningKey::from_pkcs8_pem(pem) {
            return Ok(Self::P384(key));
        }
        let key = <ed25519_dalek::SigningKey as ed25519_pkcs8::DecodePrivateKey>::from_pkcs8_pem(pem);
        key.map(Self::Ed25519).map_err(|_| DatabaseError::Key)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        match self {
            Self::P256(key) => PublicKey::P256(*key.verifying_key()),
            Self::P384(key) => PublicKey::P384(*key.verifying_key()),
            Self::Ed25519(key) => PublicKey::Ed25519(key.verifying_key()),
        }
    }

    /// Signs with the key's algorithm.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_vec()
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_vec()
            }
            Self::Ed25519(key) => ed25519_dalek::Signer::sign(key, message).to_vec(),
        }
    }
}
