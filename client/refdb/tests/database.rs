//! The database, by its public face and, to damage it, by SQLite directly.

use holdfast_refdb::{Change, Damage, Database, DatabaseError, Kind, ReferenceValue, Status, Validity};

fn value(byte: u8) -> ReferenceValue {
    ReferenceValue {
        kind: Kind::Measurement,
        value: vec![byte; 48],
        image_version: "1.0".into(),
        security_version: 1,
        validity: Validity { not_before: 10, not_after: 20 },
        status: Status::Trusted,
        vouched_by: "test".into(),
    }
}

fn status(byte: u8, status: Status) -> Change {
    Change::SetStatus { kind: Kind::Measurement, value: vec![byte; 48], status }
}

#[test]
fn a_value_is_used_while_trusted_and_valid() {
    let folder = tempfile::tempdir().unwrap();
    let mut db = Database::init(&folder.path().join("db")).unwrap();
    db.change(&Change::PutValue(value(1)), 5).unwrap();
    for (now, usable) in [(9, 0), (10, 1), (20, 1), (21, 0)] {
        assert_eq!(db.usable(now).unwrap().len(), usable, "at {now}");
    }
    db.change(&status(1, Status::Revoked), 6).unwrap();
    assert!(db.usable(15).unwrap().is_empty());
    // A revocation is final, by either way, and a refused change leaves no entry.
    assert!(matches!(db.change(&status(1, Status::Trusted), 7), Err(DatabaseError::Revoked(_))));
    assert!(matches!(db.change(&Change::PutValue(value(1)), 7), Err(DatabaseError::Revoked(_))));
    assert!(matches!(db.change(&status(2, Status::Trusted), 7), Err(DatabaseError::Unknown { .. })));
    assert_eq!(db.check().unwrap().entries, 2);
}

#[test]
fn a_file_of_others_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    std::fs::write(&path, [b'x'; 4096]).unwrap();
    assert!(matches!(Database::init(&path), Err(DatabaseError::NotOurs)));
    std::fs::remove_file(&path).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
    assert!(matches!(Database::init(&path), Err(DatabaseError::NotOurs)));
}

#[test]
fn each_alteration_is_named() {
    let cases = [
        ("UPDATE reference_value SET body = replace(body, '1.0', '6.6')", Damage::Table("reference_value")),
        ("DELETE FROM reference_value", Damage::Table("reference_value")),
        ("DROP TRIGGER log_no_update; UPDATE log SET time = 0 WHERE sequence = 2", Damage::Chain(2)),
        ("DROP TRIGGER log_no_delete; DELETE FROM log WHERE sequence = 1", Damage::Gap { expected: 1 }),
    ];
    for (sql, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let mut db = Database::init(&path).unwrap();
        for byte in 1..=3 {
            db.change(&Change::PutValue(value(byte)), 5).unwrap();
        }
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        match db.check() {
            Err(DatabaseError::Damaged(found)) => assert_eq!(found, expected, "{sql}"),
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[test]
fn the_log_is_append_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    Database::init(&path).unwrap().change(&Change::PutValue(value(1)), 5).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    for sql in ["UPDATE log SET time = 0", "DELETE FROM log", "REPLACE INTO log SELECT * FROM log"] {
        assert!(raw.execute_batch(sql).unwrap_err().to_string().contains("append-only"), "{sql}");
    }
}

#[test]
fn the_log_is_read_in_pages() {
    let folder = tempfile::tempdir().unwrap();
    let mut db = Database::init(&folder.path().join("db")).unwrap();
    let entries = [1, 2, 3].map(|byte| db.change(&Change::PutValue(value(byte)), 5).unwrap());
    assert_eq!(db.log(0, 2).unwrap(), entries[..2]);
    assert_eq!(db.log(2, 2).unwrap(), entries[2..]);
    assert!(db.log(3, 2).unwrap().is_empty());
}

#[test]
fn an_unknown_field_of_a_change_is_refused() {
    let known = r#"{"change":"remove-anchor","kid":[1]}"#;
    assert_eq!(serde_json::from_str::<Change>(known).unwrap(), Change::RemoveAnchor { kid: vec![1] });
    let unknown = r#"{"change":"remove-anchor","kid":[1],"until":9}"#;
    assert!(serde_json::from_str::<Change>(unknown).unwrap_err().to_string().contains("until"));
}
