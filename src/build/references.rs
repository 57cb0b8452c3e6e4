//! Phase 2: references for the windows of a unit, from the pictures of all units.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use nalgebra::Vector3;
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::coord::{Camera, EnuFrame, Pose};
use crate::dataset::ground::{between, calibration};
use crate::dataset::manifest::Manifest;
use crate::dataset::rows::ReferenceRow;
use crate::dataset::split::Splitter;
use crate::dataset::walk::walked;
use crate::dataset::{Dataset, SplitMethod};
use crate::error::{Location, Quarantine, Result};
use crate::record::{HeightDatum, Modality};
use crate::render::{SourceRays, Splat, Surface};
use crate::sample::references::{
    Chosen, Footprint, Overlap, OverlapSource, Picture, PictureIndex, View, Window, choose, directions,
};
use crate::sample::{ReferencesConfig, SampleRow, Split};

use super::Loaded;
use super::config::Use;
use super::plan::sample_config;

/// Overlap by depth is found at an eighth of the pictures' size, but at no fewer pixels across than this.
const ACROSS: u32 = 160;
/// A picture whose heading is not known better than this, degrees, may look anywhere: it is no reference.
const UNKNOWN_DEG: f64 = 90.0;
/// Surfaces that are kept between windows.
const SURFACES: usize = 2048;

/// What a unit of phase 2 tells the last phase.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ReferenceFacts {
    /// Rows of `references`.
    pub rows: u64,
    /// Windows, once for each camera.
    pub windows: u64,
    /// Windows without a geometric reference, by reason.
    pub without: BTreeMap<String, u64>,
    /// Depth and masks that could not be used.
    pub quarantine: Quarantine,
}

impl ReferenceFacts {
    /// Adds all of `other`.
    pub fn merge(&mut self, other: ReferenceFacts) {
        self.rows += other.rows;
        self.windows += other.windows;
        for (reason, n) in other.without {
            *self.without.entry(reason).or_default() += n;
        }
        self.quarantine.merge(other.quarantine);
    }

    /// What a reader of the report should know.
    pub fn notes(&self) -> Vec<String> {
        let line = |(reason, n): (&String, &u64)| {
            format!("{n} of {} windows and cameras have no reference: {reason}", self.windows)
        };
        self.without.iter().map(line).collect()
    }
}

/// Two cameras, by their [`Optics::number`].
type PairOfCameras = [u32; 2];

/// The pictures of all units, by place, and what is known of their cameras.
pub struct Grounding<'a> {
    loaded: &'a Loaded,
    dataset: Dataset,
    splitter: Splitter,
    /// By their numbers.
    places: Vec<Place>,
    /// Numbers of recordings by their ids.
    numbers: BTreeMap<String, u32>,
    /// Rows of `samples` by recording.
    rows: BTreeMap<String, Vec<usize>>,
    /// What the index calls them.
    candidates: Vec<Candidate>,
    index: PictureIndex,
    splits: Vec<OnceLock<Split>>,
    splats: Mutex<BTreeMap<PairOfCameras, Arc<Splat>>>,
    surfaces: Mutex<BTreeMap<usize, Seen>>,
}

/// What is known of a recording.
struct Place {
    number: u32,
    /// The recording whose pictures it shows: itself, or that which a walk was taken along.
    shows: String,
    /// A number for all that show the same pictures: none is a reference of another.
    family: u32,
    entry: usize,
    frame: EnuFrame,
    /// Heights of two recordings compare only where both have the same one.
    datum: String,
    cameras: BTreeMap<String, Optics>,
}

/// A camera, whole and small.
struct Optics {
    /// Cameras that are alike have one, whatever their recordings.
    number: u32,
    camera: Camera,
    small: Camera,
    directions: Vec<Vector3<f64>>,
}

impl Optics {
    fn is_panorama(&self) -> bool {
        self.camera.is_panorama()
    }
}

/// A picture that may be a reference.
struct Candidate {
    /// Row of `frames`.
    row: usize,
    recording: u32,
    channel: Arc<str>,
    world_se3_camera: Pose,
}

/// The surface of a picture's depth, at a small size; `None` without depth, or why it cannot be used.
type Seen = std::result::Result<Option<Arc<Surface>>, String>;

impl<'a> Grounding<'a> {
    /// Reads the tables of all units from the folder of the data set to be.
    ///
    /// # Errors
    ///
    /// Where a table cannot be read or the split of the config is none.
    pub fn new(loaded: &'a Loaded, data: &std::path::Path, manifest: Manifest) -> Result<Grounding<'a>> {
        let dataset = Dataset::of_folder(data, manifest)?;
        let (mut places, mut numbers) = (Vec::new(), BTreeMap::new());
        let mut alike: BTreeMap<String, u32> = BTreeMap::new();
        let mut families: BTreeMap<String, u32> = BTreeMap::new();
        for (number, (id, row)) in dataset.recordings()?.iter().enumerate() {
            let entry = usize::try_from(row.entry).unwrap_or(usize::MAX);
            let channels = row.sensors.iter().filter(|s| s.modality == Some(Modality::Camera)).map(|s| &s.channel);
            let mut optics = |channel: &String| {
                let intrinsics = calibration(row, channel)?;
                let camera = Camera::new(intrinsics).ok()?;
                let fresh = alike.len() as u32;
                let number = *alike.entry(format!("{intrinsics:?}")).or_insert(fresh);
                // So many for a quarter of a panorama's turn, of which it may have a part only.
                let turns = camera.turn_px().map_or(0.25, |turn| f64::from(camera.width()) / turn);
                let across = (libm::round(4.0 * turns * f64::from(ACROSS)) as u32).max(1);
                let divisor = (camera.width() / across).clamp(1, 8);
                let [w, h] = [camera.width(), camera.height()].map(|n| (n / divisor).max(1));
                let small = Camera::new(&camera.intrinsics().resized(w, h)).ok()?;
                let directions = directions(&camera);
                Some((channel.clone(), Optics { number, camera, small, directions }))
            };
            let walk = loaded.config.recording.get(entry).and_then(|r| r.panowalk.as_ref());
            let shows = walked(id, walk.map(|w| w.name.as_str())).to_string();
            let fresh = families.len() as u32;
            let place = Place {
                number: number as u32,
                family: *families.entry(shows.clone()).or_insert(fresh),
                shows,
                entry,
                frame: EnuFrame::new(row.origin),
                datum: row.height_datum.clone(),
                cameras: channels.filter_map(&mut optics).collect(),
            };
            numbers.insert(id.clone(), place.number);
            places.push(place);
        }
        let mut channels: BTreeMap<String, Arc<str>> = BTreeMap::new();
        let (mut candidates, mut pictures) = (Vec::new(), Vec::new());
        for row in 0..dataset.frames()?.height() {
            let frame = dataset.frame_at(row)?;
            let number = numbers.get(&frame.recording_id).filter(|_| frame.modality == "camera");
            let Some(place) = number.and_then(|n: &u32| places.get(*n as usize)) else { continue };
            let usable = loaded.config.recording.get(place.entry).is_some_and(|r| r.r#use != Use::Target);
            let (Some([x, y, z, q @ ..]), true) = (frame.pose, usable && place.cameras.contains_key(&frame.channel))
            else {
                continue;
            };
            // A panorama sees all around, whatever its heading.
            let panorama = place.cameras.get(&frame.channel).is_some_and(Optics::is_panorama);
            if frame.heading_sigma_deg.is_some_and(|sigma| sigma >= UNKNOWN_DEG) && !panorama {
                continue;
            }
            let (Some(pose), Some((lon, lat))) = (Pose::from_wxyz([x, y, z], q), frame.lon.zip(frame.lat)) else {
                continue;
            };
            let channel = channels.entry(frame.channel.clone()).or_insert_with(|| Arc::from(frame.channel.as_str()));
            let content = frame.checksum.get(..16).and_then(|hex| u64::from_str_radix(hex, 16).ok());
            pictures.push(Picture {
                recording: place.family,
                t_ns: frame.t_ns,
                lon,
                lat,
                content: content.unwrap_or(row as u64),
            });
            let channel = Arc::clone(channel);
            candidates.push(Candidate { row, recording: place.number, channel, world_se3_camera: pose });
        }
        Ok(Grounding {
            loaded,
            splitter: Splitter::new(&loaded.config.split, loaded.config.dataset.seed)?,
            splits: pictures.iter().map(|_| OnceLock::new()).collect(),
            places,
            numbers,
            rows: dataset.by_recording(),
            dataset,
            candidates,
            index: PictureIndex::new(pictures),
            splats: Mutex::default(),
            surfaces: Mutex::default(),
        })
    }

    /// The references of the windows of some recordings, in the order of the `samples` table.
    ///
    /// # Errors
    ///
    /// Where a table cannot be read, or the user interrupts.
    pub fn unit(
        &self,
        ids: &[&str],
        stop: &std::sync::atomic::AtomicBool,
    ) -> Result<(Vec<ReferenceRow>, ReferenceFacts)> {
        let mut windows: Vec<usize> = ids.iter().filter_map(|id| self.rows.get(*id)).flatten().copied().collect();
        windows.sort_unstable();
        let made: Vec<Result<(Vec<ReferenceRow>, ReferenceFacts)>> = windows
            .par_iter()
            .map(|row| {
                super::check_stop(stop)?;
                self.sample(&self.dataset.sample(*row)?)
            })
            .collect();
        let (mut rows, mut facts) = (Vec::new(), ReferenceFacts::default());
        for one in made {
            let (own, of_sample) = one?;
            rows.extend(own);
            facts.merge(of_sample);
        }
        Ok((rows, facts))
    }

    fn sample(&self, sample: &SampleRow) -> Result<(Vec<ReferenceRow>, ReferenceFacts)> {
        let (mut rows, mut facts) = (Vec::new(), ReferenceFacts::default());
        let Some(place) = self.numbers.get(&sample.recording_id).map(|n| self.recording(*n)) else {
            return Ok((rows, facts));
        };
        let Some(config) = sample_config(self.loaded, place.entry).references else { return Ok((rows, facts)) };
        let mut channels: Vec<&str> =
            sample.frames.iter().filter(|f| f.modality == "camera").map(|f| f.channel.as_str()).collect();
        channels.sort_unstable();
        channels.dedup();
        for channel in channels {
            facts.windows += 1;
            let Some(optics) = place.cameras.get(channel) else {
                *facts.without.entry("the camera is not calibrated".to_string()).or_default() += 1;
                continue;
            };
            let (ticks, t_ns) = self.target_poses(sample, channel)?;
            let footprint = |pose: &Pose| Footprint::new(&optics.directions, pose);
            let footprints = ticks.iter().map(|tick| tick.as_ref().map(footprint)).collect();
            let target = Target { sample, place, channel, optics, t_ns, ticks, footprints };
            let choice = self.choose(&target, &config, &mut facts.quarantine)?;
            if let Some(why) = choice.why_none {
                *facts.without.entry(why.to_string()).or_default() += 1;
            }
            for chosen in choice.chosen {
                rows.push(self.row(&target, chosen)?);
            }
        }
        facts.rows = rows.len() as u64;
        Ok((rows, facts))
    }

    fn choose(
        &self,
        target: &Target<'_>,
        config: &ReferencesConfig,
        quarantine: &mut Quarantine,
    ) -> Result<crate::sample::references::Choice> {
        let sample = target.sample;
        let window = Window {
            recording: target.place.family,
            t0_ns: sample.t0_ns.or(target.t_ns),
            path: &sample.path,
            anchor: (sample.lon, sample.lat),
            heading_deg: sample.heading_deg,
        };
        let refused: Mutex<BTreeMap<usize, String>> = Mutex::default();
        let overlap = |number: usize| {
            let found = self.overlap(target, number, &mut |row, reason| {
                refused.lock().unwrap_or_else(PoisonError::into_inner).insert(row, reason);
            });
            Ok(found)
        };
        let choice = choose(&self.index, &window, config, |number| self.allowed(sample, number), overlap)?;
        for (row, reason) in refused.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let frame = self.dataset.frame_at(row)?;
            quarantine.refuse(&Location::file(&frame.source_path), format!("its depth is not used: {reason}"));
        }
        Ok(choice)
    }

    /// `world_se3_camera` of the target's pictures, one a tick; and when the one nearest the anchor was taken.
    fn target_poses(&self, sample: &SampleRow, channel: &str) -> Result<(Vec<Option<Pose>>, Option<i64>)> {
        let pose = |frame: &crate::dataset::rows::FrameRow| {
            frame.pose.and_then(|[x, y, z, q @ ..]| Pose::from_wxyz([x, y, z], q))
        };
        let pictures = self.dataset.pictures(sample, channel)?;
        let dated = pictures.iter().enumerate().filter_map(|(tick, p)| Some((tick, p.as_ref()?.t_ns?)));
        let nearest = dated.min_by_key(|(tick, _)| (tick.abs_diff(sample.anchor_tick()), *tick));
        Ok((pictures.iter().map(|p| p.as_ref().and_then(pose)).collect(), nearest.map(|(_, t_ns)| t_ns)))
    }

    /// Whether a picture may go with a sample: it lies in the sample's own split.
    fn allowed(&self, sample: &SampleRow, number: usize) -> bool {
        if matches!(sample.split, Split::None | Split::Buffer) {
            return true;
        }
        let picture = self.index.picture(number);
        let split = *self.splits[number].get_or_init(|| {
            let shows = &self.recording(self.candidates[number].recording).shows;
            self.splitter.split(shows, &[(picture.lon, picture.lat)])
        });
        let place = self.recording(self.candidates[number].recording);
        let only_reference = self.loaded.config.recording.get(place.entry).is_some_and(|r| r.r#use == Use::Reference);
        // By recording, one that no samples are made of belongs to no split.
        split == sample.split || self.splitter.config().method == SplitMethod::Recording && only_reference
    }

    fn recording(&self, number: u32) -> &Place {
        &self.places[number as usize]
    }

    /// What a picture sees of the target at each tick.
    fn overlap(&self, target: &Target<'_>, number: usize, refuse: &mut dyn FnMut(usize, String)) -> Overlap {
        let candidate = &self.candidates[number];
        let place = self.recording(candidate.recording);
        let Some(optics) = place.cameras.get(&*candidate.channel) else {
            return Overlap { shares: vec![f64::NAN; target.ticks.len()], source: OverlapSource::Footprint };
        };
        let pose = between(&target.place.frame, &place.frame) * candidate.world_se3_camera;
        let heights = target.place.datum == place.datum && place.datum != HeightDatum::None.name();
        if heights || place.number == target.place.number {
            match self.surface(candidate, optics) {
                Ok(Some(surface)) => {
                    let splat = self.splat(target, optics);
                    let share = |tick: &Option<Pose>| {
                        let seen = tick.map(|tick| splat.coverage(&surface, &(tick.inverse() * pose)));
                        seen.and_then(std::result::Result::ok).unwrap_or(f64::NAN)
                    };
                    let shares = target.ticks.iter().map(share).collect();
                    return Overlap { shares, source: OverlapSource::Depth };
                }
                Ok(None) => {}
                Err(reason) => refuse(candidate.row, reason),
            }
        }
        // Heights of different kinds do not compare; the plan has none.
        let reference = View { camera: &optics.camera, pose };
        let share = |footprint: &Option<Footprint>| footprint.as_ref().map_or(f64::NAN, |f| f.seen_by(&reference));
        Overlap { shares: target.footprints.iter().map(share).collect(), source: OverlapSource::Footprint }
    }

    fn splat(&self, target: &Target<'_>, optics: &Optics) -> Arc<Splat> {
        let key = [optics.number, target.optics.number];
        let mut splats = self.splats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(splat) = splats.get(&key) {
            return Arc::clone(splat);
        }
        drop(splats);
        let splat = Arc::new(Splat::new(&SourceRays::new(&optics.small), &target.optics.small));
        splats = self.splats.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(splats.entry(key).or_insert(splat))
    }

    /// The surface of a picture's depth, small.
    fn surface(&self, candidate: &Candidate, optics: &Optics) -> Seen {
        if let Some(known) = self.surfaces.lock().unwrap_or_else(PoisonError::into_inner).get(&candidate.row) {
            return known.clone();
        }
        let made = self.read_surface(candidate, optics);
        let mut surfaces = self.surfaces.lock().unwrap_or_else(PoisonError::into_inner);
        if surfaces.len() >= SURFACES {
            surfaces.clear();
        }
        surfaces.insert(candidate.row, made.clone());
        made
    }

    fn read_surface(&self, candidate: &Candidate, optics: &Optics) -> Seen {
        let told = |e: crate::Error| e.to_string();
        let picture = self.dataset.frame_at(candidate.row).map_err(told)?;
        let (Some(depth), mask) = self.dataset.depth_and_mask(&picture).map_err(told)? else { return Ok(None) };
        let (whole, small) = (&optics.camera, &optics.small);
        let size = (whole.height() as usize, whole.width() as usize);
        if depth.dim() != size || mask.as_ref().is_some_and(|m| m.dim() != size) {
            return Err(format!("depth or mask is not {} x {} pixels", whole.width(), whole.height()));
        }
        let shape = (small.height() as usize, small.width() as usize);
        // The pixel in the middle of each small one.
        let from = |(row, column): (usize, usize)| {
            [(2 * row + 1) * size.0 / (2 * shape.0), (2 * column + 1) * size.1 / (2 * shape.1)]
        };
        let depth = Array2::from_shape_fn(shape, |at| depth[from(at)]);
        let mask = mask.map(|mask| Array2::from_shape_fn(shape, |at| mask[from(at)]));
        let surface = Surface::new(&SourceRays::new(small), depth.view(), mask.as_ref().map(|m| m.view()));
        surface.map(|s| Some(Arc::new(s))).map_err(|e| e.to_string())
    }

    fn row(&self, target: &Target<'_>, chosen: Chosen) -> Result<ReferenceRow> {
        let frame = self.dataset.frame_at(self.candidates[chosen.picture].row)?;
        Ok(ReferenceRow {
            sample_id: target.sample.sample_id.clone(),
            frame_id: frame.frame_id,
            role: chosen.role.name().to_string(),
            recording_id: frame.recording_id,
            dt_days: chosen.dt_days,
            distance_m: chosen.distance_m,
            bearing_deg: Some(chosen.bearing_deg),
            channel: Some(target.channel.to_string()),
            overlap: chosen.overlap.shares,
            overlap_source: Some(chosen.overlap.source.name().to_string()),
            ahead_m: chosen.ahead_m,
        })
    }
}

/// A window's camera.
struct Target<'a> {
    sample: &'a SampleRow,
    place: &'a Place,
    channel: &'a str,
    optics: &'a Optics,
    /// When the picture nearest the anchor was taken: the date of a window without a clock.
    t_ns: Option<i64>,
    /// `world_se3_camera` of the picture at each tick.
    ticks: Vec<Option<Pose>>,
    footprints: Vec<Option<Footprint>>,
}
