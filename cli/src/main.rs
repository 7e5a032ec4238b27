//! The `holdfast` command.
#![forbid(unsafe_code)]

mod cache;
mod collateral;
mod compile;
mod config;
mod db;
mod evidence;
mod failure;
mod input;
mod measure;
mod options;
mod platform;
mod prepare;
mod progress;
mod run;
mod signals;
mod summary;
mod verify;

use std::io::Write;
use std::process::ExitCode as Status;

use clap::Parser;
use clap::error::ErrorKind;
use holdfast_client::exit::ExitCode;

use failure::Failure;
use options::{Cli, Command};

fn main() -> Status {
    std::panic::set_hook(Box::new(|panic| {
        say(&format!("a bug in Holdfast: {}", panic.to_string().replace('\n', " ")));
    }));
    // Before anything else: a loader that is started as a program must have one thread.
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some((first, rest)) = arguments.split_first()
        && first == holdfast_loader::control::ARGUMENT
    {
        return match holdfast_loader::control::run_inherited(rest) {
            Ok(never) => match never {},
            Err(error) => Failure::new(ExitCode::Usage, error.to_string()).report(),
        };
    }
    let result = match Cli::try_parse() {
        Ok(cli) => std::panic::catch_unwind(|| dispatch(cli)),
        Err(error) => return usage(&error),
    };
    match result {
        Ok(Ok(status)) => Status::from(status),
        Ok(Err(failure)) => failure.report(),
        // The hook has said what.
        Err(_) => Status::from(ExitCode::Internal.status()),
    }
}

/// Runs the command. The answer is the status to exit with.
fn dispatch(cli: Cli) -> Result<u8, Failure> {
    match cli.command {
        Command::Run(options) => run::run(&options),
        Command::Compile(options) => compile::compile(&options),
        Command::Platform(options) => platform::platform(&options),
        Command::Config(command) => config::config(&command),
        Command::Cache(command) => cache::cache(&command),
        Command::Evidence(command) => evidence::evidence(&command),
        Command::Measure(options) => measure::measure(&options),
        Command::Verify(options) => verify::verify(&options),
        Command::Collateral(command) => collateral::collateral(&command),
        Command::Db(options) => db::db(&options),
        Command::Policy(command) => verify::policy_command(&command),
    }
}

/// Help and version are no errors; all else about the command line is [`ExitCode::Usage`].
fn usage(error: &clap::Error) -> Status {
    // Nowhere to complain if this cannot be printed.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Status::SUCCESS,
        _ => Status::from(ExitCode::Usage.status()),
    }
}

/// One line on standard error. A closed standard error is no reason to fail.
fn say(message: &str) {
    let _ = writeln!(std::io::stderr(), "holdfast: {message}");
}

/// Text on standard output.
fn print(text: &str) -> Result<(), Failure> {
    write(std::io::stdout(), text)
}

/// Text with styles on standard output, where they are taken out if it is no terminal, or the user wants
/// none (NO_COLOR).
fn print_styled(text: &str) -> Result<(), Failure> {
    write(anstream::AutoStream::auto(std::io::stdout()), text)
}

fn write(mut to: impl Write, text: &str) -> Result<(), Failure> {
    to.write_all(text.as_bytes()).and_then(|()| to.flush()).map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Failure::new(ExitCode::Pipe, String::new()),
        _ => Failure::new(ExitCode::Output, format!("cannot write to standard output: {error}")),
    })
}
