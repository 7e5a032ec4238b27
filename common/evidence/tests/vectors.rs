//! Every published report and quote: parsed, built again, and cut at every length.

use std::path::{Path, PathBuf};

use holdfast_evidence::EvidenceError;
use holdfast_evidence::detect::{Form, detect};
use holdfast_evidence::quote::{Body, Quote};
use holdfast_evidence::snp::{Kind, Report, SigningKey, Table};
use serde_json::Value;

#[allow(clippy::print_stdout, reason = "a test that skips something says so")]
fn vectors(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("HOLDFAST_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {test}: no vectors");
    None
}

fn cases(folder: &Path, file: &str) -> Vec<Value> {
    let text = std::fs::read(folder.join(file)).expect("the cases");
    serde_json::from_slice(&text).expect("JSON")
}

fn bytes(folder: &Path, case: &Value, field: &str) -> Vec<u8> {
    std::fs::read(folder.join(case[field].as_str().expect("a path"))).expect("the file")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_report_is_what_its_case_says() {
    let Some(folder) = vectors("every_report_is_what_its_case_says") else { return };
    let cases = cases(&folder, "cases-snp.json");
    assert!(cases.len() >= 19);
    for case in cases {
        let bytes = bytes(&folder, &case, "report");
        assert_eq!(detect(&bytes), Some(Form::SnpReport));
        let report = Report::parse(&bytes).expect("a report");
        assert_eq!(report.build()[..], bytes);
        assert_eq!(Some(u64::from(report.version)), case["version"].as_u64(), "{case}");
        assert_eq!(format!("{:#x}", report.policy.0), case["policy"], "{case}");
        assert_eq!(report.policy.debug(), case["debug_allowed"], "{case}");
        assert_eq!(report.policy.wrong(), 0, "{case}");
        assert_eq!(Some(u64::from(report.vmpl)), case["vmpl"].as_u64());
        assert_eq!(hex(&report.measurement), case["measurement"]);
        assert_eq!(hex(&report.report_data), case["report_data"]);
        assert_eq!(hex(&report.chip_id), case["chip_id"]);
        let key = if report.key_info.signing_key() == SigningKey::Vlek { "VLEK" } else { "VCEK" };
        assert_eq!(key, case["signing_key"]);
        let layout = report.generation().map(|generation| generation.tcb_layout());
        assert_eq!(layout.is_some(), report.version > 2, "{case}");
        for (at, part) in report.reserved(layout) {
            assert!(part.iter().all(|byte| *byte == 0), "{case}: {at:#x}");
        }
    }
}

#[test]
fn a_report_has_one_length_and_four_versions() {
    let Some(folder) = vectors("a_report_has_one_length_and_four_versions") else { return };
    for case in cases(&folder, "cases-snp.json") {
        let mut bytes = bytes(&folder, &case, "report");
        for length in 0..bytes.len() {
            let error = Report::parse(&bytes[..length]).expect_err("cut off");
            let expected = EvidenceError::Truncated { what: "SEV-SNP report", needed: 1184, found: length };
            assert_eq!(error, expected);
        }
        for version in [0, 1, 6, 7, 0x0200_0000, u32::MAX] {
            bytes[..4].copy_from_slice(&version.to_le_bytes());
            let expected = EvidenceError::Version { what: "SEV-SNP report", found: version, known: "2 to 5" };
            assert_eq!(Report::parse(&bytes), Err(expected));
        }
        bytes.push(0);
        let expected = EvidenceError::Trailing { what: "SEV-SNP report", extra: 1 };
        assert_eq!(Report::parse(&bytes), Err(expected));
    }
}

#[test]
fn every_quote_is_what_its_case_says() {
    let Some(folder) = vectors("every_quote_is_what_its_case_says") else { return };
    let cases = cases(&folder, "cases-quotes.json");
    assert!(cases.len() >= 51);
    for case in cases {
        let mut bytes = bytes(&folder, &case, "quote");
        assert_eq!(detect(&bytes), Some(Form::Quote));
        let quote = match Quote::parse(&bytes) {
            // Some were published with what a buffer held behind them.
            Err(EvidenceError::Trailing { what: "quote", extra }) => {
                bytes.truncate(bytes.len() - extra);
                Quote::parse(&bytes).expect("a quote")
            }
            parsed => parsed.expect("a quote"),
        };
        assert_eq!(quote.build(), bytes, "{case}");
        assert!(bytes.starts_with(&quote.signed()));
        assert_eq!(Some(u64::from(quote.header.version)), case["quote_version"].as_u64());
        assert_eq!(if quote.body.td().is_some() { "tdx" } else { "sgx" }, case["tee"]);
        assert_eq!(matches!(quote.body, Body::Td15(_)), quote.header.version == 5);
        for length in 0..bytes.len() {
            let error = Quote::parse(&bytes[..length]).expect_err("cut off");
            assert!(matches!(error, EvidenceError::Truncated { .. }), "{length}: {error}");
        }
        bytes.push(0);
        let expected = EvidenceError::Trailing { what: "quote", extra: 1 };
        assert_eq!(Quote::parse(&bytes), Err(expected));
    }
}

/// Each length inside the signature data, made wrong by one either way, is an error that names it or what
/// follows; none is read past.
#[test]
fn a_wrong_length_inside_a_quote_is_found() {
    let Some(folder) = vectors("a_wrong_length_inside_a_quote_is_found") else { return };
    for case in cases(&folder, "cases-quotes.json") {
        let bytes = bytes(&folder, &case, "quote");
        let Ok(quote) = Quote::parse(&bytes) else { continue };
        let signed = quote.signed().len();
        // Behind the length of the signature data: signature, key, for later versions an outer datum.
        let outer = (quote.header.version != 3).then_some(signed + 4 + 128 + 2);
        let auth = outer.map_or(signed + 4 + 128, |at| at + 4) + 384 + 64;
        let inner = auth + 2 + quote.signature.qe_auth_data.len() + 2;
        let widths = [(signed, 4), (auth, 2), (inner, 4)].into_iter().chain(outer.map(|at| (at, 4)));
        for (at, width) in widths {
            for change in [1, -1] {
                let mut changed = bytes.clone();
                let old = u32::from_le_bytes(changed[at..at + 4].try_into().expect("four bytes"));
                changed[at..at + width]
                    .copy_from_slice(&old.wrapping_add_signed(change).to_le_bytes()[..width]);
                let parsed = Quote::parse(&changed);
                // A length that is moved into the next field makes that one absurd.
                assert!(parsed.is_err(), "{case} at {at}: {parsed:?}");
            }
        }
    }
}

#[test]
fn a_table_keeps_its_certificates() {
    let mut table = Table::default();
    assert_eq!(Table::parse(&[]), Ok(table.clone()));
    for (length, kind) in (1..).zip([Kind::Vcek, Kind::Vlek, Kind::Ask, Kind::Ark, Kind::Other([7; 16])]) {
        let bytes = vec![length; usize::from(length)];
        table.certificates.push(holdfast_evidence::snp::Certificate { kind, bytes });
        assert_eq!(Table::parse(&table.build()), Ok(table.clone()));
    }
    assert_eq!(table.find(Kind::Ask), Some(&[3, 3, 3][..]));
    let built = table.build();
    // Cut inside the entries or the certificates it is an error.
    for length in 1..24 * 6 + 15 {
        assert!(matches!(Table::parse(&built[..length]), Err(EvidenceError::Truncated { .. })), "{length}");
    }
    // The GUID of a VCEK, as it is printed.
    let mut printed = built.clone();
    printed[..16].copy_from_slice(b"\x63\xda\x75\x8d\xe6\x64\x45\x64\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd");
    assert_eq!(Table::parse(&printed), Ok(table));
    // Many entries of the same bytes do not make a table larger than it is.
    let mut swollen: Vec<u8> =
        (0..3).flat_map(|_| [[9; 16].to_vec(), vec![0; 4], vec![90, 0, 0, 0]].concat()).collect();
    swollen.extend([0; 24]);
    assert!(matches!(Table::parse(&swollen), Err(EvidenceError::Trailing { .. })));
}
