//! Parsing and building undo each other, and no bytes make a parser panic.

use holdfast_evidence::fuzz;
use holdfast_evidence::quote::{Body, Certification, Header, Quote, SignatureData, TEE_SGX, TEE_TDX};
use holdfast_evidence::snp::{Certificate, Kind, Report, Table};
use proptest::collection::vec;
use proptest::prelude::*;
use zerocopy::FromBytes;

fn report() -> impl Strategy<Value = Report> {
    (vec(any::<u8>(), Report::LENGTH), 2_u32..=5).prop_map(|(bytes, version)| {
        let mut report = Report::read_from_bytes(&bytes).expect("any bytes");
        report.version = version;
        report
    })
}

fn quote() -> impl Strategy<Value = Quote> {
    let small = || vec(any::<u8>(), 0..100);
    (vec(any::<u8>(), 648 + 384 + 48 + 192), small(), small(), any::<u16>(), 0..6_u8).prop_map(
        |(bytes, qe_auth_data, data, kind, shape)| {
            let mut header = Header::read_from_bytes(&bytes[..48]).expect("any bytes");
            let (version, tee, body) = match shape {
                0 => {
                    (3, header.tee_type, Body::Sgx(FromBytes::read_from_bytes(&bytes[48..432]).expect("any")))
                }
                1 => (4, TEE_SGX, Body::Sgx(FromBytes::read_from_bytes(&bytes[48..432]).expect("any"))),
                2 => (4, TEE_TDX, Body::Td10(FromBytes::read_from_bytes(&bytes[48..632]).expect("any"))),
                3 => (5, 0, Body::Sgx(FromBytes::read_from_bytes(&bytes[48..432]).expect("any"))),
                4 => (5, 0x81, Body::Td10(FromBytes::read_from_bytes(&bytes[48..632]).expect("any"))),
                _ => (5, 0x81, Body::Td15(FromBytes::read_from_bytes(&bytes[48..696]).expect("any"))),
            };
            (header.version, header.tee_type, header.attestation_key_type) = (version, tee, 2);
            let rest = &bytes[696..];
            let signature = SignatureData {
                signature: rest[..64].try_into().expect("64 bytes"),
                attestation_key: rest[64..128].try_into().expect("64 bytes"),
                qe_report: FromBytes::read_from_bytes(&rest[128..512]).expect("any bytes"),
                qe_report_signature: rest[512..576].try_into().expect("64 bytes"),
                qe_auth_data,
                certification: Certification { kind, data },
            };
            Quote { header, body, signature }
        },
    )
}

proptest! {
    #[test]
    fn a_report_survives(report in report()) {
        prop_assert_eq!(Report::parse(&report.build()), Ok(report));
    }

    #[test]
    fn a_quote_survives(quote in quote()) {
        prop_assert_eq!(Quote::parse(&quote.build()), Ok(quote));
    }

    #[test]
    fn a_table_survives(parts in vec((any::<[u8; 16]>(), vec(any::<u8>(), 0..200)), 0..8)) {
        let parts = parts.into_iter().filter(|(guid, _)| *guid != [0; 16]);
        let certificates = parts.map(|(guid, bytes)| Certificate { kind: Kind::Other(guid), bytes }).collect();
        let table = Table { certificates };
        prop_assert_eq!(Table::parse(&table.build()), Ok(table));
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in vec(any::<u8>(), 0..2000)) {
        fuzz::report(&bytes);
        fuzz::quote(&bytes);
        fuzz::certificate_table(&bytes);
        fuzz::detection(&bytes);
    }

    #[test]
    fn a_damaged_quote_makes_no_parser_panic(
        quote in quote(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = quote.build();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        fuzz::quote(&bytes);
        fuzz::detection(&bytes);
    }
}

#[cfg(feature = "cmw")]
mod envelope {
    use std::collections::BTreeMap;

    use holdfast_evidence::cmw::{Cmw, Collection, Indicator, Label, Record, Type};
    use holdfast_evidence::cmw::{from_cbor, from_json, to_cbor, to_json};

    use super::*;

    fn record() -> impl Strategy<Value = Cmw> {
        let kind = prop_oneof![".*".prop_map(Type::Media), any::<u16>().prop_map(Type::ContentFormat)];
        let indicator = proptest::option::of(any::<u32>().prop_map(Indicator));
        (kind, vec(any::<u8>(), 0..50), indicator)
            .prop_map(|(kind, value, indicator)| Cmw::Record(Record { kind, value, indicator }))
    }

    /// Wrappers whose labels are text, so that they have both forms.
    fn cmw() -> impl Strategy<Value = Cmw> {
        record().prop_recursive(4, 30, 5, |inner| {
            let items = proptest::collection::btree_map("[a-z]{0,8}", inner, 1..5);
            (proptest::option::of(".*"), items).prop_map(|(kind, items): (_, BTreeMap<String, Cmw>)| {
                let items = items.into_iter().map(|(label, item)| (Label::Text(label), item)).collect();
                Cmw::Collection(Collection { kind, items })
            })
        })
    }

    proptest! {
        #[test]
        fn both_forms_keep_a_wrapper(cmw in cmw()) {
            prop_assert_eq!(to_cbor(&cmw).and_then(|bytes| from_cbor(&bytes)), Ok(cmw.clone()));
            prop_assert_eq!(to_json(&cmw).and_then(|text| from_json(text.as_bytes())), Ok(cmw));
        }

        #[test]
        fn a_cut_wrapper_is_none(cmw in cmw(), part in 0.0..1.0_f64) {
            let bytes = to_cbor(&cmw).expect("a wrapper");
            let cut = (bytes.len() as f64 * part) as usize;
            prop_assert!(from_cbor(&bytes[..cut]).is_err());
        }

        #[test]
        fn no_bytes_make_the_envelope_panic(bytes in vec(any::<u8>(), 0..300)) {
            fuzz::envelope(&bytes);
        }
    }
}
