//! A client for tests: speaks the protocol with the native program over a socket pair.
#![allow(clippy::unwrap_used, dead_code, reason = "a test fails by panicking, and no test uses all of this")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};

use holdfast_engine::{CpuLevel, Profile, compiler_config};
use holdfast_protocol::{
    Application, ApplicationKind, Configuration, Content, Credit, Decoder, Encoder, Entry, Exit, Hello,
    Ready, Receiving, Sending, Stream, ToClient, ToKeep, frame,
};
use sha2::{Digest, Sha256};
use wasmtime::Engine;

/// A running native Keep program.
pub(crate) struct Keep {
    pub(crate) socket: UnixStream,
    pub(crate) root: tempfile::TempDir,
    child: Child,
}

impl Keep {
    pub(crate) fn start() -> Self {
        let (socket, theirs) = UnixStream::pair().unwrap();
        let root = tempfile::tempdir().unwrap();
        // The shell moves the channel from descriptor 0 to 3.
        let child = Command::new("sh")
            .args(["-c", r#"exec "$0" --root "$1" 3<&0 </dev/null"#])
            .arg(env!("CARGO_BIN_EXE_holdfast-runtime"))
            .arg(root.path())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .spawn()
            .unwrap();
        Self { socket, root, child }
    }

    /// Whether the program ended with status 0, after all is said.
    pub(crate) fn ended_well(mut self) -> bool {
        drop(self.socket);
        self.child.wait().unwrap().success()
    }
}

/// What is to be run.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) configuration: Configuration,
    pub(crate) kind: ApplicationKind,
    pub(crate) artefact: Vec<u8>,
    pub(crate) files: Vec<(Entry, Vec<u8>)>,
    pub(crate) stdin: Vec<u8>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Result {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) files: Vec<(Entry, Vec<u8>)>,
    pub(crate) ready: Option<Ready>,
    pub(crate) exit: Exit,
}

impl Result {
    pub(crate) fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    pub(crate) fn stderr(&self) -> &str {
        std::str::from_utf8(&self.stderr).unwrap()
    }
}

impl Job {
    /// Of WebAssembly, binary or text, a module or a component.
    pub(crate) fn new(wasm: impl AsRef<[u8]>, arguments: &[&str]) -> Self {
        Self::compiled(wasm.as_ref(), arguments, false)
    }

    /// With a limit of fuel.
    pub(crate) fn metered(wasm: impl AsRef<[u8]>, fuel: u64) -> Self {
        let mut job = Self::compiled(wasm.as_ref(), &["metered"], true);
        job.configuration.fuel = Some(fuel);
        job
    }

    fn compiled(wasm: &[u8], arguments: &[&str], metered: bool) -> Self {
        let wasm = wat::parse_bytes(wasm).unwrap();
        let profile = Profile { cpu: CpuLevel::Native, metered };
        let engine = Engine::new(&compiler_config(profile).unwrap()).unwrap();
        // The version field of a binary tells modules (1) from components (13, layer 1).
        let (kind, artefact) = if wasm.get(4..8) == Some(&[1, 0, 0, 0]) {
            (ApplicationKind::Module, engine.precompile_module(&wasm).unwrap())
        } else {
            (ApplicationKind::Component, engine.precompile_component(&wasm).unwrap())
        };
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let configuration = Configuration { arguments, ..Configuration::default() };
        Self { configuration, kind, artefact, files: Vec::new(), stdin: Vec::new() }
    }

    pub(crate) fn directory(&mut self, guest: &str, read_only: bool, out: bool) {
        let guest = guest.to_owned();
        self.configuration.directories.push(holdfast_protocol::Directory { guest, read_only, out });
    }

    pub(crate) fn file(&mut self, path: &str, bytes: &[u8]) {
        let content = Content::File { length: bytes.len() as u64 };
        self.entry(path, content, bytes);
    }

    pub(crate) fn entry(&mut self, path: &str, content: Content, bytes: &[u8]) {
        let directory = u16::try_from(self.configuration.directories.len()).unwrap() - 1;
        let modified = 1_600_000_000_123_456_789;
        let entry = Entry { directory, path: path.to_owned(), content, mode: 0o640, modified };
        self.files.push((entry, bytes.to_vec()));
    }

    pub(crate) fn run(&self) -> Result {
        let keep = Keep::start();
        let result = self.run_on(&keep);
        assert!(keep.ended_well());
        result
    }

    pub(crate) fn run_on(&self, keep: &Keep) -> Result {
        let writer = Arc::new(Writer::new(keep.socket.try_clone().unwrap()));
        let expected = std::thread::scope(|scope| {
            let reader = scope.spawn(|| listen(keep.socket.try_clone().unwrap(), &writer));
            let expected = self.deliver(&writer);
            // The start waits for the word that all is loaded; a Keep that failed ends instead.
            if writer.wait_until(|state| state.ready || state.ended).ready {
                writer.say(&ToKeep::Start);
                self.feed(&writer);
            }
            (expected, reader.join().unwrap())
        });
        let (expected, result) = expected;
        if let Some(ready) = &result.ready {
            assert_eq!(*ready, expected);
        }
        result
    }

    fn deliver(&self, writer: &Writer) -> Ready {
        writer.say(&ToKeep::Hello(Hello::default()));
        let configuration =
            Sha256::digest(writer.say(&ToKeep::Configuration(self.configuration.clone()))).into();
        let application = Sha256::digest(&self.artefact).into();
        let length = self.artefact.len() as u64;
        writer.say(&ToKeep::Application(Application { kind: self.kind, length, digest: application }));
        for part in self.artefact.chunks(frame::MAX_PAYLOAD) {
            writer.say(&ToKeep::Data(part));
        }
        let mut files = Sha256::new();
        for (entry, bytes) in &self.files {
            files.update(writer.say(&ToKeep::Entry(entry.clone())));
            for part in bytes.chunks(frame::MAX_PAYLOAD) {
                files.update(writer.say(&ToKeep::Data(part)));
            }
        }
        writer.say(&ToKeep::FilesEnd);
        Ready { configuration, application, files: files.finalize().into() }
    }

    fn feed(&self, writer: &Writer) {
        let mut rest = self.stdin.as_slice();
        while !rest.is_empty() {
            let mut state = writer.wait_until(|state| state.stdin.credit() > 0 || state.ended);
            if state.ended {
                return;
            }
            let length = rest.len().min(state.stdin.credit()).min(frame::MAX_PAYLOAD);
            state.stdin.sent(length).unwrap();
            drop(state);
            let (now, later) = rest.split_at(length);
            writer.say(&ToKeep::Stdin(now));
            rest = later;
        }
        writer.say(&ToKeep::StdinEnd);
    }
}

#[derive(Default)]
struct State {
    stdin: Sending,
    ready: bool,
    ended: bool,
}

struct Writer {
    socket: Mutex<UnixStream>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Writer {
    fn new(socket: UnixStream) -> Self {
        Self { socket: Mutex::new(socket), state: Mutex::default(), changed: Condvar::new() }
    }

    /// Sends a message; the answer is its payload. A Keep that has failed may not listen any more.
    fn say(&self, message: &ToKeep<'_>) -> Vec<u8> {
        let mut encoder = Encoder::new();
        let payload = encoder.push(message).unwrap().to_vec();
        let _ = self.socket.lock().unwrap().write_all(encoder.pending());
        payload
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    fn wait_until(&self, condition: impl Fn(&State) -> bool) -> std::sync::MutexGuard<'_, State> {
        self.changed.wait_while(self.state.lock().unwrap(), |state| !condition(state)).unwrap()
    }
}

fn listen(mut socket: UnixStream, writer: &Writer) -> Result {
    let (mut stdout, mut stderr) = (Receiving::default(), Receiving::default());
    let exit = Exit::Status(-1);
    let mut result = Result { stdout: vec![], stderr: vec![], files: vec![], ready: None, exit };
    let mut order = VecDeque::from(["Hello", "Ready", "OutEnd", "Exit"]);
    let mut decoder = Decoder::new();
    loop {
        while let Some(frame) = decoder.frame().unwrap() {
            let message = ToClient::parse(frame).unwrap();
            if order.front() == Some(&message.name()) {
                order.pop_front();
            }
            let credit = match message {
                ToClient::Stdout(bytes) => {
                    stdout.received(bytes.len()).unwrap();
                    result.stdout.extend_from_slice(bytes);
                    stdout.consumed(bytes.len()).map(|bytes| Credit { stream: Stream::Stdout, bytes })
                }
                ToClient::Stderr(bytes) => {
                    stderr.received(bytes.len()).unwrap();
                    result.stderr.extend_from_slice(bytes);
                    stderr.consumed(bytes.len()).map(|bytes| Credit { stream: Stream::Stderr, bytes })
                }
                ToClient::Credit(credit) => {
                    writer.change(|state| state.stdin.refill(credit.bytes).unwrap());
                    None
                }
                ToClient::Ready(ready) => {
                    result.ready = Some(ready);
                    writer.change(|state| state.ready = true);
                    None
                }
                ToClient::Entry(entry) => {
                    result.files.push((entry, Vec::new()));
                    None
                }
                ToClient::Data(bytes) => {
                    result.files.last_mut().unwrap().1.extend_from_slice(bytes);
                    None
                }
                ToClient::Exit(exit) => {
                    result.exit = exit;
                    writer.change(|state| state.ended = true);
                    None
                }
                ToClient::Hello(_) | ToClient::OutEnd => None,
            };
            if let Some(credit) = credit {
                writer.say(&ToKeep::Credit(credit));
            }
        }
        match socket.read(decoder.space()) {
            Ok(0) | Err(_) => break,
            Ok(length) => decoder.filled(length),
        }
    }
    decoder.end().unwrap();
    if matches!(result.exit, Exit::Status(_) | Exit::Trap { .. }) {
        assert!(order.is_empty(), "missing: {order:?}");
    }
    writer.change(|state| state.ended = true);
    result
}

/// A program of the shared workloads; nothing, said aloud, where they are absent.
pub(crate) fn shared(test: &str, program: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("HOLDFAST_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join("wasm").join(program);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        eprintln!("SKIPPED {test}: {} is not there", path.display());
    }
    bytes
}
