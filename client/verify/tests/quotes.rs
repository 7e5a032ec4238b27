//! Published SGX and TDX quotes: each gives its verdict at its time, and no change to any of them goes unseen.

mod support;

use holdfast_verify::{
    Collateral, Denied, IntelCollateral, Outcome, Policy, Step, UnixTime, Verified, verify,
};
use support::{Case, committed, intel, policy, policy_with, published, published_file};

const CASES: &str = "cases-quotes.json";

fn appraise(case: &Case, policy: &Policy) -> Result<Verified, Denied> {
    verify(&case.file("quote"), &intel(case.intel()), policy, case.now())
}

#[track_caller]
fn denied_at(step: Step, result: Result<Verified, Denied>) -> Denied {
    let denied = result.expect_err("denied");
    assert_eq!(denied.step(), step, "{}", denied.verdict());
    let record = denied.record();
    assert_eq!(record.outcome, Outcome::Failed);
    assert!(!record.found.is_empty() && !record.expected.is_empty() && record.remedy.is_some(), "{record:?}");
    assert_eq!(denied.verdict().steps().len(), denied.verdict().tee().steps().len());
    denied
}

/// What the case's other verifier says, as a step: none if it accepts.
fn refused(says: &str) -> Option<Step> {
    let texts = [
        ("OK", None),
        ("ERR Debug mode is enabled", Some(Step::Debug)),
        ("ERR No matching TCB level", Some(Step::TcbStatus)),
        ("ERR Invalid MR service TD", Some(Step::ServiceTd)),
        ("ERR SEPT_VE_DISABLE", Some(Step::Attributes)),
        ("ERR ISV enclave report signature", Some(Step::Signature)),
        ("ERR Failed to verify certificate chain: UnknownIssuer", Some(Step::PckChain)),
    ];
    texts.iter().find(|(start, _)| says.starts_with(start)).unwrap_or_else(|| panic!("{says}")).1
}

#[test]
fn every_published_quote_gives_its_verdict() {
    let up_to_date = policy_with("\"UpToDate\", \"OutOfDate\", ", "\"UpToDate\", ");
    let (mut accepted, mut denied) = (0, 0);
    for case in published("every_published_quote_gives_its_verdict", CASES) {
        let says = case.text("dcap_qvl_0_7_1").to_owned();
        let result = appraise(&case, &policy());
        if let Some(step) = refused(&says) {
            let step = match case.text("name") {
                // The key of its embedded root is damaged, which the other verifier does not look at.
                name if name.starts_with("sgx-v3-f4f27469") => Step::Root,
                // It is migratable as well.
                name if name.starts_with("tdx-v5-67adfc4a") => Step::Migration,
                _ => step,
            };
            denied_at(step, result);
            denied += 1;
            continue;
        }
        let verified = result.unwrap_or_else(|denied| panic!("{}: {}", case.name, denied.verdict()));
        let steps = verified.verdict().steps();
        let status = steps.iter().find(|record| record.step == Step::TcbStatus).expect("every step");
        let (name, advisories) =
            says.trim_start_matches("OK ").split_once(' ').expect("status and advisories");
        assert!(status.found.starts_with(name), "{}: {}", case.name, status.found);
        let advisories: Vec<String> = serde_json::from_str(advisories).expect("a list");
        assert!(advisories.iter().all(|advisory| status.found.contains(advisory)), "{}", status.found);
        accepted += 1;
        // The same quote under a policy that wants an up-to-date platform.
        if name == "OutOfDate" {
            let denied = denied_at(Step::TcbStatus, appraise(&case, &up_to_date));
            assert!(advisories.iter().all(|advisory| denied.record().found.contains(advisory)));
        }
    }
    assert!(accepted >= 2 && (accepted + denied == 51 || denied == 0), "{accepted} {denied}");
}

fn case(start: &str) -> Case {
    committed(CASES).into_iter().find(|case| case.text("name").starts_with(start)).expect("a committed case")
}

#[test]
fn each_demand_of_the_policy_is_enforced() {
    let both = [
        (r#"report_data = "any""#, "report_data = []", Step::ReportData),
        (r#""UpToDate", "#, "", Step::TcbStatus),
        (
            "minimum_tcb_evaluation_data_number = 17",
            "minimum_tcb_evaluation_data_number = 99",
            Step::TcbEvaluation,
        ),
        (r#"fmspcs = "any""#, "fmspcs = []", Step::PlatformIdentity),
        (r#"ppids = "any""#, "ppids = []", Step::PlatformIdentity),
    ];
    let tdx = [
        (r#"mr_seams = "any""#, "mr_seams = []", Step::TdxModule),
        (r#"td_attributes = { value = "00"#, r#"td_attributes = { value = "ff"#, Step::Attributes),
        (r#"xfam = { value = "03"#, r#"xfam = { value = "00"#, Step::Extensions),
        (r#"mr_tds = "any""#, "mr_tds = []", Step::Measurement),
        (r#"rtmr0 = "any""#, "rtmr0 = []", Step::Measurement),
        (r#"rtmr1 = "any""#, "rtmr1 = []", Step::Measurement),
        (r#"rtmr2 = "any""#, "rtmr2 = []", Step::Measurement),
        (r#"rtmr3 = "any""#, "rtmr3 = []", Step::Measurement),
        (r#"mr_config_ids = "any""#, "mr_config_ids = []", Step::Configuration),
        (r#"mr_owners = "any""#, "mr_owners = []", Step::Configuration),
        (r#"mr_owner_configs = "any""#, "mr_owner_configs = []", Step::Configuration),
    ];
    let sgx = [
        (r#"attributes = { value = "05"#, r#"attributes = { value = "04"#, Step::Attributes),
        (r#"xfrm = { value = "03"#, r#"xfrm = { value = "01"#, Step::Extensions),
        (r#"misc_select = { value = "00"#, r#"misc_select = { value = "02"#, Step::Extensions),
        (r#"mr_enclaves = "any""#, "mr_enclaves = []", Step::Measurement),
        (r#"mr_signers = "any""#, "mr_signers = []", Step::Signer),
        (r#"isv_prod_ids = "any""#, "isv_prod_ids = [77]", Step::Signer),
        ("minimum_isv_svn = 0", "minimum_isv_svn = 9", Step::Signer),
        (r#"config_ids = "any""#, "config_ids = []", Step::Configuration),
    ];
    let (td, enclave) = (case("tdx"), case("sgx"));
    for (from, to, step) in tdx {
        let policy = policy_with(from, &to.replace("value = \"ff", "value = \"01"));
        let from_td = appraise(&td, &policy);
        // A mask that does not count the bit accepts it.
        if to.contains("value = \"ff") {
            assert!(from_td.is_ok());
            let counted = policy_with(
                r#"value = "0000001000000000", mask = "0000001000000000""#,
                r#"value = "0000000000000000", mask = "ffffffffffffffff""#,
            );
            denied_at(step, appraise(&td, &counted));
        } else {
            denied_at(step, from_td);
        }
    }
    for (from, to, step) in sgx {
        denied_at(step, appraise(&enclave, &policy_with(from, to)));
    }
    for (from, to, step) in both {
        let policy = policy_with(from, to);
        denied_at(step, appraise(&td, &policy));
        if step != Step::TcbStatus {
            denied_at(step, appraise(&enclave, &policy));
        }
    }
}

#[test]
fn advisories_are_tolerated_by_name() {
    let enclave = case("sgx");
    for (list, accepted) in [(r#"["INTEL-SA-00615"]"#, true), ("[]", false), (r#"["INTEL-SA-00614"]"#, false)]
    {
        let policy =
            policy_with(r#"tolerated_advisories = "any""#, &format!("tolerated_advisories = {list}"));
        let result = appraise(&enclave, &policy);
        assert_eq!(result.is_ok(), accepted, "{list}");
        if let Err(denied) = result {
            assert!(denied.record().found.contains("INTEL-SA-00615"), "{denied}");
        }
    }
}

#[test]
fn without_its_section_of_the_policy_nothing_is_trusted() {
    let none = Policy::parse("version = 1\nreport_data = \"any\"").expect("a policy");
    for case in committed(CASES) {
        denied_at(Step::Policy, appraise(&case, &none));
    }
}

#[test]
fn the_collateral_of_another_kind_is_none() {
    for case in committed(CASES) {
        for other in [Collateral::None, Collateral::Amd(Default::default())] {
            denied_at(Step::Collateral, verify(&case.file("quote"), &other, &policy(), case.now()));
        }
        let huge = IntelCollateral { tcb_info: " ".repeat(1 << 23), ..case.intel() };
        denied_at(Step::Collateral, verify(&case.file("quote"), &intel(huge), &policy(), case.now()));
    }
    // TCB info and QE identity of the other TEE are signed by the same key.
    let (td, enclave) = (case("tdx"), case("sgx"));
    let swap = |case: &Case, other: IntelCollateral| {
        verify(&case.file("quote"), &intel(other), &policy(), case.now())
    };
    let swapped = IntelCollateral {
        tcb_info: enclave.intel().tcb_info,
        tcb_info_signature: enclave.intel().tcb_info_signature,
        ..td.intel()
    };
    denied_at(Step::TcbInfo, swap(&td, swapped));
}

/// A quarter of a year in seconds: collateral is good for a month.
const QUARTER: u64 = 90 * 24 * 3600;

#[test]
fn collateral_holds_only_in_its_time() {
    for case in published("collateral_holds_only_in_its_time", CASES) {
        if refused(case.text("dcap_qvl_0_7_1")).is_some() {
            continue;
        }
        let window = case.json["window"].as_array().expect("a window");
        let edge = |at: usize| window[at].as_u64().expect("seconds");
        for (time, good) in [
            (0, false),
            (edge(0) - QUARTER, false),
            (case.number("now"), true),
            (edge(1) - 1, true),
            (edge(1) + QUARTER, false),
            (u64::from(u32::MAX), false),
            (u64::MAX, false),
        ] {
            let result = verify(&case.file("quote"), &intel(case.intel()), &policy(), UnixTime(time));
            if let Err(denied) = &result {
                let by_time = [Step::Revocation, Step::TcbInfo, Step::QeIdentity, Step::PckChain];
                assert!(by_time.contains(&denied.step()), "{} {time}: {}", case.name, denied.verdict());
            }
            assert_eq!(
                result.is_ok(),
                good,
                "{} {time}: {:?}",
                case.name,
                result.map(|_| ()).map_err(|d| d.to_string())
            );
        }
    }
}

/// Which step must see a change at this offset of a quote first.
fn first_to_see(tdx: bool, at: usize, body: core::ops::Range<usize>) -> &'static [Step] {
    match at {
        // Another TEE type has another section and another list of steps.
        0..=1 => &[Step::Format],
        4..=7 => &[Step::Format, Step::Reserved],
        // Without the vendor it is taken for a report, and is none.
        2..=3 | 12..=27 => &[Step::Format],
        8..=11 if tdx => &[Step::Reserved],
        8..=47 => &[Step::Signature],
        _ if body.contains(&at) => &[Step::Signature, Step::Reserved, Step::Format],
        // The signature's length, then the signature and the key.
        _ if at < body.end + 4 => &[Step::Format],
        _ if at < body.end + 68 => &[Step::Signature],
        _ if at < body.end + 132 => &[Step::QuotingEnclave],
        _ => &[
            Step::Format,
            Step::Reserved,
            Step::QuotingEnclave,
            Step::Root,
            Step::PckChain,
            Step::Revocation,
            Step::TcbInfo,
        ],
    }
}

#[test]
fn no_change_of_a_quote_goes_unseen() {
    // Byte by byte. Every other vector, field by field: `mutations.rs`.
    for case in committed(CASES) {
        let quote = case.file("quote");
        let collateral = intel(case.intel());
        let tdx = case.text("tee") == "tdx";
        let body = match quote[0] {
            3 => 48..432,
            4 => 48..632,
            _ => 48..702,
        };
        let end = if tdx { quote.len() - trailing_zeros(&quote) } else { quote.len() };
        for at in 0..end {
            let mut changed = quote.clone();
            changed[at] ^= 1 << (at / 3 % 8);
            match verify(&changed, &collateral, &policy(), case.now()) {
                Err(denied) => {
                    let steps = first_to_see(tdx, at, body.clone());
                    assert!(steps.contains(&denied.step()), "{} at {at}: {}", case.name, denied.verdict());
                }
                // PEM has bytes without meaning: line ends. What is verified is the same.
                Ok(_) => assert!(at > body.end + 132 + 384, "{} at {at}: accepted", case.name),
            }
        }
    }
}

fn trailing_zeros(bytes: &[u8]) -> usize {
    bytes.iter().rev().take_while(|byte| **byte == 0).count()
}

#[test]
fn a_quote_has_one_length() {
    for case in committed(CASES) {
        let quote = case.file("quote");
        for length in 0..quote.len() {
            let result = verify(&quote[..length], &intel(case.intel()), &policy(), case.now());
            let denied = result.expect_err("cut off");
            // Too short to be a quote, it may be taken for something else.
            assert!([Step::Format, Step::Policy].contains(&denied.step()), "{length}: {}", denied.verdict());
        }
        for more in [1, 1 << 20] {
            let longer = [&quote[..], &vec![0; more]].concat();
            denied_at(Step::Format, verify(&longer, &intel(case.intel()), &policy(), case.now()));
        }
    }
}

#[test]
fn a_published_quote_with_bytes_behind_it_is_denied() {
    const NAME: &str = "quote_v4_tdx_ecdsa_p256_trailing.bin";
    let Some(quote) = published_file("a_published_quote_with_bytes_behind_it_is_denied", NAME) else {
        return;
    };
    let td = case("tdx");
    let denied = denied_at(Step::Format, verify(&quote, &intel(td.intel()), &policy(), td.now()));
    assert!(denied.record().found.contains("bytes follow"), "{denied}");
}
