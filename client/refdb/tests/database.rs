//! The database, by its public face and, to damage it, by SQLite directly.

mod support;

use holdfast_refdb::{
    BundleError, Change, Damage, Database, DatabaseError, Kind, Platform, PublicKey, ReferenceValue,
    SeenBundle, Status, Tee, TrustAnchor, Validity,
};
use support::keys;

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
fn a_file_of_a_later_release_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    drop(Database::init(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    for opened in [Database::open(&path), Database::init(&path)] {
        assert!(matches!(opened, Err(DatabaseError::TooNew { found: 2, known: 1 })));
    }
}

#[test]
fn who_reads_waits_for_no_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    Database::init(&path).unwrap().change(&Change::PutValue(value(1)), 5).unwrap();
    let mut writer = rusqlite::Connection::open(&path).unwrap();
    let lock = writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    let mut db = Database::open(&path).unwrap();
    assert_eq!(db.usable(15).unwrap().len(), 1);
    db.check().unwrap();
    drop(lock);
}

#[test]
fn each_alteration_is_named() {
    let cases = [
        ("UPDATE reference_value SET body = replace(body, '1.0', '6.6')", Damage::Table("reference_value")),
        ("DELETE FROM reference_value", Damage::Table("reference_value")),
        ("DROP TRIGGER log_no_update; UPDATE log SET time = 0 WHERE sequence = 2", Damage::Chain(2)),
        ("DROP TRIGGER log_no_update", Damage::Schema),
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
fn a_damaged_byte_is_found_or_means_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let mut db = Database::init(&path).unwrap();
    for byte in 1..=3 {
        db.change(&Change::PutValue(value(byte)), 5).unwrap();
    }
    let (checked, values) = (db.check().unwrap(), db.values().unwrap());
    drop(db);
    let good = std::fs::read(&path).unwrap();
    let damaged = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let mut db = Database::open(&path)?;
        let checked = db.check()?;
        Ok::<_, DatabaseError>((checked, db.values()?))
    };
    let mut found = 0;
    // All of SQLite's header, and a sample of the rest.
    for at in (0..100).chain((100..good.len()).step_by(11)) {
        let mut bad = good.clone();
        bad[at] ^= 0xff;
        match damaged(&bad) {
            // A byte that SQLite does not use.
            Ok(outcome) => assert_eq!(outcome, (checked.clone(), values.clone()), "byte {at}"),
            Err(DatabaseError::NotOurs | DatabaseError::TooNew { .. } | DatabaseError::Damaged(_)) => {
                found += 1
            }
            Err(error) => panic!("byte {at}: {error:?}"),
        }
    }
    assert!(found > 100, "only {found} damages were found");
    for length in (1..good.len()).step_by(1024) {
        let error = damaged(&good[..length]).unwrap_err();
        assert!(
            matches!(error, DatabaseError::NotOurs | DatabaseError::Damaged(_)),
            "{length} bytes: {error}"
        );
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
    let known = r#"{"change":"remove-anchor","kid":"a"}"#;
    assert_eq!(serde_json::from_str::<Change>(known).unwrap(), Change::RemoveAnchor { kid: "a".into() });
    let unknown = r#"{"change":"remove-anchor","kid":"a","until":9}"#;
    assert!(serde_json::from_str::<Change>(unknown).unwrap_err().to_string().contains("until"));
}

#[test]
fn an_anchor_is_a_key_of_a_known_kind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let mut db = Database::init(&path).unwrap();
    for key in keys() {
        let anchor = TrustAnchor::new("signer".into(), &key.public()).unwrap();
        assert_eq!(PublicKey::from_der(&anchor.public_key).unwrap(), key.public());
        db.change(&Change::AddAnchor(anchor.clone()), 1).unwrap();
        assert!(db.anchors().unwrap().contains(&anchor));
        let again = db.change(&Change::AddAnchor(anchor.clone()), 1);
        assert!(matches!(again, Err(DatabaseError::AnchorExists(kid)) if kid == anchor.kid));
        // No byte may change the encoding of the same key, or make another kind of key.
        for at in 0..anchor.public_key.len() {
            let mut other = anchor.clone();
            other.public_key[at] ^= 1;
            match other.key() {
                Ok(found) => assert_ne!(found, key.public(), "byte {at}"),
                Err(error) => assert!(matches!(error, DatabaseError::Key), "byte {at}"),
            }
        }
        let trailing = [&anchor.public_key[..], &[0]].concat();
        assert!(matches!(PublicKey::from_der(&trailing), Err(DatabaseError::Key)));
    }
    // The neutral point: each signature of zeros would be right.
    let weak = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00\x01", &[0; 31][..]].concat();
    assert!(matches!(PublicKey::from_der(&weak), Err(DatabaseError::Key)));
    let kid = db.anchors().unwrap()[0].kid.clone();
    db.change(&Change::RemoveAnchor { kid: kid.clone() }, 2).unwrap();
    assert!(matches!(db.change(&Change::RemoveAnchor { kid }, 2), Err(DatabaseError::Unknown { .. })));
    assert_eq!(db.check().unwrap().entries, 4);
    // The replay reads keys too: an altered one, hashed anew or not, is damage.
    let alter = "UPDATE trust_anchor SET body = replace(body, 'signer', 'other')";
    rusqlite::Connection::open(&path).unwrap().execute_batch(alter).unwrap();
    assert!(matches!(db.check(), Err(DatabaseError::Damaged(Damage::Table("trust_anchor")))));
}

#[test]
fn platforms_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let mut db = Database::init(&folder.path().join("db")).unwrap();
    let platform = |length| Platform { tee: Tee::Snp, identity: vec![1; length], name: "rack 1".into() };
    let short = db.change(&Change::PutPlatform(platform(63)), 1);
    assert!(matches!(short, Err(DatabaseError::Length { expected: 64, found: 63 })));
    db.change(&Change::PutPlatform(platform(64)), 1).unwrap();
    assert_eq!(db.platforms().unwrap(), [platform(64)]);
    let remove = |tee| Change::RemovePlatform { tee, identity: vec![1; 64] };
    assert!(matches!(db.change(&remove(Tee::Tdx), 2), Err(DatabaseError::Unknown { .. })));
    db.change(&remove(Tee::Snp), 2).unwrap();
    assert!(db.platforms().unwrap().is_empty());
    assert_eq!(db.check().unwrap().entries, 2);
}

#[test]
fn the_newest_bundle_is_part_of_what_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let mut db = Database::init(&path).unwrap();
    let seen = |version| {
        Change::SeeBundle(SeenBundle { signer: "s".into(), id: "i".into(), version, digest: vec![9; 32] })
    };
    db.change(&seen(5), 1).unwrap();
    for found in [4, 5] {
        match db.change(&seen(found), 1) {
            Err(DatabaseError::Bundle(error)) => {
                assert_eq!(error, BundleError::Rollback { found, newest: 5 })
            }
            other => panic!("{other:?}"),
        }
    }
    db.change(&seen(6), 1).unwrap();
    assert_eq!(db.bundles().unwrap().len(), 1);
    db.check().unwrap();
    let forget = "UPDATE bundle SET body = replace(body, '6', '3')";
    rusqlite::Connection::open(&path).unwrap().execute_batch(forget).unwrap();
    assert!(matches!(db.check(), Err(DatabaseError::Damaged(Damage::Table("bundle")))));
}

#[test]
fn names_are_fit_to_be_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut db = Database::init(&folder.path().join("db")).unwrap();
    for wrong in ["", "\u{1b}[2J", "two\nlines", &"x".repeat(257)] {
        let named = ReferenceValue { vouched_by: wrong.into(), ..value(1) };
        assert!(matches!(db.change(&Change::PutValue(named), 5), Err(DatabaseError::Text(_))), "{wrong:?}");
    }
}
