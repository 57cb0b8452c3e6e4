//! What every trace format becomes: fixes with their places in the file, then put in order.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::coord::Geodetic;
use crate::error::{ErrorKind, Location, Quarantine};
use crate::record::{GnssFix, HeightDatum};
use crate::source::Limits;
use crate::time::ClockScale;

use super::order::{self, Verdict};

/// One sigma per horizontal axis for each unit of horizontal dilution of precision, metres: a user-equivalent range
/// error of 4.2 m (single frequency, open sky and some multipath) over √2 axes.
pub(super) const SIGMA_PER_HDOP_M: f64 = 3.0;

/// One track of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Trace {
    /// Its name in the file, where it has one.
    pub name: Option<String>,
    /// Its fixes, as in the file.
    pub fixes: Vec<GnssFix>,
    /// The line of each fix, from 1; 0 where the format has no lines.
    pub lines: Vec<u64>,
    /// What heights are measured from.
    pub height_datum: HeightDatum,
    /// What clock the times are on.
    pub scale: ClockScale,
}

/// All that a trace file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Traces {
    /// Its tracks.
    pub tracks: Vec<Trace>,
    /// What is worth saying without being refused.
    pub notes: Vec<String>,
}

impl Trace {
    /// Where no time of a track is a date and they rise, they count from an epoch that nobody stated: boot, or the start of
    /// the drive. They are kept as they are, for they say all but the day.
    ///
    /// Not to be called where the user says that they are UTC.
    pub(super) fn or_unknown_epoch(mut self, notes: &mut Vec<String>) -> Trace {
        let dated = self.fixes.iter().any(|fix| fix.t.is_some_and(|t| t >= order::FIRST_PLAUSIBLE));
        if self.scale == ClockScale::Utc && !dated && self.rises() {
            self.scale = ClockScale::Unknown;
            let note = "times before 1980: read as a clock of unknown epoch, as `[clock] gnss = \"unknown\"` in \
                recording.toml says; dates in another unit belong in a column `t_s`, `t_ms`, `t_us` or `t_ns`";
            notes.push(note.to_string());
        }
        self
    }

    /// Whether a fix has a time.
    pub(super) fn is_timed(&self) -> bool {
        self.fixes.iter().any(|fix| fix.t.is_some())
    }

    /// Whether most fixes have a time, and later ones than those before them.
    fn rises(&self) -> bool {
        let times: Vec<_> = self.fixes.iter().filter_map(|fix| fix.t).collect();
        let kept = order::judge(&times).iter().filter(|v| **v == Verdict::Keep).count();
        kept > 1 && kept * 2 >= self.fixes.len()
    }

    /// Adds a fix.
    pub(super) fn push(&mut self, fix: GnssFix, line: u64) {
        self.fixes.push(fix);
        self.lines.push(line);
    }

    /// The fixes in order of time (of the file, where there are no times); the rest goes to `quarantine`.
    ///
    /// Times that mostly cannot be used (all equal, before 1980, in no order) are dropped, not their positions.
    pub(super) fn ordered(self, path: &Path, quarantine: &mut Quarantine) -> Vec<GnssFix> {
        let place = |i: usize| match self.lines[i] {
            0 => Location::record(path, self.fixes[i].record),
            line => Location::line(path, line),
        };
        // An unknown epoch may well be the midnight before.
        let usable =
            |fix: &GnssFix| fix.t.filter(|&t| self.scale == ClockScale::Unknown || t >= order::FIRST_PLAUSIBLE);
        // Mostly nothing is wrong, and nothing has to be copied.
        let mut before = None;
        let in_order = |fix: &GnssFix| {
            let t = usable(fix);
            let later = t.is_some() && before < t;
            before = t;
            later
        };
        if self.fixes.iter().all(in_order) {
            let mut fixes = self.fixes;
            fixes.shrink_to_fit();
            return fixes;
        }
        let timed: Vec<usize> = (0..self.fixes.len()).filter(|&i| usable(&self.fixes[i]).is_some()).collect();
        let times: Vec<_> = timed.iter().filter_map(|&i| usable(&self.fixes[i])).collect();
        let verdicts = order::judge(&times);
        let kept = verdicts.iter().filter(|v| **v == Verdict::Keep).count();
        if kept * 2 < self.fixes.len() || (kept == 1 && self.fixes.len() > 1) {
            let given = self.fixes.iter().filter(|f| f.t.is_some()).count() as u64;
            let reason = "its time is not usable (most here are equal, in no order or before 1980): read without times";
            let first = (0..self.fixes.len()).find(|&i| self.fixes[i].t.is_some()).unwrap_or(0);
            quarantine.refuse_many(&place(first), reason, given);
            return self.fixes.into_iter().map(|fix| GnssFix { t: None, ..fix }).collect();
        }
        let mut good = vec![false; self.fixes.len()];
        for (&i, verdict) in timed.iter().zip(&verdicts) {
            match verdict.reason() {
                None => good[i] = true,
                Some(reason) => quarantine.refuse(&place(i), reason),
            }
        }
        for (i, fix) in self.fixes.iter().enumerate() {
            match (fix.t, usable(fix)) {
                (None, _) => quarantine.refuse(&place(i), "has no time where others have one"),
                (Some(_), None) => quarantine.refuse(&place(i), "its time lies before 1980"),
                _ => {}
            }
        }
        self.fixes.into_iter().zip(good).filter_map(|(fix, good)| good.then_some(fix)).collect()
    }
}

/// A place from numbers that a file gives.
///
/// # Errors
///
/// The reason, where they are no place on Earth, or (0, 0), which is a receiver without a fix.
pub(super) fn place(lon: f64, lat: f64, height_m: f64) -> Result<Geodetic, &'static str> {
    let place = Geodetic::new(lon, lat, height_m);
    if !(lon.is_finite() && lat.is_finite() && height_m.is_finite()) {
        Err("its position is NaN or infinite")
    } else if !place.is_valid() {
        Err("its position is out of range")
    } else if lon == 0.0 && lat == 0.0 {
        Err("its position is (0, 0)")
    } else {
        Ok(place)
    }
}

/// Opens a trace, unpacking gzip (told by its magic bytes), never reading more than the limits allow.
///
/// # Errors
///
/// Where the file cannot be read.
pub(super) fn open(path: &Path, limits: &Limits) -> Result<Box<dyn BufRead>, ErrorKind> {
    // Reads of a whole buffer of the one behind it pass it by.
    let mut file = BufReader::with_capacity(1 << 14, File::open(path).map_err(|e| ErrorKind::io("open", e))?);
    let start = file.fill_buf().map_err(|e| ErrorKind::io("read", e))?;
    if start.starts_with(&[0x1f, 0x8b]) {
        let inflated = flate2::bufread::MultiGzDecoder::new(file);
        return Ok(Box::new(BufReader::with_capacity(
            1 << 16,
            Bounded { inner: inflated, left: limits.inflated_bytes },
        )));
    }
    Ok(Box::new(BufReader::with_capacity(1 << 16, Bounded { inner: file, left: limits.file_bytes })))
}

/// A reader that fails instead of giving more bytes than it may.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::FileTooLarge, "the file (or what it unpacks to) is above the reader's limit")
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn trace(times: &[Option<&str>]) -> Trace {
        let mut trace = Trace::default();
        for (i, time) in times.iter().enumerate() {
            let t = time.map(|t| Timestamp::parse(t).expect("a time"));
            let place = Geodetic::new(127.0, 37.0, 0.0);
            trace.push(GnssFix::at(t, place, i as u64), 0);
        }
        trace
    }

    #[test]
    fn a_reversed_time_costs_its_fix_and_names_its_record() {
        let mut quarantine = Quarantine::new();
        let times = [Some("2024-05-01T00:00:02Z"), Some("2024-05-01T00:00:03Z"), Some("2024-05-01T00:00:01Z"), None];
        let fixes = trace(&times).ordered(Path::new("a.gpx"), &mut quarantine);
        assert_eq!(fixes.iter().map(|f| f.record).collect::<Vec<_>>(), [0, 1]);
        let reasons: Vec<_> = quarantine.iter().map(|(_, reason, r)| (reason, r.examples[0].as_str())).collect();
        assert_eq!(
            reasons,
            [("has no time where others have one", "a.gpx, record 3"), ("time goes back", "a.gpx, record 2")]
        );
    }

    #[test]
    fn times_that_are_all_equal_are_dropped_and_the_places_kept() {
        let mut quarantine = Quarantine::new();
        let fixes = trace(&[Some("2015-01-01T11:35:02Z"); 5]).ordered(Path::new("a"), &mut quarantine);
        assert!(fixes.len() == 5 && fixes.iter().all(|f| f.t.is_none()));
        assert_eq!(quarantine.total(), 5);
    }

    #[test]
    fn times_that_rise_before_1980_are_a_clock_of_unknown_epoch() {
        let scale = |times: &[Option<&str>]| {
            let mut notes = Vec::new();
            let trace = trace(times).or_unknown_epoch(&mut notes);
            assert_eq!(notes.len(), usize::from(trace.scale == ClockScale::Unknown));
            trace.scale
        };
        let (boot, later, date) =
            (Some("1970-01-01T00:00:01Z"), Some("1970-01-01T00:00:02Z"), Some("2024-05-01T00:00:02Z"));
        assert_eq!(scale(&[boot, later]), ClockScale::Unknown);
        for times in [&[boot, later, date][..], &[boot, boot, boot], &[boot], &[None, None], &[later, boot], &[]] {
            assert_eq!(scale(times), ClockScale::Utc, "{times:?}");
        }
    }

    #[test]
    fn a_receiver_without_a_fix_is_no_place() {
        assert!(place(0.0, 0.0, 12.0).is_err() && place(f64::NAN, 1.0, 0.0).is_err() && place(1.0, 91.0, 0.0).is_err());
        assert!(place(0.0, 51.5, 0.0).is_ok());
    }
}
