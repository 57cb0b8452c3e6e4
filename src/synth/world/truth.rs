//! What was true: `truth/DRIVE/poses.csv`, `clock.csv` and `matched.csv`. No build reads it.

use nalgebra::UnitQuaternion;

use crate::coord::Geodetic;
use crate::error::Result;
use crate::synth::drive::motion::Motion;
use crate::synth::drive::route::Line;
use crate::synth::drive::sensors::Senses;
use crate::synth::town::Town;
use crate::synth::town::map::street_ways;
use crate::time::Timestamp;

use super::files::Folder;

/// The header of `poses.csv`.
pub(super) const POSES: &str = "t_ns,lon,lat,height_m,qw,qx,qy,qz";

/// A line of `poses.csv`: to 0.01 mm and 1e-7.
pub(super) fn pose_line(t: Timestamp, place: &Geodetic, rotation: &UnitQuaternion<f64>) -> String {
    let sign = if rotation.w < 0.0 { -1.0 } else { 1.0 };
    let [w, x, y, z] = [rotation.w, rotation.i, rotation.j, rotation.k].map(|v| v * sign);
    // Adding 0.0 turns a rounded −0 into 0.
    let q = [w, x, y, z].map(|v| libm::round(v * 1e7) / 1e7 + 0.0);
    let (lon, lat, height) = (place.lon_deg, place.lat_deg, place.height_m);
    format!("{},{lon:.10},{lat:.10},{height:.5},{:.7},{:.7},{:.7},{:.7}", t.ns(), q[0], q[1], q[2], q[3])
}

/// Writes what was true of a drive.
pub(super) fn write(folder: &Folder, senses: &Senses<'_>, line: &Line) -> Result<()> {
    let base = format!("truth/{}", senses.name);
    let poses = senses.truth();
    folder.csv(&format!("{base}/poses.csv"), POSES, poses.iter().map(|(t, place, q)| pose_line(*t, place, q)))?;
    let offsets = senses.rig.offsets.iter().map(|(sensor, ns)| format!("{sensor},{ns}"));
    folder.csv(&format!("{base}/clock.csv"), "sensor,offset_ns", offsets)?;
    let matched = matched(senses.town, senses.motion, line);
    let lines = matched
        .into_iter()
        .map(|(t, way, offset)| format!("{},{way},{offset:.3}", senses.start.ns() + libm::round(t * 1e9) as i64));
    folder.csv(&format!("{base}/matched.csv"), "t_ns,way_id,offset_m", lines)
}

/// Ten times a second, where on the road: `(seconds, way id, metres from the way's first node)`; nothing off the road.
fn matched(town: &Town, motion: &Motion, line: &Line) -> Vec<(f64, i64, f64)> {
    let ways = street_ways(town);
    let mut out = Vec::new();
    for k in 0..=(motion.duration_s() * 10.0) as usize {
        let t = k as f64 / 10.0;
        let s = motion.way_m(t);
        let place = line.places.iter().rev().find(|p| p.meets_s <= s + 1e-6).or(line.places.first());
        let Some(street) = place.and_then(|p| p.street) else { continue };
        let along = town.network.streets[street].path.nearest(motion.pose(t).translation.xy()).0;
        let way = ways.iter().find(|w| w.street == street && along <= w.to_s + 1e-6);
        out.extend(way.map(|w| (t, w.id, (along - w.from_s).max(0.0))));
    }
    out
}
