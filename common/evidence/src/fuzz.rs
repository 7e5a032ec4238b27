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

/// [`open`](crate::carried::open).
#[cfg(feature = "x509")]
pub fn carried(bytes: &[u8]) {
    use crate::carried::{Carrier, open};
    use crate::x509::Binding;
    let Ok(carried) = open(bytes) else { return };
    let bundle = carried.bundle;
    let parts = bundle.endorsements.iter().map(|(_, part)| part.len()).sum::<usize>();
    assert!(bundle.evidence.len() + parts <= bytes.len());
    if let Carrier::Certificate(binding) = carried.carrier {
        let again = Binding::cmw(binding.key.clone());
        assert_eq!(rebuilt(&again, &bundle), Ok((bundle.clone(), again)));
        assert_eq!(rebuilt(&binding, &bundle), Ok((bundle, binding)));
    }
}

/// What is read from the extension that a bundle is put into.
#[cfg(feature = "x509")]
fn rebuilt(
    binding: &crate::x509::Binding,
    bundle: &crate::cmw::Bundle,
) -> Result<(crate::cmw::Bundle, crate::x509::Binding), crate::x509::X509Error> {
    use der::Decode as _;
    let der = binding.extension(bundle)?;
    let extension = x509_cert::ext::Extension::from_der(&der).map_err(|_| crate::x509::X509Error::Syntax)?;
    crate::x509::carried(&[extension], binding.key.clone())
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
