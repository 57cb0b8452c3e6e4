//! From rows of samples to arrays.

use std::collections::BTreeSet;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use ndarray::{Array3, Array4, Array5, Axis, s};
use polars::prelude::ListNameSpaceImpl;
use rayon::prelude::*;

use super::{Channels, LoaderConfig};
use crate::dataset::Dataset;
use crate::dataset::rows::FrameRow;
use crate::error::{Error, ErrorKind, Result};
use crate::record::Modality;
use crate::sample::{ChannelFilter, SampleRow};

/// B samples as arrays; T is the largest number of ticks that a sample of the loader has.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The samples.
    pub samples: Vec<SampleRow>,
    /// T.
    pub ticks: usize,
    /// `ego0_se3_ego` at each tick, x y z qw qx qy qz; NaN beyond a sample's own ticks; shape (B, T, 7).
    pub poses: Vec<f32>,
    /// Speed, acceleration, yaw rate, curvature at each tick; NaN beyond a sample's own ticks; shape (B, T, 4).
    pub actions: Vec<f32>,
    /// Pictures, in the order of [`super::Loader::cameras`].
    pub cameras: Vec<CameraBatch>,
    /// References warped into pictures, a channel each, where they were asked for.
    pub warps: Vec<WarpBatch>,
    /// By channel: ray maps as [`Dataset::rays`] makes them, 0 where there are none; shape (B, T, 6, h, w).
    pub rays: Vec<(String, Array5<f32>)>,
    /// By channel: loss weights as [`Dataset::loss_weight`] finds them, 0 beyond a sample's own ticks; shape (B, T, h, w).
    pub loss_weights: Vec<(String, Array4<f32>)>,
    /// Bird's-eye rasters as [`Dataset::bev`] draws them, shape (B, C, H, W), where they were asked for.
    pub bev: Option<Array4<u8>>,
}

/// The pictures of one camera.
#[derive(Debug, Clone)]
pub struct CameraBatch {
    /// Channel.
    pub channel: String,
    /// H.
    pub height: usize,
    /// W.
    pub width: usize,
    /// RGB, 0 where there is no picture; shape (B, T, H, W, 3).
    pub pixels: Vec<u8>,
    /// Whether there is a picture; shape (B, T).
    pub present: Vec<bool>,
    /// fx, fy, cx, cy of the pictures as they are here; NaN where not calibrated; shape (B, 4).
    pub intrinsics: Vec<f32>,
}

/// The geometric references of one camera, as [`Dataset::warp`] warps them.
#[derive(Debug, Clone)]
pub struct WarpBatch {
    /// Channel.
    pub channel: String,
    /// RGB; 0 in holes, at ticks without a picture, and for samples without a reference that has depth; shape
    /// (B, T, H, W, 3).
    pub pixels: Array5<u8>,
    /// 255 where the reference saw what is there, else 0; shape (B, T, H, W).
    pub seen: Array4<u8>,
}

/// A batch, and the samples that were left out of it: id and reason.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) batch: Batch,
    pub(super) skipped: Vec<(String, String)>,
}

/// What batches of a loader have in common.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) cameras: Vec<String>,
    ticks: usize,
    image_size: Option<(u32, u32)>,
    warp: Vec<String>,
    rays: Option<[usize; 2]>,
    loss_weight: Option<[usize; 2]>,
    with_bev: bool,
    skip_broken: bool,
}

/// A picture to be decoded: of which sample of the batch, and at which tick.
struct Wanted {
    sample: usize,
    tick: usize,
    frame: FrameRow,
}

impl Recipe {
    pub(super) fn new(data: &Dataset, rows: &[usize], config: &LoaderConfig) -> Result<Recipe> {
        let known = cameras(data, rows)?;
        let checked = |wanted: &[String]| match wanted.iter().find(|name| !known.contains(*name)) {
            Some(name) => {
                let unknown = ErrorKind::Unknown { what: "camera", name: name.clone() }.in_file(data.dir());
                let there: Vec<&str> = known.iter().map(String::as_str).collect();
                Err(unknown.with_hint(format!("cameras: {}", there.join(", "))))
            }
            None => Ok(wanted.to_vec()),
        };
        let cameras = match &config.cameras {
            None => known.iter().cloned().collect(),
            Some(wanted) => checked(wanted)?,
        };
        let warp = match &config.warp {
            Channels::None => Vec::new(),
            Channels::All => cameras.clone(),
            Channels::These(wanted) => checked(wanted)?,
        };
        // What all batches need is read now, once, rather than by each thread that finds it missing.
        data.frames()?;
        if !warp.is_empty() {
            data.references("")?;
        }
        if config.with_bev {
            data.map_index()?;
            data.poses()?;
        }
        let poses = data.samples().column("poses").and_then(|c| c.list());
        let poses = poses.expect("the schema was checked when the table was read");
        let lengths = poses.lst_lengths();
        let ticks = rows.iter().filter_map(|&row| lengths.get(row)).max().unwrap_or(0) as usize;
        Ok(Recipe {
            cameras,
            ticks,
            image_size: config.image_size,
            warp,
            rays: config.rays,
            loss_weight: config.loss_weight,
            with_bev: config.with_bev,
            skip_broken: config.skip_broken,
        })
    }

    /// Makes the batch of some rows.
    pub(super) fn make(&self, data: &Dataset, rows: &[usize]) -> Result<Made> {
        let mut samples = Vec::with_capacity(rows.len());
        let mut skipped = Vec::new();
        for &row in rows {
            match data.sample(row) {
                Ok(sample) => samples.push(sample),
                Err(error) if self.skip_broken => skipped.push((format!("row {row}"), error.to_string())),
                Err(error) => return Err(error),
            }
        }
        loop {
            let broken = match self.assemble(data, &samples) {
                Ok(batch) => return Ok(Made { batch, skipped }),
                Err(broken) => broken,
            };
            let (first, error) = broken;
            if !self.skip_broken {
                return Err(error);
            }
            let sample = samples.remove(first);
            skipped.push((sample.sample_id, error.to_string()));
        }
    }

    /// The arrays of samples, or the first sample that cannot be read and why.
    fn assemble(&self, data: &Dataset, samples: &[SampleRow]) -> std::result::Result<Batch, (usize, Error)> {
        let mut poses = vec![f32::NAN; samples.len() * self.ticks * 7];
        let mut actions = vec![f32::NAN; samples.len() * self.ticks * 4];
        for (b, sample) in samples.iter().enumerate() {
            let (pose, action) = (sample.poses.as_flattened(), sample.actions.as_flattened());
            poses[b * self.ticks * 7..][..pose.len()].copy_from_slice(pose);
            actions[b * self.ticks * 4..][..action.len()].copy_from_slice(action);
        }
        let cameras =
            self.cameras.iter().map(|channel| self.camera(data, samples, channel)).collect::<Result<_, _>>()?;
        let bev = self.with_bev.then(|| rasters(data, samples)).transpose()?;
        let warps = self.warp.iter().map(|channel| self.warps(data, samples, channel)).collect::<Result<_, _>>()?;
        let shape = (samples.len(), self.ticks);
        let of_cameras =
            |grid: Option<[usize; 2]>| grid.into_iter().flat_map(|grid| self.cameras.iter().map(move |c| (c, grid)));
        let rays = of_cameras(self.rays)
            .map(|(channel, grid)| {
                let made = per_sample(samples, |sample| data.rays(sample, channel, grid))?;
                let mut all = Array5::zeros((shape.0, shape.1, 6, grid[0], grid[1]));
                for (b, own) in made.into_iter().enumerate() {
                    if let Some(own) = own {
                        all.slice_mut(s![b, ..own.dim().0, .., .., ..]).assign(&own);
                    }
                }
                Ok((channel.clone(), all))
            })
            .collect::<Result<_, _>>()?;
        let loss_weights = of_cameras(self.loss_weight)
            .map(|(channel, grid)| {
                let made = per_sample(samples, |sample| data.loss_weight(sample, channel, grid))?;
                let mut all = Array4::zeros((shape.0, shape.1, grid[0], grid[1]));
                for (b, own) in made.into_iter().enumerate() {
                    all.slice_mut(s![b, ..own.dim().0, .., ..]).assign(&own);
                }
                Ok((channel.clone(), all))
            })
            .collect::<Result<_, _>>()?;
        let samples = samples.to_vec();
        Ok(Batch { samples, ticks: self.ticks, poses, actions, cameras, warps, rays, loss_weights, bev })
    }

    fn camera(
        &self,
        data: &Dataset,
        samples: &[SampleRow],
        channel: &str,
    ) -> std::result::Result<CameraBatch, (usize, Error)> {
        let mut wanted = Vec::new();
        for (b, sample) in samples.iter().enumerate() {
            for frame in &sample.frames {
                if frame.channel == channel && frame.modality == Modality::Camera.name() {
                    let tick = usize::try_from(frame.tick).ok().filter(|&tick| tick < self.ticks);
                    let outside = || ErrorKind::Damaged(format!("tick {} of {}", frame.tick, self.ticks));
                    let tick = tick.ok_or_else(|| (b, outside().in_file(data.dir())))?;
                    let frame = data.frame(&frame.frame_id).map_err(|e| (b, e))?;
                    wanted.push(Wanted { sample: b, tick, frame });
                }
            }
        }
        let stored = |frame: &FrameRow| {
            let side = |side: Option<i32>| side.and_then(|side| u32::try_from(side).ok());
            side(frame.height).zip(side(frame.width))
        };
        let size = self.image_size.or_else(|| wanted.first().and_then(|w| stored(&w.frame))).unwrap_or((0, 0));
        let (height, width) = (size.0 as usize, size.1 as usize);
        let mut present = vec![false; samples.len() * self.ticks];
        let mut slots: Vec<Option<&Wanted>> = vec![None; present.len()];
        for one in &wanted {
            let slot = one.sample * self.ticks + one.tick;
            present[slot] = true;
            slots[slot] = Some(one);
        }
        let mut pixels = vec![0; present.len() * height * width * 3];
        let failures: Vec<(usize, Error)> = pixels
            .par_chunks_mut((height * width * 3).max(1))
            .zip(&slots)
            .map_init(Resizer::new, |resizer, (into, slot)| {
                let one = (*slot)?;
                decode(data, &one.frame, size, self.image_size.is_some(), resizer, into).err().map(|e| (one.sample, e))
            })
            .flatten()
            .collect();
        if let Some(first) = failures.into_iter().next() {
            return Err(first);
        }
        let mut intrinsics = vec![f32::NAN; samples.len() * 4];
        for (b, sample) in samples.iter().enumerate() {
            let recording = data.recording(&sample.recording_id).map_err(|e| (b, e))?;
            let camera = recording.sensors.iter().find(|s| s.channel == channel).and_then(|s| s.camera.as_ref());
            let scaled =
                camera.filter(|c| c.width * c.height > 0 && width * height > 0).map(|c| c.resized(size.1, size.0));
            if let Some(&[fx, fy, cx, cy]) = scaled.as_ref().map(|c| c.intrinsics.as_slice()) {
                intrinsics[b * 4..][..4].copy_from_slice(&[fx as f32, fy as f32, cx as f32, cy as f32]);
            }
        }
        Ok(CameraBatch { channel: channel.to_string(), height, width, pixels, present, intrinsics })
    }

    /// A sample without a reference, or with one of unknown depth, has holes alone.
    fn warps(
        &self,
        data: &Dataset,
        samples: &[SampleRow],
        channel: &str,
    ) -> std::result::Result<WarpBatch, (usize, Error)> {
        let size = self.image_size.map(|(height, width)| [width, height]);
        let made = per_sample(samples, |sample| match data.warp(sample, channel, size) {
            Err(e) if matches!(e.kind(), ErrorKind::Unsupported(_)) => Ok(None),
            warp => warp,
        })?;
        let known = made.iter().flatten().next().map(|warp| (warp.seen.dim().1, warp.seen.dim().2));
        let (height, width) = match (self.image_size, known) {
            (Some((height, width)), _) => (height as usize, width as usize),
            (None, known) => known.unwrap_or((0, 0)),
        };
        let mut pixels = Array5::zeros((samples.len(), self.ticks, height, width, 3));
        let mut seen = Array4::zeros((samples.len(), self.ticks, height, width));
        for (b, warp) in made.into_iter().enumerate() {
            let Some(warp) = warp else { continue };
            let (ticks, h, w) = warp.seen.dim();
            if (h, w) != (height, width) {
                let reason = format!("warps are {w}x{h} and {width}x{height}: pass `image_size`");
                return Err((b, ErrorKind::Config(reason).bare()));
            }
            pixels.slice_mut(s![b, ..ticks, .., .., ..]).assign(&warp.rgb);
            seen.slice_mut(s![b, ..ticks, .., ..]).assign(&warp.seen);
        }
        Ok(WarpBatch { channel: channel.to_string(), pixels, seen })
    }
}

/// Something of every sample, or the first sample that refuses it and why.
fn per_sample<T: Send>(
    samples: &[SampleRow],
    make: impl Fn(&SampleRow) -> Result<T> + Sync + Send,
) -> std::result::Result<Vec<T>, (usize, Error)> {
    let made: Vec<Result<T>> = samples.par_iter().map(make).collect();
    made.into_iter().enumerate().map(|(b, one)| one.map_err(|e| (b, e))).collect()
}

/// The rasters of samples, shape (B, C, H, W), or the first sample that has none and why.
fn rasters(data: &Dataset, samples: &[SampleRow]) -> std::result::Result<Array4<u8>, (usize, Error)> {
    let each: Vec<Result<Array3<u8>>> = samples.par_iter().map(|sample| data.bev(sample)).collect();
    let mut all: Option<Array4<u8>> = None;
    for (b, raster) in each.into_iter().enumerate() {
        let raster = raster.map_err(|e| (b, e))?;
        let (c, h, w) = raster.dim();
        let all = all.get_or_insert_with(|| Array4::zeros((samples.len(), c, h, w)));
        if all.dim() != (samples.len(), c, h, w) {
            let reason =
                "recordings have different `[sample.bev]`: pass `with_bev=False`, or query those that are alike";
            return Err((b, ErrorKind::Config(reason.to_string()).bare()));
        }
        all.index_axis_mut(Axis(0), b).assign(&raster);
    }
    Ok(all.unwrap_or_else(|| Array4::zeros((0, 0, 0, 0))))
}

/// Decodes a picture into its place, resized by an antialiasing triangle filter.
fn decode(
    data: &Dataset,
    frame: &FrameRow,
    (height, width): (u32, u32),
    resize: bool,
    resizer: &mut Resizer,
    into: &mut [u8],
) -> Result<()> {
    let picture = data.image(frame)?;
    if picture.dimensions() == (width, height) {
        into.copy_from_slice(picture.as_raw());
        return Ok(());
    }
    if !resize {
        let (w, h) = picture.dimensions();
        let reason = format!("frame `{}` is {w}x{h}, others {width}x{height}: pass `image_size`", frame.frame_id);
        return Err(ErrorKind::Config(reason).bare());
    }
    let damaged = |reason: String| {
        let reason = format!("the picture of frame `{}` cannot be resized ({reason})", frame.frame_id);
        ErrorKind::Damaged(reason).in_file(data.dir().join(&frame.shard))
    };
    let from = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x3)
        .map_err(|e| damaged(e.to_string()))?;
    let mut to = Image::from_slice_u8(width, height, into, PixelType::U8x3).map_err(|e| damaged(e.to_string()))?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    resizer.resize(&from, &mut to, &options).map_err(|e| damaged(e.to_string()))
}

/// The camera channels that samples of some rows may have frames of.
fn cameras(data: &Dataset, rows: &[usize]) -> Result<BTreeSet<String>> {
    let ids = data.samples().column("recording_id").and_then(|c| c.str());
    let ids = ids.expect("the schema was checked when the table was read");
    let recordings: BTreeSet<&str> = rows.iter().filter_map(|&row| ids.get(row)).collect();
    let mut cameras = BTreeSet::new();
    for id in recordings {
        let filter = ChannelFilter::new(&data.sample_config(id)?)?;
        let sensors = data.recording(id)?.sensors.iter();
        let seeing = sensors.filter(|s| s.modality == Some(Modality::Camera));
        cameras.extend(seeing.map(|s| s.channel.clone()).filter(|c| filter.takes(Modality::Camera, c)));
    }
    Ok(cameras)
}
