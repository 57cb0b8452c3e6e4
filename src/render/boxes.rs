//! What of a picture or sweep shows things in boxes.

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::coord::{Camera, Pose};

/// Boxes are drawn a little too tight: metres that each side is moved outwards.
const MARGIN_M: f64 = 0.1;

/// A box as a camera or LiDAR sees it.
struct Seen {
    /// `box_se3_sensor`.
    to_box: Pose,
    half_m: Vector3<f64>,
    /// Where its middle lies, and cosine of the half angle that its corners reach; -1 from within.
    towards: Vector3<f64>,
    cos: f64,
}

impl Seen {
    fn new((sensor_se3_box, size_m): &(Pose, [f64; 3])) -> Seen {
        let half_m = Vector3::from(*size_m) * 0.5 + Vector3::repeat(MARGIN_M);
        let (middle, radius) = (sensor_se3_box.translation, half_m.norm());
        let distance = middle.norm();
        let (towards, cos) = match distance > radius {
            true => (middle / distance, libm::sqrt(1.0 - (radius / distance).powi(2))),
            false => (Vector3::z(), -1.0),
        };
        Seen { to_box: sensor_se3_box.inverse(), half_m, towards, cos }
    }

    /// Whether a ray from the sensor, a unit vector, meets it.
    fn is_met(&self, ray: Vector3<f64>) -> bool {
        if ray.dot(&self.towards) < self.cos {
            return false;
        }
        let (from, along) = (self.to_box.translation, self.to_box.rotation * ray);
        let (mut enters, mut leaves) = (0.0_f64, f64::INFINITY);
        for k in 0..3 {
            let (a, b) = ((-self.half_m[k] - from[k]) / along[k], (self.half_m[k] - from[k]) / along[k]);
            // Parallel to a pair of sides the quotients are infinite, or NaN right on one.
            enters = enters.max(a.min(b));
            leaves = leaves.min(a.max(b));
        }
        enters <= leaves
    }

    fn holds(&self, point: Vector3<f64>) -> bool {
        let inside = self.to_box.apply(point);
        (0..3).all(|k| inside[k].abs() <= self.half_m[k])
    }
}

/// 255 where a picture shows a box, else 0, in rows; `None` where it shows none.
///
/// `boxes`: `camera_se3_box` of each, and its length (x), width (y) and height (z) in metres. What stands before a box is
/// not known: it is hidden with it.
pub fn box_mask(camera: &Camera, boxes: &[(Pose, [f64; 3])]) -> Option<Vec<u8>> {
    let seen: Vec<Seen> = boxes.iter().map(Seen::new).collect();
    let (width, height) = (camera.width() as usize, camera.height() as usize);
    if seen.is_empty() {
        return None;
    }
    let pixel = |i: usize| {
        let ray = camera.unproject((i % width) as f64, (i / width) as f64);
        if ray.is_some_and(|ray| seen.iter().any(|one| one.is_met(ray))) { 255 } else { 0 }
    };
    let mask: Vec<u8> = (0..width * height).into_par_iter().with_min_len(4096).map(pixel).collect();
    mask.contains(&255).then_some(mask)
}

/// 255 for each point that lies in a box, else 0; `None` where none does.
///
/// `boxes` as in [`box_mask`], in the frame of the points; metres.
pub fn points_in_boxes(points: impl Iterator<Item = Vector3<f64>>, boxes: &[(Pose, [f64; 3])]) -> Option<Vec<u8>> {
    let seen: Vec<Seen> = boxes.iter().map(Seen::new).collect();
    if seen.is_empty() {
        return None;
    }
    let mask: Vec<u8> = points.map(|point| if seen.iter().any(|one| one.holds(point)) { 255 } else { 0 }).collect();
    mask.contains(&255).then_some(mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coord::{CameraIntrinsics, CameraModelKind};

    fn camera(model: CameraModelKind, intrinsics: Vec<f64>) -> Camera {
        let (width, height) = (160, 80);
        Camera::new(&CameraIntrinsics { model, width, height, intrinsics, distortion: vec![] }).expect("a camera")
    }

    /// A box 4 × 2 × 1.5 m, turned and off the axis, 8 m ahead.
    fn ahead() -> (Pose, [f64; 3]) {
        let turn = Pose::level(Vector3::zeros(), 60.0).rotation;
        (Pose::new(Vector3::new(1.5, 0.4, 8.0), Pose::flu_se3_rdf().inverse().rotation * turn), [4.0, 2.0, 1.5])
    }

    #[test]
    fn a_mask_covers_what_points_of_the_box_project_to() {
        for (model, k) in [
            (CameraModelKind::Pinhole, vec![90.0, 90.0, 79.5, 39.5]),
            (CameraModelKind::KannalaBrandt, vec![60.0, 60.0, 79.5, 39.5]),
            (CameraModelKind::Equirectangular, vec![]),
            (CameraModelKind::Equirectangular, vec![60.0, 60.0, 40.0, 35.0]),
        ] {
            let camera = camera(model, k);
            let (pose, size) = ahead();
            let mask = box_mask(&camera, &[(pose, size)]).expect("seen");
            let (mut drawn, mut middle) = (vec![0u8; mask.len()], vec![0u8; mask.len()]);
            let grown = size.map(|side| side + 2.0 * MARGIN_M);
            for i in 0..400_000u32 {
                let share = |n: u32, step: u32| f64::from((i / step) % n) / f64::from(n - 1) - 0.5;
                let at = Vector3::new(share(80, 1) * grown[0], share(80, 80) * grown[1], share(62, 6400) * grown[2]);
                let (u, v) = camera.project(pose.apply(at)).expect("ahead");
                if camera.contains((u, v)) {
                    let pixel = v.round() as usize * 160 + u.round() as usize;
                    drawn[pixel] = 255;
                    // At the rim a pixel may hold a part of the box and its middle none.
                    middle[pixel] |= if (u - u.round()).abs().max((v - v.round()).abs()) < 0.1 { 255 } else { 0 };
                }
            }
            let more = mask.iter().zip(&drawn).filter(|(a, b)| **a == 255 && **b == 0).count();
            let count = mask.iter().filter(|v| **v == 255).count();
            // Points do not reach every pixel at its rim.
            assert!(count > 50 && more * 20 < count, "{model:?}: {more} of {count}");
            let missed = mask.iter().zip(&middle).filter(|(a, b)| **a == 0 && **b == 255).count();
            assert!(missed * 30 < count, "{model:?}: {missed} of {count}");
        }
    }

    #[test]
    fn a_box_behind_is_not_seen_and_one_around_the_camera_is_everywhere() {
        let camera = camera(CameraModelKind::Pinhole, vec![90.0, 90.0, 79.5, 39.5]);
        let behind = Pose::new(Vector3::new(0.0, 0.0, -8.0), Pose::identity().rotation);
        assert_eq!(box_mask(&camera, &[(behind, [2.0, 2.0, 2.0])]), None);
        let around = box_mask(&camera, &[(Pose::identity(), [2.0, 2.0, 2.0])]).expect("seen");
        assert!(around.iter().all(|v| *v == 255));
    }

    #[test]
    fn points_in_a_box_are_told() {
        let (pose, size) = ahead();
        let points = [Vector3::new(0.0, 0.0, 0.0), Vector3::new(1.9, -0.9, 0.7), Vector3::new(2.3, 0.0, 0.0)];
        let mask = points_in_boxes(points.iter().map(|p| pose.apply(*p)), &[(pose, size)]);
        assert_eq!(mask, Some(vec![255, 255, 0]));
        assert_eq!(points_in_boxes(points.into_iter(), &[]), None);
    }
}
