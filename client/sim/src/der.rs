//! Writes DER, and what the vendors write in its place.
//!
//! An encoder that is strict cannot write AMD's certificates: they have a default value written out, and an
//! extension whose content is no DER at all.

use der::DateTime;

/// A value with its tag and length.
pub(crate) fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = vec![tag];
    if length < 0x80 {
        bytes.push(length as u8);
    } else {
        let big_endian = length.to_be_bytes();
        let used = big_endian.iter().skip_while(|byte| **byte == 0);
        bytes.push(0x80 | used.clone().count() as u8);
        bytes.extend(used);
    }
    bytes.extend(parts.concat());
    bytes
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    value(0x30, parts)
}

/// A sequence of values that are at hand as a list.
pub(crate) fn sequence_of(parts: &[Vec<u8>]) -> Vec<u8> {
    value(0x30, &[&parts.concat()])
}

pub(crate) fn set(parts: &[&[u8]]) -> Vec<u8> {
    value(0x31, parts)
}

/// `[number] EXPLICIT`.
pub(crate) fn explicit(number: u8, parts: &[&[u8]]) -> Vec<u8> {
    value(0xa0 | number, parts)
}

pub(crate) fn octets(parts: &[&[u8]]) -> Vec<u8> {
    value(0x04, parts)
}

/// Whole bytes as a bit string.
pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    value(0x03, &[&[0], bytes])
}

pub(crate) fn boolean(is: bool) -> Vec<u8> {
    value(0x01, &[&[if is { 0xff } else { 0 }]])
}

pub(crate) fn null() -> Vec<u8> {
    value(0x05, &[])
}

pub(crate) fn utf8(text: &str) -> Vec<u8> {
    value(0x0c, &[text.as_bytes()])
}

pub(crate) fn printable(text: &str) -> Vec<u8> {
    value(0x13, &[text.as_bytes()])
}

pub(crate) fn ia5(text: &str) -> Vec<u8> {
    value(0x16, &[text.as_bytes()])
}

/// An unsigned number, big endian.
pub(crate) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let digits = bytes.get(start..).unwrap_or_default();
    let sign: &[u8] = if digits.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    value(0x02, &[sign, digits])
}

pub(crate) fn number(number: u64) -> Vec<u8> {
    unsigned(&number.to_be_bytes())
}

/// An object identifier from its arcs, two at least.
pub(crate) fn oid(arcs: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    // The first two arcs share one number.
    let (first, rest) = match arcs {
        [first, second, rest @ ..] => (first * 40 + second, rest),
        _ => (0, arcs),
    };
    for arc in [first].iter().chain(rest) {
        let most = (1..5).rev().find(|group| arc >> (7 * group) != 0).unwrap_or(0);
        for group in (0..=most).rev() {
            let more = if group == 0 { 0 } else { 0x80 };
            bytes.push((arc >> (7 * group)) as u8 & 0x7f | more);
        }
    }
    value(0x06, &[&bytes])
}

/// Seconds since 1970 as X.509 has them: UTCTime until 2049, then GeneralizedTime (RFC 5280, section 4.1.2.5).
/// What is past the calendar's year 9999 is its last second.
pub(crate) fn time(unix: u64) -> Vec<u8> {
    let date = date(unix);
    let rest = format!(
        "{:02}{:02}{:02}{:02}{:02}Z",
        date.month(),
        date.day(),
        date.hour(),
        date.minutes(),
        date.seconds()
    );
    match date.year() {
        year @ ..2050 => value(0x17, &[format!("{:02}{rest}", year % 100).as_bytes()]),
        year => value(0x18, &[format!("{year:04}{rest}").as_bytes()]),
    }
}

pub(crate) fn date(unix: u64) -> DateTime {
    DateTime::from_unix_duration(core::time::Duration::from_secs(unix)).unwrap_or(DateTime::INFINITY)
}

/// Certificates as PEM, one after the other (RFC 7468, section 5).
pub(crate) fn pem(certificates: &[Vec<u8>]) -> String {
    certificates.iter().map(|certificate| block("CERTIFICATE", certificate)).collect()
}

/// A revocation list as PEM (RFC 7468, section 6).
#[cfg(feature = "service")]
pub(crate) fn pem_crl(crl: &[u8]) -> String {
    block("X509 CRL", crl)
}

fn block(label: &str, bytes: &[u8]) -> String {
    let block = der::pem::encode_string(label, der::pem::LineEnding::LF, bytes);
    block.expect("the labels are well-formed, and what they are for is shorter than memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_minimal() {
        assert_eq!(value(4, &[&[7; 0x7f]])[..2], [4, 0x7f]);
        assert_eq!(value(4, &[&[7; 0x80]])[..3], [4, 0x81, 0x80]);
        assert_eq!(value(4, &[&[7; 0x100]])[..4], [4, 0x82, 1, 0]);
    }

    #[test]
    fn numbers_are_positive_and_minimal() {
        assert_eq!(number(0), [2, 1, 0]);
        assert_eq!(number(0x7f), [2, 1, 0x7f]);
        assert_eq!(number(0xdb), [2, 2, 0, 0xdb]);
        assert_eq!(number(0x1_0001), [2, 3, 1, 0, 1]);
    }

    #[test]
    fn identifiers_have_seven_bits_a_byte() {
        assert_eq!(oid(&[1, 3, 6, 1, 4, 1, 3704, 1, 4]), *b"\x06\x09\x2b\x06\x01\x04\x01\x9c\x78\x01\x04");
        assert_eq!(oid(&[1, 2, 840, 0, 128]), *b"\x06\x06\x2a\x86\x48\x00\x81\x00");
    }

    #[test]
    fn a_time_says_its_century_from_2050_on() {
        assert_eq!(time(0), *b"\x17\x0d700101000000Z");
        assert_eq!(time(2_524_607_999), *b"\x17\x0d491231235959Z");
        assert_eq!(time(2_524_608_000), *b"\x18\x0f20500101000000Z");
        assert_eq!(time(u64::MAX), *b"\x18\x0f99991231235959Z");
    }
}
