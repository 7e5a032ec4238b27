use std::time::Duration;

use crate::http::{Http, Response};
use crate::{Cache, Entry, FetchError, Patience};

/// Where the services are, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// AMD's key distribution service, or one with its interface.
    pub kds: String,
    /// Intel's provisioning certification service, or a caching one (PCCS) with its interface.
    pub pcs: String,
    /// Where Intel's root has its revocation list.
    pub certificates: String,
}

impl Default for Sources {
    /// The vendors' own.
    fn default() -> Self {
        Self {
            kds: "https://kdsintf.amd.com".to_owned(),
            pcs: "https://api.trustedservices.intel.com".to_owned(),
            certificates: "https://certificates.trustedservices.intel.com".to_owned(),
        }
    }
}

/// When to ask, and when to take what is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Asks for what is not kept, or was fetched long ago. What was fetched long ago serves if nobody answers.
    #[default]
    Kept,
    /// Asks for everything. Nothing kept serves.
    Refresh,
    /// Never asks. What is kept serves, however old.
    Offline,
}

/// Fetches collateral.
pub struct Fetcher {
    pub(crate) sources: Sources,
    cache: Cache,
    http: Http,
    mode: Mode,
}

impl Fetcher {
    /// Fetches from the sources and keeps the answers in the cache.
    #[must_use]
    pub fn new(sources: Sources, cache: Cache, mode: Mode) -> Self {
        Self { sources, cache, http: Http::new(), mode }
    }

    /// Has another patience, and waits in another way than by sleeping.
    #[must_use]
    pub fn patience(mut self, patience: Patience, wait: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        self.http.patience = patience;
        self.http.wait = Box::new(wait);
        self
    }

    /// The answer for an item, at the time `now`, in seconds since 1970.
    pub(crate) fn get(&self, item: &Item, now: u64) -> Result<Answer, FetchError> {
        let kept = match self.mode {
            Mode::Refresh => None,
            Mode::Kept | Mode::Offline => self.cache.get(&item.url),
        };
        let kept = kept.map(|(entry, body)| Answer { body, field: entry.field.clone(), entry });
        let kept = kept.filter(|kept| item.check(&kept.body, kept.field.as_deref()).is_ok());
        if self.mode == Mode::Offline {
            return kept.ok_or_else(|| FetchError::Offline { url: item.url.clone() });
        }
        match kept {
            Some(kept) if (kept.entry.fetched..kept.entry.ask_again).contains(&now) => Ok(kept),
            kept => match (self.fetch(item, now), kept) {
                (Err(FetchError::Unreachable { .. } | FetchError::Busy { .. }), Some(kept)) => Ok(kept),
                (answer, _) => answer,
            },
        }
    }

    fn fetch(&self, item: &Item, now: u64) -> Result<Answer, FetchError> {
        let check = |answer: &Response| item.check(&answer.body, answer.field.as_deref());
        let Response { body, field } = self.http.get(&item.url, item.field, check, now)?;
        let entry = Entry {
            url: item.url.clone(),
            fetched: now,
            ask_again: now.saturating_add(item.age),
            field: field.clone(),
        };
        self.cache.put(&entry, &body)?;
        Ok(Answer { body, field, entry })
    }
}

/// An answer, from wherever.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    pub(crate) field: Option<String>,
    pub(crate) entry: Entry,
}

/// Something to ask for.
pub(crate) struct Item {
    pub(crate) url: String,
    /// A header field that belongs to the answer.
    pub(crate) field: Option<&'static str>,
    pub(crate) shape: Shape,
    /// For how long not to ask again, in seconds.
    pub(crate) age: u64,
}

/// What an answer looks like when nothing of it is missing.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// One DER value.
    Der,
    /// Two certificates in PEM.
    Chain,
    /// JSON.
    Json,
}

/// Certificates that are made for a key, and those of authorities, do not change.
pub(crate) const CERTIFICATE_AGE: u64 = 30 * 86_400;
/// Revocation lists, TCB info and identities may change any day.
pub(crate) const LIST_AGE: u64 = 86_400;

impl Item {
    fn check(&self, body: &[u8], field: Option<&str>) -> Result<(), FetchError> {
        let malformed = |expected| Err(FetchError::Malformed { url: self.url.clone(), expected });
        match self.shape {
            Shape::Der if !whole_der(body) => malformed("one DER value"),
            Shape::Chain if chain(body).is_none() => malformed("two certificates in PEM"),
            Shape::Json if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err() => {
                malformed("JSON")
            }
            _ if self.field.is_some() && field.is_none() => malformed("accompanied by its issuer's chain"),
            _ => Ok(()),
        }
    }
}

fn whole_der(body: &[u8]) -> bool {
    use der::{Decode as _, asn1::AnyRef};
    AnyRef::from_der(body).is_ok()
}

/// The two certificates of a chain, in DER.
pub(crate) fn chain(body: &[u8]) -> Option<[Vec<u8>; 2]> {
    let blocks = pem::parse_many(body).ok()?;
    let certificates: Vec<_> = blocks.into_iter().map(pem::Pem::into_contents).collect();
    certificates.try_into().ok()
}
