//! Clocks of which one runs on GPS time and the other on UTC.

use crate::time::{Timestamp, gps_minus_utc_s};

/// Sensors that are so near a whole number of leap seconds off, seconds, are on the other kind of time.
const LEAP_OFF_S: f64 = 0.5;

/// Whose times look like GPS time beside UTC, by what is to be added to the times of sensors (s); `None` where they do not all
/// say so.
pub(in crate::fuse) fn gps_time(start_ns: i64, found: &[Option<(&str, f64)>]) -> Option<String> {
    let leap_s = gps_minus_utc_s(Timestamp::from_ns(start_ns));
    let found: Vec<(&str, f64)> = found.iter().flatten().copied().collect();
    let all = |of: f64| !found.is_empty() && leap_s > 0 && found.iter().all(|f| (f.1 - of).abs() < LEAP_OFF_S);
    let sensors = found.iter().map(|f| f.0).collect::<Vec<_>>().join(" and ");
    let (whose, ahead_of) = match (all(leap_s as f64), all(-leap_s as f64)) {
        (true, _) => ("GNSS", sensors.as_str()),
        (_, true) => (sensors.as_str(), "GNSS"),
        _ => return None,
    };
    Some(format!(
        "times of {whose} are {leap_s} s ahead of {ahead_of}, as GPS time is of UTC: `[clock]` of recording.toml says which is \
         which, as in `gnss = \"gps\"`"
    ))
}
