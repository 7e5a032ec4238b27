//! Verdicts as EAT Attestation Results.

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Verifier as _;
use holdfast_verify::ear::{Issuer, Key, PROFILE, claims, token};
use holdfast_verify::{Verdict, verify};
use p384::ecdsa::signature::Verifier as _;
use serde_json::Value;
use support::{amd, committed, intel, policy, policy_with};

const ISSUER: Issuer<'_> =
    Issuer { developer: "https://example.invalid/holdfast", build: "test", policy: "urn:example:policy" };

fn snp_verdict(policy: &holdfast_verify::Policy) -> Verdict {
    let case = committed("cases-snp.json").into_iter().find(|case| case.text("name") == "milan-v3-40a2778d");
    let case = case.expect("the case");
    match verify(&case.file("report"), &amd(case.amd()), policy, case.pinned_time()) {
        Ok(verified) => verified.verdict().clone(),
        Err(denied) => denied.verdict().clone(),
    }
}

fn appraisal<'a>(claims: &'a Value, tee: &str) -> &'a Value {
    assert_eq!(claims["eat_profile"], PROFILE);
    assert_eq!(claims["ear_verifier_id"]["build"], "test");
    assert_eq!(claims["ear_status"], claims["submods"][tee]["ear_status"]);
    &claims["submods"][tee]
}

#[test]
fn what_is_waived_is_not_asserted() {
    let claims = claims(&snp_verdict(&policy()), &ISSUER);
    let appraisal = appraisal(&claims, "sev-snp");
    assert_eq!(appraisal["ear_status"], "affirming");
    let vector = &appraisal["ear_trustworthiness_vector"];
    assert_eq!((&vector["configuration"], &vector["runtime-opaque"]), (&2.into(), &2.into()));
    // No revocation list, any measurement, any chip.
    for category in ["hardware", "executables", "instance-identity"] {
        assert_eq!(vector[category], Value::Null, "{category}");
    }
    assert_eq!(appraisal["ear_verifier_claims"]["holdfast_verdict"]["trusted"], true);
}

#[test]
fn a_denial_is_contraindicated() {
    let policy = policy_with(r#"measurements = "any""#, "measurements = []");
    let claims = claims(&snp_verdict(&policy), &ISSUER);
    let appraisal = appraisal(&claims, "sev-snp");
    assert_eq!(appraisal["ear_status"], "contraindicated");
    assert_eq!(appraisal["ear_trustworthiness_vector"]["executables"], 33);
}

#[test]
fn a_platform_with_open_advisories_is_a_warning() {
    for case in committed("cases-quotes.json") {
        let verified = verify(&case.file("quote"), &intel(case.intel()), &policy(), case.now());
        let claims = claims(verified.expect("trusted").verdict(), &ISSUER);
        let (status, hardware) = match case.text("tee") {
            "tdx" => ("affirming", 2),
            _ => ("warning", 32),
        };
        let appraisal = appraisal(&claims, case.text("tee"));
        assert_eq!(appraisal["ear_status"], status);
        assert_eq!(appraisal["ear_trustworthiness_vector"]["hardware"], hardware);
    }
}

#[test]
fn a_token_is_signed_as_its_header_says() {
    let claims = claims(&snp_verdict(&policy()), &ISSUER);
    let es384 = p384::ecdsa::SigningKey::from_slice(&[7; 48]).expect("a key");
    let eddsa = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    for (key, algorithm) in
        [(None, "none"), (Some(Key::Es384(&es384)), "ES384"), (Some(Key::EdDsa(&eddsa)), "EdDSA")]
    {
        let token = token(&claims, key);
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let (header, payload) = signed.split_once('.').expect("three parts");
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64url");
        let header: Value = serde_json::from_slice(&decode(header)).expect("JSON");
        assert_eq!(header["alg"], algorithm);
        assert_eq!(serde_json::from_slice::<Value>(&decode(payload)).expect("JSON"), claims);
        let signature = decode(signature);
        match key {
            None => assert!(signature.is_empty()),
            Some(Key::Es384(key)) => {
                let signature = p384::ecdsa::Signature::from_slice(&signature).expect("r, s");
                assert!(key.verifying_key().verify(signed.as_bytes(), &signature).is_ok());
            }
            Some(Key::EdDsa(key)) => {
                let signature = ed25519_dalek::Signature::from_slice(&signature).expect("R, S");
                assert!(key.verifying_key().verify(signed.as_bytes(), &signature).is_ok());
            }
        }
    }
}
