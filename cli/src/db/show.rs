//! What the database holds, for people and for scripts.

use holdfast_client::exit::ExitCode;
use holdfast_refdb::{Change, Database, DatabaseError, Entry, ReferenceValue, TrustAnchor, Validity, hex};
use holdfast_verify::UnixTime;
use serde_json::{Value, json};

use super::failure::failed;
use super::options::{EntryName, ValueName, What};
use crate::failure::Failure;

pub(super) fn list(db: &Database, what: Option<What>, json: bool) -> Result<(), Failure> {
    let wanted = |part| what.is_none_or(|what| what == part);
    let values = if wanted(What::Values) { Some(db.values().map_err(failed)?) } else { None };
    let anchors = if wanted(What::Anchors) { Some(db.anchors().map_err(failed)?) } else { None };
    let platforms = if wanted(What::Platforms) { Some(db.platforms().map_err(failed)?) } else { None };
    let bundles = if wanted(What::Bundles) { Some(db.bundles().map_err(failed)?) } else { None };
    if json {
        let mut parts =
            json!({ "values": values, "anchors": anchors, "platforms": platforms, "bundles": bundles });
        if let Some(parts) = parts.as_object_mut() {
            parts.retain(|_, part| !part.is_null());
        }
        return print_json(&parts);
    }
    let mut text: String = values.iter().flatten().map(about).collect();
    for TrustAnchor { kid, signer, .. } in anchors.iter().flatten() {
        text += &format!("anchor {kid}\n  of {signer}\n");
    }
    for platform in platforms.iter().flatten() {
        text += &format!("{}:{}\n  {}\n", platform.tee.name(), hex(&platform.identity), platform.name);
    }
    for bundle in bundles.iter().flatten() {
        text += &format!("bundle {}\n  number {}, of {}\n", bundle.id, bundle.version, bundle.signer);
    }
    crate::print(&text)
}

pub(super) fn value(db: &Database, name: &ValueName, json: bool) -> Result<(), Failure> {
    let unknown = || failed(DatabaseError::Unknown { what: "reference value", name: hex(&name.value) });
    let value = db.value(name.kind, &name.value).map_err(failed)?.ok_or_else(unknown)?;
    let history = history(db, name)?;
    if json {
        let history: Vec<_> = history.iter().map(entry_json).collect();
        return print_json(&json!({ "value": value, "log": history }));
    }
    let lines: String = history.iter().map(entry).collect();
    crate::print(&(about(&value) + &lines))
}

/// The log's entries about one value.
fn history(db: &Database, name: &ValueName) -> Result<Vec<Entry>, Failure> {
    const PAGE: u32 = 1000;
    let mut found = Vec::new();
    let mut after = 0;
    loop {
        let page = db.log(after, PAGE).map_err(failed)?;
        let Some(last) = page.last() else { return Ok(found) };
        after = last.sequence;
        found.extend(page.into_iter().filter(|entry| {
            let (kind, value) = match serde_json::from_str(&entry.change) {
                Ok(Change::PutValue(put)) => (put.kind, put.value),
                Ok(Change::SetStatus { kind, value, .. }) => (kind, value),
                _ => return false,
            };
            kind == name.kind && value == name.value
        }));
    }
}

pub(super) fn log(db: &Database, after: i64, limit: u32, json: bool) -> Result<(), Failure> {
    let entries = db.log(after, limit).map_err(failed)?;
    if json {
        return print_json(&entries.iter().map(entry_json).collect());
    }
    crate::print(&entries.iter().map(entry).collect::<String>())
}

pub(super) fn check(db: &mut Database, demanded: Option<&EntryName>, json: bool) -> Result<(), Failure> {
    let checked = db.check().map_err(failed)?;
    if let Some(demanded) = demanded {
        // Before the first entry there is nothing, with a hash of zeros.
        let hash = match demanded.sequence {
            0 => Some([0; 32]),
            number => {
                let found = db.log(number.saturating_sub(1), 1).map_err(failed)?;
                found.first().filter(|entry| entry.sequence == number).map(|entry| entry.hash)
            }
        };
        if hash != Some(demanded.hash) {
            let message = format!(
                "the log is not the one that had entry {}: it was replaced or cut; restore the database from a copy",
                demanded.sequence
            );
            return Err(Failure::new(ExitCode::Input, message));
        }
    }
    let head = hex(&checked.head);
    if json {
        return print_json(&json!({ "entries": checked.entries, "head": head }));
    }
    crate::print(&format!("{}:{head}\n", checked.entries))
}

/// An entry of the log, in one line.
pub(super) fn entry(entry: &Entry) -> String {
    format!("{} {} {}\n", entry.sequence, time(entry.time), entry.change)
}

fn entry_json(entry: &Entry) -> Value {
    // What is no JSON is shown as it is; `db check` tells that it is damaged.
    let change = serde_json::from_str(&entry.change).unwrap_or_else(|_| Value::from(entry.change.as_str()));
    json!({ "sequence": entry.sequence, "time": entry.time, "change": change, "hash": hex(&entry.hash) })
}

fn about(value: &ReferenceValue) -> String {
    let Validity { not_before, not_after } = value.validity;
    format!(
        "{}:{}\n  {}, image {}, security version {}, valid {} to {}, vouched for by {}\n",
        value.kind.name(),
        hex(&value.value),
        value.status.name(),
        value.image_version,
        value.security_version,
        time(not_before),
        time(not_after),
        value.vouched_by
    )
}

/// A date where there is one, else seconds.
fn time(seconds: i64) -> String {
    u64::try_from(seconds).map_or_else(|_| seconds.to_string(), |seconds| UnixTime(seconds).to_string())
}

pub(super) fn print_json(value: &Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(ExitCode::Internal, error.to_string()))?;
    crate::print(&(text + "\n"))
}
