//! `holdfast platform`.

use std::fmt::Write;

use holdfast_client::exit::ExitCode;
use holdfast_loader::probe::{BackendReport, Facts, Report};

use crate::failure::Failure;
use crate::options::Platform;

pub(crate) fn platform(options: &Platform) -> Result<u8, Failure> {
    let report = Report::new(Facts::collect());
    let text = if options.json {
        serde_json::to_string_pretty(&report)
            .map_err(|error| Failure::new(ExitCode::Internal, error.to_string()))?
            + "\n"
    } else {
        describe(&report)
    };
    crate::print(&text)?;
    Ok(0)
}

fn describe(report: &Report) -> String {
    let mut text = String::new();
    for backend in &report.backends {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:8} {}", backend.name, state(backend));
        for missing in &backend.missing {
            let _ = writeln!(text, "         {}; {}", missing.what, missing.remedy);
        }
    }
    let inside = match report.inside {
        Some(inside) => format!("This machine is itself a confidential virtual machine ({inside:?}).\n"),
        None => "This machine is not itself a confidential virtual machine.\n".into(),
    };
    text + &inside
}

fn state(backend: &BackendReport) -> &'static str {
    match (backend.usable(), backend.confidential, backend.supported) {
        (true, true, _) => "works, confidential",
        (true, false, _) => "works, not confidential",
        (false, _, true) => "does not work here",
        (false, _, false) => "not supported by this version of Holdfast",
    }
}
