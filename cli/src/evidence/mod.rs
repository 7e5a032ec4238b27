//! `holdfast evidence`.

mod field;
mod quote;
mod snp;

use std::path::Path;

use holdfast_client::exit::ExitCode;
use holdfast_evidence::EvidenceError;
use holdfast_evidence::detect::{Form, detect};
use holdfast_evidence::quote::Quote;
use holdfast_evidence::snp::Report;

use crate::failure::Failure;
use crate::options::Evidence;
use field::Explained;

/// The longest file that can be evidence, in bytes.
const LONGEST: u64 = 16 << 20;

pub(crate) fn evidence(command: &Evidence) -> Result<u8, Failure> {
    let Evidence::Show { file, json } = command;
    let bytes = crate::input::read(file, LONGEST)?;
    let explained = explain(&bytes).map_err(|error| unusable(file, &error))?;
    let explained = explained.ok_or_else(|| {
        let message = format!(
            "{} is neither a SEV-SNP report nor an SGX or TDX quote; a report has 1184 bytes and begins with its version",
            file.display()
        );
        Failure::new(ExitCode::Evidence, message)
    })?;
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

/// What the evidence says; nothing, if it is none.
fn explain(bytes: &[u8]) -> Result<Option<Explained>, EvidenceError> {
    Ok(match detect(bytes) {
        Some(Form::SnpReport) => Some(snp::explain(&Report::parse(bytes)?)),
        Some(Form::AzureHcl(offset)) => {
            let report = bytes.get(offset..).and_then(|rest| rest.get(..Report::LENGTH)).unwrap_or_default();
            let mut explained = snp::explain(&Report::parse(report)?);
            explained.kind = format!("{} (in a Hyper-V HCL blob, at byte {offset})", explained.kind);
            Some(explained)
        }
        Some(Form::Quote) => {
            // Nothing signs what follows a quote; many who publish one publish their whole buffer.
            let (quote, extra) = match Quote::parse(bytes) {
                Err(EvidenceError::Trailing { what: "quote", extra }) => {
                    (Quote::parse(bytes.get(..bytes.len() - extra).unwrap_or_default())?, extra)
                }
                parsed => (parsed?, 0),
            };
            Some(quote::explain(&quote, extra))
        }
        None => None,
    })
}
