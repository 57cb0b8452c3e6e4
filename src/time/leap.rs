//! GPS, TAI and UTC: leap seconds as published in IERS Bulletin C (the last one took effect on 2017-01-01).

use super::Timestamp;

/// Which scale a source's clock runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClockScale {
    /// Coordinated universal time; counts of seconds since 1970 as computers keep them.
    #[default]
    Utc,
    /// GPS time: seconds since 1980-01-06 without leap seconds.
    Gps,
    /// International atomic time: seconds since 1970 without leap seconds.
    Tai,
    /// An epoch that nobody stated: kept as it is.
    Unknown,
}

/// Unix seconds from which TAI − UTC has the value beside it (s). Source: IERS Bulletin C, `leap-seconds.list`.
const TAI_MINUS_UTC: [(i64, i64); 28] = [
    (63_072_000, 10),
    (78_796_800, 11),
    (94_694_400, 12),
    (126_230_400, 13),
    (157_766_400, 14),
    (189_302_400, 15),
    (220_924_800, 16),
    (252_460_800, 17),
    (283_996_800, 18),
    (315_532_800, 19),
    (362_793_600, 20),
    (394_329_600, 21),
    (425_865_600, 22),
    (489_024_000, 23),
    (567_993_600, 24),
    (631_152_000, 25),
    (662_688_000, 26),
    (709_948_800, 27),
    (741_484_800, 28),
    (773_020_800, 29),
    (820_454_400, 30),
    (867_715_200, 31),
    (915_148_800, 32),
    (1_136_073_600, 33),
    (1_230_768_000, 34),
    (1_341_100_800, 35),
    (1_435_708_800, 36),
    (1_483_228_800, 37),
];

/// Unix seconds of the GPS epoch, 1980-01-06T00:00:00 UTC.
const GPS_EPOCH_S: i64 = 315_964_800;

/// TAI − GPS time, seconds: constant by definition (IS-GPS-200).
const TAI_MINUS_GPS_S: i64 = 19;

/// UTC of nanoseconds of TAI counted from 1970-01-01T00:00:00 TAI; `None` where it does not fit.
pub fn tai_to_utc(tai_ns: i64) -> Option<Timestamp> {
    // The table holds UTC instants; an instant's TAI is its UTC plus the offset that starts there.
    let offset_s = TAI_MINUS_UTC
        .iter()
        .rev()
        .find(|(utc_s, offset)| tai_ns.div_euclid(1_000_000_000) >= utc_s + offset)
        .map_or(10, |(_, offset)| *offset);
    tai_ns.checked_sub(offset_s * 1_000_000_000).map(Timestamp::from_ns)
}

/// UTC of nanoseconds of GPS time counted from the GPS epoch, 1980-01-06; `None` where it does not fit.
pub fn gps_to_utc(gps_ns: i64) -> Option<Timestamp> {
    // At the GPS epoch TAI was 19 s ahead of UTC, and GPS time has stayed 19 s behind TAI.
    tai_to_utc(gps_ns.checked_add((GPS_EPOCH_S + TAI_MINUS_GPS_S) * 1_000_000_000)?)
}

/// GPS time less UTC at an instant, seconds; before the GPS epoch, where times count from another moment, the last known.
pub fn gps_minus_utc_s(at: Timestamp) -> i64 {
    let utc_s = at.ns().div_euclid(1_000_000_000);
    let known = utc_s >= GPS_EPOCH_S;
    let offset_s = TAI_MINUS_UTC.iter().rev().find(|(since, _)| !known || utc_s >= *since).map_or(37, |(_, s)| *s);
    offset_s - TAI_MINUS_GPS_S
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gps_time_is_18_seconds_ahead_of_utc_since_2017() {
        // GPS week 1980, second 0 is 2017-12-17T00:00:00 GPS.
        let gps_ns = 1980 * 604_800 * 1_000_000_000;
        assert_eq!(gps_to_utc(gps_ns).expect("fits").to_string(), "2017-12-16T23:59:42Z");
        let at = |text_ns: i64| gps_minus_utc_s(Timestamp::from_ns(text_ns));
        let s = 1_000_000_000;
        assert_eq!([at(0), at(GPS_EPOCH_S * s), at(1_483_228_800 * s - 1), at(1_483_228_800 * s)], [18, 0, 17, 18]);
        assert_eq!(gps_to_utc(0).expect("fits").to_string(), "1980-01-06T00:00:00Z");
    }
}
