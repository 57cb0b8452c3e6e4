//! A segment's arrays, and the records that they become.

use std::path::{Path, PathBuf};

use nalgebra::{Matrix3, Quaternion, UnitQuaternion, Vector3};

use crate::coord::{EnuFrame, Geodetic, Pose};
use crate::error::{Location, Quarantine};
use crate::record::{GnssFix, ImuReading, PoseFix, WheelReading};
use crate::source::Limits;
use crate::time::{ClockScale, Timestamp, gps_to_utc};

use super::super::{files, npy, order, trace};

const WEEK_S: f64 = 604_800.0;
/// A neighbour further away than this says nothing of a moment, seconds.
const GAP_S: f64 = 0.1;
/// Steering ratios of the data set's two cars, by a CAN address that only theirs have: Toyota's steering torque sensor
/// (RAV4 2017) and Honda's steering sensors (Civic 2016).
const STEERING_RATIOS: [(f64, f64); 2] = [(608.0, 16.88), (330.0, 15.38)];

/// Rows of a log with their times since boot, seconds; `number` is the row in the file.
#[derive(Debug, Default)]
pub(super) struct Stream<const N: usize> {
    path: PathBuf,
    rows: Vec<Row<N>>,
}

#[derive(Debug, Clone, Copy)]
struct Row<const N: usize> {
    number: u64,
    boot_s: f64,
    value: [f64; N],
}

/// What one minute holds; a log that is missing or broken is empty.
#[derive(Debug, Default)]
pub(super) struct Segment {
    /// Seconds since boot of every picture of the video; NaN where it is not known.
    pub frame_times: Vec<f64>,
    gps_times: Stream<2>,
    positions: Stream<3>,
    orientations: Stream<4>,
    /// Latitude, longitude (degrees), speed (m/s), UTC (ms), height (m), bearing (degrees).
    gnss: Stream<6>,
    accelerometer: Stream<3>,
    gyro: Stream<3>,
    speed: Stream<1>,
    steering: Stream<1>,
    /// Degrees of the hand wheel for one of the road wheels.
    pub steering_ratio: Option<f64>,
}

impl Segment {
    /// Reads a segment; what cannot be used goes to `quarantine`.
    pub(super) fn read(folder: &Path, limits: &Limits, quarantine: &mut Quarantine) -> Segment {
        let pose = folder.join("global_pose");
        let log = folder.join("processed_log");
        let of_pose = |name: &str| (pose.join("frame_times"), pose.join(name));
        let (gps, positions, orientations) =
            (of_pose("frame_gps_times"), of_pose("frame_positions"), of_pose("frame_orientations"));
        let of_log = |name: &str| (log.join(name).join("t"), log.join(name).join("value"));
        let addresses = log.join("CAN/raw_can/address");
        let address_rows = match addresses.is_file() {
            true => array::<1>(&addresses, limits, quarantine).unwrap_or_default(),
            false => Vec::new(),
        };
        let known = STEERING_RATIOS.iter().find(|(address, _)| address_rows.iter().any(|row| row[0] == *address));
        let frame_times = pose.join("frame_times");
        let picture_rows = match frame_times.is_file() {
            true => array::<1>(&frame_times, limits, quarantine).unwrap_or_default(),
            false => Vec::new(),
        };
        Segment {
            frame_times: picture_rows.into_iter().map(|[boot_s]| boot_s).collect(),
            gps_times: Stream::read(gps, limits, quarantine),
            positions: Stream::read(positions, limits, quarantine),
            orientations: Stream::read(orientations, limits, quarantine),
            gnss: Stream::read(of_log("GNSS/live_gnss_ublox"), limits, quarantine),
            accelerometer: Stream::read(of_log("IMU/accelerometer"), limits, quarantine),
            gyro: Stream::read(of_log("IMU/gyro"), limits, quarantine),
            speed: Stream::read(of_log("CAN/speed"), limits, quarantine),
            steering: Stream::read(of_log("CAN/steering_angle"), limits, quarantine),
            steering_ratio: known.map(|(_, ratio)| *ratio),
        }
    }
}

/// An array's rows; `None` where it is broken, which `quarantine` then says.
fn array<const N: usize>(path: &Path, limits: &Limits, quarantine: &mut Quarantine) -> Option<Vec<[f64; N]>> {
    let rows = files::read(path, limits).and_then(|bytes| npy::parse(&bytes)?.rows::<N>());
    rows.map_err(|kind| quarantine.refuse(&Location::file(path), kind)).ok()
}

impl<const N: usize> Stream<N> {
    fn read((t, value): (PathBuf, PathBuf), limits: &Limits, quarantine: &mut Quarantine) -> Stream<N> {
        let mut stream = Stream { path: value, rows: Vec::new() };
        if !stream.path.is_file() {
            return stream;
        }
        let (times, values) = (array::<1>(&t, limits, quarantine), array::<N>(&stream.path, limits, quarantine));
        let (Some(times), Some(values)) = (times, values) else { return stream };
        if times.len() != values.len() {
            let reason = format!("it has {} rows where its times have {}", values.len(), times.len());
            quarantine.refuse(&Location::file(&stream.path), reason);
            return stream;
        }
        for (number, ([boot_s], value)) in times.into_iter().zip(values).enumerate() {
            let number = number as u64;
            if boot_s.is_finite() && value.iter().all(|v| v.is_finite()) {
                stream.rows.push(Row { number, boot_s, value });
            } else {
                quarantine.refuse(&Location::record(&stream.path, number), "a number is NaN or infinite");
            }
        }
        stream
    }

    /// The value at a time, linear between the rows around it; `None` where they are not near.
    fn at(&self, boot_s: f64) -> Option<[f64; N]> {
        let after = self.rows.partition_point(|row| row.boot_s < boot_s);
        let near = |row: &Row<N>| (row.boot_s - boot_s).abs() <= GAP_S;
        let next = self.rows.get(after).filter(|row| near(row));
        let before = after.checked_sub(1).and_then(|i| self.rows.get(i)).filter(|row| near(row));
        match (before, next) {
            (Some(a), Some(b)) if b.boot_s > a.boot_s => {
                let w = (boot_s - a.boot_s) / (b.boot_s - a.boot_s);
                Some(std::array::from_fn(|i| a.value[i] + w * (b.value[i] - a.value[i])))
            }
            (a, b) => b.or(a).map(|row| row.value),
        }
    }
}

/// How seconds since boot become UTC.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum BootClock {
    /// By `frame_gps_times`: nanoseconds to add.
    Poses(i64),
    /// By the stamps of the GNSS receiver.
    Gnss(i64),
    /// Not at all.
    Unknown,
}

impl BootClock {
    /// The clock of a route: a phone is booted once.
    pub(super) fn of(segments: &[Segment]) -> BootClock {
        let mut by_pose: Vec<i64> = Vec::new();
        for row in segments.iter().flat_map(|s| &s.gps_times.rows) {
            let utc = gps(row.value).map(Timestamp::ns);
            by_pose.extend(utc.zip(nanoseconds(row.boot_s)).and_then(|(utc, boot)| utc.checked_sub(boot)));
        }
        if let Some(offset) = quantile(by_pose, 0.5) {
            return BootClock::Poses(offset);
        }
        let mut by_gnss: Vec<i64> = Vec::new();
        for row in segments.iter().flat_map(|s| &s.gnss.rows) {
            let utc = receiver_time(row.value[3]).map(Timestamp::ns);
            by_gnss.extend(utc.zip(nanoseconds(row.boot_s)).and_then(|(utc, boot)| utc.checked_sub(boot)));
        }
        // A fix arrives after its moment, seldom much later than the quickest ones do.
        quantile(by_gnss, 0.95).map_or(BootClock::Unknown, BootClock::Gnss)
    }

    /// The scale of its times.
    pub(super) fn scale(self) -> ClockScale {
        if self == BootClock::Unknown { ClockScale::Unknown } else { ClockScale::Utc }
    }

    /// What `probe` says of it.
    pub(super) fn how(self) -> &'static str {
        match self {
            BootClock::Poses(_) => "times since boot are turned to UTC by frame_gps_times",
            BootClock::Gnss(_) => "times since boot are turned to UTC by the GNSS receiver's stamps (latency unknown)",
            BootClock::Unknown => "times are since boot: nothing says what they are in UTC",
        }
    }

    /// The time of a moment since boot.
    pub(super) fn time(self, boot_s: f64) -> Option<Timestamp> {
        let offset = match self {
            BootClock::Poses(offset) | BootClock::Gnss(offset) => offset,
            BootClock::Unknown => 0,
        };
        nanoseconds(boot_s)?.checked_add(offset).map(Timestamp::from_ns)
    }
}

fn nanoseconds(seconds: f64) -> Option<i64> {
    Timestamp::from_seconds(seconds).map(Timestamp::ns)
}

fn gps([week, seconds]: [f64; 2]) -> Option<Timestamp> {
    gps_to_utc(nanoseconds(week * WEEK_S)?.checked_add(nanoseconds(seconds)?)?)
}

/// The receiver's UTC, which is in milliseconds; as the data set's page has it, in seconds, where that is what fits.
fn receiver_time(utc: f64) -> Option<Timestamp> {
    let (unit_ns, unit) = if utc.abs() < 1e11 { (1_000_000_000, 1e9) } else { (1_000_000, 1e6) };
    // Whole and fraction apart: together they have more digits than a float.
    let whole = (utc.is_finite() && utc.abs() < 9.2e18).then_some(utc.trunc() as i64)?;
    whole.checked_mul(unit_ns)?.checked_add((utc.fract() * unit) as i64).map(Timestamp::from_ns)
}

fn quantile(mut values: Vec<i64>, q: f64) -> Option<i64> {
    values.sort_unstable();
    values.get(((values.len().saturating_sub(1)) as f64 * q) as usize).copied()
}

/// The records of one log over all segments, in order of time.
fn joined<const N: usize, T>(
    segments: &[Segment],
    log: impl Fn(&Segment) -> &Stream<N>,
    time: impl Fn(&T) -> Timestamp,
    quarantine: &mut Quarantine,
    record: impl Fn(&Segment, &Row<N>) -> Result<T, &'static str>,
) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    for segment in segments {
        let stream = log(segment);
        let mut records = Vec::with_capacity(stream.rows.len());
        for row in &stream.rows {
            match record(segment, row) {
                // A segment may begin with the last readings of the one before.
                Ok(one) if all.last().is_none_or(|last| time(last) < time(&one)) => records.push((row.number, one)),
                Ok(_) => quarantine.refuse(&Location::record(&stream.path, row.number), "time goes back"),
                Err(reason) => quarantine.refuse(&Location::record(&stream.path, row.number), reason),
            }
        }
        all.extend(order::rising(records, &time, &stream.path, quarantine));
    }
    all
}

pub(super) const NO_TIME: &str = "its time is out of range";

/// The given poses.
pub(super) fn poses(segments: &[Segment], clock: &BootClock, quarantine: &mut Quarantine) -> Vec<PoseFix> {
    // `flu` in the device's axes: half a turn about the forward one.
    let device_r_ego = UnitQuaternion::new_normalize(Quaternion::new(0.0, 1.0, 0.0, 0.0));
    let of = |pose: &PoseFix| pose.t.unwrap_or_default();
    joined(
        segments,
        |s| &s.positions,
        of,
        quarantine,
        |segment, row| {
            let t = clock.time(row.boot_s).ok_or(NO_TIME)?;
            let place = Geodetic::from_ecef(Vector3::from(row.value));
            // Further than 100 km from the ellipsoid it is no place on Earth.
            if !place.is_valid() || place.height_m.abs() > 1e5 {
                return Err("its position is not on Earth");
            }
            let turned = segment.orientations.rows.binary_search_by_key(&row.number, |r| r.number);
            let q = turned.ok().and_then(|i| segment.orientations.rows.get(i)).map(|r| r.value);
            let ecef_se3_device =
                q.and_then(|q| Pose::from_wxyz([0.0; 3], q)).ok_or("it has no orientation of norm 1")?;
            let enu_r_ecef: Matrix3<f64> = EnuFrame::new(place).enu_r_ecef();
            let turn = Pose::from_rotation_matrix(&enu_r_ecef, Vector3::zeros());
            Ok(PoseFix { t: Some(t), place, rotation: turn.rotation * ecef_se3_device.rotation * device_r_ego })
        },
    )
}

/// The receiver's fixes, at its own UTC.
pub(super) fn gnss(segments: &[Segment], quarantine: &mut Quarantine) -> Vec<GnssFix> {
    let fix = |_: &Segment, row: &Row<6>| {
        let [lat, lon, speed, utc_ms, height, bearing] = row.value;
        Ok(GnssFix {
            t: Some(receiver_time(utc_ms).filter(|t| *t >= order::FIRST_PLAUSIBLE).ok_or(NO_TIME)?),
            place: trace::place(lon, lat, height)?,
            speed_mps: Some(speed).filter(|v| *v >= 0.0),
            course_deg: Some(bearing).filter(|c| (0.0..=360.0).contains(c)),
            sigma_xy_m: None,
            sigma_z_m: None,
            record: row.number,
        })
    };
    joined(segments, |s| &s.gnss, |fix: &GnssFix| fix.t.unwrap_or_default(), quarantine, fix)
}

/// Gyro readings with the specific force of the same moment.
pub(super) fn imu(segments: &[Segment], clock: &BootClock, quarantine: &mut Quarantine) -> Vec<ImuReading> {
    joined(
        segments,
        |s| &s.gyro,
        |r: &ImuReading| r.t,
        quarantine,
        |segment, row| {
            let accel = segment.accelerometer.at(row.boot_s).ok_or("no reading of the accelerometer is near it")?;
            let t = clock.time(row.boot_s).ok_or(NO_TIME)?;
            Ok(ImuReading { t, accel_mps2: Vector3::from(accel), gyro_radps: Vector3::from(row.value) })
        },
    )
}

/// Speeds of the car with the steering angle of the same moment.
pub(super) fn wheel(segments: &[Segment], clock: &BootClock, quarantine: &mut Quarantine) -> Vec<WheelReading> {
    joined(
        segments,
        |s| &s.speed,
        |r: &WheelReading| r.t,
        quarantine,
        |segment, row| {
            let t = clock.time(row.boot_s).ok_or(NO_TIME)?;
            let hand = segment.steering.at(row.boot_s);
            let steering_rad = hand.zip(segment.steering_ratio).map(|([degrees], ratio)| degrees.to_radians() / ratio);
            Ok(WheelReading { t, speed_mps: row.value[0], steering_rad })
        },
    )
}
