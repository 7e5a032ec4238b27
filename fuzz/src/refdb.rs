//! Bundles of reference values, as anyone can send them.

use holdfast_refdb::{Bundle, Kind, ReferenceValue, SignedBundle, Status, Validity, development};

use crate::Target;

/// A signed bundle: envelope, signature, content.
pub const SIGNED_BUNDLE: Target =
    Target { name: "signed_bundle", body: signed_bundle, seeds: signed, rounds: 20_000 };

/// What is signed, as an owner of a trusted key could make it.
pub const BUNDLE_CONTENT: Target =
    Target { name: "bundle_content", body: bundle_content, seeds: contents, rounds: 50_000 };

fn signed_bundle(data: &[u8]) {
    let anchor = development::anchor().expect("the anchor");
    if SignedBundle::parse(data).and_then(|bundle| bundle.verify(&anchor)).is_ok() {
        assert!(signed().iter().any(|seed| seed == data), "something is trusted that nobody signed");
    }
}

fn bundle_content(data: &[u8]) {
    if let Ok(bundle) = Bundle::from_payload(data, "signer") {
        assert_eq!(bundle.to_payload().as_deref(), Ok(data), "something was not read, or not written");
    }
}

fn signed() -> Vec<Vec<u8>> {
    bundles().map(|bundle| development::sign(&bundle).expect("it can be meant")).into()
}

fn contents() -> Vec<Vec<u8>> {
    bundles().map(|bundle| bundle.to_payload().expect("it can be meant")).into()
}

fn bundles() -> [Bundle; 2] {
    let validity = Validity { not_before: 0, not_after: i64::MAX };
    let value = |(kind, status): (Kind, _)| ReferenceValue {
        kind,
        value: vec![1; kind.length()],
        image_version: "1.0".into(),
        security_version: 1,
        validity,
        status,
        vouched_by: "signer".into(),
    };
    let statuses = [Status::Trusted, Status::Trusted, Status::Deprecated, Status::Revoked];
    let values: Vec<_> = Kind::ALL.into_iter().zip(statuses).map(value).collect();
    let bundle = |values| Bundle { id: "example/image".into(), version: 1, validity, values };
    [bundle(values), bundle(Vec::new())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_bundles() {
        let anchor = development::anchor().unwrap();
        assert!(signed().iter().all(|bytes| SignedBundle::parse(bytes).unwrap().verify(&anchor).is_ok()));
        assert!(contents().iter().all(|bytes| Bundle::from_payload(bytes, "signer").is_ok()));
    }
}
