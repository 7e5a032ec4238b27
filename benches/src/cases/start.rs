//! How long a start takes.

use anyhow::Result;

use crate::pairs::alternate;
use crate::process::{until_exit, until_first_byte};
use crate::report::{Figures, Row, Target};
use crate::tools::{Launch, Tools};

/// From the command to its end, and to what its application does first.
pub(crate) fn measure(tools: &Tools) -> Result<Vec<Row>> {
    let (rounds, peer, launch) = (tools.rounds(41, 9), tools.starter(), Launch::default());
    let hello = tools.own_program("hello.wat")?;
    let [ends] = alternate(rounds, peer, |side| Ok([until_exit(tools.command(side, &hello, &launch)?)?]))?;
    let first = tools.own_program("wait.wat")?;
    let [begins] =
        alternate(rounds, peer, |side| Ok([until_first_byte(tools.command(side, &first, &launch)?)?]))?;
    Ok(vec![
        Row::measured(
            "cold start: command to exit of a precompiled hello",
            Figures::of("ms", peer, &ends).promised(Target::Ratio(1.0)),
        ),
        Row::measured(
            "cold start: command to the first byte the application writes",
            Figures::of("ms", peer, &begins),
        ),
    ])
}
