//! The vendors' collateral services: AMD's key distribution service (KDS), Intel's provisioning certification
//! service (PCS), with their addresses, formats and headers.

mod kds;
mod pcs;
mod server;

use holdfast_evidence::snp::Generation;

use crate::Seed;
use crate::amd::Amd;
use crate::intel::{Intel, PckCa};

pub use server::{Server, Trouble};

/// What a service answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Header fields.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    fn ok(kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: vec![("content-type", kind.to_owned())], body: body.into() }
    }

    fn refusal(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// Both vendors, as far as they answer questions. A function of what is asked and when.
pub struct Service {
    amd: [Amd; 3],
    intel: Intel,
}

impl Service {
    /// The services of the vendors of a seed. The Intel platform has its certificate from `ca`.
    #[must_use]
    pub fn new(ca: PckCa, seed: Seed) -> Self {
        Self {
            amd: Generation::ALL.map(|generation| Amd::new(generation, seed)),
            intel: Intel::new(ca, seed),
        }
    }

    /// Answers GET for a path with its query, at the time `now`, in seconds since 1970.
    #[must_use]
    pub fn answer(&self, target: &str, now: u64) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = Query(query);
        let segments: Vec<_> = path.split('/').skip(1).collect();
        match segments[..] {
            [service @ ("vcek" | "vlek"), "v1", product, ref what @ ..] => {
                kds::answer(&self.amd, service, product, what, &query, now)
            }
            [tee @ ("sgx" | "tdx"), "certification", "v4", ref what @ ..] => {
                pcs::answer(&self.intel, tee, what, &query, now)
            }
            ["IntelSGXRootCA.der"] => Answer::ok("application/pkix-crl", self.intel.root_crl(now)),
            _ => Answer::refusal(404),
        }
    }
}

/// A query, not decoded: all values that the services know are letters and digits.
struct Query<'a>(&'a str);

impl Query<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
