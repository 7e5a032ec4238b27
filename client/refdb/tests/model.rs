//! Any sequence of changes, beside a slow and obvious model of what each may do.

mod support;

use std::collections::BTreeMap;

use holdfast_refdb::{
    Change, Database, Kind, Platform, ReferenceValue, SeenBundle, Status, Tee, TrustAnchor,
};
use proptest::prelude::*;
use support::{anchor, keys, value};

/// What a database must hold.
#[derive(Default)]
struct Model {
    values: BTreeMap<(&'static str, Vec<u8>), ReferenceValue>,
    anchors: BTreeMap<String, TrustAnchor>,
    platforms: BTreeMap<(&'static str, Vec<u8>), Platform>,
    bundles: BTreeMap<(String, String), SeenBundle>,
}

impl Model {
    /// Does the change, if it may be done.
    fn apply(&mut self, change: Change) -> bool {
        match change {
            Change::PutValue(value) => {
                let name = (value.kind.name(), value.value.clone());
                let open = self.values.get(&name).is_none_or(|old| old.status != Status::Revoked);
                if open {
                    self.values.insert(name, value);
                }
                open
            }
            Change::SetStatus { kind, value, status } => match self.values.get_mut(&(kind.name(), value)) {
                Some(found) if found.status != Status::Revoked => {
                    found.status = status;
                    true
                }
                _ => false,
            },
            Change::AddAnchor(anchor) => {
                let free = !self.anchors.contains_key(&anchor.kid);
                if free {
                    self.anchors.insert(anchor.kid.clone(), anchor);
                }
                free
            }
            Change::RemoveAnchor { kid } => self.anchors.remove(&kid).is_some(),
            Change::PutPlatform(platform) => {
                self.platforms.insert((platform.tee.name(), platform.identity.clone()), platform);
                true
            }
            Change::RemovePlatform { tee, identity } => {
                self.platforms.remove(&(tee.name(), identity)).is_some()
            }
            Change::SeeBundle(seen) => {
                let name = (seen.signer.clone(), seen.id.clone());
                let newer = self.bundles.get(&name).is_none_or(|old| old.version < seen.version);
                if newer {
                    self.bundles.insert(name, seen);
                }
                newer
            }
        }
    }
}

/// Changes about so few things that they meet.
fn changes() -> impl Strategy<Value = Vec<Change>> {
    let kind = || prop::sample::select(Kind::ALL.to_vec());
    let status = || prop::sample::select(vec![Status::Trusted, Status::Deprecated, Status::Revoked]);
    let put = (kind(), 0..2_u8, status(), any::<u32>()).prop_map(|(kind, byte, status, security_version)| {
        Change::PutValue(ReferenceValue { security_version, ..value(kind, byte, status) })
    });
    let set = (kind(), 0..2_u8, status()).prop_map(|(kind, byte, status)| Change::SetStatus {
        kind,
        value: vec![byte; kind.length()],
        status,
    });
    let key = (0..3_usize, any::<bool>()).prop_map(|(key, add)| {
        let anchor = anchor(&keys()[key]);
        if add { Change::AddAnchor(anchor) } else { Change::RemoveAnchor { kid: anchor.kid } }
    });
    let tee = prop::sample::select(Tee::ALL.to_vec());
    let machine = (tee, any::<bool>(), "[a-z]{1,3}").prop_map(|(tee, put, name)| {
        let identity = vec![0; tee.identity_length()];
        if put {
            Change::PutPlatform(Platform { tee, identity, name })
        } else {
            Change::RemovePlatform { tee, identity }
        }
    });
    let see = ("[ab]", "[ab]", 0..4_u64).prop_map(|(signer, id, version)| {
        Change::SeeBundle(SeenBundle { signer, id, version, digest: vec![0; 32] })
    });
    prop::collection::vec(prop_oneof![put, set, key, machine, see], 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_database_does_what_the_model_does(changes in changes()) {
        let folder = tempfile::tempdir().unwrap();
        let mut db = Database::init(&folder.path().join("db")).unwrap();
        let mut model = Model::default();
        let mut done = 0;
        for change in changes {
            let may = model.apply(change.clone());
            prop_assert_eq!(db.change(&change, 0).is_ok(), may, "{:?}", change);
            done += i64::from(may);
        }
        prop_assert_eq!(db.values().unwrap(), model.values.into_values().collect::<Vec<_>>());
        prop_assert_eq!(db.anchors().unwrap(), model.anchors.into_values().collect::<Vec<_>>());
        prop_assert_eq!(db.platforms().unwrap(), model.platforms.into_values().collect::<Vec<_>>());
        prop_assert_eq!(db.bundles().unwrap(), model.bundles.into_values().collect::<Vec<_>>());
        prop_assert_eq!(db.check().unwrap().entries, done);
    }
}
