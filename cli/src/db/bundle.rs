//! Bundles in and out.

use holdfast_client::exit::ExitCode;
use holdfast_refdb::{Database, MAX_BUNDLE, SigningKey, TrustAnchor};
use serde_json::json;

use super::failure::failed;
use super::options::{Export, Import};
use super::{embedded, now, pem, show, validity};
use crate::failure::Failure;

pub(super) fn import(db: &mut Database, options: &Import) -> Result<(), Failure> {
    let bytes = match &options.file {
        Some(file) => crate::input::read(file, MAX_BUNDLE as u64)?,
        None => embedded::bundle()?,
    };
    let imported = db.import(&bytes, now()).map_err(failed)?;
    if options.embedded {
        crate::say(
            "the values of the embedded image are those of SIMULATED launches; no TEE's evidence shows them",
        );
    }
    let bundle = &imported.bundle;
    if options.json {
        return show::print_json(&json!({
            "bundle": bundle,
            "repeated": imported.repeated,
            "written": imported.written,
            "kept": imported.kept,
        }));
    }
    let mut text = format!("{} {} of {}: ", bundle.id, bundle.version, bundle.signer);
    text += &match imported.repeated {
        true => "imported before, nothing to do".into(),
        false => format!("{} values added or changed", imported.written),
    };
    if imported.kept > 0 {
        text += &format!("; {} stay deprecated or revoked here", imported.kept);
    }
    crate::print(&(text + "\n"))
}

pub(super) fn export(db: &Database, options: &Export) -> Result<(), Failure> {
    let key = SigningKey::from_pem(&pem(&options.key)?).map_err(failed)?;
    let anchor = TrustAnchor::new(options.signer.clone(), &key.public()).map_err(failed)?;
    let kid = options.kid.as_ref().unwrap_or(&anchor.kid);
    let number = options.number.unwrap_or_else(|| crate::collateral::clock().0);
    let validity = validity(options.not_before, options.not_after);
    let bundle = db.export(options.id.clone(), number, validity).map_err(failed)?;
    let signed = bundle.sign(kid, &options.signer, &key).map_err(|error| failed(error.into()))?;
    std::fs::write(&options.output, signed).map_err(|error| {
        Failure::new(ExitCode::Output, format!("cannot write {}: {error}", options.output.display()))
    })?;
    crate::print(&format!("{} values, key identifier {kid}\n", bundle.values.len()))
}
