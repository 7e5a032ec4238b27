use core::fmt::{self, Display, Formatter};
use core::time::Duration;

/// Seconds since 1970-01-01T00:00:00Z. The caller's clock: the verifier has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct UnixTime(pub u64);

/// A date as in `2025-08-30T00:00:00Z`, or seconds.
impl core::str::FromStr for UnixTime {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = text.parse().ok();
        let date = || Some(text.parse::<der::DateTime>().ok()?.unix_duration().as_secs());
        seconds
            .or_else(date)
            .map(Self)
            .ok_or("write a time as in 2025-08-30T00:00:00Z, or seconds since 1970")
    }
}

impl Display for UnixTime {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match der::DateTime::from_unix_duration(Duration::from_secs(self.0)) {
            Ok(date) => write!(formatter, "{date}"),
            Err(_) => write!(formatter, "{} s after 1970", self.0),
        }
    }
}
