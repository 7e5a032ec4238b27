//! Every parser as a function of bytes, for fuzzing: it must not panic, and what it accepts it builds again.

use crate::detect::detect;
use crate::quote::Quote;
use crate::snp::{Generation, Report, Table};

/// [`Report::parse`].
pub fn report(bytes: &[u8]) {
    if let Ok(report) = Report::parse(bytes) {
        assert_eq!(report.build(), *bytes);
        for layout in Generation::ALL.map(Generation::tcb_layout) {
            assert!(
                report
                    .reserved(Some(layout))
                    .iter()
                    .all(|(at, part)| bytes.get(*at..*at + part.len()).is_some())
            );
        }
    }
}

/// [`Quote::parse`].
pub fn quote(bytes: &[u8]) {
    if let Ok(quote) = Quote::parse(bytes) {
        assert_eq!(quote.build(), bytes);
        assert!(bytes.starts_with(&quote.signed()));
    }
}

/// [`Table::parse`].
pub fn certificate_table(bytes: &[u8]) {
    if let Ok(table) = Table::parse(bytes) {
        assert!(
            table.certificates.iter().map(|certificate| certificate.bytes.len()).sum::<usize>()
                <= bytes.len()
        );
        assert_eq!(Table::parse(&table.build()), Ok(table));
    }
}

/// [`detect()`].
pub fn detection(bytes: &[u8]) {
    let _ = detect(bytes);
}

/// [`from_json`](crate::cmw::from_json) and [`from_cbor`](crate::cmw::from_cbor).
#[cfg(feature = "cmw")]
pub fn envelope(bytes: &[u8]) {
    use crate::cmw::{Bundle, from_cbor, from_json, to_cbor, to_json};
    if let Ok(cmw) = from_cbor(bytes) {
        if let Ok(bundle) = Bundle::from_cmw(cmw.clone()) {
            assert_eq!(Bundle::from_cmw(bundle.to_cmw()), Ok(bundle));
        }
        assert_eq!(to_cbor(&cmw).and_then(|bytes| from_cbor(&bytes)), Ok(cmw));
    }
    if let Ok(cmw) = from_json(bytes) {
        assert_eq!(to_json(&cmw).and_then(|text| from_json(text.as_bytes())), Ok(cmw.clone()));
        assert_eq!(to_cbor(&cmw).and_then(|bytes| from_cbor(&bytes)), Ok(cmw));
    }
}
