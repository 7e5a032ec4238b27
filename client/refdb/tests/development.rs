//! Bundles that the development key signed.

use holdfast_refdb::{
    Bundle, BundleError, Change, Database, DatabaseError, Kind, ReferenceValue, Status, Validity, development,
};

const DURING: i64 = 1_800_000_000;

#[test]
fn they_are_trusted_only_on_purpose_and_for_their_time() {
    let validity = Validity { not_before: DURING - 1, not_after: DURING + 1 };
    let value = ReferenceValue {
        kind: Kind::MrEnclave,
        value: vec![1; 32],
        image_version: "1".into(),
        security_version: 0,
        validity,
        status: Status::Trusted,
        vouched_by: development::SIGNER.into(),
    };
    let bundle = Bundle { id: "example".into(), version: 1, validity, values: vec![value.clone()] };
    let signed = development::sign(&bundle).unwrap();
    assert_eq!(development::sign(&bundle).unwrap(), signed);

    let folder = tempfile::tempdir().unwrap();
    let mut db = Database::init(&folder.path().join("db")).unwrap();
    match db.import(&signed, DURING) {
        Err(DatabaseError::Bundle(BundleError::UnknownSigner(kid))) => assert_eq!(kid, development::KID),
        other => panic!("{other:?}"),
    }
    db.change(&Change::AddAnchor(development::anchor().unwrap()), DURING).unwrap();
    let late = db.import(&signed, DURING + 2);
    assert!(matches!(late, Err(DatabaseError::Bundle(BundleError::Expired { .. }))));
    let imported = db.import(&signed, DURING).unwrap();
    assert!(imported.bundle.signer.contains("development, insecure"));
    assert_eq!((imported.written, db.values().unwrap()), (1, vec![value]));
    db.check().unwrap();
}
