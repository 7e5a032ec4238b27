//! What cannot be run gets one clear line and its documented exit status, and leaves nothing behind.

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use anyhow::{Result, ensure};
use common::command::{Place, fails, succeeds};
use common::{case, run_on_each_backend, skip};
use holdfast_conformance::process::{Output, Running};
use holdfast_conformance::target::Backend;
use rustix::process::Signal;

const HELLO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/c/hello.wasm");
const GREETING: &str = "Hello, world, from a Keep!\n";
const FILL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/programs/fill.wasm");

/// Says `ready`, and never ends.
const ENDLESS: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\06\00\00\00ready\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))
    (loop (br 0))))"#;

/// Writes to standard output without end.
const TALKER: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\00\40\00\00")
  (func (export "_start")
    (loop $again
      (br_if $again (i32.eqz (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))))))"#;

/// Files that are no applications: what is in them, and what is said about it.
const UNFIT: &[(&str, &[u8], &[&str])] = &[
    ("empty", b"", &["is not WebAssembly"]),
    ("text", b"#!/bin/sh\necho hello\n", &["app is not WebAssembly", ".wat"]),
    ("another ELF", b"\x7fELF\x02\x01\x01", &["not a .cwasm of Holdfast", "holdfast compile"]),
    ("an unclosed .wat", b"(module (func)", &["is not valid WebAssembly text", "expected `)`", "app:1:15"]),
    ("an invalid module", b"(module (func (export \"_start\") (result i32)))", &["app", "type mismatch"]),
    (
        "a missing import",
        b"(module (import \"env\" \"gone\" (func)) (func (export \"_start\")))",
        &["env", "gone"],
    ),
    ("a missing entry", b"(module (func (export \"main\")))", &["_start", "main"]),
    (
        "an import of another type",
        b"(module (import \"wasi_snapshot_preview1\" \"fd_close\" (func)) (func (export \"_start\")))",
        &["fd_close"],
    ),
    (
        "another world",
        b"(component (instance $i) (export \"acme:world/thing@1.0.0\" (instance $i)))",
        &["acme:world/thing@1.0.0"],
    ),
    ("a cut .cwasm", b"hf-cwasm48.0.8", &["truncated", "compile"]),
];

fn main() {
    let mut cases = vec![
        case("no application", |backend| {
            in_place(backend, &["none.wasm"], 66, &["none.wasm", "No such file"])
        }),
        case("a directory as application", |backend| in_place(backend, &["."], 66, &["cannot read"])),
        case("too much memory", |backend| in_place(backend, &["--memory", "64T", HELLO], 64, &["--memory"])),
        case("too little memory", |backend| in_place(backend, &["--memory", "1M", HELLO], 64, &["--memory"])),
        case("too many threads", |backend| {
            in_place(backend, &["--threads", "999", HELLO], 64, &["--threads"])
        }),
        case("no directory", |backend| in_place(backend, &["--dir", "none:/x", HELLO], 66, &["none"])),
        case("truncated", truncated),
        case("a .cwasm of another version", |backend| changed_artefact(backend, 8, b"47", &["47", "48"])),
        case("a .cwasm with a changed body", |backend| {
            changed_artefact(backend, 4096, b"holdfast", &["damaged"])
        }),
        case("a directory with a link out of it", link_out),
        case("a directory with a pipe", special),
        case("a directory that one may not read", unreadable),
        case("a directory larger than the memory", too_large),
        case("a full file system", full),
        case("the time limit", time_limit),
        case("the time limit before the start", time_limit_at_once),
        case("Ctrl-C", |backend| stopped(backend, Signal::INT, 130, "interrupted")),
        case("SIGTERM", |backend| stopped(backend, Signal::TERM, 143, "terminated")),
        case("Ctrl-C while it is compiled", interrupted_compilation),
        case("a closed pipe", closed_pipe),
        case("a full disk behind standard output", full_disk),
        case("a host without memory", host_without_memory),
        case("a results directory that cannot be written", no_results),
    ];
    for &(name, content, says) in UNFIT {
        cases.push(case(name, move |backend| {
            let place = Place::new()?;
            place.write("app", content)?;
            fails(&place.complete(place.run(backend, &["app"])?, b"")?, 65, says)
        }));
    }
    cases.push(case("no /dev/kvm", no_kvm));
    cases.push(case("/dev/kvm of others", kvm_of_others));
    run_on_each_backend(cases);
}

fn in_place(backend: Backend, arguments: &[&str], status: i32, says: &[&str]) -> Result<()> {
    let place = Place::new()?;
    fails(&place.complete(place.run(backend, arguments)?, b"")?, status, says)
}

fn truncated(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    let whole = fs::read(HELLO)?;
    for length in [8, 9, 100, whole.len() / 2, whole.len() - 1] {
        place.write("app", &whole[..length])?;
        let ended = place.complete(place.run(backend, &["app"])?, b"")?;
        let says = if length == 8 { "_start" } else { "truncated" };
        fails(&ended, 65, &["app", says]).map_err(|error| error.context(format!("{length} bytes")))?;
    }
    Ok(())
}

fn changed_artefact(backend: Backend, at: usize, with: &[u8], says: &[&str]) -> Result<()> {
    let place = Place::new()?;
    let made = place.complete(place.holdfast(&["compile", HELLO, "-o", "app.cwasm"])?, b"")?;
    ensure!(made.status == 0, "{}", made.err());
    succeeds(&place.complete(place.run(backend, &["app.cwasm"])?, b"")?, GREETING)?;
    let mut artefact = fs::read(place.path("app.cwasm"))?;
    artefact[at..at + with.len()].copy_from_slice(with);
    place.write("app.cwasm", artefact)?;
    fails(&place.complete(place.run(backend, &["app.cwasm"])?, b"")?, 65, says)
}

fn link_out(backend: Backend) -> Result<()> {
    for target in ["/etc/passwd", "../..", "sub/../../.."] {
        let place = Place::new()?;
        fs::create_dir_all(place.path("data/sub"))?;
        symlink(target, place.path("data/link"))?;
        let ended = place.complete(place.run(backend, &["--dir", "data:/data", HELLO])?, b"")?;
        fails(&ended, 66, &["data/link", target, "leads out"])?;
    }
    Ok(())
}

fn special(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    fs::create_dir(place.path("data"))?;
    rustix::fs::mknodat(
        rustix::fs::CWD,
        place.path("data/pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )?;
    fails(
        &place.complete(place.run(backend, &["--dir", "data:/data", HELLO])?, b"")?,
        66,
        &["data/pipe", "pipe"],
    )
}

fn unreadable(backend: Backend) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new()?;
    fs::create_dir(place.path("data"))?;
    place.write("data/secret", "x")?;
    fs::set_permissions(place.path("data/secret"), fs::Permissions::from_mode(0o000))?;
    if fs::File::open(place.path("data/secret")).is_ok() {
        skip("a directory that one may not read", "this user may read everything");
        return Ok(());
    }
    let ended = place.complete(place.run(backend, &["--dir", "data:/data", HELLO])?, b"")?;
    fails(&ended, 66, &["data/secret", "Permission denied"])
}

fn too_large(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    fs::create_dir(place.path("data"))?;
    fs::File::create(place.path("data/hole"))?.set_len(1 << 30)?;
    let arguments = ["--memory", "256M", "--dir", "data:/data", HELLO];
    fails(&place.complete(place.run(backend, &arguments)?, b"")?, 66, &["data", "--memory"])
}

fn full(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    fs::create_dir(place.path("data"))?;
    let arguments = ["--memory", "128M", "--dir", "data:/given", FILL];
    succeeds(&place.complete(place.run(backend, &arguments)?, b"")?, "ENOSPC\nkept\nroom\n")
}

fn time_limit(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    place.write("endless.wat", ENDLESS)?;
    let ended = place.complete(place.run(backend, &["--timeout", "1s", "endless.wat"])?, b"")?;
    ensure!(ended.out() == "ready\n", "{:?}", ended.out());
    fails(&ended, 124, &["time limit", "1s"])
}

fn time_limit_at_once(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    // Endless, so that the outcome is the same where the limit comes too late for the start.
    place.write("endless.wat", ENDLESS)?;
    let ended = place.complete(place.run(backend, &["--timeout", "1ms", "endless.wat"])?, b"")?;
    fails(&ended, 124, &["time limit", "1ms"])
}

fn stopped(backend: Backend, signal: Signal, status: i32, says: &str) -> Result<()> {
    let place = Place::new()?;
    place.write("endless.wat", ENDLESS)?;
    let mut running = Running::start(place.run(backend, &["endless.wat"])?, common::LIMIT)?;
    ensure!(running.read_line(Output::Stdout) == "ready", "it does not start");
    running.signal(signal)?;
    fails(&place.ended(running.wait()?)?, status, &[says])
}

/// A module that takes seconds to compile.
fn large_module() -> String {
    let body = "(local.set 0 (i64.mul (local.get 0) (i64.add (local.get 0) (i64.const 7))))\n".repeat(200);
    let functions: String =
        (0..4000).map(|_| format!("(func (param i64) (result i64) {body} (local.get 0))\n")).collect();
    format!("(module (func (export \"_start\")) {functions})")
}

fn interrupted_compilation(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    place.write("large.wat", large_module())?;
    let running = Running::start(place.run(backend, &["large.wat"])?, common::LIMIT)?;
    std::thread::sleep(Duration::from_millis(700));
    running.signal(Signal::INT)?;
    fails(&place.ended(running.wait()?)?, 130, &["interrupted"])
}

fn closed_pipe(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    place.write("talker.wat", TALKER)?;
    let script =
        "\"$0\" run --quiet --backend \"$1\" talker.wat | head -c 100000 | wc -c; echo \"${PIPESTATUS[0]}\"";
    let mut command = place.command("bash");
    command.args(["-c", script]).arg(common::HOLDFAST).arg(backend.name());
    succeeds(&place.complete(command, b"")?, "100000\n141\n")
}

fn full_disk(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    place.write("talker.wat", TALKER)?;
    let mut command = place.command("sh");
    command.args(["-c", "exec \"$0\" run --quiet --backend \"$1\" talker.wat >/dev/full"]);
    command.arg(common::HOLDFAST).arg(backend.name());
    fails(&place.complete(command, b"")?, 73, &["standard output", "No space left"])
}

fn host_without_memory(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    let mut command = place.command("sh");
    command.args(["-c", "ulimit -v 1500000; exec \"$0\" run --quiet --memory 8G --backend \"$1\" \"$2\""]);
    command.arg(common::HOLDFAST).args([backend.name(), HELLO]);
    fails(&place.complete(command, b"")?, 71, &["memory"])
}

fn no_results(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    // The directory that would be replaced is where something is mounted.
    let arguments = ["--dir", "/proc/self/fdinfo:/x:out", HELLO];
    let ended = place.complete(place.run(backend, &arguments)?, b"")?;
    ensure!(ended.status == 73 || ended.status == 66, "{ended:?}");
    fails(&ended, ended.status, &["/proc"])
}

/// In a world of its own, without the device.
fn no_kvm(backend: Backend) -> Result<()> {
    let hide = "mount -t tmpfs none /dev && mknod /dev/null c 1 3 && mknod /dev/urandom c 1 9";
    without_kvm(backend, "no /dev/kvm", hide, &["/dev/kvm does not exist", "--backend process"])
}

/// As somebody who may not open the device.
fn kvm_of_others(backend: Backend) -> Result<()> {
    let hide = "mount -t tmpfs none /dev && mknod /dev/null c 1 3 && chmod 666 /dev/null && mknod -m 600 /dev/kvm c 10 232";
    let says = ["/dev/kvm may not be opened", "group kvm", "--backend process"];
    without_kvm(backend, "/dev/kvm of others", &format!("{hide} && DROP=1"), &says)
}

fn without_kvm(backend: Backend, name: &str, hide: &str, says: &[&str]) -> Result<()> {
    let place = Place::new()?;
    if !place.command("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success()) {
        skip(name, "this user may not hide a device");
        return Ok(());
    }
    let script = format!(
        "{hide} || exit 99
        chmod -R a+rwX .. && chmod a+x \"$(dirname \"$0\")\" 2>/dev/null
        exec ${{DROP:+setpriv --reuid 65534 --regid 65534 --clear-groups}} \"$0\" run --quiet --backend \"$1\" \"$2\""
    );
    let mut command = place.command("unshare");
    // What another user may read, wherever the project is.
    fs::copy(common::HOLDFAST, place.path("holdfast"))?;
    fs::copy(HELLO, place.path("hello.wasm"))?;
    command
        .args(["-m", "sh", "-c", &script])
        .arg(place.path("holdfast"))
        .args([backend.name(), "hello.wasm"]);
    let ended = place.complete(command, b"")?;
    match backend {
        Backend::Kvm => fails(&ended, 69, says),
        // The other backend does not need it.
        Backend::Process => succeeds(&ended, GREETING),
    }
}
