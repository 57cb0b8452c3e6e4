//! Motion compensation: a sweep as if its sensor had stood still.

use crate::coord::Pose;
use crate::record::PointCloud;

/// Moves each point of a sweep from where its sensor was at the point's own time to where the sensor is at one time:
/// `p' = sensor_se3_world(at) · world_se3_sensor(t) · p`.
///
/// `offset_ns` has the time of each point after `t0_ns`; `world_se3_sensor` is the sensor at a time, `None` outside what
/// is known of it, and nothing is extrapolated: such points become NaN. `None` where the sensor is not known at `at_ns`.
/// Points that share a time, as those of one firing do, share its pose.
pub fn compensate(
    cloud: &PointCloud,
    offset_ns: &[i32],
    t0_ns: i64,
    at_ns: i64,
    world_se3_sensor: impl Fn(i64) -> Option<Pose>,
) -> Option<PointCloud> {
    let sensor_se3_world = world_se3_sensor(at_ns)?.inverse();
    let mut moved = PointCloud { origin: [0.0; 3], ..cloud.clone() };
    let mut firing: Option<(i32, Option<Pose>)> = None;
    for (i, (xyz, &offset)) in moved.xyz.iter_mut().zip(offset_ns).enumerate() {
        let pose = match firing {
            Some((of, pose)) if of == offset => pose,
            _ => world_se3_sensor(t0_ns + i64::from(offset)).map(|pose| sensor_se3_world * pose),
        };
        firing = Some((offset, pose));
        let point = cloud.position(i).zip(pose).map(|(point, pose)| pose.apply(point));
        *xyz = point.map_or([f32::NAN; 3], |p| [p.x as f32, p.y as f32, p.z as f32]);
    }
    Some(moved)
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;

    use super::*;

    /// A sensor that drives a bend at 10 m/s and 0.5 rad/s sees a wall post at every millisecond.
    #[test]
    fn a_post_seen_from_a_turning_sensor_becomes_one_point() {
        let at = |t_ns: i64| {
            let t = t_ns as f64 / 1e9;
            let place = Vector3::new(20.0 * libm::sin(0.5 * t), 20.0 - 20.0 * libm::cos(0.5 * t), 1.8);
            (0..=100_000_000).contains(&t_ns).then(|| Pose::level(place, 90.0 - (0.5 * t).to_degrees()))
        };
        let post = Vector3::new(12.0, 7.0, 0.5);
        let offsets: Vec<i32> = (0..=110).map(|i| i * 1_000_000).collect();
        let seen = |offset: &i32| {
            let sensor = at(i64::from(*offset).min(100_000_000)).expect("a pose");
            let p = sensor.inverse().apply(post);
            [p.x as f32, p.y as f32, p.z as f32]
        };
        let cloud = PointCloud { xyz: offsets.iter().map(seen).collect(), ..PointCloud::default() };
        let moved = compensate(&cloud, &offsets, 0, 40_000_000, at).expect("a pose at 40 ms");
        let want = at(40_000_000).expect("a pose").inverse().apply(post);
        for (i, p) in moved.xyz.iter().enumerate() {
            if i <= 100 {
                let p = Vector3::new(f64::from(p[0]), f64::from(p[1]), f64::from(p[2]));
                assert!((p - want).norm() < 1e-5, "{p} at {i} ms");
            } else {
                assert!(p.iter().all(|v| v.is_nan()));
            }
        }
        assert!(cloud.xyz.iter().any(|p| (f64::from(p[0]) - want.x).abs() > 0.3));
        assert!(compensate(&cloud, &offsets, 0, 200_000_000, at).is_none());
    }
}
