//! Simulated vendors under the strict policy, its lists filled in: all that is right is trusted, under a root that
//! the policy names and no other; each fault is denied at its step.

mod support;

use holdfast_evidence::snp::Generation;
use holdfast_sim::Fault;
use holdfast_sim::amd::{Amd, Key};
use holdfast_sim::intel::{self, Form, Intel, PckCa};
use holdfast_verify::policy::{Accept, SigningKeyKind};
use holdfast_verify::{AmdCollateral, Collateral, Denied, Outcome, Step, UnixTime, Verified, verify};
use support::simulated::{
    ENCLAVE, NOW, REPORT_DATA, SEED, TD, amd_claims, amd_policy, appraise_quote, appraise_report,
    quote_policy,
};

#[track_caller]
fn denied_at(step: Step, result: Result<Verified, Denied>) -> Denied {
    let denied = result.expect_err("denied");
    assert_eq!(denied.step(), step, "{}", denied.verdict());
    denied
}

#[test]
fn reports_of_every_version_and_generation_are_trusted_under_a_named_root_alone() {
    for generation in Generation::ALL {
        let vendor = Amd::new(generation, SEED);
        // There is no Turin with version 2.
        for version in if generation == Generation::Turin { 3..=5 } else { 2..=5 } {
            let evidence = vendor.issue(&amd_claims(version, Key::Vcek), NOW, None);
            let policy = amd_policy(&vendor, &evidence.root);
            let verified = appraise_report(&evidence, &policy);
            let verified =
                verified.unwrap_or_else(|denied| panic!("{generation} {version}: {}", denied.verdict()));
            assert!(verified.verdict().simulated());
            assert!(verified.verdict().to_string().contains("SIMULATED"));

            let mut unnamed = policy;
            unnamed.insecure.simulated_roots.clear();
            let denied = denied_at(Step::Root, appraise_report(&evidence, &unnamed));
            assert!(!denied.verdict().simulated());
        }
    }
}

#[test]
fn the_certificates_of_a_host_s_table_will_do_with_a_revocation_list() {
    let vendor = Amd::new(Generation::Milan, SEED);
    for key in [Key::Vcek, Key::Vlek] {
        let evidence = vendor.issue(&amd_claims(3, key), NOW, None);
        let mut collateral = AmdCollateral::from(&evidence.table());
        let mut policy = amd_policy(&vendor, &evidence.root);
        let snp = policy.snp.as_mut().expect("[snp]");
        snp.signing_keys = vec![SigningKeyKind::Vcek, SigningKeyKind::Vlek];
        (snp.vlek_providers, snp.chip_ids) = (Accept::Any, Accept::Any);
        let appraise = |collateral: &AmdCollateral| {
            verify(&evidence.report, &Collateral::Amd(collateral.clone()), &policy, UnixTime(NOW))
        };
        denied_at(Step::Revocation, appraise(&collateral));
        collateral.crl = Some(evidence.crl.clone());
        assert!(appraise(&collateral).is_ok());
    }
}

#[test]
fn a_provider_key_needs_its_kind_and_its_provider_in_the_policy() {
    let vendor = Amd::new(Generation::Genoa, SEED);
    let evidence = vendor.issue(&amd_claims(5, Key::Vlek), NOW, None);
    let mut policy = amd_policy(&vendor, &evidence.root);
    policy.snp.as_mut().expect("[snp]").chip_ids = Accept::Any;
    denied_at(Step::SigningKey, appraise_report(&evidence, &policy));
    policy.snp.as_mut().expect("[snp]").signing_keys.push(SigningKeyKind::Vlek);
    denied_at(Step::ChipBinding, appraise_report(&evidence, &policy));
    policy.snp.as_mut().expect("[snp]").vlek_providers = Accept::Any;
    assert!(appraise_report(&evidence, &policy).is_ok());
}

#[test]
fn each_fault_of_a_report_is_denied_at_its_step() {
    for generation in Generation::ALL {
        let vendor = Amd::new(generation, SEED);
        let root = vendor.issue(&amd_claims(5, Key::Vcek), NOW, None).root;
        let policy = amd_policy(&vendor, &root);
        for fault in Fault::ALL {
            let step = match fault {
                Fault::Expired => Step::Validity,
                Fault::Revoked => Step::Revocation,
                Fault::Debug => Step::Debug,
                Fault::OldTcb => Step::Tcb,
                Fault::WrongKey => Step::Signature,
                Fault::WrongReportData => Step::ReportData,
                Fault::UnknownVersion | Fault::Truncated => Step::Format,
            };
            let evidence = vendor.issue(&amd_claims(5, Key::Vcek), NOW, Some(fault));
            let denied = denied_at(step, appraise_report(&evidence, &policy));
            // A fault is one fault: no other step fails.
            let failed = denied.verdict().steps().iter().filter(|record| record.outcome == Outcome::Failed);
            assert!(failed.count() == 1, "{fault:?}: {}", denied.verdict());
        }
    }
}

#[test]
fn a_revocation_list_must_be_there_and_fresh() {
    let vendor = Amd::new(Generation::Turin, SEED);
    let evidence = vendor.issue(&amd_claims(5, Key::Vcek), NOW, None);
    let policy = amd_policy(&vendor, &evidence.root);
    let appraise = |crl| {
        let collateral = AmdCollateral {
            vek: evidence.vek.clone(),
            intermediate: evidence.intermediate.clone(),
            root: Some(evidence.root.clone()),
            crl,
        };
        verify(&evidence.report, &Collateral::Amd(collateral), &policy, UnixTime(NOW))
    };
    assert!(appraise(Some(vendor.crl(NOW, None))).is_ok());
    const YEARS: u64 = 2 * 365 * 24 * 3600;
    for crl in [None, Some(vendor.crl(NOW - YEARS, None)), Some(vendor.crl(NOW + YEARS, None))] {
        denied_at(Step::Revocation, appraise(crl));
    }
    // The list of another vendor's root.
    denied_at(Step::Revocation, appraise(Some(Amd::new(Generation::Genoa, SEED).crl(NOW, None))));
}

const FORMS: [Form; 4] = [Form::SgxV3(ENCLAVE), Form::TdxV4(TD), Form::TdxV5Td10(TD), Form::TdxV5Td15(TD)];

#[test]
fn quotes_of_every_form_are_trusted_under_a_named_root_alone() {
    for ca in [PckCa::Processor, PckCa::Platform] {
        let vendor = Intel::new(ca, SEED);
        for form in FORMS {
            let evidence = vendor.issue(&intel::Claims { form, report_data: REPORT_DATA }, NOW, None);
            let policy = quote_policy(&evidence.root);
            let verified = appraise_quote(&evidence, &policy);
            let verified = verified.unwrap_or_else(|denied| panic!("{form:?}: {}", denied.verdict()));
            assert!(verified.verdict().simulated());

            let mut unnamed = policy;
            unnamed.insecure.simulated_roots.clear();
            denied_at(Step::Root, appraise_quote(&evidence, &unnamed));
        }
    }
}

#[test]
fn each_fault_of_a_quote_is_denied_at_its_step() {
    for (ca, form) in
        [PckCa::Processor, PckCa::Platform].into_iter().flat_map(|ca| FORMS.map(|form| (ca, form)))
    {
        let vendor = Intel::new(ca, SEED);
        let claims = intel::Claims { form, report_data: REPORT_DATA };
        let policy = quote_policy(&vendor.root());
        for fault in Fault::ALL {
            let step = match fault {
                Fault::Expired => Step::PckChain,
                Fault::Revoked => Step::Revocation,
                Fault::Debug => Step::Debug,
                Fault::OldTcb => Step::TcbStatus,
                Fault::WrongKey => Step::Signature,
                Fault::WrongReportData => Step::ReportData,
                Fault::UnknownVersion | Fault::Truncated => Step::Format,
            };
            let evidence = vendor.issue(&claims, NOW, Some(fault));
            denied_at(step, appraise_quote(&evidence, &policy));
        }
    }
}
