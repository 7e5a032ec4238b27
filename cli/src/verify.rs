//! `holdfast verify` and `holdfast policy`.

use std::path::Path;

use holdfast_client::exit::ExitCode;
use holdfast_evidence::carried::{Carried, Carrier, open};
use holdfast_verify::ear::{Issuer, SigningKey, claims, policy_uri, token};
use holdfast_verify::policy::TEMPLATE;
use holdfast_verify::{Policy, Verdict, verify as appraise, verify_bound as appraise_bound};
use serde::Serialize;

use crate::failure::Failure;
use crate::options::{self, Verify};
use crate::{collateral, db};

/// The longest file that can be evidence, in bytes.
const LONGEST: u64 = 16 << 20;

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    verdict: &'a Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<&'a holdfast_verify::Claims>,
}

pub(crate) fn verify(options: &Verify) -> Result<u8, Failure> {
    let policy = policy(&options.policy)?;
    let policy = match options.report_data {
        Some(expected) => policy.expecting(expected.0),
        None => policy,
    };
    let now = options.at.unwrap_or_else(collateral::clock);
    let policy = match &options.db {
        Some(path) => db::fill(policy, path, now)?,
        None => policy,
    };
    let Carried { bundle, carrier } = read(&options.file)?;
    let collateral = collateral::find(options.collateral.as_deref(), &options.services, &bundle)?;
    let result = match &carrier {
        Carrier::Certificate(binding) => appraise_bound(&bundle.evidence, binding, &collateral, &policy, now),
        Carrier::Bare | Carrier::AzureHcl(_) | Carrier::Envelope => {
            appraise(&bundle.evidence, &collateral, &policy, now)
        }
    };
    let (verdict, claims) = match &result {
        Ok(verified) => (verified.verdict(), Some(verified.claims())),
        Err(denied) => (denied.verdict(), None),
    };
    if options.ear {
        crate::print(&ear(options, verdict)?)?;
    } else if options.json {
        let text = serde_json::to_string_pretty(&Printed { verdict, claims })
            .map_err(|error| Failure::new(ExitCode::Internal, error.to_string()))?;
        crate::print(&(text + "\n"))?;
    } else {
        crate::print(&verdict.to_string())?;
    }
    match result {
        Ok(_) => Ok(0),
        Err(denied) => Err(Failure::new(ExitCode::Denied, denied.to_string())),
    }
}

pub(crate) fn policy_command(command: &options::Policy) -> Result<u8, Failure> {
    match command {
        options::Policy::Init { file } => {
            let result = std::fs::File::create_new(file)
                .and_then(|mut file| std::io::Write::write_all(&mut file, TEMPLATE.as_bytes()));
            result.map_err(|error| {
                Failure::new(ExitCode::Output, format!("cannot write {}: {error}", file.display()))
            })?;
        }
        options::Policy::Check { file } => drop(policy(file)?),
    }
    Ok(0)
}

/// The verdict as a token, with a line's end.
fn ear(options: &Verify, verdict: &Verdict) -> Result<String, Failure> {
    let policy = crate::input::read(&options.policy, holdfast_verify::policy::MAX_LENGTH as u64)?;
    let issuer = Issuer {
        developer: env!("CARGO_PKG_REPOSITORY"),
        build: concat!("holdfast ", env!("CARGO_PKG_VERSION")),
        policy: &policy_uri(&policy),
    };
    let key = options.ear_key.as_deref().map(signing_key).transpose()?;
    Ok(token(&claims(verdict, &issuer), key.as_ref().map(SigningKey::key)) + "\n")
}

fn signing_key(path: &Path) -> Result<SigningKey, Failure> {
    let bytes = crate::input::read(path, 1 << 16)?;
    let key = core::str::from_utf8(&bytes).ok().and_then(SigningKey::from_pem);
    key.ok_or_else(|| {
        let message = format!(
            "{} holds no key for a result: it must be PKCS #8 in PEM, unencrypted, for P-384 or Ed25519",
            path.display()
        );
        Failure::new(ExitCode::Input, message)
    })
}

fn policy(path: &Path) -> Result<Policy, Failure> {
    let bytes = crate::input::read(path, holdfast_verify::policy::MAX_LENGTH as u64)?;
    let wrong = |error: String| Failure::new(ExitCode::Configuration, format!("{}: {error}", path.display()));
    let text = String::from_utf8(bytes).map_err(|_| wrong("the policy is not UTF-8".into()))?;
    Policy::parse(&text).map_err(|error| wrong(error.to_string().trim_end().replace('\n', " ")))
}

/// The evidence in a file, and what came with it.
pub(crate) fn read(path: &Path) -> Result<Carried, Failure> {
    let bytes = crate::input::read(path, LONGEST)?;
    open(&bytes).map_err(|error| Failure::new(ExitCode::Evidence, format!("{}: {error}", path.display())))
}
