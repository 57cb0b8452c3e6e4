//! GNSS fixes from CSV: `gnss.csv` of a recording folder, or anybody's table, with one track or many.
//!
//! Columns by our names (a `columns` mapping gives other ones): `lon`, `lat` (degrees; needed), `height_m`, a time
//! (`t_ns`, `t_us`, `t_ms`, `t_s` counts, or `time` in ISO 8601), `speed_mps` or `speed_kmh`, `course_deg`,
//! `sigma_xy_m`, `sigma_z_m`, and `track`, which splits the table into one recording per value.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufRead;
use std::path::{Path, PathBuf};

use crate::error::{ErrorKind, Location, Quarantine};
use crate::record::{GnssFix, HeightDatum};
use crate::source::CsvColumns;
use crate::time::{ClockScale, Timestamp};

use super::order;
use super::table::{COUNTS, NUMBER_FOR_DATE, Reason, Table, TimeRule};
use super::trace::{Trace, place};

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

/// The tracks of a table, one after the other, in the order of their first rows.
pub(super) struct Tracks<R> {
    table: Table<R>,
    rows: Rows,
    path: PathBuf,
    /// Rows of a track lie anywhere: none is whole before the last row.
    scattered: bool,
    ahead: Option<Row>,
    ready: std::vec::IntoIter<Trace>,
    over: bool,
    /// Fixes of the last track: mostly the next one has about as many.
    expected: usize,
    /// Whether there was a track, and whether rows have numbers where dates belong.
    any: bool,
    numbers_for_dates: bool,
}

/// Where the columns are.
struct Rows {
    lon: usize,
    lat: usize,
    height: Option<usize>,
    mps: Option<usize>,
    kmh: Option<usize>,
    course: Option<usize>,
    sigma_xy: Option<usize>,
    sigma_z: Option<usize>,
    track: Option<usize>,
    time: TimeRule,
}

/// A row that is a fix.
struct Row {
    track: Vec<u8>,
    fix: GnssFix,
    line: u64,
    has_height: bool,
}

/// Whether rows of a track lie apart, with others between them.
///
/// # Errors
///
/// As [`Tracks::open`]; where the file cannot be read on.
pub(super) fn is_scattered(reader: impl BufRead, mapping: &CsvColumns) -> Result<bool, ErrorKind> {
    let mut table = Table::open(reader, mapping)?;
    let Some(track) = table.column("track") else { return Ok(false) };
    let (mut last, mut ended) = (None::<Vec<u8>>, HashSet::new());
    while table.advance()? {
        let key = table.text(Some(track)).unwrap_or_default();
        if last.as_deref() == Some(key) {
            continue;
        }
        // Hashes: two tracks that share one only cost memory.
        if let Some(before) = last.replace(key.to_vec()) {
            ended.insert(hash(&before));
        }
        if ended.contains(&hash(key)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn hash(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

impl<R: BufRead> Tracks<R> {
    /// The tracks of a table at `path`. Each is given as soon as another begins, unless their rows are `scattered`.
    ///
    /// # Errors
    ///
    /// A name in `mapping` that is none of [`COLUMNS`]; without a header, or a `lon` and a `lat` column.
    pub(super) fn open(
        reader: R,
        path: &Path,
        mapping: &CsvColumns,
        time: TimeRule,
        scattered: bool,
    ) -> Result<Tracks<R>, ErrorKind> {
        if let Some(name) = mapping.keys().find(|name| !COLUMNS.contains(&name.as_str())) {
            return Err(ErrorKind::Config(format!("`columns` has no `{name}`; it takes: {}", COLUMNS.join(", "))));
        }
        let table = Table::open(reader, mapping)?;
        let rows = Rows {
            lon: table.required("lon")?,
            lat: table.required("lat")?,
            height: table.column("height_m"),
            mps: table.column("speed_mps"),
            kmh: table.column("speed_kmh"),
            course: table.column("course_deg"),
            sigma_xy: table.column("sigma_xy_m"),
            sigma_z: table.column("sigma_z_m"),
            track: table.column("track"),
            time,
        };
        Ok(Tracks {
            table,
            rows,
            path: path.to_path_buf(),
            scattered,
            ahead: None,
            ready: Vec::new().into_iter(),
            over: false,
            expected: 0,
            any: false,
            numbers_for_dates: false,
        })
    }

    /// The next track; `None` after the last. Rows that are no fix go to `quarantine` with their line.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read on, or no row can be used and its column of dates holds numbers.
    pub(super) fn next(&mut self, quarantine: &mut Quarantine) -> Result<Option<Trace>, ErrorKind> {
        loop {
            if let Some(mut track) = self.ready.next() {
                self.any = true;
                self.expected = track.fixes.len();
                track.scale = self.rows.time.scale;
                // Who states a clock knows the unit.
                if let (Some((name, unit)), ClockScale::Utc) = (self.table.counted(), self.rows.time.scale) {
                    refuse_other_unit(&mut track, name, unit, &self.path, quarantine);
                }
                return Ok(Some(track));
            }
            if !self.over {
                self.ready = self.gather(quarantine)?.into_iter();
            } else if !self.any && self.numbers_for_dates {
                let reason = format!(
                    "its column `{}` holds no date: numbers belong in a column `t_s`, `t_ms` or `t_ns`",
                    self.table.time_name()
                );
                return Err(ErrorKind::malformed("CSV", reason));
            } else {
                return Ok(None);
            }
        }
    }

    /// Whether another track is sure to follow the one that was given last.
    pub(super) fn goes_on(&self) -> bool {
        self.ahead.is_some() || self.ready.len() > 0
    }

    /// Reads on to the end of a track, or of the file.
    fn gather(&mut self, quarantine: &mut Quarantine) -> Result<Vec<Trace>, ErrorKind> {
        let mut gathered = Gathered { expected: self.expected, ..Gathered::default() };
        if let Some(row) = self.ahead.take() {
            gathered.add(&row.track, row.fix, row.line, row.has_height);
        }
        while self.table.advance()? {
            match self.rows.fix(&self.table) {
                Ok((fix, has_height)) => {
                    let (key, line) = (self.table.text(self.rows.track).unwrap_or_default(), self.table.line());
                    if !self.scattered && gathered.is_of_other(key) {
                        self.ahead = Some(Row { track: key.to_vec(), fix, line, has_height });
                        return Ok(gathered.tracks);
                    }
                    gathered.add(key, fix, line, has_height);
                }
                Err(reason) => {
                    self.numbers_for_dates |= reason == NUMBER_FOR_DATE;
                    quarantine.refuse(&Location::line(&self.path, self.table.line()), reason);
                }
            }
        }
        self.over = true;
        Ok(gathered.tracks)
    }
}

impl Rows {
    /// The fix of a row and whether it has a height, or why it is none.
    fn fix(&self, table: &Table<impl BufRead>) -> Result<(GnssFix, bool), Reason> {
        let height_m = table.number(self.height)?;
        let speed = match table.number(self.mps)? {
            Some(speed) => Some(speed),
            None => table.number(self.kmh)?.map(|speed| speed / 3.6),
        };
        let fix = GnssFix {
            t: table.time(self.time)?,
            place: place(table.needed(self.lon)?, table.needed(self.lat)?, height_m.unwrap_or(0.0))?,
            speed_mps: speed,
            course_deg: table.number(self.course)?,
            sigma_xy_m: table.number(self.sigma_xy)?.filter(|s| *s > 0.0),
            sigma_z_m: table.number(self.sigma_z)?.filter(|s| *s > 0.0),
            record: table.record(),
        };
        Ok((fix, height_m.is_some()))
    }
}

/// Tracks that are being read.
#[derive(Default)]
struct Gathered {
    tracks: Vec<Trace>,
    /// How many fixes room is made for at once.
    expected: usize,
    index: HashMap<Vec<u8>, usize>,
    /// Rows of a track mostly follow each other.
    last: Vec<u8>,
    last_at: Option<usize>,
}

impl Gathered {
    /// Whether a key is that of another track than those that have begun.
    fn is_of_other(&self, key: &[u8]) -> bool {
        self.last_at.is_some() && self.last != key
    }

    fn add(&mut self, key: &[u8], fix: GnssFix, line: u64, has_height: bool) {
        let at = match self.last_at.filter(|_| self.last == key).or_else(|| self.index.get(key).copied()) {
            Some(at) => at,
            None => {
                self.index.insert(key.to_vec(), self.tracks.len());
                let name = (!key.is_empty()).then(|| String::from_utf8_lossy(key).into_owned());
                let (fixes, lines) = (Vec::with_capacity(self.expected), Vec::with_capacity(self.expected));
                self.tracks.push(Trace { name, fixes, lines, ..Trace::default() });
                self.tracks.len() - 1
            }
        };
        if self.last_at != Some(at) {
            self.last_at = Some(at);
            self.last.clear();
            self.last.extend_from_slice(key);
        }
        self.tracks[at].push(fix, line);
        if has_height {
            self.tracks[at].height_datum = HeightDatum::Ellipsoidal;
        }
    }
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
    use crate::source::recording::trace::Traces;

    fn read_as(text: &str, scattered: bool, quarantine: &mut Quarantine) -> Result<Traces, ErrorKind> {
        let none = CsvColumns::new();
        let mut tracks = Tracks::open(text.as_bytes(), Path::new("g.csv"), &none, TimeRule::default(), scattered)?;
        let mut all = Traces::default();
        while let Some(track) = tracks.next(quarantine)? {
            all.tracks.push(track);
        }
        Ok(all)
    }

    fn read(text: &str, quarantine: &mut Quarantine) -> Result<Traces, ErrorKind> {
        read_as(text, is_scattered(text.as_bytes(), &CsvColumns::new())?, quarantine)
    }

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
        let traces = read(text, &mut quarantine).expect("reads");
        let fixes = &traces.tracks[0].fixes;
        assert_eq!(fixes.len(), 2);
        assert_eq!((fixes[0].speed_mps, fixes[1].speed_mps, fixes[1].place.height_m), (Some(10.0), None, 0.0));
        let lines: Vec<_> = quarantine.iter().flat_map(|(_, _, r)| r.examples.clone()).collect();
        assert_eq!(lines.len(), 5);
        assert!(lines.contains(&"g.csv, line 6".to_string()), "{lines:?}");
    }

    #[test]
    fn columns_without_a_number_cost_no_fix_where_they_need_not_be_there() {
        let text = "t_ns,lon,lat,height_m,speed_mps,speed_kmh,course_deg,sigma_xy_m\n\
            1000,127.1,37.4,nan,nan,36,-nan,None\n\
            2000,127.1,37.4,NULL,5,NA,90,2\n\
            3000,127.1,37.4,50,inf,,,\n\
            4000,127.1,NULL,50,,,,\n\
            NULL,127.1,37.4,50,,,,\n";
        let mut quarantine = Quarantine::new();
        let track = read(text, &mut quarantine).expect("reads").tracks.remove(0);
        let of = |f: &GnssFix| (f.place.height_m, f.speed_mps, f.course_deg, f.sigma_xy_m);
        assert_eq!(
            track.fixes.iter().map(of).collect::<Vec<_>>(),
            [(0.0, Some(10.0), None, None), (0.0, Some(5.0), Some(90.0), Some(2.0))]
        );
        assert_eq!(track.height_datum, HeightDatum::None);
        let refused: Vec<_> = quarantine.iter().map(|(_, reason, r)| format!("{}: {reason}", r.examples[0])).collect();
        let want = [
            "g.csv, line 5: `lat` is NaN or a word for no number",
            "g.csv, line 4: `speed_mps` is infinite",
            "g.csv, line 6: the time in `t_ns` is not a time",
        ];
        assert_eq!(refused, want);
    }

    #[test]
    fn a_track_column_splits_the_table_even_where_rows_are_mixed() {
        let text = "TrackID,Latitude,Longitude,Time\nb,52.1,13.1,\na,52.2,13.2,\nb,52.3,13.3,\n";
        let traces = read(text, &mut Quarantine::new()).expect("reads");
        let sizes: Vec<_> = traces.tracks.iter().map(|t| (t.name.as_deref(), t.fixes.len())).collect();
        assert_eq!(sizes, [(Some("b"), 2), (Some("a"), 1)]);
        assert_eq!(traces.tracks[0].height_datum, HeightDatum::None);
    }

    #[test]
    fn tracks_that_follow_each_other_are_given_one_by_one() {
        let text = "track,lon,lat,height_m\na,52.1,13.1,\na,52.2,13.2,\nb,52.3,13.3,5\n,52.4,13.4,\n";
        let none = CsvColumns::new();
        assert!(!is_scattered(text.as_bytes(), &none).expect("reads"));
        assert!(is_scattered(b"track,lon,lat\na,1,2\nb,1,2\na,1,2\n".as_slice(), &none).expect("reads"));
        let mut quarantine = Quarantine::new();
        let mut tracks =
            Tracks::open(text.as_bytes(), Path::new("g.csv"), &none, TimeRule::default(), false).expect("opens");
        let first = tracks.next(&mut quarantine).expect("reads").expect("a track");
        assert_eq!((first.name.as_deref(), first.fixes.len(), tracks.table.record()), (Some("a"), 2, 2));
        // Whether they are held together or not.
        let both = [false, true].map(|scattered| read_as(text, scattered, &mut quarantine).expect("reads"));
        assert_eq!(both[0], both[1]);
        let datums: Vec<_> = both[0].tracks.iter().map(|t| t.height_datum).collect();
        assert_eq!(datums, [HeightDatum::None, HeightDatum::Ellipsoidal, HeightDatum::None]);
    }

    /// What is refused of a drive of 10 m/s, a second a row, whose times `time` writes.
    fn refused(column: &str, time: impl Fn(i64) -> String) -> (Traces, Vec<String>) {
        let rows = (0..20).map(|i| format!("{},127.1,{:.6}\n", time(i), 37.4 + i as f64 * 9e-5));
        let text = format!("{column},lon,lat\n{}", rows.collect::<String>());
        let mut quarantine = Quarantine::new();
        let traces = read(&text, &mut quarantine).expect("reads");
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
        let error = read(text, &mut Quarantine::new()).expect_err("no time in it");
        let said = error.to_string();
        assert!(said.contains("`timestamp` holds no date") && said.contains("`t_s`, `t_ms` or `t_ns`"), "{said}");
    }
}
