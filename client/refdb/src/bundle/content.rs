//! What is signed: a `tagged-unsigned-corim-map` with one CoMID (draft-ietf-rats-corim-11, sections 4.1 and 5.1).

use std::collections::BTreeSet;

use ciborium::Value;

use super::cbor::{Fields, Item, decode, encode, map, tag, text};
use super::{Bundle, BundleError, PROFILE};
use crate::{Kind, ReferenceValue, Status, Tee, Validity};

/// CBOR tags of the draft, section 11.2, and of RFC 8949, section 3.4.
const TAG_TIME: u64 = 1;
const TAG_URI: u64 = 32;
const TAG_CORIM: u64 = 501;
const TAG_COMID: u64 = 506;

/// Keys of `triples-map` by status. Only what is trusted is a reference triple. The others stand under numbers
/// that the draft leaves to profiles, so that no reader takes a revoked value for a good one. The last is always
/// there, with an empty list if nothing is revoked: a `triples-map` may not be empty, but a bundle may.
const STATUSES: [(i64, Status); 3] = [(0, Status::Trusted), (-1, Status::Deprecated), (-2, Status::Revoked)];

/// The key of `measurement-values-map` that this profile gives a value's own validity.
const VALUE_VALIDITY: i64 = -1;

/// The `class-map` of a technology's environment: vendor and model.
const fn class(tee: Tee) -> (&'static str, &'static str) {
    match tee {
        Tee::Snp => ("AMD", "SEV-SNP"),
        Tee::Tdx => ("Intel", "TDX"),
        Tee::Sgx => ("Intel", "SGX"),
    }
}

/// The digest's algorithm in IANA's registry "Named Information Hash Algorithm": sha-256 or sha-384.
const fn digest_algorithm(kind: Kind) -> u64 {
    match kind {
        Kind::Measurement | Kind::MrTd => 7,
        Kind::MrEnclave | Kind::MrSigner => 1,
    }
}

impl Bundle {
    /// The payload of its signature.
    ///
    /// # Errors
    /// [`BundleError::Value`], [`BundleError::Content`] where the bundle cannot be meant;
    /// [`BundleError::TooLong`].
    pub fn to_payload(&self) -> Result<Vec<u8>, BundleError> {
        self.validate()?;
        let mut triples = Vec::new();
        for (key, status) in STATUSES {
            let values = self.values.iter().filter(|value| value.status == status);
            let list: Vec<_> = values.map(write_triple).collect();
            if !list.is_empty() || status == Status::Revoked {
                triples.push((key.into(), Value::Array(list)));
            }
        }
        let identity = map([(0, text(&self.id)), (1, self.version.into())]);
        let comid = map([(1, identity), (4, Value::Map(triples))]);
        let tags = vec![tag(TAG_COMID, Value::Bytes(encode(&comid)?))];
        let corim = map([
            (0, text(&self.id)),
            (1, Value::Array(tags)),
            (3, tag(TAG_URI, text(PROFILE))),
            (4, write_validity(self.validity)),
        ]);
        let payload = encode(&tag(TAG_CORIM, corim))?;
        if payload.len() > super::MAX_BUNDLE { Err(BundleError::TooLong(payload.len())) } else { Ok(payload) }
    }

    /// Reads a payload. `signer` is who vouches for the values; whether that is so is not decided here.
    ///
    /// # Errors
    /// [`BundleError::TooLong`], [`BundleError::Content`], [`BundleError::Value`].
    pub fn from_payload(payload: &[u8], signer: &str) -> Result<Self, BundleError> {
        if payload.len() > super::MAX_BUNDLE {
            return Err(BundleError::TooLong(payload.len()));
        }
        let mut corim = decode(payload, "corim-map")?.tagged(TAG_CORIM)?.fields()?;
        if corim.take(3, "profile")?.tagged(TAG_URI)?.text()? != PROFILE {
            return Err(BundleError::Content("profile"));
        }
        let id = corim.take(0, "id")?.text()?;
        let validity = read_validity(corim.take(4, "rim-validity")?)?;
        let [comid] = corim.take(1, "tags")?.array()?;
        let mut comid = decode(&comid.tagged(TAG_COMID)?.bytes()?, "concise-mid-tag")?.fields()?;
        let mut identity = comid.take(1, "tag-identity")?.fields()?;
        if identity.take(0, "tag-id")?.text()? != id {
            return Err(BundleError::Content("tag-id"));
        }
        let version = identity.take(1, "tag-version")?.integer()?;
        let values = read_triples(comid.take(4, "triples")?.fields()?, signer)?;
        let bundle = Self { id, version, validity, values };
        if bundle.to_payload()? != payload {
            return Err(BundleError::Content("it is not encoded as this profile demands, or says more"));
        }
        Ok(bundle)
    }

    /// Refuses what cannot be meant.
    fn validate(&self) -> Result<(), BundleError> {
        crate::value::text("id", &self.id).map_err(|_| BundleError::Content("id"))?;
        self.validity.validate().map_err(|_| BundleError::Content("rim-validity"))?;
        let mut names = BTreeSet::new();
        for value in &self.values {
            value.validate().map_err(|error| BundleError::Value(error.to_string()))?;
            if !names.insert((value.kind, &value.value)) {
                return Err(BundleError::Content("a value is named twice"));
            }
            let within = |time| self.validity.contains(time);
            if !within(value.validity.not_before) || !within(value.validity.not_after) {
                return Err(BundleError::Content("a value is valid when the bundle is not"));
            }
        }
        Ok(())
    }
}

/// `reference-triple-record` (section 5.1.5) with one measurement.
fn write_triple(value: &ReferenceValue) -> Value {
    let (vendor, model) = class(value.kind.tee());
    let environment = map([(0, map([(1, text(vendor)), (2, text(model))]))]);
    let digest = vec![digest_algorithm(value.kind).into(), Value::Bytes(value.value.clone())];
    let values = map([
        (0, map([(0, text(&value.image_version))])),
        (1, value.security_version.into()),
        (2, Value::Array(vec![Value::Array(digest)])),
        (VALUE_VALIDITY, write_validity(value.validity)),
    ]);
    let measurement = map([(0, text(value.kind.name())), (1, values)]);
    Value::Array(vec![environment, Value::Array(vec![measurement])])
}

fn read_triples(mut triples: Fields, signer: &str) -> Result<Vec<ReferenceValue>, BundleError> {
    let mut values = Vec::new();
    for (key, status) in STATUSES {
        let Some(list) = triples.take_optional(key, "reference-triples") else { continue };
        for triple in list.list()? {
            values.push(read_triple(triple, status, signer)?);
        }
    }
    Ok(values)
}

/// Environment and digest algorithm follow from the kind; that they are right is seen when the whole is written
/// again.
fn read_triple(triple: Item, status: Status, signer: &str) -> Result<ReferenceValue, BundleError> {
    let [_environment, measurements] = triple.array()?;
    let [measurement] = measurements.array()?;
    let mut measurement = measurement.fields()?;
    let name = measurement.take(0, "mkey")?.text()?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or(BundleError::Content("mkey"))?;
    let mut values = measurement.take(1, "mval")?.fields()?;
    let [digest] = values.take(2, "digests")?.array()?;
    let [_algorithm, value] = digest.array()?;
    Ok(ReferenceValue {
        kind,
        value: value.bytes()?,
        image_version: values.take(0, "version")?.fields()?.take(0, "version")?.text()?,
        security_version: values.take(1, "svn")?.integer()?,
        validity: read_validity(values.take(VALUE_VALIDITY, "a value's validity")?)?,
        status,
        vouched_by: signer.into(),
    })
}

/// `validity-map` (section 7.3).
fn write_validity(validity: Validity) -> Value {
    let time = |time: i64| tag(TAG_TIME, time.into());
    map([(0, time(validity.not_before)), (1, time(validity.not_after))])
}

fn read_validity(item: Item) -> Result<Validity, BundleError> {
    let mut fields = item.fields()?;
    let mut time = |key| fields.take(key, "validity-map")?.tagged(TAG_TIME)?.integer();
    Ok(Validity { not_before: time(0)?, not_after: time(1)? })
}
