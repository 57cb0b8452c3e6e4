//! [`Footprint`]: how much of a picture another one sees, where nobody knows the depth.

use nalgebra::Vector3;

use crate::coord::{Camera, Pose};

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

/// The directions of a camera that are looked along, unit vectors in its own frame; found once for a camera.
pub fn directions(camera: &Camera) -> Vec<Vector3<f64>> {
    let (width, height) = (f64::from(camera.width()), f64::from(camera.height()));
    let across = (0..COLUMNS).map(|column| (column as f64 + 0.5) / COLUMNS as f64 * width - 0.5);
    across.filter_map(|u| camera.unproject(u, 0.5 * height - 0.5)).collect()
}

/// What may stand before a target, on the ground plan.
#[derive(Debug, Clone)]
pub struct Footprint {
    at: Vector3<f64>,
    ahead: Vec<Vector3<f64>>,
}

impl Footprint {
    /// That of a camera with these [`directions`] and pose, in a frame whose z is up.
    pub fn new(directions: &[Vector3<f64>], world_se3_camera: &Pose) -> Footprint {
        let ahead = directions.iter().map(|d| flat(world_se3_camera.rotation * d));
        // A camera that looks at the sky or the ground says nothing of the plan.
        let ahead = ahead.filter(|d| d.norm() >= 0.2).map(|d| d.normalize()).collect();
        Footprint { at: world_se3_camera.translation, ahead }
    }

    /// The share of what stands before the target that the reference sees, 0 to 1.
    ///
    /// Along eight directions over the target's width, at 4, 8, 16 and 32 m, something may stand upright. The reference
    /// sees it where it lies within 40 m in the reference's own angle of view, and is looked at from the same side:
    /// directions less than 90° apart. What hides what, nobody knows. Both poses are in one frame; heights do not count.
    pub fn seen_by(&self, reference: &View<'_>) -> f64 {
        let inverse = Pose::new(Vector3::zeros(), reference.pose.rotation.inverse());
        let apart = flat(self.at - reference.pose.translation);
        let mut seen = 0;
        for ahead in &self.ahead {
            for range in RANGES_M {
                let away = apart + ahead * range;
                let near = away.norm_squared() <= REACH_M * REACH_M && away.dot(ahead) > 0.0;
                seen += usize::from(near && in_view(reference.camera, &inverse, away));
            }
        }
        match self.ahead.len() * RANGES_M.len() {
            0 => 0.0,
            all => seen as f64 / all as f64,
        }
    }
}

fn flat(v: Vector3<f64>) -> Vector3<f64> {
    Vector3::new(v.x, v.y, 0.0)
}

/// Whether a direction lies between the sides of a picture; up and down do not count.
fn in_view(camera: &Camera, camera_r_world: &Pose, away: Vector3<f64>) -> bool {
    if camera.wraps() {
        return true;
    }
    let middle = 0.5 * f64::from(camera.height()) - 0.5;
    camera.project(camera_r_world.apply(away)).is_some_and(|(u, _)| camera.contains((u, middle)))
}
