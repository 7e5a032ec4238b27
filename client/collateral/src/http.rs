use std::time::{Duration, UNIX_EPOCH};

use crate::FetchError;

/// The longest body that is read, in bytes. The vendors' largest, a revocation list, has some hundred KiB.
const MAX_BODY: u64 = 1 << 22;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How often to ask, and how long to wait in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How often to ask before giving up.
    pub attempts: u32,
    /// The first wait; each is twice the one before, or as long as the service demands.
    pub first: Duration,
    /// A wait longer than this is an error instead.
    pub longest: Duration,
}

impl Default for Patience {
    /// Five times in half a minute or so.
    fn default() -> Self {
        Self { attempts: 5, first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

/// An answer with status 200.
pub(crate) struct Response {
    pub(crate) body: Vec<u8>,
    /// The header field that was asked for.
    pub(crate) field: Option<String>,
}

pub(crate) struct Http {
    agent: ureq::Agent,
    pub(crate) patience: Patience,
    pub(crate) wait: Box<dyn Fn(Duration) + Send + Sync>,
}

impl Http {
    pub(crate) fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            // The vendors do not redirect, and where else it would lead is nobody's business.
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), patience: Patience::default(), wait: Box::new(std::thread::sleep) }
    }

    /// Asks until there is an answer that `check` finds whole, an error that asking again does not mend, or no
    /// patience left.
    pub(crate) fn get(
        &self,
        url: &str,
        field: Option<&str>,
        check: impl Fn(&Response) -> Result<(), FetchError>,
        now: u64,
    ) -> Result<Response, FetchError> {
        let mut delay = self.patience.first;
        let mut attempt = 1;
        loop {
            let answer = self.once(url, field, now).and_then(|answer| check(&answer).map(|()| answer));
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let wait = match &error {
                FetchError::Busy { retry_after, .. } => delay.max(retry_after.unwrap_or_default()),
                FetchError::Unreachable { .. } | FetchError::Malformed { .. } => delay,
                _ => return Err(error),
            };
            if attempt >= self.patience.attempts || wait > self.patience.longest {
                return Err(error);
            }
            (self.wait)(wait);
            delay = delay.saturating_mul(2);
            attempt += 1;
        }
    }

    fn once(&self, url: &str, field: Option<&str>, now: u64) -> Result<Response, FetchError> {
        let unreachable =
            |error: ureq::Error| FetchError::Unreachable { url: url.to_owned(), reason: error.to_string() };
        let mut response = self.agent.get(url).call().map_err(unreachable)?;
        let header = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let url = || url.to_owned();
        match response.status().as_u16() {
            200 => {
                let field = field.and_then(header);
                let body =
                    response.body_mut().with_config().limit(MAX_BODY).read_to_vec().map_err(unreachable)?;
                Ok(Response { body, field })
            }
            404 => Err(FetchError::NotFound { url: url() }),
            status @ (429 | 500..) => {
                let retry_after = header("retry-after").and_then(|text| retry_after(&text, now));
                Err(FetchError::Busy { url: url(), status, retry_after })
            }
            status => Err(FetchError::Refused { url: url(), status }),
        }
    }
}

/// RFC 9110, section 10.2.3: seconds, or a date.
fn retry_after(text: &str, now: u64) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(UNIX_EPOCH + Duration::from_secs(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_says_when_in_seconds_or_as_a_date() {
        assert_eq!(retry_after("120", 0), Some(Duration::from_secs(120)));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(retry_after(date, 784_111_770), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(date, 784_111_800), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", 0), None);
    }
}
