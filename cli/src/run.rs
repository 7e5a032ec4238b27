//! `holdfast run`.

use std::time::Instant;

use holdfast_client::artefact::Artefact;
use holdfast_client::config::{Settings, load};
use holdfast_client::exit::ExitCode;
use holdfast_client::pack::Tree;
use holdfast_client::session::{self, Job, SessionError, Stopper};
use holdfast_gate::{MAX_VCPUS, boot};
use holdfast_image::IMAGE;
use holdfast_loader::control::Outcome;
use holdfast_loader::{Choice, Handle, LoaderConfig};
use holdfast_protocol::{self as protocol, ApplicationKind, Configuration, Directory};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::failure::{self, Failure};
use crate::options::{Backend, Run};
use crate::prepare;
use crate::summary::{self, Summary};

/// Memory of a Keep in bytes, if nobody says. It is taken from the host only as it is used.
pub(crate) const DEFAULT_MEMORY: u64 = 1 << 30;

/// Threads of a Keep, if nobody says. One that is not used costs nothing.
const DEFAULT_THREADS: u32 = 4;

/// How long a loader may take to say why its Keep is gone.
const LAST_WORDS: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

pub(crate) fn run(options: &Run) -> Result<u8, Failure> {
    let begin = Instant::now();
    let settings = settings(options)?;
    let memory = memory(&settings)?;
    let threads = settings.threads.unwrap_or(DEFAULT_THREADS);
    if !(1..=MAX_VCPUS).contains(&threads) {
        let message = format!("--threads must be between 1 and {MAX_VCPUS}, not {threads}");
        return Err(Failure::new(ExitCode::Usage, message));
    }
    let mut summary = Summary::new(memory, threads);
    let result = start(options, &settings, memory, threads, &mut summary);
    if !options.json {
        return result;
    }
    // The message comes first, so that the summary is the last line.
    if let Err(failure) = &result {
        failure.report();
    }
    summary.end(&result, begin);
    summary.print();
    Ok(summary.status)
}

/// Starts a Keep, prepares the application while it boots, and runs it.
fn start(
    options: &Run,
    settings: &Settings,
    memory: u64,
    threads: u32,
    summary: &mut Summary,
) -> Result<u8, Failure> {
    let backend = match options.backend {
        Backend::Auto => Choice::Auto,
        Backend::Kvm => Choice::Kvm,
        Backend::Process => Choice::Process,
    };
    // First of all: the loader is forked from a process that is still small and has one thread.
    let mut keep = holdfast_loader::spawn(&LoaderConfig { backend, memory, vcpus: threads, image: IMAGE })
        .map_err(|error| Failure::new(ExitCode::Resources, error.to_string()))?;
    let stopper = stopper(Summary::new(memory, threads), options.json);
    let no_thread = |error| Failure::new(ExitCode::Resources, format!("no thread can be started: {error}"));
    crate::signals::watch(&stopper).map_err(no_thread)?;

    let prepared = Instant::now();
    let file = prepare::compiled(options.application(), settings.fuel.is_some())?;
    let artefact = prepare::open(options.application(), &file)?;
    let trees = trees(settings, memory)?;
    summary.application = Some(describe(&artefact));
    summary.milliseconds.prepare = Some(summary::since(prepared));

    let started = Instant::now();
    settings.timeout.map_or(Ok(()), |timeout| stopper.limit(timeout)).map_err(no_thread)?;
    let (backend, landlock) = keep.started().map_err(|error| failure::of_loader(&error))?;
    summary.backend = Some(backend.name());
    summary.landlock = Some(landlock);
    summary.milliseconds.start = Some(summary::since(started));
    if !options.quiet {
        crate::say(&format!(
            "this Keep is not confidential (backend {}): the owner of this machine can look into it",
            backend.name()
        ));
    }

    let job = Job {
        configuration: configuration(options, settings),
        application: protocol::Application {
            kind: artefact.kind,
            length: artefact.code.len() as u64,
            digest: artefact.digest.0,
        },
        code: artefact.code,
        trees: &trees,
    };
    let channel = keep.channel.try_clone().map_err(|error| Failure::from(SessionError::from(error)))?;
    match session::run(channel, &job, &stopper) {
        Ok(report) => {
            summary.milliseconds.deliver = Some(summary::ms(report.delivered));
            summary.milliseconds.run = Some(summary::ms(report.ran));
            failure::of_exit(report.exit)
        }
        Err(error @ (SessionError::Closed | SessionError::Channel(_))) => Err(last_words(&mut keep, error)),
        Err(error) => Err(error.into()),
    }
}

/// Ends the session, or the whole command while there is none: what a command that compiles or waits for
/// its Keep holds goes with the process.
fn stopper(summary: Summary, json: bool) -> Stopper {
    let begin = Instant::now();
    Stopper::new(move |reason| {
        let code = reason.exit_code();
        let failure = Failure::new(code, reason.to_string());
        failure.report();
        if json {
            let mut summary = summary.clone();
            summary.end(&Err(failure), begin);
            summary.print();
        }
        std::process::exit(i32::from(code.status()))
    })
}

/// What the loader says about a Keep that closed the channel.
fn last_words(keep: &mut Handle, error: SessionError) -> Failure {
    let ready = poll(&mut [PollFd::new(keep, PollFlags::IN)], Some(&LAST_WORDS));
    if !matches!(ready, Ok(count) if count > 0) {
        return error.into();
    }
    match keep.wait() {
        Outcome::Ended(ending) => failure::of_ending(ending),
        Outcome::Failed(error) => failure::of_loader(&error),
    }
}

/// The configuration file, with what the command line says on top.
fn settings(options: &Run) -> Result<Settings, Failure> {
    let mut settings = match &options.config {
        Some(path) => load(path)?,
        None => Settings::default(),
    };
    let arguments = options.arguments().map_err(|argument| {
        let message = format!("the argument {argument:?} is not UTF-8, which WASI demands");
        Failure::new(ExitCode::Usage, message)
    })?;
    if !arguments.is_empty() {
        settings.args = arguments;
    }
    settings.env.extend(options.env.iter().cloned());
    settings.directories.extend(options.dirs.iter().cloned());
    settings.memory = options.memory.or(settings.memory);
    settings.threads = options.threads.or(settings.threads);
    settings.timeout = options.timeout.or(settings.timeout);
    settings.fuel = options.fuel.or(settings.fuel);
    Ok(settings)
}

/// The Keep's memory in bytes, in whole granules.
fn memory(settings: &Settings) -> Result<u64, Failure> {
    let asked = settings.memory.unwrap_or(DEFAULT_MEMORY);
    asked
        .checked_next_multiple_of(boot::MEMORY_GRANULE)
        .filter(|memory| (boot::MIN_MEMORY..=boot::MAX_MEMORY).contains(memory))
        .ok_or_else(|| {
            let message = format!(
                "{asked} bytes of memory are not possible; ask for {}M to {}G with --memory",
                boot::MIN_MEMORY >> 20,
                boot::MAX_MEMORY >> 30
            );
            Failure::new(ExitCode::Usage, message)
        })
}

/// Looks at the directories. That they fit into the Keep is found out before anything is sent.
fn trees(settings: &Settings, memory: u64) -> Result<Vec<Tree>, Failure> {
    if settings.directories.len() > protocol::MAX_DIRECTORIES {
        let message = format!("a Keep can have {} directories at most", protocol::MAX_DIRECTORIES);
        return Err(Failure::new(ExitCode::Usage, message));
    }
    let mut trees = Vec::new();
    let mut bytes = 0_u64;
    for (position, mapping) in (0..=u16::MAX).zip(&settings.directories) {
        let tree = Tree::read(&mapping.host, position)?;
        bytes = bytes.saturating_add(tree.bytes);
        if bytes > memory {
            let path = mapping.host.display();
            let message = format!(
                "with {path} the directories hold {} MiB, and the Keep has {} MiB; name less, or give more --memory",
                bytes >> 20,
                memory >> 20
            );
            return Err(Failure::new(ExitCode::Input, message));
        }
        trees.push(tree);
    }
    Ok(trees)
}

/// What the application sees.
fn configuration(options: &Run, settings: &Settings) -> Configuration {
    let name = options.application().file_name().unwrap_or_default();
    let mut arguments = vec![name.to_string_lossy().into_owned()];
    arguments.extend(settings.args.iter().cloned());
    let [stdin, stdout, stderr] = settings.stdio;
    Configuration {
        arguments,
        environment: settings.env.clone().into_iter().collect(),
        fuel: settings.fuel,
        max_memory: None,
        directories: settings
            .directories
            .iter()
            .map(|mapping| Directory {
                guest: mapping.guest.clone(),
                read_only: mapping.read_only,
                out: mapping.out,
            })
            .collect(),
        stdin,
        stdout,
        stderr,
    }
}

fn describe(artefact: &Artefact<'_>) -> summary::Application {
    summary::Application {
        kind: match artefact.kind {
            ApplicationKind::Module => "module",
            ApplicationKind::Component => "component",
        },
        source_sha256: artefact.source.to_string(),
        code_sha256: artefact.digest.to_string(),
        cpu: artefact.profile.cpu.name(),
    }
}
