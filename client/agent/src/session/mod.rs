//! A conversation with a Keep: deliver, run, collect.
//!
//! The calling thread delivers, and then reads what the Keep says. Standard output, standard error and
//! standard input each have a thread of their own, so that none waits for another. Whoever finds a reason
//! to end the session early tells the [`Stopper`], which closes the channel: then every thread comes to
//! its end.

mod deliver;
mod error;
mod sender;
mod stdio;
mod stop;

use core::time::Duration;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Instant;

use holdfast_protocol::{Application, Configuration, Decoder, Exit, Ready, Stream, ToClient, ToKeep};

pub use error::SessionError;
pub use stop::{Stop, Stopper};

use crate::collect::{CollectError, Collector};
use crate::pack::Tree;
use sender::Sender;
use stdio::{Input, Output};

/// What a Keep is to run.
#[derive(Debug)]
pub struct Job<'a> {
    /// What the application sees of its surroundings.
    pub configuration: Configuration,
    /// The application's kind, length and digest.
    pub application: Application,
    /// The compiled application.
    pub code: &'a [u8],
    /// The content of `configuration.directories`, in the same order.
    pub trees: &'a [Tree],
}

/// How a session went.
#[derive(Debug)]
pub struct Report {
    /// How the application ended.
    pub exit: Exit,
    /// Until all was delivered and loaded.
    pub delivered: Duration,
    /// From there to the end.
    pub ran: Duration,
}

/// Runs the job in the Keep at the other end of `channel`, with this process's standard streams.
///
/// The results in directories marked `out` are in place when this returns. A thread that waits for
/// standard input may outlive the call; it does no more than wait. `progress` hears, while the directories
/// are sent, how many of their messages are, and of how many.
///
/// # Errors
/// The session was stopped, or there is nobody at fault but who the error names. Nothing was written to
/// any directory then.
pub fn run(
    channel: UnixStream,
    job: &Job<'_>,
    stopper: &Stopper,
    progress: &dyn Fn(u64, u64),
) -> Result<Report, SessionError> {
    stopper.watch(&channel)?;
    let result = converse(channel, job, stopper, progress);
    // An early end looks like a fault of the channel to whoever was using it. Name the reason instead.
    match stopper.finish() {
        Some(stop) => Err(SessionError::Stopped(stop)),
        None => result,
    }
}

fn converse(
    channel: UnixStream,
    job: &Job<'_>,
    stopper: &Stopper,
    progress: &dyn Fn(u64, u64),
) -> Result<Report, SessionError> {
    let begin = Instant::now();
    let reader = channel.try_clone()?;
    let sender = Arc::new(Sender::new(channel));
    let mut listener = Listener { channel: reader, decoder: Decoder::new() };

    let delivered = deliver::deliver(&sender, job, progress);
    let expected = match delivered {
        Ok(expected) => expected,
        // A Keep that gives up says why before it closes the channel.
        Err(error @ SessionError::Channel(_)) => return listener.last_words(begin).ok_or(error),
        Err(error) => return Err(error),
    };
    if let Some(exit) = listener.ready(&expected)? {
        return Ok(Report { exit, delivered: begin.elapsed(), ran: Duration::ZERO });
    }
    let delivered = begin.elapsed();

    let mut collectors = collectors(job)?;
    // First: what the threads of the streams send may only come after it.
    match sender.send(&ToKeep::Start) {
        Err(error @ SessionError::Channel(_)) => return listener.last_words(begin).ok_or(error),
        sent => sent?,
    }
    let streams = Streams {
        stdin: Input::start(job.configuration.stdin, &sender)?,
        stdout: Output::start(Stream::Stdout, &sender, stopper)?,
        stderr: Output::start(Stream::Stderr, &sender, stopper)?,
    };
    let (exit, complete) = listener.run(&streams, &mut collectors)?;
    let Streams { stdout, stderr, .. } = streams;
    stdout.flush(stopper);
    stderr.flush(stopper);
    if complete && !matches!(exit, Exit::Failure { .. }) && !stopper.is_stopped() {
        for collector in collectors.into_iter().flatten() {
            collector.finish()?;
        }
    }
    Ok(Report { exit, delivered, ran: begin.elapsed().saturating_sub(delivered) })
}

/// One for each directory that comes back, by position.
fn collectors(job: &Job<'_>) -> Result<Vec<Option<Collector>>, CollectError> {
    job.configuration
        .directories
        .iter()
        .zip(job.trees)
        .map(|(directory, tree)| directory.out.then(|| Collector::new(&tree.root)).transpose())
        .collect()
}

struct Streams {
    stdin: Option<Input>,
    stdout: Output,
    stderr: Output,
}

/// Reads what the Keep says.
struct Listener {
    channel: UnixStream,
    decoder: Decoder,
}

impl Listener {
    /// Waits for the next message and hands it to `take`.
    fn next<T>(
        &mut self,
        take: impl FnOnce(ToClient<'_>) -> Result<T, SessionError>,
    ) -> Result<T, SessionError> {
        loop {
            if let Some(frame) = self.decoder.frame()? {
                return take(ToClient::parse(frame)?);
            }
            let length = self.channel.read(self.decoder.space())?;
            if length == 0 {
                self.decoder.end()?;
                return Err(SessionError::Closed);
            }
            self.decoder.filled(length);
        }
    }

    /// Waits until the Keep has everything, and compares what it has with what was sent. If the Keep gives
    /// up instead, the answer is how.
    fn ready(&mut self, expected: &Ready) -> Result<Option<Exit>, SessionError> {
        loop {
            let answer = self.next(|message| match message {
                ToClient::Hello(_) => Ok(None),
                ToClient::Ready(ready) if ready == *expected => Ok(Some(None)),
                ToClient::Ready(_) => Err(SessionError::Delivery),
                ToClient::Exit(exit) => Ok(Some(Some(exit))),
                other => Err(SessionError::order(&other, "Ready")),
            })?;
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
    }

    /// What the Keep said before it closed the channel, if it did.
    fn last_words(&mut self, begin: Instant) -> Option<Report> {
        loop {
            let exit = self
                .next(|message| match message {
                    ToClient::Exit(exit) => Ok(Some(exit)),
                    _ => Ok(None),
                })
                .ok()?;
            if let Some(exit) = exit {
                return Some(Report { exit, delivered: begin.elapsed(), ran: Duration::ZERO });
            }
        }
    }

    /// Passes on what the application says until its end. The answer is how it ended, and whether its
    /// directories came back completely.
    fn run(
        &mut self,
        streams: &Streams,
        collectors: &mut [Option<Collector>],
    ) -> Result<(Exit, bool), SessionError> {
        let mut current = None;
        let mut complete = false;
        loop {
            let exit = self.next(|message| {
                match message {
                    ToClient::Stdout(bytes) => streams.stdout.push(bytes)?,
                    ToClient::Stderr(bytes) => streams.stderr.push(bytes)?,
                    ToClient::Credit(credit) => {
                        if let Some(stdin) = &streams.stdin {
                            stdin.refill(credit.bytes)?;
                        }
                    }
                    ToClient::Entry(entry) if !complete => {
                        let position = usize::from(entry.directory);
                        let collector = collectors.get_mut(position).and_then(Option::as_mut);
                        collector.ok_or_else(stray)?.entry(entry)?;
                        current = Some(position);
                    }
                    ToClient::Data(bytes) if !complete => {
                        let collector =
                            current.and_then(|at| collectors.get_mut(at)).and_then(Option::as_mut);
                        collector.ok_or_else(stray)?.data(bytes)?;
                    }
                    ToClient::OutEnd if !complete => complete = true,
                    ToClient::Exit(exit) => return Ok(Some(exit)),
                    other => return Err(SessionError::order(&other, "Exit")),
                }
                Ok(None)
            })?;
            if let Some(exit) = exit {
                return Ok((exit, complete));
            }
        }
    }
}

/// An entry of a directory that should not come back.
fn stray() -> CollectError {
    CollectError::Keep("it is not marked `out`".into())
}
