//! Files that somebody gives the client.

use std::path::Path;

use holdfast_client::artefact;
use holdfast_client::config::{TEMPLATE, parse};
use holdfast_client::digest::Digest;
use holdfast_client::inspect::inspect;
use holdfast_engine::{CpuLevel, Profile};
use holdfast_protocol::ApplicationKind;

use crate::Target;

/// `Holdfast.toml`, or `Enarx.toml` if the first byte is `E`.
pub const CONFIGURATION: Target =
    Target { name: "configuration", body: configuration, seeds: configuration_seeds, rounds: 20_000 };

/// `.cwasm`.
pub const ARTEFACT: Target =
    Target { name: "artefact", body: artefact_file, seeds: artefact_seeds, rounds: 50_000 };

/// An application: module, component or text.
pub const APPLICATION: Target =
    Target { name: "application", body: application, seeds: application_seeds, rounds: 5_000 };

/// Settings, or an error that can be printed.
fn configuration(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let name = if text.starts_with('E') { "Enarx.toml" } else { "Holdfast.toml" };
    // The letter that decides is no TOML.
    if let Err(error) = parse(Path::new(name), text.strip_prefix('E').unwrap_or(text)) {
        assert!(!error.to_string().is_empty());
    }
}

/// What is accepted is exactly what we write.
fn artefact_file(data: &[u8]) {
    match artefact::open(data) {
        Ok(artefact) => {
            let header = artefact::header(artefact.kind, artefact.profile, artefact.source, artefact.code);
            assert_eq!([&header, artefact.code].concat(), data);
            assert_eq!(Digest::of(artefact.code), artefact.digest);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// An application, or an error that can be printed.
fn application(data: &[u8]) {
    if let Err(error) = inspect(Path::new("app"), data.to_vec()) {
        assert!(!error.to_string().is_empty());
    }
}

fn configuration_seeds() -> Vec<Vec<u8>> {
    let holdfast = include_str!("../../examples/Holdfast.toml");
    let full = "args = [\"a\"]\nmemory = \"1G\"\nthreads = 2\n[env]\nA = \"b\"\n[stdio]\nstdin = \"null\"\n\
                [[directories]]\nhost = \"h\"\nguest = \"/g\"\nout = true\n[limits]\ntimeout = \"1.5s\"\nfuel = 9\n";
    let enarx = "Esteward = \"https://example.invalid\"\nargs = [\"a\"]\n[env]\nA = \"b\"\n[[files]]\nkind = \"stdin\"\n\
                 [[files]]\nkind = \"listen\"\nprot = \"tcp\"\nport = 80\n";
    [holdfast, TEMPLATE, full, enarx].map(|text| text.as_bytes().to_vec()).to_vec()
}

fn artefact_seeds() -> Vec<Vec<u8>> {
    let code = b"not really code";
    let kinds = [ApplicationKind::Module, ApplicationKind::Component];
    let file = |(kind, metered)| {
        let profile = Profile { cpu: CpuLevel::V2, metered };
        [&artefact::header(kind, profile, Digest::of(b"source"), code), &code[..]].concat()
    };
    kinds.into_iter().flat_map(|kind| [(kind, false), (kind, true)]).map(file).collect()
}

fn application_seeds() -> Vec<Vec<u8>> {
    let text = include_bytes!("../../examples/wat/hello.wat").to_vec();
    let module = include_bytes!("../../examples/c/hello.wasm").to_vec();
    let component =
        b"(component (core module (func (export \"f\"))) (component (import \"a:b/c\" (func))))".to_vec();
    vec![text, module, component, b"(module (func (export \"_start\")))".to_vec()]
}
