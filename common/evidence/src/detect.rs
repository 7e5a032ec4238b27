//! Which kind of evidence some bytes are.

use crate::quote::{QE_VENDOR_INTEL, Quote};
use crate::snp::Report;

/// A kind of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A SEV-SNP report.
    SnpReport,
    /// An SGX or TDX quote.
    Quote,
    /// A Hyper-V HCL blob, as Azure hands it out, which holds a SEV-SNP report at this offset.
    AzureHcl(usize),
}

/// Where the report lies in an HCL blob.
const HCL_REPORT: usize = 32;

/// Guesses by the first bytes and the length. The parser decides.
#[must_use]
pub fn detect(bytes: &[u8]) -> Option<Form> {
    let version = u16::from_le_bytes(*bytes.first_chunk()?);
    if bytes.get(12..28) == Some(&QE_VENDOR_INTEL) && bytes.len() >= Quote::LEAST {
        return Some(Form::Quote);
    }
    if bytes.starts_with(b"HCLA") && bytes.len() >= HCL_REPORT + Report::LENGTH {
        return Some(Form::AzureHcl(HCL_REPORT));
    }
    // Cut off or followed by something it is a report still, and the parser says what is wrong.
    let high = bytes.get(2..4)?;
    ((1..=9).contains(&version) && high == [0, 0] && bytes.len() > 64).then_some(Form::SnpReport)
}
