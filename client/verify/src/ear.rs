//! A verdict as an EAT Attestation Result (draft-ietf-rats-ear-04), for relying parties that have no policy of
//! their own: claims in JSON, and as a JWT, signed or not.
//!
//! The trustworthiness vector has the categories and values of draft-ietf-rats-ar4si. A step that the policy
//! waived asserts nothing. A verdict that denies, or that rests on a simulated root, is contraindicated, whatever
//! the other categories say.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p384::ecdsa::signature::Signer;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::{Outcome, Step, Tee, Verdict};

/// The profile of the draft.
pub const PROFILE: &str = "tag:ietf.org,2026:rats/ear#04";

/// Who says so.
#[derive(Clone, Copy, Debug)]
pub struct Issuer<'a> {
    /// `developer` of `ear_verifier_id`.
    pub developer: &'a str,
    /// `build` of `ear_verifier_id`.
    pub build: &'a str,
    /// The policy's name: a URI.
    pub policy: &'a str,
}

/// A key that signs a result.
#[derive(Clone, Copy)]
pub enum Key<'a> {
    /// ECDSA P-384 with SHA-384 (RFC 7518, section 3.4).
    Es384(&'a p384::ecdsa::SigningKey),
    /// Ed25519 (RFC 8037, section 3.1).
    EdDsa(&'a ed25519_dalek::SigningKey),
}

/// A signing key of the caller's.
#[derive(Clone)]
pub enum SigningKey {
    /// For ES384.
    Es384(p384::ecdsa::SigningKey),
    /// For EdDSA.
    EdDsa(Box<ed25519_dalek::SigningKey>),
}

impl SigningKey {
    /// Reads an unencrypted PKCS #8 private key in PEM (RFC 5958, RFC 7468) for P-384 or Ed25519. `None` for
    /// anything else.
    #[must_use]
    pub fn from_pem(text: &str) -> Option<Self> {
        use ed25519_dalek::pkcs8::DecodePrivateKey as _;
        if let Ok(key) = p384::pkcs8::DecodePrivateKey::from_pkcs8_pem(text) {
            return Some(Self::Es384(key));
        }
        ed25519_dalek::SigningKey::from_pkcs8_pem(text).ok().map(Box::new).map(Self::EdDsa)
    }

    /// The key, to sign with.
    #[must_use]
    pub const fn key(&self) -> Key<'_> {
        match self {
            Self::Es384(key) => Key::Es384(key),
            Self::EdDsa(key) => Key::EdDsa(key),
        }
    }
}

impl core::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.key().fmt(formatter)
    }
}

/// A policy's name by its content: an `ni` URI (RFC 6920) with SHA-256 of the file.
#[must_use]
pub fn policy_uri(policy: &[u8]) -> String {
    format!("ni:///sha-256;{}", URL_SAFE_NO_PAD.encode(Sha256::digest(policy)))
}

impl core::fmt::Debug for Key<'_> {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(match self {
            Self::Es384(_) => "Es384(..)",
            Self::EdDsa(_) => "EdDsa(..)",
        })
    }
}

/// AR4SI, section 2.3: what a value of the vector asserts.
mod value {
    /// Recognised, and nothing known against it.
    pub(super) const AFFIRMING: i8 = 2;
    /// Genuine, with known weaknesses.
    pub(super) const WARNING: i8 = 32;
    /// Executables that are not recognised.
    pub(super) const UNRECOGNISED_CODE: i8 = 33;
    /// Known to be unsafe.
    pub(super) const UNSAFE: i8 = 96;
    /// Not recognised, though it should be.
    pub(super) const UNRECOGNISED: i8 = 97;
}

/// The claims set of a verdict.
#[must_use]
pub fn claims(verdict: &Verdict, issuer: &Issuer<'_>) -> Value {
    let vector = vector(verdict);
    let name = match verdict.tee() {
        Tee::Snp => "sev-snp",
        Tee::Tdx => "tdx",
        Tee::Sgx => "sgx",
    };
    let status = status(verdict, &vector);
    let appraisal = json!({
        "ear_status": status,
        "ear_trustworthiness_vector": vector,
        "ear_appraisal_policy_ids": [issuer.policy],
        "ear_verifier_claims": { "holdfast_verdict": verdict },
    });
    json!({
        "eat_profile": PROFILE,
        // There is one attester, so the whole is as good as that.
        "ear_status": status,
        "iat": verdict.at().0,
        "ear_verifier_id": { "developer": issuer.developer, "build": issuer.build },
        "submods": { name: appraisal },
    })
}

/// The claims as a JWT (RFC 7519). Without a key it is an unsecured one, `"alg": "none"`: a record, worth what the
/// channel is that carries it.
#[must_use]
pub fn token(claims: &Value, key: Option<Key<'_>>) -> String {
    let algorithm = match key {
        None => "none",
        Some(Key::Es384(_)) => "ES384",
        Some(Key::EdDsa(_)) => "EdDSA",
    };
    let header = json!({ "alg": algorithm, "typ": "JWT" });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let signature = match key {
        None => Vec::new(),
        Some(Key::Es384(key)) => {
            let signature: p384::ecdsa::Signature = key.sign(signed.as_bytes());
            signature.to_bytes().to_vec()
        }
        Some(Key::EdDsa(key)) => {
            use ed25519_dalek::Signer as _;
            key.sign(signed.as_bytes()).to_bytes().to_vec()
        }
    };
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What the steps say of a category: the worst of their outcomes, `None` if a step is not in the list.
fn worst(verdict: &Verdict, steps: &[Step]) -> Option<Outcome> {
    let of = |outcome: Outcome| match outcome {
        Outcome::Passed => 0,
        Outcome::Waived => 1,
        Outcome::NotReached => 2,
        Outcome::Failed => 3,
    };
    let found = verdict.steps().iter().filter(|record| steps.contains(&record.step));
    found.map(|record| record.outcome).max_by_key(|outcome| of(*outcome))
}

fn vector(verdict: &Verdict) -> Map<String, Value> {
    const GENUINE: [Step; 19] = [
        Step::Format,
        Step::Reserved,
        Step::Root,
        Step::Intermediate,
        Step::EndorsementKey,
        Step::Validity,
        Step::Revocation,
        Step::Generation,
        Step::SigningKey,
        Step::Signature,
        Step::TcbBinding,
        Step::ChipBinding,
        Step::Collateral,
        Step::PckChain,
        Step::TcbInfo,
        Step::QeIdentity,
        Step::QuotingEnclave,
        Step::TcbEvaluation,
        Step::Firmware,
    ];
    const PATCHED: [Step; 2] = [Step::Tcb, Step::TcbStatus];
    const CONFIGURED: [Step; 6] = [
        Step::Migration,
        Step::ServiceTd,
        Step::Attributes,
        Step::Extensions,
        Step::Vmpl,
        Step::PlatformInfo,
    ];
    let mut vector = Map::new();
    let mut put = |category: &str, value: Option<i8>| {
        if let Some(value) = value {
            vector.insert(category.to_owned(), value.into());
        }
    };
    put("hardware", hardware(verdict, &GENUINE, &PATCHED));
    put("configuration", asserted(worst(verdict, &CONFIGURED), value::UNSAFE));
    put("executables", asserted(worst(verdict, &[Step::Measurement]), value::UNRECOGNISED_CODE));
    put("instance-identity", asserted(worst(verdict, &[Step::PlatformIdentity]), value::UNRECOGNISED));
    put("runtime-opaque", asserted(worst(verdict, &[Step::Debug]), value::UNSAFE));
    vector
}

/// Affirmed if passed, `failed` if not; nothing if waived or not reached.
fn asserted(outcome: Option<Outcome>, failed: i8) -> Option<i8> {
    match outcome? {
        Outcome::Passed => Some(value::AFFIRMING),
        Outcome::Failed => Some(failed),
        Outcome::Waived | Outcome::NotReached => None,
    }
}

fn hardware(verdict: &Verdict, genuine: &[Step], patched: &[Step]) -> Option<i8> {
    if verdict.simulated() {
        return Some(value::UNRECOGNISED);
    }
    let genuine = asserted(worst(verdict, genuine), value::UNRECOGNISED)?;
    if genuine != value::AFFIRMING {
        return Some(genuine);
    }
    let weak = verdict.steps().iter().any(|record| {
        record.step == Step::TcbStatus
            && record.outcome == Outcome::Passed
            && !record.found.starts_with("UpToDate")
    });
    let patched = asserted(worst(verdict, patched), value::UNSAFE)?;
    Some(if weak && patched == value::AFFIRMING { value::WARNING } else { patched })
}

/// AR4SI, section 2.3.2: the worst tier of the vector; a denial is contraindicated in any case.
fn status(verdict: &Verdict, vector: &Map<String, Value>) -> &'static str {
    if !verdict.trusted() {
        return "contraindicated";
    }
    match vector.values().filter_map(Value::as_i64).max() {
        None | Some(..=1) => "none",
        Some(2..=31) => "affirming",
        Some(32..=95) => "warning",
        Some(_) => "contraindicated",
    }
}
