//! Our own programs, natively and in the Keep: the same output, exit status and files.
//!
//! Each prints the answer to every call that it makes, so that the first line that differs names the call.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail, ensure};
use common::{case, keep, run_on_each_backend};
use holdfast_conformance::process::Ended;
use holdfast_conformance::target::{Backend, Directory, Launch};
use holdfast_conformance::{files, native};

fn main() {
    // Every byte, and more than any buffer on the way.
    let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let environment: &[(&str, &str)] =
        &[("A", "b"), ("EMPTY", ""), ("TEXT", "zwölf = 12\nlines \"and\" 'quotes'")];
    let arguments: &[&str] = &["", "two words", "--flag=1", "-x", "ünïcödé", "a\"b'c\\d"];
    run_on_each_backend(vec![
        compare("files", &[], &[], b""),
        compare("directories", &[], &[], b""),
        compare("clocks", &[], &[], b""),
        compare("poll", &[], &[], b"input of the program"),
        compare("stdio", &[], &[], &bytes),
        compare("stdio", &[], &[], b""),
        compare("environment", arguments, environment, b""),
        compare("environment", &[], &[], b""),
    ]);
}

fn compare(
    program: &'static str,
    arguments: &[&str],
    environment: &[(&str, &str)],
    input: &[u8],
) -> common::Case {
    let launch = Launch {
        application: programs().join(program).with_extension("wasm"),
        arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
        environment: environment.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect(),
        ..Launch::default()
    };
    let name = format!("{program} with {} arguments and {} bytes", arguments.len(), input.len());
    let input = input.to_vec();
    case(name, move |backend| differ(&launch, backend, &input))
}

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs")
}

fn differ(launch: &Launch, backend: Backend, input: &[u8]) -> Result<()> {
    let (native_folder, keep_folder) = (folder()?, folder()?);
    let within = |folder: &tempfile::TempDir| Launch {
        directories: vec![Directory { host: folder.path().into(), guest: "/".into(), out: true }],
        ..launch.clone()
    };
    let expected =
        native::run(&within(&native_folder), input).map_err(|error| anyhow!("native: {error:?}"))?;
    ensure!(expected.stdout.len() > 100, "the program says nothing: {}", expected.err());
    let found = keep(backend, &within(&keep_folder), input)?;
    same(&expected, &found)?;
    let (expected, found) = (files::tree(native_folder.path())?, files::tree(keep_folder.path())?);
    let names: Vec<_> = expected.keys().collect();
    ensure!(names == found.keys().collect::<Vec<_>>(), "files {:?} instead of {names:?}", found.keys());
    for (name, entry) in &expected {
        ensure!(found.get(name) == Some(entry), "the file {name} differs");
    }
    Ok(())
}

/// A directory in which there is something.
fn folder() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("given"))?;
    fs::write(folder.path().join("given/file"), "given\n")?;
    Ok(folder)
}

fn same(expected: &Ended, found: &Ended) -> Result<()> {
    let (ours, theirs) = (found.out(), expected.out());
    if let Some((native, keep)) = theirs.lines().zip(ours.lines()).find(|(native, keep)| native != keep) {
        bail!("the Keep says\n  {keep}\ninstead of\n  {native}");
    }
    ensure!(found.stdout == expected.stdout, "{} bytes of output instead of {}", ours.len(), theirs.len());
    ensure!(
        found.stderr == expected.stderr,
        "standard error: {:?} instead of {:?}",
        found.err(),
        expected.err()
    );
    ensure!(found.status == expected.status, "exit status {} instead of {}", found.status, expected.status);
    Ok(())
}
