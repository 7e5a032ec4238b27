//! A client that breaks the rules gets one clear answer, and the program ends; it never panics.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;

use std::io::{Read, Write};
use std::net::Shutdown;

use client::{Job, Keep};
use holdfast_protocol::*;
use sha2::Digest as _;

/// Sends these bytes and no more; the answer is the exit that the client is told.
fn tell(bytes: &[u8]) -> Option<Exit> {
    let keep = Keep::start();
    // The Keep may have hung up before it has read all.
    let _ = (&keep.socket).write_all(bytes);
    let _ = keep.socket.shutdown(Shutdown::Write);
    let mut decoder = Decoder::new();
    let mut exit = None;
    loop {
        while let Some(frame) = decoder.frame().unwrap() {
            if let ToClient::Exit(found) = ToClient::parse(frame).unwrap() {
                exit = Some(found);
            }
        }
        match (&keep.socket).read(decoder.space()) {
            Ok(0) | Err(_) => break,
            Ok(length) => decoder.filled(length),
        }
    }
    assert!(keep.ended_well(), "it did not end well: {exit:?}");
    exit
}

/// A conversation that is right up to here.
struct Said(Encoder);

impl Said {
    fn hello() -> Self {
        Self(Encoder::new()).then(&ToKeep::Hello(Hello::default()))
    }

    fn then(mut self, message: &ToKeep<'_>) -> Self {
        self.0.push(message).unwrap();
        self
    }

    fn configured(directories: usize) -> Self {
        let directory = |n| Directory { guest: format!("/{n}"), read_only: false, out: false };
        let directories = (0..directories).map(directory).collect();
        Self::hello().then(&ToKeep::Configuration(Configuration { directories, ..Configuration::default() }))
    }

    fn loaded(directories: usize) -> Self {
        let job = Job::new("(module (func (export \"_start\")))", &["x"]);
        let digest = sha2::Sha256::digest(&job.artefact).into();
        let length = job.artefact.len() as u64;
        Self::configured(directories)
            .then(&ToKeep::Application(Application { kind: job.kind, length, digest }))
            .then(&ToKeep::Data(&job.artefact))
    }

    #[track_caller]
    fn fails(self, class: FailureClass, word: &str) {
        self.then_raw(&[], class, word);
    }

    #[track_caller]
    fn then_raw(self, raw: &[u8], class: FailureClass, word: &str) {
        match tell(&[self.0.pending(), raw].concat()) {
            Some(Exit::Failure { class: found, text }) => {
                assert_eq!(found, class, "{text}");
                assert!(text.contains(word), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
}

fn entry(directory: u16, path: &str, content: Content) -> Entry {
    Entry { directory, path: path.into(), content, mode: 0o600, modified: 0 }
}

#[test]
fn silence_and_cut_conversations_are_noticed() {
    Said(Encoder::new()).fails(FailureClass::Protocol, "closed");
    Said::hello().fails(FailureClass::Protocol, "closed");
    Said::configured(0).then_raw(&[3, 0, 0], FailureClass::Protocol, "closed");
    Said::loaded(1)
        .then(&ToKeep::Entry(entry(0, "a", Content::File { length: 9 })))
        .fails(FailureClass::Protocol, "closed");
    Said::loaded(0).then(&ToKeep::FilesEnd).fails(FailureClass::Protocol, "closed");
}

#[test]
fn what_is_no_frame_is_refused() {
    Said(Encoder::new()).then_raw(b"GET / HTTP/1.1\r\n\r\n", FailureClass::Protocol, "reserved");
    Said::hello().then_raw(&[2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], FailureClass::Protocol, "at most");
    Said::hello().then_raw(&[200, 0, 0, 0, 0, 0, 0, 0], FailureClass::Protocol, "kind 200");
    Said::hello().then_raw(&[2, 0, 0, 0, 3, 0, 0, 0, 9, 9, 9], FailureClass::Protocol, "malformed");
    Said(Encoder::new()).then_raw(&[1, 0, 0, 0, 4, 0, 0, 0, 9, 0, 0, 0], FailureClass::Protocol, "version 9");
}

#[test]
fn what_comes_out_of_order_is_named() {
    Said(Encoder::new()).then(&ToKeep::Start).fails(FailureClass::Protocol, "Start came where Hello");
    Said::hello().then(&ToKeep::FilesEnd).fails(FailureClass::Protocol, "FilesEnd came where Configuration");
    Said::configured(0).then(&ToKeep::Start).fails(FailureClass::Protocol, "Start came where Application");
    Said::loaded(0).then(&ToKeep::Data(b"x")).fails(FailureClass::Protocol, "Data came where Entry");
    Said::loaded(0)
        .then(&ToKeep::FilesEnd)
        .then(&ToKeep::Stdin(b"x"))
        .fails(FailureClass::Protocol, "Stdin came where Start");
    Said::loaded(1)
        .then(&ToKeep::Entry(entry(0, "a", Content::File { length: 2 })))
        .then(&ToKeep::Data(b"abc"))
        .fails(FailureClass::Protocol, "announced length");
}

#[test]
fn an_application_that_is_not_the_announced_one_is_refused() {
    let application = |length| Application { kind: ApplicationKind::Module, length, digest: [0; 32] };
    Said::configured(0)
        .then(&ToKeep::Application(application(3)))
        .then(&ToKeep::Data(b"abc"))
        .fails(FailureClass::Damaged, "digest");
    Said::configured(0)
        .then(&ToKeep::Application(application(2)))
        .then(&ToKeep::Data(b"abc"))
        .fails(FailureClass::Protocol, "announced length");
    // Announced honestly, and yet no artefact.
    let digest = sha2::Sha256::digest(b"abc").into();
    Said::configured(0)
        .then(&ToKeep::Application(Application { digest, ..application(3) }))
        .then(&ToKeep::Data(b"abc"))
        .fails(FailureClass::Incompatible, "compile it again");
}

#[test]
fn entries_that_cannot_be_are_refused() {
    Said::loaded(1)
        .then(&ToKeep::Entry(entry(1, "a", Content::Directory)))
        .fails(FailureClass::Protocol, "not configured");
    Said::loaded(1)
        .then(&ToKeep::Entry(entry(0, "a/b", Content::Directory)))
        .fails(FailureClass::Files, "a/b");
    Said::loaded(1)
        .then(&ToKeep::Entry(entry(0, "a", Content::Directory)))
        .then(&ToKeep::Entry(entry(0, "a", Content::Directory)))
        .fails(FailureClass::Files, "\"a\"");
    // The encoder refuses such a path, so it is written by hand: directory 0, "..", a directory, mode, time.
    let payload = [0, 2, b'.', b'.', 0, 0, 0];
    let frame = [[5, 0, 0, 0, payload.len() as u8, 0, 0, 0].as_slice(), &payload].concat();
    Said::loaded(1).then_raw(&frame, FailureClass::Protocol, "`..`");
}

#[test]
fn more_input_than_the_window_ends_the_application() {
    // Reads nothing, but waits for a second at a time, for two clocks: that is when the Keep looks at what
    // comes. For one clock alone Wasmtime's WASI p1 puts the whole thread to sleep.
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start") (loop $again
          (i32.store8 (i32.const 8) (i32.const 0)) (i32.store (i32.const 16) (i32.const 1))
          (i64.store (i32.const 24) (i64.const 1000000000))
          (memory.copy (i32.const 48) (i32.const 0) (i32.const 48))
          (drop (call $poll (i32.const 0) (i32.const 128) (i32.const 2) (i32.const 256)))
          (br $again))))"#;
    let job = Job::new(wat, &["sleeper"]);
    let digest = sha2::Sha256::digest(&job.artefact).into();
    let length = job.artefact.len() as u64;
    let mut said = Said::configured(0)
        .then(&ToKeep::Application(Application { kind: job.kind, length, digest }))
        .then(&ToKeep::Data(&job.artefact))
        .then(&ToKeep::FilesEnd)
        .then(&ToKeep::Start);
    let part = vec![0; frame::MAX_PAYLOAD];
    for _ in 0..5 {
        said = said.then(&ToKeep::Stdin(&part));
    }
    said.fails(FailureClass::Protocol, "window");
}
