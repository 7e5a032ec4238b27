//! Bundles of reference values, as anyone can send them.

use holdfast_refdb::{Bundle, Kind, ReferenceValue, SignedBundle, Status, Validity, embedded};

use crate::Target;

/// A signed bundle: envelope, signature, content.
pub const SIGNED_BUNDLE: Target =
    Target { name: "signed_bundle", body: signed_bundle, seeds: signed, rounds: 20_000 };

/// What is signed, as an owner of a trusted key could make it.
pub const BUNDLE_CONTENT: Target =
    Target { name: "bundle_content", body: bundle_content, seeds: contents, rounds: 50_000 };

fn signed_bundle(data: &[u8]) {
    let anchor = embedded::development_anchor().expect("the anchor");
    if SignedBundle::parse(data).and_then(|bundle| bundle.verify(&anchor)).is_ok() {
        assert_eq!(data, embedded::BUNDLE, "something is trusted that nobody signed");
    }
}

fn bundle_content(data: &[u8]) {
    if let Ok(bundle) = Bundle::from_payload(data, "signer") {
        assert_eq!(bundle.to_payload().as_deref(), Ok(data), "something was not read, or not written");
    }
}

fn signed() -> Vec<Vec<u8>> {
    vec![embedded::BUNDLE.to_vec()]
}

fn contents() -> Vec<Vec<u8>> {
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
    let payloads = [bundle(values), bundle(Vec::new())].map(|bundle| bundle.to_payload());
    payloads.into_iter().collect::<Result<_, _>>().expect("both can be meant")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_bundles() {
        let anchor = embedded::development_anchor().unwrap();
        assert!(signed().iter().all(|bytes| SignedBundle::parse(bytes).unwrap().verify(&anchor).is_ok()));
        assert!(contents().iter().all(|bytes| Bundle::from_payload(bytes, "signer").is_ok()));
    }
}
