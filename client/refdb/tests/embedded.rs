//! The bundle that is part of the program.

use holdfast_refdb::{BundleError, Change, Database, DatabaseError, embedded};

const DURING: i64 = 1_800_000_000;

#[test]
fn it_is_what_the_source_says() {
    assert_eq!(embedded::BUNDLE, embedded::build().unwrap(), "cargo run -p holdfast-refdb --example embed");
}

#[test]
fn it_is_trusted_only_on_purpose_and_for_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut db = Database::init(&folder.path().join("db")).unwrap();
    match db.import(embedded::BUNDLE, DURING) {
        Err(DatabaseError::Bundle(BundleError::UnknownSigner(kid))) => {
            assert_eq!(kid, embedded::DEVELOPMENT_KID)
        }
        other => panic!("{other:?}"),
    }
    db.change(&Change::AddAnchor(embedded::development_anchor().unwrap()), DURING).unwrap();
    let late = db.import(embedded::BUNDLE, 1_900_000_000);
    assert!(matches!(late, Err(DatabaseError::Bundle(BundleError::Expired { .. }))));
    let imported = db.import(embedded::BUNDLE, DURING).unwrap();
    assert!(imported.bundle.signer.contains("development, insecure"));
    // No measurement of our image exists yet, and none is made up.
    assert_eq!((imported.written, db.values().unwrap().len()), (0, 0));
    db.check().unwrap();
}
