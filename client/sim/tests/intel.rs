//! The crate `dcap-qvl`, which nobody here wrote, takes simulated quotes for genuine under the simulated root.

use dcap_qvl::QuoteCollateralV3;
use dcap_qvl::tcb_info::TcbStatus;
use dcap_qvl::verify::{QuoteVerifier, VerifiedReport};
use holdfast_evidence::EvidenceError;
use holdfast_evidence::quote::{Body, Quote};
use holdfast_sim::intel::{Claims, Enclave, Evidence, Form, Intel, PckCa, Td};
use holdfast_sim::{Fault, Seed};

/// 2026-11-23.
const NOW: u64 = 1_795_392_000;
const SEED: Seed = Seed([7; 32]);
const REPORT_DATA: [u8; 64] = [0x5a; 64];

const FORMS: [Form; 4] = {
    let enclave = Enclave { mr_enclave: [1; 32], mr_signer: [2; 32], isv_prod_id: 3, isv_svn: 4 };
    let td = Td { mr_td: [1; 48], rtmr: [[2; 48]; 4] };
    [Form::SgxV3(enclave), Form::TdxV4(td), Form::TdxV5Td10(td), Form::TdxV5Td15(td)]
};

const fn claims(form: Form) -> Claims {
    Claims { form, report_data: REPORT_DATA }
}

/// What `dcap-qvl` says, with this root.
fn dcap_under(root: &[u8], evidence: &Evidence, now: u64) -> Result<VerifiedReport, String> {
    let collateral = &evidence.collateral;
    let collateral = QuoteCollateralV3 {
        pck_crl_issuer_chain: collateral.pck_crl_issuer_chain.clone(),
        root_ca_crl: collateral.root_ca_crl.clone(),
        pck_crl: collateral.pck_crl.clone(),
        tcb_info_issuer_chain: collateral.tcb_info_issuer_chain.clone(),
        tcb_info: collateral.tcb_info.clone(),
        tcb_info_signature: collateral.tcb_info_signature.to_vec(),
        qe_identity_issuer_chain: collateral.qe_identity_issuer_chain.clone(),
        qe_identity: collateral.qe_identity.clone(),
        qe_identity_signature: collateral.qe_identity_signature.to_vec(),
        pck_certificate_chain: None,
    };
    let verifier: QuoteVerifier = QuoteVerifier::new(root.to_vec());
    let report = verifier.verify(&evidence.quote, &collateral, now);
    report.map_err(|error| format!("{error:#}"))
}

fn dcap(evidence: &Evidence) -> Result<VerifiedReport, String> {
    dcap_under(&evidence.root, evidence, NOW)
}

#[test]
fn every_form_and_authority_is_up_to_date() {
    for ca in [PckCa::Processor, PckCa::Platform] {
        let intel = Intel::new(ca, SEED);
        for form in FORMS {
            let evidence = intel.issue(&claims(form), NOW, None);
            let report = dcap(&evidence).unwrap_or_else(|error| panic!("{form:?} {ca:?}: {error}"));
            assert_eq!((report.status.as_str(), report.advisory_ids.len()), ("UpToDate", 0), "{form:?}");
            let quote = Quote::parse(&evidence.quote).expect("a quote");
            assert_eq!(*quote.report_data(), REPORT_DATA);
            match (form, quote.body) {
                (Form::SgxV3(enclave), Body::Sgx(report)) => {
                    assert_eq!(
                        (report.mr_enclave, report.mr_signer),
                        (enclave.mr_enclave, enclave.mr_signer)
                    );
                }
                (Form::TdxV4(td) | Form::TdxV5Td10(td), Body::Td10(report)) => {
                    assert_eq!((report.mr_td, report.rtmr), (td.mr_td, td.rtmr));
                }
                (Form::TdxV5Td15(td), Body::Td15(report)) => {
                    assert_eq!((report.base.mr_td, report.base.rtmr), (td.mr_td, td.rtmr));
                }
                (form, body) => panic!("{form:?} gave {body:?}"),
            }
        }
    }
}

#[test]
fn each_fault_is_refused_by_its_reason() {
    let intel = Intel::new(PckCa::Platform, SEED);
    for form in FORMS {
        for fault in Fault::ALL {
            let evidence = intel.issue(&claims(form), NOW, Some(fault));
            let verdict = dcap(&evidence);
            let reason = match fault {
                Fault::Expired => "CertExpired",
                Fault::Revoked => "CertRevoked",
                Fault::Debug => "Debug mode is enabled",
                Fault::WrongKey => "signature is invalid",
                Fault::Truncated | Fault::UnknownVersion => "Failed to decode quote",
                // These two `dcap-qvl` leaves to its caller.
                Fault::OldTcb => {
                    let report = verdict.expect("a genuine quote");
                    assert_eq!(report.status, TcbStatus::OutOfDate.to_string(), "{form:?}");
                    assert_eq!(report.advisory_ids, ["INTEL-SA-00000"]);
                    continue;
                }
                Fault::WrongReportData => {
                    verdict.expect("a genuine quote");
                    let quote = Quote::parse(&evidence.quote).expect("a quote");
                    assert_ne!(*quote.report_data(), REPORT_DATA);
                    continue;
                }
            };
            let error = verdict.map(|report| report.status).expect_err("a fault");
            assert!(error.contains(reason), "{form:?} {fault:?}: {error}");
            if matches!(fault, Fault::Truncated | Fault::UnknownVersion) {
                assert!(Quote::parse(&evidence.quote).is_err(), "{form:?} {fault:?}");
            }
        }
    }
}

#[test]
fn a_quote_that_is_cut_anywhere_is_cut_off() {
    for form in FORMS {
        let quote = Intel::new(PckCa::Processor, SEED).issue(&claims(form), NOW, None).quote;
        for length in 0..quote.len() {
            let cut = Quote::parse(&quote[..length]);
            assert!(matches!(cut, Err(EvidenceError::Truncated { .. })), "{form:?} {length}: {cut:?}");
        }
        let longer = Quote::parse(&[quote, vec![0]].concat());
        assert_eq!(longer, Err(EvidenceError::Trailing { what: "quote", extra: 1 }));
    }
}

#[test]
fn collateral_is_for_its_time() {
    let evidence = Intel::new(PckCa::Processor, SEED).issue(&claims(FORMS[0]), NOW, None);
    for (at, holds) in [(-2, false), (-1, true), (0, true), (28, true), (29, false)] {
        let now = NOW.checked_add_signed(at * 86_400).expect("a time");
        assert_eq!(dcap_under(&evidence.root, &evidence, now).is_ok(), holds, "{at} days");
    }
}

#[test]
fn the_root_of_another_seed_does_not_serve() {
    let evidence = Intel::new(PckCa::Platform, SEED).issue(&claims(FORMS[1]), NOW, None);
    let other = Intel::new(PckCa::Platform, Seed([8; 32])).root();
    assert_ne!(other, evidence.root);
    assert!(dcap_under(&other, &evidence, NOW).is_err());
}

#[test]
fn the_same_seed_and_time_give_the_same_bytes() {
    let issue = |seed| Intel::new(PckCa::Platform, seed).issue(&claims(FORMS[3]), NOW, None);
    assert_eq!(issue(SEED), issue(SEED));
    assert_ne!(issue(SEED).quote, issue(Seed([8; 32])).quote);
    let later = Intel::new(PckCa::Platform, SEED).issue(&claims(FORMS[3]), NOW + 1, None);
    assert_eq!(later.root, issue(SEED).root, "whoever pins the root need not do so daily");
}

#[test]
fn every_subject_says_simulated() {
    let intel = Intel::new(PckCa::Platform, SEED);
    for der in
        [intel.root(), intel.tcb_signing(), intel.pck_ca(PckCa::Processor), intel.pck_ca(PckCa::Platform)]
    {
        let certificate: x509_cert::Certificate =
            x509_cert::der::Decode::from_der(&der).expect("a certificate");
        let subject = certificate.tbs_certificate().subject().to_string();
        assert!(subject.contains("SIMULATED"), "{subject}");
    }
}
