//! `holdfast evidence`.

mod carrier;
mod field;
mod quote;
mod snp;

use std::path::Path;

use holdfast_client::exit::ExitCode;
use holdfast_evidence::EvidenceError;
use holdfast_evidence::carried::Carried;
use holdfast_evidence::cmw::EvidenceKind;
use holdfast_evidence::quote::Quote;
use holdfast_evidence::snp::Report;

use crate::failure::Failure;
use crate::options::Evidence;
use field::Explained;

pub(crate) fn evidence(command: &Evidence) -> Result<u8, Failure> {
    let Evidence::Show { file, json } = command;
    let carried = crate::verify::read(file)?;
    let explained = explain(&carried).map_err(|error| unusable(file, &error))?;
    if *json {
        let text = serde_json::to_string_pretty(&explained)
            .map_err(|error| Failure::new(ExitCode::Internal, error.to_string()))?;
        crate::print(&(text + "\n"))?;
    } else {
        crate::print_styled(&explained.to_string())?;
    }
    Ok(0)
}

fn unusable(file: &Path, error: &EvidenceError) -> Failure {
    Failure::new(ExitCode::Evidence, format!("{}: {error}", file.display()))
}

/// What the evidence says, and what it came in.
fn explain(carried: &Carried) -> Result<Explained, EvidenceError> {
    let bytes = &carried.bundle.evidence;
    let (explained, report_data) = match carried.bundle.kind {
        EvidenceKind::SnpReport => {
            let report = Report::parse(bytes)?;
            (snp::explain(&report), report.report_data)
        }
        EvidenceKind::Quote => {
            // Nothing signs what follows a quote; many who publish one publish their whole buffer.
            let (quote, extra) = match Quote::parse(bytes) {
                Err(EvidenceError::Trailing { what: "quote", extra }) => {
                    (Quote::parse(bytes.get(..bytes.len() - extra).unwrap_or_default())?, extra)
                }
                parsed => (parsed?, 0),
            };
            (quote::explain(&quote, extra), *quote.report_data())
        }
    };
    Ok(carrier::explain(explained, carried, &report_data))
}
