//! The list of third-party crates in `keep/README.md` is what is linked.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

#[test]
fn the_readme_lists_each_crate_in_the_image() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "-e", "normal,no-proc-macro", "--prefix", "none"])
        .args(["-p", "holdfast-runtime", "--target", "x86_64-unknown-linux-gnu", "--format", "{p}"])
        .env("RUSTFLAGS", "--cfg holdfast_keep --cfg rustix_use_libc")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .current_dir(here)
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let linked: BTreeSet<String> = String::from_utf8(tree.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !name.is_empty() && !name.starts_with("holdfast-"))
        .map(str::to_owned)
        .collect();

    let readme = std::fs::read_to_string(here.join("../README.md")).unwrap();
    let (_, list) = readme.split_once("| crates | for | why it is there |").unwrap();
    // The first column of each row; names are between backticks.
    let listed: BTreeSet<String> = list
        .lines()
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect();
    assert_eq!(listed.difference(&linked).collect::<Vec<_>>(), Vec::<&String>::new(), "listed, not linked");
    assert_eq!(linked.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "linked, not listed");
}
