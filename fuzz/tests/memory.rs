//! No input makes a reader of evidence take much more memory than its own length.

use holdfast_fuzz::{self as fuzz, Target, smoke::inputs};

/// The most that `target` may have allocated at one time, in bytes: a part for each byte of the input, and a part
/// that it has whatever the input is.
fn holds(target: &Target, each: u64, always: u64) {
    for input in inputs(target) {
        let most = allocation_counter::measure(|| (target.body)(&input)).bytes_max;
        let allowed = always + each * input.len() as u64;
        assert!(most <= allowed, "{}: {most} bytes for {} of input", target.name, input.len());
    }
}

#[test]
fn reports_and_quotes() {
    for target in [fuzz::SNP_REPORT, fuzz::QUOTE, fuzz::CERTIFICATE_TABLE, fuzz::DETECTION] {
        holds(&target, 4, 8 << 10);
    }
}

#[test]
fn envelopes_and_certificates() {
    for target in [fuzz::ENVELOPE, fuzz::CARRIED] {
        holds(&target, 8, 8 << 10);
    }
}

#[test]
fn images() {
    for target in [fuzz::FIRMWARE, fuzz::SIGSTRUCT, fuzz::ID_BLOCK] {
        holds(&target, 8, 1 << 10);
    }
}

#[test]
fn bundles() {
    for target in [fuzz::SIGNED_BUNDLE, fuzz::BUNDLE_CONTENT] {
        holds(&target, 16, 8 << 10);
    }
}

/// The owner writes it, in a language that takes more.
#[test]
fn policies() {
    holds(&fuzz::APPRAISAL_POLICY, 32, 64 << 10);
}

/// The verifier as a whole. What it takes in any case is the policy's, and the verdict in its three forms.
#[test]
fn the_verifier() {
    holds(&fuzz::VERIFY, 2, 128 << 10);
}
