//! Bundles of another shape, signed all the same: what a faulty or hostile owner of a trusted key could make.

mod support;

use ciborium::{Value, cbor};
use coset::{CoseSign1Builder, Header, HeaderBuilder, TaggedCborSerializable as _, iana};
use holdfast_refdb::{BundleError, DatabaseError, ReferenceValue, SigningKey, Status, TrustAnchor};
use p256::ecdsa::signature::Signer as _;
use support::{NOW, Place, SIGNER, anchor, bundle, keys, signed};

/// Signs whatever it is given, as a faulty or hostile owner of the key could.
fn sign_anything(
    key: &p256::ecdsa::SigningKey,
    protected: Header,
    unprotected: Header,
    payload: Option<Vec<u8>>,
) -> Vec<u8> {
    let mut builder = CoseSign1Builder::new().protected(protected).unprotected(unprotected);
    if let Some(payload) = payload {
        builder = builder.payload(payload);
    }
    let sign = |message: &[u8]| {
        let signature: p256::ecdsa::Signature = key.sign(message);
        signature.to_vec()
    };
    builder.create_signature(&[], sign).build().to_tagged_vec().unwrap()
}

fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn p256_key() -> (p256::ecdsa::SigningKey, TrustAnchor) {
    let [key, ..] = keys();
    let anchor = anchor(&key);
    match key {
        SigningKey::P256(key) => (key, anchor),
        other => panic!("{other:?}"),
    }
}

fn header(kid: &str) -> HeaderBuilder {
    let meta = encode(&cbor!({0 => {0 => SIGNER}}).unwrap());
    HeaderBuilder::new()
        .algorithm(iana::Algorithm::ES256)
        .content_type("application/rim+cbor".into())
        .key_id(kid.into())
        .value(8, Value::Bytes(meta))
}

#[test]
fn headers_that_say_more_or_less_are_refused() {
    let (key, anchor) = p256_key();
    let kid = anchor.kid.as_str();
    let mut place = Place::trusting(core::slice::from_ref(&anchor));
    let payload = Some(bundle(1).to_payload().unwrap());
    let with_meta = |meta: Value| {
        HeaderBuilder::new()
            .algorithm(iana::Algorithm::ES256)
            .content_type("application/rim+cbor".into())
            .key_id(kid.into())
            .value(8, meta)
            .build()
    };
    let nothing = Header::default();
    let good = sign_anything(&key, header(kid).build(), nothing.clone(), payload.clone());
    assert_eq!(
        good,
        signed(&bundle(1), &SigningKey::P256(key.clone())),
        "the helper signs as the crate does"
    );
    let meta = "corim-meta";
    let more = "its protected header says more, or is encoded in another way";
    let no_alg = HeaderBuilder::new().content_type("application/rim+cbor".into()).key_id(kid.into());
    let cases = [
        ("no algorithm", no_alg.build(), "alg"),
        ("no kid", header("").build(), "kid"),
        (
            "binary kid",
            HeaderBuilder::new().algorithm(iana::Algorithm::ES256).key_id(vec![0xff]).build(),
            "kid",
        ),
        ("no meta", HeaderBuilder::new().algorithm(iana::Algorithm::ES256).key_id(kid.into()).build(), meta),
        ("meta no bytes", with_meta(Value::Null), meta),
        ("meta empty", with_meta(Value::Bytes(encode(&cbor!({}).unwrap()))), meta),
        ("critical", header(kid).add_critical(iana::HeaderParameter::Alg).build(), more),
        ("another parameter", header(kid).value(99, Value::Null).build(), more),
        ("IV", header(kid).iv(vec![1]).build(), more),
        ("content type", header(kid).content_type("application/other".into()).build(), more),
        (
            "signature-validity",
            with_meta(Value::Bytes(encode(&cbor!({0 => {0 => SIGNER}, 1 => {1 => 9}}).unwrap()))),
            more,
        ),
    ];
    for (name, header, expected) in cases {
        let bytes = sign_anything(&key, header, nothing.clone(), payload.clone());
        assert_eq!(place.refusal(&bytes, NOW), BundleError::Envelope(expected), "{name}");
    }
    let unprotected = HeaderBuilder::new().value(99, Value::Null).build();
    let bytes = sign_anything(&key, header(kid).build(), unprotected, payload);
    assert_eq!(place.refusal(&bytes, NOW), BundleError::Envelope("its unprotected header is not empty"));
    let detached = sign_anything(&key, header(kid).build(), nothing.clone(), None);
    assert_eq!(place.refusal(&detached, NOW), BundleError::Envelope("it has no payload"));
    // An algorithm that is not the key's, signed all the same.
    let other = header(kid).algorithm(iana::Algorithm::ES384).build();
    let bytes = sign_anything(&key, other, nothing, Some(bundle(1).to_payload().unwrap()));
    assert_eq!(place.refusal(&bytes, NOW), BundleError::Algorithm { expected: -7, found: -35 });
}

/// The value at a path of map keys and list indices. Tags on the way are passed; embedded CBOR is not entered.
fn at<'a>(mut value: &'a mut Value, path: &[i64]) -> &'a mut Value {
    for step in path {
        value = match untag(value) {
            Value::Map(entries) => {
                let found = entries.iter_mut().find(|(key, _)| *key == Value::from(*step));
                &mut found.unwrap_or_else(|| panic!("no key {step}")).1
            }
            Value::Array(list) => &mut list[usize::try_from(*step).unwrap()],
            other => panic!("{other:?}"),
        };
    }
    value
}

fn untag(value: &mut Value) -> &mut Value {
    match value {
        Value::Tag(_, inner) => inner,
        other => other,
    }
}

/// The CoRIM and the CoMID of the good bundle, apart.
fn parts() -> (Value, Value) {
    let mut corim: Value = ciborium::from_reader(bundle(1).to_payload().unwrap().as_slice()).unwrap();
    let Value::Tag(506, comid) = at(&mut corim, &[1, 0]).clone() else { panic!("no CoMID") };
    let comid = ciborium::from_reader(comid.as_bytes().unwrap().as_slice()).unwrap();
    (corim, comid)
}

fn joined(mut corim: Value, comid: &Value) -> Vec<u8> {
    *at(&mut corim, &[1, 0]) = Value::Tag(506, Box::new(Value::Bytes(encode(comid))));
    encode(&corim)
}

/// What is signed and yet refused: a change to the CoRIM or to its CoMID, and the error.
type Case = (&'static str, fn(&mut Value, &mut Value), BundleError);

#[test]
fn signed_content_of_another_shape_is_refused() {
    use BundleError::Content;
    /// A measurement's values in the first reference triple.
    const MVAL: [i64; 6] = [4, 0, 0, 1, 0, 1];
    const ENCODING: BundleError = Content("it is not encoded as this profile demands, or says more");
    fn add(value: &mut Value, key: i64, more: Value) {
        let Value::Map(entries) = value else { panic!("no map") };
        entries.push((key.into(), more));
    }
    fn remove(value: &mut Value, key: i64) {
        let Value::Map(entries) = value else { panic!("no map") };
        entries.retain(|(found, _)| *found != Value::from(key));
    }
    fn mval(comid: &mut Value, key: i64) -> &mut Value {
        at(at(comid, &MVAL), &[key])
    }
    let cases: [Case; 41] = [
        ("another tag", |corim, _| *corim = Value::Tag(500, Box::new(Value::Null)), Content("corim-map")),
        ("no map", |corim, _| *corim = Value::Tag(501, Box::new(Value::Null)), Content("corim-map")),
        ("no id", |corim, _| remove(untag(corim), 0), Content("id")),
        (
            "id empty",
            |corim, comid| {
                *at(corim, &[0]) = "".into();
                *at(comid, &[1, 0]) = "".into()
            },
            Content("id"),
        ),
        ("id a number", |corim, _| *at(corim, &[0]) = 1.into(), Content("id")),
        ("no tags", |corim, _| remove(untag(corim), 1), Content("tags")),
        ("profile missing", |corim, _| remove(untag(corim), 3), Content("profile")),
        (
            "profile of others",
            |corim, _| *at(corim, &[3]) = Value::Tag(32, Box::new("tag:other".into())),
            Content("profile"),
        ),
        ("profile untagged", |corim, _| *at(corim, &[3]) = "tag:other".into(), Content("profile")),
        ("rim-validity missing", |corim, _| remove(untag(corim), 4), Content("rim-validity")),
        (
            "rim-validity backwards",
            |corim, _| *at(corim, &[4, 1]) = Value::Tag(1, Box::new(99.into())),
            Content("rim-validity"),
        ),
        ("not-before missing", |corim, _| remove(at(corim, &[4]), 0), Content("validity-map")),
        ("not-after untagged", |corim, _| *at(corim, &[4, 1]) = 300.into(), Content("validity-map")),
        (
            "not-after a float",
            |corim, _| *at(corim, &[4, 1]) = Value::Tag(1, Box::new(300.5.into())),
            Content("validity-map"),
        ),
        (
            "not-after too large",
            |corim, _| *at(corim, &[4, 1]) = Value::Tag(1, Box::new(u64::MAX.into())),
            Content("validity-map"),
        ),
        ("entities", |corim, _| add(untag(corim), 5, Value::Array(vec![])), ENCODING),
        ("a key twice", |corim, _| add(untag(corim), 0, "example/image".into()), ENCODING),
        (
            "keys in another order",
            |corim, _| {
                remove(untag(corim), 0);
                add(untag(corim), 0, "example/image".into())
            },
            ENCODING,
        ),
        ("tag-id of others", |_, comid| *at(comid, &[1, 0]) = "other".into(), Content("tag-id")),
        ("tag-version missing", |_, comid| remove(at(comid, &[1]), 1), Content("tag-version")),
        ("tag-version negative", |_, comid| *at(comid, &[1, 1]) = (-1).into(), Content("tag-version")),
        ("triples missing", |_, comid| remove(comid, 4), Content("triples")),
        ("triples of other kinds", |_, comid| add(at(comid, &[4]), 1, Value::Array(vec![])), ENCODING),
        ("no list of revoked values", |_, comid| remove(at(comid, &[4]), -2), ENCODING),
        ("triples no list", |_, comid| *at(comid, &[4, 0]) = Value::Null, Content("reference-triples")),
        ("no trusted values, said aloud", |_, comid| *at(comid, &[4, 0]) = Value::Array(vec![]), ENCODING),
        (
            "a triple of one",
            |_, comid| *at(comid, &[4, 0, 0]) = Value::Array(vec![Value::Null]),
            Content("reference-triples"),
        ),
        ("environment of another", |_, comid| *at(comid, &[4, 0, 0, 0, 0, 1]) = "Intel".into(), ENCODING),
        (
            "no measurement",
            |_, comid| *at(comid, &[4, 0, 0, 1]) = Value::Array(vec![]),
            Content("reference-triples"),
        ),
        ("mkey unknown", |_, comid| *at(comid, &[4, 0, 0, 1, 0, 0]) = "rtmr".into(), Content("mkey")),
        ("mkey of another", |_, comid| *at(comid, &[4, 0, 0, 1, 0, 0]) = "mrtd".into(), ENCODING),
        ("authorized-by", |_, comid| add(at(comid, &[4, 0, 0, 1, 0]), 2, Value::Array(vec![])), ENCODING),
        ("svn negative", |_, comid| *mval(comid, 1) = (-1).into(), Content("svn")),
        ("svn too large", |_, comid| *mval(comid, 1) = (1_u64 << 32).into(), Content("svn")),
        ("svn a minimum", |_, comid| *mval(comid, 1) = Value::Tag(553, Box::new(3.into())), Content("svn")),
        ("digest of another algorithm", |_, comid| *at(mval(comid, 2), &[0, 0]) = 1.into(), ENCODING),
        (
            "two digests",
            |_, comid| {
                let two = vec![Value::Null; 2];
                *mval(comid, 2) = Value::Array(two)
            },
            Content("digests"),
        ),
        (
            "digest too short",
            |_, comid| *at(mval(comid, 2), &[0, 1]) = Value::Bytes(vec![1; 47]),
            BundleError::Value(DatabaseError::Length { expected: 48, found: 47 }.to_string()),
        ),
        (
            "version with an escape",
            |_, comid| *at(mval(comid, 0), &[0]) = "\u{1b}".into(),
            BundleError::Value(DatabaseError::Text("image version").to_string()),
        ),
        ("flags", |_, comid| add(at(comid, &MVAL), 3, Value::Map(vec![])), ENCODING),
        (
            "a value outlives the bundle",
            |_, comid| *at(mval(comid, -1), &[1]) = Value::Tag(1, Box::new(301.into())),
            Content("a value is valid when the bundle is not"),
        ),
    ];
    let (key, anchor) = p256_key();
    let mut place = Place::trusting(core::slice::from_ref(&anchor));
    let sign = |payload| sign_anything(&key, header(&anchor.kid).build(), Header::default(), Some(payload));
    let (corim, comid) = parts();
    assert_eq!(
        joined(corim, &comid),
        bundle(1).to_payload().unwrap(),
        "the helpers change nothing by themselves"
    );
    for (name, change, expected) in cases {
        let (mut corim, comid) = parts();
        let mut changed = comid.clone();
        change(&mut corim, &mut changed);
        let payload = if changed == comid { encode(&corim) } else { joined(corim, &changed) };
        assert_eq!(place.refusal(&sign(payload), NOW), expected, "{name}");
    }
    // The same value as trusted and as revoked.
    let mut twice = bundle(1);
    twice.values.push(ReferenceValue { status: Status::Revoked, ..twice.values[0].clone() });
    assert_eq!(twice.to_payload(), Err(Content("a value is named twice")));
    let (corim, mut comid) = parts();
    let triple = at(&mut comid, &[4, 0, 0]).clone();
    let Value::Array(revoked) = at(&mut comid, &[4, -2]) else { panic!("no list") };
    revoked.push(triple);
    assert_eq!(place.refusal(&sign(joined(corim, &comid)), NOW), Content("a value is named twice"));
    // CBOR in another encoding, and what is no CBOR.
    let good = bundle(1).to_payload().unwrap();
    let trailing = [&good[..], &[0xf6]].concat();
    assert_eq!(place.refusal(&sign(trailing), NOW), ENCODING);
    let long_tag = [&[0xda, 0, 0, 1, 0xf5], &good[3..]].concat();
    assert_eq!(place.refusal(&sign(long_tag), NOW), ENCODING);
    assert_eq!(place.refusal(&sign(vec![0xff]), NOW), Content("corim-map"));
    assert_eq!(place.refusal(&sign([0x81; 1000].to_vec()), NOW), Content("corim-map"));
    // Lengths that nobody can mean: of bytes, of a list, of a map, in the envelope and in the content.
    for kind in [0x5b, 0x9b, 0xbb] {
        let huge = [&[kind][..], &[0x7f], &[0xff; 7]].concat();
        let envelope = [&[0xd2][..], &huge].concat();
        assert!(matches!(place.refusal(&envelope, NOW), BundleError::Envelope(_)));
        assert_eq!(place.refusal(&sign(huge), NOW), Content("corim-map"));
    }
    // The good one still goes in.
    place.db.import(&sign(good), NOW).unwrap();
}
