//! Standard input to standard output.

use anyhow::Result;

use crate::pairs::alternate;
use crate::process::throughput;
use crate::report::{Figures, Row, Target};
use crate::tools::{Launch, Side, Tools};

/// 1 GiB (in a quick run 128 MiB) through an application that copies it.
pub(crate) fn measure(tools: &Tools) -> Result<Vec<Row>> {
    let program = tools.own_program("cat.wasm")?;
    let length = tools.rounds(1 << 30, 1 << 27);
    let [pairs] = alternate(tools.rounds(3, 2), Side::Native, |side| {
        Ok([throughput(tools.command(side, &program, &Launch::default())?, length)?])
    })?;
    Ok(vec![Row::measured(
        "stream: standard input to standard output",
        Figures::of("GB/s", Side::Native, &pairs).promised(Target::AtLeast(1.0)),
    )])
}
