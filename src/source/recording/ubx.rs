//! UBX, u-blox's binary protocol: NAV-PVT, and for older receivers NAV-POSLLH, NAV-VELNED, NAV-SOL and NAV-TIMEGPS.
//!
//! Messages of one time of week (`iTOW`) make one fix. NAV-PVT says UTC itself; without it, or where the receiver says
//! that its UTC is not valid, the GPS week of the file and the time of week do, leap seconds taken off. Heights are above
//! the ellipsoid. Source: u-blox, *M8 receiver description including protocol specification* (UBX-13003221), section 32.

use std::path::Path;

use crate::coord::wrap_degrees;
use crate::error::{Location, Quarantine};
use crate::record::{GnssFix, HeightDatum};
use crate::time::{ClockScale, Timestamp, gps_to_utc};

use super::civil;
use super::trace::{Trace, Traces, place};

const WEEK_MS: i64 = 604_800_000;
const MS_NS: i64 = 1_000_000;
/// Class and id of the messages that are read.
const PVT: [u8; 2] = [0x01, 0x07];
const POSLLH: [u8; 2] = [0x01, 0x02];
const SOL: [u8; 2] = [0x01, 0x06];
const VELNED: [u8; 2] = [0x01, 0x12];
const TIMEGPS: [u8; 2] = [0x01, 0x20];

/// Whether a file starts as a log of the protocol does.
pub(super) fn is_start(bytes: &[u8]) -> bool {
    bytes.starts_with(&SYNC)
}

const SYNC: [u8; 2] = [0xb5, 0x62];

/// A message whose checksum is right.
struct Message<'a> {
    kind: [u8; 2],
    payload: &'a [u8],
    at: usize,
}

/// The messages of a log; other protocols between them are passed over, damaged ones counted.
struct Messages<'a> {
    bytes: &'a [u8],
    at: usize,
    damaged: Vec<usize>,
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            let found = rest.windows(2).position(|w| w == SYNC)?;
            let at = self.at + found;
            let rest = &self.bytes[at..];
            let &[_, _, class, id, low, high, ..] = rest else { return None };
            let length = usize::from(u16::from_le_bytes([low, high]));
            let message = rest.get(6..6 + length).zip(rest.get(6 + length..8 + length));
            if let Some((payload, sum)) = message
                && checksum(&rest[2..6 + length]) == sum
            {
                self.at = at + 8 + length;
                return Some(Message { kind: [class, id], payload, at });
            }
            // A sync pair inside other data, or a message that lost bytes: look on right behind it.
            if class == 0x01 {
                self.damaged.push(at);
            }
            self.at = at + 2;
        }
    }
}

/// The 8-bit Fletcher sum of class, id, length and payload.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let (a, b) = bytes.iter().fold((0_u8, 0_u8), |(a, b), byte| {
        let a = a.wrapping_add(*byte);
        (a, b.wrapping_add(a))
    });
    [a, b]
}

/// What one time of week has told so far.
#[derive(Debug, Default, Clone)]
struct Epoch {
    itow_ms: Option<i64>,
    at: usize,
    utc: Option<Timestamp>,
    /// Longitude, latitude (degrees), height above the ellipsoid (metres).
    position: Option<[f64; 3]>,
    /// Horizontal (of both axes together) and vertical one sigma, metres.
    accuracy: Option<[f64; 2]>,
    speed_mps: Option<f64>,
    course_deg: Option<f64>,
    no_fix: bool,
}

struct Pending {
    fix: GnssFix,
    itow_ms: i64,
    at: usize,
}

#[derive(Default)]
struct Merger {
    epoch: Epoch,
    fixes: Vec<Pending>,
    /// GPS week and time of week of the first message that says it, and how many fixes came before.
    week: Option<(i64, i64, usize)>,
}

/// Reads fixes, one a time of week; `None` where the log holds no navigation message at all.
///
/// Damaged navigation messages, epochs without a fix and impossible values go to `quarantine` with their byte.
pub(super) fn read(bytes: &[u8], path: &Path, quarantine: &mut Quarantine) -> Option<Traces> {
    let mut messages = Messages { bytes, at: 0, damaged: Vec::new() };
    let mut merger = Merger::default();
    let mut any = false;
    for message in messages.by_ref() {
        if ![PVT, POSLLH, SOL, VELNED, TIMEGPS].contains(&message.kind) {
            continue;
        }
        any = true;
        if merger.message(&message, path, quarantine).is_none() {
            quarantine.refuse(&Location::byte(path, message.at as u64), "UBX: the message is shorter than its kind");
        }
    }
    merger.flush(path, quarantine);
    for at in &messages.damaged {
        quarantine.refuse(&Location::byte(path, *at as u64), "UBX: a checksum is wrong or the message is cut off");
    }
    any.then(|| merger.finish(path, quarantine))
}

/// Little-endian fields of a payload.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u8(&self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    fn i8(&self, at: usize) -> Option<i8> {
        self.u8(at).map(u8::cast_signed)
    }

    fn u16(&self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes(self.0.get(at..at + 2)?.try_into().ok()?))
    }

    fn u32(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.0.get(at..at + 4)?.try_into().ok()?))
    }

    fn i32(&self, at: usize) -> Option<i32> {
        self.u32(at).map(u32::cast_signed)
    }

    /// A signed number of so many parts of the unit.
    fn parts(&self, at: usize, parts: f64) -> Option<f64> {
        self.i32(at).map(|v| f64::from(v) / parts)
    }
}

impl Merger {
    /// Takes a message; `None` where its payload is too short.
    fn message(&mut self, message: &Message, path: &Path, quarantine: &mut Quarantine) -> Option<()> {
        let f = Fields(message.payload);
        let itow_ms = i64::from(f.u32(0)?);
        if self.epoch.itow_ms.is_some_and(|itow| itow != itow_ms) {
            self.flush(path, quarantine);
        }
        if self.epoch.itow_ms.is_none() {
            (self.epoch.itow_ms, self.epoch.at) = (Some(itow_ms), message.at);
        }
        match message.kind {
            PVT => self.pvt(&f)?,
            POSLLH => {
                let position = [f.parts(4, 1e7)?, f.parts(8, 1e7)?, f.parts(12, 1e3)?];
                self.epoch.position.get_or_insert(position);
                let accuracy = [f64::from(f.u32(20)?) / 1e3, f64::from(f.u32(24)?) / 1e3];
                self.epoch.accuracy.get_or_insert(accuracy);
            }
            VELNED => {
                let (speed, course) = (f64::from(f.u32(20)?) / 1e2, f.parts(24, 1e5)?);
                self.epoch.speed_mps.get_or_insert(speed);
                self.epoch.course_deg.get_or_insert(course);
            }
            SOL => {
                let (week, fix, flags) = (f.u16(8)?, f.u8(10)?, f.u8(11)?);
                self.epoch.no_fix |= !is_fix(fix) || flags & 1 == 0;
                // Bit 2 says that the week is valid.
                if flags & 4 != 0 {
                    self.week.get_or_insert((i64::from(week), itow_ms, self.fixes.len()));
                }
            }
            _ => {
                let (week, _leap, valid) = (f.u16(8)?, f.i8(10)?, f.u8(11)?);
                if valid & 2 != 0 {
                    self.week.get_or_insert((i64::from(week), itow_ms, self.fixes.len()));
                }
            }
        }
        Some(())
    }

    fn pvt(&mut self, f: &Fields) -> Option<()> {
        let epoch = &mut self.epoch;
        let (valid, nano, fix, flags) = (f.u8(11)?, f.i32(16)?, f.u8(20)?, f.u8(21)?);
        let day = civil::days(i64::from(f.u16(4)?), i64::from(f.u8(6)?), i64::from(f.u8(7)?));
        let second = i64::from(f.u8(8)?) * 3600 + i64::from(f.u8(9)?) * 60 + i64::from(f.u8(10)?);
        // Bits 0 and 1: date and time are valid.
        if let (Some(day), 3) = (day, valid & 3) {
            let ns = day * civil::DAY_NS + second * 1_000_000_000 + i64::from(nano);
            epoch.utc = Some(Timestamp::from_ns(ns));
        }
        epoch.no_fix |= !is_fix(fix) || flags & 1 == 0;
        epoch.position = Some([f.parts(24, 1e7)?, f.parts(28, 1e7)?, f.parts(32, 1e3)?]);
        epoch.accuracy = Some([f64::from(f.u32(40)?) / 1e3, f64::from(f.u32(44)?) / 1e3]);
        epoch.speed_mps = Some(f.parts(60, 1e3)?);
        epoch.course_deg = Some(f.parts(64, 1e5)?);
        Some(())
    }

    /// Ends the open epoch.
    fn flush(&mut self, path: &Path, quarantine: &mut Quarantine) {
        let epoch = std::mem::take(&mut self.epoch);
        // Only speed, state or week of a moment: nothing is lost with it.
        let (Some([lon, lat, height]), Some(itow_ms)) = (epoch.position, epoch.itow_ms) else { return };
        let here = Location::byte(path, epoch.at as u64);
        if epoch.no_fix {
            quarantine.refuse(&here, "UBX: the receiver had no fix");
            return;
        }
        let place = match place(lon, lat, height) {
            Ok(place) => place,
            Err(reason) => {
                quarantine.refuse(&here, format!("UBX: {reason}"));
                return;
            }
        };
        let sigma = |i: usize, per_axis: f64| epoch.accuracy.map(|a| a[i] / per_axis).filter(|s| *s > 0.0);
        let fix = GnssFix {
            t: epoch.utc,
            place,
            speed_mps: epoch.speed_mps.filter(|v| *v >= 0.0),
            course_deg: epoch.course_deg.map(wrap_degrees),
            sigma_xy_m: sigma(0, std::f64::consts::SQRT_2),
            sigma_z_m: sigma(1, 1.0),
            record: self.fixes.len() as u64,
        };
        self.fixes.push(Pending { fix, itow_ms, at: epoch.at });
    }

    /// Gives fixes without a valid UTC the week of the file, one more or less where the time of week wrapped.
    fn finish(self, path: &Path, quarantine: &mut Quarantine) -> Traces {
        let mut weeks = vec![0_i64; self.fixes.len()];
        for i in 1..self.fixes.len() {
            let step = self.fixes[i].itow_ms - self.fixes[i - 1].itow_ms;
            weeks[i] = weeks[i - 1] + i64::from(step < -WEEK_MS / 2) - i64::from(step > WEEK_MS / 2);
        }
        let start = self.week.map(|(week, itow_ms, before)| {
            // The fix that the week came before or with.
            let near = before.min(self.fixes.len().saturating_sub(1));
            let step = self.fixes.get(near).map_or(0, |p| itow_ms - p.itow_ms);
            let wrapped = i64::from(step < -WEEK_MS / 2) - i64::from(step > WEEK_MS / 2);
            week - weeks.get(near).copied().unwrap_or(0) - wrapped
        });
        let by_week =
            |week: i64, itow_ms: i64| gps_to_utc(week.checked_mul(WEEK_MS)?.checked_add(itow_ms)?.checked_mul(MS_NS)?);
        let mut track = Trace::default();
        let known = start.is_some() || self.fixes.iter().any(|p| p.fix.t.is_some());
        for (pending, week) in self.fixes.into_iter().zip(weeks) {
            let here = Location::byte(path, pending.at as u64);
            let t = match (pending.fix.t, start, known) {
                (Some(t), ..) => Some(t),
                (None, Some(start), _) => by_week(start + week, pending.itow_ms),
                // Nothing in the file says a date: the time of week alone.
                (None, None, false) => Some(Timestamp::from_ns((week * WEEK_MS + pending.itow_ms) * MS_NS)),
                (None, None, true) => None,
            };
            match t {
                Some(_) => track.push(GnssFix { t, ..pending.fix }, 0),
                None => quarantine.refuse(&here, "UBX: the receiver did not know the date yet"),
            }
        }
        let notes = match known {
            true => Vec::new(),
            false => vec!["no date in the file: times count from the start of a GPS week".to_string()],
        };
        let scale = if known { ClockScale::Utc } else { ClockScale::Unknown };
        Traces { tracks: vec![Trace { height_datum: HeightDatum::Ellipsoidal, scale, ..track }], notes }
    }
}

/// Two or three dimensions, with or without dead reckoning; not dead reckoning or time alone.
fn is_fix(kind: u8) -> bool {
    (2..=4).contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A message with its checksum.
    fn message(kind: [u8; 2], payload: &[u8]) -> Vec<u8> {
        let mut bytes = SYNC.to_vec();
        bytes.extend(kind);
        bytes.extend((payload.len() as u16).to_le_bytes());
        bytes.extend(payload);
        let sum = checksum(&bytes[2..]);
        bytes.extend(sum);
        bytes
    }

    fn parse(bytes: &[u8]) -> (Option<Traces>, Quarantine) {
        let mut quarantine = Quarantine::new();
        let traces = read(bytes, Path::new("a.ubx"), &mut quarantine);
        (traces, quarantine)
    }

    /// NAV-PVT as pyubx2 1.4 writes it.
    fn pvt() -> Vec<u8> {
        let hex = |text: &str| -> Vec<u8> {
            let digit = |c: u8| char::from(c).to_digit(16).expect("hex") as u8;
            text.as_bytes().chunks(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect()
        };
        hex(PVT_HEX)
    }

    /// `UBXMessage('NAV', 'NAV-PVT', GET, iTOW=270263000, year=2024, month=5, day=1, hour=3, min=4, second=5, validDate=1,
    /// validTime=1, nano=-123, fixType=3, gnssFixOk=1, lon=127.1112345, lat=-37.3947654, height=56789, hMSL=30000, hAcc=1200,
    /// vAcc=2300, velE=-13250, gSpeed=13250, headMot=271.5, …).serialize().hex()`
    const PVT_HEX: &str = "b56201075c00d8e21b10e8070501030405071e00000085ffffff0301001199a2c34bfa02b6e9d5dd000030750000b0040000\
        fc080000000000003eccffff00000000c2330000af469e01c80000009f86010078000000000000000000000000000000f0a9";

    #[test]
    fn a_solution_written_by_pyubx2_is_read_to_the_last_digit() {
        let (traces, quarantine) = parse(&pvt());
        let traces = traces.expect("navigation");
        let fix = traces.tracks[0].fixes[0];
        assert!(quarantine.is_empty() && traces.tracks[0].scale == ClockScale::Utc);
        assert_eq!(fix.t.map(|t| t.to_string()).as_deref(), Some("2024-05-01T03:04:04.999999877Z"));
        assert!((fix.place.lon_deg - 127.111_234_5).abs() < 1e-10 && (fix.place.lat_deg + 37.394_765_4).abs() < 1e-10);
        assert_eq!((fix.place.height_m, fix.speed_mps, fix.course_deg), (56.789, Some(13.25), Some(271.499_99)));
        assert!((fix.sigma_xy_m.expect("an estimate") - 1.2 / 2_f64.sqrt()).abs() < 1e-12);
        assert_eq!(fix.sigma_z_m, Some(2.3));
    }

    /// A position at a time of week, of a receiver without NAV-PVT.
    fn posllh(itow_ms: u32, lon: i32) -> Vec<u8> {
        let fields = [itow_ms as i32, lon, 373_947_654, 56_789, 20_000, 1_200, 2_300];
        message(POSLLH, &fields.map(i32::to_le_bytes).concat())
    }

    fn timegps(itow_ms: u32, week: u16) -> Vec<u8> {
        let mut payload = itow_ms.to_le_bytes().to_vec();
        payload.extend([0; 4]);
        payload.extend(week.to_le_bytes());
        payload.extend([18, 7, 0, 0, 0, 0]);
        message(TIMEGPS, &payload)
    }

    #[test]
    fn weeks_wrap_and_leap_seconds_are_taken_off() {
        let log = [posllh(604_799_000, 1_271_112_345), timegps(0, 1980), posllh(0, 1_271_112_400)].concat();
        let (traces, quarantine) = parse(&log);
        let fixes = &traces.expect("navigation").tracks[0].fixes;
        let times: Vec<_> = fixes.iter().filter_map(|f| f.t).map(|t| t.to_string()).collect();
        assert_eq!(times, ["2017-12-16T23:59:41Z", "2017-12-16T23:59:42Z"]);
        assert!(quarantine.is_empty());
    }

    #[test]
    fn noise_and_damage_cost_themselves() {
        let mut damaged = pvt();
        damaged[30] ^= 1;
        let mut no_fix = pvt();
        no_fix[6 + 20] = 0;
        let no_fix = message(PVT, &no_fix[6..98]);
        let log = [b"$GPGGA,\r\n\xb5".to_vec(), damaged, pvt(), no_fix, pvt()[..50].to_vec()].concat();
        let (traces, quarantine) = parse(&log);
        assert_eq!(traces.expect("navigation").tracks[0].fixes.len(), 0, "the epoch said that it had no fix");
        let reasons: Vec<_> = quarantine.iter().map(|(_, reason, r)| (reason, r.count)).collect();
        assert_eq!(
            reasons,
            [("UBX: a checksum is wrong or the message is cut off", 2), ("UBX: the receiver had no fix", 1)]
        );
        assert!(parse(&message([0x02, 0x10], &[0; 8])).0.is_none(), "raw measurements are no positions");
    }

    proptest! {
        #[test]
        fn damaged_logs_never_panic(flips in proptest::collection::vec((0_usize..300, any::<u8>()), 0..8), cut in 0_usize..300) {
            let mut log = [posllh(604_799_000, 1), timegps(0, 1980), pvt(), posllh(5, 2)].concat();
            for (at, byte) in flips {
                let at = at % log.len();
                log[at] = byte;
            }
            log.truncate(cut);
            let _ = parse(&log);
        }

        #[test]
        fn any_payload_with_a_right_checksum_is_survived(kind in 0_usize..5, payload in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = parse(&message([PVT, POSLLH, SOL, VELNED, TIMEGPS][kind], &payload));
        }
    }
}
