//! Rows of each table from its cells: the way back from `tables.rs`.

use std::sync::Arc;

use geo::Geometry;

use super::cells::{Cell, Cells, must};
use super::rows::{FrameRow, PoseRow, RecordingRow, ReferenceRow};
use crate::coord::{Geodetic, Pose};
use crate::fuse::{ClockOffset, Register, Stretch};
use crate::record::{CameraIntrinsics, CameraModelKind, MapAttributes, MapFeature, MapLayer, Modality, Sensor};
use crate::sample::{Caption, PrivacyState, SampleFrame, SampleRow, Split};

pub(super) fn sample(cells: &Cells<'_>, i: usize) -> Cell<SampleRow> {
    let text = |name| must(name, cells.text(name, i));
    let float = |name| must(name, cells.float(name, i));
    let texts = |name| must(name, cells.texts(name, i));
    let split = text("split")?;
    let path = match must("geometry", cells.geometry("geometry", i))? {
        Geometry::LineString(line) => line.0.iter().map(|c| (c.x, c.y)).collect(),
        _ => return Err("`geometry` is not a LineString".to_string()),
    };
    Ok(SampleRow {
        sample_id: text("sample_id")?,
        recording_id: text("recording_id")?,
        t0_ns: cells.long("t0_ns", i)?,
        s0_m: float("s0_m")?,
        split: Split::from_name(&split).ok_or_else(|| format!("no split is called `{split}`"))?,
        path,
        lon: float("lon")?,
        lat: float("lat")?,
        height_m: float("height_m")?,
        heading_deg: float("heading_deg")?,
        h3: text("h3")?,
        poses: must("poses", cells.vectors("poses", i))?,
        pose_t_ns: cells.longs("pose_t_ns", i)?,
        pose_s_m: must("pose_s_m", cells.floats("pose_s_m", i))?,
        actions: must("actions", cells.vectors("actions", i))?,
        steering_rad: cells.floats("steering_rad", i)?,
        frames: must("frames", cells.groups("frames", i, sample_frame))?,
        pose_sigma_m: cells.float("pose_sigma_m", i)?,
        pose_source: text("pose_source")?,
        sync_residual_ms: cells.float("sync_residual_ms", i)?,
        interpolation_gap_ms: cells.float("interpolation_gap_ms", i)?,
        match_way_ids: cells.texts("match_way_ids", i)?,
        match_probability: cells.float("match_probability", i)?,
        register_residual_m: cells.float("register_residual_m", i)?,
        register_inliers: share("register_inliers", cells, i)?,
        register_covariance_m2: covariance("register_covariance_m2", cells, i)?,
        captions: cells.groups("captions", i, caption)?,
        privacy: must("privacy", cells.group("privacy", i, privacy))?,
        licenses: texts("licenses")?,
        attributions: texts("attributions")?,
        sources: texts("sources")?,
    })
}

fn sample_frame(cells: &Cells<'_>, k: usize) -> Cell<SampleFrame> {
    Ok(SampleFrame {
        channel: must("channel", cells.text("channel", k))?,
        modality: must("modality", cells.text("modality", k))?,
        tick: must("tick", cells.int("tick", k))?,
        frame_id: must("frame_id", cells.text("frame_id", k))?,
    })
}

fn caption(cells: &Cells<'_>, k: usize) -> Cell<Caption> {
    Ok(Caption {
        lang: must("lang", cells.text("lang", k))?,
        task: must("task", cells.text("task", k))?,
        question: cells.text("question", k)?,
        text: must("text", cells.text("text", k))?,
        evidence: must("evidence", cells.texts("evidence", k))?,
    })
}

fn privacy(cells: &Cells<'_>) -> Cell<PrivacyState> {
    Ok(PrivacyState {
        state: must("state", cells.text("state", 0))?,
        detector: cells.text("detector", 0)?,
        regions: must("regions", cells.int("regions", 0))?,
    })
}

/// `x_m y_m z_m qw qx qy qz`; `None` where one of them is null.
fn pose(cells: &Cells<'_>, i: usize) -> Cell<Option<[f64; 7]>> {
    let mut pose = [0.0; 7];
    for (value, name) in pose.iter_mut().zip(["x_m", "y_m", "z_m", "qw", "qx", "qy", "qz"]) {
        match cells.float(name, i)? {
            Some(number) => *value = number,
            None => return Ok(None),
        }
    }
    Ok(Some(pose))
}

pub(super) fn frame(cells: &Cells<'_>, i: usize) -> Cell<FrameRow> {
    let text = |name| must(name, cells.text(name, i));
    Ok(FrameRow {
        frame_id: text("frame_id")?,
        recording_id: text("recording_id")?,
        channel: text("channel")?,
        modality: text("modality")?,
        t_ns: cells.long("t_ns", i)?,
        t_source_ns: cells.long("t_source_ns", i)?,
        lon: cells.float("lon", i)?,
        lat: cells.float("lat", i)?,
        height_m: cells.float("height_m", i)?,
        heading_deg: cells.float("heading_deg", i)?,
        heading_sigma_deg: cells.float("heading_sigma_deg", i)?,
        pose: pose(cells, i)?,
        shard: text("shard")?,
        offset: must("offset", cells.long("offset", i))?,
        length: must("length", cells.long("length", i))?,
        checksum: text("checksum")?,
        format: text("format")?,
        width: cells.int("width", i)?,
        height: cells.int("height", i)?,
        points: cells.int("points", i)?,
        duration_ms: cells.float("duration_ms", i)?,
        privacy_state: text("privacy_state")?,
        s_m: cells.float("s_m", i)?,
        source_path: text("source_path")?,
        source_record: cells.long("source_record", i)?,
        license: text("license")?,
    })
}

pub(super) fn pose_row(cells: &Cells<'_>, i: usize) -> Cell<PoseRow> {
    let text = |name| must(name, cells.text(name, i));
    let float = |name| must(name, cells.float(name, i));
    Ok(PoseRow {
        recording_id: text("recording_id")?,
        t_ns: cells.long("t_ns", i)?,
        s_m: float("s_m")?,
        lon: float("lon")?,
        lat: float("lat")?,
        height_m: float("height_m")?,
        pose: must("x_m … qz", pose(cells, i))?,
        speed_mps: cells.float("speed_mps", i)?,
        acceleration_mps2: cells.float("acceleration_mps2", i)?,
        yaw_rate_radps: cells.float("yaw_rate_radps", i)?,
        sigma_xy_m: cells.float("sigma_xy_m", i)?,
        sigma_z_m: cells.float("sigma_z_m", i)?,
        sigma_heading_deg: cells.float("sigma_heading_deg", i)?,
        source: text("source")?,
        way_id: cells.text("way_id", i)?,
        way_offset_m: cells.float("way_offset_m", i)?,
        match_probability: cells.float("match_probability", i)?,
    })
}

pub(super) fn recording(cells: &Cells<'_>, i: usize) -> Cell<RecordingRow> {
    let text = |name| must(name, cells.text(name, i));
    let float = |name| must(name, cells.float(name, i));
    Ok(RecordingRow {
        recording_id: text("recording_id")?,
        entry: must("entry", cells.int("entry", i))?,
        kind: text("kind")?,
        origin: Geodetic::new(float("origin_lon")?, float("origin_lat")?, float("origin_height_m")?),
        height_datum: text("height_datum")?,
        t_start_ns: cells.long("t_start_ns", i)?,
        t_end_ns: cells.long("t_end_ns", i)?,
        length_m: float("length_m")?,
        clock: must("clock", cells.groups("clock", i, clock))?,
        sensors: must("sensors", cells.groups("sensors", i, sensor))?,
        register: cells.group("register", i, register)?,
        register_stretches: cells.groups("register_stretches", i, stretch)?.unwrap_or_default(),
        sources: must("sources", cells.texts("sources", i))?,
        license: text("license")?,
    })
}

fn clock(cells: &Cells<'_>, k: usize) -> Cell<ClockOffset> {
    Ok(ClockOffset {
        sensor: must("sensor", cells.text("sensor", k))?,
        offset_ms: cells.float("offset_ms", k)?,
        sigma_ms: cells.float("sigma_ms", k)?,
        drift_ppm: cells.float("drift_ppm", k)?,
        method: cells.text("method", k)?,
        applied: must("applied", cells.bool("applied", k))?,
    })
}

fn sensor(cells: &Cells<'_>, k: usize) -> Cell<Sensor> {
    let modality = match cells.text("modality", k)? {
        Some(name) => Some(modality(&name)?),
        None => None,
    };
    let camera = match cells.text("model", k)? {
        Some(name) => Some(CameraIntrinsics {
            model: model(&name)?,
            width: size("width", must("width", cells.int("width", k))?)?,
            height: size("height", must("height", cells.int("height", k))?)?,
            intrinsics: must("intrinsics", cells.floats("intrinsics", k))?,
            distortion: must("distortion", cells.floats("distortion", k))?,
        }),
        None => None,
    };
    let ego_se3_sensor = match (cells.floats("t", k)?.as_deref(), cells.floats("q", k)?.as_deref()) {
        (Some(&[x, y, z]), Some(&[qw, qx, qy, qz])) => {
            Some(Pose::from_wxyz([x, y, z], [qw, qx, qy, qz]).ok_or("`t`, `q` are not a pose")?)
        }
        (None, None) => None,
        _ => return Err("`t`, `q` are not three and four numbers".to_string()),
    };
    Ok(Sensor { channel: must("channel", cells.text("channel", k))?, modality, camera, ego_se3_sensor })
}

fn size(name: &str, value: i32) -> Cell<u32> {
    u32::try_from(value).map_err(|_| format!("`{name}` is negative"))
}

fn modality(name: &str) -> Cell<Modality> {
    let all = [Modality::Camera, Modality::Lidar, Modality::Audio, Modality::Depth, Modality::Mask];
    all.into_iter().find(|m| m.name() == name).ok_or_else(|| format!("no modality is called `{name}`"))
}

fn model(name: &str) -> Cell<CameraModelKind> {
    CameraModelKind::ALL
        .into_iter()
        .find(|m| m.name() == name)
        .ok_or_else(|| format!("no camera model is called `{name}`"))
}

fn stretch(cells: &Cells<'_>, k: usize) -> Cell<Stretch> {
    let float = |name| must(name, cells.float(name, k));
    let sigma_m = float("sigma_m")?;
    // Older data sets have the sigma alone.
    let alike = [sigma_m * sigma_m, 0.0, sigma_m * sigma_m];
    Ok(Stretch {
        s_m: float("s_m")?,
        shift_m: [float("dx_m")?, float("dy_m")?],
        sigma_m,
        residual_m: cells.float("residual_m", k)?,
        inliers: share("inliers", cells, k)?,
        covariance_m2: covariance("covariance_m2", cells, k)?.unwrap_or(alike),
    })
}

fn register(cells: &Cells<'_>) -> Cell<Register> {
    let float = |name| must(name, cells.float(name, 0));
    Ok(Register {
        dx_m: float("dx_m")?,
        dy_m: float("dy_m")?,
        dyaw_deg: float("dyaw_deg")?,
        residual_m: float("residual_m")?,
        inliers: must("inliers", share("inliers", cells, 0))?,
        // Older data sets have none: nothing was made larger.
        scale: cells.float("scale", 0)?.unwrap_or(1.0),
        scale_sigma: cells.float("scale_sigma", 0)?,
        covariance: covariance("covariance", cells, 0)?,
    })
}

/// A number from 0 to 1.
fn share(name: &str, cells: &Cells<'_>, i: usize) -> Cell<Option<f64>> {
    let value = cells.float(name, i)?;
    match value.is_none_or(|v| (0.0..=1.0).contains(&v)) {
        true => Ok(value),
        false => Err(format!("`{name}` is not a share")),
    }
}

/// The upper triangle of a covariance, row by row: `N` numbers.
fn covariance<const N: usize>(name: &str, cells: &Cells<'_>, i: usize) -> Cell<Option<[f64; N]>> {
    let Some(values) = cells.floats(name, i)? else { return Ok(None) };
    match <[f64; N]>::try_from(values) {
        Ok(values) if values.iter().all(|v| v.is_finite()) => Ok(Some(values)),
        _ => Err(format!("`{name}` are not {N} numbers")),
    }
}

pub(super) fn reference(cells: &Cells<'_>, i: usize) -> Cell<ReferenceRow> {
    let text = |name| must(name, cells.text(name, i));
    Ok(ReferenceRow {
        sample_id: text("sample_id")?,
        frame_id: text("frame_id")?,
        role: text("role")?,
        recording_id: text("recording_id")?,
        dt_days: cells.float("dt_days", i)?,
        distance_m: must("distance_m", cells.float("distance_m", i))?,
        bearing_deg: cells.float("bearing_deg", i)?,
        channel: cells.text("channel", i)?,
        overlap: must("overlap", cells.floats("overlap", i))?,
        overlap_source: cells.text("overlap_source", i)?,
        ahead_m: cells.float("ahead_m", i)?,
    })
}

pub(super) fn feature(layer: MapLayer) -> impl Fn(&Cells<'_>, usize) -> Cell<MapFeature> {
    move |cells, i| {
        let text = |name| must(name, cells.text(name, i));
        Ok(MapFeature {
            id: text("feature_id")?,
            layer,
            geometry: must("geometry", cells.geometry("geometry", i))?,
            class: text("class")?,
            name: cells.text("name", i)?,
            name_ko: cells.text("name_ko", i)?,
            name_en: cells.text("name_en", i)?,
            attributes: MapAttributes {
                lanes: cells.int("lanes", i)?,
                oneway: cells.text("oneway", i)?,
                width_m: cells.float("width_m", i)?,
                height_m: cells.float("height_m", i)?,
                maxspeed_kmh: cells.float("maxspeed_kmh", i)?,
                surface: cells.text("surface", i)?,
                level: cells.int("level", i)?,
                structure: cells.text("structure", i)?,
                marking: cells.text("marking", i)?,
                direction_deg: cells.float("direction_deg", i)?,
            },
            derived: must("derived", cells.bool("derived", i))?,
            source_id: text("source_id")?,
            source: Arc::from(text("source")?),
            license: Arc::from(text("license")?),
        })
    }
}
