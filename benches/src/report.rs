//! The result as a document.

use core::fmt::Write;

use holdfast_client::artefact::WASMTIME;

use crate::machine;
use crate::pairs::{Pairs, Spread};
use crate::tools::Side;

/// What bounds the figures, as far as it is known. Written by hand.
const NOTES: &str = include_str!("../notes.md");

/// All rows of one run of this command.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) backend: &'static str,
    pub(crate) rows: Vec<Row>,
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) outcome: Outcome,
}

/// What became of a measurement.
#[derive(Debug)]
pub(crate) enum Outcome {
    Measured(Figures),
    /// Why it was not made.
    Skipped(String),
    /// What did not work.
    Failed(String),
}

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// Of each median; empty if there are none.
    pub(crate) unit: &'static str,
    /// Of the Keep and of its peer, where one figure says something.
    pub(crate) medians: Option<[f64; 2]>,
    /// The Keep's divided by the peer's.
    pub(crate) ratio: Spread,
    pub(crate) peer: Side,
    pub(crate) target: Target,
}

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    /// Nothing: the figure is for information.
    None,
    /// The median of the ratios is at most this.
    Ratio(f64),
    /// The Keep's median is at least this.
    AtLeast(f64),
    /// The Keep's median is at most this.
    AtMost(f64),
}

impl Figures {
    /// Figures of runs in pairs, for information.
    pub(crate) fn of(unit: &'static str, peer: Side, pairs: &Pairs) -> Self {
        let medians = [Spread::of(&pairs.keep).median, Spread::of(&pairs.peer).median];
        let ratio = Spread::of(&pairs.ratios());
        Self { unit, medians: Some(medians), ratio, peer, target: Target::None }
    }

    /// With a promise.
    pub(crate) fn promised(self, target: Target) -> Self {
        Self { target, ..self }
    }

    /// What is promised, and whether it is kept.
    fn verdict(&self) -> String {
        let keep = self.medians.map_or(f64::NAN, |[keep, _]| keep);
        let (promise, kept) = match self.target {
            Target::None => return "".into(),
            Target::Ratio(most) => (format!("ratio ≤ {most:.2}"), self.ratio.median <= most),
            Target::AtLeast(least) => (format!("≥ {least} {}", self.unit), keep >= least),
            Target::AtMost(most) => (format!("≤ {most} {}", self.unit), keep <= most),
        };
        format!("{promise}: {}", if kept { "met" } else { "**missed**" })
    }

    fn cells(&self) -> String {
        let [keep, peer] = self.medians.map_or([String::new(), String::new()], |medians| {
            medians.map(|median| format!("{} {}", significant(median), self.unit))
        });
        let Spread { median, least, most } = self.ratio;
        let ratio = format!("**{median:.2}** ({least:.2}–{most:.2})");
        format!("{ratio} | {keep} | {peer} | {} | {}", self.peer.name(), self.verdict())
    }
}

impl Side {
    const fn name(self) -> &'static str {
        match self {
            Self::Keep => "Holdfast",
            Self::Native => "native host",
            Self::Wasmtime => "`wasmtime run`",
            Self::Sev => "crate `sev`",
            Self::DcapQvl => "crate `dcap-qvl`",
            Self::Version => "`holdfast --version`",
        }
    }
}

impl Row {
    pub(crate) fn measured(what: impl Into<String>, figures: Figures) -> Self {
        Self { what: what.into(), outcome: Outcome::Measured(figures) }
    }

    pub(crate) fn skipped(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), outcome: Outcome::Skipped(why.into()) }
    }

    pub(crate) fn failed(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), outcome: Outcome::Failed(why.into()) }
    }
}

impl Report {
    /// Whether something that was to be measured did not work.
    pub(crate) fn failed(&self) -> bool {
        self.rows.iter().any(|row| matches!(row.outcome, Outcome::Failed(_)))
    }

    /// The report in Markdown.
    pub(crate) fn document(&self) -> String {
        let mut text = format!(
            "# Benchmarks\n\n\
             Written by `cargo run --release -p holdfast-bench -- --write docs/benchmarks.md`. Backend `{}`, \
             Wasmtime {WASMTIME} on both sides.\n\n\
             Machine: {}.\n\n\
             Holdfast and peer run in turn. The ratio is Holdfast's figure divided by the peer's of the run next \
             to it: the median of these ratios, with the least and the most. For a time or a size less is \
             better, for GB/s and for a number a second more. The other figures are medians; they say something about this machine \
             only. The *native host* is a small program that runs the same compiled code with the same \
             settings of Wasmtime in a plain process, its files in memory (tmpfs) where the machine has \
             that.\n\n\
             | what | ratio | Holdfast | peer | which peer | target |\n|---|---|---|---|---|---|\n",
            self.backend,
            machine::describe(),
        );
        for Row { what, outcome } in &self.rows {
            let cells = match outcome {
                Outcome::Measured(figures) => figures.cells(),
                Outcome::Skipped(why) => format!("skipped: {why} | | | |"),
                Outcome::Failed(_) => "**failed** | | | |".to_owned(),
            };
            // A String takes whatever is written to it.
            let _ = writeln!(text, "| {what} | {cells} |");
        }
        text.push('\n');
        text.push_str(NOTES);
        text
    }
}

/// Three significant digits, or whole numbers.
fn significant(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(target: Target) -> Figures {
        let pairs = Pairs { keep: vec![1.0, 2.0, 3.0], peer: vec![2.0, 2.0, 2.0] };
        Figures::of("ms", Side::Native, &pairs).promised(target)
    }

    #[test]
    fn a_target_is_met_or_missed() {
        let verdict = |target| figures(target).verdict();
        assert_eq!(verdict(Target::Ratio(1.0)), "ratio ≤ 1.00: met");
        assert_eq!(verdict(Target::Ratio(0.99)), "ratio ≤ 0.99: **missed**");
        assert_eq!(verdict(Target::AtLeast(2.0)), "≥ 2 ms: met");
        assert_eq!(verdict(Target::AtMost(1.5)), "≤ 1.5 ms: **missed**");
        assert_eq!(verdict(Target::None), "");
    }

    #[test]
    fn a_row_has_as_many_cells_as_the_table() {
        let rows = vec![
            Row::measured("a", figures(Target::Ratio(2.0))),
            Row::skipped("b", "not here"),
            Row::failed("c", "no"),
        ];
        let report = Report { backend: "kvm", rows };
        assert!(report.failed());
        let document = report.document();
        let cells: Vec<_> = document.lines().filter(|line| line.starts_with("| ")).collect();
        assert_eq!(cells.len(), 4);
        for line in cells {
            assert_eq!(line.matches('|').count(), 7, "{line}");
        }
        assert!(
            document.contains(
                "| a | **1.00** (0.50–1.50) | 2.00 ms | 2.00 ms | native host | ratio ≤ 2.00: met |"
            )
        );
    }
}
