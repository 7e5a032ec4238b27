//! How fast code runs.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::pairs::{Spread, alternate, geometric_means};
use crate::process::complete;
use crate::report::{Figures, Row, Target};
use crate::tools::{Launch, Side, Tools};

struct Workload {
    /// Below the shared folder.
    program: &'static str,
    arguments: &'static [&'static str],
    /// A folder with its input, below the shared folder; it finds it as `/in`.
    input: Option<&'static str>,
    /// What its output contains.
    expected: &'static str,
}

const WORKLOADS: [Workload; 6] = [
    Workload {
        program: "sqlite/speedtest1.wasm",
        arguments: &["--memdb", "--size", "25"],
        input: None,
        expected: "TOTAL",
    },
    Workload {
        program: "quickjs/qjs.wasm",
        arguments: &["/in/bench.js"],
        input: Some("quickjs"),
        expected: "[148933,100003,9517056,100000,200000,196418]",
    },
    Workload { program: "py/cli.component.wasm", arguments: &["a", "b"], input: None, expected: "46368" },
    Workload { program: "go-hello/hello.wasm", arguments: &["x"], input: None, expected: "499999500000" },
    Workload { program: "rust/p1/clock_rand.wasm", arguments: &[], input: None, expected: "332833500" },
    Workload {
        program: "assemblyscript/hello.wasm",
        arguments: &["a", "b"],
        input: None,
        expected: "fib(30)=832040",
    },
];

/// A program that natively runs for less than this many milliseconds measures a start, not computing.
const SHORT: f64 = 20.0;

/// From the application's start to its end.
pub(crate) fn measure(tools: &Tools) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut long = Vec::new();
    for workload in WORKLOADS {
        let name = workload.program;
        let Some(path) = tools.workload(name) else {
            rows.push(Row::skipped(name, "the shared workloads are not here"));
            continue;
        };
        let pairs = match run(tools, &workload, &path) {
            Ok(pairs) => pairs,
            Err(error) => {
                rows.push(Row::failed(name, format!("{error:#}")));
                continue;
            }
        };
        let figures = Figures::of("ms", Side::Native, &pairs);
        if Spread::of(&pairs.peer).median < SHORT {
            rows.push(Row::measured(format!("{name} (short: not in the mean)"), figures));
        } else {
            rows.push(Row::measured(name, figures));
            long.push(pairs);
        }
    }
    if !long.is_empty() {
        let ratio = Spread::of(&geometric_means(&long));
        let figures =
            Figures { unit: "", medians: None, ratio, peer: Side::Native, target: Target::Ratio(1.02) };
        rows.push(Row::measured(format!("compute: geometric mean of {}", long.len()), figures));
    }
    Ok(rows)
}

fn run(tools: &Tools, workload: &Workload, path: &Path) -> Result<crate::pairs::Pairs> {
    let program = tools.compile(path)?;
    let input = workload.input.and_then(|input| tools.workload(input));
    let launch = Launch {
        directory: input.as_deref().map(|input| (input, "/in")),
        arguments: workload.arguments,
        ..Launch::default()
    };
    let [pairs] = alternate(tools.rounds(7, 2), Side::Native, |side| {
        let ended = complete(tools.command(side, &program, &launch)?)?;
        ensure!(ended.output.contains(workload.expected), "a wrong result: {:.200}", ended.output);
        Ok([ended.milliseconds()?])
    })?;
    Ok(pairs)
}
