//! Where the vectors are.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::path::{Path, PathBuf};

/// A vector that is committed here, by its path below `tests/vectors`.
pub(crate) fn committed(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A committed vector as JSON.
pub(crate) fn json(name: &str) -> serde_json::Value {
    serde_json::from_slice(&committed(name)).expect("JSON")
}

/// The folder of vectors that are not committed: `HOLDFAST_VECTORS`, or beside the repository.
pub(crate) fn vectors() -> PathBuf {
    std::env::var_os("HOLDFAST_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"), PathBuf::from)
}

/// A vector that is not committed. Says so where it is absent.
pub(crate) fn published(test: &str, name: &str) -> Option<Vec<u8>> {
    let bytes = std::fs::read(vectors().join("measure").join(name)).ok();
    if bytes.is_none() {
        skipped(test, name);
    }
    bytes
}

/// Says that `test` looked at less than it could.
#[allow(clippy::print_stdout, reason = "a test that skips something says so")]
pub(crate) fn skipped(test: &str, what: &str) {
    println!("skipped: {test}: no vectors ({what})");
}

/// Bytes of a hexadecimal string.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).expect("hexadecimal") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A digest of a hexadecimal string.
pub(crate) fn digest<const N: usize>(text: &str) -> holdfast_measure::Digest<N> {
    holdfast_measure::Digest(hex(text).try_into().expect("a digest of this length"))
}
