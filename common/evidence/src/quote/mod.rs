//! SGX and TDX quotes.
//!
//! Sources: Intel, "Intel TDX DCAP Quoting Library API", appendix "Quote Format" (versions 4 and 5); "Intel
//! SGX ECDSA QuoteLibReference DCAP API", appendix A (version 3); Intel SDM volume 3D, "REPORT"; "Intel TDX
//! Module ABI", TDREPORT_STRUCT.

mod body;
mod certification;
mod parse;

use alloc::vec::Vec;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub use body::{SgxAttributes, SgxReport, TdAttributes, TdReport10, TdReport15};
pub use certification::{Certification, Content, SignatureData};

/// QE_VENDOR_ID of Intel's quoting enclaves, 939a7233-f79c-4ca9-940a-0db3957f0607.
pub const QE_VENDOR_INTEL: [u8; 16] = *b"\x93\x9a\x72\x33\xf7\x9c\x4c\xa9\x94\x0a\x0d\xb3\x95\x7f\x06\x07";

/// The header of every version, 48 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Header {
    /// VERSION: 3, 4 or 5.
    pub version: u16,
    /// ATT_KEY_TYPE; 2 is ECDSA P-256.
    pub attestation_key_type: u16,
    /// TEE_TYPE: 0 is SGX, 0x81 TDX. Reserved, and zero, in version 3.
    pub tee_type: u32,
    /// QE_SVN in version 3; reserved after.
    pub qe_svn: u16,
    /// PCE_SVN in version 3; reserved after.
    pub pce_svn: u16,
    /// QE_VENDOR_ID.
    pub qe_vendor_id: [u8; 16],
    /// USER_DATA; the first 16 bytes name the platform.
    pub user_data: [u8; 20],
}

const _: () = assert!(size_of::<Header>() == 48 && core::mem::offset_of!(Header, qe_vendor_id) == 12);

/// TEE_TYPE of SGX.
pub const TEE_SGX: u32 = 0;
/// TEE_TYPE of TDX.
pub const TEE_TDX: u32 = 0x81;

/// The report that a quote is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// An enclave's.
    Sgx(SgxReport),
    /// A TD's, TDX 1.0.
    Td10(TdReport10),
    /// A TD's, TDX 1.5.
    Td15(TdReport15),
}

/// A quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The header.
    pub header: Header,
    /// The report.
    pub body: Body,
    /// All that the quoting enclave added.
    pub signature: SignatureData,
}

impl Quote {
    /// The shortest that can be one: a header, a body, a length.
    pub const LEAST: usize = 48 + 384 + 4;

    /// Reads a quote: exactly its bytes.
    ///
    /// # Errors
    /// [`crate::EvidenceError`]: each length, version and type that decides the layout.
    pub fn parse(bytes: &[u8]) -> Result<Self, crate::EvidenceError> {
        parse::quote(bytes)
    }

    /// The bytes that [`Quote::parse`] reads.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let mut bytes = self.signed();
        let signature = self.signature.build(self.header.version);
        bytes.extend((signature.len() as u32).to_le_bytes());
        bytes.extend(signature);
        bytes
    }

    /// The bytes that the attestation key signed: header and body, in version 5 with the body's type and
    /// length between them.
    #[must_use]
    pub fn signed(&self) -> Vec<u8> {
        let mut bytes = self.header.as_bytes().to_vec();
        let body = self.body.bytes();
        if self.header.version == 5 {
            bytes.extend(self.body.kind().to_le_bytes());
            bytes.extend((body.len() as u32).to_le_bytes());
        }
        bytes.extend(body);
        bytes
    }

    /// REPORTDATA of the body.
    #[must_use]
    pub const fn report_data(&self) -> &[u8; 64] {
        match &self.body {
            Body::Sgx(report) => &report.report_data,
            Body::Td10(report) => &report.report_data,
            Body::Td15(report) => &report.base.report_data,
        }
    }
}

impl Body {
    /// The body's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Sgx(report) => report.as_bytes(),
            Self::Td10(report) => report.as_bytes(),
            Self::Td15(report) => report.as_bytes(),
        }
    }

    /// The body's type in a version 5 quote.
    #[must_use]
    pub const fn kind(&self) -> u16 {
        match self {
            Self::Sgx(_) => 1,
            Self::Td10(_) => 2,
            Self::Td15(_) => 3,
        }
    }

    /// What a TD says, whichever version.
    #[must_use]
    pub const fn td(&self) -> Option<&TdReport10> {
        match self {
            Self::Sgx(_) => None,
            Self::Td10(report) => Some(report),
            Self::Td15(report) => Some(&report.base),
        }
    }
}
