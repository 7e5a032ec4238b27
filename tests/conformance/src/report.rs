//! Results, as lines, as JSON and as a document.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Write};

use serde::Serialize;

/// How a program did on a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "why", rename_all = "lowercase")]
pub enum Outcome {
    /// As expected.
    Passed,
    /// Not as expected, for a listed reason.
    Known(String),
    /// Not as expected.
    Failed(String),
    /// As expected, although a reason is listed why it should not be.
    Stale(String),
    /// Not run, because the target does not work here.
    Skipped(String),
}

impl Outcome {
    /// Judges the result of a run.
    #[must_use]
    pub fn of(result: anyhow::Result<()>, reason: Option<&str>) -> Self {
        match (result, reason) {
            (Ok(()), None) => Self::Passed,
            (Ok(()), Some(reason)) => Self::Stale(reason.into()),
            (Err(_), Some(reason)) => Self::Known(reason.into()),
            (Err(error), None) => Self::Failed(format!("{error:#}")),
        }
    }

    /// Whether it makes the whole run fail.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Stale(_))
    }

    const fn cell(&self) -> &'static str {
        match self {
            Self::Passed | Self::Stale(_) => "yes",
            Self::Known(_) | Self::Failed(_) => "**no**",
            Self::Skipped(_) => "not run",
        }
    }
}

/// What one program did on one target.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Language and version of WASI.
    pub group: String,
    /// The program's name in its group.
    pub program: String,
    /// Where it ran.
    pub target: &'static str,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// All results, sorted by group and program.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Report(pub Vec<Record>);

impl Report {
    /// Whether a program did worse, or better, than it is known to.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.0.iter().any(|record| record.outcome.is_failure())
    }

    /// The document for people: sums, what does not pass and why, and all programs.
    #[must_use]
    pub fn document(&self, native: Option<&str>) -> String {
        Document { report: self, native }.to_string()
    }

    fn targets(&self) -> Vec<&'static str> {
        let mut targets = Vec::new();
        for record in &self.0 {
            if !targets.contains(&record.target) {
                targets.push(record.target);
            }
        }
        targets
    }

    fn groups(&self) -> BTreeSet<&str> {
        self.0.iter().map(|record| record.group.as_str()).collect()
    }

    fn of<'a>(&'a self, group: &'a str, target: &'a str) -> impl Iterator<Item = &'a Record> {
        self.0.iter().filter(move |record| record.group == group && record.target == target)
    }
}

/// A line for each result that is not simply a pass, and a last line with the sums.
impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for Record { group, program, target, outcome } in &self.0 {
            let count = match outcome {
                Outcome::Passed => &mut passed,
                other if other.is_failure() => &mut failed,
                _ => &mut skipped,
            };
            *count += 1;
            let name = format_args!("{group}/{program} on {target}");
            match outcome {
                Outcome::Passed => {}
                Outcome::Known(why) | Outcome::Skipped(why) => writeln!(f, "skipped: {name}: {why}")?,
                Outcome::Failed(why) => writeln!(f, "FAILED: {name}: {why}")?,
                Outcome::Stale(why) => writeln!(f, "FAILED: {name}: it passes, against its reason: {why}")?,
            }
        }
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

struct Document<'a> {
    report: &'a Report,
    native: Option<&'a str>,
}

impl Display for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        if let Some(native) = self.native {
            writeln!(f, "`native` is `{native}` with `-W component-model-async -S p3`, and `-S http` or")?;
            writeln!(f, "`-S inherit-network` where a program asks for it.\n")?;
        }
        let targets = self.report.targets();
        writeln!(f, "| programs of | number | {} |", targets.join(" | "))?;
        writeln!(f, "|---|---|{}", "---|".repeat(targets.len()))?;
        for group in self.report.groups() {
            let count = |target: &&str| self.report.of(group, target).count();
            let passed = |target: &&str| {
                let passes = |record: &&Record| record.outcome.cell() == "yes";
                self.report.of(group, target).filter(passes).count().to_string()
            };
            let number = targets.first().map_or(0, count);
            let row: Vec<_> = targets.iter().map(passed).collect();
            writeln!(f, "| {group} | {number} | {} |", row.join(" | "))?;
        }
        self.reasons(f)?;
        self.programs(f, &targets)
    }
}

impl Document<'_> {
    fn reasons(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\n## What does not pass, and why\n\n| program | where | why |\n|---|---|---|\n")?;
        // Neighbours that differ only in the target share a row.
        let mut rows: Vec<(String, Vec<&str>, String)> = Vec::new();
        for Record { group, program, target, outcome } in &self.report.0 {
            let why = match outcome {
                Outcome::Passed | Outcome::Stale(_) => continue,
                Outcome::Known(why) | Outcome::Skipped(why) => why.clone(),
                Outcome::Failed(_) => "not known yet".to_owned(),
            };
            let name = format!("{group}/{program}");
            match rows.iter_mut().rev().take(3).find(|row| row.0 == name && row.2 == why) {
                Some(row) => row.1.push(target),
                None => rows.push((name, vec![target], why)),
            }
        }
        for (name, targets, why) in rows {
            writeln!(f, "| {name} | {} | {} |", targets.join(", "), why.replace(['|', '\n'], " "))?;
        }
        Ok(())
    }

    fn programs(&self, f: &mut fmt::Formatter<'_>, targets: &[&str]) -> fmt::Result {
        f.write_str("\n## All programs\n")?;
        for group in self.report.groups() {
            writeln!(f, "\n### {group}\n\n| program | {} |", targets.join(" | "))?;
            writeln!(f, "|---|{}", "---|".repeat(targets.len()))?;
            let columns: Vec<Vec<_>> =
                targets.iter().map(|target| self.report.of(group, target).collect()).collect();
            for (index, record) in columns.first().into_iter().flatten().enumerate() {
                let mut row = String::new();
                for column in &columns {
                    write!(row, " {} |", column.get(index).map_or("", |record| record.outcome.cell()))?;
                }
                writeln!(f, "| {} |{row}", record.program)?;
            }
        }
        Ok(())
    }
}

const HEAD: &str = "\
# WASI conformance

The programs of the public [wasi-testsuite](https://github.com/WebAssembly/wasi-testsuite) (its branch
`prod/testsuite-base`), judged by the expectations that come with them. A command writes this page; do not
edit it:

    cargo run --release -p holdfast-conformance -- FOLDER --native wasmtime --write docs/wasi.md

The command fails if a program does not pass without a reason below, and if one with a reason passes. The
reasons are in `tests/conformance/reasons.toml`.

";

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let record = |program: &str, target, outcome| Record {
            group: "c/p1".into(),
            program: program.into(),
            target,
            outcome,
        };
        Report(vec![
            record("a", "native", Outcome::Passed),
            record("a", "kvm", Outcome::Known("no net".into())),
            record("a", "process", Outcome::Known("no net".into())),
            record("b", "native", Outcome::Passed),
            record("b", "kvm", Outcome::Passed),
            record("b", "process", Outcome::Skipped("absent".into())),
        ])
    }

    #[test]
    fn lines_name_what_is_skipped_and_sum_up() {
        let lines = report().to_string();
        assert_eq!(
            lines,
            "skipped: c/p1/a on kvm: no net\nskipped: c/p1/a on process: no net\n\
             skipped: c/p1/b on process: absent\n3 passed, 0 failed, 3 skipped"
        );
    }

    #[test]
    fn the_document_has_sums_reasons_and_programs() {
        let document = report().document(None);
        assert!(document.contains("| c/p1 | 2 | 2 | 1 | 0 |"), "{document}");
        assert!(document.contains("| c/p1/a | kvm, process | no net |"), "{document}");
        assert!(document.contains("| b | yes | yes | not run |"), "{document}");
    }

    #[test]
    fn a_reason_must_hold() {
        let failing = || Err(anyhow::anyhow!("broken"));
        assert!(!Outcome::of(failing(), Some("why")).is_failure());
        assert!(Outcome::of(failing(), None).is_failure());
        assert!(Outcome::of(Ok(()), Some("why")).is_failure());
        assert!(!Outcome::of(Ok(()), None).is_failure());
    }
}
