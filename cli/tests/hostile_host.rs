//! The real Keep and the real client, with a host between them that lies.
//!
//! The host serves honestly, but falsifies one reply, chosen by operation and by how many of them went
//! before. Each run is a process of its own: the Keep starts from a process of one thread, and whatever
//! hangs can be killed. In the end the application has given its result, or the Keep ended itself with a
//! clear reason, or the client did; nothing else is allowed.

mod common;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use common::{case, run_on_each_backend};
use holdfast_client::session::{self, Job, Stop, Stopper};
use holdfast_conformance::process::Running;
use holdfast_conformance::target::Backend;
use holdfast_engine::{CpuLevel, Profile};
use holdfast_gate::{Ending, Reply, Request, window};
use holdfast_launch::plan::HostFacts;
use holdfast_launch::{Image, LaunchPlan, Platform, Shape};
use holdfast_loader::kvm::{self, Exit, Kick};
use holdfast_loader::process::Child;
use holdfast_loader::service::{Next, Service, Vcpus};
use holdfast_loader::window::Window;
use holdfast_protocol::{Application, ApplicationKind, Configuration, Stdio};
use rustix::io::{pread, pwrite};
use zerocopy::{FromZeros, IntoBytes};

const MEMORY: u64 = 256 << 20;
const VCPUS: u32 = 4;

/// The status of the application when all went well.
const STATUS: i32 = 42;

/// Long enough for any run on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a client waits in which the Keep may stand still: whoever lets time stand still stops it.
const CLIENT_LIMIT: Duration = Duration::from_secs(5);

/// Falsifies a reply to a request. The window holds data of reads and writes.
type Lie = fn(&Request, &mut Reply, &mut Bounce<'_>);

/// The calling vCPU's bounce buffer.
struct Bounce<'a>(&'a Window, u32);

/// What a lie may lead to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It breaks the rules of the gate: the Keep ends and says which operation.
    Violation,
    /// It is within the rules: the Keep goes on rightly, or stops, or the client says what is wrong.
    Allowed,
}
use Verdict::{Allowed, Violation};

const PARK: u32 = 2;
const CLOCK: u32 = 4;
const READ: u32 = 5;
const WRITE: u32 = 6;

/// Operations that the Keep uses, by number, for lies about all of them.
const OPERATIONS: &[(&str, u32)] =
    &[("start", 1), ("park", PARK), ("wake", 3), ("clock", CLOCK), ("read", READ), ("write", WRITE)];

/// Lies about any operation.
const GENERAL: &[(&str, Lie)] = &[
    ("an earlier sequence", |_, reply, _| reply.sequence = reply.sequence.wrapping_sub(1)),
    ("a later sequence", |_, reply, _| reply.sequence = reply.sequence.wrapping_add(1)),
    ("an unknown status", |_, reply, _| reply.status = 4),
    ("a reserved field", |_, reply, _| reply.reserved = 1),
    ("a result too many", |_, reply, _| reply.results[5] = 1),
    ("only ones", |_, reply, _| reply.as_mut_bytes().fill(0xff)),
    ("only zeros", |_, reply, _| reply.as_mut_bytes().fill(0)),
    ("random bytes", |request, reply, _| noise(request.sequence, reply.as_mut_bytes())),
];

/// Lies about one operation.
const SPECIAL: &[(&str, u32, Verdict, Lie)] = &[
    ("vCPUs are refused", 1, Allowed, |_, reply, _| *reply = answer(reply, 3, [0, 0])),
    ("woken by more than one", PARK, Violation, |_, reply, _| reply.results[0] = 2),
    ("woken for nothing", PARK, Allowed, |_, reply, _| *reply = answer(reply, 0, [1, 0])),
    ("ready what nobody waits for", PARK, Violation, |_, reply, _| reply.results[1] = 1 << 40),
    ("the channel is always ready", PARK, Allowed, |request, reply, _| {
        *reply = answer(reply, 0, [0, request.arguments[0]]);
    }),
    ("time stands still", CLOCK, Allowed, |_, reply, _| *reply = answer(reply, 0, [0, 0])),
    ("time goes back", CLOCK, Allowed, |request, reply, _| {
        let back = (1 << 60) - request.sequence * 1_000_000_000;
        *reply = answer(reply, 0, [back, back]);
    }),
    ("the end of time", CLOCK, Allowed, |_, reply, _| *reply = answer(reply, 0, [u64::MAX, u64::MAX])),
    ("more was read than asked", READ, Violation, |request, reply, _| {
        *reply = answer(reply, 0, [request.arguments[1] + 1, 0]);
    }),
    ("the stream ends", READ, Allowed, |_, reply, _| *reply = answer(reply, 0, [0, 0])),
    ("the stream is reset", READ, Allowed, |_, reply, _| *reply = answer(reply, 2, [0, 0])),
    ("a read that was refused", READ, Violation, |_, reply, _| *reply = answer(reply, 3, [0, 0])),
    ("data where there are none", READ, Allowed, |request, reply, bounce| {
        bounce.noise(request.sequence, request.arguments[1]);
        *reply = answer(reply, 0, [request.arguments[1], 0]);
    }),
    ("changed data", READ, Allowed, |_, reply, bounce| {
        if reply.status == 0 {
            bounce.flip(reply.results[0] / 2);
        }
    }),
    ("more was written than asked", WRITE, Violation, |request, reply, _| {
        *reply = answer(reply, 0, [request.arguments[1] + 1, 0]);
    }),
    ("nothing was written", WRITE, Violation, |_, reply, _| *reply = answer(reply, 0, [0, 0])),
    ("only one byte was written", WRITE, Allowed, |_, reply, _| *reply = answer(reply, 0, [1, 0])),
    ("the client is gone", WRITE, Allowed, |_, reply, _| *reply = answer(reply, 2, [0, 0])),
];

/// Which of the operation's replies is falsified: the first, a later one, or all from the first on.
const MOMENTS: &[(&str, u32, bool)] = &[("first", 0, false), ("third", 2, false), ("each", 0, true)];

fn answer(reply: &Reply, status: u32, [first, second]: [u64; 2]) -> Reply {
    Reply { sequence: reply.sequence, status, reserved: 0, results: [first, second, 0, 0, 0, 0] }
}

/// Bytes that differ from seed to seed and are the same in each run.
fn noise(seed: u64, bytes: &mut [u8]) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for byte in bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = (state >> 24) as u8;
    }
}

impl Bounce<'_> {
    fn noise(&self, seed: u64, length: u64) {
        let mut bytes = vec![0; length as usize];
        noise(seed, &mut bytes);
        self.write(0, &bytes);
    }

    fn flip(&self, at: u64) {
        let mut byte = [0];
        let start = window::bounce(self.1).expect("a vCPU");
        pread(self.0.descriptor().expect("a file"), &mut byte, start + at).expect("the window is memory");
        self.write(at, &[byte[0] ^ 0x40]);
    }

    fn write(&self, at: u64, bytes: &[u8]) {
        let start = window::bounce(self.1).expect("a vCPU");
        pwrite(self.0.descriptor().expect("a file"), bytes, start + at).expect("the window is memory");
    }
}

fn lie(number: usize) -> (u32, Lie) {
    let general = OPERATIONS.len() * GENERAL.len();
    match number.checked_sub(general) {
        None => (OPERATIONS[number / GENERAL.len()].1, GENERAL[number % GENERAL.len()].1),
        Some(special) => (SPECIAL[special].1, SPECIAL[special].3),
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("host") {
        let numbers: Vec<usize> = arguments.map(|number| number.parse().expect("a number")).collect();
        let said =
            host(numbers[0], numbers[1], numbers[2]).unwrap_or_else(|error| format!("error: {error:#}"));
        // The last line: an application may have said something before.
        let _ = writeln!(std::io::stdout(), "{said}");
        std::process::exit(0);
    }
    let mut cases = vec![case("an honest host", |backend| check(backend, usize::MAX, 0, Allowed))];
    let general = OPERATIONS.iter().flat_map(|(operation, _)| {
        GENERAL.iter().map(move |(lie, _)| (format!("{operation}: {lie}"), Violation))
    });
    let special = SPECIAL.iter().map(|(lie, _, expected, _)| ((*lie).to_owned(), *expected));
    for (number, (name, expected)) in general.chain(special).enumerate() {
        for (moment, (when, ..)) in MOMENTS.iter().enumerate() {
            cases.push(case(format!("{name}, {when} reply"), move |backend| {
                check(backend, number, moment, expected)
            }));
        }
    }
    run_on_each_backend(cases)
}

/// Runs a host in a process of its own and judges what it saw.
fn check(backend: Backend, number: usize, moment: usize, expected: Verdict) -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("host").arg(usize::from(backend == Backend::Process).to_string());
    command.arg(number.to_string()).arg(moment.to_string());
    let ended = Running::complete(command, b"", LIMIT)?;
    ensure!(!ended.late, "it hangs: {} {}", ended.out(), ended.err());
    let said = ended.out();
    let said = said.lines().last().unwrap_or_default();
    let right = format!("keep Finished, client {STATUS}");
    let told = match expected {
        Violation => said.starts_with("keep GateViolation("),
        // Whoever cuts or changes the stream is found out by the Keep or by the client.
        Allowed => ["keep Finished", "keep Status(", "keep running, client late"]
            .iter()
            .any(|end| said.starts_with(end)),
    };
    let honest = number == usize::MAX;
    // A lie that was never told, because the Keep had ended before, changes nothing.
    let untold = said.ends_with(", no lie") && said.starts_with(&right);
    ensure!(if honest { said.starts_with(&right) } else { told || untold }, "{said} {}", ended.err());
    // A result is the right one, or none.
    ensure!(!said.contains("client status") || said.contains(&format!("client {STATUS}")), "{said}");
    Ok(())
}

/// A host: its lie, and how the Keep ended.
struct Host {
    service: Service,
    operation: u32,
    lie: Option<Lie>,
    moment: (u32, bool),
    seen: AtomicU32,
    told: AtomicU32,
    ended: Mutex<mpsc::Sender<String>>,
    machine: OnceLock<kvm::Machine>,
    kicks: [OnceLock<Arc<Kick>>; VCPUS as usize],
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Host")
    }
}

impl Host {
    /// Serves one request of vCPU `index`; false if the Keep has ended.
    fn serve(self: &Arc<Self>, index: u32, backend: &dyn Vcpus) -> Result<bool> {
        let request = self.service.window().request(index)?;
        match self.service.serve(index, backend)? {
            Next::Continue => {}
            Next::Exit(ending) => {
                self.end(match ending {
                    Ending::GateViolation(operation) => format!("GateViolation({operation})"),
                    other => format!("{other:?}"),
                });
                return Ok(false);
            }
            Next::Violation(error) => {
                self.end(format!("breaks the rules: {error}"));
                return Ok(false);
            }
        }
        if request.operation == self.operation
            && let Some(lie) = self.lie
        {
            let seen = self.seen.fetch_add(1, Ordering::SeqCst);
            if seen == self.moment.0 || (self.moment.1 && seen > self.moment.0) {
                self.told.fetch_add(1, Ordering::SeqCst);
                self.falsify(index, &request, lie)?;
            }
        }
        Ok(true)
    }

    fn falsify(&self, index: u32, request: &Request, lie: Lie) -> Result<()> {
        let window = self.service.window();
        let at = window::mailbox(index).context("a vCPU")? + window::MAILBOX_REPLY;
        let mut reply = Reply::new_zeroed();
        pread(window.descriptor().expect("a file"), reply.as_mut_bytes(), at)?;
        lie(request, &mut reply, &mut Bounce(window, index));
        pwrite(window.descriptor().expect("a file"), reply.as_bytes(), at)?;
        Ok(())
    }

    fn end(&self, how: String) {
        // Only the first counts; later ones have no reader.
        let _ = self.ended.lock().unwrap_or_else(PoisonError::into_inner).send(how);
    }

    fn run_vcpu(self: &Arc<Self>, index: u32, mut vcpu: kvm::Vcpu) {
        self.kicks[index as usize].get_or_init(|| vcpu.kick());
        let host = Arc::clone(self);
        std::thread::spawn(move || {
            loop {
                match vcpu.run() {
                    Ok(Exit::Doorbell) => match host.serve(index, &Machine(Arc::clone(&host))) {
                        Ok(true) => {}
                        Ok(false) => return,
                        Err(error) => return host.end(format!("error: {error:#}")),
                    },
                    Err(error) => return host.end(format!("stopped: {error} at {}", vcpu.regs())),
                }
            }
        });
    }
}

/// The vCPUs of a machine.
#[derive(Debug)]
struct Machine(Arc<Host>);

impl Vcpus for Machine {
    fn start(&self, index: u32) -> bool {
        let vcpu = self.0.machine.get().and_then(|machine| machine.vcpu(index).ok());
        vcpu.is_some_and(|vcpu| {
            self.0.run_vcpu(index, vcpu);
            true
        })
    }

    fn interrupt(&self, index: u32) {
        if let Some(kick) = self.0.kicks.get(index as usize).and_then(OnceLock::get) {
            kick.interrupt();
        }
    }
}

/// The vCPUs of a process, which are its threads.
#[derive(Debug)]
struct Threads;

impl Vcpus for Threads {
    fn start(&self, _: u32) -> bool {
        true
    }

    fn interrupt(&self, _: u32) {}
}

/// Runs a Keep under a host with one lie, and says how Keep and client ended.
fn host(process: usize, number: usize, moment: usize) -> Result<String> {
    let code = application()?;
    let image = Image::parse(holdfast_image::IMAGE)?;
    let platform = if process == 1 { Platform::Process } else { Platform::Machine };
    let shape = Shape { platform, vcpus: VCPUS, memory: MEMORY };
    let plan = LaunchPlan::new(&image, &shape);
    let window = Window::new()?;
    let (client, channel) = UnixStream::pair()?;
    let (sender, ended) = mpsc::channel();
    let (operation, lie) = match number {
        usize::MAX => (0, None),
        number => Some(lie(number)).map(|(operation, lie)| (operation, Some(lie))).context("a lie")?,
    };
    let fill = |window: &Window, tsc_khz| -> Result<()> {
        let facts = HostFacts { tsc_khz, wall_ns: 1_700_000_000_000_000_000 };
        for (offset, bytes) in shape.window(&image, &facts) {
            window.write(offset, &bytes)?;
        }
        Ok(())
    };
    let host = |window| -> Result<Arc<Host>> {
        Ok(Arc::new(Host {
            service: Service::new(window, channel.into(), VCPUS)?,
            operation,
            lie,
            moment: (MOMENTS[moment].1, MOMENTS[moment].2),
            seen: AtomicU32::new(0),
            told: AtomicU32::new(0),
            ended: Mutex::new(sender),
            machine: OnceLock::new(),
            kicks: Default::default(),
        }))
    };
    let (host, child) = match platform {
        Platform::Machine => {
            kvm::install_kick_handler()?;
            let machine = kvm::Machine::new(&kvm::open()?, &plan, &window)?;
            let vcpu = machine.vcpu(0)?;
            fill(&window, kvm::Machine::tsc_khz(&vcpu))?;
            let host = host(window)?;
            host.machine.set(machine).map_err(|_| anyhow!("two machines"))?;
            host.run_vcpu(0, vcpu);
            (host, None)
        }
        Platform::Process => {
            fill(&window, 0)?;
            let child = Child::new(&plan, &window, MEMORY)?;
            let host = host(window)?;
            for index in 0..VCPUS {
                let host = Arc::clone(&host);
                std::thread::spawn(move || {
                    loop {
                        let window = host.service.window();
                        let served = window.await_request(index).map_err(anyhow::Error::from);
                        match served.and_then(|()| host.serve(index, &Threads)) {
                            Ok(true) => window.ring_back(index).expect("a vCPU"),
                            Ok(false) => return,
                            Err(error) => return host.end(format!("error: {error:#}")),
                        }
                    }
                });
            }
            child.go()?;
            (host, Some(child))
        }
    };
    let talk = std::thread::spawn(move || converse(client, &code));
    let deadline = Instant::now() + CLIENT_LIMIT + Duration::from_secs(5);
    let mut keep = ended.recv_timeout(deadline - Instant::now()).unwrap_or_else(|_| "running".into());
    // What a loader does when its Keep has ended.
    if let Some(child) = &child {
        child.kill();
    }
    rustix::net::shutdown(channel_of(&host)?, rustix::net::Shutdown::Both)?;
    let client = talk.join().map_err(|_| anyhow!("the client panicked"))?;
    if let Ok(later) = ended.try_recv() {
        keep = format!("{keep} then {later}");
    }
    let told = if host.told.load(Ordering::SeqCst) == 0 { ", no lie" } else { "" };
    Ok(format!("keep {keep}, client {client}{told}"))
}

fn channel_of(host: &Arc<Host>) -> Result<std::os::fd::BorrowedFd<'_>> {
    host.service.descriptors().last().context("a channel")
}

/// The client: what it made of the session.
fn converse(channel: UnixStream, code: &[u8]) -> String {
    let artefact = holdfast_client::artefact::open(code).expect("just compiled");
    let application = Application {
        kind: ApplicationKind::Module,
        length: artefact.code.len() as u64,
        digest: artefact.digest.0,
    };
    let configuration = Configuration {
        arguments: vec!["application".into()],
        environment: Vec::new(),
        fuel: None,
        max_memory: None,
        directories: Vec::new(),
        stdin: Stdio::Null,
        stdout: Stdio::Null,
        stderr: Stdio::Null,
    };
    let job = Job { configuration, application, code: artefact.code, trees: &[] };
    let stopper = Stopper::new(|_| ());
    stopper.limit(CLIENT_LIMIT).expect("a thread");
    match session::run(channel, &job, &stopper) {
        Ok(report) => match report.exit {
            holdfast_protocol::Exit::Status(status) if status == STATUS => status.to_string(),
            holdfast_protocol::Exit::Status(status) => format!("status {status}"),
            other => format!("{other:?}"),
        },
        Err(session::SessionError::Stopped(Stop::Timeout(_))) => "late".into(),
        Err(error) => format!("error: {error}"),
    }
}

/// An application that asks for time, sleeps, and ends with [`STATUS`]; as a `.cwasm`.
fn application() -> Result<Vec<u8>> {
    let text = format!(
        r#"(module
          (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
          (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") 1)
          (func (export "_start") (local $turn i32)
            (i32.store (i32.const 16) (i32.const 1))
            (i64.store (i32.const 24) (i64.const 1000000))
            (loop $again
              (drop (call $time (i32.const 1) (i64.const 0) (i32.const 200)))
              (drop (call $time (i32.const 0) (i64.const 0) (i32.const 208)))
              (if (i64.lt_u (i64.load (i32.const 200)) (i64.load (i32.const 216))) (then unreachable))
              (i64.store (i32.const 216) (i64.load (i32.const 200)))
              (drop (call $poll (i32.const 0) (i32.const 256) (i32.const 1) (i32.const 512)))
              (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
              (br_if $again (i32.lt_u (local.get $turn) (i32.const 10))))
            (call $exit (i32.const {STATUS}))))"#
    );
    let bytes = wat::parse_str(text)?;
    let Some(cpu) = CpuLevel::local() else { bail!("this CPU is too old") };
    let profile = Profile { cpu, metered: false };
    Ok(holdfast_client::compile::compile(ApplicationKind::Module, &bytes, profile)?)
}
