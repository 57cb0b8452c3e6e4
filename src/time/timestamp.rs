//! [`Timestamp`]: a point in time, int64 nanoseconds.

use std::fmt;
use std::ops::{Add, Sub};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A point in time: nanoseconds since 1970-01-01T00:00:00 UTC (or since the epoch of a clock said to be `unknown`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A text that is not an RFC 3339 time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time like 2024-05-01T12:30:00.5Z")]
pub struct ParseTimestampError(pub String);

impl Timestamp {
    /// From nanoseconds since the epoch.
    pub const fn from_ns(ns: i64) -> Timestamp {
        Timestamp(ns)
    }

    /// Nanoseconds since the epoch.
    pub const fn ns(self) -> i64 {
        self.0
    }

    /// From seconds since the epoch; `None` where they are not finite or do not fit.
    pub fn from_seconds(seconds: f64) -> Option<Timestamp> {
        let ns = libm::round(seconds * 1e9);
        (ns.is_finite() && ns.abs() < 9.2e18).then_some(Timestamp(ns as i64))
    }

    /// Seconds since `earlier`, negative where this is before it.
    pub fn seconds_since(self, earlier: Timestamp) -> f64 {
        (i128::from(self.0) - i128::from(earlier.0)) as f64 / 1e9
    }

    /// From a civil UTC date and time; `None` where it does not exist or does not fit.
    pub fn from_utc(date_time: time::PrimitiveDateTime) -> Option<Timestamp> {
        i64::try_from(date_time.assume_utc().unix_timestamp_nanos()).ok().map(Timestamp)
    }

    /// Parses RFC 3339, e.g. `2024-05-01T12:30:00.5Z`; a date alone means its midnight, no zone means UTC.
    ///
    /// # Errors
    ///
    /// [`ParseTimestampError`] with the text, where it is neither.
    pub fn parse(text: &str) -> Result<Timestamp, ParseTimestampError> {
        let text = text.trim();
        let error = || ParseTimestampError(text.to_string());
        let whole = match text.len() {
            10 => format!("{text}T00:00:00Z"),
            _ if text.ends_with(['Z', 'z']) || text.get(19..).is_some_and(|tail| tail.contains(['+', '-'])) => {
                text.to_string()
            }
            _ => format!("{text}Z"),
        };
        let parsed = OffsetDateTime::parse(&whole, &Rfc3339).map_err(|_| error())?;
        i64::try_from(parsed.unix_timestamp_nanos()).map(Timestamp).map_err(|_| error())
    }

    /// The midpoint-free sum; `None` on overflow.
    pub fn checked_add_ns(self, ns: i64) -> Option<Timestamp> {
        self.0.checked_add(ns).map(Timestamp)
    }
}

/// 1990: a clock before GPS was in use counts from an epoch of its own.
const FIRST_PLAUSIBLE: Timestamp = Timestamp(631_152_000_000_000_000);

impl Timestamp {
    /// Whether this is a date of a drive, and not a count from an epoch that nobody knows (as Argoverse 2 has).
    pub fn is_date(self) -> bool {
        self >= FIRST_PLAUSIBLE
    }

    /// For people: RFC 3339, or the seconds of a clock of unknown epoch.
    pub fn said(self) -> String {
        if self.is_date() { self.to_string() } else { format!("{:.3} s, unknown epoch", self.0 as f64 / 1e9) }
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 with as many digits of the second as are not zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0)).ok().and_then(|t| t.format(&Rfc3339).ok()) {
            Some(text) => f.write_str(&text),
            None => write!(f, "{} ns", self.0),
        }
    }
}

impl Add<i64> for Timestamp {
    type Output = Timestamp;

    /// Adds nanoseconds, saturating at the ends of the range.
    fn add(self, ns: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(ns))
    }
}

impl Sub for Timestamp {
    type Output = i64;

    /// Nanoseconds from `other` to this, saturating at the ends of the range.
    fn sub(self, other: Timestamp) -> i64 {
        self.0.saturating_sub(other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_is_read_and_written() {
        let time = Timestamp::parse("2024-05-01T12:30:00.5Z").expect("valid");
        assert_eq!(time.ns(), 1_714_566_600_500_000_000);
        assert_eq!(time.to_string(), "2024-05-01T12:30:00.5Z");
        assert_eq!(Timestamp::parse("2024-05-01T21:30:00.5+09:00"), Ok(time));
        assert_eq!(Timestamp::parse("2024-05-01").map(Timestamp::ns), Ok(1_714_521_600_000_000_000));
        assert!(Timestamp::parse("yesterday").is_err());
    }
}
