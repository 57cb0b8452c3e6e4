//! GNSS fixes from CSV: `gnss.csv` of a recording folder, or anybody's table, with one track or many.
//!
//! Columns by our names (a `columns` mapping gives other ones): `lon`, `lat` (degrees; needed), `height_m`, a time
//! (`t_ns`, `t_us`, `t_ms`, `t_s` counts, or `time` in ISO 8601), `speed_mps` or `speed_kmh`, `course_deg`,
//! `sigma_xy_m`, `sigma_z_m`, and `track`, which splits the table into one recording per value.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

use crate::error::{ErrorKind, Location, Quarantine};
use crate::record::{GnssFix, HeightDatum};
use crate::source::CsvColumns;
use crate::time::{ClockScale, Timestamp};

use super::order;
use super::table::{COUNTS, NUMBER_FOR_DATE, Table, TimeRule};
use super::trace::{Trace, Traces, place};

/// Names that a mapping of GNSS columns may use.
pub(super) const COLUMNS: [&str; 15] = [
    "t_ns",
    "t_us",
    "t_ms",
    "t_s",
    "time",
    "t",
    "lon",
    "lat",
    "height_m",
    "speed_mps",
    "speed_kmh",
    "course_deg",
    "sigma_xy_m",
    "sigma_z_m",
    "track",
];

/// Civil receivers stop working above 1000 knots (the limit of COCOM), m/s.
const TOO_FAST_MPS: f64 = 515.0;
/// Later dates are no drives; and far enough from the first that a count is a date in one unit at most.
const LAST_PLAUSIBLE: Timestamp = Timestamp::from_ns(4_102_444_800_000_000_000);

/// Reads fixes; rows that are none go to `quarantine` with their line. Tracks come in the order of their first row.
///
/// # Errors
///
/// Without a header, or a `lon` and a `lat` column, where the file cannot be read on, or where no row can be used and its
/// column of dates holds numbers.
pub(super) fn read(
    reader: impl BufRead,
    path: &Path,
    mapping: &CsvColumns,
    rule: TimeRule,
    quarantine: &mut Quarantine,
) -> Result<Traces, ErrorKind> {
    if let Some(name) = mapping.keys().find(|name| !COLUMNS.contains(&name.as_str())) {
        return Err(ErrorKind::Config(format!("`columns` has no `{name}`; it takes: {}", COLUMNS.join(", "))));
    }
    let mut table = Table::open(reader, mapping)?;
    let (lon, lat) = (table.required("lon")?, table.required("lat")?);
    let height = table.column("height_m");
    let (mps, kmh) = (table.column("speed_mps"), table.column("speed_kmh"));
    let (course, sigma_xy, sigma_z) =
        (table.column("course_deg"), table.column("sigma_xy_m"), table.column("sigma_z_m"));
    let track = table.column("track");
    let mut tracks: Vec<Trace> = Vec::new();
    let mut index: HashMap<Vec<u8>, usize> = HashMap::new();
    let (mut heights, mut numbers_for_dates) = (false, false);
    // Rows of a track mostly follow each other.
    let (mut last, mut last_at) = (Vec::new(), None);
    while table.advance()? {
        let fix = || -> Result<GnssFix, &'static str> {
            let height_m = table.number(height)?;
            let speed = match table.number(mps)? {
                Some(speed) => Some(speed),
                None => table.number(kmh)?.map(|speed| speed / 3.6),
            };
            Ok(GnssFix {
                t: table.time(rule)?,
                place: place(table.needed(lon)?, table.needed(lat)?, height_m.unwrap_or(0.0))?,
                speed_mps: speed,
                course_deg: table.number(course)?,
                sigma_xy_m: table.number(sigma_xy)?.filter(|s| *s > 0.0),
                sigma_z_m: table.number(sigma_z)?.filter(|s| *s > 0.0),
                record: table.record(),
            })
        };
        match fix() {
            Ok(fix) => {
                heights |= table.text(height).is_some();
                let key = table.text(track).unwrap_or_default();
                let at = match last_at.filter(|_| last == key).or_else(|| index.get(key).copied()) {
                    Some(at) => at,
                    None => {
                        index.insert(key.to_vec(), tracks.len());
                        let name = (!key.is_empty()).then(|| String::from_utf8_lossy(key).into_owned());
                        tracks.push(Trace { name, ..Trace::default() });
                        tracks.len() - 1
                    }
                };
                if last_at != Some(at) {
                    last_at = Some(at);
                    last.clear();
                    last.extend_from_slice(key);
                }
                tracks[at].push(fix, table.line());
            }
            Err(reason) => {
                numbers_for_dates |= reason == NUMBER_FOR_DATE;
                quarantine.refuse(&Location::line(path, table.line()), reason);
            }
        }
    }
    if tracks.is_empty() && numbers_for_dates {
        let reason = format!(
            "its column `{}` holds no date: numbers belong in a column `t_s`, `t_ms` or `t_ns`",
            table.time_name()
        );
        return Err(ErrorKind::malformed("CSV", reason));
    }
    // Who states a clock knows the unit.
    if let (Some((name, unit)), ClockScale::Utc) = (table.counted(), rule.scale) {
        tracks.iter_mut().for_each(|track| refuse_other_unit(track, name, unit, path, quarantine));
    }
    let height_datum = if heights { HeightDatum::Ellipsoidal } else { HeightDatum::None };
    Ok(Traces { tracks, height_datum, scale: rule.scale, notes: Vec::new() })
}

/// Drops the times of a track whose counts are dates in a coarser unit than the column's name says, and faster than any
/// receiver as they stand. The values alone do not tell: a clock since boot passes them too.
fn refuse_other_unit(track: &mut Trace, name: &str, unit: i64, path: &Path, quarantine: &mut Quarantine) {
    let Some(first) = track.fixes.iter().position(|f| f.t.is_some()) else { return };
    let count = track.fixes[first].t.map_or(0, Timestamp::ns) / unit;
    let date = |unit: i64| {
        let t = count.checked_mul(unit).map(Timestamp::from_ns);
        t.is_some_and(|t| (order::FIRST_PLAUSIBLE..LAST_PLAUSIBLE).contains(&t))
    };
    let coarser = COUNTS.iter().find(|(_, other)| *other > unit && date(*other));
    let Some((column, _)) = coarser.filter(|_| speed_mps(track) > TOO_FAST_MPS) else { return };
    let unit = match *column {
        "t_us" => "microseconds",
        "t_ms" => "milliseconds",
        _ => "seconds",
    };
    let timed = track.fixes.iter().filter(|f| f.t.is_some()).count() as u64;
    let reason = format!("values of `{name}` look like {unit}: rename the column `{column}` (read without times)");
    quarantine.refuse_many(&Location::line(path, track.lines[first]), reason, timed);
    track.fixes.iter_mut().for_each(|fix| fix.t = None);
}

/// The speed between fixes that nine in ten do not exceed: one jump is no speed, nor is a long stop; 0 without two times.
fn speed_mps(track: &Trace) -> f64 {
    let speed = |w: &[GnssFix]| {
        let (before, after) = (w[0].t?, w[1].t?);
        let (a, b) = (w[0].place.to_ecef(), w[1].place.to_ecef());
        let metres = (a.x - b.x).hypot(a.y - b.y).hypot(a.z - b.z);
        // Digits that the unit cannot hold are cut off: times can be equal.
        Some(metres / (after.ns().abs_diff(before.ns()).max(1) as f64 / 1e9))
    };
    let mut speeds: Vec<f64> = track.fixes.windows(2).filter_map(speed).collect();
    if speeds.is_empty() {
        return 0.0;
    }
    let at = speeds.len() * 9 / 10;
    *speeds.select_nth_unstable_by(at, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_rows_are_refused_with_their_lines_and_the_rest_is_read() {
        let text = "t_ns,lon,lat,height_m,speed_kmh\n\
            1000,127.1,37.4,50,36\n\
            2000,nan,37.4,50,36\n\
            3000,0,0,50,36\n\
            4000,127.1,137.4,50,36\n\
            5000,127.1\n\
            oops,127.1,37.4,50,\n\
            7000,127.1,37.4,,\n";
        let mut quarantine = Quarantine::new();
        let traces =
            read(text.as_bytes(), Path::new("g.csv"), &CsvColumns::new(), TimeRule::default(), &mut quarantine)
                .expect("reads");
        let fixes = &traces.tracks[0].fixes;
        assert_eq!(fixes.len(), 2);
        assert_eq!((fixes[0].speed_mps, fixes[1].speed_mps, fixes[1].place.height_m), (Some(10.0), None, 0.0));
        let lines: Vec<_> = quarantine.iter().flat_map(|(_, _, r)| r.examples.clone()).collect();
        assert_eq!(lines.len(), 5);
        assert!(lines.contains(&"g.csv, line 6".to_string()), "{lines:?}");
    }

    #[test]
    fn a_track_column_splits_the_table_even_where_rows_are_mixed() {
        let text = "TrackID,Latitude,Longitude,Time\nb,52.1,13.1,\na,52.2,13.2,\nb,52.3,13.3,\n";
        let traces =
            read(text.as_bytes(), Path::new("g.csv"), &CsvColumns::new(), TimeRule::default(), &mut Quarantine::new())
                .expect("reads");
        let sizes: Vec<_> = traces.tracks.iter().map(|t| (t.name.as_deref(), t.fixes.len())).collect();
        assert_eq!(sizes, [(Some("b"), 2), (Some("a"), 1)]);
        assert_eq!(traces.height_datum, HeightDatum::None);
    }

    /// What is refused of a drive of 10 m/s, a second a row, whose times `time` writes.
    fn refused(column: &str, time: impl Fn(i64) -> String) -> (Traces, Vec<String>) {
        let rows = (0..20).map(|i| format!("{},127.1,{:.6}\n", time(i), 37.4 + i as f64 * 9e-5));
        let text = format!("{column},lon,lat\n{}", rows.collect::<String>());
        let mut quarantine = Quarantine::new();
        let none = CsvColumns::new();
        let traces =
            read(text.as_bytes(), Path::new("g.csv"), &none, TimeRule::default(), &mut quarantine).expect("reads");
        (traces, quarantine.iter().map(|(_, reason, r)| format!("{} x {reason}", r.count)).collect())
    }

    #[test]
    fn dates_in_a_coarser_unit_than_the_columns_are_told_by_their_speed() {
        let second = 1_714_521_600_i64;
        let cases = [
            ("t_ns", 1_000_000, "microseconds", "t_us"),
            ("t_ns", 1_000, "milliseconds", "t_ms"),
            ("t_ns", 1, "seconds", "t_s"),
            ("t_ms", 1, "seconds", "t_s"),
        ];
        for (column, per_second, unit, right) in cases {
            let (traces, reasons) = refused(column, |i| ((second + i) * per_second).to_string());
            let want =
                format!("20 x values of `{column}` look like {unit}: rename the column `{right}` (read without times)");
            assert_eq!(reasons, [want]);
            assert!(traces.tracks[0].fixes.len() == 20 && traces.tracks[0].fixes.iter().all(|f| f.t.is_none()));
        }
        // Half an hour since boot has as many digits as milliseconds of a date.
        let (traces, reasons) = refused("t_ns", |i| (1_714_521_600_000 + i * 1_000_000_000).to_string());
        assert!(reasons.is_empty() && traces.tracks[0].fixes.iter().all(|f| f.t.is_some()), "{reasons:?}");
    }

    #[test]
    fn numbers_in_a_column_of_dates_are_named_as_the_fault() {
        let text = "timestamp,lon,lat\n1714521600,127.1,37.4\n1714521601,127.1,37.5\n";
        let none = CsvColumns::new();
        let error = read(text.as_bytes(), Path::new("g.csv"), &none, TimeRule::default(), &mut Quarantine::new())
            .expect_err("no time in it");
        let said = error.to_string();
        assert!(said.contains("`timestamp` holds no date") && said.contains("`t_s`, `t_ms` or `t_ns`"), "{said}");
    }
}
