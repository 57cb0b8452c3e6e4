//! One trajectory as every convention of actions has it, each with its way back.
//!
//! A *body* is whatever the poses are of: the ego (x forward, y left, z up) or a camera (x right, y down, z forward).
//! Steps lead from one picture to the next: T poses have T − 1 steps.

use nalgebra::{Matrix3, Vector3};

use crate::coord::Pose;

/// What a step is told relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relative {
    /// The body one picture before: `T_i⁻¹ T_(i+1)`.
    Previous,
    /// The body at the first picture: `T_0⁻¹ T_(i+1)`.
    First,
}

/// SE(3) steps, shape (T − 1, 9): translation in the body's axes (metres times `scale`), then the first and the second
/// column of the rotation matrix.
///
/// Source: Zhou et al., "On the Continuity of Rotation Representations in Neural Networks" (CVPR 2019) for the columns;
/// NVIDIA Cosmos 3, `pose_utils.py`, for their order.
pub fn se3_steps(poses: &[Pose], relative: Relative, scale: f64) -> Vec<[f64; 9]> {
    let step = |i: usize| {
        let from = if relative == Relative::First { 0 } else { i };
        let step = poses[from].inverse() * poses[i + 1];
        let t = step.translation * scale;
        let r = step.rotation.to_rotation_matrix().into_inner();
        [t.x, t.y, t.z, r[(0, 0)], r[(1, 0)], r[(2, 0)], r[(0, 1)], r[(1, 1)], r[(2, 1)]]
    };
    (0..poses.len().saturating_sub(1)).map(step).collect()
}

/// The poses of [`se3_steps`], the first one given; columns are made orthonormal again.
pub fn from_se3_steps(first: &Pose, steps: &[[f64; 9]], relative: Relative, scale: f64) -> Vec<Pose> {
    let mut poses = vec![*first];
    for s in steps {
        let a = Vector3::new(s[3], s[4], s[5]).normalize();
        let b = Vector3::new(s[6], s[7], s[8]);
        let b = (b - a * a.dot(&b)).normalize();
        let rotation = Matrix3::from_columns(&[a, b, a.cross(&b)]);
        let step = Pose::from_rotation_matrix(&rotation, Vector3::new(s[0], s[1], s[2]) / scale);
        let from = if relative == Relative::First { *first } else { poses[poses.len() - 1] };
        poses.push(from * step);
    }
    poses
}

/// Where an ego is on the ground: x and y in the world, metres, and yaw, radians counter-clockwise from x.
pub type OnGround = [f64; 3];

/// The places of an ego on the ground, from its poses; roll, pitch and height are left out.
pub fn on_ground(poses: &[Pose]) -> Vec<OnGround> {
    poses.iter().map(|p| [p.translation.x, p.translation.y, p.yaw_rad()]).collect()
}

/// x forward, y left (metres), yaw (radians, left positive, −π to π) of each step; shape (T − 1, 3).
pub fn xy_yaw(places: &[OnGround], relative: Relative) -> Vec<[f64; 3]> {
    let step = |i: usize| {
        let from = places[if relative == Relative::First { 0 } else { i }];
        let to = places[i + 1];
        let ((sin, cos), dx, dy) = (libm::sincos(from[2]), to[0] - from[0], to[1] - from[1]);
        [cos * dx + sin * dy, cos * dy - sin * dx, turn(from[2], to[2])]
    };
    (0..places.len().saturating_sub(1)).map(step).collect()
}

/// The places of [`xy_yaw`], the first one given.
pub fn from_xy_yaw(first: OnGround, steps: &[[f64; 3]], relative: Relative) -> Vec<OnGround> {
    let mut places = vec![first];
    for [x, y, yaw] in steps {
        let from = if relative == Relative::First { first } else { places[places.len() - 1] };
        let (sin, cos) = libm::sincos(from[2]);
        places.push([from[0] + cos * x - sin * y, from[1] + sin * x + cos * y, from[2] + yaw]);
    }
    places
}

/// Waypoints, shape (T − 1, 3): x forward and y left in the frame of the first place, divided by the spacing that a step
/// usually has, and yaw relative to the first, radians.
///
/// Source: Sridhar et al., "NoMaD" (ICRA 2024), `metric_waypoint_spacing`.
pub fn waypoints(places: &[OnGround], spacing_m: f64) -> Vec<[f64; 3]> {
    xy_yaw(places, Relative::First).into_iter().map(|[x, y, yaw]| [x / spacing_m, y / spacing_m, yaw]).collect()
}

/// The places of [`waypoints`].
pub fn from_waypoints(first: OnGround, waypoints: &[[f64; 3]], spacing_m: f64) -> Vec<OnGround> {
    let steps: Vec<_> = waypoints.iter().map(|[x, y, yaw]| [x * spacing_m, y * spacing_m, *yaw]).collect();
    from_xy_yaw(first, &steps, Relative::First)
}

/// The turn from one heading to another, −π to π.
pub fn turn(from: f64, to: f64) -> f64 {
    let turn = (to - from).rem_euclid(std::f64::consts::TAU);
    if turn > std::f64::consts::PI { turn - std::f64::consts::TAU } else { turn }
}

/// Mean step of an ego over the ground, metres: the spacing of [`waypoints`]. `None` where it never moves.
pub fn spacing<'a>(trajectories: impl IntoIterator<Item = &'a [OnGround]>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u64);
    for step in trajectories.into_iter().flat_map(|places| places.windows(2)) {
        sum += libm::hypot(step[1][0] - step[0][0], step[1][1] - step[0][1]);
        count += 1;
    }
    Some(sum / count as f64).filter(|m| *m > 0.0 && m.is_finite())
}

#[cfg(test)]
mod tests {
    use nalgebra::UnitQuaternion;

    use super::*;

    /// 6.4 s at 10 Hz of a turn that climbs, rolls and drifts, so that every component counts.
    fn drive() -> Vec<Pose> {
        (0..=64)
            .map(|i| {
                let t = f64::from(i) * 0.1;
                let yaw = 0.4 + 0.25 * t + 0.05 * t.sin();
                let rotation = UnitQuaternion::from_euler_angles(0.06 * t, -0.05 * t, yaw);
                Pose::new(Vector3::new(20.0 * (0.3 * t).sin(), 9.0 * t + 0.4 * t * t, 0.3 * t), rotation)
            })
            .collect()
    }

    fn apart(a: &[Pose], b: &[Pose]) -> f64 {
        let one = |(a, b): (&Pose, &Pose)| (a.translation - b.translation).norm().max(a.angle_to(b));
        a.iter().zip(b).map(one).fold(0.0, f64::max)
    }

    fn apart_on_ground(a: &[OnGround], b: &[OnGround]) -> f64 {
        let one = |(a, b): (&OnGround, &OnGround)| libm::hypot(a[0] - b[0], a[1] - b[1]).max(turn(a[2], b[2]).abs());
        a.iter().zip(b).map(one).fold(0.0, f64::max)
    }

    /// A step back with one sign wrong must lead elsewhere, for every component.
    fn every_sign_counts<const N: usize>(steps: &[[f64; N]], off: impl Fn(&[[f64; N]]) -> f64) {
        assert!(off(steps) < 1e-6, "{}", off(steps));
        for column in 0..N {
            let wrong: Vec<[f64; N]> =
                steps.iter().map(|s| std::array::from_fn(|c| if c == column { -s[c] } else { s[c] })).collect();
            assert!(off(&wrong) > 0.05, "the sign of column {column} does not count: {}", off(&wrong));
        }
    }

    #[test]
    fn se3_steps_lead_back_and_every_sign_counts() {
        let poses = drive();
        for relative in [Relative::Previous, Relative::First] {
            let steps = se3_steps(&poses, relative, 1.35);
            every_sign_counts(&steps, |s| apart(&from_se3_steps(&poses[0], s, relative, 1.35), &poses));
        }
    }

    #[test]
    fn steps_on_the_ground_lead_back_and_every_sign_counts() {
        let places = on_ground(&drive());
        for relative in [Relative::Previous, Relative::First] {
            let steps = xy_yaw(&places, relative);
            every_sign_counts(&steps, |s| apart_on_ground(&from_xy_yaw(places[0], s, relative), &places));
        }
        let spacing_m = spacing([places.as_slice()]).expect("it moves");
        let steps = waypoints(&places, spacing_m);
        every_sign_counts(&steps, |s| apart_on_ground(&from_waypoints(places[0], s, spacing_m), &places));
    }

    #[test]
    fn ahead_is_x_and_left_is_y_and_a_left_turn_is_positive() {
        // Looking north, then one north and one west of there, looking north-west.
        let north = Pose::level(Vector3::zeros(), 0.0);
        let there = Pose::level(Vector3::new(-1.0, 1.0, 0.0), 315.0);
        let step = xy_yaw(&on_ground(&[north, there]), Relative::Previous)[0];
        let want = [1.0, 1.0, std::f64::consts::FRAC_PI_4];
        assert!(step.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "{step:?}");
        let se3 = se3_steps(&[north, there], Relative::Previous, 1.0)[0];
        let r = std::f64::consts::FRAC_1_SQRT_2;
        // The first column is where the new x axis points: ahead and to the left.
        let want = [1.0, 1.0, 0.0, r, r, 0.0, -r, r, 0.0];
        assert!(se3.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "{se3:?}");
    }
}
