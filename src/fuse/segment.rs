//! Cutting a recording where its positions pause.

use std::collections::BTreeSet;

use crate::coord::{EnuFrame, Geodetic};
use crate::record::{Modality, Recording};
use crate::time::Timestamp;

/// A pause longer than this, in nanoseconds, ends a segment (DESIGN section 5, "Units": 60 s).
pub(super) const LONGEST_GAP_NS: i64 = 60_000_000_000;
/// Photos farther apart than this after such a pause, metres, are of another sequence, as Mapillary's own tools have it.
const ANOTHER_PLACE_M: f64 = 600.0;
/// Photos of one place that are longer apart than this, nanoseconds, are of another visit.
const ANOTHER_VISIT_NS: i64 = 3_600_000_000_000;

/// Cuts a recording into its segments: stretches without a gap of over 60 s between positions.
///
/// Found from the times of the given poses, else of the GNSS fixes, else of geotagged frames. A recording without times is
/// one segment. Where nothing but its photos says where it was, a gap cuts only where the photos around it are over 600 m
/// or over an hour apart, so that a walk with a photo every few minutes stays one sequence; [`Track`](super::Track) knows
/// nothing of the ego in such a pause.
///
/// Every reading and frame goes to exactly one segment: the cut lies in the middle of the gap, so that a sensor whose clock
/// is a little off stays with its drive; a clip belongs where it begins, and frames without a time stay in the first. Names
/// stay as they are. Segments are in the order of time.
pub fn segments(recording: Recording) -> Vec<Recording> {
    let cuts = cuts(&timed_positions(&recording), is_of_photos(&recording));
    if cuts.is_empty() {
        return vec![recording];
    }
    let of = |t: Timestamp| cuts.partition_point(|cut| *cut <= t.ns());
    let of_any = |t: Option<Timestamp>| t.map_or(0, of);
    let mut parts: Vec<Recording> = (0..=cuts.len())
        .map(|_| Recording {
            origin: recording.origin,
            height_datum: recording.height_datum,
            clocks: recording.clocks.clone(),
            sensors: recording.sensors.clone(),
            sources: recording.sources.clone(),
            ..Recording::new(recording.name.clone(), recording.kind, recording.license.clone())
        })
        .collect();
    for pose in recording.poses {
        parts[of_any(pose.t)].poses.push(pose);
    }
    for fix in recording.gnss {
        parts[of_any(fix.t)].gnss.push(fix);
    }
    for reading in recording.imu {
        parts[of(reading.t)].imu.push(reading);
    }
    for reading in recording.wheel {
        parts[of(reading.t)].wheel.push(reading);
    }
    for frame in recording.frames {
        parts[of_any(frame.t)].frames.push(frame);
    }
    for cuboid in recording.cuboids {
        parts[of(cuboid.t)].cuboids.push(cuboid);
    }
    parts
}

/// Whether nothing but the photos of a recording says where it was: their geotags, or poses that each photo has for itself.
pub(super) fn is_of_photos(recording: &Recording) -> bool {
    if !recording.gnss.is_empty() {
        return false;
    }
    let cameras = recording.frames.iter().filter(|f| f.modality == Modality::Camera);
    let taken: BTreeSet<Timestamp> = cameras.filter_map(|f| f.t).collect();
    recording.poses.iter().all(|pose| pose.t.is_none_or(|t| taken.contains(&t)))
}

/// How many positions make a segment: a lone photo is street view of its place, a lone fix is nothing.
pub(super) fn fewest(recording: &Recording) -> usize {
    if is_of_photos(recording) { 1 } else { 2 }
}

/// What gives positions, with times in nanoseconds, ascending.
fn timed_positions(recording: &Recording) -> Vec<(i64, Geodetic)> {
    let at = |t: Option<Timestamp>, place: Geodetic| Some((t?.ns(), place));
    let mut positions: Vec<(i64, Geodetic)> = if !recording.poses.is_empty() {
        recording.poses.iter().filter_map(|p| at(p.t, p.place)).collect()
    } else if !recording.gnss.is_empty() {
        recording.gnss.iter().filter_map(|f| at(f.t, f.place)).collect()
    } else {
        recording.frames.iter().filter_map(|f| at(f.t, f.geotag?.place)).collect()
    };
    positions.sort_by_key(|(t, _)| *t);
    positions
}

/// The middles of the gaps that cut: what lies at or after a cut belongs to the next segment.
fn cuts(positions: &[(i64, Geodetic)], of_photos: bool) -> Vec<i64> {
    positions
        .windows(2)
        .filter(|pair| {
            let gap_ns = pair[1].0.saturating_sub(pair[0].0);
            let elsewhere = || apart_m(pair[0].1, pair[1].1) > ANOTHER_PLACE_M;
            gap_ns > LONGEST_GAP_NS && (!of_photos || gap_ns > ANOTHER_VISIT_NS || elsewhere())
        })
        // The mean that cannot overflow; a gap of over 60 s keeps it strictly between the two.
        .map(|pair| ((i128::from(pair[0].0) + i128::from(pair[1].0)) / 2) as i64)
        .collect()
}

/// Metres between two places on the ground.
fn apart_m(a: Geodetic, b: Geodetic) -> f64 {
    let flat = |p: Geodetic| Geodetic { height_m: 0.0, ..p };
    EnuFrame::new(flat(a)).to_enu(flat(b)).norm()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{FrameFormat, FrameRecord, GeoTag, GnssFix, MediaRef, PoseFix, SourceRef, WheelReading};

    fn drive(seconds: &[i64]) -> Recording {
        let mut recording = Recording::new("drive", "folder", "CC0-1.0");
        recording.gnss = seconds
            .iter()
            .map(|s| {
                let t = Timestamp::from_ns(s * 1_000_000_000);
                GnssFix::at(Some(t), Geodetic::new(127.0, 37.0, 0.0), *s as u64)
            })
            .collect();
        recording
    }

    #[test]
    fn a_gap_of_sixty_seconds_is_kept_and_a_longer_one_cuts() {
        let sizes = |seconds: &[i64]| segments(drive(seconds)).iter().map(|s| s.gnss.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&[0, 10, 70, 71]), [4]);
        assert_eq!(sizes(&[0, 10, 71, 72, 500]), [2, 2, 1]);
    }

    #[test]
    fn other_sensors_go_to_the_nearer_side_of_the_gap() {
        let mut recording = drive(&[0, 10, 110, 120]);
        recording.wheel = [9, 12, 59, 60, 108, 130]
            .iter()
            .map(|s| WheelReading { t: Timestamp::from_ns(s * 1_000_000_000), speed_mps: 1.0, steering_rad: None })
            .collect();
        let sizes: Vec<_> = segments(recording).iter().map(|s| s.wheel.len()).collect();
        assert_eq!(sizes, [3, 3]);
    }

    #[test]
    fn times_in_any_order_and_at_the_ends_of_the_range_do_not_matter() {
        let mut recording = drive(&[100, 0, 10, 100]);
        recording.gnss[0].t = Some(Timestamp::from_ns(i64::MAX));
        recording.gnss[1].t = Some(Timestamp::from_ns(i64::MIN));
        recording.gnss[3].t = None;
        assert_eq!(segments(recording).iter().map(|s| s.gnss.len()).sum::<usize>(), 4);
    }

    #[test]
    fn without_times_there_is_one_segment() {
        let mut recording = drive(&[0, 1000]);
        recording.gnss.iter_mut().for_each(|f| f.t = None);
        assert_eq!(segments(recording).len(), 1);
    }

    /// Photos at so many seconds, each so many metres north of the first.
    fn photos(taken: &[(i64, f64)]) -> Recording {
        let mut recording = Recording::new("walk", "folder", "CC0-1.0");
        recording.frames = taken
            .iter()
            .map(|(s, north_m)| {
                let file = format!("{s}.jpg");
                let source = SourceRef { path: file.as_str().into(), record: None, license: "CC0-1.0".into() };
                FrameRecord {
                    channel: "camera".to_string(),
                    t: Some(Timestamp::from_ns(s * 1_000_000_000)),
                    geotag: Some(GeoTag {
                        place: Geodetic::new(127.0, 37.0 + north_m / 110_985.0, 0.0),
                        has_height: false,
                        heading_deg: None,
                        heading_sigma_deg: None,
                        tilt: None,
                        sigma_xy_m: None,
                    }),
                    stem: s.to_string(),
                    ..FrameRecord::of_bytes(MediaRef::File(file.into()), 1, FrameFormat::Jpg, source)
                }
            })
            .collect();
        recording
    }

    #[test]
    fn photos_minutes_apart_are_one_sequence_until_they_are_of_another_place_or_visit() {
        let sizes = |taken: &[(i64, f64)]| segments(photos(taken)).iter().map(|s| s.frames.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&[(0, 0.0), (180, 150.0), (600, 300.0), (4000, 310.0)]), [4]);
        assert_eq!(sizes(&[(0, 0.0), (180, 700.0), (190, 1400.0)]), [1, 2]);
        assert_eq!(sizes(&[(0, 0.0), (30, 5.0), (3700, 5.0)]), [2, 1]);
    }

    #[test]
    fn a_receiver_or_poses_beside_the_photos_bring_back_the_sixty_seconds() {
        let taken = [(0, 0.0), (180, 150.0)];
        let mut received = photos(&taken);
        received.gnss = drive(&[0, 180]).gnss;
        assert_eq!(segments(received).len(), 2);
        let pose = |s: i64| PoseFix {
            t: Some(Timestamp::from_ns(s * 1_000_000_000)),
            place: Geodetic::new(127.0, 37.0, 0.0),
            rotation: nalgebra::UnitQuaternion::identity(),
        };
        // Those of the photos are none of their own.
        let posed = |times: &[i64]| Recording { poses: times.iter().map(|s| pose(*s)).collect(), ..photos(&taken) };
        assert_eq!((segments(posed(&[0, 180])).len(), segments(posed(&[0, 90, 180])).len()), (1, 3));
    }
}
