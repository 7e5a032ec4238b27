//! `holdfast collateral`, and the collateral for `holdfast verify`.

mod fetch;
mod files;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use holdfast_client::exit::ExitCode;
use holdfast_collateral::Cache;
use holdfast_evidence::cmw::Bundle;
use holdfast_verify::{Collateral, UnixTime};

use crate::failure::Failure;
use crate::options::{self, Services};

/// The word that stands for fetching, where a path may stand.
const FETCH: &str = "fetch";

/// Collateral for evidence: from a path or from the vendor, as the user says, or else what came with the evidence.
/// The two are never mixed.
pub(crate) fn find(from: Option<&Path>, services: &Services, bundle: &Bundle) -> Result<Collateral, Failure> {
    match from {
        None => Ok(Collateral::from(bundle)),
        Some(path) if path == Path::new(FETCH) => fetch::fetch(services, &bundle.evidence),
        Some(path) => files::read(path),
    }
}

pub(crate) fn collateral(command: &options::Collateral) -> Result<u8, Failure> {
    match command {
        options::Collateral::Fetch { file, services, output } => {
            let carried = crate::verify::read(file)?;
            let collateral = fetch::fetch(services, &carried.bundle.evidence)?;
            if let Some(folder) = output {
                files::write(folder, &collateral)?;
            }
        }
        options::Collateral::Show { cache, json } => {
            let entries = open(cache.as_deref())?.entries().map_err(|error| fetch::failure(&error))?;
            let text = if *json {
                serde_json::to_string_pretty(&entries)
                    .map_err(|error| Failure::new(ExitCode::Internal, error.to_string()))?
                    + "\n"
            } else {
                let line = |entry: &holdfast_collateral::Entry| {
                    let (fetched, again) = (UnixTime(entry.fetched), UnixTime(entry.ask_again));
                    format!("{}\n  fetched {fetched}, asked for again from {again}\n", entry.url)
                };
                entries.iter().map(line).collect()
            };
            crate::print(&text)?;
        }
        options::Collateral::Prune { cache, older } => {
            let before = older.map_or(u64::MAX, |older| clock().0.saturating_sub(older.as_secs()));
            let removed = open(cache.as_deref())?.prune(before).map_err(|error| fetch::failure(&error))?;
            crate::print(&format!("{removed} removed\n"))?;
        }
    }
    Ok(0)
}

/// The cache in a folder, or the user's.
fn open(folder: Option<&Path>) -> Result<Cache, Failure> {
    let folder = match folder {
        Some(folder) => folder.to_owned(),
        None => {
            let cache = holdfast_client::cache::Cache::of_user().ok_or_else(|| {
                let message =
                    "there is no cache: neither XDG_CACHE_HOME nor HOME is set; name one with --cache";
                Failure::new(ExitCode::Input, message.into())
            })?;
            cache.directory().join("collateral")
        }
    };
    Cache::open(folder).map_err(|error| fetch::failure(&error))
}

pub(crate) fn clock() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()))
}
