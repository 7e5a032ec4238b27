//! Keeps from start to end, on each backend that this machine has: what they can do, what they cannot,
//! and that nothing is left of them.
//!
//! Without the usual harness, as a loader is forked from a process of one thread.
#![allow(clippy::print_stdout, reason = "this is a test program")]

mod program;

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use holdfast_gate::Ending;
use holdfast_loader::control::{self, Outcome};
use holdfast_loader::sandbox::{self, Role};
use holdfast_loader::{Choice, Handle, LoaderConfig, LoaderError, spawn};
use program::{Program, image};

const MEMORY: u64 = 64 << 20;

fn start(backend: Choice, program: Program) -> Handle {
    let config = LoaderConfig { backend, memory: MEMORY, vcpus: 2, image: image(program).leak() };
    spawn(&config).expect("a loader")
}

fn outcome(backend: Choice, program: Program) -> Outcome {
    let mut handle = start(backend, program);
    handle.started().expect("a Keep");
    handle.wait()
}

fn ends_itself(backend: Choice) {
    assert_eq!(outcome(backend, Program::Exit), Outcome::Ended(Ending::Finished));
}

fn echoes_what_it_receives(backend: Choice) {
    let mut handle = start(backend, Program::Echo);
    handle.started().expect("a Keep");
    let sent: Vec<u8> = (0..8_u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut received = Vec::new();
    let mut writer = handle.channel.try_clone().expect("a descriptor");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            writer.write_all(&sent).expect("room");
            writer.shutdown(Shutdown::Write).expect("an open channel");
        });
        handle.channel.read_to_end(&mut received).expect("the echo");
    });
    assert!(received == sent, "{} bytes came back", received.len());
    assert_eq!(handle.wait(), Outcome::Ended(Ending::Finished));
}

fn sleeps_by_the_clock(backend: Choice) {
    let start = Instant::now();
    assert_eq!(outcome(backend, Program::Sleep), Outcome::Ended(Ending::Finished));
    assert!(start.elapsed() >= Duration::from_millis(20));
}

fn is_refused_a_vcpu_that_it_has_not(backend: Choice) {
    assert_eq!(outcome(backend, Program::NoVcpu), Outcome::Ended(Ending::Finished));
}

fn is_ended_when_it_breaks_the_rules(backend: Choice) {
    let outcome = outcome(backend, Program::WrongOperation);
    assert!(
        matches!(&outcome, Outcome::Failed(LoaderError::Violation(what)) if what.contains("99")),
        "{outcome:?}"
    );
}

fn is_ended_when_it_faults(backend: Choice) {
    match (backend, outcome(backend, Program::Fault)) {
        (Choice::Process, Outcome::Failed(LoaderError::Killed { signal: libc::SIGSEGV })) => {}
        (Choice::Kvm, Outcome::Failed(LoaderError::Stopped(_))) => {}
        (_, other) => panic!("{other:?}"),
    }
}

fn dies_with_its_handle(backend: Choice) {
    let mut handle = start(backend, Program::Spin);
    handle.started().expect("a Keep");
    let family = descendants();
    assert!(!family.is_empty());
    drop(handle);
    assert_gone(&family);
}

fn dies_when_its_loader_is_killed(backend: Choice) {
    let mut handle = start(backend, Program::Spin);
    handle.started().expect("a Keep");
    let family = descendants();
    handle.kill();
    let outcome = handle.wait();
    assert!(
        matches!(outcome, Outcome::Failed(LoaderError::LoaderKilled { signal: libc::SIGKILL })),
        "{outcome:?}"
    );
    assert_gone(&family);
}

fn dies_when_its_client_is_killed(backend: Choice) {
    let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
    // SAFETY: this process has one thread.
    let client = unsafe { libc::fork() };
    assert!(client >= 0);
    if client == 0 {
        let mut handle = start(backend, Program::Spin);
        handle.started().expect("a Keep");
        for pid in descendants() {
            writer.write_all(&pid.to_le_bytes()).expect("a pipe");
        }
        drop(writer);
        loop {
            std::thread::park();
        }
    }
    drop(writer);
    let mut pids = Vec::new();
    reader.read_to_end(&mut pids).expect("the pids");
    let family: Vec<_> = pids.as_chunks::<4>().0.iter().map(|pid| u32::from_le_bytes(*pid)).collect();
    assert!(!family.is_empty());
    // SAFETY: kills the child made above.
    unsafe { libc::kill(client, libc::SIGKILL) };
    // SAFETY: reaps it; no status is asked for.
    unsafe { libc::waitpid(client, std::ptr::null_mut(), 0) };
    assert_gone(&family);
}

fn starts_from_a_client_with_threads(backend: Choice) {
    let (stop, wait) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || wait.recv());
    let outcome = outcome(backend, Program::Exit);
    drop(stop);
    assert!(other.join().expect("no panic").is_err());
    assert_eq!(outcome, Outcome::Ended(Ending::Finished));
}

fn is_killed_for_a_forbidden_system_call(backend: Choice) {
    for program in [Program::Getpid, Program::WritableAndExecutable] {
        let outcome = outcome(backend, program);
        assert_eq!(outcome, Outcome::Failed(LoaderError::Killed { signal: libc::SIGSYS }), "{program:?}");
    }
}

fn may_map_memory(backend: Choice) {
    assert_eq!(outcome(backend, Program::Memory), Outcome::Ended(Ending::Finished));
}

fn has_nothing_of_the_loader(backend: Choice) {
    let mut handle = start(backend, Program::Spin);
    handle.started().expect("a Keep");
    let keep = *descendants().last().expect("the Keep");
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let maps = fs::read_to_string(format!("/proc/{keep}/maps")).expect("its maps");
        let foreign: Vec<_> =
            maps.lines().filter(|line| !line.starts_with("1000") && !line.contains("[v")).collect();
        if foreign.is_empty() {
            assert!(maps.contains("holdfast-window") && !maps.contains("rwx"), "{maps}");
            break;
        }
        assert!(Instant::now() < deadline, "{maps}");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(fs::read_dir(format!("/proc/{keep}/fd")).expect("its descriptors").count(), 0);
}

fn refuses_what_is_no_image(backend: Choice) {
    let damaged = image(Program::Exit).leak();
    let note = damaged.windows(8).position(|bytes| bytes == b"Holdfast").expect("the note");
    damaged[note + 12] ^= 1;
    for (image, what) in [(&b"nonsense"[..], "not an ELF"), (&*damaged, "version 0")] {
        let config = LoaderConfig { backend, memory: MEMORY, vcpus: 1, image };
        match spawn(&config).expect("a loader").started() {
            Err(LoaderError::Image(message)) => assert!(message.contains(what), "{message}"),
            other => panic!("{other:?}"),
        }
    }
}

fn refuses_a_shape_out_of_range(backend: Choice) {
    let image: &'static [u8] = image(Program::Exit).leak();
    for (memory, vcpus) in [(MEMORY, 0), (MEMORY, 65), (MEMORY + 1, 1), (1 << 20, 1), (1 << 50, 1)] {
        let config = LoaderConfig { backend, memory, vcpus, image };
        match spawn(&config).expect("a loader").started() {
            Err(LoaderError::Shape(_)) => {}
            other => panic!("{memory} {vcpus}: {other:?}"),
        }
    }
}

/// The signal that ends a process which makes a system call inside the sandbox of `role`.
fn end_in_sandbox(role: Role, call: fn()) -> Option<i32> {
    // SAFETY: this process has one thread.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        if sandbox::enter(role, &[]).is_ok() {
            call();
        }
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above; the kernel writes one number.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status))
}

fn has_a_sandboxed_loader(backend: Choice) {
    let role = if backend == Choice::Kvm { Role::Kvm(1) } else { Role::Process };
    assert_eq!(end_in_sandbox(role, || ()), None);
    let forbidden: &[fn()] = &[
        || drop(fs::File::open("/dev/null")),
        || drop(UnixStream::pair()),
        || drop(Command::new("true").spawn()),
        || _ = rustix::process::getppid(),
        // SAFETY: a mapping where the kernel likes touches no other; it is refused by the death of the process.
        || _ = unsafe { libc::mmap(std::ptr::null_mut(), 4096, 7, 0x22, -1, 0) },
    ];
    for (number, call) in forbidden.iter().enumerate() {
        assert_eq!(end_in_sandbox(role, *call), Some(libc::SIGSYS), "call {number}");
    }
}

/// Children of this process, and theirs, eldest first.
fn descendants() -> Vec<u32> {
    let mut found = vec![std::process::id()];
    let mut at = 0;
    while let Some(parent) = found.get(at) {
        for task in fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        at += 1;
    }
    found.split_off(1)
}

/// None of them runs any more within a second.
fn assert_gone(pids: &[u32]) {
    let deadline = Instant::now() + Duration::from_secs(1);
    let runs = |pid: &u32| {
        // The state follows the name in parentheses; Z is one that nobody has waited for yet.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    };
    while pids.iter().any(runs) {
        assert!(Instant::now() < deadline, "{pids:?} still run");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A test with its name.
type Test = (&'static str, fn(Choice));

macro_rules! tests {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name as fn(Choice))),*] };
}

const EVERYWHERE: &[Test] = tests![
    ends_itself,
    echoes_what_it_receives,
    sleeps_by_the_clock,
    is_refused_a_vcpu_that_it_has_not,
    is_ended_when_it_breaks_the_rules,
    is_ended_when_it_faults,
    dies_with_its_handle,
    dies_when_its_loader_is_killed,
    dies_when_its_client_is_killed,
    starts_from_a_client_with_threads,
    refuses_what_is_no_image,
    refuses_a_shape_out_of_range,
    has_a_sandboxed_loader,
];

const IN_A_PROCESS: &[Test] =
    tests![is_killed_for_a_forbidden_system_call, may_map_memory, has_nothing_of_the_loader];

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some((first, rest)) = arguments.split_first()
        && first == control::ARGUMENT
    {
        return match control::run_inherited(rest) {
            Err(_) => ExitCode::FAILURE,
        };
    }
    let wanted =
        arguments.iter().filter_map(|argument| argument.to_str()).find(|text| !text.starts_with('-'));
    let kvm = holdfast_loader::kvm::open();
    if let Err(error) = &kvm {
        println!("skipped on kvm: {error}");
    }
    let backends = if kvm.is_ok() { &[Choice::Process, Choice::Kvm][..] } else { &[Choice::Process] };
    drop(kvm);
    for backend in backends {
        let more = if *backend == Choice::Process { IN_A_PROCESS } else { &[] };
        for (name, test) in EVERYWHERE.iter().chain(more) {
            if wanted.is_none_or(|wanted| name.contains(wanted)) {
                println!("{backend:?}: {name}");
                test(*backend);
            }
        }
    }
    ExitCode::SUCCESS
}
