//! What is measured.

mod compute;
mod files;
mod memory;
mod start;
mod stream;
mod verify;

use std::io::{Write, stderr};

use anyhow::Result;

use crate::report::Row;
use crate::tools::Tools;

type Case = fn(&Tools) -> Result<Vec<Row>>;

const CASES: [(&str, Case); 7] = [
    ("start", start::measure),
    ("compute", compute::measure),
    ("memory", memory::measure),
    ("files", files::measure),
    ("stream", stream::measure),
    ("resident", memory::idle),
    ("verify", verify::measure),
];

/// Measures the cases whose name contains `only`. What fails is told on standard error.
pub(crate) fn measure(tools: &Tools, only: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, case) in CASES.into_iter().filter(|(name, _)| name.contains(only)) {
        rows.extend(case(tools).unwrap_or_else(|error| vec![Row::failed(name, format!("{error:#}"))]));
    }
    for row in &rows {
        if let crate::report::Outcome::Failed(why) = &row.outcome {
            // Whoever has closed standard error does not want to know.
            let _ = writeln!(stderr(), "{} failed: {why}", row.what);
        }
    }
    rows
}
