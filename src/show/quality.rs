//! How far samples can be trusted: quantiles by recording, clocks, registration.

use std::collections::BTreeMap;

use super::html::{Cell, capped, short};
use crate::dataset::rows::RecordingRow;
use crate::dataset::survey::{Brief, Survey};
use crate::fuse::Register;

/// A column that recordings are judged by: its name, its value, and whether its worst is its largest (1) or least (0).
type Measure = (&'static str, fn(&Brief) -> f64, f64);

const MEASURES: [Measure; 4] = [
    ("sync, ms", |s| s.sync_residual_ms, 1.0),
    ("gap, ms", |s| s.interpolation_gap_ms, 1.0),
    ("sigma, m", |s| s.pose_sigma_m, 1.0),
    ("match probability", |s| s.match_probability, 0.0),
];

/// Median, 95th percentile (from the better end) and worst value of each measure, all together and by recording.
pub(super) fn quality(survey: &Survey) -> String {
    let mut by_recording: BTreeMap<&str, Vec<&Brief>> = BTreeMap::new();
    for sample in &survey.samples {
        by_recording.entry(survey.recording_of(sample)).or_default().push(sample);
    }
    if by_recording.is_empty() {
        return "<p>No samples.</p>".to_string();
    }
    let names: Vec<&str> =
        ["recording", "samples"].into_iter().chain(MEASURES.map(|m| m.0)).chain(["matched"]).collect();
    let all: Vec<&Brief> = survey.samples.iter().collect();
    let rows = std::iter::once(("all", &all)).chain(by_recording.iter().map(|(id, own)| (*id, own)));
    let rows = rows.map(|(id, own)| row(id, own)).collect();
    let words = "<p class=\"muted\">Median · 95th percentile · worst over the samples of each recording, of: the largest \
                 difference between a frame's time and its tick's (sync), the largest gap that a pose was interpolated over, \
                 the largest position sigma, the least probability of the map match. A dash is not known or not estimated.</p>";
    format!("{words}{}", capped(&names, rows))
}

fn row(id: &str, samples: &[&Brief]) -> Vec<Cell> {
    let sorted = |value: fn(&Brief) -> f64| {
        let mut known: Vec<f64> = samples.iter().map(|s| value(s)).filter(|v| v.is_finite()).collect();
        known.sort_by(f64::total_cmp);
        known
    };
    let mut cells = vec![Cell::text(id), Cell::count(samples.len() as u64)];
    for (_, value, worst) in MEASURES {
        let known = sorted(value);
        let three = [0.5, (0.05_f64 - worst).abs(), worst].map(|q| quantile(&known, q).map(short));
        let three = three.into_iter().collect::<Option<Vec<_>>>();
        cells.push(Cell::Number(three.map_or("–".to_string(), |three| three.join(" · "))));
    }
    let matched = samples.iter().filter(|s| s.match_probability.is_finite()).count();
    let share = 100.0 * matched as f64 / samples.len().max(1) as f64;
    cells.push(Cell::Number(if matched == 0 { "–".to_string() } else { format!("{share:.0} %") }));
    cells
}

/// The value below which a share of the sorted values lies (the lower of two).
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * share).floor() as usize).copied()
}

/// The clocks of every recording.
pub(super) fn clocks(recordings: &BTreeMap<String, RecordingRow>) -> String {
    let rows = recordings.values().flat_map(|r| {
        r.clock.iter().map(|c| {
            vec![
                Cell::text(r.recording_id.as_str()),
                Cell::text(c.sensor.as_str()),
                Cell::number(c.offset_ms),
                Cell::number(c.sigma_ms),
                Cell::number(c.drift_ppm),
                Cell::text(c.method.as_deref().unwrap_or("unknown")),
                Cell::text(if c.applied { "yes" } else { "no" }),
            ]
        })
    });
    let rows: Vec<Vec<Cell>> = rows.collect();
    if rows.is_empty() {
        return "<p>No sensor has a clock.</p>".to_string();
    }
    let words = "<p class=\"muted\">What was added to a sensor's times. A dash is not estimated.</p>";
    let names = ["recording", "sensor", "offset, ms", "sigma, ms", "drift, ppm", "method", "applied"];
    format!("{words}{}", capped(&names, rows))
}

/// What moved each recording onto the map: the rigid motion that is nearest to those of its stretches.
pub(super) fn registration(recordings: &BTreeMap<String, RecordingRow>) -> String {
    let rows = recordings.values().filter_map(|r| {
        let register = r.register?;
        let Register { dx_m, dy_m, dyaw_deg, residual_m, inliers, .. } = register;
        let larger = register.scale_sigma.map(|_| 1000.0 * (register.scale - 1.0));
        let stretches = r.register_stretches.len() as f64;
        let numbers = [dx_m, dy_m, dyaw_deg].map(Some).into_iter().chain([larger, Some(residual_m)]);
        let numbers = numbers.chain([Some(100.0 * inliers), Some(stretches)]).map(Cell::number);
        Some(std::iter::once(Cell::text(r.recording_id.as_str())).chain(numbers).collect())
    });
    let rows: Vec<Vec<Cell>> = rows.collect();
    let left = recordings.len() - rows.len();
    if rows.is_empty() {
        return "<p>Not estimated: trajectories lie where their sources put them.</p>".to_string();
    }
    let names = [
        "recording",
        "east, m",
        "north, m",
        "left turn, °",
        "larger, ‰",
        "residual, m",
        "inliers, %",
        "stretches moved",
    ];
    let without =
        if left == 0 { String::new() } else { format!("<p class=\"muted\">{left} recordings without one</p>") };
    format!("{}{without}", capped(&names, rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occur() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!([0.0, 0.5, 0.95, 1.0].map(|q| quantile(&values, q)), [Some(1.0), Some(2.0), Some(3.0), Some(4.0)]);
        assert_eq!(quantile(&[], 0.5), None);
    }
}
