//! How long an appraisal takes, beside the crates that others use plainly: from bytes to verdict, parsing of
//! certificates and collateral included, files read before.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, ensure};
use dcap_qvl::configs::RustCryptoConfig;
use dcap_qvl::verify::QuoteVerifier;
use holdfast_verify::{AmdCollateral, Collateral, IntelCollateral, Policy, UnixTime, verify};
use sev::certs::snp::{Chain, Verifiable};
use sev::firmware::guest::AttestationReport;
use sev::parser::ByteParser;

use crate::pairs::{Pairs, alternate};
use crate::process::until_exit;
use crate::report::{Figures, Row, Target};
use crate::tools::{Side, Tools};

/// A SEV-SNP report with its chain, a TDX and an SGX quote with their collateral, and the command as a whole.
pub(crate) fn measure(tools: &Tools) -> Result<Vec<Row>> {
    let [report] = snp(tools)?;
    let each_second = |milliseconds: &[f64]| milliseconds.iter().map(|each| 1e3 / each).collect();
    let rate = Pairs { keep: each_second(&report.keep), peer: each_second(&report.peer) };
    let [tdx] = quote(tools, "tdx-v4-cbdb5b2f", "collateral-2026-03-16.json", 1_774_995_607)?;
    let [sgx] = quote(tools, "sgx-v3-268c0681", "collateral-2025-08-15.json", 1_756_530_546)?;
    let [cold] = command(tools)?;
    Ok(vec![
        Row::measured(
            "verify: an SNP report with its chain",
            Figures::of("ms", Side::Sev, &report).promised(Target::AtMost(1.0)),
        ),
        Row::measured("verify: SNP reports a second on one core", Figures::of("/s", Side::Sev, &rate)),
        Row::measured(
            "verify: a TDX quote with its collateral",
            Figures::of("ms", Side::DcapQvl, &tdx).promised(Target::Ratio(1.0)),
        ),
        Row::measured(
            "verify: an SGX quote with its collateral",
            Figures::of("ms", Side::DcapQvl, &sgx).promised(Target::Ratio(1.0)),
        ),
        Row::measured(
            "verify: the command, from its start to its exit",
            Figures::of("ms", Side::Version, &cold).promised(Target::AtMost(15.0)),
        ),
    ])
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../client/verify/tests/vectors")
}

fn anchor(name: &str) -> Result<Vec<u8>> {
    Ok(fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../client/verify/src/anchors").join(name))?)
}

fn policy() -> Result<Policy> {
    Ok(Policy::parse(&fs::read_to_string(vectors().join("policy.toml"))?)?)
}

/// A time at which the report's certificates are valid.
const SNP_TIME: u64 = 1_737_062_514;
const SNP: &str = "snp/milan-v3-40a2778d";

fn snp(tools: &Tools) -> Result<[Pairs; 1]> {
    let (policy, folder) = (policy()?, vectors());
    let (bytes, vek) =
        (fs::read(folder.join(SNP).join("report.bin"))?, fs::read(folder.join(SNP).join("vek.der"))?);
    let (ask, ark) = (fs::read(folder.join("snp/chains/ask-milan.der"))?, anchor("ark-milan.der")?);
    let collateral = Collateral::Amd(AmdCollateral {
        vek: vek.clone(),
        intermediate: ask.clone(),
        ..AmdCollateral::default()
    });
    let ours = || verify(&bytes, &collateral, &policy, UnixTime(SNP_TIME)).is_ok();
    let plainly = || -> std::io::Result<()> {
        let chain = Chain::from_der(&ark, &ask, &vek)?;
        let report = AttestationReport::from_bytes(&bytes)?;
        (&chain, &report).verify()
    };
    compare(tools, Side::Sev, ours, || plainly().is_ok())
}

fn quote(tools: &Tools, name: &str, collateral: &str, time: u64) -> Result<[Pairs; 1]> {
    let (policy, folder) = (policy()?, vectors().join("quotes").join(name));
    let bytes = fs::read(folder.join("quote.bin"))?;
    let parts: IntelCollateral = serde_json::from_slice(&fs::read(folder.join(collateral))?)?;
    let verifier = QuoteVerifier::<RustCryptoConfig>::new_with_config(anchor("intel-sgx-root.der")?);
    let plain = plain(&parts);
    let collateral = Collateral::Intel(Box::new(parts));
    let ours = || verify(&bytes, &collateral, &policy, UnixTime(time)).is_ok();
    compare(tools, Side::DcapQvl, ours, || verifier.verify(&bytes, &plain, time).is_ok())
}

/// Milliseconds of one call of each; each must say that the evidence is genuine.
fn compare(
    tools: &Tools,
    peer: Side,
    ours: impl Fn() -> bool,
    theirs: impl Fn() -> bool,
) -> Result<[Pairs; 1]> {
    alternate(tools.rounds(301, 31), peer, |side| {
        let begin = Instant::now();
        let genuine = black_box(if side == Side::Keep { ours() } else { theirs() });
        let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
        ensure!(genuine, "{side:?} denies genuine evidence");
        Ok([milliseconds])
    })
}

/// The command with everything on disk, beside the same program that prints its version.
fn command(tools: &Tools) -> Result<[Pairs; 1]> {
    let chain = tempfile::tempdir()?;
    let copy = |from: &str, to: &str| fs::copy(vectors().join(from), chain.path().join(to));
    copy(&format!("{SNP}/vek.der"), "vcek.der")?;
    copy("snp/chains/ask-milan.der", "ask.der")?;
    alternate(tools.rounds(41, 9), Side::Version, |side| {
        let mut command = Command::new(tools.holdfast());
        if side == Side::Version {
            command.arg("--version");
        } else {
            command.arg("verify").arg(vectors().join(SNP).join("report.bin"));
            command.arg("--policy").arg(vectors().join("policy.toml"));
            command.arg("--collateral").arg(chain.path()).args(["--at", &SNP_TIME.to_string()]);
        }
        Ok([until_exit(command)?])
    })
}

fn plain(parts: &IntelCollateral) -> dcap_qvl::QuoteCollateralV3 {
    dcap_qvl::QuoteCollateralV3 {
        pck_crl_issuer_chain: parts.pck_crl_issuer_chain.clone(),
        root_ca_crl: parts.root_ca_crl.clone(),
        pck_crl: parts.pck_crl.clone(),
        tcb_info_issuer_chain: parts.tcb_info_issuer_chain.clone(),
        tcb_info: parts.tcb_info.clone(),
        tcb_info_signature: parts.tcb_info_signature.clone(),
        qe_identity_issuer_chain: parts.qe_identity_issuer_chain.clone(),
        qe_identity: parts.qe_identity.clone(),
        qe_identity_signature: parts.qe_identity_signature.clone(),
        pck_certificate_chain: None,
    }
}
