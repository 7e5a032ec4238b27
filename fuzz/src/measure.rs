//! What is measured: files that anybody may have made.

use std::fs;
use std::path::Path;

use holdfast_measure::fuzz;

use crate::Target;

/// An OVMF firmware.
pub const FIRMWARE: Target = Target {
    name: "firmware",
    body: fuzz::firmware,
    seeds: || samples("sev-snp-measure/fixtures"),
    rounds: 2_000,
};

/// A SIGSTRUCT.
pub const SIGSTRUCT: Target = Target {
    name: "sigstruct",
    body: fuzz::sigstruct,
    seeds: || samples("sgx-intel-samplecommonloader"),
    rounds: 500,
};

/// An ID block with its authentication.
pub const ID_BLOCK: Target =
    Target { name: "id_block", body: fuzz::id_block, seeds: || vec![vec![0; 96 + 4096]], rounds: 2_000 };

/// The published files of one project.
fn samples(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../common/measure/tests/vectors").join(folder);
    let files = fs::read_dir(&folder).expect("the vectors are part of the tree");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.iter().filter(|file| file.is_file()).map(|file| fs::read(file).expect("a file")).collect()
}
