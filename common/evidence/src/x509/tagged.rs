use alloc::string::ToString as _;
use alloc::vec;
use alloc::vec::Vec;

use ciborium::Value;
use ciborium_ll::{Decoder, Header};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::read::TAGGED_EVIDENCE_NAME;
use super::{Unbound, X509Error};

/// The registered CBOR tag of Intel's quotes, all of them.
const INTEL_TEE_QUOTE: u64 = 60_000;

/// The longest claims that are read, in bytes.
const MAX_CLAIMS: usize = 4096;

const PUBKEY_HASH: &str = "pubkey-hash";
const NONCE: &str = "nonce";

/// What evidence of Interoperable RA-TLS states. Its hash is REPORT_DATA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// As they are hashed.
    buffer: Vec<u8>,
    algorithm: Algorithm,
    hash: Vec<u8>,
    nonce: Option<Vec<u8>>,
}

/// A hash, by its number in IANA's "Named Information Hash Algorithm Registry": those that a verifier must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Sha256 = 1,
    Sha384 = 7,
    Sha512 = 8,
}

impl Algorithm {
    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

impl Claims {
    /// Claims for a key.
    pub(super) fn new(key: &[u8], nonce: Option<&[u8]>) -> Result<Self, X509Error> {
        let (algorithm, hash) = (Algorithm::Sha256, Algorithm::Sha256.digest(key));
        let entry = Value::Array(vec![Value::from(algorithm as u64), Value::Bytes(hash.clone())]);
        let claim = |name: &str, value| (Value::Text(name.to_string()), Value::Bytes(value));
        let mut claims = vec![claim(PUBKEY_HASH, encoded(&entry)?)];
        claims.extend(nonce.map(|nonce| claim(NONCE, nonce.to_vec())));
        let buffer = encoded(&Value::Map(claims))?;
        if buffer.len() > MAX_CLAIMS {
            return Err(wrong("the claims are too long"));
        }
        Ok(Self { buffer, algorithm, hash, nonce: nonce.map(<[u8]>::to_vec) })
    }

    /// Reads claims: a map of names to byte strings. There must be one hash of the key; what has another name than
    /// the two is ignored, as the specification says.
    fn parse(buffer: &[u8]) -> Result<Self, X509Error> {
        if buffer.len() > MAX_CLAIMS {
            return Err(wrong("the claims are too long"));
        }
        let mut cbor = Cbor(buffer);
        let Header::Map(Some(count)) = cbor.head()? else { return Err(wrong("the claims are no map")) };
        let (mut entry, mut nonce) = (None, None);
        // Each claim has a byte at least, so that this ends with the bytes.
        for _ in 0..count {
            let name = cbor.text()?;
            let value = cbor.bytes()?;
            let place = match core::str::from_utf8(name) {
                Ok(PUBKEY_HASH) => &mut entry,
                Ok(NONCE) => &mut nonce,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(wrong("a claim is there twice"));
            }
        }
        cbor.end()?;
        let entry = entry.ok_or(wrong("there is no claim pubkey-hash"))?;
        let (algorithm, hash) = hash_entry(entry)?;
        let nonce = nonce.map(<[u8]>::to_vec);
        Ok(Self { buffer: buffer.to_vec(), algorithm, hash, nonce })
    }

    /// The claims as they are hashed: CBOR.
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// The verifier's nonce, if the attester put one in.
    #[must_use]
    pub fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }

    /// Whether they are for this key.
    pub(super) fn check(&self, key: &[u8]) -> Result<(), Unbound> {
        let expected = self.algorithm.digest(key);
        if self.hash == expected {
            return Ok(());
        }
        Err(Unbound { what: "claim pubkey-hash", found: self.hash.clone(), expected })
    }
}

/// `hash-entry` of RFC 9393 (CoSWID): the algorithm, and the hash.
fn hash_entry(bytes: &[u8]) -> Result<(Algorithm, Vec<u8>), X509Error> {
    const NO_ENTRY: X509Error = wrong("pubkey-hash is no pair of an algorithm and a hash");
    let mut cbor = Cbor(bytes);
    let (Header::Array(Some(2)), Header::Positive(number)) = (cbor.head()?, cbor.head()?) else {
        return Err(NO_ENTRY);
    };
    let known = [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512];
    let algorithm = known.into_iter().find(|known| *known as u64 == number);
    let hash = cbor.bytes()?;
    cbor.end()?;
    let algorithm = algorithm.ok_or(wrong("pubkey-hash is by none of SHA-256, SHA-384 and SHA-512"))?;
    Ok((algorithm, hash.to_vec()))
}

/// Tag 60000 of a quote and claims.
pub(super) fn build(quote: &[u8], claims: &Claims) -> Result<Vec<u8>, X509Error> {
    let parts = [quote, &claims.buffer].map(|part| Value::Bytes(part.to_vec()));
    encoded(&Value::Tag(INTEL_TEE_QUOTE, Value::Array(parts.to_vec()).into()))
}

/// The quote and the claims in tag 60000.
pub(super) fn parse(bytes: &[u8]) -> Result<(Vec<u8>, Claims), X509Error> {
    let mut cbor = Cbor(bytes);
    let (Header::Tag(INTEL_TEE_QUOTE), Header::Array(Some(2))) = (cbor.head()?, cbor.head()?) else {
        return Err(wrong("it is not CBOR tag 60000 of a pair, which is a quote with claims"));
    };
    let (quote, claims) = (cbor.bytes()?, cbor.bytes()?);
    cbor.end()?;
    Ok((quote.to_vec(), Claims::parse(claims)?))
}

const MALFORMED: X509Error = wrong("its CBOR is cut off or malformed");

const fn wrong(why: &'static str) -> X509Error {
    X509Error::Extension { oid: TAGGED_EVIDENCE_NAME, why }
}

fn encoded(value: &Value) -> Result<Vec<u8>, X509Error> {
    let mut bytes = Vec::new();
    // Writing into memory fails for no value of these kinds.
    ciborium::into_writer(value, &mut bytes).map_err(|_| wrong("it cannot be written"))?;
    Ok(bytes)
}

/// CBOR with lengths in front, read item by item from what is left of it.
struct Cbor<'a>(&'a [u8]);

impl<'a> Cbor<'a> {
    fn head(&mut self) -> Result<Header, X509Error> {
        let mut decoder = Decoder::from(self.0);
        let head = decoder.pull().map_err(|_| MALFORMED)?;
        self.take(decoder.offset())?;
        Ok(head)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], X509Error> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(MALFORMED)?;
        self.0 = tail;
        Ok(head)
    }

    fn bytes(&mut self) -> Result<&'a [u8], X509Error> {
        match self.head()? {
            Header::Bytes(Some(length)) => self.take(length),
            _ => Err(wrong("a byte string is missing")),
        }
    }

    fn text(&mut self) -> Result<&'a [u8], X509Error> {
        match self.head()? {
            Header::Text(Some(length)) => self.take(length),
            _ => Err(wrong("a claim has a name that is no text")),
        }
    }

    fn end(&self) -> Result<(), X509Error> {
        if self.0.is_empty() { Ok(()) } else { Err(wrong("bytes follow what it is")) }
    }
}
