//! Every kind of trap gives what native Wasmtime gives, and the next Keep runs as if nothing had been.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};
use common::{case, keep, run_on_each_backend, skip};
use holdfast_conformance::native;
use holdfast_conformance::process::Ended;
use holdfast_conformance::product;
use holdfast_conformance::target::{Backend, Launch};

fn main() {
    let mut cases: Vec<_> = DISTANCES
        .iter()
        .map(|&distance| {
            case(format!("load {distance} bytes past the end"), move |backend| load(backend, distance))
        })
        .collect();
    cases.push(case("load the last bytes", load_the_last));
    for (name, body) in OWN {
        cases.push(case(*name, move |backend| as_native(backend, &module(body)?.1, "")));
    }
    let program = product::shared().map(|shared| shared.join("wasm/rust/p1/trap.wasm"));
    for kind in ["oob", "divzero", "stack", "oom", "abort", "loop"] {
        let name = format!("trap.wasm {kind}");
        match program.clone().filter(|program| program.exists()) {
            None => skip(&name, "no ../shared"),
            Some(program) if kind == "loop" => {
                cases.push(case(name, move |backend| endless(backend, &program)))
            }
            Some(program) => {
                cases.push(case(name, move |backend| {
                    as_native(backend, &program, kind)?;
                    unharmed(backend, &program)
                }));
            }
        }
    }
    run_on_each_backend(cases);
}

/// How far past the end of a memory of one page a load of eight bytes starts. An address and an offset
/// of 32 bits each reach up to 8 GiB.
const DISTANCES: &[u64] = &[
    0,
    1,
    4095,
    4096,
    65_536,
    1 << 20,
    (2 << 20) - 1,
    1 << 30,
    (1 << 31) - 8,
    (1 << 32) - 65_536 - 8,
    (1 << 32) - 65_536,
    1 << 32,
    (1 << 32) + 4096,
    3 << 31,
    (1 << 33) - 65_536 - 2,
];

/// Traps by what causes them, each the body of `_start`.
const OWN: &[(&str, &str)] = &[
    ("unreachable", "unreachable"),
    ("divide by zero", "(drop (i32.div_u (i32.const 1) (i32.load (i32.const 0))))"),
    ("divide and overflow", "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))"),
    ("convert what is no number", "(drop (i32.trunc_f32_s (f32.const nan)))"),
    ("call nothing", "(call_indirect (i32.const 0))"),
    ("call past the table", "(call_indirect (i32.const 9))"),
    ("call of another type", "(drop (call_indirect (result i32) (i32.const 1)))"),
    ("recurse without end", "(call $start)"),
    ("recurse with much on the stack", "(call $deep (i64.const 1))"),
    ("store past the end", "(i64.store (i32.const 65536) (i64.const 1))"),
    ("fill past the end", "(memory.fill (i32.const 65530) (i32.const 1) (i32.const 100))"),
    ("a vector across the end", "(drop (v128.load (i32.const 65535)))"),
    ("an atomic that is not aligned", "(drop (i32.atomic.load (i32.const 1)))"),
];

/// A module whose `_start` has this body, in a file.
fn module(body: &str) -> Result<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("module.wasm");
    let text = format!(
        "(module
          (memory (export \"memory\") 1)
          (table 2 funcref)
          (elem (i32.const 1) $start)
          (func $deep (param i64) (call $deep (i64.add (local.get 0) (i64.const 1))) (drop (local.get 0)))
          (func $start (export \"_start\") {body}))"
    );
    fs::write(&path, wat::parse_str(text)?)?;
    Ok((folder, path))
}

fn load(backend: Backend, distance: u64) -> Result<()> {
    let (address, offset) = split(65_536 + distance)?;
    let body = format!("(drop (i64.load offset={offset} (i32.const {address})))");
    let (_folder, path) = module(&body)?;
    let launch = Launch { application: path.clone(), ..Launch::default() };
    let ended = keep(backend, &launch, b"")?;
    ensure!(ended.status == 134, "exit status {}: {}", ended.status, ended.err());
    ensure!(ended.err().contains("out of bounds memory access"), "{}", ended.err());
    as_native(backend, &path, "")
}

/// An address and an offset whose sum is `place`.
fn split(place: u64) -> Result<(u32, u32)> {
    let address = place.min(u64::from(u32::MAX));
    Ok((u32::try_from(address)?, u32::try_from(place - address)?))
}

/// The other side of the border: nothing traps too soon.
fn load_the_last(backend: Backend) -> Result<()> {
    let (_folder, path) = module("(drop (i64.load offset=65528 (i32.const 0)))")?;
    let launch = Launch { application: path, ..Launch::default() };
    let ended = keep(backend, &launch, b"")?;
    ensure!(ended.status == 0, "exit status {}: {}", ended.status, ended.err());
    Ok(())
}

fn as_native(backend: Backend, program: &Path, kind: &str) -> Result<()> {
    let launch = Launch {
        application: program.into(),
        arguments: if kind.is_empty() { Vec::new() } else { vec![kind.to_owned()] },
        ..Launch::default()
    };
    let expected = native::run(&launch, b"").map_err(|error| anyhow!("native: {error:?}"))?;
    ensure!(expected.status == 134, "natively it does not trap: {}", expected.err());
    let found = keep(backend, &launch, b"")?;
    ensure!(found.status == expected.status, "exit status {}: {}", found.status, found.err());
    ensure!(found.stdout == expected.stdout, "output {:?} instead of {:?}", found.out(), expected.out());
    says_all(&expected, &found)
}

/// The Keep's message has each line of Wasmtime's, in the same order.
fn says_all(expected: &Ended, found: &Ended) -> Result<()> {
    let (native, keep) = (expected.err(), found.err());
    let mut lines = keep.lines().map(str::trim);
    for line in native.lines().map(str::trim) {
        ensure!(lines.any(|other| other == line), "the message lacks `{line}`:\n{keep}\nnatively:\n{native}");
    }
    Ok(())
}

/// A Keep right after one that trapped.
fn unharmed(backend: Backend, program: &Path) -> Result<()> {
    let launch = Launch { application: program.with_file_name("hello.wasm"), ..Launch::default() };
    let ended = keep(backend, &launch, b"")?;
    ensure!((ended.status, ended.out().as_str()) == (0, "Hello, world!\n"), "the next Keep: {ended:?}");
    Ok(())
}

fn endless(backend: Backend, program: &Path) -> Result<()> {
    let launch = Launch {
        application: program.into(),
        arguments: vec!["loop".into()],
        options: vec!["--timeout".into(), "1s".into()],
        ..Launch::default()
    };
    let ended = keep(backend, &launch, b"")?;
    ensure!(ended.status == 124, "exit status {}: {}", ended.status, ended.err());
    ensure!(ended.out() == "before\n", "output {:?}", ended.out());
    unharmed(backend, program)
}
