//! Compares a Keep with native Wasmtime of the same version, in alternating runs.
//!
//! Nothing here is asserted: a figure that misses its target is reported as missed. The command fails
//! only if something that it measures does not work.

mod cases;
mod machine;
mod native;
mod pairs;
mod process;
mod report;
mod tools;

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::report::Report;
use crate::tools::{Backend, Tools};

/// Compares a Keep with native Wasmtime of the same version: ratios with their spread.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    host: Option<Host>,
    /// The `holdfast` command [default: the one beside this program].
    #[arg(long)]
    holdfast: Option<PathBuf>,
    /// The `wasmtime` command, for starts (cargo install wasmtime-cli --version 48.0.8).
    #[arg(long)]
    wasmtime: Option<PathBuf>,
    /// The folder of workloads [default: `shared` beside the project].
    #[arg(long)]
    shared: Option<PathBuf>,
    /// What the Keep is made of.
    #[arg(long, value_enum, default_value_t)]
    backend: Backend,
    /// Write the result as a document, too.
    #[arg(long, conflicts_with_all = ["only", "quick"])]
    write: Option<PathBuf>,
    /// Only cases whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Fewer rounds, in less than a minute.
    #[arg(long)]
    quick: bool,
}

#[derive(Subcommand)]
enum Host {
    /// Run a `.cwasm` of Holdfast on Wasmtime in this process: what a Keep is compared with.
    #[command(hide = true)]
    Native(native::Native),
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(Host::Native(native)) = &arguments.host {
        return native.run().map(ExitCode::from);
    }
    let tools = Tools::new(
        arguments.holdfast.clone(),
        arguments.wasmtime.clone(),
        arguments.shared.clone(),
        arguments.backend,
        arguments.quick,
    )?;
    let report = Report { backend: arguments.backend.name(), rows: cases::measure(&tools, &arguments.only) };
    let document = report.document();
    stdout().write_all(document.as_bytes())?;
    if let Some(path) = &arguments.write {
        std::fs::write(path, &document).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
