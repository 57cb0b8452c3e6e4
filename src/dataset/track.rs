//! The fused trajectories of a data set's recordings, as [`Track`]s.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use nalgebra::{Quaternion, UnitQuaternion, Vector3};

use super::rows::{PoseRow, RecordingRow};
use super::{Dataset, decode};
use crate::coord::{EnuFrame, Pose};
use crate::error::{ErrorKind, Location, Result};
use crate::fuse::{FusedPose, PoseOrigin, Track};
use crate::record::HeightDatum;

impl Dataset {
    /// The ego trajectory of a recording, as the `poses` table has it: what every pose of its samples comes from.
    ///
    /// # Errors
    ///
    /// As [`recording`](Dataset::recording); [`ErrorKind::Damaged`] where it has no poses.
    pub fn track(&self, recording_id: &str) -> Result<Arc<Track>> {
        if let Some(track) = self.tracks.lock().unwrap_or_else(PoisonError::into_inner).get(recording_id) {
            return Ok(track.clone());
        }
        let poses = self.pose_table()?;
        let rows = poses.of(recording_id).iter().map(|&i| poses.table.row(i, decode::pose_row));
        let rows = rows.collect::<Result<Vec<_>>>()?;
        let recording = self.recording(recording_id)?;
        if rows.is_empty() {
            return Err(ErrorKind::Damaged(format!("no poses of `{recording_id}`")).in_file(&poses.table.path));
        }
        let path = &poses.table.path;
        for (row, &i) in rows.iter().zip(poses.of(recording_id)) {
            let [x, y, z, q @ ..] = row.pose;
            if Pose::from_wxyz([x, y, z], q).is_none() {
                let reason = "a pose without a unit quaternion, or with a number that is none".to_string();
                return Err(ErrorKind::Damaged(reason).at(Location::record(path, i as u64)));
            }
        }
        let track = Arc::new(track(recording, rows));
        let mut tracks = self.tracks.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(tracks.entry(recording_id.to_string()).or_insert(track).clone())
    }
}

/// A recording's rows of the `poses` table as the track that wrote them.
fn track(recording: &RecordingRow, rows: Vec<PoseRow>) -> Track {
    let timed = rows.iter().all(|r| r.t_ns.is_some());
    let mut ways: Vec<String> = Vec::new();
    let mut by_name: HashMap<String, u32> = HashMap::new();
    let known = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let mut fused: Vec<FusedPose> = Vec::with_capacity(rows.len());
    for row in rows {
        let [x, y, z, qw, qx, qy, qz] = row.pose;
        let way = row.way_id.map(|name| {
            *by_name.entry(name.clone()).or_insert_with(|| {
                ways.push(name);
                ways.len() as u32 - 1
            })
        });
        fused.push(FusedPose {
            t_ns: row.t_ns,
            s_m: row.s_m,
            pose: Pose::new(Vector3::new(x, y, z), UnitQuaternion::new_unchecked(Quaternion::new(qw, qx, qy, qz))),
            speed_mps: known(row.speed_mps),
            acceleration_mps2: known(row.acceleration_mps2),
            yaw_rate_radps: known(row.yaw_rate_radps),
            sigma_xy_m: known(row.sigma_xy_m),
            sigma_z_m: known(row.sigma_z_m),
            sigma_heading_deg: known(row.sigma_heading_deg),
            origin: if row.source == PoseOrigin::Source.name() { PoseOrigin::Source } else { PoseOrigin::Estimated },
            way,
            way_offset_m: known(row.way_offset_m),
            match_probability: known(row.match_probability),
        });
    }
    match timed {
        true => fused.sort_by_key(|r| r.t_ns),
        false => fused.sort_by(|a, b| a.s_m.total_cmp(&b.s_m)),
    }
    let datums = [HeightDatum::Ellipsoidal, HeightDatum::Orthometric, HeightDatum::None];
    Track {
        frame: EnuFrame::new(recording.origin),
        height_datum: datums.into_iter().find(|d| d.name() == recording.height_datum).unwrap_or_default(),
        timed,
        rows: fused,
        ways,
        clock: recording.clock.clone(),
        register: recording.register,
        stretches: recording.register_stretches.clone(),
        // What the rows were made from is not in the data set; windows already state its gaps.
        input_t_ns: Vec::new(),
        input_s_m: Vec::new(),
        frame_s_m: Default::default(),
    }
}
