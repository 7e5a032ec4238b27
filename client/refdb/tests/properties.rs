//! Export and import are each other's reverse, and others read what is exported.

mod support;

use holdfast_refdb::{
    Bundle, BundleError, Change, Database, Kind, MAX_BUNDLE, PROFILE, ReferenceValue, SignedBundle, Status,
    Validity,
};
use p384::ecdsa::signature::Verifier as _;
use p384::pkcs8::DecodePublicKey as _;
use proptest::prelude::*;
use support::{SIGNER, anchor, bundle, keys, signed};

/// The times within which all values lie.
const ALWAYS: Validity = Validity { not_before: i64::MIN, not_after: i64::MAX };

fn values() -> impl Strategy<Value = Vec<ReferenceValue>> {
    let kind = prop::sample::select(Kind::ALL.to_vec());
    let status = prop::sample::select(vec![Status::Trusted, Status::Deprecated, Status::Revoked]);
    let value = (kind, any::<[u8; 48]>(), "\\PC{1,40}", any::<u32>(), any::<(i64, i64)>(), status);
    let value =
        value.prop_map(|(kind, bytes, image_version, security_version, (a, b), status)| ReferenceValue {
            kind,
            value: bytes[..kind.length()].to_vec(),
            image_version,
            security_version,
            validity: Validity { not_before: a.min(b), not_after: a.max(b) },
            status,
            vouched_by: SIGNER.into(),
        });
    prop::collection::vec(value, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn import_gives_what_was_exported(values in values(), version: u64, key in 0..3_usize) {
        let folder = tempfile::tempdir().unwrap();
        let mut from = Database::init(&folder.path().join("from")).unwrap();
        for value in &values {
            from.change(&Change::PutValue(value.clone()), 0).unwrap();
        }
        let key = &keys()[key];
        let bundle = from.export("example/all".into(), version, ALWAYS).unwrap();
        let bytes = signed(&bundle, key);
        let mut to = Database::init(&folder.path().join("to")).unwrap();
        to.change(&Change::AddAnchor(anchor(key)), 0).unwrap();
        to.import(&bytes, 0).unwrap();
        prop_assert_eq!(to.values().unwrap(), from.values().unwrap());
        // And again from there: the same bytes, but for ECDSA's signature, which is deterministic here too.
        let again = to.export("example/all".into(), version, ALWAYS).unwrap();
        prop_assert_eq!(signed(&again, key), bytes);
        to.check().unwrap();
    }

    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        // What is read is written in the same way: nothing in it went unread.
        if let Ok(bundle) = Bundle::from_payload(&bytes, SIGNER) {
            prop_assert_eq!(bundle.to_payload().unwrap(), bytes.clone());
        }
        prop_assert!(SignedBundle::parse(&bytes).is_err());
    }
}

#[test]
fn a_bundle_has_a_limit() {
    let one = support::value(Kind::Measurement, 0, Status::Trusted);
    let values = (0..10_000_u32).map(|count| {
        let mut value = one.clone();
        value.value[..4].copy_from_slice(&count.to_be_bytes());
        value
    });
    let bundle = Bundle { values: values.collect(), ..bundle(1) };
    assert!(matches!(bundle.to_payload(), Err(BundleError::TooLong(length)) if length > MAX_BUNDLE));
    let half = Bundle { values: bundle.values[..5000].to_vec(), ..bundle };
    assert!(half.to_payload().unwrap().len() <= MAX_BUNDLE);
}

/// The crate `corim`, which no one here wrote, reads the envelope and what is trusted.
#[test]
fn others_read_it() {
    use corim::types::common::MeasuredElement;
    use corim::types::corim::{CorimId, ProfileChoice};

    let [_, key, _] = keys();
    let bytes = signed(&bundle(7), &key);
    let (envelope, content) =
        corim::types::signed::decode_and_validate_signed_corim_at(&bytes, None, 150).unwrap();
    let header = envelope.protected();
    assert_eq!(header.alg.to_i64(), key.public().algorithm().cose());
    assert_eq!(header.kid.as_deref(), Some(anchor(&key).kid.as_bytes()));
    assert_eq!(header.corim_meta.as_ref().unwrap().signer.signer_name, SIGNER);
    assert_eq!(content.corim.id, CorimId::Text("example/image".into()));
    assert_eq!(content.corim.profile, Some(ProfileChoice::Uri(PROFILE.into())));
    let [comid] = content.comids.as_slice() else { panic!("one CoMID") };
    let triples = comid.triples.reference_triples.as_ref().unwrap();
    let trusted = bundle(7).values.into_iter().filter(|value| value.status == Status::Trusted);
    assert_eq!(triples.len(), 2);
    for (triple, value) in triples.iter().zip(trusted) {
        let [measurement] = triple.measurements() else { panic!("one measurement") };
        assert_eq!(measurement.mkey, Some(MeasuredElement::Text(value.kind.name().into())));
        let digests = measurement.mval.digests.as_ref().unwrap();
        assert_eq!(digests[0].value(), value.value);
    }
    // It signs over the same bytes.
    let message = envelope.to_be_signed(&[]).unwrap();
    let verifying = p384::ecdsa::VerifyingKey::from_public_key_der(&anchor(&key).public_key).unwrap();
    let signature = p384::ecdsa::Signature::from_slice(&envelope.signature).unwrap();
    verifying.verify(&message, &signature).unwrap();
}
