//! Clocks of cameras and LiDARs: the pictures and sweeps that tell them are read, a few at a time, and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use crate::coord::Pose;
use crate::error::{Location, Quarantine, Result};
use crate::fuse::{ClockChoice, Contour, CornerPairs, Eye, FuseConfig, Glimpse, Track, TurnSeen, Turning};
use crate::record::{FrameRecord, Modality, Recording, comes_compensated, exif_turn};
use crate::source::recording::lidar::read_points;
use crate::source::recording::picture::read_picture;
use crate::source::{Limits, RecordingSource};

use super::check_stop;

/// Pairs of pictures in memory at a time.
const BATCH: usize = 16;
/// A LiDAR without a calibration is taken to sit so high over the road, metres.
const LIDAR_HEIGHT_M: f64 = 1.8;
/// Turns are taken so often, each time with what the offset found before says of how the ego moved meanwhile.
const ROUNDS: usize = 3;

/// Finds the clocks of cameras and LiDARs by how they turned, and writes them into the track.
///
/// At most 320 pairs of pictures or sweeps a sensor are read, those where the ego turns most unevenly, and none where it
/// does not turn: 5 to 20 ms of one core each. What cannot be read is passed over here; it is told when frames are stored. A
/// clock that was set on the way is not known, and `quarantine` says so at `place`.
///
/// # Errors
///
/// Where the user interrupts.
pub fn media_clocks(
    source: &dyn RecordingSource,
    recording: &Recording,
    config: &FuseConfig,
    track: &mut Track,
    stop: &AtomicBool,
    (place, quarantine): (&Location, &mut Quarantine),
) -> Result<()> {
    if config.clock != ClockChoice::Estimate {
        return Ok(());
    }
    let mut found = Vec::new();
    if let Some(turning) = Turning::of(track) {
        for sensor in track.clock.iter().filter(|c| c.method.is_none()).map(|c| c.sensor.as_str()) {
            let frames = |modality: Modality| looks(recording, sensor, modality);
            let seeing = Seeing { source, recording, turning: &turning, stop };
            let (told, method) = match seeing.pictures(&frames(Modality::Camera))? {
                Told::Nothing => (seeing.sweeps(&frames(Modality::Lidar))?, "sweep_motion"),
                told => (told, "image_motion"),
            };
            match told {
                Told::Clock(offset_s, sigma_s) => found.push((sensor.to_string(), (offset_s, sigma_s), method)),
                Told::Set(by_s) => quarantine.refuse(
                    place,
                    format!("the clock of `{sensor}` was set by {by_s:+.2} s on the way: no offset is applied to it"),
                ),
                Told::Nothing => {}
            }
        }
    }
    for (sensor, clock, method) in found {
        track.take_clock(&sensor, clock, method);
    }
    Ok(())
}

/// The observations of a sensor by time, nanoseconds; of equal times the first.
fn looks<'a>(recording: &'a Recording, channel: &str, modality: Modality) -> Vec<(i64, &'a FrameRecord)> {
    let of_it = recording.frames.iter().filter(|f| f.channel == channel && f.modality == modality);
    let mut frames: Vec<(i64, &FrameRecord)> = of_it.filter_map(|f| Some((f.t?.ns(), f))).collect();
    frames.sort_by_key(|f| f.0);
    frames.dedup_by_key(|f| f.0);
    frames
}

/// What the turns of a sensor tell of its clock.
enum Told {
    /// What has to be added to its times, and one sigma of it, seconds.
    Clock(f64, f64),
    /// It was set by so many seconds.
    Set(f64),
    Nothing,
}

/// Reads what a sensor saw.
struct Seeing<'a> {
    source: &'a dyn RecordingSource,
    recording: &'a Recording,
    turning: &'a Turning<'a>,
    stop: &'a AtomicBool,
}

impl Seeing<'_> {
    /// The clock of a camera.
    fn pictures(&self, frames: &[(i64, &FrameRecord)]) -> Result<Told> {
        let Some(eye) = frames.first().and_then(|(_, frame)| self.eye(frame)) else { return Ok(Told::Nothing) };
        let times: Vec<i64> = frames.iter().map(|f| f.0).collect();
        let pairs = self.turning.pairs(&times);
        // Two pictures and where their corners went: of the pictures themselves few are in memory at a time.
        let mut corners: Vec<((i64, i64), CornerPairs)> = Vec::with_capacity(pairs.len());
        let mut kept: BTreeMap<usize, Option<Glimpse>> = BTreeMap::new();
        for batch in pairs.chunks(BATCH) {
            check_stop(self.stop)?;
            let needed: BTreeSet<usize> = batch.iter().flat_map(|p| [p.0, p.1]).collect();
            kept.retain(|i, _| needed.contains(i));
            let missing: Vec<usize> = needed.into_iter().filter(|i| !kept.contains_key(i)).collect();
            let read: Vec<_> = missing.par_iter().map(|&i| (i, self.glimpse(&eye, frames[i].1))).collect();
            kept.extend(read);
            let compare = |&(a, b): &(usize, usize)| {
                let (first, second) = (kept.get(&a)?.as_ref()?, kept.get(&b)?.as_ref()?);
                Some(((times[a], times[b]), eye.pairs(first, second)))
            };
            let compared: Vec<_> = batch.par_iter().map(compare).collect();
            corners.extend(compared.into_iter().flatten());
        }
        let turned = |offset_ns: i64| {
            let seen = corners.par_iter().map(|(at, c)| self.turning.between_pictures(c, *at, offset_ns));
            seen.collect::<Vec<_>>()
        };
        self.settle(turned)
    }

    /// The clock by turns that are seen the better the better the clock is known: in rounds.
    fn settle(&self, turned: impl Fn(i64) -> Vec<Option<TurnSeen>>) -> Result<Told> {
        let mut clock: Option<(f64, f64)> = None;
        let mut seen = Vec::new();
        for _ in 0..ROUNDS {
            check_stop(self.stop)?;
            let offset_ns = clock.map_or(0, |(s, _)| libm::round(s * 1e9) as i64);
            seen = turned(offset_ns).into_iter().flatten().collect();
            clock = self.turning.clock(&seen);
            if clock.is_none() {
                break;
            }
        }
        // Turns of one side of a step count as wrong for the other, so the whole may well seem to have one offset.
        Ok(match (self.turning.set_by(&seen), clock) {
            (Some(by_s), _) => Told::Set(by_s),
            (None, Some((offset_s, sigma_s))) => Told::Clock(offset_s, sigma_s),
            (None, None) => Told::Nothing,
        })
    }

    /// How the camera of a frame looks; `None` where nobody says it.
    fn eye(&self, frame: &FrameRecord) -> Option<Eye> {
        let sensor = self.recording.sensor(&frame.channel);
        let intrinsics = sensor.and_then(|s| s.camera.as_ref()).or(frame.intrinsics.as_ref())?;
        let mount = sensor.and_then(|s| s.ego_se3_sensor).unwrap_or_else(Pose::flu_se3_rdf);
        Eye::new(intrinsics, mount * exif_turn(frame.orientation)).ok()
    }

    fn glimpse(&self, eye: &Eye, frame: &FrameRecord) -> Option<Glimpse> {
        let bytes = self.source.media(frame).ok()?;
        let picture = read_picture(&bytes, frame.format, &Limits::default()).ok()?.into_luma8();
        eye.look(picture.width(), picture.height(), picture.as_raw())
    }

    /// The clock of a LiDAR.
    fn sweeps(&self, frames: &[(i64, &FrameRecord)]) -> Result<Told> {
        let times: Vec<i64> = frames.iter().map(|f| f.0).collect();
        let pairs = self.turning.pairs(&times);
        let needed: BTreeSet<usize> = pairs.iter().flat_map(|p| [p.0, p.1]).collect();
        let needed: Vec<usize> = needed.into_iter().collect();
        // Contours are small: what is in memory at once is as many sweeps as there are threads.
        let mut contours: BTreeMap<usize, Contour> = BTreeMap::new();
        for batch in needed.chunks(BATCH) {
            check_stop(self.stop)?;
            let read: Vec<_> = batch.par_iter().map(|&i| (i, self.contour(frames[i].1))).collect();
            contours.extend(read.into_iter().filter_map(|(i, c)| Some((i, c?))));
        }
        self.settle(|offset_ns| {
            let compare = |&(a, b): &(usize, usize)| {
                let (first, second) = (contours.get(&a)?, contours.get(&b)?);
                self.turning.between_sweeps((first, times[a]), (second, times[b]), offset_ns)
            };
            pairs.par_iter().map(compare).collect()
        })
    }

    fn contour(&self, frame: &FrameRecord) -> Option<Contour> {
        let bytes = self.source.media(frame).ok()?;
        let cloud = read_points(&bytes, frame.format, &Limits::default()).ok()?;
        let high = || Pose::new(nalgebra::Vector3::z() * LIDAR_HEIGHT_M, Default::default());
        let mount = self.recording.sensor(&frame.channel).and_then(|s| s.ego_se3_sensor).unwrap_or_else(high);
        let offsets = cloud.offset_ns.as_ref().filter(|_| !comes_compensated(self.recording.kind));
        // Times of the sensor's own clock count from the sweep's.
        let start_ns = match cloud.start_ns {
            0 => 0,
            start_ns => start_ns.saturating_sub(frame.t?.ns()),
        };
        let point = |i: usize| {
            let after_ns = offsets.and_then(|o| o.get(i)).map_or(0, |o| start_ns.saturating_add(i64::from(*o)));
            Some((mount.apply(cloud.position(i)?), after_ns as f64 / 1e9))
        };
        Some(Contour::of((0..cloud.len()).filter_map(point)))
    }
}
