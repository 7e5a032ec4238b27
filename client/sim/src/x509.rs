//! X.509 certificates and revocation lists (RFC 5280), in the vendors' profiles.

use p256::ecdsa::signature::Signer as _;
use rsa::pkcs8::EncodePublicKey as _;
use sha2::{Digest, Sha256, Sha384};

use crate::Seed;
use crate::der;

/// 2020-01-01 to 2045-01-01: like the vendors', the authorities' certificates do not depend on today.
pub(crate) const AUTHORITIES: (u64, u64) = (1_577_836_800, 2_366_841_600);

/// In seconds.
pub(crate) const DAY: u64 = 86_400;

/// Signs certificates and lists.
pub(crate) trait Authority {
    /// The AlgorithmIdentifier of its signatures.
    fn algorithm(&self) -> Vec<u8>;

    /// The signature of these bytes, as it stands in the bit string.
    fn sign(&self, bytes: &[u8]) -> Vec<u8>;
}

/// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes (RFC 4055, section 3.1).
pub(crate) struct Pss<'a> {
    pub(crate) key: &'a rsa::PrivateKey,
    /// The salts come from here and from what is signed, so that the same bytes have the same signature.
    pub(crate) seed: Seed,
    /// Writes the default trailer field out, as AMD's authorities have it, against DER.
    pub(crate) trailer: bool,
}

impl Authority for Pss<'_> {
    fn algorithm(&self) -> Vec<u8> {
        let sha384 = der::sequence(&[&der::oid(&[2, 16, 840, 1, 101, 3, 4, 2, 2]), &der::null()]);
        let mgf1 = der::sequence(&[&der::oid(&[1, 2, 840, 113_549, 1, 1, 8]), &sha384]);
        let trailer = if self.trailer { der::explicit(3, &[&der::number(1)]) } else { Vec::new() };
        let parameters = der::sequence(&[
            &der::explicit(0, &[&sha384]),
            &der::explicit(1, &[&mgf1]),
            &der::explicit(2, &[&der::number(48)]),
            &trailer,
        ]);
        der::sequence(&[&der::oid(&[1, 2, 840, 113_549, 1, 1, 10]), &parameters])
    }

    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let salt = Seed(Sha256::new().chain_update(self.seed.0).chain_update(bytes).finalize().into());
        let signature = self.key.pss_sign_with_rng::<Sha384, _>(&mut salt.stream("PSS salt"), bytes);
        signature.expect("4096 bits are enough for this padding, and the generator does not fail")
    }
}

/// ECDSA on P-256 with SHA-256 (RFC 5758, section 3.2); deterministic (RFC 6979).
pub(crate) struct Ecdsa<'a>(pub(crate) &'a p256::ecdsa::SigningKey);

impl Authority for Ecdsa<'_> {
    fn algorithm(&self) -> Vec<u8> {
        der::sequence(&[&der::oid(&[1, 2, 840, 10045, 4, 3, 2])])
    }

    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let signature: p256::ecdsa::Signature = self.0.sign(bytes);
        signature.to_der().as_bytes().to_vec()
    }
}

/// A name attribute's value.
pub(crate) enum Text<'a> {
    Utf8(&'a str),
    Printable(&'a str),
}

/// A name: attributes by the last arc of their identifier (2.5.4.x).
pub(crate) fn name(attributes: &[(u32, Text<'_>)]) -> Vec<u8> {
    let parts: Vec<_> = attributes
        .iter()
        .map(|(arc, text)| {
            let text = match text {
                Text::Utf8(text) => der::utf8(text),
                Text::Printable(text) => der::printable(text),
            };
            der::set(&[&der::sequence(&[&der::oid(&[2, 5, 4, *arc]), &text])])
        })
        .collect();
    der::sequence_of(&parts)
}

/// A certificate before it is signed.
pub(crate) struct Certificate<'a> {
    /// Big endian.
    pub(crate) serial: &'a [u8],
    pub(crate) issuer: &'a [u8],
    pub(crate) subject: &'a [u8],
    /// Seconds since 1970.
    pub(crate) not_before: u64,
    /// Seconds since 1970.
    pub(crate) not_after: u64,
    /// SubjectPublicKeyInfo.
    pub(crate) key: &'a [u8],
    pub(crate) extensions: &'a [Vec<u8>],
}

impl Certificate<'_> {
    pub(crate) fn sign(&self, authority: &dyn Authority) -> Vec<u8> {
        let tbs = der::sequence(&[
            &der::explicit(0, &[&der::number(2)]),
            &der::unsigned(self.serial),
            &authority.algorithm(),
            self.issuer,
            &der::sequence(&[&der::time(self.not_before), &der::time(self.not_after)]),
            self.subject,
            self.key,
            &der::explicit(3, &[&der::sequence_of(self.extensions)]),
        ]);
        signed(&tbs, authority)
    }
}

/// A revocation list before it is signed.
pub(crate) struct Crl<'a> {
    pub(crate) issuer: &'a [u8],
    /// Seconds since 1970.
    pub(crate) this_update: u64,
    /// Seconds since 1970.
    pub(crate) next_update: u64,
    /// Serial numbers, big endian.
    pub(crate) revoked: &'a [&'a [u8]],
    pub(crate) extensions: &'a [Vec<u8>],
}

impl Crl<'_> {
    pub(crate) fn sign(&self, authority: &dyn Authority) -> Vec<u8> {
        let since = der::time(self.this_update);
        let entries: Vec<_> =
            self.revoked.iter().map(|serial| der::sequence(&[&der::unsigned(serial), &since])).collect();
        // An empty list of entries is left out (RFC 5280, section 5.1.2.6).
        let entries = if entries.is_empty() { Vec::new() } else { der::sequence_of(&entries) };
        let tbs = der::sequence(&[
            &der::number(1),
            &authority.algorithm(),
            self.issuer,
            &since,
            &der::time(self.next_update),
            &entries,
            &der::explicit(0, &[&der::sequence_of(self.extensions)]),
        ]);
        signed(&tbs, authority)
    }
}

fn signed(tbs: &[u8], authority: &dyn Authority) -> Vec<u8> {
    der::sequence(&[tbs, &authority.algorithm(), &der::bits(&authority.sign(tbs))])
}

/// An extension.
pub(crate) fn extension(oid: &[u32], critical: bool, content: &[u8]) -> Vec<u8> {
    let critical = if critical { der::boolean(true) } else { Vec::new() };
    der::sequence(&[&der::oid(oid), &critical, &der::octets(&[content])])
}

/// BasicConstraints of an authority; `path` is the most authorities below it.
pub(crate) fn authority(path: Option<u64>) -> Vec<u8> {
    let path = path.map(der::number).unwrap_or_default();
    extension(&[2, 5, 29, 19], true, &der::sequence(&[&der::boolean(true), &path]))
}

/// BasicConstraints of anybody else.
pub(crate) fn no_authority() -> Vec<u8> {
    extension(&[2, 5, 29, 19], true, &der::sequence(&[]))
}

/// KeyUsage: how many bits are unused, and the bits.
pub(crate) fn usage(unused: u8, usage: u8) -> Vec<u8> {
    extension(&[2, 5, 29, 15], true, &der::value(0x03, &[&[unused, usage]]))
}

/// SubjectKeyIdentifier.
pub(crate) fn subject_key(key: &[u8]) -> Vec<u8> {
    extension(&[2, 5, 29, 14], false, &der::octets(&[&identifier(key)]))
}

/// AuthorityKeyIdentifier.
pub(crate) fn authority_key(key: &[u8]) -> Vec<u8> {
    extension(&[2, 5, 29, 35], false, &der::sequence(&[&der::value(0x80, &[&identifier(key)])]))
}

/// CRLDistributionPoints with one address.
pub(crate) fn distribution_point(address: &str) -> Vec<u8> {
    let point = der::explicit(0, &[&der::explicit(0, &[&der::value(0x86, &[address.as_bytes()])])]);
    extension(&[2, 5, 29, 31], false, &der::sequence(&[&der::sequence(&[&point])]))
}

/// CRLNumber.
pub(crate) fn crl_number(number: u64) -> Vec<u8> {
    extension(&[2, 5, 29, 20], false, &der::number(number))
}

/// A key identifier: the SHA-256 of the SubjectPublicKeyInfo (RFC 7093, section 2, method 4), its leftmost 160
/// bits, which is the length that the vendors' have.
fn identifier(key: &[u8]) -> [u8; 20] {
    let digest = Sha256::digest(key);
    let mut identifier = [0; 20];
    identifier.copy_from_slice(&digest[..20]);
    identifier
}

/// SubjectPublicKeyInfo of an RSA key.
pub(crate) fn rsa_key(key: &rsa::PrivateKey) -> Vec<u8> {
    let document = key.to_public_key().to_public_key_der();
    document.expect("a public key of 4096 bits has an encoding").as_bytes().to_vec()
}

/// SubjectPublicKeyInfo of a P-384 key.
pub(crate) fn p384_key(key: &p384::ecdsa::SigningKey) -> Vec<u8> {
    elliptic(&[1, 3, 132, 0, 34], key.verifying_key().to_sec1_point(false).as_bytes())
}

/// SubjectPublicKeyInfo of a P-256 key.
pub(crate) fn p256_key(key: &p256::ecdsa::SigningKey) -> Vec<u8> {
    elliptic(&[1, 2, 840, 10045, 3, 1, 7], key.verifying_key().to_sec1_point(false).as_bytes())
}

/// RFC 5480, section 2.1.1, with a named curve.
fn elliptic(curve: &[u32], point: &[u8]) -> Vec<u8> {
    let algorithm = der::sequence(&[&der::oid(&[1, 2, 840, 10045, 2, 1]), &der::oid(curve)]);
    der::sequence(&[&algorithm, &der::bits(point)])
}
