use core::fmt::{self, Display, Formatter};
use core::time::Duration;

/// Seconds since 1970-01-01T00:00:00Z. The caller's clock: the verifier has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct UnixTime(pub u64);

impl Display for UnixTime {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match der::DateTime::from_unix_duration(Duration::from_secs(self.0)) {
            Ok(date) => write!(formatter, "{date}"),
            Err(_) => write!(formatter, "{} s after 1970", self.0),
        }
    }
}
