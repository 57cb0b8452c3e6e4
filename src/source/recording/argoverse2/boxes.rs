//! `annotations.feather`: a row a box, in the ego frame at the time of a sweep.
//!
//! Source: `argoverse/av2-api`, `src/av2/structures/cuboid.py`.

use std::path::Path;
use std::sync::Arc;

use crate::error::{ErrorKind, Location, Quarantine};
use crate::record::Cuboid;
use crate::source::arrow_ipc::Table;
use crate::time::Timestamp;

use super::{LIDAR, transforms};

/// A side longer than this is none of a thing on a road, metres.
const LONGEST_M: f64 = 200.0;

/// The boxes of a log by track, then time; rows that are none are quarantined.
///
/// # Errors
///
/// Where a column is missing or of another type.
pub(super) fn boxes(table: &Table, path: &Path, quarantine: &mut Quarantine) -> Result<Vec<Cuboid>, ErrorKind> {
    let (times, tracks) = (table.ints("timestamp_ns")?, table.text("track_uuid")?);
    let sides = [table.floats("length_m")?, table.floats("width_m")?, table.floats("height_m")?];
    let sensor: Arc<str> = LIDAR.into();
    let mut boxes = Vec::with_capacity(times.len());
    for (row, pose) in transforms(table)?.into_iter().enumerate() {
        let size_m = sides.each_ref().map(|side| side[row]);
        let real = size_m.iter().all(|side| *side > 0.0 && *side < LONGEST_M);
        match pose.filter(|_| real) {
            Some(ego_se3_box) => boxes.push(Cuboid {
                t: Timestamp::from_ns(times[row]),
                sensor: sensor.clone(),
                track: tracks[row].as_str().into(),
                ego_se3_box,
                size_m,
            }),
            None => quarantine.refuse(&Location::record(path, row as u64), "not a box in a rigid pose"),
        }
    }
    boxes.sort_by(|a, b| (&a.track, a.t).cmp(&(&b.track, b.t)));
    Ok(boxes)
}
