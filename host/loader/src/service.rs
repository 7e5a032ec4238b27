//! What the host does for a Keep: it takes the request of a vCPU, performs it, and leaves the reply.

use std::fmt::Debug;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use holdfast_gate::call::NO_TIMEOUT;
use holdfast_gate::{Answer, Call, Ending, Interest, Request, RequestError, window};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::net::Shutdown;
use rustix::time::{ClockId, clock_gettime};

use crate::window::Window;

/// What a backend does with vCPUs.
pub trait Vcpus: Debug + Send + Sync {
    /// Lets vCPU `index` run, which has not run before. `false`: the host has not the means.
    fn start(&self, index: u32) -> bool;
    /// Interrupts vCPU `index`.
    fn interrupt(&self, index: u32);
}

/// What a vCPU's thread does after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The reply is there: let the vCPU go on.
    Continue,
    /// The Keep has ended itself.
    Exit(Ending),
    /// The Keep broke the rules of the gate: end it.
    Violation(RequestError),
}

/// Sequence number of a vCPU's first request.
const FIRST: u64 = 1;

#[derive(Debug)]
struct Vcpu {
    /// Counts the wakes that have not ended a sleep.
    wakes: OwnedFd,
    /// Sequence number of the next request.
    sequence: AtomicU64,
    started: AtomicBool,
}

/// The host's side of the gate of one Keep, shared by the threads of its vCPUs.
#[derive(Debug)]
pub struct Service {
    window: Window,
    channel: OwnedFd,
    vcpus: Vec<Vcpu>,
}

impl Service {
    /// Serves a Keep of `vcpus` vCPUs, of which the first runs from the start. `channel` is the
    /// client's stream, a socket.
    ///
    /// # Errors
    /// The system's, when it has not the descriptors.
    pub fn new(window: Window, channel: OwnedFd, vcpus: u32) -> io::Result<Self> {
        let vcpu = |index| {
            Ok(Vcpu {
                wakes: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
                sequence: AtomicU64::new(FIRST),
                started: AtomicBool::new(index == 0),
            })
        };
        let vcpus = (0..vcpus).map(vcpu).collect::<io::Result<_>>()?;
        Ok(Self { window, channel, vcpus })
    }

    /// The window.
    #[must_use]
    pub const fn window(&self) -> &Window {
        &self.window
    }

    /// Every descriptor that serving needs.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.vcpus.iter().map(|vcpu| vcpu.wakes.as_fd()).chain([self.channel.as_fd()])
    }

    /// Serves the request in the mailbox of vCPU `index`. Called by the vCPU's own thread only; may
    /// sleep.
    ///
    /// # Errors
    /// If there is no such vCPU: a mistake of the caller.
    pub fn serve(&self, index: u32, backend: &dyn Vcpus) -> io::Result<Next> {
        let vcpu = self.vcpus.get(index as usize).ok_or(io::ErrorKind::InvalidInput)?;
        let request = self.window.request(index)?;
        let sequence = vcpu.sequence.load(Ordering::Relaxed);
        let call = match understand(&request, sequence, self.vcpus.len() as u32) {
            Ok(Call::Exit(ending)) => return Ok(Next::Exit(ending)),
            Ok(call) => call,
            Err(error) => return Ok(Next::Violation(error)),
        };
        if (index, sequence) == (0, FIRST) {
            // Stage 0 calls only to end the Keep: whoever asks for more is the body.
            self.window.release_body();
        }
        vcpu.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        let answer = self.perform(index, vcpu, call, backend);
        self.window.reply(index, &answer.encode(sequence))?;
        Ok(Next::Continue)
    }

    fn perform(&self, own: u32, vcpu: &Vcpu, call: Call, backend: &dyn Vcpus) -> Answer {
        let bounce = window::bounce(own).unwrap_or(window::BOUNCE);
        let channel = self.channel.as_fd();
        match call {
            Call::StartVcpu { index } => self.start(index, backend),
            Call::Park { interest, timeout } => self.park(vcpu, interest, timeout),
            Call::Wake { index } => {
                if let Some(vcpu) = self.vcpus.get(index as usize) {
                    // A counter that is full has been rung often enough.
                    let _ = rustix::io::write(&vcpu.wakes, &1_u64.to_ne_bytes());
                }
                Answer::Done
            }
            Call::Interrupt { index } => {
                backend.interrupt(index);
                Answer::Done
            }
            Call::Clock => {
                Answer::Clock { wall_ns: clock(ClockId::Realtime), monotonic_ns: clock(ClockId::Monotonic) }
            }
            Call::Read { length, .. } => moved(|| self.window.receive(channel, bounce, length as usize)),
            Call::Write { length, .. } => moved(|| self.window.send(channel, bounce, length as usize)),
            Call::Shutdown { .. } => match rustix::net::shutdown(channel, Shutdown::Write) {
                Ok(()) => Answer::Done,
                Err(_) => Answer::Closed,
            },
            // `serve` has taken it; nothing is done for a Keep that has ended.
            Call::Exit(_) => Answer::Done,
        }
    }

    fn start(&self, index: u32, backend: &dyn Vcpus) -> Answer {
        let Some(vcpu) = self.vcpus.get(index as usize) else { return Answer::Refused };
        if vcpu.started.swap(true, Ordering::SeqCst) {
            return Answer::Refused;
        }
        if backend.start(index) {
            Answer::Done
        } else {
            vcpu.started.store(false, Ordering::SeqCst);
            Answer::Refused
        }
    }

    /// Sleeps. A signal ends it too, without a reason: whoever is parked looks again.
    fn park(&self, vcpu: &Vcpu, interest: Interest, timeout: u64) -> Answer {
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, interest.contains(Interest::CHANNEL_READ));
        events.set(PollFlags::OUT, interest.contains(Interest::CHANNEL_WRITE));
        let mut polled = [PollFd::new(&vcpu.wakes, PollFlags::IN), PollFd::new(&self.channel, events)];
        // Without interest not even the channel's end ends the sleep.
        let polled = if interest.is_empty() { &mut polled[..1] } else { &mut polled[..] };
        let timeout = (timeout != NO_TIMEOUT).then(|| timespec(timeout));
        let found = poll(polled, timeout.as_ref()).unwrap_or(0);
        let ready = match polled {
            [_, channel] if found > 0 => ready(channel.revents(), interest),
            _ => Interest::NONE,
        };
        let woken = rustix::io::read(&vcpu.wakes, &mut [0; 8]).is_ok();
        Answer::Parked { woken, ready }
    }
}

/// The call that a request makes of a Keep with `vcpus` vCPUs: the pure part.
///
/// # Errors
/// Which rule it breaks.
pub fn understand(request: &Request, sequence: u64, vcpus: u32) -> Result<Call, RequestError> {
    let call = Call::decode(request, sequence)?;
    match call {
        // A vCPU that the Keep knows that it has not.
        Call::Wake { index } | Call::Interrupt { index } if index >= vcpus => {
            Err(RequestError::Argument { operation: call.operation(), index: 0, value: index.into() })
        }
        _ => Ok(call),
    }
}

/// Of the streams waited for, those of which `poll` says that an operation would not block.
fn ready(events: PollFlags, interest: Interest) -> Interest {
    let ended = events.intersects(PollFlags::HUP | PollFlags::ERR);
    let bits = [(PollFlags::IN, Interest::CHANNEL_READ), (PollFlags::OUT, Interest::CHANNEL_WRITE)];
    bits.into_iter()
        .filter(|(flag, stream)| interest.contains(*stream) && (ended || events.contains(*flag)))
        .fold(Interest::NONE, |all, (_, stream)| all.union(stream))
}

/// The answer to a read or write of the channel.
fn moved(mut transfer: impl FnMut() -> io::Result<usize>) -> Answer {
    loop {
        return match transfer() {
            Ok(length) => u32::try_from(length).map_or(Answer::Closed, Answer::Moved),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Answer::WouldBlock,
            Err(_) => Answer::Closed,
        };
    }
}

const NANOSECONDS: u64 = 1_000_000_000;

fn timespec(nanoseconds: u64) -> Timespec {
    // A u64 of nanoseconds is 585 years: the seconds fit.
    Timespec {
        tv_sec: (nanoseconds / NANOSECONDS).cast_signed(),
        tv_nsec: (nanoseconds % NANOSECONDS).cast_signed(),
    }
}

/// Nanoseconds; 0 for a clock before its epoch.
pub(crate) fn clock(id: ClockId) -> u64 {
    let time = clock_gettime(id);
    let nanoseconds = |part: i64| u64::try_from(part).unwrap_or(0);
    nanoseconds(time.tv_sec).saturating_mul(NANOSECONDS).saturating_add(nanoseconds(time.tv_nsec))
}
