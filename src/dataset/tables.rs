//! The tables of a data set: rows to (Geo)Parquet files, column for column as DESIGN section 5 has them.
//!
//! Every file has the full schema, also without rows. `geometry` and `bbox` are null where a row has no place.
//! What a scalar does not know is null, never NaN; only `actions` keeps NaN, inside its list.

use std::path::Path;

use geo::{Coord, Geometry, LineString, Point};
use polars::prelude::{DataFrame, PolarsResult};

use super::columns::Build;
use super::geoparquet::{bounds, encoding, to_wkb, write};
use super::rows::{FrameRow, PoseRow, RecordingRow, ReferenceRow, SourceRow};
use crate::coord::{BBox, hilbert};
use crate::error::Result;
use crate::record::MapFeature;
use crate::sample::SampleRow;

/// Writes `samples/*.parquet`, rows in Hilbert order (order 16 over lon, lat), then by `sample_id`.
///
/// # Errors
///
/// [`crate::error::ErrorKind::Io`] where the file cannot be written; so do all writers here.
pub fn write_samples(path: &Path, rows: &[SampleRow]) -> Result<()> {
    let mut order: Vec<(u64, usize)> = rows.iter().enumerate().map(|(i, r)| (hilbert::key(r.lon, r.lat), i)).collect();
    order.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| rows[a.1].sample_id.cmp(&rows[b.1].sample_id)));
    let sorted: Vec<&SampleRow> = order.into_iter().map(|(_, i)| &rows[i]).collect();
    put(path, samples_table(&sorted))
}

/// Writes `frames/*.parquet`, rows as they come.
///
/// # Errors
///
/// As [`write_samples`].
pub fn write_frames(path: &Path, rows: &[FrameRow]) -> Result<()> {
    put(path, frames_table(rows))
}

/// Writes `poses/*.parquet`, rows as they come: by recording, then time (distance without a clock).
///
/// # Errors
///
/// As [`write_samples`].
pub fn write_poses(path: &Path, rows: &[PoseRow]) -> Result<()> {
    put(path, poses_table(rows))
}

/// Writes `recordings/*.parquet`, rows as they come.
///
/// # Errors
///
/// As [`write_samples`].
pub fn write_recordings(path: &Path, rows: &[RecordingRow]) -> Result<()> {
    put(path, recordings_table(rows))
}

/// Writes `references/*.parquet`, rows as they come.
///
/// # Errors
///
/// As [`write_samples`].
pub fn write_references(path: &Path, rows: &[ReferenceRow]) -> Result<()> {
    put(path, references_table(rows))
}

/// Writes `sources/*.parquet`, rows as they come.
///
/// # Errors
///
/// As [`write_samples`].
pub fn write_sources(path: &Path, rows: &[SourceRow]) -> Result<()> {
    put(path, sources_table(rows))
}

/// Writes `map/<layer>.parquet`, features as they come; all of one layer.
///
/// # Errors
///
/// As [`write_samples`].
pub fn write_map(path: &Path, features: &[MapFeature]) -> Result<()> {
    put(path, map_table(features))
}

fn put(path: &Path, table: PolarsResult<DataFrame>) -> Result<()> {
    write(path, &table.map_err(|e| encoding(e).in_file(path))?)
}

pub(super) fn samples_table(rows: &[&SampleRow]) -> PolarsResult<DataFrame> {
    Build::new(rows)
        .text("sample_id", |r| Some(&r.sample_id))
        .text("recording_id", |r| Some(&r.recording_id))
        .long("t0_ns", |r| r.t0_ns)
        .float("s0_m", |r| Some(r.s0_m))
        .text("split", |r| Some(r.split.name()))
        .bytes("geometry", |r| Some(to_wkb(&line(&r.path))))
        .bbox(|r| BBox::of_points(r.path.iter().copied()))?
        .float("lon", |r| Some(r.lon))
        .float("lat", |r| Some(r.lat))
        .float("height_m", |r| Some(r.height_m))
        .float("heading_deg", |r| Some(r.heading_deg))
        .text("h3", |r| Some(&r.h3))
        .vectors("poses", |r| Some(&r.poses))?
        .longs("pose_t_ns", |r| r.pose_t_ns.as_deref())?
        .floats("pose_s_m", |r| Some(r.pose_s_m.clone()))?
        .vectors("actions", |r| Some(&r.actions))?
        .floats("steering_rad", |r| r.steering_rad.clone())?
        .groups(
            "frames",
            |r| Some(&r.frames),
            |f| {
                Ok(f.text("channel", |f| Some(&f.channel))
                    .text("modality", |f| Some(&f.modality))
                    .int("tick", |f| Some(f.tick))
                    .text("frame_id", |f| Some(&f.frame_id)))
            },
        )?
        .float("pose_sigma_m", |r| r.pose_sigma_m)
        .text("pose_source", |r| Some(&r.pose_source))
        .float("sync_residual_ms", |r| r.sync_residual_ms)
        .float("interpolation_gap_ms", |r| r.interpolation_gap_ms)
        .texts("match_way_ids", |r| r.match_way_ids.as_deref())?
        .float("match_probability", |r| r.match_probability)
        .float("register_residual_m", |r| r.register_residual_m)
        .float("register_inliers", |r| r.register_inliers)
        .floats("register_covariance_m2", |r| r.register_covariance_m2.map(Vec::from))?
        .groups(
            "captions",
            |r| r.captions.as_deref(),
            |c| {
                c.text("lang", |c| Some(&c.lang))
                    .text("task", |c| Some(&c.task))
                    .text("question", |c| c.question.as_deref())
                    .text("text", |c| Some(&c.text))
                    .texts("evidence", |c| Some(&c.evidence))
            },
        )?
        .group(
            "privacy",
            |r| Some(&r.privacy),
            |p| {
                Ok(p.text("state", |p| Some(&p.state))
                    .text("detector", |p| p.detector.as_deref())
                    .int("regions", |p| Some(p.regions)))
            },
        )?
        .texts("licenses", |r| Some(&r.licenses))?
        .texts("attributions", |r| Some(&r.attributions))?
        .texts("sources", |r| Some(&r.sources))?
        .finish()
}

pub(super) fn frames_table(rows: &[FrameRow]) -> PolarsResult<DataFrame> {
    let place = |r: &FrameRow| r.lon.zip(r.lat).filter(|(lon, lat)| lon.is_finite() && lat.is_finite());
    Build::new(rows)
        .text("frame_id", |r| Some(&r.frame_id))
        .text("recording_id", |r| Some(&r.recording_id))
        .text("channel", |r| Some(&r.channel))
        .text("modality", |r| Some(&r.modality))
        .long("t_ns", |r| r.t_ns)
        .long("t_source_ns", |r| r.t_source_ns)
        .bytes("geometry", |r| place(r).map(point))
        .bbox(|r| BBox::of_points(place(r)))?
        .float("lon", |r| place(r).map(|p| p.0))
        .float("lat", |r| place(r).map(|p| p.1))
        .float("height_m", |r| r.height_m)
        .float("heading_deg", |r| r.heading_deg)
        .float("heading_sigma_deg", |r| r.heading_sigma_deg)
        .pose(|r| r.pose)
        .text("shard", |r| Some(&r.shard))
        .long("offset", |r| Some(r.offset))
        .long("length", |r| Some(r.length))
        .text("checksum", |r| Some(&r.checksum))
        .text("format", |r| Some(&r.format))
        .int("width", |r| r.width)
        .int("height", |r| r.height)
        .int("points", |r| r.points)
        .float("duration_ms", |r| r.duration_ms)
        .text("privacy_state", |r| Some(&r.privacy_state))
        .float("s_m", |r| r.s_m)
        .text("source_path", |r| Some(&r.source_path))
        .long("source_record", |r| r.source_record)
        .text("license", |r| Some(&r.license))
        .finish()
}

pub(super) fn poses_table(rows: &[PoseRow]) -> PolarsResult<DataFrame> {
    Build::new(rows)
        .text("recording_id", |r| Some(&r.recording_id))
        .long("t_ns", |r| r.t_ns)
        .float("s_m", |r| Some(r.s_m))
        .bytes("geometry", |r| Some(point((r.lon, r.lat))))
        .bbox(|r| BBox::of_points([(r.lon, r.lat)]))?
        .float("lon", |r| Some(r.lon))
        .float("lat", |r| Some(r.lat))
        .float("height_m", |r| Some(r.height_m))
        .pose(|r| Some(r.pose))
        .float("speed_mps", |r| r.speed_mps)
        .float("acceleration_mps2", |r| r.acceleration_mps2)
        .float("yaw_rate_radps", |r| r.yaw_rate_radps)
        .float("sigma_xy_m", |r| r.sigma_xy_m)
        .float("sigma_z_m", |r| r.sigma_z_m)
        .float("sigma_heading_deg", |r| r.sigma_heading_deg)
        .text("source", |r| Some(&r.source))
        .text("way_id", |r| r.way_id.as_deref())
        .float("way_offset_m", |r| r.way_offset_m)
        .float("match_probability", |r| r.match_probability)
        .finish()
}

pub(super) fn recordings_table(rows: &[RecordingRow]) -> PolarsResult<DataFrame> {
    Build::new(rows)
        .text("recording_id", |r| Some(&r.recording_id))
        .int("entry", |r| Some(r.entry))
        .text("kind", |r| Some(&r.kind))
        .float("origin_lon", |r| Some(r.origin.lon_deg))
        .float("origin_lat", |r| Some(r.origin.lat_deg))
        .float("origin_height_m", |r| Some(r.origin.height_m))
        .text("height_datum", |r| Some(&r.height_datum))
        .long("t_start_ns", |r| r.t_start_ns)
        .long("t_end_ns", |r| r.t_end_ns)
        .float("length_m", |r| Some(r.length_m))
        .groups(
            "clock",
            |r| Some(&r.clock),
            |c| {
                Ok(c.text("sensor", |c| Some(&c.sensor))
                    .float("offset_ms", |c| c.offset_ms)
                    .float("sigma_ms", |c| c.sigma_ms)
                    .float("drift_ppm", |c| c.drift_ppm)
                    .text("method", |c| c.method.as_deref())
                    .bool("applied", |c| Some(c.applied)))
            },
        )?
        .groups(
            "sensors",
            |r| Some(&r.sensors),
            |s| {
                s.text("channel", |s| Some(&s.channel))
                    .text("modality", |s| s.modality.map(|m| m.name()))
                    .text("model", |s| s.camera.as_ref().map(|c| c.model.name()))
                    .int("width", |s| s.camera.as_ref().and_then(|c| i32::try_from(c.width).ok()))
                    .int("height", |s| s.camera.as_ref().and_then(|c| i32::try_from(c.height).ok()))
                    .floats("intrinsics", |s| s.camera.as_ref().map(|c| c.intrinsics.clone()))?
                    .floats("distortion", |s| s.camera.as_ref().map(|c| c.distortion.clone()))?
                    .floats("t", |s| s.ego_se3_sensor.map(|p| p.translation.as_slice().to_vec()))?
                    .floats("q", |s| s.ego_se3_sensor.map(|p| p.wxyz().to_vec()))
            },
        )?
        .group(
            "register",
            |r| r.register.as_ref(),
            |g| {
                g.float("dx_m", |g| Some(g.dx_m))
                    .float("dy_m", |g| Some(g.dy_m))
                    .float("dyaw_deg", |g| Some(g.dyaw_deg))
                    .float("residual_m", |g| Some(g.residual_m))
                    .float("inliers", |g| Some(g.inliers))
                    .float("scale", |g| Some(g.scale))
                    .float("scale_sigma", |g| g.scale_sigma)
                    .floats("covariance", |g| g.covariance.map(Vec::from))
            },
        )?
        .groups(
            "register_stretches",
            |r| Some(&r.register_stretches),
            |g| {
                g.float("s_m", |g| Some(g.s_m))
                    .float("dx_m", |g| Some(g.shift_m[0]))
                    .float("dy_m", |g| Some(g.shift_m[1]))
                    .float("sigma_m", |g| Some(g.sigma_m))
                    .float("residual_m", |g| g.residual_m)
                    .float("inliers", |g| g.inliers)
                    .floats("covariance_m2", |g| Some(g.covariance_m2.to_vec()))
            },
        )?
        .texts("sources", |r| Some(&r.sources))?
        .text("license", |r| Some(&r.license))
        .finish()
}

pub(super) fn references_table(rows: &[ReferenceRow]) -> PolarsResult<DataFrame> {
    Build::new(rows)
        .text("sample_id", |r| Some(&r.sample_id))
        .text("frame_id", |r| Some(&r.frame_id))
        .text("role", |r| Some(&r.role))
        .text("recording_id", |r| Some(&r.recording_id))
        .float("dt_days", |r| r.dt_days)
        .float("distance_m", |r| Some(r.distance_m))
        .float("bearing_deg", |r| r.bearing_deg)
        .text("channel", |r| r.channel.as_deref())
        .floats("overlap", |r| Some(r.overlap.clone()))?
        .text("overlap_source", |r| r.overlap_source.as_deref())
        .float("ahead_m", |r| r.ahead_m)
        .finish()
}

pub(super) fn sources_table(rows: &[SourceRow]) -> PolarsResult<DataFrame> {
    Build::new(rows)
        .text("path", |r| Some(&r.path))
        .long("size", |r| Some(r.size))
        .text("blake3", |r| Some(&r.blake3))
        .text("entry", |r| Some(&r.entry))
        .finish()
}

pub(super) fn map_table(features: &[MapFeature]) -> PolarsResult<DataFrame> {
    Build::new(features)
        .text("feature_id", |f| Some(&f.id))
        .bytes("geometry", |f| Some(to_wkb(&f.geometry)))
        .bbox(|f| bounds(&f.geometry))?
        .text("class", |f| Some(&f.class))
        .text("name", |f| f.name.as_deref())
        .text("name_ko", |f| f.name_ko.as_deref())
        .text("name_en", |f| f.name_en.as_deref())
        .int("lanes", |f| f.attributes.lanes)
        .text("oneway", |f| f.attributes.oneway.as_deref())
        .float("width_m", |f| f.attributes.width_m)
        .float("height_m", |f| f.attributes.height_m)
        .float("maxspeed_kmh", |f| f.attributes.maxspeed_kmh)
        .text("surface", |f| f.attributes.surface.as_deref())
        .int("level", |f| f.attributes.level)
        .text("structure", |f| f.attributes.structure.as_deref())
        .text("marking", |f| f.attributes.marking.as_deref())
        .float("direction_deg", |f| f.attributes.direction_deg)
        .bool("derived", |f| Some(f.derived))
        .text("source_id", |f| Some(&f.source_id))
        .text("source", |f| Some(&f.source))
        .text("license", |f| Some(&f.license))
        .finish()
}

fn line(path: &[(f64, f64)]) -> Geometry<f64> {
    Geometry::LineString(LineString::new(path.iter().map(|&(x, y)| Coord { x, y }).collect()))
}

fn point((lon, lat): (f64, f64)) -> Vec<u8> {
    to_wkb(&Geometry::Point(Point::new(lon, lat)))
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::super::geoparquet::{ROWS_PER_GROUP, encode};
    use super::*;

    #[test]
    fn every_file_of_a_table_has_the_same_schema_also_without_rows() {
        let full = fixture::sample("s1", "a", 0.0, 0.0, true);
        let bare = fixture::sample("s2", "b", 9.0, 0.0, false);
        let schema = |rows: &[&SampleRow]| samples_table(rows).expect("a table").schema().clone();
        assert_eq!(schema(&[]), schema(&[&full]));
        assert_eq!(schema(&[]), schema(&[&bare]));
        let frames = |rows: &[FrameRow]| frames_table(rows).expect("a table").schema().clone();
        assert_eq!(frames(&[]), frames(&[fixture::frame("f", "a", false), fixture::frame("f", "a", true)]));
        let recordings = |rows: &[RecordingRow]| recordings_table(rows).expect("a table").schema().clone();
        assert_eq!(recordings(&[]), recordings(&[fixture::recording("a", true), fixture::recording("b", false)]));
        let references = |rows: &[ReferenceRow]| references_table(rows).expect("a table").schema().clone();
        assert_eq!(references(&[]), references(&[fixture::reference(true), fixture::reference(false)]));
        let map = |rows: &[MapFeature]| map_table(rows).expect("a table").schema().clone();
        assert_eq!(map(&[]), map(&fixture::map()));
        let poses = |rows: &[PoseRow]| poses_table(rows).expect("a table").schema().clone();
        assert_eq!(poses(&[]), poses(&fixture::poses("a", false)));
    }

    #[test]
    fn a_file_without_rows_is_written_and_read_with_its_schema() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("none.parquet");
        write_samples(&path, &[]).expect("written");
        let read = super::super::geoparquet::read(&path).expect("read");
        assert_eq!(read.height(), 0);
        assert_eq!(read.schema(), samples_table(&[]).expect("a table").schema());
    }

    #[test]
    fn row_groups_hold_at_most_4096_rows() {
        let one = fixture::poses("a", true);
        let many: Vec<PoseRow> = (0..6000).map(|i| one[i % one.len()].clone()).collect();
        let bytes = encode(&poses_table(&many).expect("a table")).expect("bytes");
        let mut reader = polars::prelude::ParquetReader::new(std::io::Cursor::new(bytes));
        use polars::prelude::SerReader;
        let groups: Vec<usize> =
            reader.get_metadata().expect("metadata").row_groups.iter().map(|g| g.num_rows()).collect();
        assert_eq!(groups, [ROWS_PER_GROUP, 6000 - ROWS_PER_GROUP]);
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_order_of_samples_or_on_who_calls() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut rows: Vec<SampleRow> =
            (0..300).map(|i| fixture::sample(&format!("s{i}"), "a", f64::from(i) * 7.0, 0.0, i % 3 > 0)).collect();
        let (one, two) = (dir.path().join("1.parquet"), dir.path().join("2.parquet"));
        write_samples(&one, &rows).expect("written");
        rows.reverse();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads");
        pool.install(|| write_samples(&two, &rows)).expect("written");
        let bytes = |path| std::fs::read(path).expect("a file");
        assert_eq!(blake3::hash(&bytes(one)), blake3::hash(&bytes(two)));
    }
}
