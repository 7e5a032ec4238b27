//! Vectors, and policies that suit them.
#![allow(dead_code, reason = "each test takes what it needs")]

pub(crate) mod asn1;
pub(crate) mod simulated;

use std::path::{Path, PathBuf};

use holdfast_verify::{AmdCollateral, Collateral, Denied, IntelCollateral, Policy, Step, UnixTime, Verified};
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

/// Where the whole collection is, if it is there.
fn published_folder() -> PathBuf {
    std::env::var_os("HOLDFAST_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"), PathBuf::from)
}

/// A file of the collection; where that is absent, a word of it.
pub(crate) fn published_file(test: &str, path: &str) -> Option<Vec<u8>> {
    let found = std::fs::read(published_folder().join(path)).ok();
    if found.is_none() {
        skipped(test);
    }
    found
}

/// The whole collection; where it is absent, the committed cases, and a word of that.
pub(crate) fn published(test: &str, file: &str) -> Vec<Case> {
    let folder = published_folder();
    if folder.is_dir() {
        return cases(&folder, file);
    }
    skipped(test);
    committed(file)
}

#[allow(clippy::print_stdout, reason = "a test that skips something says so")]
fn skipped(test: &str) {
    println!("skipped: {test}: no vectors but the committed ones");
}

/// A committed file by its path.
pub(crate) fn file(path: &str) -> Vec<u8> {
    read(&committed_folder().join(path))
}

/// The policy that accepts the cases whose settings are sound, whatever the state of their platform.
pub(crate) const POLICY: &str = include_str!("../vectors/policy.toml");

pub(crate) fn policy() -> Policy {
    Policy::parse(POLICY).expect("the policy")
}

/// [`POLICY`] with some text put in the place of other text, everywhere.
pub(crate) fn policy_with(from: &str, to: &str) -> Policy {
    assert!(POLICY.contains(from), "{from}");
    Policy::parse(&POLICY.replace(from, to)).unwrap_or_else(|error| panic!("{to}: {error}"))
}

pub(crate) fn intel(collateral: IntelCollateral) -> Collateral {
    Collateral::Intel(Box::new(collateral))
}

pub(crate) fn amd(collateral: AmdCollateral) -> Collateral {
    Collateral::Amd(collateral)
}

/// What is not as it should be.
pub(crate) fn misjudged(
    name: &str,
    result: Result<Verified, Denied>,
    step: Step,
    found: &str,
) -> Option<String> {
    match result {
        Ok(_) => Some(format!("{name}: accepted")),
        Err(denied) if denied.step() == step && denied.record().found.contains(found) => None,
        Err(denied) => Some(format!("{name}: {denied}")),
    }
}
