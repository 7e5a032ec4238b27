//! `holdfast db`, and the reference values for `holdfast verify`.

mod bundle;
mod embedded;
mod failure;
pub(crate) mod options;
mod policy;
mod show;

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use holdfast_client::exit::ExitCode;
use holdfast_refdb::{
    Change, Database, MAX_KEY, Platform, PublicKey, ReferenceValue, Status, TrustAnchor, Validity,
    development,
};
use holdfast_verify::UnixTime;

use crate::failure::Failure;
use failure::failed;
use options::{Add, Anchor, Command, Db, Remove, ValueName};

pub(crate) use policy::fill;

pub(crate) fn db(options: &Db) -> Result<u8, Failure> {
    let path = path(options.db.as_deref())?;
    if matches!(options.command, Command::Init) {
        return init(&path);
    }
    let mut db = open(&path)?;
    match &options.command {
        Command::Init => {}
        Command::List { what, json } => show::list(&db, *what, *json)?,
        Command::Show { value, json } => show::value(&db, value, *json)?,
        Command::Add(what) => change(&mut db, &add(what)?)?,
        Command::Remove(what) => change(&mut db, &remove(what))?,
        Command::Trust { value } => change(&mut db, &status(value, Status::Trusted))?,
        Command::Deprecate { value } => change(&mut db, &status(value, Status::Deprecated))?,
        Command::Revoke { value } => change(&mut db, &status(value, Status::Revoked))?,
        Command::Import(options) => bundle::import(&mut db, options)?,
        Command::Export(options) => bundle::export(&db, options)?,
        Command::Log { after, limit, json } => show::log(&db, *after, *limit, *json)?,
        Command::Check { entry, json } => show::check(&mut db, entry.as_ref(), *json)?,
    }
    Ok(0)
}

/// The database of the command line, or the user's: `$XDG_DATA_HOME/holdfast`, else `$HOME/.local/share/holdfast`.
pub(crate) fn path(given: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = given {
        return Ok(path.into());
    }
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    let base = base.ok_or_else(|| {
        let message =
            "there is no default database: neither XDG_DATA_HOME nor HOME is set; name one with --db";
        Failure::new(ExitCode::Input, message.into())
    })?;
    Ok(base.join("holdfast/measurements.db"))
}

/// Opens a database that exists.
fn open(path: &Path) -> Result<Database, Failure> {
    if !path.exists() {
        let message = format!("there is no database {}; make it with `holdfast db init`", path.display());
        return Err(Failure::new(ExitCode::Input, message));
    }
    Database::open(path).map_err(|error| {
        let failure = failed(error);
        Failure::new(failure.code, format!("{}: {}", path.display(), failure.message))
    })
}

fn init(path: &Path) -> Result<u8, Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        // Whoever can write here decides what is trusted.
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
            Failure::new(ExitCode::Output, format!("cannot make {}: {error}", folder.display()))
        })?;
    }
    drop(Database::init(path).map_err(failed)?);
    crate::print(&format!("{}\n", path.display()))?;
    Ok(0)
}

/// Makes a change, and says its entry in the log.
fn change(db: &mut Database, change: &Change) -> Result<(), Failure> {
    let entry = db.change(change, now()).map_err(failed)?;
    crate::print(&show::entry(&entry))
}

fn add(what: &Add) -> Result<Change, Failure> {
    Ok(match what {
        Add::Value { value, image_version, security_version, not_before, not_after, vouched_by } => {
            Change::PutValue(ReferenceValue {
                kind: value.kind,
                value: value.value.clone(),
                image_version: image_version.clone(),
                security_version: *security_version,
                validity: validity(*not_before, *not_after),
                status: Status::Trusted,
                vouched_by: vouched_by.clone(),
            })
        }
        Add::Anchor(anchor) => Change::AddAnchor(trust_anchor(anchor)?),
        Add::Platform { platform, name } => Change::PutPlatform(Platform {
            tee: platform.tee,
            identity: platform.identity.clone(),
            name: name.clone(),
        }),
    })
}

fn trust_anchor(options: &Anchor) -> Result<TrustAnchor, Failure> {
    let (Some(path), Some(signer)) = (&options.key, &options.signer) else {
        crate::say("everybody can sign with the development key: a database that trusts it protects nothing");
        return development::anchor().map_err(failed);
    };
    let key = PublicKey::from_pem(&pem(path)?).map_err(failed)?;
    let anchor = TrustAnchor::new(signer.clone(), &key).map_err(failed)?;
    Ok(match &options.kid {
        Some(kid) => TrustAnchor { kid: kid.clone(), ..anchor },
        None => anchor,
    })
}

fn remove(what: &Remove) -> Change {
    match what {
        Remove::Anchor { kid } => Change::RemoveAnchor { kid: kid.clone() },
        Remove::Platform { platform } => {
            Change::RemovePlatform { tee: platform.tee, identity: platform.identity.clone() }
        }
    }
}

fn status(name: &ValueName, status: Status) -> Change {
    Change::SetStatus { kind: name.kind, value: name.value.clone(), status }
}

/// The text of a file with a key.
fn pem(path: &Path) -> Result<String, Failure> {
    let bytes = crate::input::read(path, MAX_KEY as u64)?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::new(ExitCode::Input, format!("{} is not PEM", path.display())))
}

fn validity(not_before: Option<UnixTime>, not_after: UnixTime) -> Validity {
    Validity { not_before: not_before.map_or_else(now, seconds), not_after: seconds(not_after) }
}

/// As the database counts. What is beyond its last second is its last second.
fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

fn now() -> i64 {
    seconds(crate::collateral::clock())
}
