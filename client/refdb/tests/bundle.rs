//! Bundles: who may sign, when, and what an import does.

mod support;

use holdfast_refdb::{
    Bundle, BundleError, Change, Database, DatabaseError, Kind, MAX_BUNDLE, ReferenceValue, SignedBundle,
    SigningKey, Status, TrustAnchor, Validity,
};
use support::{NOW, Place, SIGNER, anchor, bundle, keys, signed, value};

#[test]
fn each_kind_of_key_signs() {
    for key in keys() {
        let mut place = Place::trusting(&[anchor(&key)]);
        let imported = place.db.import(&signed(&bundle(1), &key), NOW).unwrap();
        assert_eq!((imported.written, imported.kept, imported.repeated), (4, 0, false));
        let mut values = place.db.values().unwrap();
        values.sort_by_key(|value| value.status);
        assert_eq!(values, bundle(1).values);
        // One entry for the anchor, one for the bundle, one for each value.
        assert_eq!(place.db.check().unwrap().entries, 6);
    }
}

/// Where a part lies within the whole.
fn position(whole: &[u8], part: &[u8]) -> core::ops::Range<usize> {
    let at = whole.windows(part.len()).position(|window| window == part).unwrap();
    at..at + part.len()
}

#[test]
fn no_bit_can_be_changed() {
    for key in keys() {
        let anchor = anchor(&key);
        let good = signed(&bundle(1), &key);
        let parsed = SignedBundle::parse(&good).unwrap();
        let payload = position(&good, parsed.payload());
        let kid = position(&good, anchor.kid.as_bytes());
        let signer = position(&good, SIGNER.as_bytes());
        // Two bytes of length before the signature, of 64 or 96 bytes.
        let signature = payload.end + 2..good.len();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                let error = SignedBundle::parse(&bad).and_then(|parsed| parsed.verify(&anchor)).unwrap_err();
                let (ascii, text) = (bad[at].is_ascii(), !bad[at].is_ascii_control() && bad[at].is_ascii());
                let right = if at == 0 {
                    error == BundleError::Unsigned
                } else if payload.contains(&at) || signature.contains(&at) || signer.contains(&at) && ascii {
                    error == BundleError::Signature
                } else if kid.contains(&at) && text {
                    matches!(error, BundleError::UnknownSigner(_))
                } else {
                    // Of the header, only the algorithm can be changed into another one that exists.
                    matches!(error, BundleError::Envelope(_) | BundleError::Algorithm { .. })
                };
                assert!(right, "byte {at}, bit {bit}: {error:?}");
            }
        }
        for length in 0..good.len() {
            let error = SignedBundle::parse(&good[..length]).unwrap_err();
            let right = if length == 0 {
                error == BundleError::Unsigned
            } else {
                matches!(error, BundleError::Envelope(_))
            };
            assert!(right, "{length} bytes: {error:?}");
        }
        let trailing = [&good[..], &[0]].concat();
        assert!(matches!(SignedBundle::parse(&trailing), Err(BundleError::Envelope(_))));
    }
}

#[test]
fn the_signer_must_be_the_anchor() {
    let [p256, p384, ed25519] = keys();
    let good = signed(&bundle(1), &p384);
    // Not known, or not any more.
    let mut place = Place::trusting(&[anchor(&ed25519)]);
    let unknown = BundleError::UnknownSigner(anchor(&p384).kid);
    assert_eq!(place.refusal(&good, NOW), unknown);
    place.db.change(&Change::AddAnchor(anchor(&p384)), NOW).unwrap();
    place.db.change(&Change::RemoveAnchor { kid: anchor(&p384).kid }, NOW).unwrap();
    assert_eq!(place.refusal(&good, NOW), unknown);
    // Another key under the same identifier: of another kind, and of the same.
    let as_other = |key: &SigningKey| TrustAnchor { kid: anchor(&p384).kid, ..anchor(key) };
    let mut place = Place::trusting(&[as_other(&p256)]);
    assert_eq!(place.refusal(&good, NOW), BundleError::Algorithm { expected: -7, found: -35 });
    let second = SigningKey::P384(p384::ecdsa::SigningKey::from_slice(&[8; 48]).unwrap());
    let mut place = Place::trusting(&[as_other(&second)]);
    assert_eq!(place.refusal(&good, NOW), BundleError::Signature);
    // Somebody else's name.
    let mut place = Place::trusting(&[anchor(&p384)]);
    let renamed = bundle(1).sign(&anchor(&p384).kid, "Somebody", &p384).unwrap();
    let error = BundleError::SignerName { expected: SIGNER.into(), found: "Somebody".into() };
    assert_eq!(place.refusal(&renamed, NOW), error);
}

#[test]
fn unsigned_is_refused() {
    let [key, ..] = keys();
    let mut place = Place::trusting(&[anchor(&key)]);
    for bytes in
        [bundle(1).to_payload().unwrap(), vec![], b"{}".to_vec(), signed(&bundle(1), &key)[1..].to_vec()]
    {
        assert_eq!(place.refusal(&bytes, NOW), BundleError::Unsigned);
    }
    let long = vec![0xd2; MAX_BUNDLE + 1];
    assert_eq!(place.refusal(&long, NOW), BundleError::TooLong(MAX_BUNDLE + 1));
}

#[test]
fn a_bundle_has_its_time() {
    let [key, ..] = keys();
    let mut place = Place::trusting(&[anchor(&key)]);
    let good = signed(&bundle(1), &key);
    assert_eq!(place.refusal(&good, 99), BundleError::NotYetValid { not_before: 100, now: 99 });
    assert_eq!(place.refusal(&good, 301), BundleError::Expired { not_after: 300, now: 301 });
    place.db.import(&good, 100).unwrap();
    // And so have its values: none outlives the bundle.
    assert_eq!(place.db.usable(200).unwrap().len(), 2);
    assert!(place.db.usable(201).unwrap().is_empty());
    let mut place = Place::trusting(&[anchor(&key)]);
    place.db.import(&good, 300).unwrap();
}

#[test]
fn an_older_bundle_is_refused() {
    let [p256, p384, ed25519] = keys();
    let mut place = Place::trusting(&[anchor(&p256), anchor(&p384)]);
    place.db.import(&signed(&bundle(5), &p256), NOW).unwrap();
    let entries = place.db.check().unwrap().entries;
    assert!(place.db.import(&signed(&bundle(5), &p256), NOW).unwrap().repeated);
    assert_eq!(place.db.check().unwrap().entries, entries, "a repetition changes nothing");
    assert_eq!(place.refusal(&signed(&bundle(4), &p256), NOW), BundleError::Rollback { found: 4, newest: 5 });
    let mut other = bundle(5);
    other.values.pop();
    assert_eq!(place.refusal(&signed(&other, &p256), NOW), BundleError::Ambiguous(5));
    // By the signer's other key too, and after the first one is gone and has come back.
    assert_eq!(place.refusal(&signed(&bundle(4), &p384), NOW), BundleError::Rollback { found: 4, newest: 5 });
    let kid = anchor(&p256).kid;
    place.db.change(&Change::RemoveAnchor { kid }, NOW).unwrap();
    place.db.change(&Change::AddAnchor(anchor(&p256)), NOW).unwrap();
    assert_eq!(place.refusal(&signed(&bundle(4), &p256), NOW), BundleError::Rollback { found: 4, newest: 5 });
    // Other ids and other signers count for themselves.
    let other_id = Bundle { id: "example/other".into(), ..bundle(1) };
    place.db.import(&signed(&other_id, &p256), NOW).unwrap();
    let somebody = TrustAnchor { signer: "Somebody".into(), ..anchor(&ed25519) };
    place.db.change(&Change::AddAnchor(somebody.clone()), NOW).unwrap();
    place.db.import(&bundle(1).sign(&somebody.kid, "Somebody", &ed25519).unwrap(), NOW).unwrap();
    place.db.import(&signed(&bundle(6), &p384), NOW).unwrap();
    place.db.check().unwrap();
}

#[test]
fn an_import_never_raises_a_status() {
    let [key, ..] = keys();
    let mut place = Place::trusting(&[anchor(&key)]);
    place.db.import(&signed(&bundle(1), &key), NOW).unwrap();
    let status =
        |kind: Kind, byte, status| Change::SetStatus { kind, value: vec![byte; kind.length()], status };
    place.db.change(&status(Kind::Measurement, 1, Status::Revoked), NOW).unwrap();
    place.db.change(&status(Kind::MrTd, 2, Status::Deprecated), NOW).unwrap();
    let mut newer = bundle(2);
    newer.values[1].security_version = 9;
    // What the bundle lowers is lowered.
    newer.values[2].status = Status::Revoked;
    let imported = place.db.import(&signed(&newer, &key), NOW).unwrap();
    assert_eq!((imported.written, imported.kept), (2, 2));
    let found = |kind: Kind, byte| place.db.value(kind, &vec![byte; kind.length()]).unwrap().unwrap();
    assert_eq!(found(Kind::Measurement, 1).status, Status::Revoked);
    assert_eq!(found(Kind::MrTd, 2).status, Status::Deprecated);
    assert_eq!(found(Kind::MrTd, 2).security_version, 9);
    assert_eq!(found(Kind::MrEnclave, 3).status, Status::Revoked);
    assert!(place.db.usable(NOW).unwrap().is_empty());
    place.db.check().unwrap();
}

#[test]
fn two_processes_import_one_after_the_other() {
    let [key, ..] = keys();
    let place = Place::trusting(&[anchor(&key)]);
    let path = place.folder.path().join("db");
    let versions = 1..=20_u64;
    let threads = versions.clone().map(|version| {
        let (path, bytes) = (path.clone(), signed(&bundle(version), &key));
        std::thread::spawn(move || match Database::open(&path).unwrap().import(&bytes, NOW) {
            Ok(imported) => assert_eq!(imported.bundle.version, version),
            Err(DatabaseError::Bundle(BundleError::Rollback { found, newest })) => {
                assert!(found == version && newest > version);
            }
            Err(error) => panic!("{error}"),
        })
    });
    threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    let mut db = Database::open(&path).unwrap();
    assert_eq!(db.bundles().unwrap()[0].version, *versions.end());
    db.check().unwrap();
}

#[test]
fn an_export_is_cut_to_its_validity() {
    let [key, ..] = keys();
    let mut place = Place::trusting(&[anchor(&key)]);
    let mut long = value(Kind::Measurement, 5, Status::Trusted);
    long.validity = Validity { not_before: 0, not_after: 1000 };
    let mut past = value(Kind::Measurement, 6, Status::Trusted);
    past.validity = Validity { not_before: 0, not_after: 99 };
    let mut gone = value(Kind::Measurement, 7, Status::Revoked);
    gone.validity = past.validity;
    for value in [&long, &past, &gone] {
        place.db.change(&Change::PutValue(value.clone()), NOW).unwrap();
    }
    let validity = Validity { not_before: 100, not_after: 200 };
    let bundle = place.db.export("id".into(), 1, validity).unwrap();
    // A revocation does not expire.
    let expected = [ReferenceValue { validity, ..long }, ReferenceValue { validity, ..gone }];
    assert_eq!(bundle.values, expected);
    let backwards = place.db.export("id".into(), 1, Validity { not_before: 2, not_after: 1 });
    assert!(matches!(backwards, Err(DatabaseError::Validity { .. })));
}
