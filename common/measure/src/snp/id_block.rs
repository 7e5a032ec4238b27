//! The ID block: what the guest's owner has signed of a launch. The firmware refuses to finish a launch whose
//! digest or policy differs, and reports the digests of the keys.
//!
//! Layouts: AMD 56860, `SNP_LAUNCH_FINISH`, "Structure of the ID Block" and "Structure of the ID
//! Authentication Information Structure"; chapter "Digital Signature Algorithm IDs and formats".

use core::mem::offset_of;

use p384::ecdsa::signature::{Signer, Verifier};
use p384::ecdsa::{Signature, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha384};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::digest::{Digest, Digest384};

/// ECDSA on P-384 with SHA-384.
const ALGORITHM: u32 = 1;
/// The curve P-384 in a public key.
const CURVE_P384: u32 = 2;
/// Bytes of a coordinate or scalar of P-384.
const SCALAR: usize = 48;

/// Why an ID block or its authentication is refused. Whoever made it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdBlockError {
    /// Another length than the structure's.
    #[error("the {0} has another length than its structure")]
    Length(&'static str),
    /// Another algorithm than ECDSA P-384 with SHA-384, the only one that is defined.
    #[error("the {0} key uses an algorithm other than ECDSA P-384 with SHA-384")]
    Algorithm(&'static str),
    /// Not a point of the curve, or bytes that must be zero are not.
    #[error("the {0} key is no P-384 key")]
    Key(&'static str),
    /// The signature does not hold.
    #[error("the signature by the {0} key does not hold for these bytes")]
    Signature(&'static str),
    /// Reserved bytes are used.
    #[error("reserved bytes of the {0} are not zero")]
    Reserved(&'static str),
    /// A version that is not known.
    #[error("the ID block has version {0}, known is 1")]
    Version(u32),
}

/// What is signed, 96 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct IdBlock {
    /// LD: the expected launch digest.
    pub ld: [u8; 48],
    /// FAMILY_ID of the report.
    pub family_id: [u8; 16],
    /// IMAGE_ID of the report.
    pub image_id: [u8; 16],
    /// Version of the structure, 1.
    pub version: u32,
    /// GUEST_SVN of the report.
    pub guest_svn: u32,
    /// POLICY of the launch.
    pub policy: u64,
}

const _: () = assert!(size_of::<IdBlock>() == 96 && offset_of!(IdBlock, version) == 0x50);

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct EcdsaPublicKey {
    /// 2 for P-384.
    pub curve: u32,
    /// First coordinate, little endian.
    pub qx: [u8; 72],
    /// Second coordinate, little endian.
    pub qy: [u8; 72],
    reserved: [u8; 880],
}

/// A signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct EcdsaSignature {
    /// R, little endian.
    pub r: [u8; 72],
    /// S, little endian.
    pub s: [u8; 72],
    reserved: [u8; 368],
}

/// Keys and signatures, one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct IdAuth {
    /// 1: ECDSA P-384 with SHA-384.
    pub id_key_algo: u32,
    /// The same for the author key; 0 without one.
    pub auth_key_algo: u32,
    reserved_0x8: [u8; 56],
    /// Over the ID block, by the ID key.
    pub id_block_sig: EcdsaSignature,
    /// The ID key.
    pub id_key: EcdsaPublicKey,
    reserved_0x644: [u8; 60],
    /// Over the ID key, by the author key. Zero without one.
    pub id_key_sig: EcdsaSignature,
    /// The author key. Zero without one.
    pub author_key: EcdsaPublicKey,
    reserved_0xc84: [u8; 892],
}

const _: () = {
    assert!(size_of::<EcdsaPublicKey>() == 1028);
    assert!(size_of::<EcdsaSignature>() == 512);
    assert!(size_of::<IdAuth>() == 4096);
    assert!(offset_of!(IdAuth, id_block_sig) == 0x40);
    assert!(offset_of!(IdAuth, id_key) == 0x240);
    assert!(offset_of!(IdAuth, id_key_sig) == 0x680);
    assert!(offset_of!(IdAuth, author_key) == 0x880);
};

impl IdBlock {
    /// For a launch with this digest and policy, without IDs, security version 0.
    #[must_use]
    pub const fn new(ld: Digest384, policy: u64) -> Self {
        Self { ld: ld.0, family_id: [0; 16], image_id: [0; 16], version: 1, guest_svn: 0, policy }
    }

    /// Reads one.
    ///
    /// # Errors
    /// If `bytes` is not 96 bytes, or of another version.
    pub fn parse(bytes: &[u8]) -> Result<Self, IdBlockError> {
        let block = Self::read_from_bytes(bytes).map_err(|_| IdBlockError::Length("ID block"))?;
        if block.version == 1 { Ok(block) } else { Err(IdBlockError::Version(block.version)) }
    }
}

impl IdAuth {
    /// Signs `block` with `id_key`, and that with `author_key`, if there is one. Deterministic (RFC 6979).
    #[must_use]
    pub fn sign(block: &IdBlock, id_key: &SigningKey, author_key: Option<&SigningKey>) -> Self {
        let mut auth = Self::new_zeroed();
        auth.id_key_algo = ALGORITHM;
        auth.id_block_sig = EcdsaSignature::sign(block.as_bytes(), id_key);
        auth.id_key = EcdsaPublicKey::new(id_key.verifying_key());
        if let Some(author_key) = author_key {
            auth.auth_key_algo = ALGORITHM;
            auth.id_key_sig = EcdsaSignature::sign(auth.id_key.as_bytes(), author_key);
            auth.author_key = EcdsaPublicKey::new(author_key.verifying_key());
        }
        auth
    }

    /// Reads one. It says nothing about the signatures.
    ///
    /// # Errors
    /// If `bytes` is not one page.
    pub fn parse(bytes: &[u8]) -> Result<Self, IdBlockError> {
        Self::read_from_bytes(bytes).map_err(|_| IdBlockError::Length("ID authentication"))
    }

    /// Checks what the firmware checks: algorithms, keys, the signature over `block`, and with
    /// `author_key_en` the author's over the ID key.
    ///
    /// # Errors
    /// The first of them that does not hold.
    pub fn verify(&self, block: &IdBlock, author_key_en: bool) -> Result<(), IdBlockError> {
        const ID: &str = "ID";
        const AUTHOR: &str = "author";
        let reserved = [&self.reserved_0x8[..], &self.reserved_0x644, &self.reserved_0xc84];
        if reserved.iter().any(|bytes| bytes.iter().any(|byte| *byte != 0)) {
            return Err(IdBlockError::Reserved("ID authentication"));
        }
        if self.id_key_algo != ALGORITHM {
            return Err(IdBlockError::Algorithm(ID));
        }
        self.id_block_sig.verify(block.as_bytes(), &self.id_key, ID)?;
        if !author_key_en {
            return Ok(());
        }
        if self.auth_key_algo != ALGORITHM {
            return Err(IdBlockError::Algorithm(AUTHOR));
        }
        self.id_key_sig.verify(self.id_key.as_bytes(), &self.author_key, AUTHOR)
    }
}

impl EcdsaPublicKey {
    /// In AMD's form.
    #[must_use]
    pub fn new(key: &VerifyingKey) -> Self {
        let point = key.to_sec1_point(false);
        let mut public = Self::new_zeroed();
        public.curve = CURVE_P384;
        if let (Some(x), Some(y)) = (point.x(), point.y()) {
            public.qx = little_endian(x);
            public.qy = little_endian(y);
        }
        public
    }

    /// ID_KEY_DIGEST or AUTHOR_KEY_DIGEST of a report: SHA-384 of the structure.
    #[must_use]
    pub fn digest(&self) -> Digest384 {
        Digest(Sha384::digest(self.as_bytes()).into())
    }

    fn verifying_key(&self) -> Option<VerifyingKey> {
        if self.curve != CURVE_P384 || self.reserved.iter().any(|byte| *byte != 0) {
            return None;
        }
        let mut point = [0; 1 + 2 * SCALAR];
        point[0] = 4;
        point[1..=SCALAR].copy_from_slice(&big_endian(&self.qx)?);
        point[1 + SCALAR..].copy_from_slice(&big_endian(&self.qy)?);
        VerifyingKey::from_sec1_bytes(&point).ok()
    }
}

impl EcdsaSignature {
    fn sign(message: &[u8], key: &SigningKey) -> Self {
        let signature: Signature = key.sign(message);
        let (r, s) = signature.split_bytes();
        Self { r: little_endian(&r), s: little_endian(&s), reserved: [0; 368] }
    }

    fn verify(&self, message: &[u8], key: &EcdsaPublicKey, who: &'static str) -> Result<(), IdBlockError> {
        let key = key.verifying_key().ok_or(IdBlockError::Key(who))?;
        if self.reserved.iter().any(|byte| *byte != 0) {
            return Err(IdBlockError::Reserved("signature"));
        }
        let refused = IdBlockError::Signature(who);
        let (r, s) = big_endian(&self.r).zip(big_endian(&self.s)).ok_or(refused)?;
        let signature = Signature::from_scalars(r, s).map_err(|_| refused)?;
        key.verify(message, &signature).map_err(|_| refused)
    }
}

/// 48 bytes, reversed, filled to 72.
fn little_endian(number: &[u8]) -> [u8; 72] {
    let mut bytes = [0; 72];
    for (to, from) in bytes.iter_mut().zip(number.iter().rev()) {
        *to = *from;
    }
    bytes
}

/// The reverse. `None` if the number is longer than P-384's.
fn big_endian(bytes: &[u8; 72]) -> Option<[u8; SCALAR]> {
    let (number, above) = bytes.split_first_chunk::<SCALAR>()?;
    let mut number = *number;
    number.reverse();
    above.iter().all(|byte| *byte == 0).then_some(number)
}
