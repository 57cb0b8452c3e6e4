//! Times as files write them: ISO 8601 and EXIF date-times, counts in seconds down to nanoseconds, fixed zones.

use crate::error::ErrorKind;
use crate::time::{ClockScale, Timestamp, gps_to_utc, tai_to_utc};

/// Unix seconds of the GPS epoch, 1980-01-06T00:00:00 UTC.
const GPS_EPOCH_S: i64 = 315_964_800;
/// Nanoseconds in a second.
const SECOND_NS: i64 = 1_000_000_000;
/// Nanoseconds in a day.
pub(super) const DAY_NS: i64 = 86_400 * SECOND_NS;

/// A date and time of day as written, with the zone where one was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    /// Nanoseconds since 1970-01-01T00:00:00 of the same (unnamed) zone.
    pub ns: i64,
    /// Seconds east of UTC, where written.
    pub offset_s: Option<i32>,
}

impl Civil {
    /// The instant: by its own zone, else by `zone_s` (seconds east of UTC).
    pub(super) fn instant(self, zone_s: i32) -> Option<Timestamp> {
        let offset_ns = i64::from(self.offset_s.unwrap_or(zone_s)) * SECOND_NS;
        self.ns.checked_sub(offset_ns).map(Timestamp::from_ns)
    }
}

/// The whole years that 64 bits of nanoseconds around 1970 hold.
const YEARS: std::ops::RangeInclusive<i64> = 1678..=2261;

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar; `None` where there is no such date, or where
/// nanoseconds since 1970 do not reach it.
///
/// Source: Howard Hinnant, *chrono-compatible low-level date algorithms*, `days_from_civil`.
pub(super) fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if !(1..=length).contains(&day) || !YEARS.contains(&year) {
        return None;
    }
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468)
}

/// Parses `2008-12-11T04:42:14.25Z`, with `T`, `t` or a space, any number of fractional digits, and `Z`, `±HH`, `±HHMM`,
/// `±HH:MM` or no zone; EXIF's `2008:10:22 16:28:39` likewise; a date alone is its midnight.
pub(super) fn parse(text: &[u8]) -> Option<Civil> {
    let text = text.trim_ascii();
    let date_separator = *text.get(4)?;
    if !matches!(date_separator, b'-' | b':' | b'/') || text.get(7) != Some(&date_separator) {
        return None;
    }
    let day = days(digits(text.get(0..4)?)?, digits(text.get(5..7)?)?, digits(text.get(8..10)?)?)?;
    let mut ns = day * DAY_NS;
    let Some(time) = text.get(11..) else {
        return (text.len() == 10).then_some(Civil { ns, offset_s: None });
    };
    if !matches!(text[10], b'T' | b't' | b' ') || time.get(2) != Some(&b':') {
        return None;
    }
    let (hour, minute) = (digits(time.get(0..2)?)?, digits(time.get(3..5)?)?);
    let mut rest = time.get(5..)?;
    let mut second = 0;
    if rest.first() == Some(&b':') {
        second = digits(rest.get(1..3)?)?;
        rest = &rest[3..];
        if matches!(rest.first(), Some(b'.' | b',')) {
            let length = rest[1..].iter().take_while(|c| c.is_ascii_digit()).count();
            ns += fraction_ns(&rest[1..=length]);
            rest = &rest[1 + length..];
        }
    }
    // Second 60 is a leap second; it becomes the first of the next minute, as on a Unix clock.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    ns += (hour * 3600 + minute * 60 + second) * SECOND_NS;
    let offset_s = if rest.is_empty() { None } else { Some(offset(rest)?) };
    Some(Civil { ns, offset_s })
}

/// Seconds east of UTC of `Z`, `+09`, `+0900`, `+09:00`.
fn offset(text: &[u8]) -> Option<i32> {
    let text = text.trim_ascii();
    let sign = match text.first()? {
        b'Z' | b'z' if text.len() == 1 => return Some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = match &text[1..] {
        [a, b] => (digits(&[*a, *b])?, 0),
        [a, b, c, d] | [a, b, b':', c, d] => (digits(&[*a, *b])?, digits(&[*c, *d])?),
        _ => return None,
    };
    (hours <= 15 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60) as i32)
}

/// Seconds east of UTC of a config's `timezone`: an offset such as `+09:00`, `UTC`, or the name of a zone that has had
/// one offset without summer time since 1989.
///
/// # Errors
///
/// [`ErrorKind::Config`] for any other name: zones with summer time need a table that changes every year, so an offset
/// must be given.
pub(super) fn zone(name: &str) -> Result<i32, ErrorKind> {
    let hours = match name {
        "UTC" | "GMT" | "Etc/UTC" => 0,
        "Asia/Seoul" | "Asia/Tokyo" => 9,
        "Asia/Singapore" | "Asia/Taipei" => 8,
        "Asia/Bangkok" => 7,
        _ => {
            return offset(name.as_bytes()).ok_or_else(|| {
                ErrorKind::Config(format!(
                    "timezone `{name}` is not known: give the offset that held at the recording, such as `+09:00`"
                ))
            });
        }
    };
    Ok(hours * 3600)
}

/// An unsigned number of ASCII digits only.
pub(super) fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter().try_fold(0_i64, |n, c| c.is_ascii_digit().then(|| n * 10 + i64::from(c - b'0')))
}

/// Nanoseconds of the digits behind a decimal point; digits beyond the ninth are cut off.
pub(super) fn fraction_ns(digits: &[u8]) -> i64 {
    let mut ns = 0;
    for i in 0..9 {
        ns = ns * 10 + digits.get(i).map_or(0, |c| i64::from(c.saturating_sub(b'0').min(9)));
    }
    ns
}

/// A decimal count of `unit_ns` nanoseconds each (1 for ns, 1e9 for s) as nanoseconds, exact to the last digit that a
/// nanosecond can hold: a float would lose a quarter of a microsecond on today's dates.
pub(super) fn count_ns(text: &[u8], unit_ns: i64) -> Option<i64> {
    let text = text.trim_ascii();
    // Mostly nothing but digits; nineteen of them fit.
    if text.len() <= 19 && text.iter().all(u8::is_ascii_digit) && !text.is_empty() {
        let count = text.iter().fold(0_u64, |n, c| n * 10 + u64::from(c - b'0'));
        return i64::try_from(count).ok()?.checked_mul(unit_ns);
    }
    let (negative, body) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let whole_length = body.iter().take_while(|c| c.is_ascii_digit()).count();
    let fraction = match &body[whole_length..] {
        [] => &[][..],
        [b'.', fraction @ ..] if fraction.iter().all(u8::is_ascii_digit) => fraction,
        _ => {
            // Exponents and the like: rare, and only as exact as their writer was.
            let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            let ns = (value * unit_ns as f64).round();
            return (ns.abs() < 9.2e18).then_some(ns as i64);
        }
    };
    if whole_length == 0 && fraction.is_empty() {
        return None;
    }
    let whole = if whole_length == 0 { 0 } else { i128::from(long_digits(&body[..whole_length])?) };
    let part = i128::from(fraction_ns(fraction)) * i128::from(unit_ns) / i128::from(SECOND_NS);
    let ns = whole * i128::from(unit_ns) + part;
    i64::try_from(if negative { -ns } else { ns }).ok()
}

fn long_digits(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// UTC of a count of nanoseconds on a clock: since 1980-01-06 for GPS, since 1970 otherwise.
pub(super) fn utc_of_count(ns: i64, scale: ClockScale) -> Option<Timestamp> {
    match scale {
        ClockScale::Utc | ClockScale::Unknown => Some(Timestamp::from_ns(ns)),
        ClockScale::Gps => gps_to_utc(ns),
        ClockScale::Tai => tai_to_utc(ns),
    }
}

/// UTC of a civil time that was read off a clock of this scale.
pub(super) fn utc_of_civil(t: Timestamp, scale: ClockScale) -> Option<Timestamp> {
    match scale {
        ClockScale::Gps => gps_to_utc(t.ns().checked_sub(GPS_EPOCH_S * SECOND_NS)?),
        _ => utc_of_count(t.ns(), scale),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn iso(text: &str) -> Option<String> {
        parse(text.as_bytes())?.instant(3600).map(|t| t.to_string())
    }

    #[test]
    fn dates_are_read_as_loggers_write_them() {
        assert_eq!(iso("2008-12-11 04:42:14+00").as_deref(), Some("2008-12-11T04:42:14Z"));
        assert_eq!(iso("2013-03-16T14:56:31.693672").as_deref(), Some("2013-03-16T13:56:31.693672Z"));
        assert_eq!(iso("1901-12-13T20:45:52.2073437Z").as_deref(), Some("1901-12-13T20:45:52.2073437Z"));
        assert_eq!(iso("2018:06:08 13:24:10").as_deref(), Some("2018-06-08T12:24:10Z"));
        assert_eq!(iso("2024-05-01T21:30:00.5+09:00").as_deref(), Some("2024-05-01T12:30:00.5Z"));
        for bad in [
            "2023-02-29T00:00:00Z",
            "9013-01-01T00:00:00Z",
            "1677-01-01",
            "    :  :     :  :  ",
            "0000:00:00 00:00:00",
            "2024-05-01T25:00:00",
            "x",
            "",
        ] {
            assert_eq!(iso(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_count_keeps_every_nanosecond() {
        assert_eq!(count_ns(b"1395837505119.146", 1_000_000), Some(1_395_837_505_119_146_000));
        assert_eq!(count_ns(b"1714521600000000001", 1), Some(1_714_521_600_000_000_001));
        assert_eq!(count_ns(b"-0.5", SECOND_NS), Some(-500_000_000));
        assert_eq!(count_ns(b"1.5e3", SECOND_NS), Some(1_500_000_000_000));
        for bad in [&b"nan"[..], b"inf", b"", b".", b"12:00", b"99999999999999999999"] {
            assert_eq!(count_ns(bad, 1), None);
        }
    }

    #[test]
    fn zones_with_summer_time_must_be_given_as_offsets() {
        assert_eq!(zone("Asia/Seoul").ok(), Some(9 * 3600));
        assert_eq!(zone("-03:30").ok(), Some(-12_600));
        assert!(zone("Europe/Berlin").is_err());
    }

    #[test]
    fn gps_dates_lose_their_leap_seconds() {
        let civil = parse(b"2017-12-17T00:00:00").and_then(|c| c.instant(0)).expect("valid");
        assert_eq!(utc_of_civil(civil, ClockScale::Gps).expect("fits").to_string(), "2017-12-16T23:59:42Z");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_time_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = (parse(&bytes), count_ns(&bytes, SECOND_NS), offset(&bytes));
        }

        #[test]
        fn dates_agree_with_the_time_crate(day in -106_000_i32..106_000) {
            let date = time::Date::from_julian_day(2_440_588 + day).expect("in range");
            let ours = days(i64::from(date.year()), i64::from(u8::from(date.month())), i64::from(date.day()));
            prop_assert_eq!(ours, Some(i64::from(day)));
        }
    }
}
