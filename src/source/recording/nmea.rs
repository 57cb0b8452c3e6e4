//! NMEA 0183: position, time, speed and error from RMC, GGA, GNS, VTG, GST and ZDA of any talker.
//!
//! Sentences of one time of day make one fix. Source: NMEA 0183 v4.10 as described in u-blox's *F9 interface
//! description* and E. S. Raymond's *NMEA Revealed*. Own reader rather than the `nmea` crate: checksums have to be
//! judged line by line, epochs merged, and no line may allocate.

use std::io::BufRead;
use std::path::Path;

use crate::error::{ErrorKind, Location, Quarantine};
use crate::record::{GnssFix, HeightDatum};
use crate::time::{ClockScale, Timestamp};

use super::civil;
use super::trace::{SIGMA_PER_HDOP_M, Trace, Traces, place};

/// Knots to m/s: a nautical mile of 1,852 m an hour.
const KNOT_MPS: f64 = 1852.0 / 3600.0;
/// Receivers that have not heard of the date yet count from the day that GPS began, 6 January 1980, in days since 1970.
const FIRST_GPS_DAY: i64 = 3657;
/// A line longer than this is no sentence (the standard allows 82 characters; receivers write somewhat more).
const LINE_BYTES: usize = 1024;

/// Whether a line holds a sentence: `$`, a talker and a type in capitals, a comma.
pub(super) fn is_sentence(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let [b'$', name @ ..] = line else { return false };
    let length = name.iter().take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit()).count();
    length >= 4 && name.get(length) == Some(&b',')
}

/// Reads fixes, one an epoch. Lines with a wrong checksum, epochs without a fix and impossible values go to
/// `quarantine`. Without any date in the file, times count from the midnight before and the clock is `unknown`.
///
/// # Errors
///
/// Where the file cannot be read on.
pub(super) fn read(mut source: impl BufRead, path: &Path, quarantine: &mut Quarantine) -> Result<Traces, ErrorKind> {
    let mut merger = Merger::default();
    let (mut lines, mut number, mut checksums_seen) = (Vec::with_capacity(128), 0_u64, false);
    loop {
        lines.clear();
        if source.read_until(b'\n', &mut lines).map_err(|e| ErrorKind::io("read", e))? == 0 {
            break;
        }
        // Some loggers end lines with a carriage return alone.
        for line in lines.trim_ascii_end().split(|&c| c == b'\r') {
            number += 1;
            let text = line.trim_ascii();
            // A receiver's own binary or a logger's remarks may lie between sentences.
            let Some(start) = text.iter().position(|&c| c == b'$') else { continue };
            let here = || Location::line(path, number);
            if text.len() - start > LINE_BYTES {
                quarantine.refuse(&here(), "NMEA: the line is too long for a sentence");
                continue;
            }
            let body = match verify(&text[start + 1..]) {
                Check::Right(body) => {
                    checksums_seen = true;
                    body
                }
                // Old receivers write none; where others of the file have one, the line has lost its end.
                Check::None(body) if !checksums_seen => body,
                Check::None(_) => {
                    quarantine.refuse(&here(), "NMEA: the checksum is missing where other lines have one");
                    continue;
                }
                Check::Wrong => {
                    quarantine.refuse(&here(), "NMEA: the checksum is wrong");
                    continue;
                }
            };
            if let Err(reason) = merger.sentence(body, number, path, quarantine) {
                quarantine.refuse(&here(), reason);
            }
        }
    }
    merger.flush(path, quarantine);
    Ok(merger.finish())
}

enum Check<'a> {
    Right(&'a [u8]),
    None(&'a [u8]),
    Wrong,
}

/// The part between `$` and `*`, judged by the two hex digits behind it (XOR of all its bytes).
fn verify(text: &[u8]) -> Check<'_> {
    let Some(star) = text.iter().position(|&c| c == b'*') else { return Check::None(text) };
    let sum = text[..star].iter().fold(0, |sum, c| sum ^ c);
    let hex = |c: &u8| char::from(*c).to_digit(16);
    match text.get(star + 1..).map(|t| (t.first().and_then(hex), t.get(1).and_then(hex))) {
        Some((Some(high), Some(low))) if high * 16 + low == u32::from(sum) => Check::Right(&text[..star]),
        _ => Check::Wrong,
    }
}

/// What one time of day has told so far.
#[derive(Debug, Default, Clone)]
struct Epoch {
    /// Nanoseconds since midnight, UTC.
    time_ns: Option<i64>,
    /// Days since 1970, where a sentence of this epoch says it.
    day: Option<i64>,
    line: u64,
    /// The kinds of its sentences, in epochs without a time.
    kinds: Vec<[u8; 3]>,
    position: Option<(f64, f64)>,
    altitude_m: Option<f64>,
    separation_m: Option<f64>,
    speed_mps: Option<f64>,
    course_deg: Option<f64>,
    hdop: Option<f64>,
    quality: Option<i64>,
    sigma: Option<(f64, f64)>,
    void: bool,
}

/// A fix whose day may still be to come.
struct Pending {
    fix: GnssFix,
    line: u64,
    time_ns: i64,
    day: Option<i64>,
    /// Its day by a date of another time of day.
    near: Option<i64>,
}

/// A date of a moment that has no fix.
#[derive(Clone, Copy)]
struct Date {
    day: i64,
    time_ns: i64,
}

impl Date {
    /// The day of the time of day nearest to it: midnight may lie between them.
    fn day_of(self, time_ns: i64) -> i64 {
        match time_ns - self.time_ns {
            later if later < -civil::DAY_NS / 2 => self.day + 1,
            later if later > civil::DAY_NS / 2 => self.day - 1,
            _ => self.day,
        }
    }
}

#[derive(Default)]
struct Merger {
    epoch: Epoch,
    fixes: Vec<Pending>,
    /// The last date of a moment without a fix.
    date: Option<Date>,
    separation_m: Option<f64>,
    without_separation: bool,
    with_height: bool,
}

/// Fields of a sentence, split at commas.
struct Fields<'a> {
    fields: [&'a [u8]; 20],
}

impl<'a> Fields<'a> {
    fn split(body: &'a [u8]) -> Fields<'a> {
        let mut fields = [&b""[..]; 20];
        for (field, part) in fields.iter_mut().zip(body.split(|&c| c == b',')) {
            *field = part;
        }
        Fields { fields }
    }

    fn number(&self, i: usize) -> Option<f64> {
        decimal(self.fields[i])
    }

    fn is(&self, i: usize, letters: &[u8]) -> bool {
        self.fields[i].first().is_some_and(|c| letters.contains(c))
    }

    /// `hhmmss[.fff]` as nanoseconds since midnight.
    fn time(&self, i: usize) -> Result<Option<i64>, &'static str> {
        let text = self.fields[i];
        if text.is_empty() {
            return Ok(None);
        }
        let part = |range: std::ops::Range<usize>| text.get(range).and_then(civil::digits);
        let (Some(h), Some(m), Some(s)) = (part(0..2), part(2..4), part(4..6)) else {
            return Err("NMEA: the time is not a time");
        };
        if h > 23 || m > 59 || s > 60 {
            return Err("NMEA: the time is not a time");
        }
        let fraction = text.get(7..).filter(|_| text[6] == b'.').map_or(0, civil::fraction_ns);
        Ok(Some((h * 3600 + m * 60 + s) * 1_000_000_000 + fraction))
    }

    /// Latitude and longitude of four fields, `ddmm.mm,N,dddmm.mm,E`.
    fn position(&self, i: usize) -> Result<Option<(f64, f64)>, &'static str> {
        if self.fields[i].is_empty() || self.fields[i + 2].is_empty() {
            return Ok(None);
        }
        let angle = |i: usize, degree_digits: usize, negative: u8| {
            let (degrees, minutes) = self.fields[i].split_at_checked(degree_digits)?;
            let minutes = decimal(minutes).filter(|m| (0.0..60.0).contains(m))?;
            let angle = civil::digits(degrees)? as f64 + minutes / 60.0;
            Some(if self.is(i + 1, &[negative, negative.to_ascii_lowercase()]) { -angle } else { angle })
        };
        let pair = angle(i, 2, b'S').zip(angle(i + 2, 3, b'W'));
        pair.map(Some).ok_or("NMEA: the position is not a position")
    }

    /// `ddmmyy` as days since 1970; two-digit years count from 1980, when GPS began.
    fn day(&self, i: usize) -> Option<i64> {
        let text = self.fields[i];
        let part = |range: std::ops::Range<usize>| text.get(range).and_then(civil::digits);
        let year = part(4..6).filter(|_| text.len() == 6)?;
        civil::days(if year < 80 { 2000 + year } else { 1900 + year }, part(2..4)?, part(0..2)?)
    }
}

/// A finite decimal number; the short ones that sentences are made of without the general parser.
fn decimal(text: &[u8]) -> Option<f64> {
    let whole = text.iter().take_while(|c| c.is_ascii_digit()).count();
    let fraction = match &text[whole..] {
        [] => &[][..],
        [b'.', fraction @ ..] => fraction,
        _ => return general(text),
    };
    let digits = whole + fraction.len();
    // Up to 15 digits and a power of ten up to 22 are exact as floats, so one division rounds once: as `parse` does.
    if digits == 0 || digits > 15 || !fraction.iter().all(u8::is_ascii_digit) {
        return general(text);
    }
    const TENS: [f64; 16] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let value = text[..whole].iter().chain(fraction).fold(0_u64, |n, c| n * 10 + u64::from(c - b'0'));
    Some(value as f64 / TENS[fraction.len()])
}

fn general(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok().filter(|v: &f64| v.is_finite())
}

impl Merger {
    /// Takes one sentence, without `$` and checksum.
    fn sentence(
        &mut self,
        body: &[u8],
        line: u64,
        path: &Path,
        quarantine: &mut Quarantine,
    ) -> Result<(), &'static str> {
        let name_length = body.iter().position(|&c| c == b',').unwrap_or(body.len());
        // Proprietary sentences start with P and have no talker.
        if name_length != 5 || body[0] == b'P' {
            return Ok(());
        }
        let kind = &body[2..5];
        if ![&b"RMC"[..], b"GGA", b"GNS", b"VTG", b"GST", b"ZDA"].contains(&kind) {
            return Ok(());
        }
        let f = Fields::split(body);
        // VTG has no time: it belongs to the epoch that is open.
        if kind == b"VTG" {
            self.epoch.course_deg = self.epoch.course_deg.or(f.number(1));
            let kmh = f.number(7).map(|v| v / 3.6);
            self.epoch.speed_mps = self.epoch.speed_mps.or(kmh).or(f.number(5).map(|v| v * KNOT_MPS));
            return Ok(());
        }
        let time = f.time(1)?;
        // A receiver without a fix may leave the time empty; there, a kind that comes again starts the next epoch.
        let again = time.is_none() && self.epoch.kinds.contains(&[kind[0], kind[1], kind[2]]);
        if self.epoch.line > 0 && (time != self.epoch.time_ns || again) {
            self.flush(path, quarantine);
        }
        let epoch = &mut self.epoch;
        if epoch.line == 0 {
            (epoch.line, epoch.time_ns) = (line, time);
        }
        if time.is_none() {
            epoch.kinds.push([kind[0], kind[1], kind[2]]);
        }
        match kind {
            b"RMC" => {
                epoch.day = f.day(9).or(epoch.day);
                epoch.void |= f.is(2, b"Vv");
                epoch.position = epoch.position.or(f.position(3)?);
                epoch.speed_mps = f.number(7).map(|v| v * KNOT_MPS).or(epoch.speed_mps);
                epoch.course_deg = f.number(8).or(epoch.course_deg);
            }
            b"GGA" => {
                let quality = f.number(6).map(|q| q as i64);
                epoch.quality = quality;
                epoch.void |= quality == Some(0);
                // Finer than RMC's in some receivers, so it wins.
                epoch.position = f.position(2)?.or(epoch.position);
                epoch.hdop = f.number(8).or(epoch.hdop);
                epoch.altitude_m = f.number(9);
                epoch.separation_m = f.number(11);
            }
            b"GNS" => {
                epoch.void |= !f.fields[6].is_empty() && f.fields[6].iter().all(|c| *c == b'N');
                epoch.position = epoch.position.or(f.position(2)?);
                epoch.hdop = epoch.hdop.or(f.number(8));
                epoch.altitude_m = epoch.altitude_m.or(f.number(9));
                epoch.separation_m = epoch.separation_m.or(f.number(10));
            }
            b"GST" => {
                if let (Some(lat), Some(lon)) = (f.number(6), f.number(7)) {
                    let per_axis = ((lat * lat + lon * lon) / 2.0).sqrt();
                    epoch.sigma = Some((per_axis, f.number(8).unwrap_or(f64::NAN)));
                }
            }
            _ => {
                let (day, month, year) =
                    (civil::digits(f.fields[2]), civil::digits(f.fields[3]), civil::digits(f.fields[4]));
                if let (Some(day), Some(month), Some(year)) = (day, month, year) {
                    epoch.day = civil::days(year, month, day).or(epoch.day);
                }
            }
        }
        Ok(())
    }

    /// Ends the open epoch.
    fn flush(&mut self, path: &Path, quarantine: &mut Quarantine) {
        let epoch = std::mem::take(&mut self.epoch);
        if epoch.line == 0 {
            return;
        }
        let here = Location::line(path, epoch.line);
        if epoch.void {
            quarantine.refuse(&here, "NMEA: the receiver had no fix (void)");
            self.keep_date(&epoch);
            return;
        }
        let (Some((lat, lon)), Some(time_ns)) = (epoch.position, epoch.time_ns) else {
            // Only speed, error or date of a moment: nothing else is lost with it.
            self.keep_date(&epoch);
            return;
        };
        if let Some(separation) = epoch.separation_m {
            self.separation_m = Some(separation);
        }
        let height = match (epoch.altitude_m, epoch.separation_m.or(self.separation_m)) {
            (Some(altitude), separation) => {
                self.with_height = true;
                self.without_separation |= separation.is_none();
                altitude + separation.unwrap_or(0.0)
            }
            (None, _) => 0.0,
        };
        let place = match place(lon, lat, height) {
            Ok(place) => place,
            Err(reason) => {
                quarantine.refuse(&here, format!("NMEA: {reason}"));
                self.keep_date(&epoch);
                return;
            }
        };
        let sigma = sigma(&epoch);
        let fix = GnssFix {
            t: None,
            place,
            speed_mps: epoch.speed_mps.filter(|v| *v >= 0.0),
            course_deg: epoch.course_deg.filter(|c| (0.0..=360.0).contains(c)),
            sigma_xy_m: sigma.0,
            sigma_z_m: sigma.1,
            record: self.fixes.len() as u64,
        };
        let near = self.date.take().map(|date| date.day_of(time_ns));
        self.fixes.push(Pending { fix, line: epoch.line, time_ns, day: epoch.day, near });
    }

    /// Keeps the date of an epoch that is no fix, for the fix behind it, and for the one before where that has none.
    fn keep_date(&mut self, epoch: &Epoch) {
        let (Some(day), Some(time_ns)) = (epoch.day.filter(|day| *day > FIRST_GPS_DAY + 1), epoch.time_ns) else {
            return;
        };
        let date = Date { day, time_ns };
        self.date = Some(date);
        if let Some(last) = self.fixes.last_mut() {
            last.near = last.near.or_else(|| Some(date.day_of(last.time_ns)));
        }
    }

    /// Gives every fix its day: its own (where no fix of the file has one, that of a moment near it), else that of the
    /// fix before (one more where the clock passed midnight), else, at the start, that of the first which has one.
    fn finish(mut self) -> Traces {
        let mut track = Trace::default();
        // Before a receiver has a fix, its date may be the one that it was switched off at.
        if self.fixes.iter().all(|p| p.day.is_none()) {
            self.fixes.iter_mut().for_each(|p| p.day = p.near);
        }
        let first = self.fixes.iter().position(|p| p.day.is_some());
        let mut notes = Vec::new();
        let scale = if first.is_some() || self.fixes.is_empty() { ClockScale::Utc } else { ClockScale::Unknown };
        if scale == ClockScale::Unknown {
            notes
                .push("no date in the file (no valid RMC or ZDA): times count from the midnight before it".to_string());
        }
        let midnights = |fixes: &[Pending]| {
            fixes.windows(2).filter(|w| w[1].time_ns - w[0].time_ns < -civil::DAY_NS / 2).count() as i64
        };
        let start = first.map_or(0, |i| self.fixes[i].day.unwrap_or(0) - midnights(&self.fixes[..=i]));
        let (mut day, mut before) = (start, None);
        for pending in self.fixes {
            if before.is_some_and(|before| pending.time_ns - before < -civil::DAY_NS / 2) {
                day += 1;
            }
            day = pending.day.unwrap_or(day);
            before = Some(pending.time_ns);
            let t = Timestamp::from_ns(day * civil::DAY_NS + pending.time_ns);
            track.push(GnssFix { t: Some(t), ..pending.fix }, pending.line);
        }
        let height_datum = match (self.with_height, self.without_separation) {
            (false, _) => HeightDatum::None,
            (true, false) => HeightDatum::Ellipsoidal,
            (true, true) => HeightDatum::Orthometric,
        };
        Traces { tracks: vec![Trace { height_datum, scale, ..track }], notes }
    }
}

/// One sigma per horizontal axis and of the height, metres: GST's own figures, else a rule of thumb by the kind of fix.
fn sigma(epoch: &Epoch) -> (Option<f64>, Option<f64>) {
    if let Some((xy, z)) = epoch.sigma {
        return (Some(xy).filter(|s| *s > 0.0), Some(z).filter(|s| *s > 0.0));
    }
    // Carrier-phase fixes are as good as their ambiguities; code fixes scale with the geometry, differential ones by half.
    let xy = match epoch.quality {
        Some(4) => Some(0.05),
        Some(5) => Some(0.4),
        Some(2 | 3) => epoch.hdop.map(|dop| dop * SIGMA_PER_HDOP_M / 2.0),
        _ => epoch.hdop.map(|dop| dop * SIGMA_PER_HDOP_M),
    };
    let xy = xy.filter(|s| *s > 0.0);
    // Heights are about half as good: all satellites are above.
    (xy, xy.map(|s| s * 2.0).filter(|_| epoch.altitude_m.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sentences with their checksums.
    fn log(bodies: &[&str]) -> String {
        bodies.iter().map(|b| format!("${b}*{:02X}\r\n", b.bytes().fold(0, |sum, c| sum ^ c))).collect()
    }

    fn parse(text: &str) -> (Traces, Quarantine) {
        let mut quarantine = Quarantine::new();
        let traces = read(text.as_bytes(), Path::new("a.nmea"), &mut quarantine).expect("readable");
        (traces, quarantine)
    }

    const RMC: &str = "GNRMC,235959.50,A,3725.58362,N,12205.61915,W,10.0,65.13,070220,13.06,E,F,V";
    const GGA: &str = "GNGGA,235959.50,3725.58362,N,12205.61915,W,1,12,0.76,4.4,M,-30.0,M,0.0,2000";

    #[test]
    fn sentences_of_one_time_make_one_fix_above_the_ellipsoid() {
        let (traces, quarantine) = parse(&log(&[RMC, "GNGSA,A,3,17", GGA, "GNGST,235959.50,1,1,1,1,3.0,4.0,5.0"]));
        let fixes = &traces.tracks[0].fixes;
        assert_eq!((fixes.len(), quarantine.total(), traces.tracks[0].height_datum), (1, 0, HeightDatum::Ellipsoidal));
        let fix = fixes[0];
        assert_eq!(fix.t.map(|t| t.to_string()).as_deref(), Some("2020-02-07T23:59:59.5Z"));
        assert!((fix.place.lat_deg - 37.426_393_666).abs() < 1e-8 && (fix.place.lon_deg + 122.093_652_5).abs() < 1e-8);
        assert!((fix.place.height_m + 25.6).abs() < 1e-9);
        assert!((fix.speed_mps.expect("speed") - 5.144_444).abs() < 1e-5);
        assert_eq!((fix.course_deg, fix.sigma_xy_m, fix.sigma_z_m), (Some(65.13), Some(12.5_f64.sqrt()), Some(5.0)));
    }

    #[test]
    fn a_date_rolls_over_at_midnight_and_reaches_back_to_the_start() {
        let before = GGA.replace("235959.50", "235958.50");
        let after = GGA.replace("235959.50", "000000.50");
        let (traces, _) = parse(&log(&[&before, RMC, GGA, &after]));
        let times: Vec<_> = traces.tracks[0].fixes.iter().filter_map(|f| f.t).map(|t| t.to_string()).collect();
        assert_eq!(times, ["2020-02-07T23:59:58.5Z", "2020-02-07T23:59:59.5Z", "2020-02-08T00:00:00.5Z"]);
    }

    #[test]
    fn wrong_checksums_lost_ends_and_void_fixes_are_refused_with_their_lines() {
        let text = log(&[RMC, &GGA.replace(",1,12,", ",0,12,").replace("235959.50", "000001.00")])
            + "$GNGGA,000002.00,3725.58362,N,12205.61915,W,1,12*00\r\n$GNGGA,000003.00,3725.58\r\n";
        let (traces, quarantine) = parse(&text);
        assert_eq!(traces.tracks[0].fixes.len(), 1);
        let lines: Vec<_> = quarantine.iter().map(|(_, _, r)| r.examples[0].as_str()).collect();
        assert_eq!(lines, ["a.nmea, line 4", "a.nmea, line 3", "a.nmea, line 2"]);
    }

    #[test]
    fn without_a_date_the_clock_is_said_to_be_unknown() {
        let (traces, _) = parse(&log(&[GGA]));
        assert_eq!(traces.tracks[0].scale, ClockScale::Unknown);
        assert_eq!(traces.tracks[0].fixes[0].t.map(Timestamp::ns), Some(86_399_500_000_000));
    }

    /// Times of what sentences say, and whether their clock is known.
    fn times(bodies: &[&str]) -> (Vec<String>, ClockScale) {
        let track = parse(&log(bodies)).0.tracks.remove(0);
        (track.fixes.iter().filter_map(|f| f.t).map(|t| t.to_string()).collect(), track.scale)
    }

    #[test]
    fn a_date_of_a_moment_without_a_fix_dates_the_fixes_around_it() {
        let at = |time: &str| GGA.replace("235959.50", time);
        let (late, early) = (at("235959.50"), at("000000.50"));
        let want = (vec!["2020-02-07T23:59:59.5Z".to_string(), "2020-02-08T00:00:00.5Z".to_string()], ClockScale::Utc);
        let void = "GNRMC,235958.00,V,,,,,,,070220,,,N";
        for bodies in [
            &["GNZDA,235958.50,07,02,2020,,", &late, &early][..],
            &[void, &late, &early],
            &[&late, "GNZDA,235959.51,07,02,2020,,", &early, "GNZDA,000000.51,08,02,2020,,"],
            // Midnight lies between a fix and its date.
            &[&late, "GNZDA,000000.01,08,02,2020,,", &early],
            &["GNZDA,235958.50,07,02,2020,,", &early.replace("000000.50", "235959.50"), &early],
            &[&late, &early, "GNZDA,000000.51,08,02,2020,,"],
        ] {
            assert_eq!(times(bodies), want, "{bodies:?}");
        }
        assert_eq!(times(&["GNZDA,235958.50,07,02,2020,,", &early]).0, ["2020-02-08T00:00:00.5Z"]);
    }

    #[test]
    fn a_date_before_the_first_fix_counts_only_where_no_fix_has_one() {
        let void = "GNRMC,235958.00,V,,,,,,,010119,,,N";
        assert_eq!(times(&[void, &GGA.replace("235959.50", "235959.00"), RMC]).0[0], "2020-02-07T23:59:59Z");
        // The day that GPS began is no date.
        let cold = "GNRMC,235958.00,V,,,,,,,060180,,,N";
        assert_eq!(times(&[cold, GGA]).1, ClockScale::Unknown);
    }

    #[test]
    fn carriage_returns_alone_end_lines_too() {
        let text = log(&[RMC, GGA, &GGA.replace("235959.50", "235959.70"), "GNGGA,,,,,,0,,,,,,,,"]);
        let (want, lone) = (parse(&text), parse(&text.replace('\n', "")));
        assert_eq!((want.0.tracks[0].fixes.len(), &want.0.tracks), (2, &lone.0.tracks));
        let lines = |q: &Quarantine| q.iter().map(|(_, _, r)| r.examples.clone()).collect::<Vec<_>>();
        assert_eq!((lines(&want.1), lines(&want.1)), (vec![vec!["a.nmea, line 4".to_string()]], lines(&lone.1)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_in_part_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(bytes.as_slice(), Path::new("a"), &mut Quarantine::new());
        }

        #[test]
        fn any_fields_with_a_right_checksum_are_survived(fields in "[A-Z0-9.,+-]{0,60}", kind in 0_usize..6) {
            let name = ["RMC", "GGA", "GNS", "VTG", "GST", "ZDA"][kind];
            let _ = parse(&log(&[&format!("GN{name},{fields}")]));
        }

        #[test]
        fn decimals_agree_with_the_standard_parser(text in "[0-9]{0,9}\\.?[0-9]{0,9}") {
            prop_assert_eq!(decimal(text.as_bytes()), text.parse::<f64>().ok());
        }
    }
}
