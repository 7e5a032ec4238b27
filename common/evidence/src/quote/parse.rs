use zerocopy::FromBytes;

use super::certification::QE_REPORT;
use super::{Body, Certification, Header, Quote, SignatureData, TEE_SGX, TEE_TDX};
use crate::EvidenceError;
use crate::error::{array, end, take};

type Result<T> = core::result::Result<T, EvidenceError>;

pub(super) fn quote(bytes: &[u8]) -> Result<Quote> {
    let mut rest = bytes;
    let header: Header = read(&mut rest, "quote's header")?;
    let body = match header.version {
        3 => Body::Sgx(read(&mut rest, "SGX report")?),
        4 => match header.tee_type {
            TEE_SGX => Body::Sgx(read(&mut rest, "SGX report")?),
            TEE_TDX => Body::Td10(read(&mut rest, "TD report")?),
            found => {
                return Err(EvidenceError::Unknown {
                    what: "TEE type",
                    found,
                    known: "0 (SGX) or 0x81 (TDX)",
                });
            }
        },
        5 => described(&mut rest)?,
        found => {
            return Err(EvidenceError::Version { what: "quote", found: found.into(), known: "3 to 5" });
        }
    };
    if header.attestation_key_type != 2 {
        let found = header.attestation_key_type.into();
        return Err(EvidenceError::Unknown { what: "attestation key type", found, known: "2 (ECDSA P-256)" });
    }
    let length = u32::from_le_bytes(array(&mut rest, "length of the signature data")?) as usize;
    let signature = signature(take(&mut rest, length, "signature data")?, header.version)?;
    end(rest, "quote")?;
    Ok(Quote { header, body, signature })
}

/// The body of a version 5 quote: type, length, report.
fn described(rest: &mut &[u8]) -> Result<Body> {
    let kind = u16::from_le_bytes(array(rest, "body's type")?);
    let found = u32::from_le_bytes(array(rest, "body's length")?) as usize;
    let body = match kind {
        1 => Body::Sgx(read(rest, "SGX report")?),
        2 => Body::Td10(read(rest, "TD report")?),
        3 => Body::Td15(read(rest, "TD report")?),
        other => {
            let known = "1 (SGX), 2 (TDX 1.0) or 3 (TDX 1.5)";
            return Err(EvidenceError::Unknown { what: "body's type", found: other.into(), known });
        }
    };
    match body.bytes().len() {
        needed if needed == found => Ok(body),
        needed => Err(EvidenceError::Length { what: "body's length", needed, found }),
    }
}

fn signature(bytes: &[u8], version: u16) -> Result<SignatureData> {
    let mut rest = bytes;
    let signature = array(&mut rest, "quote's signature")?;
    let attestation_key = array(&mut rest, "attestation key")?;
    if version != 3 {
        let outer = datum(&mut rest)?;
        if outer.0 != QE_REPORT {
            let found = outer.0.into();
            return Err(EvidenceError::Unknown {
                what: "type of certification data",
                found,
                known: "6 (QE report)",
            });
        }
        end(rest, "signature data")?;
        rest = outer.1;
    }
    let qe_report = read(&mut rest, "QE report")?;
    let qe_report_signature = array(&mut rest, "QE report's signature")?;
    let length = u16::from_le_bytes(array(&mut rest, "length of the QE authentication data")?);
    let qe_auth_data = take(&mut rest, length.into(), "QE authentication data")?.to_vec();
    let (kind, data) = datum(&mut rest)?;
    end(rest, "certification data")?;
    let certification = Certification { kind, data: data.to_vec() };
    Ok(SignatureData {
        signature,
        attestation_key,
        qe_report,
        qe_report_signature,
        qe_auth_data,
        certification,
    })
}

fn datum<'a>(rest: &mut &'a [u8]) -> Result<(u16, &'a [u8])> {
    let kind = u16::from_le_bytes(array(rest, "type of certification data")?);
    let length = u32::from_le_bytes(array(rest, "length of certification data")?) as usize;
    Ok((kind, take(rest, length, "certification data")?))
}

fn read<T: FromBytes>(rest: &mut &[u8], what: &'static str) -> Result<T> {
    let bytes = take(rest, size_of::<T>(), what)?;
    T::read_from_bytes(bytes).map_err(|_| EvidenceError::Truncated {
        what,
        needed: size_of::<T>(),
        found: bytes.len(),
    })
}
