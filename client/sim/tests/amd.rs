//! The crate `sev`, which nobody here wrote, takes simulated evidence for genuine under the simulated root.

use holdfast_evidence::snp::{Generation, Report, Table};
use holdfast_sim::amd::{Amd, Claims, Evidence, Key, platform_tcb};
use holdfast_sim::{Fault, Seed};
use sev::certs::snp::{Certificate, Chain, Verifiable, ca};
use sev::firmware::guest::AttestationReport;
use sev::parser::ByteParser;

/// 2026-11-23.
const NOW: u64 = 1_795_392_000;
const SEED: Seed = Seed([7; 32]);

const fn claims(version: u32, key: Key) -> Claims {
    Claims { version, key, report_data: [0x5a; 64], measurement: [0xa5; 48] }
}

/// What `sev` says, with the simulated root.
fn sev(evidence: &Evidence) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let certificate = |der: &[u8]| Certificate::from_der(der).map_err(|error| text(&error));
    let chain = Chain {
        ca: ca::Chain { ark: certificate(&evidence.root)?, ask: certificate(&evidence.intermediate)? },
        vek: certificate(&evidence.vek)?,
    };
    let report = AttestationReport::from_bytes(&evidence.report).map_err(|error| text(&error))?;
    (&chain, &report).verify().map_err(|error| text(&error))
}

fn every_shape() -> impl Iterator<Item = (Generation, u32, Key)> {
    let shapes = Generation::ALL.into_iter().flat_map(|generation| {
        (2..=5).flat_map(move |version| [Key::Vcek, Key::Vlek].map(|key| (generation, version, key)))
    });
    // Turin has never had version 2, and without a CPUID nobody could read its TCB.
    shapes.filter(|(generation, version, _)| (*generation, *version) != (Generation::Turin, 2))
}

#[test]
fn every_version_generation_and_key_verifies() {
    for generation in Generation::ALL {
        let amd = Amd::new(generation, SEED);
        for (_, version, key) in every_shape().filter(|(of, ..)| *of == generation) {
            let evidence = amd.issue(&claims(version, key), NOW, None);
            assert_eq!(sev(&evidence), Ok(()), "{generation} {version} {key:?}");
            let report = Report::parse(&evidence.report).expect("a report");
            assert_eq!((report.version, report.report_data), (version, [0x5a; 64]));
            assert!(
                report
                    .reserved(Some(generation.tcb_layout()))
                    .iter()
                    .all(|(_, bytes)| bytes.iter().all(|byte| *byte == 0))
            );
            assert_eq!(Table::parse(&evidence.table().build()), Ok(evidence.table()));
        }
    }
}

#[test]
fn the_same_seed_and_time_give_the_same_bytes() {
    let issue = |seed| Amd::new(Generation::Milan, seed).issue(&claims(3, Key::Vcek), NOW, None);
    assert_eq!(issue(SEED), issue(SEED));
    assert_ne!(issue(SEED).vek, issue(Seed([8; 32])).vek);
    let later = Amd::new(Generation::Milan, SEED).issue(&claims(3, Key::Vcek), NOW + 1, None);
    assert_eq!(later.root, issue(SEED).root, "whoever pins the root need not do so daily");
}

/// What `sev` looks at, it refuses; what it leaves to its caller is there to be found.
#[test]
fn each_fault_is_there() {
    let amd = Amd::new(Generation::Genoa, SEED);
    let shapes = [(Key::Vcek, [2, 0, 1]), (Key::Vlek, [2, 1, 1])];
    for (fault, (key, authority)) in
        Fault::ALL.into_iter().flat_map(|fault| shapes.map(|shape| (fault, shape)))
    {
        let good = amd.issue(&claims(5, key), NOW, None);
        let bad = amd.issue(&claims(5, key), NOW, Some(fault));
        let report = Report::parse(&bad.report);
        let accepted = sev(&bad).is_ok();
        match fault {
            Fault::WrongKey => assert!(!accepted),
            Fault::Truncated => {
                assert!(report.is_err());
                assert_eq!(bad.report, good.report[..good.report.len() - 1]);
            }
            Fault::UnknownVersion => assert!(report.is_err()),
            Fault::Expired => {
                assert!(accepted);
                assert!(until(&bad.vek) < NOW && NOW < until(&good.vek));
            }
            Fault::Revoked => {
                assert_eq!(revoked(&good.crl), Vec::<Vec<u8>>::new());
                assert_eq!(revoked(&bad.crl), [authority]);
                assert_eq!(serial(&bad.intermediate), authority);
            }
            Fault::Debug => {
                assert!(accepted);
                assert!(report.expect("a report").policy.debug());
            }
            Fault::OldTcb => {
                assert!(accepted);
                let tcb = report.expect("a report").reported_tcb;
                assert_eq!(tcb, platform_tcb(Generation::Genoa, true));
                assert_ne!(bad.vek, good.vek);
            }
            Fault::WrongReportData => {
                assert!(accepted);
                assert_ne!(report.expect("a report").report_data, [0x5a; 64]);
            }
        }
    }
}

/// The keys of the generations have nothing to do with each other.
#[test]
fn another_generations_root_does_not_serve() {
    let mut evidence = Amd::new(Generation::Milan, SEED).issue(&claims(3, Key::Vcek), NOW, None);
    evidence.root = Amd::new(Generation::Genoa, SEED).root();
    assert!(sev(&evidence).is_err());
}

#[test]
fn every_subject_says_simulated() {
    let evidence = Amd::new(Generation::Turin, SEED).issue(&claims(5, Key::Vlek), NOW, None);
    for der in [&evidence.root, &evidence.intermediate, &evidence.vek] {
        let subject = parsed(der).tbs_certificate().subject().to_string();
        assert!(subject.contains("SIMULATED"), "{subject}");
    }
}

fn parsed(der: &[u8]) -> x509_cert::Certificate {
    x509_cert::der::Decode::from_der(der).expect("a certificate")
}

fn until(der: &[u8]) -> u64 {
    parsed(der).tbs_certificate().validity().not_after.to_unix_duration().as_secs()
}

fn serial(der: &[u8]) -> Vec<u8> {
    parsed(der).tbs_certificate().serial_number().as_bytes().to_vec()
}

fn revoked(der: &[u8]) -> Vec<Vec<u8>> {
    let list: x509_cert::crl::CertificateList = x509_cert::der::Decode::from_der(der).expect("a list");
    let entries = list.tbs_cert_list.revoked_certificates.unwrap_or_default();
    entries.iter().map(|entry| entry.serial_number.as_bytes().to_vec()).collect()
}
