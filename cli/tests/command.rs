//! What a user of `holdfast run`, `compile`, `config` and `platform` is promised, with the real command.

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use common::command::{Place, fails, succeeds};
use common::{case, run_on_each_backend};
use holdfast_conformance::process::{Ended, Output, Running};
use holdfast_conformance::target::Backend;
use serde_json::Value;

const HELLO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/c/hello.wasm");
const COMPONENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/component/hello.wasm");
const ARGUMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/rust/args_env.wasm");
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/rust/files.wasm");
const CAT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/programs/cat.wasm");
const GREETING: &str = "Hello, world, from a Keep!\n";

fn main() {
    run_on_each_backend(vec![
        case("each kind of application runs", kinds),
        case("the exit status is the application's", statuses),
        case("a Keep that is not confidential says so", not_confidential),
        case("arguments and environment", arguments),
        case("input and output are streams", streams),
        case("a megabyte of each byte passes unchanged", binary),
        case("a closed standard input is empty", no_input),
        case("directories go in", directories_in),
        case("results come back, all at once", results),
        case("a read-only directory stays as it is", read_only),
        case("100,000 files", many_files),
        case("Holdfast.toml", own_configuration),
        case("Enarx.toml", enarx_configuration),
        case("keys of Enarx.toml that cannot be served", enarx_not_served),
        case("a mistyped key", mistyped),
        case("the summary as JSON", summary),
        case("the summary of a failure", summary_of_failure),
        case("the cache", cache),
        case("a compiled application for each level", compiled),
        case("the platform names this backend", platform),
        case("two Keeps at once", two_at_once),
    ]);
}

fn kinds(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    place.write("status.wat", status_module(0))?;
    succeeds(&place.complete(place.run(backend, &[HELLO])?, b"")?, GREETING)?;
    succeeds(&place.complete(place.run(backend, &["status.wat"])?, b"")?, "")?;
    let component = place.complete(place.run(backend, &[COMPONENT])?, b"")?;
    ensure!(component.status == 0 && component.out().contains("Hello"), "{component:?}");
    // A name says nothing about the content.
    place.write("app", fs::read(HELLO)?)?;
    succeeds(&place.complete(place.run(backend, &["./app"])?, b"")?, GREETING)
}

fn status_module(status: i32) -> String {
    format!(
        "(module
          (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
          (memory (export \"memory\") 1)
          (func (export \"_start\") (call $exit (i32.const {status}))))"
    )
}

fn statuses(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    for status in [0, 1, 42, 64, 125] {
        place.write("status.wat", status_module(status))?;
        let ended = place.complete(place.run(backend, &["status.wat"])?, b"")?;
        ensure!((ended.status, ended.err().as_str()) == (status, ""), "{ended:?}");
    }
    Ok(())
}

fn not_confidential(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    let ended = place.complete(place.holdfast(&["run", "--backend", backend.name(), HELLO])?, b"")?;
    fails(&ended, 0, &["not confidential", backend.name()])?;
    ensure!(ended.out() == GREETING, "{:?}", ended.out());
    Ok(())
}

fn arguments(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    let arguments = ["--env", "A=1=2", "--env", "EMPTY=", ARGUMENTS, "--", "--x", "two words", ""];
    let mut command = place.run(backend, &arguments)?;
    command.env("SECRET", "of the user");
    let ended = place.complete(command, b"12345")?;
    for line in ["arg --x\n", "arg two words\n", "arg \n", "A=1=2", "EMPTY=", "stdin 5 "] {
        ensure!(ended.out().contains(line), "no {line:?} in {:?}", ended.out());
    }
    ensure!(!ended.out().contains("SECRET"), "it inherited a variable");
    Ok(())
}

/// What goes in comes out before more goes in.
fn streams(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    let mut running = Running::start(place.run(backend, &[CAT])?, common::LIMIT)?;
    for word in ["one\n", "two\n", "three\n"] {
        running.write(word.as_bytes())?;
        let back = running.read(Output::Stdout, word.len());
        ensure!(back == word.as_bytes(), "{back:?}");
    }
    succeeds(&place.ended(running.wait()?)?, "one\ntwo\nthree\n")
}

fn binary(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    let bytes: Vec<u8> = (0..=255).cycle().take(256 << 12).collect();
    let ended = place.complete(place.run(backend, &[CAT])?, &bytes)?;
    ensure!(ended.status == 0 && ended.stdout == bytes, "{} bytes, {}", ended.stdout.len(), ended.err());
    Ok(())
}

fn no_input(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    let mut command = place.command("sh");
    command.args(["-c", "exec \"$0\" run --quiet --backend \"$1\" \"$2\" <&-"]);
    command.arg(common::HOLDFAST).args([backend.name(), CAT]);
    succeeds(&place.complete(command, b"")?, "")
}

fn directories_in(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    fs::create_dir(place.path("data"))?;
    for name in ["a", "b"] {
        place.write(&format!("data/{name}"), "content")?;
    }
    let ended = place.complete(place.run(backend, &["--dir", "data:/data:ro", HELLO])?, b"")?;
    let mut lines: Vec<_> = ended.out().lines().map(str::to_owned).collect();
    lines.sort();
    ensure!(lines == ["/data has a", "/data has b", GREETING.trim()], "{ended:?}");
    Ok(())
}

/// A program of WASI p1 that makes the file `new` in its first directory and empties `given`, then goes
/// on with `then`.
fn writer(then: &str) -> String {
    format!(
        "(module
          (import \"wasi_snapshot_preview1\" \"path_open\"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
          (memory (export \"memory\") 1)
          (data (i32.const 0) \"newgiven\")
          (func $make (param $name i32) (param $length i32) (param $flags i32)
            (if (call $open (i32.const 3) (i32.const 0) (local.get $name) (local.get $length)
                  (local.get $flags) (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 16))
              (then unreachable)))
          (func (export \"_start\")
            (call $make (i32.const 0) (i32.const 3) (i32.const 1))
            (call $make (i32.const 3) (i32.const 5) (i32.const 8))
            {then}))"
    )
}

fn results(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    place.write("writer.wat", writer(""))?;
    fs::create_dir_all(place.path("data/sub"))?;
    place.write("data/given", "content")?;
    place.write("data/sub/other", "other")?;
    symlink("sub/other", place.path("data/link"))?;
    fs::set_permissions(place.path("data/sub/other"), fs::Permissions::from_mode(0o640))?;
    let before = fs::metadata(place.path("data/sub/other"))?.modified()?;

    let without = ["--dir", "data:/data", "writer.wat"];
    succeeds(&place.complete(place.run(backend, &without)?, b"")?, "")?;
    ensure!(!place.path("data/new").exists(), "without `out` it came back");

    // An application that ends by a trap has written what it has written.
    succeeds(&place.complete(place.run(backend, &["--dir", "data:/data:out", "writer.wat"])?, b"")?, "")?;
    let content = |name: &str| fs::read_to_string(place.path(name)).context(name.to_owned());
    ensure!(content("data/new")?.is_empty() && content("data/given")?.is_empty(), "it did not come back");
    ensure!(content("data/sub/other")? == "other", "what was there is gone");
    ensure!(fs::read_link(place.path("data/link"))? == Path::new("sub/other"), "the link is gone");
    let after = fs::metadata(place.path("data/sub/other"))?;
    ensure!(after.permissions().mode() & 0o777 == 0o640, "permissions {:o}", after.permissions().mode());
    ensure!(after.modified()? == before, "the time of a file that nobody touched changed");

    // A Keep that is ended from outside brings nothing back.
    place.write("endless.wat", writer("(loop (br 0))"))?;
    fs::remove_file(place.path("data/new"))?;
    let arguments = ["--timeout", "500ms", "--dir", "data:/data:out", "endless.wat"];
    fails(&place.complete(place.run(backend, &arguments)?, b"")?, 124, &["time limit"])?;
    ensure!(!place.path("data/new").exists(), "half a result came back");
    Ok(())
}

fn read_only(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    fs::create_dir(place.path("data"))?;
    place.write("data/given", "content")?;
    place.write("writer.wat", writer(""))?;
    let ended = place.complete(place.run(backend, &["--dir", "data:/data:ro", "writer.wat"])?, b"")?;
    ensure!(ended.status == 134 && ended.err().contains("unreachable"), "it could write: {ended:?}");
    let wrong = place.run(backend, &["--dir", "data:/data:ro:out", "writer.wat"])?;
    let ended = place.complete(wrong, b"")?;
    ensure!(ended.status == 64 && ended.err().contains("ro"), "{ended:?}");
    Ok(())
}

fn many_files(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    for folder in 0..100 {
        fs::create_dir_all(place.path(&format!("data/{folder}")))?;
        for file in 0..1000 {
            place.write(&format!("data/{folder}/{file}"), file.to_string())?;
        }
    }
    let ended = place.complete(place.run(backend, &["--dir", "data:/data", HELLO])?, b"")?;
    ensure!(ended.status == 0, "{}", ended.err());
    ensure!(ended.out().lines().count() == 101, "{} lines", ended.out().lines().count());
    Ok(())
}

fn own_configuration(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    let written = place.complete(place.holdfast(&["config", "init"])?, b"")?;
    ensure!(written.status == 0 && place.path("Holdfast.toml").exists(), "{written:?}");
    let again = place.complete(place.holdfast(&["config", "init"])?, b"")?;
    fails(&again, 73, &["Holdfast.toml", "exists"])?;
    let checked = place.complete(place.holdfast(&["config", "check"])?, b"")?;
    ensure!(checked.status == 0, "{}", checked.err());

    place.write(
        "own.toml",
        "args = [\"from the file\"]\nmemory = \"256M\"\n[env]\nA = \"file\"\nB = \"file\"\n",
    )?;
    let ended = place
        .complete(place.run(backend, &["--config", "own.toml", "--env", "B=command", ARGUMENTS])?, b"")?;
    for line in ["arg from the file\n", "A=file", "B=command"] {
        ensure!(ended.out().contains(line), "no {line:?} in {:?} {:?}", ended.out(), ended.err());
    }
    Ok(())
}

fn enarx_configuration(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    let text = "args = [\"x\"]\n[env]\nA = \"1\"\n[[files]]\nkind = \"null\"\n[[files]]\nkind = \"stdout\"\n";
    place.write("Enarx.toml", text)?;
    let ended = place.complete(place.run(backend, &["--config", "Enarx.toml", ARGUMENTS])?, b"12345")?;
    for line in ["arg x\n", "A=1", "stdin 0 "] {
        ensure!(ended.out().contains(line), "no {line:?} in {:?} {:?}", ended.out(), ended.err());
    }
    Ok(())
}

fn enarx_not_served(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    for (key, text) in [
        ("steward", "steward = \"https://example.com\"\n"),
        ("listen", "[[files]]\nkind = \"listen\"\nprot = \"tls\"\nport = 12345\n"),
        ("connect", "[[files]]\nkind = \"connect\"\nhost = \"127.0.0.1\"\nport = 12345\n"),
    ] {
        place.write("Enarx.toml", text)?;
        let ended = place.complete(place.run(backend, &["--config", "Enarx.toml", HELLO])?, b"")?;
        fails(&ended, 78, &["Enarx.toml", key])?;
    }
    Ok(())
}

fn mistyped(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    place.write("Holdfast.toml", "memroy = \"1G\"\n")?;
    let ended = place.complete(place.run(backend, &["--config", "Holdfast.toml", HELLO])?, b"")?;
    fails(&ended, 78, &["Holdfast.toml:1", "memroy", "memory"])
}

/// The last line on standard error.
fn json(ended: &Ended) -> Result<Value> {
    let message = ended.err();
    let line = message.lines().last().context("nothing on standard error")?;
    serde_json::from_str(line).with_context(|| line.to_owned())
}

fn summary(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    let ended = place.complete(place.run(backend, &["--json", "--memory", "512M", HELLO])?, b"")?;
    let json = json(&ended)?;
    for (key, value) in [
        ("/version", Value::from(1)),
        ("/status", 0.into()),
        ("/ended_by", "exit".into()),
        ("/backend", backend.name().into()),
        ("/confidential", false.into()),
        ("/application/kind", "module".into()),
        ("/memory", (512 << 20).into()),
    ] {
        ensure!(json.pointer(key) == Some(&value), "{key} is not {value} in {json}");
    }
    documented(&json)
}

/// docs/json.md names every field that there is, and no other.
fn documented(json: &Value) -> Result<()> {
    let mut found: Vec<String> = Vec::new();
    for (key, value) in json.as_object().context("no object")? {
        match value.as_object() {
            Some(inner) => found.extend(inner.keys().map(|field| format!("{key}.{field}"))),
            None => found.push(key.clone()),
        }
    }
    let document = include_str!("../../docs/json.md");
    let mut named: Vec<String> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect();
    found.sort();
    named.sort();
    ensure!(found == named, "fields {found:?}, documented {named:?}");
    Ok(())
}

fn summary_of_failure(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    place.write("text", "no application")?;
    let ended = place.complete(place.run(backend, &["--json", "text"])?, b"")?;
    let summary = json(&ended)?;
    ensure!(summary["status"] == 65 && summary["ended_by"] == "application", "{summary}");
    let message = summary["message"].as_str().unwrap_or_default();
    ensure!(ended.err().starts_with(&format!("holdfast: {message}\n")), "{}", ended.err());

    place.write("endless.wat", "(module (func (export \"_start\") (loop (br 0))))")?;
    let late = place.complete(place.run(backend, &["--json", "--timeout", "1ms", "endless.wat"])?, b"")?;
    ensure!(json(&late)?["ended_by"] == "timeout", "{}", late.err());
    Ok(())
}

fn cache(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    let show = || -> Result<String> { Ok(place.complete(place.holdfast(&["cache", "show"])?, b"")?.out()) };
    let empty = show()?;
    succeeds(&place.complete(place.run(backend, &[HELLO])?, b"")?, GREETING)?;
    ensure!(show()? != empty, "nothing was kept: {empty}");
    succeeds(&place.complete(place.run(backend, &[HELLO])?, b"")?, GREETING)?;
    let cleared = place.complete(place.holdfast(&["cache", "clear"])?, b"")?;
    ensure!(cleared.status == 0 && show()? == empty, "{} instead of {empty}", show()?);
    Ok(())
}

fn compiled(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    for level in ["x86-64-v2", "native"] {
        let arguments = ["compile", FILES, "-o", "files.cwasm", "--cpu", level];
        let made = place.complete(place.holdfast(&arguments)?, b"")?;
        ensure!(made.status == 0, "{}", made.err());
        fs::create_dir_all(place.path("work"))?;
        let ended =
            place.complete(place.run(backend, &["--dir", "work:/work", "files.cwasm", "/work"])?, b"")?;
        ensure!(ended.status == 0 && ended.out().contains("gone true\n"), "{level}: {ended:?}");
    }
    let metered = place.complete(place.run(backend, &["--fuel", "1000", "files.cwasm"])?, b"")?;
    fails(&metered, 64, &["--fuel"])
}

fn platform(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    let ended = place.complete(place.holdfast(&["platform", "--json"])?, b"")?;
    let report: Value = serde_json::from_str(&ended.out())?;
    let text = report.to_string();
    for name in ["kvm", "process", "snp", "tdx", "sgx"] {
        ensure!(text.contains(&format!("\"{name}\"")), "{name} is not in {text}");
    }
    let ended = place.complete(place.holdfast(&["platform"])?, b"")?;
    ensure!(ended.out().contains(backend.name()), "{}", ended.out());
    Ok(())
}

fn two_at_once(backend: Backend) -> Result<()> {
    let place = Place::new()?;
    let mut first = Running::start(place.run(backend, &[CAT])?, common::LIMIT)?;
    first.write(b"first\n")?;
    ensure!(first.read_line(Output::Stdout) == "first", "the first does not answer");
    let second = Running::complete(place.run(backend, &[CAT])?, b"second", common::LIMIT)?;
    succeeds(&second, "second")?;
    first.write(b"again\n")?;
    succeeds(&place.ended(first.wait()?)?, "first\nagain\n")
}
