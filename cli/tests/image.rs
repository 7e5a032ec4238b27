//! The real image: what is in it, that stage 0 refuses another body, and the shim's tests inside a Keep.
//!
//! A `main` of its own: a loader is forked from a process with one thread.
#![allow(clippy::print_stdout, reason = "a test's report")]

use std::io::Read;

use holdfast_gate::Ending;
use holdfast_image::{IMAGE, SELFTEST};
use holdfast_launch::Image;
use holdfast_launch::headers::{EXECUTE, WRITE};
use holdfast_loader::control::Outcome;
use holdfast_loader::{Choice, LoaderConfig, LoaderError};
use iced_x86::{Code, Decoder, DecoderOptions};

type Result = std::result::Result<(), String>;

const MEMORY: u64 = 256 << 20;

fn main() {
    let mut counts = [0; 3];
    let mut report = |name: &str, outcome: Option<Result>| {
        let (at, text) = match outcome {
            None => (2, format!("skipped: {name}: /dev/kvm cannot be used here")),
            Some(Ok(())) => (0, format!("test {name} ... ok")),
            Some(Err(why)) => (1, format!("test {name} ... FAILED: {why}")),
        };
        counts[at] += 1;
        println!("{text}");
    };
    report("image_is_small", Some(small()));
    report("image_has_no_path_of_the_build_machine", Some(no_paths()));
    report("image_has_one_syscall_instruction_per_program", Some(one_syscall()));
    report("image_has_no_writable_code", Some(no_writable_code()));
    let kvm = holdfast_loader::kvm::open().is_ok();
    for (name, choice) in [("process", Choice::Process), ("kvm", Choice::Kvm)] {
        let usable = choice == Choice::Process || kvm;
        report(&format!("{name}_refuses_a_changed_body"), usable.then(|| refuses(choice)));
        report(&format!("{name}_passes_the_tests_inside"), usable.then(|| inside(choice)));
    }
    let [passed, failed, skipped] = counts;
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    std::process::exit(i32::from(failed != 0));
}

fn expect(holds: bool, what: impl Into<String>) -> Result {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn image() -> std::result::Result<Image<'static>, String> {
    Image::parse(IMAGE).map_err(|error| error.to_string())
}

fn small() -> Result {
    let image = image()?;
    expect(IMAGE.len() < 8 << 20, format!("{} bytes", IMAGE.len()))?;
    let measured = image.stage0.len() + image.stage0_data.len();
    expect(measured <= 48 << 10, format!("stage 0 has {measured} bytes"))
}

fn no_paths() -> Result {
    let contains = |needle: &str| IMAGE.windows(needle.len()).any(|window| window == needle.as_bytes());
    let root = env!("CARGO_MANIFEST_DIR").trim_end_matches("/cli");
    let home = std::env::home_dir().map(|home| home.join(".cargo").display().to_string());
    for path in [Some(root.to_owned()), home, Some("/rustup/".into()), Some("index.crates".into())] {
        let path = path.unwrap_or_default();
        expect(path.is_empty() || !contains(&path), format!("it contains {path}"))?;
    }
    // What a static C library would bring along.
    expect(!contains("GNU C Library") && !contains("GLIBC_TUNABLES"), "it contains a C library")?;
    expect(contains("/crates/") || contains("/holdfast/"), "no path at all: this test looks for nothing")
}

/// The `syscall` instructions of `code`, by decoding all of it.
fn syscalls(code: &[u8]) -> usize {
    let decoder = Decoder::new(64, code, DecoderOptions::NONE);
    decoder
        .into_iter()
        .filter(|instruction| matches!(instruction.code(), Code::Syscall | Code::Sysenter | Code::Int_imm8))
        .count()
}

fn one_syscall() -> Result {
    let image = image()?;
    let segments = image.body_header.segments.iter().take(image.body_header.segment_count as usize);
    let mut found = 0;
    for segment in segments.filter(|segment| segment.permissions & EXECUTE != 0) {
        let from = segment.offset as usize;
        let code =
            image.body.get(from..from + segment.length as usize).ok_or("a segment outside the body")?;
        found += syscalls(code);
    }
    expect(found == 1, format!("{found} in the body"))
}

fn no_writable_code() -> Result {
    let header = image()?.body_header;
    let both = |permissions: u64| permissions & WRITE != 0 && permissions & EXECUTE != 0;
    expect(!header.segments.iter().any(|segment| both(segment.permissions)), "a segment is both")
}

/// Runs an image until its end; what it wrote to the channel, and how it ended.
fn run(backend: Choice, image: &'static [u8]) -> std::result::Result<(String, Outcome), String> {
    let config = LoaderConfig { backend, memory: MEMORY, vcpus: 4, image };
    let mut keep = holdfast_loader::spawn(&config).map_err(|error| error.to_string())?;
    keep.started().map_err(|error: LoaderError| error.to_string())?;
    let mut text = Vec::new();
    let mut channel = keep.channel.try_clone().map_err(|error| error.to_string())?;
    // A loader that ends with unread bytes resets the channel; what came before counts.
    let _ = channel.read_to_end(&mut text);
    Ok((String::from_utf8_lossy(&text).into_owned(), keep.wait()))
}

fn refuses(backend: Choice) -> Result {
    let body = image()?.body;
    let start = body.as_ptr() as usize - IMAGE.as_ptr() as usize;
    for at in [0, 8, 4096, body.len() / 2, body.len() - 1] {
        let changed = IMAGE.to_vec().leak();
        let byte = changed.get_mut(start + at).ok_or("outside the image")?;
        *byte ^= 0x10;
        match Image::parse(changed) {
            // The loader refuses what cannot be an image; it is untrusted, but need not be stupid.
            Err(_) => continue,
            Ok(_) => {
                let (text, outcome) = run(backend, changed)?;
                expect(outcome == Outcome::Ended(Ending::BodyRefused), format!("byte {at}: {outcome:?}"))?;
                expect(text.is_empty(), "it spoke before it was refused")?;
            }
        }
    }
    Ok(())
}

fn inside(backend: Choice) -> Result {
    let (text, outcome) = run(backend, SELFTEST)?;
    let failed: Vec<_> = text.lines().filter(|line| !line.starts_with("ok ")).collect();
    expect(failed.is_empty(), failed.join("; "))?;
    expect(text.lines().count() >= 15, format!("only {} tests ran: {outcome:?}", text.lines().count()))?;
    expect(outcome == Outcome::Ended(Ending::Finished), format!("{outcome:?}"))
}
