//! Cutting a recording where its positions pause.

use crate::record::Recording;
use crate::time::Timestamp;

/// A pause longer than this, in nanoseconds, ends a segment (DESIGN section 5, "Units": 60 s).
const LONGEST_GAP_NS: i64 = 60_000_000_000;

/// Cuts a recording into its segments: stretches without a gap of over 60 s between positions.
///
/// Found from timestamps alone: those of the given poses, else of the GNSS fixes, else of geotagged frames. A recording
/// without times is one segment. Every reading and frame goes to exactly one segment: the cut lies in the middle of the
/// gap, so that a sensor whose clock is a little off stays with its drive; a clip belongs where it begins, and frames
/// without a time stay in the first. Names stay as they are. Segments are in the order of time.
pub fn segments(recording: Recording) -> Vec<Recording> {
    let cuts = cuts(&position_times(&recording));
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

/// Times of what gives positions, ascending, nanoseconds.
fn position_times(recording: &Recording) -> Vec<i64> {
    let mut times: Vec<i64> = if !recording.poses.is_empty() {
        recording.poses.iter().filter_map(|p| p.t).map(Timestamp::ns).collect()
    } else if !recording.gnss.is_empty() {
        recording.gnss.iter().filter_map(|f| f.t).map(Timestamp::ns).collect()
    } else {
        recording.frames.iter().filter(|f| f.geotag.is_some()).filter_map(|f| f.t).map(Timestamp::ns).collect()
    };
    times.sort_unstable();
    times
}

/// The middles of the gaps that are too long: what lies at or after a cut belongs to the next segment.
fn cuts(times: &[i64]) -> Vec<i64> {
    times
        .windows(2)
        .filter(|pair| pair[1].saturating_sub(pair[0]) > LONGEST_GAP_NS)
        // The mean that cannot overflow; a gap of over 60 s keeps it strictly between the two.
        .map(|pair| ((i128::from(pair[0]) + i128::from(pair[1])) / 2) as i64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coord::Geodetic;
    use crate::record::{GnssFix, WheelReading};

    fn drive(seconds: &[i64]) -> Recording {
        let mut recording = Recording::new("drive", "folder", "CC0-1.0");
        recording.gnss = seconds
            .iter()
            .map(|s| GnssFix {
                t: Some(Timestamp::from_ns(s * 1_000_000_000)),
                place: Geodetic::new(127.0, 37.0, 0.0),
                speed_mps: None,
                course_deg: None,
                sigma_xy_m: None,
                sigma_z_m: None,
                record: *s as u64,
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
}
