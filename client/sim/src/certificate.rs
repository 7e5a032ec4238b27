//! Self-signed certificates, as attested TLS has them. The extensions that carry evidence are the caller's: see
//! `holdfast_evidence::x509`.

use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;

use crate::Seed;
use crate::der;
use crate::x509::{self, Certificate, DAY, Ecdsa, Text};

/// Somebody with a key of its own and a self-signed certificate for it, as attested TLS has them.
pub struct Subject {
    seed: Seed,
    key: SigningKey,
}

impl Subject {
    /// The subject and its key, P-256.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self { seed, key: SigningKey::generate_from_rng(&mut seed.stream("subject")) }
    }

    /// The key: SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        x509::p256_key(&self.key)
    }

    /// A certificate with these extensions, each in DER, that begins a day before `now`, in seconds since 1970,
    /// and ends a month after. In DER.
    #[must_use]
    pub fn certificate(&self, extensions: &[Vec<u8>], now: u64) -> Vec<u8> {
        let name = x509::name(&[(3, Text::Utf8("SIMULATED subject"))]);
        let extensions = [&[x509::no_authority()][..], extensions].concat();
        let certificate = Certificate {
            serial: &self.seed.serial("subject"),
            issuer: &name,
            subject: &name,
            not_before: now.saturating_sub(DAY),
            not_after: now + 30 * DAY,
            key: &self.key(),
            extensions: &extensions,
        };
        certificate.sign(&Ecdsa(&self.key))
    }
}

/// A certificate as PEM (RFC 7468, section 5).
#[must_use]
pub fn pem(certificate: &[u8]) -> String {
    der::pem(&[certificate.to_vec()])
}
