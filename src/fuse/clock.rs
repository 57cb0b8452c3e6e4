//! What is said about the clocks of a recording's sensors.

use crate::record::Recording;

use super::{ClockChoice, ClockOffset, FuseConfig};

/// A row per sensor with times, the reference ones first, then by name.
///
/// The reference is offset 0 by definition. Others are trusted (`clock = "trust"`) or unknown: nothing here estimates.
pub(super) fn clocks(recording: &Recording, references: &[&str], config: &FuseConfig) -> Vec<ClockOffset> {
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
            let (method, known) = match config.clock {
                _ if references.contains(&sensor) => ("reference", true),
                ClockChoice::Trust => ("trusted", true),
                ClockChoice::Estimate => ("unknown", false),
            };
            ClockOffset {
                sensor: sensor.to_string(),
                offset_ms: known.then_some(0.0),
                sigma_ms: None,
                drift_ppm: None,
                method: method.to_string(),
                applied: known,
            }
        })
        .collect()
}
