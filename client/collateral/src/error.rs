use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why there is no collateral.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The service does not know what was asked for.
    #[error("{url}: not known there; is the evidence genuine, and is this the service of its vendor?")]
    NotFound {
        /// What was asked for.
        url: String,
    },
    /// The service refuses.
    #[error("{url}: refused with HTTP status {status}")]
    Refused {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The service is busy, and went on being so for as long as there was patience.
    #[error("{url}: busy (HTTP status {status}); try again{}", later(*.retry_after))]
    Busy {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// When to come back, if it says so.
        retry_after: Option<Duration>,
    },
    /// There is no whole answer.
    #[error("{url}: no answer: {reason}; check the network, or work offline with what is kept")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why.
        reason: String,
    },
    /// The answer is not what such an answer is.
    #[error("{url}: the answer is not {expected}; the service, or something on the way to it, is broken")]
    Malformed {
        /// What was asked for.
        url: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Asked to work offline, and it is not kept.
    #[error("{url}: not kept, and not fetched when working offline; fetch it while there is a network")]
    Offline {
        /// What was asked for.
        url: String,
    },
    /// The folder in which answers are kept cannot be used.
    #[error("{}: {source}; give another folder or mend this one", path.display())]
    Cache {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The evidence does not say what to ask for.
    #[error("the evidence does not say what to fetch: {0}")]
    Evidence(&'static str),
}

fn later(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!(" in {} seconds", wait.as_secs())).unwrap_or_default()
}
