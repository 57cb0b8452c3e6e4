//! LiDAR points of a scene, thinned: what tools that rebuild a place start from.

use std::collections::BTreeMap;

use nalgebra::Vector3;

use super::Job;
use super::scene::Scene;
use crate::coord::Pose;
use crate::error::{ErrorKind, Result};

/// One point of each cube of this size is kept, metres.
const CUBE_M: f64 = 0.25;
/// Points of a scene at most: then cubes double until it has fewer.
const MOST_POINTS: usize = 500_000;
/// Sweeps that are read at most, evenly over the scene.
const MOST_SWEEPS: usize = 400;

/// Points in the world of a scene's recording, of the sweeps while its pictures were taken: the first of each cube.
/// Empty without LiDAR or a clock.
///
/// # Errors
///
/// As [`crate::dataset::Dataset::points`].
pub fn points(job: &Job<'_>, scene: &Scene) -> Result<Vec<Vector3<f64>>> {
    let times = || scene.stills.iter().filter_map(|s| s.still.frame.t_ns);
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return Ok(Vec::new()) };
    let sweeps = job.dataset.sweep_rows(&scene.recording_id)?;
    let within: Vec<usize> = sweeps.iter().filter(|(t, _)| (first..=last).contains(t)).map(|(_, row)| *row).collect();
    let mut cubes: BTreeMap<[i64; 3], Vector3<f64>> = BTreeMap::new();
    let mut side = CUBE_M;
    for &row in within.iter().step_by(within.len().div_ceil(MOST_SWEEPS).max(1)) {
        job.check_stop()?;
        let sweep = job.dataset.frame_at(row)?;
        let Some(pose) = sweep.pose.and_then(|[x, y, z, q @ ..]| Pose::from_wxyz([x, y, z], q)) else { continue };
        let cloud = match job.dataset.points_at(&sweep, None) {
            // Points without times are taken as measured at once.
            Err(e) if matches!(e.kind(), ErrorKind::Unsupported(_)) => job.dataset.points(&sweep)?,
            cloud => cloud?,
        };
        let origin = Vector3::from(cloud.origin);
        for point in cloud.xyz.iter().filter(|p| p.iter().all(|v| v.is_finite())) {
            let point = pose.apply(origin + Vector3::from(point.map(f64::from)));
            cubes.entry(cube(&point, side)).or_insert(point);
        }
        while cubes.len() > MOST_POINTS {
            side *= 2.0;
            let mut coarser = BTreeMap::new();
            for point in cubes.into_values() {
                coarser.entry(cube(&point, side)).or_insert(point);
            }
            cubes = coarser;
        }
    }
    Ok(cubes.into_values().collect())
}

fn cube(point: &Vector3<f64>, side: f64) -> [i64; 3] {
    [point.x, point.y, point.z].map(|v| (v / side).floor() as i64)
}
