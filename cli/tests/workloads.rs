//! Programs that others made, in many languages: each gives in a Keep what it is known to give.

mod common;

use std::path::Path;

use anyhow::{Result, ensure};
use common::{case, keep, run_on_each_backend, skip};
use holdfast_conformance::product;
use holdfast_conformance::target::{Backend, Directory, Launch};

/// A program below `../shared/wasm`, its arguments, and what must stand in its output.
struct Workload {
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    expected: &'static [&'static str],
}

const fn workload(
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    expected: &'static [&'static str],
) -> Workload {
    Workload { name, program, arguments, expected }
}

const WORKLOADS: &[Workload] = &[
    workload("Rust hello, p1", "rust/p1/hello.wasm", &[], &["Hello, world!\n"]),
    workload("Rust hello, p2", "rust/p2/hello.wasm", &[], &["Hello, world!\n"]),
    workload(
        "Rust arguments, p1",
        "rust/p1/args_env.wasm",
        &["a", "b c"],
        &["arg a\n", "arg b c\n", "stdin 5 "],
    ),
    workload(
        "Rust arguments, p2",
        "rust/p2/args_env.wasm",
        &["a", "b c"],
        &["arg a\n", "arg b c\n", "stdin 5 "],
    ),
    workload(
        "Rust clocks, p1",
        "rust/p1/clock_rand.wasm",
        &[],
        &["slept>=50ms true\n", "wall>2024 true\n", "map 332833500\n"],
    ),
    workload("Rust clocks, p2", "rust/p2/clock_rand.wasm", &[], &["map 332833500\n"]),
    workload("Rust files, p1", "rust/p1/files.wasm", &["/work"], FILES),
    workload("Rust files, p2", "rust/p2/files.wasm", &["/work"], FILES),
    workload("SQLite shell", "sqlite/sqlite3-shell.wasm", &[":memory:", "select 1+1;"], &["2\n"]),
    workload(
        "SQLite speedtest1 in memory",
        "sqlite/speedtest1.wasm",
        &["--size", "5", "--memdb"],
        &["TOTAL"],
    ),
    workload("SQLite speedtest1 in a file", "sqlite/speedtest1.wasm", &["--size", "5", "t.db"], &["TOTAL"]),
    workload(
        "QuickJS",
        "quickjs/qjs.wasm",
        &["/quickjs/bench.js"],
        &["[148933,100003,9517056,100000,200000,196418]"],
    ),
    workload(
        "Python",
        "py/cli.component.wasm",
        &["a", "b"],
        &["Hello from Python 3.14.0 wasi\n", "\"fib24\": 46368"],
    ),
    workload("Go", "go-hello/hello.wasm", &["x"], &["Hello from Go 1\n", "499999500000\n", "nodir\n"]),
    workload("Zig as a C compiler", "zig-hello/hello-c.wasm", &["1"], &["Hello from zig cc 1"]),
    workload(
        "AssemblyScript",
        "assemblyscript/hello.wasm",
        &["a", "b"],
        &["Hello from AssemblyScript fib(30)=832040\n", "args=a,b"],
    ),
];

const FILES: &[&str] = &[
    "size 8890\n",
    "truncated 100\n",
    "append 104\n",
    "escape denied\n",
    "big 16777216 true\n",
    "gone true\n",
];

fn main() {
    let Some(shared) = product::shared().map(|shared| shared.join("wasm")) else {
        for workload in WORKLOADS {
            skip(workload.name, "no ../shared");
        }
        run_on_each_backend(Vec::new());
    };
    let cases = WORKLOADS.iter().map(|workload| {
        let shared = shared.clone();
        case(workload.name, move |backend| check(backend, &shared, workload))
    });
    run_on_each_backend(cases.collect());
}

fn check(backend: Backend, shared: &Path, workload: &Workload) -> Result<()> {
    let work = tempfile::tempdir()?;
    let launch = Launch {
        application: shared.join(workload.program),
        arguments: workload.arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        directories: vec![
            Directory { host: work.path().to_owned(), guest: "/work".into(), out: false },
            // SQLite makes its temporary files in the current directory.
            Directory { host: work.path().to_owned(), guest: ".".into(), out: false },
            Directory { host: shared.join("quickjs"), guest: "/quickjs".into(), out: false },
        ],
        ..Launch::default()
    };
    let ended = keep(backend, &launch, b"input")?;
    for expected in workload.expected {
        ensure!(ended.out().contains(expected), "no {expected:?} in {:?} {:?}", ended.out(), ended.err());
    }
    Ok(())
}
