//! Vectors, and policies that suit them.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::path::{Path, PathBuf};

use holdfast_verify::{AmdCollateral, Collateral, IntelCollateral, Policy, UnixTime};
use serde_json::Value;

/// A case with its files.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) json: Value,
    folder: PathBuf,
}

impl Case {
    pub(crate) fn text(&self, field: &str) -> &str {
        self.json[field].as_str().unwrap_or_else(|| panic!("{}: {field}", self.name))
    }

    pub(crate) fn number(&self, field: &str) -> u64 {
        self.json[field].as_u64().unwrap_or_else(|| panic!("{}: {field}", self.name))
    }

    pub(crate) fn file(&self, field: &str) -> Vec<u8> {
        read(&self.folder.join(self.text(field)))
    }

    /// The collateral of a SNP case: endorsement key and intermediate.
    pub(crate) fn amd(&self) -> AmdCollateral {
        AmdCollateral {
            vek: self.file("vek"),
            intermediate: self.file("intermediate"),
            ..AmdCollateral::default()
        }
    }

    /// The collateral of a quote's case.
    pub(crate) fn intel(&self) -> IntelCollateral {
        serde_json::from_slice(&self.file("collateral")).expect("collateral")
    }

    pub(crate) fn now(&self) -> UnixTime {
        UnixTime(self.number("now"))
    }

    pub(crate) fn pinned_time(&self) -> UnixTime {
        UnixTime(self.number("pinned_time"))
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn committed_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn cases(folder: &Path, file: &str) -> Vec<Case> {
    let list: Vec<Value> = serde_json::from_slice(&read(&folder.join(file))).expect("JSON");
    let case = |json: Value| Case { name: json["name"].to_string(), json, folder: folder.to_owned() };
    list.into_iter().map(case).collect()
}

/// The cases that are committed here.
pub(crate) fn committed(file: &str) -> Vec<Case> {
    cases(&committed_folder(), file)
}

/// The whole collection; where it is absent, the committed cases, and a word of that.
pub(crate) fn published(test: &str, file: &str) -> Vec<Case> {
    let folder = std::env::var_os("HOLDFAST_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"), PathBuf::from);
    if folder.is_dir() {
        return cases(&folder, file);
    }
    skipped(test);
    committed(file)
}

#[allow(clippy::print_stdout, reason = "a test that skips something says so")]
fn skipped(test: &str) {
    println!("skipped: {test}: no vectors; only the committed ones");
}

/// A committed file by its path.
pub(crate) fn file(path: &str) -> Vec<u8> {
    read(&committed_folder().join(path))
}

/// The policy that accepts the SNP cases, all else equal: what it demands, it demands for all of them.
pub(crate) const SNP_POLICY: &str = r#"
version = 1
report_data = "any"
[snp]
minimum_firmware = [1, 49, 0]
revocation = "waived"
signing_keys = ["VCEK", "VLEK"]
vlek_providers = ["CN=cc-us-east-2.amazonaws.com"]
vmpl = [0]
guest_policy_must = []
guest_policy_may = ["SMT"]
platform_info_must = []
platform_info_must_not = ["CIPHERTEXT_HIDING_DRAM_EN"]
mitigations = 0
chip_ids = "any"
measurements = "any"
id_key_digests = "any"
author_key_digests = "any"
family_ids = "any"
image_ids = "any"
minimum_guest_svn = 0
host_data = "any"
[snp.minimum_tcb]
Milan = { blSPL = 2, teeSPL = 0, snpSPL = 5, ucodeSPL = 68 }
Genoa = { blSPL = 7, teeSPL = 0, snpSPL = 13, ucodeSPL = 62 }
Milan-X = { blSPL = 2, teeSPL = 0, snpSPL = 5, ucodeSPL = 68 }
Bergamo = { blSPL = 10, teeSPL = 0, snpSPL = 23, ucodeSPL = 25 }
Turin = { fmcSPL = 0, blSPL = 0, teeSPL = 0, snpSPL = 2, ucodeSPL = 50 }
"#;

/// The policy that accepts the SGX and TDX cases, whatever the state of their platform.
pub(crate) const QUOTE_POLICY: &str = r#"
version = 1
report_data = "any"
[tdx]
td_attributes = { value = "0000001000000000", mask = "0000001000000000" }
xfam = { value = "0300000000000000", mask = "0300f8ffffffffff" }
mr_seams = "any"
mr_tds = "any"
rtmr0 = "any"
rtmr1 = "any"
rtmr2 = "any"
rtmr3 = "any"
mr_config_ids = "any"
mr_owners = "any"
mr_owner_configs = "any"
[tdx.platform]
tcb_statuses = ["UpToDate", "OutOfDate", "TDRelaunchAdvised"]
tolerated_advisories = "any"
minimum_tcb_evaluation_data_number = 17
fmspcs = "any"
ppids = "any"
[sgx]
attributes = { value = "0500000000000000", mask = "05ffffffffffffff" }
xfrm = { value = "0300000000000000", mask = "0300000000000000" }
misc_select = { value = "00000000", mask = "feffffff" }
mr_enclaves = "any"
mr_signers = "any"
isv_prod_ids = "any"
minimum_isv_svn = 0
config_ids = "any"
[sgx.platform]
tcb_statuses = ["UpToDate", "OutOfDate", "SWHardeningNeeded", "ConfigurationAndSWHardeningNeeded"]
tolerated_advisories = "any"
minimum_tcb_evaluation_data_number = 17
fmspcs = "any"
ppids = "any"
"#;

/// [`QUOTE_POLICY`] with some text put in the place of other text, everywhere.
pub(crate) fn quote_policy_with(from: &str, to: &str) -> Policy {
    assert!(QUOTE_POLICY.contains(from), "{from}");
    Policy::parse(&QUOTE_POLICY.replace(from, to)).unwrap_or_else(|error| panic!("{to}: {error}"))
}

pub(crate) fn quote_policy() -> Policy {
    Policy::parse(QUOTE_POLICY).expect("the policy")
}

pub(crate) fn snp_policy() -> Policy {
    Policy::parse(SNP_POLICY).expect("the policy")
}

/// [`SNP_POLICY`] with some text put in the place of other text.
pub(crate) fn snp_policy_with(from: &str, to: &str) -> Policy {
    assert!(SNP_POLICY.contains(from), "{from}");
    Policy::parse(&SNP_POLICY.replacen(from, to, 1)).expect("the policy")
}

pub(crate) fn intel(collateral: IntelCollateral) -> Collateral {
    Collateral::Intel(Box::new(collateral))
}

pub(crate) fn amd(collateral: AmdCollateral) -> Collateral {
    Collateral::Amd(collateral)
}
