//! [`windows`]: full windows on the grid over a fused track, with poses, actions and observations.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::fuse::{State, Track};
use crate::privacy::Withheld;
use crate::record::{Modality, WheelReading};

use super::action::{Steering, action};
use super::grid::{Anchor, Grid};
use super::{Axis, ChannelFilter, PrivacyState, SampleConfig, SampleFrame, SampleRow, Split};

/// A row of `frames`, as far as windows care.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Its id in the data set.
    pub frame_id: String,
    /// Channel of its sensor.
    pub channel: String,
    /// What it is.
    pub modality: Modality,
    /// Time on the reference clock, nanoseconds.
    pub t_ns: Option<i64>,
    /// Path length of the ego when it was taken, metres (see [`Track::at_frame`]).
    pub s_m: Option<f64>,
    /// How long a clip lasts, milliseconds.
    pub duration_ms: Option<f64>,
}

/// What windows are cut from: one segment, fused.
#[derive(Debug, Clone, Copy)]
pub struct WindowInput<'a> {
    /// The segment's id.
    pub recording_id: &'a str,
    /// Its trajectory.
    pub track: &'a Track,
    /// What its sensors saw, in any order.
    pub observations: &'a [Observation],
    /// Its wheel readings, in order of time on the wheel's clock.
    pub wheel: &'a [WheelReading],
    /// What of the trajectory is kept back: no window touches it.
    pub withheld: &'a Withheld,
    /// How windows are cut.
    pub config: &'a SampleConfig,
    /// Hash of the config that shapes samples: goes into their ids.
    pub shape_hash: &'a str,
}

/// What became of the anchors of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WindowStats {
    /// Full windows.
    pub windows: u64,
    /// Anchors without a full window, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Ticks of full windows without an observation, by channel and modality.
    pub empty_ticks: BTreeMap<(String, &'static str), u64>,
}

impl WindowStats {
    /// Adds all of `other`.
    pub fn merge(&mut self, other: WindowStats) {
        self.windows += other.windows;
        for (reason, count) in other.dropped {
            *self.dropped.entry(reason).or_default() += count;
        }
        for (channel, count) in other.empty_ticks {
            *self.empty_ticks.entry(channel).or_default() += count;
        }
    }
}

/// Cuts the full windows of a segment.
///
/// Anchors are the multiples of the stride since the clock's epoch (of the path from its start on the distance axis), so
/// that more or less data never moves a window or changes its id. A window is full where all its ticks lie on the track.
/// Ticks, poses and actions are read from the track by [`Track::at_time`] and [`Track::at_distance`]; the path has a
/// point per tick, which may coincide at a stop (a window of one tick has its point twice).
///
/// Left for the caller: `split`, `privacy`, `licenses`, `attributions`, `sources` and `captions`.
///
/// # Errors
///
/// [`crate::error::ErrorKind::Config`] for a config that gives no grid,
/// [`crate::error::ErrorKind::LimitExceeded`] for one that gives too many windows.
pub fn windows(input: &WindowInput<'_>) -> Result<(Vec<SampleRow>, WindowStats)> {
    let grid = Grid::new(input.config)?;
    let series = Series::all(input, &ChannelFilter::new(input.config)?);
    let steering = Steering::new(input.wheel, input.track.clock_offset_ns("wheel"));
    let mut stats = WindowStats::default();
    if input.config.axis == Axis::Time && !input.track.timed {
        stats.dropped.insert("no clock: windows by time need one", 1);
    }
    let mut rows = Vec::new();
    for anchor in grid.anchors(input.track)? {
        match grid.ticks(anchor, input.track) {
            Ok(ticks) if input.withheld.touches(&ticks[0], &ticks[ticks.len() - 1]) => {
                *stats.dropped.entry("window touches what is withheld for privacy").or_default() += 1;
            }
            Ok(ticks) => rows.push(window(input, &grid, anchor, &ticks, &series, &steering, &mut stats)),
            Err(reason) => *stats.dropped.entry(reason).or_default() += 1,
        }
    }
    stats.windows = rows.len() as u64;
    Ok((rows, stats))
}

fn window(
    input: &WindowInput<'_>,
    grid: &Grid,
    anchor: Anchor,
    ticks: &[State],
    series: &Series<'_>,
    steering: &Steering<'_>,
    stats: &mut WindowStats,
) -> SampleRow {
    let track = input.track;
    let zero = &ticks[grid.anchor_tick()];
    let place = track.place(&zero.pose);
    let places: Vec<_> = ticks.iter().map(|t| track.place(&t.pose)).collect();
    let mut path: Vec<(f64, f64)> = places.iter().map(|p| (p.lon_deg, p.lat_deg)).collect();
    if path.len() == 1 {
        path.push(path[0]);
    }
    let by_time = input.config.axis == Axis::Time;
    let half = grid.half_step();
    let (frames, residual_ns) =
        if by_time { series.at_times(ticks, half, stats) } else { (series.at_places(ticks, half, stats), None) };
    let ways = matched_ways(track, ticks);
    let matched = |t: &State| track.rows[t.row].match_probability;
    let registered = track.registered(zero.s_m);
    SampleRow {
        sample_id: sample_id(input.recording_id, grid.key(anchor), input.shape_hash),
        recording_id: input.recording_id.to_string(),
        t0_ns: zero.t_ns,
        s0_m: zero.s_m,
        split: Split::None,
        path,
        lon: place.lon_deg,
        lat: place.lat_deg,
        height_m: place.height_m,
        heading_deg: track.heading_deg(&zero.pose),
        h3: h3_cell(place.lon_deg, place.lat_deg),
        poses: ticks.iter().map(|t| relative(zero, t)).collect(),
        pose_t_ns: ticks.iter().map(|t| t.t_ns).collect(),
        pose_s_m: ticks.iter().map(|t| t.s_m).collect(),
        actions: ticks.iter().map(|t| action(track, t)).collect(),
        steering_rad: steering.at(ticks),
        frames,
        pose_sigma_m: largest(ticks.iter().map(|t| track.mix(t, |r| r.sigma_xy_m))),
        pose_source: pose_source(track, ticks).to_string(),
        sync_residual_ms: residual_ns.map(|ns| ns as f64 / 1e6),
        interpolation_gap_ms: interpolation_gap_ms(track, ticks),
        match_probability: ways
            .as_ref()
            .and_then(|_| ticks.iter().map(matched).filter(|p| p.is_finite()).reduce(f64::min)),
        match_way_ids: ways,
        register_residual_m: registered.residual_m,
        register_inliers: registered.inliers,
        register_covariance_m2: registered.covariance_m2,
        captions: None,
        privacy: PrivacyState { state: "metadata_stripped".to_string(), detector: None, regions: 0 },
        licenses: Vec::new(),
        attributions: Vec::new(),
        sources: Vec::new(),
    }
}

/// The cell of resolution 12; empty for a place that is not on the globe.
fn h3_cell(lon: f64, lat: f64) -> String {
    h3o::LatLng::new(lat, lon).map(|p| p.to_cell(h3o::Resolution::Twelve).to_string()).unwrap_or_default()
}

/// 16 hex digits over what makes a sample: recording, anchor and the config that shapes it.
fn sample_id(recording_id: &str, (axis, key): (&str, i64), shape_hash: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    // Lengths first, so that no two different lists read alike.
    for part in [recording_id, axis, shape_hash] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.update(&key.to_le_bytes());
    hasher.finalize().to_hex()[..16].to_string()
}

/// `ego0_se3_ego` as stored; the identity exactly at the anchor.
fn relative(zero: &State, tick: &State) -> [f32; 7] {
    if zero == tick {
        return [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    }
    let pose = zero.pose.inverse() * tick.pose;
    let [w, x, y, z] = pose.wxyz();
    let t = pose.translation;
    [t.x, t.y, t.z, w, x, y, z].map(|v| v as f32)
}

/// The largest finite value.
fn largest(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.filter(|v| v.is_finite()).reduce(f64::max)
}

/// `source`, `estimated` or `mixed`, by the rows that ticks lie between.
fn pose_source(track: &Track, ticks: &[State]) -> &'static str {
    let mut names = ticks.iter().flat_map(|t| {
        let next = if t.weight > 0.0 { t.row + 1 } else { t.row };
        [track.rows[t.row].origin.name(), track.rows[next.min(track.rows.len() - 1)].origin.name()]
    });
    let first = names.next().unwrap_or("estimated");
    if names.all(|n| n == first) { first } else { "mixed" }
}

/// Matched ways in driving order, repeats in a row once.
fn matched_ways(track: &Track, ticks: &[State]) -> Option<Vec<String>> {
    let mut ways: Vec<String> =
        ticks.iter().filter_map(|t| track.ways.get(track.rows[t.row].way? as usize)).cloned().collect();
    ways.dedup();
    (!ways.is_empty()).then_some(ways)
}

/// The largest gap between neighbouring inputs that a tick lies strictly inside, milliseconds; 0 where every tick is at
/// an input; `None` without a clock.
fn interpolation_gap_ms(track: &Track, ticks: &[State]) -> Option<f64> {
    let inputs = &track.input_t_ns;
    let gap = |t: i64| {
        let after = inputs.partition_point(|x| *x <= t);
        match (after.checked_sub(1).map(|i| inputs[i]), inputs.get(after)) {
            (Some(before), Some(next)) if before < t => next.saturating_sub(before),
            _ => 0,
        }
    };
    let gaps: Option<Vec<i64>> = ticks.iter().map(|t| t.t_ns.map(gap)).collect();
    gaps?.into_iter().max().filter(|_| !inputs.is_empty()).map(|ns| ns as f64 / 1e6)
}

/// The observations of a segment by channel and modality, in order along the axis.
struct Series<'a> {
    /// `(key, observation)`, ascending by key: time in nanoseconds or place in metres.
    channels: BTreeMap<(&'a str, Modality), Vec<(Key, &'a Observation)>>,
    clips: Vec<&'a Observation>,
}

/// Where an observation lies on the axis.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
enum Key {
    Time(i64),
    Place(f64),
}

impl Key {
    /// How far this lies after `tick`, nanoseconds or metres; exact for times of one recording.
    fn after(self, tick: Key) -> f64 {
        match (self, tick) {
            (Key::Time(a), Key::Time(b)) => (i128::from(a) - i128::from(b)) as f64,
            (Key::Place(a), Key::Place(b)) => a - b,
            _ => f64::NAN,
        }
    }
}

impl<'a> Series<'a> {
    fn all(input: &WindowInput<'a>, filter: &ChannelFilter) -> Series<'a> {
        let mut series = Series { channels: BTreeMap::new(), clips: Vec::new() };
        for observation in input.observations {
            if !filter.takes(observation.modality, &observation.channel) {
                continue;
            }
            if observation.modality == Modality::Audio {
                series.clips.push(observation);
                continue;
            }
            let key = match input.config.axis {
                Axis::Time => observation.t_ns.map(Key::Time),
                Axis::Distance => observation.s_m.filter(|s| s.is_finite()).map(Key::Place),
            };
            // A channel whose frames have no place on the axis is still a channel: its ticks are empty.
            let list = series.channels.entry((&observation.channel, observation.modality)).or_default();
            list.extend(key.map(|k| (k, observation)));
        }
        for list in series.channels.values_mut() {
            list.sort_by(|a, b| {
                let order = a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal);
                order.then_with(|| (a.1.t_ns, &a.1.frame_id).cmp(&(b.1.t_ns, &b.1.frame_id)))
            });
        }
        series.clips.sort_by(|a, b| (&a.channel, a.t_ns, &a.frame_id).cmp(&(&b.channel, b.t_ns, &b.frame_id)));
        series
    }

    /// Frames of a window by time, and the largest difference to their ticks, nanoseconds.
    fn at_times(&self, ticks: &[State], half: f64, stats: &mut WindowStats) -> (Vec<SampleFrame>, Option<i64>) {
        let keys: Vec<Key> = ticks.iter().filter_map(|t| t.t_ns).map(Key::Time).collect();
        let (mut frames, residual) = self.nearest(&keys, half, stats);
        self.add_clips(ticks, &mut frames);
        (frames, residual.map(|ns| ns as i64))
    }

    /// Frames of a window by place.
    fn at_places(&self, ticks: &[State], half: f64, stats: &mut WindowStats) -> Vec<SampleFrame> {
        let keys: Vec<Key> = ticks.iter().map(|t| Key::Place(t.s_m)).collect();
        let (mut frames, _) = self.nearest(&keys, half, stats);
        self.add_clips(ticks, &mut frames);
        frames
    }

    /// For each channel and tick the nearest observation in `[-half, half)`, the earlier of two equally near.
    fn nearest(&self, keys: &[Key], half: f64, stats: &mut WindowStats) -> (Vec<SampleFrame>, Option<f64>) {
        let mut frames = Vec::new();
        let mut residual: Option<f64> = None;
        for ((channel, modality), list) in &self.channels {
            let mut empty = 0;
            for (tick, key) in keys.iter().enumerate() {
                let after = list.partition_point(|(k, _)| k.after(*key) < 0.0);
                // The first at or after the tick, and the last before it with all that lie at its very place: the
                // first of those is the earliest.
                let before = after.checked_sub(1).map(|i| list.partition_point(|(k, _)| k.after(list[i].0) < 0.0));
                let near = [before, Some(after)].into_iter().flatten().filter_map(|i| list.get(i));
                let best = near
                    .map(|(k, observation)| (k.after(*key), *observation))
                    .filter(|(d, _)| *d >= -half && *d < half)
                    .min_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
                match best {
                    Some((distance, observation)) => {
                        residual = Some(residual.unwrap_or(0.0).max(distance.abs()));
                        frames.push(SampleFrame {
                            channel: channel.to_string(),
                            modality: modality.name().to_string(),
                            tick: tick as i32,
                            frame_id: observation.frame_id.clone(),
                        });
                    }
                    None => empty += 1,
                }
            }
            if empty > 0 {
                *stats.empty_ticks.entry((channel.to_string(), modality.name())).or_default() += empty;
            }
        }
        (frames, residual)
    }

    /// Clips that sound at some time of the window, at tick 0.
    fn add_clips(&self, ticks: &[State], frames: &mut Vec<SampleFrame>) {
        let (Some(from), Some(to)) = (ticks.first().and_then(|t| t.t_ns), ticks.last().and_then(|t| t.t_ns)) else {
            return;
        };
        for clip in &self.clips {
            let Some(start) = clip.t_ns else { continue };
            let length_ns = clip.duration_ms.filter(|d| d.is_finite()).map_or(0.0, |d| libm::round(d * 1e6));
            if start <= to && start.saturating_add(length_ns as i64) >= from {
                frames.push(SampleFrame {
                    channel: clip.channel.clone(),
                    modality: clip.modality.name().to_string(),
                    tick: 0,
                    frame_id: clip.frame_id.clone(),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coord::Geodetic;
    use crate::error::Quarantine;
    use crate::fuse::{FuseConfig, fuse};
    use crate::record::{GnssFix, Recording};
    use crate::time::Timestamp;

    const S: i64 = 1_000_000_000;
    const START: i64 = 1_714_566_600 * S;

    /// Eastwards at 10 m/s from `from` to `to` seconds, a fix every 200 ms.
    fn drive(from: i64, to: i64, timed: bool) -> Recording {
        let mut recording = Recording::new("east", "folder", "CC0-1.0");
        recording.gnss = (from * 5..=to * 5)
            .map(|i| {
                let t = timed.then(|| Timestamp::from_ns(START + i * S / 5));
                let place = Geodetic::new(127.0 + i as f64 * 2.0 / 88_900.0, 37.0, 0.0);
                GnssFix { sigma_xy_m: Some(0.1), ..GnssFix::at(t, place, 0) }
            })
            .collect();
        recording
    }

    fn track(recording: &Recording) -> Track {
        fuse(recording, &FuseConfig::default(), &mut Quarantine::new()).expect("fuses")
    }

    fn cut(track: &Track, observations: &[Observation], config: &SampleConfig) -> (Vec<SampleRow>, WindowStats) {
        let withheld = Withheld::default();
        let input = WindowInput {
            recording_id: "east",
            track,
            observations,
            wheel: &[],
            withheld: &withheld,
            config,
            shape_hash: "shape",
        };
        windows(&input).expect("a valid config")
    }

    fn picture(id: &str, t_ns: i64) -> Observation {
        let channel = "front".to_string();
        let modality = Modality::Camera;
        Observation { frame_id: id.to_string(), channel, modality, t_ns: Some(t_ns), s_m: None, duration_ms: None }
    }

    #[test]
    fn windows_by_time_lie_on_the_epochs_grid_and_are_full() {
        let track = track(&drive(0, 10, true));
        let (rows, stats) = cut(&track, &[], &SampleConfig::default());
        // Anchors from 1 s after the start to 3 s before the end, every half second.
        assert_eq!((rows.len(), stats.windows), (13, 13));
        assert_eq!(stats.dropped["window reaches beyond the track"], 8);
        for row in &rows {
            let t0 = row.t0_ns.expect("timed");
            assert_eq!(t0 % (S / 2), 0);
            let ticks: Vec<i64> = (-5..=15).map(|k| t0 + k * S / 5).collect();
            assert_eq!(row.pose_t_ns.as_ref(), Some(&ticks));
            assert_eq!(row.poses[5], [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
            assert!((row.poses[20][0] - 30.0).abs() < 0.1 && row.poses[20][1].abs() < 0.01, "{:?}", row.poses[20]);
            assert!((row.actions[5][0] - 10.0).abs() < 0.05 && row.actions[5][2].abs() < 1e-3);
            assert!((row.heading_deg - 90.0).abs() < 0.01);
            assert_eq!(row.path.len(), 21);
        }
    }

    #[test]
    fn a_period_that_is_no_whole_number_of_nanoseconds_does_not_drift() {
        let track = track(&drive(0, 10, true));
        let config = SampleConfig { rate_hz: 3.0, ..SampleConfig::default() };
        let (rows, _) = cut(&track, &[], &config);
        let (t0, ticks) = (rows[0].t0_ns.expect("timed"), rows[0].pose_t_ns.clone().expect("timed"));
        assert_eq!(ticks.len(), 3 + 1 + 9);
        assert_eq!((ticks[0], ticks[12], ticks[4]), (t0 - S, t0 + 3 * S, t0 + 333_333_333));
    }

    #[test]
    fn windows_by_distance_need_no_clock() {
        let track = track(&drive(0, 10, false));
        let config = SampleConfig { axis: Axis::Distance, ..SampleConfig::default() };
        let (rows, _) = cut(&track, &[], &config);
        assert_eq!(rows.first().map(|r| (r.s0_m, r.t0_ns, r.pose_t_ns.is_none())), Some((10.0, None, true)));
        assert_eq!(rows[1].s0_m, 15.0);
        assert!(rows.iter().all(|r| r.poses.len() == 21 && r.actions.iter().all(|a| a.iter().all(|v| v.is_nan()))));
        assert!(rows[0].interpolation_gap_ms.is_none() && rows[0].sync_residual_ms.is_none());
        let (none, stats) = cut(&track, &[], &SampleConfig::default());
        assert!(none.is_empty() && stats.dropped.keys().any(|reason| reason.starts_with("no clock")));
    }

    #[test]
    fn a_tick_takes_the_nearest_frame_within_half_a_tick_and_the_earlier_of_two() {
        let track = track(&drive(0, 10, true));
        let t0 = START + S;
        let ms = 1_000_000;
        let frames = [
            picture("early", t0 - 100 * ms), // half a tick before tick 5: belongs to it
            picture("late", t0 + 100 * ms),  // half a tick after it: belongs to the next
            picture("tie-a", t0 + 400 * ms - 30 * ms),
            picture("tie-b", t0 + 400 * ms + 30 * ms),
        ];
        let (rows, stats) = cut(&track, &frames, &SampleConfig::default());
        let row = rows.iter().find(|r| r.t0_ns == Some(t0)).expect("a window at t0");
        let taken: Vec<_> = row.frames.iter().map(|f| (f.tick, f.frame_id.as_str())).collect();
        assert_eq!(taken, [(5, "early"), (6, "late"), (7, "tie-a")]);
        assert_eq!(row.sync_residual_ms, Some(100.0));
        assert!(stats.empty_ticks[&("front".to_string(), "camera")] > 0);
    }

    #[test]
    fn clips_that_overlap_are_listed_at_tick_0() {
        let track = track(&drive(0, 10, true));
        let clip = |id: &str, t_ns: i64, ms: f64| Observation {
            modality: Modality::Audio,
            duration_ms: Some(ms),
            channel: "mic".to_string(),
            ..picture(id, t_ns)
        };
        let clips = [clip("whole", START, 10_000.0), clip("after", START + 9 * S, 500.0)];
        let (rows, _) = cut(&track, &clips, &SampleConfig::default());
        let ids: Vec<_> = rows[0].frames.iter().map(|f| (f.tick, f.frame_id.as_str())).collect();
        assert_eq!(ids, [(0, "whole")]);
        assert_eq!(rows[0].sync_residual_ms, None);
    }

    #[test]
    fn more_data_never_moves_a_window_or_its_id() {
        let short = track(&drive(2, 10, true));
        let long = track(&drive(0, 14, true));
        let ids = |track: &Track| {
            let (rows, _) = cut(track, &[], &SampleConfig::default());
            rows.iter().map(|r| (r.t0_ns, r.sample_id.clone())).collect::<BTreeMap<_, _>>()
        };
        let (few, all) = (ids(&short), ids(&long));
        assert!(few.len() > 5 && few.iter().all(|(t0, id)| all.get(t0) == Some(id)));
        assert_eq!(all.values().collect::<std::collections::BTreeSet<_>>().len(), all.len());
        assert!(all.values().all(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    }

    #[test]
    fn the_gap_is_that_around_the_poses_and_zero_at_inputs() {
        let mut recording = drive(0, 10, true);
        recording.gnss.retain(|f| {
            let t = f.t.map_or(0, |t| t.ns()) - START;
            !(5 * S < t && t < 7 * S)
        });
        let track = track(&recording);
        let config = SampleConfig { past_s: 0.0, future_s: 1.0, rate_hz: 5.0, ..SampleConfig::default() };
        let (rows, _) = cut(&track, &[], &config);
        let gap = |s: f64| {
            let t0 = START + (s * 1e9) as i64;
            rows.iter().find(|r| r.t0_ns == Some(t0)).and_then(|r| r.interpolation_gap_ms)
        };
        assert_eq!((gap(1.0), gap(0.5), gap(4.5), gap(8.0)), (Some(0.0), Some(200.0), Some(2000.0), Some(0.0)));
    }
}
