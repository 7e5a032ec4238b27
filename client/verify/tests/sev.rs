//! The same reports by another implementation, the crate `sev`: it accepts the same signatures, and whatever it
//! refuses is refused here.

mod support;

use std::path::Path;

use holdfast_verify::{Step, verify};
use sev::certs::snp::{Chain, Verifiable};
use sev::firmware::guest::AttestationReport;
use sev::parser::ByteParser;
use support::{Case, amd, committed, policy_with, published};

fn chain(case: &Case) -> Chain {
    let ark = Path::new(case.text("ark")).file_name().expect("a name");
    let ark = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/anchors").join(ark);
    let ark = std::fs::read(ark).expect("the pinned root");
    Chain::from_der(&ark, &case.file("intermediate"), &case.file("vek")).expect("a chain")
}

fn accepts(chain: &Chain, report: &[u8]) -> bool {
    AttestationReport::from_bytes(report).is_ok_and(|report| (chain, &report).verify().is_ok())
}

#[test]
fn both_accept_the_published_reports() {
    let policy = policy_with("vmpl = [0]", "vmpl = [0, 1]");
    for case in published("both_accept_the_published_reports", "cases-snp.json") {
        let ours = verify(&case.file("report"), &amd(case.amd()), &policy, case.pinned_time());
        // It cannot read a report of version 2 whose CHIP_ID is masked, and says so of the case.
        assert_eq!(accepts(&chain(&case), &case.file("report")), case.text("sev_8_0_0_result") == "VERIFIED");
        assert!(ours.is_ok(), "{}", case.name);
    }
}

#[test]
fn what_the_other_refuses_is_refused_here() {
    let policy = policy_with("vmpl = [0]", "vmpl = [0, 1]");
    let mut more = 0;
    for case in committed("cases-snp.json") {
        let (chain, report) = (chain(&case), case.file("report"));
        for at in (0..report.len()).step_by(5) {
            let mut changed = report.clone();
            changed[at] ^= 0x10;
            let ours = verify(&changed, &amd(case.amd()), &policy, case.pinned_time());
            let denied = ours.expect_err("changed");
            if accepts(&chain, &changed) {
                // It verifies what it has written again, not what came: bytes that it drops are not covered.
                assert_eq!(denied.step(), Step::Reserved, "{at:#x}");
                more += 1;
            }
        }
    }
    assert!(more > 0, "the trap that the own verifier was written for is gone");
}
