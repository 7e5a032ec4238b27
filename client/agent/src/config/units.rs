//! Sizes like `512M` and durations like `1.5s`, as the command line and `Holdfast.toml` write them.

use core::time::Duration;

/// Why a text is no size or duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a size.
    #[error("{0:?} is not a size; write bytes, or a number with K, M, G or T, as in 512M")]
    Size(String),
    /// Not a duration.
    #[error("{0:?} is not a duration; write a number with ms, s, m or h, as in 1.5s")]
    Duration(String),
}

/// A size in bytes. K, M, G and T (also Ki, KiB, KB and so on) are powers of 1024.
///
/// # Errors
/// [`UnitError::Size`].
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let error = || UnitError::Size(text.into());
    let (number, unit) = split(text);
    let shift = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KI" | "KIB" => 10,
        "M" | "MB" | "MI" | "MIB" => 20,
        "G" | "GB" | "GI" | "GIB" => 30,
        "T" | "TB" | "TI" | "TIB" => 40,
        _ => return Err(error()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift)).ok_or_else(error)
}

/// A duration above zero. A number alone is in seconds.
///
/// # Errors
/// [`UnitError::Duration`].
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let error = || UnitError::Duration(text.into());
    let (number, unit) = split(text);
    let factor = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(error()),
    };
    let seconds = number.parse::<f64>().map_err(|_| error())? * factor;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(error()),
    }
}

/// The number at the front, and what follows it.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("512M"), Ok(512 << 20));
        assert_eq!(parse_size("2 GiB"), Ok(2 << 30));
        for wrong in ["", "M", "-1", "1.5G", "1X", "99999999999T", "1 M M"] {
            assert_eq!(parse_size(wrong), Err(UnitError::Size(wrong.into())), "{wrong}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("3"), Ok(Duration::from_secs(3)));
        for wrong in ["", "s", "0", "-1s", "1d", "1..2s", "1e400h", "inf"] {
            assert_eq!(parse_duration(wrong), Err(UnitError::Duration(wrong.into())), "{wrong}");
        }
    }
}
