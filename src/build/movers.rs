//! Masks of what moves, from the boxes of a source: beside a picture a mask of its size, beside a sweep one of a pixel a point.

use std::collections::BTreeSet;

use image::ExtendedColorType;
use nalgebra::Vector3;

use crate::coord::{Camera, Pose};
use crate::error::ErrorKind;
use crate::record::{FrameFormat, FrameRecord, Modality};
use crate::render::{box_mask, points_in_boxes};
use crate::source::Limits;
use crate::source::recording::lidar::read_points;
use crate::source::recording::picture::encode_png;

use super::frames::{FrameJob, Placed};
use super::media::Prepared;

/// What the source has masks of itself, by channel and stem.
pub struct Masked<'a>(BTreeSet<(&'a str, &'a str)>);

impl<'a> Masked<'a> {
    /// Of all observations of a recording.
    pub fn new(frames: &'a [FrameRecord]) -> Masked<'a> {
        let masks = frames.iter().filter(|frame| frame.modality == Modality::Mask);
        Masked(masks.map(|mask| (mask.channel.as_str(), mask.stem.as_str())).collect())
    }
}

/// The mask of what moves in an observation that is about to be stored; `None` where nothing is known to.
///
/// # Errors
///
/// Where its camera is none, or the mask cannot be written.
pub fn moving_mask(
    job: &FrameJob<'_>,
    masked: &Masked<'_>,
    placed: &Placed<'_>,
    prepared: &Prepared,
) -> Result<Option<Prepared>, ErrorKind> {
    let frame = placed.frame;
    if job.movers.is_empty() || !matches!(frame.modality, Modality::Camera | Modality::Lidar) {
        return Ok(None);
    }
    let Some((t_ns, at)) = placed.t_ns.zip(placed.world_se3_sensor) else { return Ok(None) };
    // What the source masks itself is its own affair.
    if masked.0.contains(&(frame.channel.as_str(), frame.stem.as_str())) {
        return Ok(None);
    }
    let sensor_se3_world = at.inverse();
    let seen: Vec<(Pose, [f64; 3])> = job
        .movers
        .at(t_ns)
        .into_iter()
        .map(|(world_se3_box, size_m)| (sensor_se3_world * world_se3_box, size_m))
        .collect();
    let (mask, size) = match frame.modality {
        Modality::Camera => {
            let calibrated = job.recording.sensor(&frame.channel).and_then(|sensor| sensor.camera.as_ref());
            let stored = (prepared.width, prepared.height);
            let fits = |camera: &&crate::record::CameraIntrinsics| (Some(camera.width), Some(camera.height)) == stored;
            let Some(intrinsics) = calibrated.or(frame.intrinsics.as_ref()).filter(fits) else { return Ok(None) };
            let camera = Camera::new(intrinsics)?;
            (box_mask(&camera, &seen), (intrinsics.width, intrinsics.height))
        }
        _ => {
            let cloud = read_points(&prepared.bytes, prepared.format, &Limits::default())?;
            let origin = Vector3::from(cloud.origin);
            let points = cloud.xyz.iter().map(|p| origin + Vector3::from(p.map(f64::from)));
            let count = u32::try_from(cloud.xyz.len()).ok();
            (points_in_boxes(points, &seen).filter(|_| count.is_some()), (count.unwrap_or(0), 1))
        }
    };
    let Some(mask) = mask else { return Ok(None) };
    let bytes = encode_png(&mask, size.0, size.1, ExtendedColorType::L8)?;
    Ok(Some(Prepared {
        bytes,
        format: FrameFormat::Png,
        source_hash: None,
        width: Some(size.0),
        height: Some(size.1),
        points: None,
        privacy_state: "none",
    }))
}

/// The observation that such a mask is: of the same sensor, time and place.
pub fn as_mask(frame: &FrameRecord) -> FrameRecord {
    FrameRecord { modality: Modality::Mask, intrinsics: None, ..frame.clone() }
}
