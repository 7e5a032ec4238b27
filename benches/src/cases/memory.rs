//! Memory: how fast it comes, and how much is taken.

use anyhow::Result;

use crate::pairs::alternate;
use crate::process::{complete, resident};
use crate::report::{Figures, Row, Target};
use crate::tools::{Launch, Side, Tools};

/// The application gets 1 GiB and touches it.
pub(crate) fn measure(tools: &Tools) -> Result<Vec<Row>> {
    let program = tools.own_program("memory.wasm")?;
    let launch = Launch { memory: Some("2G"), ..Launch::default() };
    let pairs = alternate(tools.rounds(5, 1), Side::Native, |side| {
        complete(tools.command(side, &program, &launch)?)?.phases(["grow", "touch", "again"])
    })?;
    let what = [
        "memory: growing by 1 GiB, 1 MiB at a time",
        "memory: touching each page of 1 GiB for the first time",
        "memory: touching each page again",
    ];
    let row = |(what, pairs)| Row::measured(what, Figures::of("ms", Side::Native, pairs));
    Ok(what.into_iter().zip(&pairs).map(row).collect())
}

/// What a Keep takes that does nothing.
pub(crate) fn idle(tools: &Tools) -> Result<Vec<Row>> {
    let program = tools.own_program("wait.wat")?;
    let (launch, peer) = (Launch::default(), tools.starter());
    let [keep, whole] = alternate(tools.rounds(5, 2), peer, |side| {
        let [own, started] = resident(tools.command(side, &program, &launch)?)?;
        // The peer is one process, which is its own loader.
        Ok(if side == Side::Keep { [started, own + started] } else { [own, own] })
    })?;
    Ok(vec![
        Row::measured(
            "resident: a Keep whose hello waits for input (loader and all)",
            Figures::of("MiB", peer, &keep).promised(Target::AtMost(16.0)),
        ),
        Row::measured("resident: the same with the client", Figures::of("MiB", peer, &whole)),
    ])
}
