//! What is said about the clocks of a recording's sensors.

pub(super) mod against_poses;
pub(super) mod lag;
pub(super) mod leap;
pub(super) mod step;

use crate::record::Recording;

use super::inertial::FoundClock;
use super::{ClockChoice, ClockOffset, FuseConfig, Track};

/// An offset that is not known to this, seconds, counts as unknown: a car in town moves two decimetres in the time.
const USEFUL_SIGMA_S: f64 = 0.02;

/// A row per sensor with times, the reference ones first, then by name.
///
/// The reference is offset 0 by definition. Others are as `found`, trusted (`clock = "trust"`) or unknown. An offset is
/// applied where it is more than two sigmas.
pub(super) fn clocks(
    recording: &Recording,
    references: &[&str],
    found: &[(&'static str, FoundClock)],
    config: &FuseConfig,
) -> Vec<ClockOffset> {
    let mut sensors: Vec<&str> = Vec::new();
    let has = |there: bool, name: &'static str| there.then_some(name);
    sensors.extend(has(recording.poses.iter().any(|p| p.t.is_some()), "poses"));
    sensors.extend(has(recording.gnss.iter().any(|f| f.t.is_some()), "gnss"));
    sensors.extend(has(!recording.imu.is_empty(), "imu"));
    sensors.extend(has(!recording.wheel.is_empty(), "wheel"));
    sensors.extend(recording.frames.iter().filter(|f| f.t.is_some()).map(|f| f.channel.as_str()));
    sensors.sort_unstable();
    sensors.dedup();
    sensors.sort_by_key(|s| !references.contains(s));
    sensors
        .into_iter()
        .map(|sensor| {
            let found = found.iter().find(|f| f.0 == sensor).map(|f| f.1);
            let known = found.filter(|f| f.sigma_s < USEFUL_SIGMA_S && config.clock == ClockChoice::Estimate);
            if let Some(known) = known.filter(|_| !references.contains(&sensor)) {
                return estimated(sensor, &known);
            }
            let (method, known) = match config.clock {
                _ if references.contains(&sensor) => (Some("reference"), true),
                ClockChoice::Trust => (Some("trusted"), true),
                ClockChoice::Estimate => (None, false),
            };
            ClockOffset {
                sensor: sensor.to_string(),
                offset_ms: known.then_some(0.0),
                sigma_ms: None,
                drift_ppm: None,
                method: method.map(str::to_string),
                applied: known,
            }
        })
        .collect()
}

/// Whether an offset is more than chance: over two sigmas.
fn significant(offset_s: f64, sigma_s: f64) -> bool {
    offset_s.abs() > 2.0 * sigma_s
}

/// A clock that the smoother found.
fn estimated(sensor: &str, clock: &FoundClock) -> ClockOffset {
    ClockOffset {
        sensor: sensor.to_string(),
        offset_ms: Some(clock.offset_s * 1e3),
        sigma_ms: Some(clock.sigma_s * 1e3),
        drift_ppm: (clock.drift_ppm.abs() > 3.0 * clock.drift_sigma_ppm).then_some(clock.drift_ppm),
        method: Some(if sensor == "imu" { "gyro-course" } else { "wheel-speed" }.to_string()),
        applied: significant(clock.offset_s, clock.sigma_s),
    }
}

impl Track {
    /// Takes over the clock of a camera or LiDAR: what is to be added to its times and one sigma (seconds), and how it was
    /// found. It stays unknown where it is not known within 20 ms, and what was the reference or trusted stays that.
    pub fn take_clock(&mut self, sensor: &str, (offset_s, sigma_s): (f64, f64), method: &str) {
        let open = self.clock.iter_mut().find(|c| c.sensor == sensor && c.method.is_none());
        if let Some(row) = open.filter(|_| sigma_s < USEFUL_SIGMA_S) {
            row.offset_ms = Some(offset_s * 1e3);
            row.sigma_ms = Some(sigma_s * 1e3);
            row.method = Some(method.to_string());
            row.applied = significant(offset_s, sigma_s);
        }
    }
}
