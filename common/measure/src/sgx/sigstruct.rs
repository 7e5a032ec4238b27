//! SIGSTRUCT: the enclave's certificate, made by its owner and checked by EINIT.
//!
//! Layout: SDM volume 3D, table 37-21, "Layout of Enclave Signature Structure". What EINIT checks: chapter 40,
//! "EINIT—Initialize an Enclave for Execution", and 38.1.4, the quotients.

use core::mem::offset_of;

use crypto_bigint::{BoxedUint, NonZero, U3072, U6144, Uint};
use rsa::traits::PublicKeyParts;
use rsa::{PrivateKey, PublicKey};
use sha2::{Digest as _, Sha256};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::digest::{Digest, Digest256};

/// Bytes of an RSA-3072 number.
pub const KEY_BYTES: usize = 384;

const HEADER: [u8; 16] = *b"\x06\0\0\0\xe1\0\0\0\0\0\x01\0\0\0\0\0";
const HEADER2: [u8; 16] = *b"\x01\x01\0\0\x60\0\0\0\x60\0\0\0\x01\0\0\0";
const EXPONENT: u32 = 3;
const VENDOR_INTEL: u32 = 0x8086;

/// Why a SIGSTRUCT is refused. Whoever made it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigStructError {
    /// Another length.
    #[error("a SIGSTRUCT has {size} bytes, not {0}", size = size_of::<SigStruct>())]
    Length(usize),
    /// A field that has one value only, or bytes that must be zero.
    #[error("{0} of the SIGSTRUCT is not what EINIT demands")]
    Field(&'static str),
    /// The key: not RSA-3072 with exponent 3.
    #[error("the signing key is not an RSA key of 3072 bits with public exponent 3; SGX takes no other")]
    Key,
    /// The signature does not hold.
    #[error("the SIGSTRUCT's signature does not hold for its bytes and key")]
    Signature,
    /// Q1 or Q2 is not the quotient.
    #[error("{0} of the SIGSTRUCT is not the quotient that EINIT needs")]
    Quotient(&'static str),
    /// The key could not sign.
    #[error("the signing key could not sign: its parts do not belong together")]
    Sign,
}

/// ATTRIBUTES of an enclave (SDM volume 3D, table 37-3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Attributes {
    /// Bit 0 INIT, 1 DEBUG, 2 MODE64BIT, 4 PROVISIONKEY, 5 EINITTOKENKEY, 7 KSS.
    pub flags: u64,
    /// XFRM: the extended states that the enclave may use, as XCR0.
    pub xfrm: u64,
}

/// What the owner signs of an enclave, less the constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigStructBody {
    /// ENCLAVEHASH: the expected MRENCLAVE.
    pub enclave_hash: Digest256,
    /// DATE, as binary-coded decimal 0xYYYYMMDD.
    pub date: u32,
    /// SWDEFINED.
    pub sw_defined: u32,
    /// MISCSELECT.
    pub misc_select: u32,
    /// MISCMASK: which bits of MISCSELECT must be as here.
    pub misc_mask: u32,
    /// ATTRIBUTES.
    pub attributes: Attributes,
    /// ATTRIBUTEMASK: which bits of ATTRIBUTES must be as here.
    pub attribute_mask: Attributes,
    /// ISVFAMILYID.
    pub isv_family_id: [u8; 16],
    /// ISVEXTPRODID.
    pub isv_ext_prod_id: [u8; 16],
    /// ISVPRODID.
    pub isv_prod_id: u16,
    /// ISVSVN.
    pub isv_svn: u16,
}

/// The structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SigStruct {
    header: [u8; 16],
    vendor: u32,
    date: u32,
    header2: [u8; 16],
    sw_defined: u32,
    reserved_44: [u8; 84],
    modulus: [u8; KEY_BYTES],
    exponent: u32,
    signature: [u8; KEY_BYTES],
    misc_select: u32,
    misc_mask: u32,
    cet_attributes: u8,
    cet_attributes_mask: u8,
    reserved_910: [u8; 2],
    isv_family_id: [u8; 16],
    attributes: Attributes,
    attribute_mask: Attributes,
    enclave_hash: [u8; 32],
    reserved_992: [u8; 16],
    isv_ext_prod_id: [u8; 16],
    isv_prod_id: u16,
    isv_svn: u16,
    reserved_1028: [u8; 12],
    q1: [u8; KEY_BYTES],
    q2: [u8; KEY_BYTES],
}

/// Where the second signed part begins and ends; the first is what lies before the modulus.
const SIGNED: core::ops::Range<usize> =
    offset_of!(SigStruct, misc_select)..offset_of!(SigStruct, reserved_1028);

const _: () = {
    assert!(size_of::<SigStruct>() == 1808);
    assert!(offset_of!(SigStruct, modulus) == 128);
    assert!(offset_of!(SigStruct, signature) == 516);
    assert!(SIGNED.start == 900 && SIGNED.end == 1028);
    assert!(offset_of!(SigStruct, attributes) == 928);
    assert!(offset_of!(SigStruct, enclave_hash) == 960);
    assert!(offset_of!(SigStruct, q1) == 1040);
};

impl SigStructBody {
    /// Signs it: RSASSA-PKCS1-v1_5 with SHA-256.
    ///
    /// # Errors
    /// If `key` is not one that SGX takes, or cannot sign.
    pub fn sign(&self, key: &PrivateKey) -> Result<SigStruct, SigStructError> {
        let public = key.as_public_key();
        let modulus = little_endian(&public.n_bytes()).ok_or(SigStructError::Key)?;
        let signature = key.pkcs1v15_sign::<Sha256>(&self.message()).map_err(|_| SigStructError::Sign)?;
        let signature = little_endian(&signature).ok_or(SigStructError::Key)?;
        self.complete(modulus, signature)
    }

    /// The bytes to be signed, for a key that is kept elsewhere: RSASSA-PKCS1-v1_5 with SHA-256.
    #[must_use]
    pub fn message(&self) -> [u8; 256] {
        self.unsigned().message()
    }

    /// With a signature over [`Self::message`] that was made elsewhere. Both numbers are little endian.
    ///
    /// # Errors
    /// If they do not verify.
    pub fn complete(
        &self,
        modulus: [u8; KEY_BYTES],
        signature: [u8; KEY_BYTES],
    ) -> Result<SigStruct, SigStructError> {
        let mut structure = SigStruct { modulus, signature, ..self.unsigned() };
        let (q1, q2) = structure.quotients().ok_or(SigStructError::Key)?;
        structure.q1 = q1;
        structure.q2 = q2;
        structure.verify()?;
        Ok(structure)
    }

    fn unsigned(&self) -> SigStruct {
        SigStruct {
            header: HEADER,
            date: self.date,
            header2: HEADER2,
            sw_defined: self.sw_defined,
            exponent: EXPONENT,
            misc_select: self.misc_select,
            misc_mask: self.misc_mask,
            isv_family_id: self.isv_family_id,
            attributes: self.attributes,
            attribute_mask: self.attribute_mask,
            enclave_hash: self.enclave_hash.0,
            isv_ext_prod_id: self.isv_ext_prod_id,
            isv_prod_id: self.isv_prod_id,
            isv_svn: self.isv_svn,
            ..SigStruct::new_zeroed()
        }
    }
}

impl SigStruct {
    /// Reads one. It says nothing about the signature.
    ///
    /// # Errors
    /// If `bytes` is not 1808 bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, SigStructError> {
        Self::read_from_bytes(bytes).map_err(|_| SigStructError::Length(bytes.len()))
    }

    /// What it says of the enclave.
    #[must_use]
    pub const fn body(&self) -> SigStructBody {
        SigStructBody {
            enclave_hash: Digest(self.enclave_hash),
            date: self.date,
            sw_defined: self.sw_defined,
            misc_select: self.misc_select,
            misc_mask: self.misc_mask,
            attributes: self.attributes,
            attribute_mask: self.attribute_mask,
            isv_family_id: self.isv_family_id,
            isv_ext_prod_id: self.isv_ext_prod_id,
            isv_prod_id: self.isv_prod_id,
            isv_svn: self.isv_svn,
        }
    }

    /// MRSIGNER: SHA-256 of the modulus, as it lies here.
    #[must_use]
    pub fn mrsigner(&self) -> Digest256 {
        Digest(Sha256::digest(self.modulus).into())
    }

    /// Checks what EINIT checks of the structure alone: constants, key, signature, quotients.
    ///
    /// # Errors
    /// The first of them that does not hold.
    pub fn verify(&self) -> Result<(), SigStructError> {
        let zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        for (name, fine) in [
            ("HEADER", self.header == HEADER),
            ("VENDOR", matches!(self.vendor, 0 | VENDOR_INTEL)),
            ("HEADER2", self.header2 == HEADER2),
            ("EXPONENT", self.exponent == EXPONENT),
            ("the reserved part at 44", zero(&self.reserved_44)),
            ("the reserved part at 910", zero(&self.reserved_910)),
            ("the reserved part at 992", zero(&self.reserved_992)),
            ("the reserved part at 1028", zero(&self.reserved_1028)),
        ] {
            if !fine {
                return Err(SigStructError::Field(name));
            }
        }
        let number = |bytes: &[u8]| BoxedUint::from_le_slice(bytes, 8 * KEY_BYTES as u32);
        let modulus = number(&self.modulus).map_err(|_| SigStructError::Key)?;
        let key = PublicKey::new(modulus, BoxedUint::from(EXPONENT)).map_err(|_| SigStructError::Key)?;
        let mut signature = self.signature;
        signature.reverse();
        key.pkcs1v15_verify::<Sha256>(&self.message(), &signature).map_err(|_| SigStructError::Signature)?;
        let (q1, q2) = self.quotients().ok_or(SigStructError::Key)?;
        if q1 != self.q1 {
            return Err(SigStructError::Quotient("Q1"));
        }
        if q2 != self.q2 {
            return Err(SigStructError::Quotient("Q2"));
        }
        Ok(())
    }

    fn message(&self) -> [u8; 256] {
        let mut message = [0; 256];
        let bytes = self.as_bytes();
        message[..128].copy_from_slice(&bytes[..128]);
        message[128..].copy_from_slice(&bytes[SIGNED]);
        message
    }

    /// Q1 = ⌊S² / N⌋ and Q2 = ⌊(S³ − Q1·S·N) / N⌋ = ⌊S·(S² mod N) / N⌋, which fit if S < N. None of it
    /// is secret.
    fn quotients(&self) -> Option<([u8; KEY_BYTES], [u8; KEY_BYTES])> {
        let modulus = U3072::from_le_slice(&self.modulus);
        let signature = U3072::from_le_slice(&self.signature);
        let divisor = NonZero::new(modulus).into_option().filter(|_| signature < modulus)?;
        let square: U6144 = signature.concatenating_mul(&signature);
        let (q1, rest) = square.div_rem_vartime(&divisor);
        let product: U6144 = signature.concatenating_mul(&rest);
        let (q2, _) = product.div_rem_vartime(&divisor);
        Some((low_half(&q1), low_half(&q2)))
    }
}

fn low_half<const LIMBS: usize>(number: &Uint<LIMBS>) -> [u8; KEY_BYTES] {
    let mut bytes = [0; KEY_BYTES];
    for (to, from) in bytes.iter_mut().zip(number.to_le_bytes().as_ref()) {
        *to = *from;
    }
    bytes
}

/// A big-endian number of exactly 384 bytes, reversed.
fn little_endian(number: &[u8]) -> Option<[u8; KEY_BYTES]> {
    let mut bytes: [u8; KEY_BYTES] = number.try_into().ok()?;
    bytes.reverse();
    Some(bytes)
}
