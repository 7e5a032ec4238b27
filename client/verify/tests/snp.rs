//! Published SEV-SNP reports: each gives its verdict, and no change to any of them goes unseen.

mod support;

use holdfast_verify::{Collateral, Denied, Outcome, Policy, Step, UnixTime, verify};
use sha2::{Digest, Sha256};
use support::{Case, amd, committed, file, policy, policy_with, published, published_file};

const CASES: &str = "cases-snp.json";

fn appraise(case: &Case, policy: &Policy) -> Result<holdfast_verify::Verified, Denied> {
    verify(&case.file("report"), &amd(case.amd()), policy, case.pinned_time())
}

fn case(name: &str) -> Case {
    committed(CASES).into_iter().find(|case| case.text("name") == name).expect("a committed case")
}

/// A case that everything can be tried on.
fn good() -> Case {
    case("milan-v3-40a2778d")
}

fn outcome(denied: &Denied, step: Step) -> Outcome {
    denied.verdict().steps().iter().find(|record| record.step == step).expect("every step").outcome
}

#[track_caller]
fn denied_at(step: Step, result: Result<holdfast_verify::Verified, Denied>) -> Denied {
    let denied = result.expect_err("denied");
    assert_eq!(denied.step(), step, "{}", denied.verdict());
    assert!(!denied.verdict().trusted());
    let record = denied.record();
    assert!(!record.found.is_empty() && !record.expected.is_empty() && record.remedy.is_some(), "{record:?}");
    assert_eq!(denied.verdict().steps().len(), Step::snp().len());
    denied
}

#[test]
fn every_published_report_gives_its_verdict() {
    let mut trusted = 0;
    for case in published("every_published_report_gives_its_verdict", CASES) {
        let result = appraise(&case, &policy());
        match (case.json["debug_allowed"].as_bool(), case.number("vmpl")) {
            (Some(true), _) => drop(denied_at(Step::Debug, result)),
            (_, 1..) => drop(denied_at(Step::Vmpl, result)),
            _ => {
                let verified = result.unwrap_or_else(|denied| panic!("{}: {}", case.name, denied.verdict()));
                assert_eq!(verified.claims().measurement, case.text("measurement"));
                assert_eq!(verified.claims().report_data, case.text("report_data"));
                assert!(verified.verdict().trusted() && !verified.verdict().simulated());
                trusted += 1;
            }
        }
    }
    assert!(trusted >= 3);
}

#[test]
fn a_provider_key_is_accepted_where_the_policy_names_the_provider() {
    let vlek = case("milan-v3-vlek-decdab94");
    let policy = policy_with("vmpl = [0]", "vmpl = [1]");
    assert!(appraise(&vlek, &policy).is_ok());
    let text = support::POLICY.replace("vmpl = [0]", "vmpl = [1]");
    for (from, to, step) in [
        (r#"["VCEK", "VLEK"]"#, r#"["VCEK"]"#, Step::SigningKey),
        ("us-east-2", "us-east-1", Step::ChipBinding),
    ] {
        let policy = Policy::parse(&text.replace(from, to)).expect("a policy");
        denied_at(step, appraise(&vlek, &policy));
    }
    // Its certificate is for one year.
    let late = UnixTime(vlek.number("vek_not_after") + 1);
    denied_at(Step::Validity, verify(&vlek.file("report"), &amd(vlek.amd()), &policy, late));
}

#[test]
fn each_demand_of_the_policy_is_enforced() {
    let zeros = "00".repeat(48);
    let changes = [
        (r#"report_data = "any""#, "report_data = []".to_owned(), Step::ReportData),
        ("[1, 49, 0]", "[9, 0, 0]".to_owned(), Step::Firmware),
        (r#"revocation = "waived""#, r#"revocation = "required""#.to_owned(), Step::Revocation),
        (r#"signing_keys = ["VCEK", "VLEK"]"#, r#"signing_keys = ["VLEK"]"#.to_owned(), Step::SigningKey),
        ("vmpl = [0]", "vmpl = [1, 2, 3]".to_owned(), Step::Vmpl),
        (r#"guest_policy_may = ["SMT"]"#, "guest_policy_may = []".to_owned(), Step::Attributes),
        ("guest_policy_must = []", r#"guest_policy_must = ["SINGLE_SOCKET"]"#.to_owned(), Step::Attributes),
        ("platform_info_must = []", r#"platform_info_must = ["TIO_EN"]"#.to_owned(), Step::PlatformInfo),
        (r#"["CIPHERTEXT_HIDING_DRAM_EN"]"#, r#"["SMT_EN"]"#.to_owned(), Step::PlatformInfo),
        ("mitigations = 0", "mitigations = 1".to_owned(), Step::Mitigations),
        (r#"chip_ids = "any""#, "chip_ids = []".to_owned(), Step::PlatformIdentity),
        (r#"measurements = "any""#, format!("measurements = [\"{zeros}\"]"), Step::Measurement),
        (r#"id_key_digests = "any""#, "id_key_digests = []".to_owned(), Step::Signer),
        (r#"author_key_digests = "any""#, "author_key_digests = []".to_owned(), Step::Signer),
        (r#"family_ids = "any""#, "family_ids = []".to_owned(), Step::Signer),
        (r#"image_ids = "any""#, "image_ids = []".to_owned(), Step::Signer),
        ("minimum_guest_svn = 0", "minimum_guest_svn = 1".to_owned(), Step::Signer),
        (r#"host_data = "any""#, "host_data = []".to_owned(), Step::Configuration),
        ("Milan = { blSPL = 2", "Milan = { blSPL = 200".to_owned(), Step::Tcb),
        ("Milan = {", "Turin = {".to_owned(), Step::Tcb),
    ];
    for (from, to, step) in changes {
        let text = support::POLICY.replacen(from, &to, 1);
        // A table has each generation once: the last of the pair goes.
        let text = if to == "Turin = {" {
            text.lines().filter(|line| !line.starts_with("Turin = { fmc")).collect::<Vec<_>>().join("\n")
        } else {
            text
        };
        let policy = Policy::parse(&text).unwrap_or_else(|error| panic!("{to}: {error}"));
        denied_at(step, appraise(&good(), &policy));
    }
}

#[test]
fn a_component_without_a_floor_is_refused() {
    let policy = policy_with("Turin = { fmcSPL = 0, ", "Turin = { ");
    denied_at(Step::Tcb, appraise(&case("turin-v5-85da705e"), &policy));
    assert!(appraise(&good(), &policy).is_ok());
}

#[test]
fn without_its_section_of_the_policy_nothing_is_trusted() {
    let policy = Policy::parse("version = 1\nreport_data = \"any\"").expect("a policy");
    let denied = denied_at(Step::Policy, appraise(&good(), &policy));
    assert_eq!(outcome(&denied, Step::Measurement), Outcome::NotReached);
    assert_eq!(outcome(&denied, Step::Signature), Outcome::Passed);
}

#[test]
fn the_strict_template_is_a_policy_and_accepts_nothing_yet() {
    let policy = Policy::parse(holdfast_verify::policy::TEMPLATE).expect("the template");
    let denied = denied_at(Step::Revocation, appraise(&good(), &policy));
    for step in [Step::ReportData, Step::PlatformIdentity, Step::Measurement] {
        assert_eq!(outcome(&denied, step), Outcome::Failed);
    }
}

#[test]
fn every_part_of_the_collateral_is_needed_and_belongs_to_the_report() {
    let (good, other) = (good(), case("genoa-v5-6d1ceffa"));
    let report = good.file("report");
    let try_with = |change: &dyn Fn(&mut holdfast_verify::AmdCollateral)| {
        let mut collateral = good.amd();
        change(&mut collateral);
        verify(&report, &amd(collateral), &policy(), good.pinned_time())
    };
    denied_at(Step::EndorsementKey, try_with(&|collateral| collateral.vek.clear()));
    denied_at(Step::Root, try_with(&|collateral| collateral.intermediate.clear()));
    denied_at(Step::Root, try_with(&|collateral| collateral.root = Some(Vec::new())));
    // An ASK in the place of an ARK is no root.
    denied_at(Step::Root, try_with(&|collateral| collateral.root = Some(collateral.intermediate.clone())));
    denied_at(Step::EndorsementKey, try_with(&|collateral| collateral.vek = other.file("vek")));
    denied_at(
        Step::EndorsementKey,
        try_with(&|collateral| collateral.intermediate = other.file("intermediate")),
    );
    denied_at(Step::EndorsementKey, try_with(&|collateral| collateral.vek = collateral.intermediate.clone()));
    denied_at(Step::EndorsementKey, try_with(&|collateral| collateral.vek.push(0)));
    denied_at(Step::EndorsementKey, try_with(&|collateral| collateral.vek = vec![0x30; 1 << 20]));
    // The whole chain of another chip.
    let denied =
        denied_at(Step::Generation, verify(&report, &amd(other.amd()), &policy(), other.pinned_time()));
    for step in [Step::Signature, Step::TcbBinding, Step::ChipBinding] {
        assert_eq!(outcome(&denied, step), Outcome::Failed);
    }
    denied_at(Step::Root, verify(&report, &Collateral::None, &policy(), good.pinned_time()));
}

#[test]
fn a_revoked_authority_is_denied_by_a_list_of_any_age() {
    let genoa = case("genoa-v5-6d1ceffa");
    let mut collateral = genoa.amd();
    collateral.crl = Some(file("snp/chains/crl-ark-genoa-2022-10-31.der"));
    let now = genoa.pinned_time();
    let report = genoa.file("report");

    // The list is years old: enough where the policy waives it, and only there.
    assert!(verify(&report, &amd(collateral.clone()), &policy(), now).is_ok());
    let strict = policy_with(r#"revocation = "waived""#, r#"revocation = "required""#);
    denied_at(Step::Revocation, verify(&report, &amd(collateral.clone()), &strict, now));

    let revoked = file("snp/chains/ask-genoa-REVOKED-0x20001.der");
    collateral.intermediate = revoked;
    let denied = verify(&report, &amd(collateral.clone()), &policy(), now).expect_err("revoked");
    assert_eq!(outcome(&denied, Step::Intermediate), Outcome::Passed);
    assert_eq!(outcome(&denied, Step::Revocation), Outcome::Failed);

    // A list that is changed, cut, or another root's is none.
    let list = file("snp/chains/crl-ark-genoa-2022-10-31.der");
    for at in 0..list.len() {
        let mut changed = list.clone();
        changed[at] ^= 1 << (at % 8);
        let collateral = holdfast_verify::AmdCollateral { crl: Some(changed), ..genoa.amd() };
        denied_at(Step::Revocation, verify(&report, &amd(collateral), &policy(), now));
    }
    let good = good();
    let collateral = holdfast_verify::AmdCollateral { crl: Some(list), ..good.amd() };
    denied_at(
        Step::Revocation,
        verify(&good.file("report"), &amd(collateral), &policy(), good.pinned_time()),
    );
}

#[test]
fn published_forgeries_are_denied() {
    const TEST: &str = "published_forgeries_are_denied";
    let good = good();
    for name in ["test-vcek-invalid-legacy.der", "test-vcek-invalid-new.der"] {
        let Some(vek) = published_file(TEST, &format!("snp-more/{name}")) else { return };
        let collateral = holdfast_verify::AmdCollateral { vek, ..good.amd() };
        let result = verify(&good.file("report"), &amd(collateral), &policy(), good.pinned_time());
        denied_at(Step::EndorsementKey, result);
    }
    // A guest that may be debugged, without its certificate: both are seen.
    let Some(report) = published_file(TEST, "snp-more/go-sev-guest-debug-policy.bin") else { return };
    let result = verify(&report, &amd(good.amd()), &policy(), good.pinned_time());
    let denied = denied_at(Step::Signature, result);
    assert_eq!(outcome(&denied, Step::Debug), Outcome::Failed);
}

/// Which step must see a change at this offset first. Everything is signed or reserved.
fn first_to_see(version: u32, at: usize) -> &'static [Step] {
    match at {
        // Another version may be a known one, with other reserved bytes.
        0x000..=0x003 => &[Step::Format, Step::Reserved, Step::Generation, Step::Signature],
        0x008..=0x00f => &[Step::Reserved, Step::Signature],
        0x034..=0x037 => &[Step::SigningKey],
        0x048..=0x04b => &[Step::Reserved, Step::SigningKey, Step::Signature],
        0x04c..=0x04f | 0x18b..=0x19f | 0x1eb | 0x1ef | 0x208..=0x29f | 0x2d0..=0x2e7 | 0x318..=0x49f => {
            &[Step::Reserved]
        }
        0x1f8..=0x207 if version < 5 => &[Step::Reserved],
        0x188..=0x18a if version < 3 => &[Step::Reserved],
        0x188..=0x189 => &[Step::Generation, Step::Signature],
        // TCB versions have reserved bytes, by generation.
        0x038..=0x03f | 0x180..=0x187 | 0x1e0..=0x1e7 | 0x1f0..=0x1f7 => &[Step::Reserved, Step::Signature],
        _ => &[Step::Signature],
    }
}

#[test]
fn no_change_of_a_report_goes_unseen() {
    // A report of each layout, byte by byte. Every other vector, field by field: `mutations.rs`.
    let dense = ["milan-v2-7c614616", "genoa-v5-6d1ceffa", "turin-v5-85da705e"];
    let cases = published("no_change_of_a_report_goes_unseen", CASES);
    for case in cases.iter().filter(|case| dense.contains(&case.text("name"))) {
        let report = case.file("report");
        let version = u32::try_from(case.number("version")).expect("a version");
        let policy = policy();
        for at in 0..report.len() {
            let mut changed = report.clone();
            changed[at] ^= 1 << (at / 3 % 8);
            let result = verify(&changed, &amd(case.amd()), &policy, case.pinned_time());
            let denied = result.expect_err("a changed report is denied");
            assert!(
                first_to_see(version, at).contains(&denied.step()),
                "{} at {at:#x}: {}",
                case.name,
                denied.verdict()
            );
        }
    }
}

#[test]
fn a_report_has_one_length() {
    let good = good();
    let report = good.file("report");
    for length in 0..report.len() {
        denied_at(Step::Format, verify(&report[..length], &amd(good.amd()), &policy(), good.pinned_time()));
    }
    let longer = [&report[..], &[0]].concat();
    denied_at(Step::Format, verify(&longer, &amd(good.amd()), &policy(), good.pinned_time()));
}

/// The ASK stands for a root that is no vendor's; nothing genuine is below it but endorsement keys.
#[test]
fn a_root_that_is_not_pinned_counts_where_the_policy_names_it_and_is_loud() {
    let good = good();
    let root = good.file("intermediate");
    let name: String = Sha256::digest(&root).iter().map(|byte| format!("{byte:02x}")).collect();
    let collateral = amd(holdfast_verify::AmdCollateral { root: Some(root), ..good.amd() });
    let appraise = |policy: &Policy| verify(&good.file("report"), &collateral, policy, good.pinned_time());

    let denied = denied_at(Step::Root, appraise(&policy()));
    assert!(denied.record().found.contains(&name) && !denied.verdict().simulated());

    let named = format!("{}\n[insecure]\nsimulated_roots = [\"{name}\"]\n", support::POLICY);
    let denied = denied_at(Step::Intermediate, appraise(&Policy::parse(&named).expect("a policy")));
    assert!(denied.verdict().simulated());
    assert!(denied.verdict().to_string().contains("SIMULATED"));
    assert_eq!(serde_json::to_value(denied.verdict()).expect("JSON")["simulated"], true);
}

#[test]
fn the_verdict_shows_all_that_was_decided() {
    let verified = appraise(&good(), &policy()).expect("trusted");
    let table = verified.verdict().to_string();
    let json = serde_json::to_value(verified.verdict()).expect("JSON");
    assert_eq!(json["trusted"], true);
    for (step, record) in Step::snp().iter().zip(json["steps"].as_array().expect("steps")) {
        assert!(table.contains(step.name()));
        assert_eq!(record["step"], step.name());
    }
    assert!(table.contains("waived       measurement"), "{table}");
    assert!(!table.contains("SIMULATED"));
}
