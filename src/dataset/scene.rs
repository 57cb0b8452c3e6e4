//! What surrounds a sample, rendered when it is asked for: nothing of it is stored.

use ndarray::Array3;

use super::Dataset;
use super::ground::Posed;
use super::rows::FrameRow;
use crate::coord::Pose;
use crate::error::{ErrorKind, Result};
use crate::fuse::{State, Track};
use crate::render::{BevGrid, Imagery, ViewLine, bev, map_view};
use crate::sample::SampleRow;
use crate::source::map::pmtiles::Archive;

/// The imagery of a data set, from its folder.
pub const IMAGERY: &str = "map/imagery.pmtiles";
/// Bytes that one of its tiles may inflate to.
const MAX_TILE: u64 = 64 << 20;

impl Dataset {
    /// The ego at a sample's anchor, `world_se3_ego` in the recording's ENU frame: between rows of `poses`, at `t0_ns`,
    /// without a clock at `s0_m`.
    ///
    /// # Errors
    ///
    /// As [`track`](Dataset::track); [`ErrorKind::Damaged`] where the anchor lies outside the recording.
    pub fn ego_pose(&self, sample: &SampleRow) -> Result<Pose> {
        Ok(self.anchor(sample, &*self.track(&sample.recording_id)?)?.pose)
    }

    /// The map around a sample as a bird's-eye raster, shape `(C, H, W)`, 0 or 1: a channel for each of the layers of
    /// its recording's `[sample.bev]`, cells as in [`BevGrid`](crate::render::BevGrid), drawn as [`bev`] does.
    ///
    /// `route` has the roads that the ego was matched to from the window's start to its anchor, each to its end: where
    /// the road leads, not where the ego went. It is empty where the drive is not matched to the map.
    ///
    /// # Errors
    ///
    /// As [`ego_pose`](Dataset::ego_pose), [`sample_config`](Dataset::sample_config) and
    /// [`map_index`](Dataset::map_index).
    pub fn bev(&self, sample: &SampleRow) -> Result<Array3<u8>> {
        let track = self.track(&sample.recording_id)?;
        let anchor = self.anchor(sample, &track)?;
        let config = self.sample_config(&sample.recording_id)?.bev;
        bev(self.map_index()?, &track.frame, &anchor.pose, &followed(&track, sample, &anchor), &config)
    }

    /// The imagery around a sample at the cells of its raster, shape `(H, W, 3)`, sRGB: as [`Imagery::bev`] samples it.
    /// `None` where the data set has none.
    ///
    /// # Errors
    ///
    /// As [`bev`](Dataset::bev); [`ErrorKind::Damaged`] where the archive or a tile cannot be read.
    pub fn bev_image(&self, sample: &SampleRow) -> Result<Option<Array3<u8>>> {
        let path = self.dir().join(IMAGERY);
        let damaged = |e: crate::Error| ErrorKind::Damaged(e.to_string()).in_file(&path);
        let open = || match path.is_file() {
            true => Imagery::new(Box::new(Archive::open(&path, MAX_TILE)?)),
            false => Ok(None),
        };
        let Some(imagery) = self.imagery.get(open).map_err(damaged)? else { return Ok(None) };
        let track = self.track(&sample.recording_id)?;
        let config = self.sample_config(&sample.recording_id)?.bev;
        let grid = BevGrid::new(&track.frame, &self.anchor(sample, &track)?.pose, &config)?;
        imagery.bev(&grid).map(Some).map_err(damaged)
    }

    /// The map in a camera's picture: lines of the features around the ego, as [`map_view`] draws them, as far as the
    /// corners of the recording's raster. `None` where the camera is not calibrated or has no pose.
    ///
    /// # Errors
    ///
    /// As [`track`](Dataset::track), [`sample_config`](Dataset::sample_config) and [`map_index`](Dataset::map_index);
    /// [`ErrorKind::Damaged`] for a calibration that is no camera.
    pub fn map_view(&self, frame: &FrameRow) -> Result<Option<Vec<ViewLine<'_>>>> {
        let Some(Posed { camera, world_se3_camera }) = self.posed(frame)? else { return Ok(None) };
        let track = self.track(&frame.recording_id)?;
        let state = match frame.t_ns.filter(|_| track.timed) {
            Some(t_ns) => track.at_time(t_ns),
            None => frame.s_m.and_then(|s_m| track.at_distance(s_m)),
        };
        let Some(ego) = state.map(|s| s.pose) else { return Ok(None) };
        let reach_m = self.sample_config(&frame.recording_id)?.bev.reach_m();
        Ok(Some(map_view(self.map_index()?, &track.frame, &ego, &world_se3_camera, &camera, reach_m)))
    }

    fn anchor(&self, sample: &SampleRow, track: &Track) -> Result<State> {
        let state = match (sample.t0_ns, track.timed) {
            (Some(t0), true) => track.at_time(t0),
            _ => track.at_distance(sample.s0_m),
        };
        state.ok_or_else(|| {
            let reason = format!("sample `{}` lies outside its recording's poses", sample.sample_id);
            ErrorKind::Damaged(reason).in_file(self.dir())
        })
    }
}

/// The ways that a track was matched to between a sample's first tick and its anchor.
fn followed<'a>(track: &'a Track, sample: &SampleRow, anchor: &State) -> Vec<&'a str> {
    let start = sample.pose_s_m.first().copied().unwrap_or(sample.s0_m);
    let rows = track.rows[..=anchor.row].iter().rev().take_while(|r| r.s_m >= start);
    let mut ways: Vec<u32> = rows.filter_map(|r| r.way).collect();
    ways.dedup();
    ways.into_iter().filter_map(|way| track.ways.get(way as usize)).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn a_picture_with_a_pose_has_a_view_of_the_map() {
        let dir = tempfile::tempdir().expect("a folder");
        fixture::write(dir.path(), &fixture::samples());
        let dataset = Dataset::open(dir.path()).expect("a data set");
        let posed = dataset.frame("a/front/0").expect("read");
        let lines = dataset.map_view(&posed).expect("drawn").expect("a view");
        // The house is ahead on the left, without a height; the road is no line of the view.
        assert!(!lines.is_empty() && lines.iter().all(|l| l.feature.id == "way/2"), "{lines:?}");
        assert!(lines.iter().flat_map(|l| &l.points).all(|p| p[0] < 0.5 && p[2] > 10.0), "{lines:?}");
        assert!(dataset.map_view(&dataset.frame("b/front/0").expect("read")).expect("no error").is_none());
    }

    #[test]
    fn the_raster_shows_the_map_from_where_the_ego_is() {
        let dir = tempfile::tempdir().expect("a folder");
        fixture::write(dir.path(), &fixture::samples());
        let dataset = Dataset::open(dir.path()).expect("a data set");
        for id in ["s4", "s3"] {
            let sample = dataset.sample(dataset.find(id).expect("there")).expect("read");
            let raster = dataset.bev(&sample).expect("drawn");
            assert_eq!(raster.dim(), (8, 200, 200));
            // The road was followed and lies under the ego: it is drawn to its end, 400 m east, also ahead.
            let route: Vec<_> = raster.indexed_iter().filter(|((c, ..), v)| *c == 7 && **v == 1).collect();
            assert!(route.iter().any(|((_, row, _), _)| *row == 0), "{id}");
            assert!(route.iter().all(|((_, _, column), _)| (98..102).contains(column)), "{id}");
            // The house is 10 to 30 m east and north of the origin; the ego drives east along the x axis.
            let x = dataset.ego_pose(&sample).expect("a pose").translation.x;
            let house: Vec<_> = raster.indexed_iter().filter(|((c, ..), v)| *c == 4 && **v == 1).collect();
            assert_eq!(house.len(), 1600, "{id}");
            for ((_, row, column), _) in house {
                let (forward, left) = (50.0 - 0.5 * row as f64 - 0.25, 50.0 - 0.5 * column as f64 - 0.25);
                assert!((10.0..30.0).contains(&(x + forward)) && (10.0..30.0).contains(&left), "{id} {row} {column}");
            }
        }
        let outside = SampleRow { t0_ns: Some(0), ..dataset.sample(dataset.find("s4").expect("there")).expect("read") };
        assert!(matches!(dataset.bev(&outside).expect_err("outside").kind(), ErrorKind::Damaged(_)));
    }
}
