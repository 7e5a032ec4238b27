//! Each target with its seeds and mutations of them.

use holdfast_fuzz::{self as fuzz, smoke::run};

#[test]
fn gate_request() {
    run(&fuzz::GATE_REQUEST);
}

#[test]
fn gate_reply() {
    run(&fuzz::GATE_REPLY);
}

#[test]
fn boot_info() {
    run(&fuzz::BOOT_INFO);
}

#[test]
fn launch_image() {
    run(&fuzz::LAUNCH_IMAGE);
}

#[test]
fn protocol() {
    run(&fuzz::PROTOCOL);
}

#[test]
fn configuration() {
    run(&fuzz::CONFIGURATION);
}

#[test]
fn artefact() {
    run(&fuzz::ARTEFACT);
}

#[test]
fn application() {
    run(&fuzz::APPLICATION);
}

#[test]
fn loader_service() {
    run(&fuzz::LOADER_SERVICE);
}

#[test]
fn snp_report() {
    run(&fuzz::SNP_REPORT);
}

#[test]
fn quote() {
    run(&fuzz::QUOTE);
}

#[test]
fn certificate_table() {
    run(&fuzz::CERTIFICATE_TABLE);
}

#[test]
fn firmware() {
    run(&fuzz::FIRMWARE);
}

#[test]
fn sigstruct() {
    run(&fuzz::SIGSTRUCT);
}

#[test]
fn id_block() {
    run(&fuzz::ID_BLOCK);
}

#[test]
fn detection() {
    run(&fuzz::DETECTION);
}

#[test]
fn envelope() {
    run(&fuzz::ENVELOPE);
}

#[test]
fn carried() {
    run(&fuzz::CARRIED);
}

#[test]
fn verify() {
    run(&fuzz::VERIFY);
}

#[test]
fn appraisal_policy() {
    run(&fuzz::APPRAISAL_POLICY);
}

#[test]
fn signed_bundle() {
    run(&fuzz::SIGNED_BUNDLE);
}

#[test]
fn bundle_content() {
    run(&fuzz::BUNDLE_CONTENT);
}

#[test]
fn no_target_is_forgotten() {
    let here = include_str!("smoke.rs");
    for target in fuzz::TARGETS {
        assert!(here.contains(&format!("fn {}()", target.name)), "{}", target.name);
    }
}

/// A smoke run must be able to fail.
#[test]
#[should_panic(expected = "not even")]
fn a_broken_promise_is_found() {
    let target = fuzz::Target {
        name: "broken",
        body: |data| assert!(data.len().is_multiple_of(2), "not even"),
        seeds: || vec![vec![0; 8]],
        rounds: 1000,
    };
    run(&target);
}
