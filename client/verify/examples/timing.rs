//! How long an appraisal takes beside the crates that others use plainly, in one run:
//! `cargo run --release -p holdfast-verify --example timing`.
//!
//! Figures are of many single calls on one thread; on a machine that does other work too, read the best. They
//! cover everything from bytes to verdict: parsing of certificates and collateral included, files read before.
//! The peers do less (see docs/verification.md).

use std::path::Path;
use std::time::{Duration, Instant};

use dcap_qvl::configs::RustCryptoConfig;
use dcap_qvl::verify::QuoteVerifier;
use holdfast_verify::{AmdCollateral, Collateral, IntelCollateral, Policy, UnixTime, verify};
use sev::certs::snp::{Chain, Verifiable};
use sev::firmware::guest::AttestationReport;
use sev::parser::ByteParser;

const ROUNDS: usize = 300;

fn file(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Best, median and 99th percentile of one call, the two sides in turn so that both see the same machine.
fn compare(name: &str, ours: impl Fn(), peer: impl Fn()) {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let [ours_times, peer_times] = &mut times;
        ours_times.push(timed(&ours));
        peer_times.push(timed(&peer));
    }
    for (side, times) in ["holdfast", "peer"].iter().zip(&mut times) {
        times.sort();
        let at = |hundredths: usize| times[(times.len() - 1) * hundredths / 100].as_secs_f64() * 1e3;
        let each_second = 1e3 / at(50);
        let (best, median, tail) = (at(0), at(50), at(99));
        report(&format!(
            "{name:34} {side:9} best {best:7.3} ms  median {median:7.3}  p99 {tail:7.3}  {each_second:6.0}/s"
        ));
    }
}

fn timed(call: impl Fn()) -> Duration {
    let start = Instant::now();
    call();
    start.elapsed()
}

#[allow(clippy::print_stdout, reason = "this is what the command is for")]
fn report(line: &str) {
    println!("{line}");
}

const POLICY: &str = include_str!("../tests/vectors/policy.toml");

fn main() {
    let policy = Policy::parse(POLICY).expect("the policy");
    for (name, intermediate, ark, time) in [
        ("milan-v3-40a2778d", "ask-milan.der", "ark-milan.der", 1_737_062_514),
        ("turin-v5-85da705e", "ask-turin.der", "ark-turin.der", 1_770_339_873),
    ] {
        let snp = |part: &str| file(&format!("tests/vectors/snp/{part}"));
        let (bytes, vek) = (snp(&format!("{name}/report.bin")), snp(&format!("{name}/vek.der")));
        let (ask, ark) = (snp(&format!("chains/{intermediate}")), file(&format!("src/anchors/{ark}")));
        let collateral = Collateral::Amd(AmdCollateral {
            vek: vek.clone(),
            intermediate: ask.clone(),
            ..AmdCollateral::default()
        });
        compare(
            &format!("SNP report, chain: {name}"),
            || assert!(verify(&bytes, &collateral, &policy, UnixTime(time)).is_ok()),
            || {
                let chain = Chain::from_der(&ark, &ask, &vek).expect("a chain");
                let report = AttestationReport::from_bytes(&bytes).expect("a report");
                assert!((&chain, &report).verify().is_ok());
            },
        );
    }
    for (name, collateral, time) in [
        ("tdx-v4-cbdb5b2f", "collateral-2026-03-16.json", 1_774_995_607),
        ("sgx-v3-268c0681", "collateral-2025-08-15.json", 1_756_530_546),
    ] {
        let quote = file(&format!("tests/vectors/quotes/{name}/quote.bin"));
        let text = file(&format!("tests/vectors/quotes/{name}/{collateral}"));
        let ours: IntelCollateral = serde_json::from_slice(&text).expect("collateral");
        let theirs = plain(&ours);
        let ours = Collateral::Intel(Box::new(ours));
        let verifier =
            QuoteVerifier::<RustCryptoConfig>::new_with_config(file("src/anchors/intel-sgx-root.der"));
        compare(
            &format!("quote, collateral: {name}"),
            || assert!(verify(&quote, &ours, &policy, UnixTime(time)).is_ok()),
            || assert!(verifier.verify(&quote, &theirs, time).is_ok()),
        );
    }
}

fn plain(collateral: &IntelCollateral) -> dcap_qvl::QuoteCollateralV3 {
    dcap_qvl::QuoteCollateralV3 {
        pck_crl_issuer_chain: collateral.pck_crl_issuer_chain.clone(),
        root_ca_crl: collateral.root_ca_crl.clone(),
        pck_crl: collateral.pck_crl.clone(),
        tcb_info_issuer_chain: collateral.tcb_info_issuer_chain.clone(),
        tcb_info: collateral.tcb_info.clone(),
        tcb_info_signature: collateral.tcb_info_signature.clone(),
        qe_identity_issuer_chain: collateral.qe_identity_issuer_chain.clone(),
        qe_identity: collateral.qe_identity.clone(),
        qe_identity_signature: collateral.qe_identity_signature.clone(),
        pck_certificate_chain: None,
    }
}
