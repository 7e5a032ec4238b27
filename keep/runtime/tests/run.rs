//! Applications from the first message to the last, on the native program.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;

use client::{Job, shared};
use holdfast_protocol::{Content, Exit, FailureClass, Stdio, TrapKind};

/// A module whose `_start` is this body, with a memory, and `proc_exit` and `fd_write` of WASI p1.
fn module(body: &str) -> String {
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (table $table 1 funcref)
            (type $nothing (func))
            (data (i32.const 64) "hello\n")
            (func $start (export "_start") {body}))"#
    )
}

#[track_caller]
fn failure(exit: Exit) -> (FailureClass, String) {
    match exit {
        Exit::Failure { class, text } => (class, text),
        other => panic!("not a failure: {other:?}"),
    }
}

#[test]
fn status_and_output_come_back() {
    let body = "(i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 6))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $exit (i32.const 42))";
    let mut job = Job::new(module(body), &["hello"]);
    let result = job.run();
    assert_eq!((result.stdout(), result.stderr(), &result.exit), ("hello\n", "hello\n", &Exit::Status(42)));
    job.configuration.stdout = Stdio::Null;
    let result = job.run();
    assert_eq!((result.stdout(), result.stderr(), &result.exit), ("", "hello\n", &Exit::Status(42)));
}

#[test]
fn each_trap_has_its_kind_and_a_backtrace() {
    let recursion = "(call $start)";
    let traps = [
        ("(unreachable)", TrapKind::Unreachable, "wasm `unreachable` instruction executed"),
        ("(drop (i32.load (i32.const -4)))", TrapKind::MemoryOutOfBounds, "out of bounds memory access"),
        ("(drop (table.get (i32.const 9)))", TrapKind::TableOutOfBounds, "out of bounds table access"),
        (
            "(drop (i32.div_s (i32.load (i32.const 0)) (i32.load (i32.const 0))))",
            TrapKind::DivisionByZero,
            "integer divide by zero",
        ),
        (
            "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
            TrapKind::IntegerOverflow,
            "integer overflow",
        ),
        (
            "(drop (i32.trunc_f32_s (f32.const nan)))",
            TrapKind::BadConversion,
            "invalid conversion to integer",
        ),
        ("(call_indirect (type $nothing) (i32.const 0))", TrapKind::BadIndirectCall, "uninitialized element"),
        (recursion, TrapKind::StackOverflow, "call stack exhausted"),
    ];
    for (body, kind, message) in traps {
        match Job::new(module(body), &["trap"]).run().exit {
            Exit::Trap { kind: found, text } => {
                assert_eq!(found, kind, "{text}");
                assert!(text.contains(message) && text.contains("!start"), "{text}");
            }
            other => panic!("{kind:?}: {other:?}"),
        }
    }
}

#[test]
fn fuel_runs_out() {
    let job = Job::metered(module("(loop (br 0))"), 10_000);
    assert!(matches!(job.run().exit, Exit::Trap { kind: TrapKind::OutOfFuel, .. }));
    let job = Job::metered(module("(nop)"), u64::MAX);
    assert_eq!(job.run().exit, Exit::Status(0));
}

#[test]
fn a_missing_import_is_named() {
    let wat = r#"(module (import "env" "frobnicate" (func)) (func (export "_start")))"#;
    let (class, text) = failure(Job::new(wat, &["x"]).run().exit);
    assert_eq!(class, FailureClass::MissingImport);
    assert!(text.contains("env::frobnicate"), "{text}");

    let wat = r#"(component
        (import "acme:rocket/launch@1.0.0" (instance $launch (export "go" (func))))
        (core module $core (func (export "run") (result i32) (i32.const 0)))
        (core instance $instance (instantiate $core))
        (func $run (result (result)) (canon lift (core func $instance "run")))
        (instance $cli (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $cli)))"#;
    let (class, text) = failure(Job::new(wat, &["x"]).run().exit);
    assert_eq!(class, FailureClass::MissingImport);
    assert!(text.contains("acme:rocket/launch@1.0.0"), "{text}");
}

#[test]
fn what_is_no_command_says_so() {
    let (class, text) = failure(Job::new("(module (func (export \"main\")))", &["x"]).run().exit);
    assert_eq!(class, FailureClass::NotACommand);
    assert!(text.contains("_start"), "{text}");
    let (class, text) = failure(Job::new("(component)", &["x"]).run().exit);
    assert_eq!(class, FailureClass::NotACommand);
    assert!(text.contains("wasi:cli/run"), "{text}");
}

#[test]
fn memory_has_a_limit() {
    let grow = "(if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then (call $exit (i32.const 7))))";
    let mut job = Job::new(module(grow), &["grow"]);
    assert_eq!(job.run().exit, Exit::Status(0));
    job.configuration.max_memory = Some(1 << 20);
    assert_eq!(job.run().exit, Exit::Status(7));
    job.configuration.max_memory = Some(65_535);
    let (class, text) = failure(job.run().exit);
    assert_eq!(class, FailureClass::OutOfMemory);
    assert!(text.contains("65536"), "{text}");
}

#[test]
fn settings_that_differ_are_refused() {
    let mut job = Job::new(module("(nop)"), &["x"]);
    job.configuration.fuel = Some(1);
    let (class, text) = failure(job.run().exit);
    assert_eq!(class, FailureClass::Incompatible);
    assert!(text.contains("fuel"), "{text}");
}

#[test]
fn standard_input_arrives_whole() {
    // Copies descriptor 0 to 1 until the end, in pieces of 64,000 bytes.
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 2)
        (func (export "_start")
          (loop $again
            (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 64000))
            (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
            (i32.store (i32.const 4) (i32.load (i32.const 8)))
            (if (i32.load (i32.const 8)) (then
              (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
              (br $again))))))"#;
    let mut job = Job::new(wat, &["cat"]);
    // Every byte value, and no period that a frame could hide.
    let mut state = 1_u32;
    job.stdin = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(64 << 20)
    .collect();
    let result = job.run();
    assert_eq!(result.exit, Exit::Status(0));
    assert!(result.stdout == job.stdin, "{} bytes came back", result.stdout.len());
}

#[test]
fn files_go_in_and_come_back() {
    let mut job = Job::new(module("(nop)"), &["x"]);
    job.directory("/data", false, true);
    let large: Vec<u8> = (0..1_000_003_u32).map(|i| i.to_le_bytes()[1]).collect();
    job.file("a", b"first");
    job.entry("d", Content::Directory, b"");
    job.file("d/empty", b"");
    job.file("d/large", &large);
    job.entry("link", Content::Symlink { target: "d/large".into() }, b"");
    let mut result = job.run();
    assert_eq!(result.exit, Exit::Status(0));
    for (entry, _) in job.files.iter_mut().chain(&mut result.files) {
        if entry.content == Content::Directory || matches!(entry.content, Content::Symlink { .. }) {
            entry.mode = 0;
        }
    }
    assert_eq!(result.files, job.files);
}

#[test]
fn entries_that_cannot_be_laid_out_are_named() {
    let mut job = Job::new(module("(nop)"), &["x"]);
    job.directory("/data", false, true);
    job.entry("link", Content::Symlink { target: "/etc".into() }, b"");
    job.file("link/passwd", b"x");
    let (class, text) = failure(job.run().exit);
    assert_eq!(class, FailureClass::Files);
    assert!(text.contains("link/passwd"), "{text}");
}

#[test]
fn rust_programs_for_p1_and_p2() {
    for world in ["p1", "p2"] {
        let Some(hello) = shared("rust_programs", &format!("rust/{world}/hello.wasm")) else {
            return;
        };
        let result = Job::new(hello, &["hello.wasm"]).run();
        assert_eq!((result.stdout(), &result.exit), ("Hello, world!\n", &Exit::Status(0)));

        let args_env = shared("rust_programs", &format!("rust/{world}/args_env.wasm")).unwrap();
        let mut job = Job::new(args_env, &["args_env.wasm", "one", "two words"]);
        job.configuration.environment = vec![("EXIT".into(), "1".into()), ("NAME".into(), "välue".into())];
        job.stdin = b"some input\0\xff".to_vec();
        let result = job.run();
        assert_eq!(result.exit, Exit::Status(1));
        let expected = "arg one\narg two words\nenv EXIT=1\nenv NAME=välue\nstdin 12 ";
        assert!(result.stdout().starts_with(expected), "{result:?}");
        assert_eq!(result.stderr(), "stderr line\n");

        let files = shared("rust_programs", &format!("rust/{world}/files.wasm")).unwrap();
        let mut job = Job::new(files, &["files.wasm", "/data"]);
        job.directory("/data", false, true);
        let result = job.run();
        assert_eq!(result.exit, Exit::Status(0), "{result:?}");
        assert!(
            result.stdout().starts_with("size 8890\n") && result.stdout().ends_with("gone true\n"),
            "{result:?}"
        );

        let clock = shared("rust_programs", &format!("rust/{world}/clock_rand.wasm")).unwrap();
        let result = Job::new(clock, &["clock_rand.wasm"]).run();
        assert!(!result.stdout().contains("false") && result.stdout().contains("332833500"), "{result:?}");

        let trap = shared("rust_programs", &format!("rust/{world}/trap.wasm")).unwrap();
        for (name, kind) in [
            ("oob", TrapKind::MemoryOutOfBounds),
            // Rust checks the divisor itself, and panics.
            ("divzero", TrapKind::Unreachable),
            // Its stack in linear memory is exhausted before the engine's, and grows below address 0.
            ("stack", TrapKind::MemoryOutOfBounds),
            ("abort", TrapKind::Unreachable),
        ] {
            let result = Job::new(&trap, &["trap.wasm", name]).run();
            assert_eq!(result.stdout(), "before\n");
            match result.exit {
                Exit::Trap { kind: found, text } => assert_eq!(found, kind, "{text}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
