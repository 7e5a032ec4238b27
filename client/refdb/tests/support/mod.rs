//! Signers and bundles for tests.

#![allow(dead_code, reason = "each test uses its part")]

use holdfast_refdb::{
    Bundle, BundleError, Change, Database, DatabaseError, Kind, ReferenceValue, SigningKey, Status,
    TrustAnchor, Validity,
};

/// A time at which the bundles of the tests are valid.
pub(crate) const NOW: i64 = 150;

pub(crate) const SIGNER: &str = "Example Ltd";

pub(crate) fn keys() -> [SigningKey; 3] {
    [
        SigningKey::P256(p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap()),
        SigningKey::P384(p384::ecdsa::SigningKey::from_slice(&[7; 48]).unwrap()),
        SigningKey::Ed25519(ed25519_dalek::SigningKey::from_bytes(&[7; 32])),
    ]
}

pub(crate) fn anchor(key: &SigningKey) -> TrustAnchor {
    TrustAnchor::new(SIGNER.into(), &key.public()).unwrap()
}

pub(crate) fn value(kind: Kind, byte: u8, status: Status) -> ReferenceValue {
    ReferenceValue {
        kind,
        value: vec![byte; kind.length()],
        image_version: "1.0".into(),
        security_version: 3,
        validity: Validity { not_before: 100, not_after: 200 },
        status,
        vouched_by: SIGNER.into(),
    }
}

/// One value of each kind, and of each status.
pub(crate) fn bundle(version: u64) -> Bundle {
    Bundle {
        id: "example/image".into(),
        version,
        validity: Validity { not_before: 100, not_after: 300 },
        values: vec![
            value(Kind::Measurement, 1, Status::Trusted),
            value(Kind::MrTd, 2, Status::Trusted),
            value(Kind::MrEnclave, 3, Status::Deprecated),
            value(Kind::MrSigner, 4, Status::Revoked),
        ],
    }
}

pub(crate) fn signed(bundle: &Bundle, key: &SigningKey) -> Vec<u8> {
    bundle.sign(&anchor(key).kid, SIGNER, key).unwrap()
}

/// A database that trusts these anchors.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) db: Database,
}

impl Place {
    pub(crate) fn trusting(anchors: &[TrustAnchor]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut db = Database::init(&folder.path().join("db")).unwrap();
        for anchor in anchors {
            db.change(&Change::AddAnchor(anchor.clone()), NOW).unwrap();
        }
        Self { folder, db }
    }

    /// Why it is refused; and that nothing has changed.
    #[track_caller]
    pub(crate) fn refusal(&mut self, signed: &[u8], now: i64) -> BundleError {
        let before = self.db.check().unwrap();
        let error = match self.db.import(signed, now) {
            Err(DatabaseError::Bundle(error)) => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(self.db.check().unwrap(), before);
        error
    }
}
