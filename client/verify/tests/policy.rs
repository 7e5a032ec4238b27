//! The policy's text: nothing is left to a default.

mod support;

use holdfast_verify::policy::{MAX_LENGTH, TEMPLATE};
use holdfast_verify::{Policy, PolicyError, Step};
use support::POLICY;

#[test]
fn every_key_is_mandatory() {
    for text in [POLICY, TEMPLATE] {
        let lines: Vec<_> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let comment = line.starts_with('#');
            // A TEE, and a processor of it, may be left out: what is not there is refused.
            let optional = line.starts_with('[') || line.contains("ucodeSPL") || line.trim().is_empty();
            let without: Vec<_> =
                lines.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, line)| *line).collect();
            if !comment && !optional {
                let result = Policy::parse(&without.join("\n"));
                assert!(matches!(result, Err(PolicyError::Syntax(_))), "without {line}: {result:?}");
            }
        }
    }
}

#[test]
fn what_is_unknown_or_meaningless_is_an_error() {
    let with = |from: &str, to: &str| {
        assert!(POLICY.contains(from), "{from}");
        Policy::parse(&POLICY.replacen(from, to, 1)).expect_err(to)
    };
    for (from, to) in [
        ("[snp]", "accept_all = true\n[snp]"),
        ("vmpl = [0]", "vmpl = [0]\nvmlp = [1]"),
        ("blSPL = 2", "blSPL = 2, bl = 2"),
        ("version = 1", ""),
        ("version = 1", "version = \"1\""),
        (r#"measurements = "any""#, r#"measurements = "all""#),
        (r#"measurements = "any""#, r#"measurements = ["00"]"#),
        (r#"measurements = "any""#, r#"measurements = [7]"#),
        ("mask = \"", "mask = \"zz"),
        (r#"["VCEK", "VLEK"]"#, r#"["NONE"]"#),
    ] {
        assert!(matches!(with(from, to), PolicyError::Syntax(_)), "{to}");
    }
    for (from, to) in [
        (r#"guest_policy_may = ["SMT"]"#, r#"guest_policy_may = ["DEBUG"]"#),
        ("guest_policy_must = []", r#"guest_policy_must = ["MIGRATE_MA"]"#),
        (r#"guest_policy_may = ["SMT"]"#, r#"guest_policy_may = ["smt"]"#),
        ("platform_info_must = []", r#"platform_info_must = ["ALIAS"]"#),
        ("Milan = {", "Rome = {"),
        (r#"tcb_statuses = ["UpToDate""#, r#"tcb_statuses = ["Revoked""#),
    ] {
        assert!(matches!(with(from, to), PolicyError::Value(_)), "{to}");
    }
    assert_eq!(with("version = 1", "version = 2"), PolicyError::Version(2));
    let long = " ".repeat(MAX_LENGTH + 1);
    assert_eq!(Policy::parse(&long), Err(PolicyError::TooLong(MAX_LENGTH + 1)));
}

#[test]
fn every_step_has_a_name_a_question_a_source_and_a_place_in_the_documentation() {
    let documentation = include_str!("../../../docs/verification.md");
    for step in Step::ALL {
        let listed = [Step::snp(), Step::sgx(), Step::tdx()].iter().any(|list| list.contains(step));
        assert!(listed, "{step} is in no list");
        assert!(step.question().ends_with('?') && !step.source().is_empty());
        assert!(documentation.contains(&format!("| {step} |")), "{step} is not documented");
    }
}
