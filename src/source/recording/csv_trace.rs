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

use super::table::{Table, TimeRule};
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

/// Reads fixes; rows that are none go to `quarantine` with their line. Tracks come in the order of their first row.
///
/// # Errors
///
/// Without a header, or a `lon` and a `lat` column, or where the file cannot be read on.
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
    let mut heights = false;
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
            Err(reason) => quarantine.refuse(&Location::line(path, table.line()), reason),
        }
    }
    let height_datum = if heights { HeightDatum::Ellipsoidal } else { HeightDatum::None };
    Ok(Traces { tracks, height_datum, scale: rule.scale, notes: Vec::new() })
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
}
