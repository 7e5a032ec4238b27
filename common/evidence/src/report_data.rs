//! REPORT_DATA: the 64 bytes by which a TEE binds a statement into its evidence.
//!
//! What a Keep states is hashed with the name of the statement, so that evidence made for one purpose never
//! serves another, and with the length of each part, so that no two lists of parts give the same bytes.

use sha2::{Digest as _, Sha512};

/// What the bound statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// The identity key of a Keep: the parts are the key's SubjectPublicKeyInfo in DER and the client's nonce.
    Identity,
    /// The key of a certificate that carries evidence: the part is the key's SubjectPublicKeyInfo in DER.
    Certificate,
}

impl Domain {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::Identity => b"holdfast/identity/1",
            Self::Certificate => b"holdfast/certificate/1",
        }
    }
}

/// REPORT_DATA = SHA-512(u64 length of the domain's name ‖ name ‖ for each part: u64 length ‖ part), lengths
/// in little endian.
#[must_use]
pub fn report_data(domain: Domain, parts: &[&[u8]]) -> [u8; 64] {
    let mut hash = Sha512::new();
    for part in [domain.name()].iter().chain(parts) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cannot_be_moved_into_each_other() {
        let one = report_data(Domain::Identity, &[b"key", b"nonce"]);
        for other in
            [&[&b"keyn"[..], b"once"][..], &[b"keynonce"], &[b"key", b"nonce", b""], &[b"nonce", b"key"]]
        {
            assert_ne!(one, report_data(Domain::Identity, other));
        }
    }

    #[test]
    fn it_is_the_documented_hash() {
        let mut text = Vec::new();
        for part in [&b"holdfast/identity/1"[..], b"key", b"n"] {
            text.extend((part.len() as u64).to_le_bytes());
            text.extend(part);
        }
        assert_eq!(report_data(Domain::Identity, &[b"key", b"n"])[..], Sha512::digest(&text)[..]);
    }
}
