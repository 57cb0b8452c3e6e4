//! What is cut from panoramas, whole or in part: how wide, where to, and which rows.

use nalgebra::Vector3;

use crate::coord::{Camera, InvalidCamera, Pose};

/// Field of view of what is cut from panoramas and wide fisheyes, degrees across.
pub const CUT_FOV_DEG: f64 = 90.0;
/// Degrees across of what is cut from a panorama: no more than it has.
pub(super) fn cut_deg(panorama: &Camera) -> f64 {
    extent_deg(panorama).min(CUT_FOV_DEG)
}

/// Degrees across of a panorama.
fn extent_deg(panorama: &Camera) -> f64 {
    panorama.turn_px().map_or(0.0, |turn| (360.0 * f64::from(panorama.width()) / turn).min(360.0))
}

/// The turns to the left, degrees from the z axis, of as many cuts side by side as a panorama has room for: four all
/// around, and fewer about the middle of a part.
pub fn cuts_deg(panorama: &Camera) -> Vec<f64> {
    let cut = cut_deg(panorama);
    if panorama.wraps() {
        return (0..4).map(|i| f64::from(i) * cut).collect();
    }
    let count = libm::floor(extent_deg(panorama) / cut + 1e-9).max(1.0);
    let middle = panorama.middle_rad().to_degrees();
    (0..count as u32).map(|i| (0.5 * (count - 1.0) - f64::from(i)) * cut - middle).collect()
}

/// The turn nearest to the wished one that a cut can have without leaving the panorama, degrees to the left.
pub(super) fn turn_deg(panorama: &Camera, wish_deg: f64) -> f64 {
    if panorama.wraps() {
        return wish_deg;
    }
    let middle = -panorama.middle_rad().to_degrees();
    let room = 0.5 * (extent_deg(panorama) - cut_deg(panorama));
    let off = (wish_deg - middle + 180.0).rem_euclid(360.0) - 180.0;
    middle + off.clamp(-room, room)
}

/// The rows of a level view that a panorama shows: it is highest and lowest in the middle column.
pub(super) fn seen_rows(panorama: &Camera, view: &Camera) -> Result<Camera, InvalidCamera> {
    let turn = turned_left(-panorama.middle_rad().to_degrees());
    let seen = |ray: Vector3<f64>| panorama.project(turn.rotation * ray).is_some_and(|at| panorama.shows(at));
    let middle = 0.5 * f64::from(view.width()) - 0.5;
    let shown = |row: &u32| view.unproject(middle, f64::from(*row)).is_some_and(seen);
    // Above or below a picture without the horizon the sides would end before the middle.
    let level = seen(Vector3::z());
    let rows = || (0..view.height()).filter(|row| level && shown(row));
    match rows().next().zip(rows().next_back()) {
        Some((first, last)) => Camera::new(&view.intrinsics().cropped(0, first, view.width(), last - first + 1)?),
        None => {
            let reason = "it is a part of a panorama that ends before the horizon, where level views are cut";
            Err(InvalidCamera { reason: reason.to_string() })
        }
    }
}

/// A turn about the camera's own down axis.
pub(super) fn turned_left(yaw_deg: f64) -> Pose {
    // To the left is from z towards -x: negative about y, which points down.
    let rotation = nalgebra::UnitQuaternion::from_axis_angle(&Vector3::y_axis(), -yaw_deg.to_radians());
    Pose::new(Vector3::zeros(), rotation)
}

#[cfg(test)]
mod tests {
    use image::RgbImage;
    use ndarray::Array2;

    use super::*;
    use crate::coord::{CameraIntrinsics, CameraModelKind};
    use crate::export::view::{View, Wish};

    fn part(height: u32, intrinsics: &[f64]) -> Camera {
        let (model, intrinsics) = (CameraModelKind::Equirectangular, intrinsics.to_vec());
        Camera::new(&CameraIntrinsics { model, width: 300, height, intrinsics, distortion: vec![] }).expect("a camera")
    }

    #[test]
    fn cuts_of_a_part_of_a_panorama_stay_in_it() {
        // 210 degrees whose middle is 60 degrees to the left, 30 up and 40 down; 50 degrees to the right.
        let k = |fx: f64, left_deg: f64| [fx, fx, 149.5 + fx * left_deg.to_radians(), fx * 30.0_f64.to_radians()];
        let wide = 300.0 / 210.0_f64.to_radians();
        let narrow = 300.0 / 50.0_f64.to_radians();
        let height = |fx: f64| (fx * 70.0_f64.to_radians()) as u32;
        let wide = part(height(wide), &k(wide, 60.0));
        let narrow = part(height(narrow), &k(narrow, -80.0));
        let near = |found: &[f64], want: &[f64]| {
            found.len() == want.len() && found.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6)
        };
        assert!(near(&cuts_deg(&wide), &[105.0, 15.0]) && near(&cuts_deg(&narrow), &[-80.0]));
        assert!(near(&cuts_deg(&part(150, &[])), &[0.0, 90.0, 180.0, 270.0]));
        for source in [&wide, &narrow] {
            for wish in cuts_deg(source).into_iter().chain([0.0, 90.0, 180.0, -90.0]) {
                let view = View::new(source, Wish { yaw_deg: wish, ..Wish::default() }).expect("a view");
                let whole = RgbImage::from_pixel(source.width(), source.height(), image::Rgb([9, 9, 9]));
                let black = view.picture(whole).expect("of its size").pixels().filter(|p| p.0 == [0; 3]).count();
                let mask = Array2::zeros((source.height() as usize, source.width() as usize));
                let masked = view.mask(&mask).expect("of its size").iter().filter(|m| **m != 0).count();
                assert_eq!((black, masked), (0, 0), "{wish} {}", view.yaw_deg());
            }
        }
        let turned = View::new(&wide, Wish { yaw_deg: -170.0, ..Wish::default() }).expect("a view");
        // The nearer end is the left one, 165 degrees to the left.
        assert!((turned.yaw_deg() - 120.0).abs() < 1e-6, "{}", turned.yaw_deg());
        let sky = part(100, &[82.0, 82.0, 149.5, 110.0]);
        let reason = View::new(&sky, Wish::default()).expect_err("no horizon").to_string();
        assert!(reason.contains("ends before the horizon"), "{reason}");
    }
}
