//! [`footprint`]: how much of a picture another one sees, where nobody knows the depth.

use nalgebra::Vector3;

use crate::coord::{Camera, CameraModelKind, Pose};

/// Directions of the target that are looked along, evenly over its width.
const COLUMNS: usize = 8;
/// Distances at which things may stand, metres: each is as likely.
const RANGES_M: [f64; 4] = [4.0, 8.0, 16.0, 32.0];
/// Farther away a thing is too small to count as seen, metres.
const REACH_M: f64 = 40.0;

/// A camera and where it is, in a frame whose z is up.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// How it sees.
    pub camera: &'a Camera,
    /// `world_se3_camera`.
    pub pose: Pose,
}

/// The share of what stands before the target that the reference sees, 0 to 1, on the ground plan.
///
/// Along eight directions over the target's width, at 4, 8, 16 and 32 m, something may stand upright. The reference sees
/// it where it lies within 40 m in the reference's own angle of view, and is looked at from the same side: directions
/// less than 90° apart. What hides what, nobody knows. Both poses are in one frame; heights do not count.
pub fn footprint(target: &View<'_>, reference: &View<'_>) -> f64 {
    let (width, height) = (f64::from(target.camera.width()), f64::from(target.camera.height()));
    let inverse = Pose::new(Vector3::zeros(), reference.pose.rotation.inverse());
    let apart = flat(target.pose.translation - reference.pose.translation);
    let (mut seen, mut all) = (0, 0);
    for column in 0..COLUMNS {
        let u = (column as f64 + 0.5) / COLUMNS as f64 * width - 0.5;
        let Some(ray) = target.camera.unproject(u, 0.5 * height - 0.5) else { continue };
        let ahead = flat(target.pose.rotation * ray);
        // A camera that looks at the sky or the ground says nothing of the plan.
        if ahead.norm() < 0.2 {
            continue;
        }
        let ahead = ahead.normalize();
        for range in RANGES_M {
            all += 1;
            let away = apart + ahead * range;
            let near = away.norm();
            seen +=
                u32::from(near <= REACH_M && away.dot(&ahead) > 0.0 && in_view(reference.camera, inverse.apply(away)));
        }
    }
    if all == 0 { 0.0 } else { f64::from(seen) / f64::from(all) }
}

fn flat(v: Vector3<f64>) -> Vector3<f64> {
    Vector3::new(v.x, v.y, 0.0)
}

/// Whether a direction lies between the sides of a picture; up and down do not count.
fn in_view(camera: &Camera, point: Vector3<f64>) -> bool {
    if camera.model() == CameraModelKind::Equirectangular {
        return true;
    }
    let middle = 0.5 * f64::from(camera.height()) - 0.5;
    camera.project(point).is_some_and(|(u, _)| camera.contains((u, middle)))
}
