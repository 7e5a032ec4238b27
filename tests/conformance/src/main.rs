//! Runs the public WASI test suite on native Wasmtime and in Keeps.
#![forbid(unsafe_code)]

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use holdfast_conformance::product;
use holdfast_conformance::reasons::Reasons;
use holdfast_conformance::report::{Outcome, Record, Report};
use holdfast_conformance::suite::{self, Case};
use holdfast_conformance::target::{Backend, Target};
use holdfast_conformance::trial;

/// Runs WebAssembly/wasi-testsuite and judges each program by the expectations that come with it.
///
/// Fails if a program does not pass and `reasons.toml` does not say why, and if one passes although it
/// says why not.
#[derive(Parser)]
struct Arguments {
    /// A checkout of the suite's branch prod/testsuite-base.
    folder: PathBuf,
    /// The `holdfast` command [default: the one beside this program].
    #[arg(long)]
    holdfast: Option<PathBuf>,
    /// The `wasmtime` command, to run all natively too (cargo install wasmtime-cli --version 48.0.8).
    #[arg(long)]
    native: Option<PathBuf>,
    /// The backends to run on; both if none is named.
    #[arg(long)]
    backend: Vec<Backend>,
    /// Run natively only.
    #[arg(long, requires = "native", conflicts_with = "backend")]
    native_only: bool,
    /// Only programs whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// How many seconds a program has.
    #[arg(long, default_value_t = 60)]
    limit: u64,
    /// Write the result as a document.
    #[arg(long, conflicts_with = "only")]
    write: Option<PathBuf>,
    /// Print all results as JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut cases = suite::discover(&arguments.folder)?;
    let reasons = Reasons::ours().context("reasons.toml")?;
    for id in reasons.ids() {
        ensure!(cases.iter().any(|case| case.id() == id), "reasons.toml names {id}, which does not exist");
    }
    cases.retain(|case| case.id().contains(&arguments.only));

    let report = run_all(&cases, &targets(&arguments)?, &reasons, Duration::from_secs(arguments.limit));
    if let Some(path) = &arguments.write {
        let native = arguments.native.as_deref().map(version).transpose()?;
        std::fs::write(path, report.document(native.as_deref()))
            .with_context(|| path.display().to_string())?;
    }
    if arguments.json {
        writeln!(stdout(), "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        writeln!(stdout(), "{report}")?;
    }
    Ok(if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn targets(arguments: &Arguments) -> Result<Vec<Target>> {
    let mut targets: Vec<_> = arguments.native.iter().cloned().map(Target::Native).collect();
    if !arguments.native_only {
        let holdfast = match &arguments.holdfast {
            Some(holdfast) => holdfast.clone(),
            None => product::holdfast()?,
        };
        let backends = if arguments.backend.is_empty() { &Backend::ALL[..] } else { &arguments.backend };
        targets.extend(backends.iter().map(|&backend| Target::Keep(holdfast.clone(), backend)));
    }
    Ok(targets)
}

/// Runs all programs on all targets, as many at once as there are processors.
fn run_all(cases: &[Case], targets: &[Target], reasons: &Reasons, limit: Duration) -> Report {
    let missing: Vec<_> = targets.iter().map(missing).collect();
    let jobs: Vec<_> = cases
        .iter()
        .flat_map(|case| targets.iter().zip(&missing).map(move |target| (case, target)))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(&(case, (target, missing))) = jobs.get(index) else { return done };
            let outcome = match missing {
                Some(why) => Outcome::Skipped(why.clone()),
                None => Outcome::of(trial::run(case, target, limit), reasons.of(target, &case.id())),
            };
            let (group, program) = (case.group.clone(), case.name.clone());
            done.push((index, Record { group, program, target: target.name(), outcome }));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut done: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker does not panic")).collect()
    });
    done.sort_by_key(|(index, _)| *index);
    Report(done.into_iter().map(|(_, record)| record).collect())
}

fn missing(target: &Target) -> Option<String> {
    match target {
        Target::Native(_) => None,
        Target::Keep(_, backend) => backend.missing(),
    }
}

/// What the native command calls itself.
fn version(native: &std::path::Path) -> Result<String> {
    let output = Command::new(native).arg("--version").output();
    let output = output.with_context(|| format!("cannot start {}", native.display()))?;
    // The commit and date that some builds add are nobody's business here.
    let words = String::from_utf8_lossy(&output.stdout);
    Ok(words.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}
