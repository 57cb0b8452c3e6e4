//! Panorama to perspective along a route: [`Crop`] cuts, [`YawPath`] says where to look, [`out_and_back`] walks.

use nalgebra::Vector3;
use ndarray::{Array2, Array3, ArrayView3};
use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

use crate::coord::{Camera, CameraIntrinsics, CameraModelKind, InvalidCamera, Pose};
use crate::error::ErrorKind;

use super::lanes::{self, BLOCK, STEP_BITS, STEPS, Squares};

/// Where a view along a route looks; headings in the world's axes, counter-clockwise from x (east).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum YawPath {
    /// Along the route, turned to the left by so many degrees.
    Follow {
        /// Degrees, left positive.
        offset_deg: f64,
    },
    /// At a point.
    LookAt {
        /// In the world frame, metres; where z is not finite the view turns to it but stays level.
        point: Vector3<f64>,
    },
    /// From a heading on, turning evenly with every step.
    Pan {
        /// Of the first view, degrees.
        start_deg: f64,
        /// Degrees a step, left positive.
        step_deg: f64,
    },
}

impl YawPath {
    /// The levelled views of a route, `world_se3_camera` at each of its positions.
    ///
    /// Where the route stands still it goes on looking as before; a route of one position looks along x. A view at a
    /// point whose height is known is tilted up or down to have it in its middle row.
    pub fn views(&self, route: &[Vector3<f64>]) -> Vec<Pose> {
        let mut along = route.windows(2).map(|w| (w[1] - w[0]).xy()).find(|d| d.norm() > 1e-6);
        let mut view = |i: usize| {
            let here = route[i];
            // Between the positions before and after, so that a corner is turned in two steps.
            let (before, after) = (route[i.saturating_sub(1)], route[(i + 1).min(route.len() - 1)]);
            along = Some((after - before).xy()).filter(|d| d.norm() > 1e-6).or(along);
            let ahead = along.map_or(0.0, |d| libm::atan2(d.y, d.x));
            let (yaw, pitch) = match *self {
                YawPath::Follow { offset_deg } => (ahead + offset_deg.to_radians(), 0.0),
                YawPath::Pan { start_deg, step_deg } => ((start_deg + step_deg * i as f64).to_radians(), 0.0),
                YawPath::LookAt { point } => {
                    let d = point - here;
                    let pitch = if d.z.is_finite() { libm::atan2(d.z, libm::hypot(d.x, d.y)) } else { 0.0 };
                    (libm::atan2(d.y, d.x), pitch)
                }
            };
            level_view(here, yaw, pitch)
        };
        (0..route.len()).map(&mut view).collect()
    }
}

/// `world_se3_camera` of a view without roll: yaw counter-clockwise from x, pitch upwards, radians.
pub fn level_view(at: Vector3<f64>, yaw: f64, pitch: f64) -> Pose {
    let ((sin_yaw, cos_yaw), (sin, cos)) = (libm::sincos(yaw), libm::sincos(pitch));
    let forward = Vector3::new(cos_yaw * cos, sin_yaw * cos, sin);
    let right = Vector3::new(sin_yaw, -cos_yaw, 0.0);
    let axes = nalgebra::Matrix3::from_columns(&[right, forward.cross(&right), forward]);
    Pose::from_rotation_matrix(&axes, at)
}

/// The places of a walk over `n` positions that turns at the last and comes back: `2 n - 1`, first and last the same.
pub fn out_and_back(n: usize) -> Vec<usize> {
    (0..n).chain((0..n.saturating_sub(1)).rev()).collect()
}

/// A pinhole without distortion by its field of view.
///
/// # Errors
///
/// [`InvalidCamera`] where the picture is empty or the horizontal field of view is not between 0 and 180 degrees.
pub fn pinhole(width: u32, height: u32, fov_deg: f64) -> Result<Camera, InvalidCamera> {
    let (w, h) = (f64::from(width), f64::from(height));
    let focal = if fov_deg < 180.0 { 0.5 * w / libm::tan(0.5 * fov_deg.to_radians()) } else { f64::NAN };
    Camera::new(&CameraIntrinsics {
        model: CameraModelKind::Pinhole,
        width,
        height,
        intrinsics: vec![focal, focal, 0.5 * w - 0.5, 0.5 * h - 0.5],
        distortion: vec![],
    })
}

/// How a camera's pixels lie in panoramas of one size and extent (or in the pictures of any other camera), for one
/// direction; made once, used for many pictures.
///
/// Sampling is bilinear at 1/32 of a pixel, across the seam at ±180° as anywhere, and ends at the poles' rows.
#[derive(Debug, Clone)]
pub struct Crop {
    /// Width and height of the source's pictures.
    source: [usize; 2],
    /// Width and height of the crop.
    size: [usize; 2],
    /// Whether the last column is a neighbour of the first.
    wraps: bool,
    /// Row by row: the upper left of the four pixels around a place; [`NOWHERE`] where the source shows nothing.
    first: Vec<u32>,
    /// How far right of it the place is (the lowest bits) and how far below it, in steps; and [`BORDER`].
    steps: Vec<u16>,
    /// 255 where the nadir is, which a mount or a vehicle hides, and where the source shows nothing; shape `(H, W)`.
    masked: Array2<u8>,
}

/// No pixel.
const NOWHERE: u32 = u32::MAX;
/// The four pixels are not a square of the picture: the place is right of the last column or below the last row.
const BORDER: u16 = 1 << 15;

impl Crop {
    /// A view `source_se3_view` (its translation does not count) with a camera, of the pictures of any other: a part of a
    /// panorama, a lens undistorted, a fisheye made a pinhole.
    ///
    /// What lies within `nadir_deg` of straight down, in the source's own axes, is masked, and what the source does not
    /// show.
    pub fn new(source: &Camera, camera: &Camera, source_se3_view: &Pose, nadir_deg: f64) -> Crop {
        let [width, height] = [source.width() as usize, source.height() as usize];
        let size = [camera.width() as usize, camera.height() as usize];
        let down = libm::cos(nadir_deg.clamp(0.0, 180.0).to_radians());
        let wraps = source.wraps();
        let nowhere = (NOWHERE, (0, 255));
        let place = |i: usize| {
            let (row, column) = (i / size[0], i % size[0]);
            let Some(ray) = camera.unproject(column as f64, row as f64) else { return nowhere };
            let ray = source_se3_view.rotation * ray;
            let Some((u, v)) = source.project(ray).filter(|at| source.shows(*at)) else { return nowhere };
            let steps = i64::from(STEPS);
            let [u, v] = [u, v].map(|a| (a * f64::from(STEPS)).round() as i64);
            // Beside the centres of the outermost pixels there is nothing to mix with, except across the seam.
            let u = if wraps { u.rem_euclid(width as i64 * steps) } else { u.clamp(0, (width as i64 - 1) * steps) };
            let v = v.clamp(0, (height as i64 - 1) * steps);
            let (left, above) = ((u / steps) as usize, (v / steps) as usize);
            let inside = left + 1 < width && above + 1 < height;
            let steps = (u % steps) as u16 | ((v % steps) as u16) << STEP_BITS | if inside { 0 } else { BORDER };
            let masked = nadir_deg > 0.0 && ray.y >= down * ray.norm();
            ((above * width + left) as u32, (steps, u8::from(masked) * 255))
        };
        let (first, (steps, masked)): (Vec<u32>, (Vec<u16>, Vec<u8>)) =
            (0..size[0] * size[1]).into_par_iter().map(place).unzip();
        let masked = Array2::from_shape_fn((size[1], size[0]), |(row, column)| masked[row * size[0] + column]);
        Crop { source: [width, height], size, wraps, first, steps, masked }
    }

    /// 255 where the nadir is masked, or the source shows nothing; shape `(H, W)`.
    pub fn masked(&self) -> &Array2<u8> {
        &self.masked
    }

    /// The crop of a picture of the source `(H, W, 3)`; black where it shows nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] where the picture is of another size than the source's.
    pub fn cut(&self, panorama: ArrayView3<'_, u8>) -> Result<Array3<u8>, ErrorKind> {
        let [width, height] = self.source;
        if panorama.dim() != (height, width, 3) {
            let reason = format!("its shape is {:?}, not ({height}, {width}, 3)", panorama.shape());
            return Err(ErrorKind::malformed("panorama", reason));
        }
        let panorama = panorama.as_standard_layout();
        let pixels = panorama.as_slice().unwrap_or_default();
        let [across, down] = self.size;
        let mut out = vec![0; 3 * across * down];
        let rows = out.par_chunks_mut(3 * across).zip(self.first.par_chunks(across)).zip(self.steps.par_chunks(across));
        rows.with_min_len(64).for_each(|((out, first), steps)| {
            Arch::new().dispatch(Row { crop: self, pixels, out, first, steps });
        });
        Array3::from_shape_vec((down, across, 3), out).map_err(|e| ErrorKind::malformed("crop", e.to_string()))
    }

    /// The colours at neighbouring places.
    #[inline(always)]
    fn block(&self, pixels: &[u8], first: &[u32; BLOCK], steps: &[u16; BLOCK]) -> [u8; 3 * BLOCK] {
        let mut squares = Squares::new();
        for i in 0..BLOCK {
            let at = first[i] as usize;
            match (lanes::pair(pixels, 3 * at), lanes::pair(pixels, 3 * (at + self.source[0]))) {
                (Some(above), Some(below)) if steps[i] < BORDER => squares.set(i, [above, below]),
                _ => squares.set(i, self.at_border(pixels, first[i])),
            }
        }
        squares.mix(steps)
    }

    /// The four pixels around a place right of the last column, below the last row, at the very end, or nowhere (black).
    #[cold]
    fn at_border(&self, pixels: &[u8], first: u32) -> [[u32; 2]; 2] {
        if first == NOWHERE {
            return [[0; 2]; 2];
        }
        let [width, height] = self.source;
        let at = first as usize;
        let (row, column) = (at / width, at % width);
        let right = match column + 1 < width {
            true => 1,
            false if self.wraps => 1 - width as isize,
            false => 0,
        };
        let below = if row + 1 < height { at + width } else { at };
        [at, below].map(|left| lanes::two(pixels, left, left.wrapping_add_signed(right)))
    }
}

/// A row of a crop to be filled, in vectors as wide as the machine's.
struct Row<'a> {
    crop: &'a Crop,
    pixels: &'a [u8],
    out: &'a mut [u8],
    first: &'a [u32],
    steps: &'a [u16],
}

impl NullaryFnOnce for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Row { crop, pixels, .. } = self;
        let (out, out_rest) = self.out.as_chunks_mut::<{ 3 * BLOCK }>();
        let (first, first_rest) = self.first.as_chunks::<BLOCK>();
        let (steps, steps_rest) = self.steps.as_chunks::<BLOCK>();
        for ((out, first), steps) in out.iter_mut().zip(first).zip(steps) {
            *out = crop.block(pixels, first, steps);
        }
        let (mut first, mut steps) = ([NOWHERE; BLOCK], [0; BLOCK]);
        first[..first_rest.len()].copy_from_slice(first_rest);
        steps[..steps_rest.len()].copy_from_slice(steps_rest);
        out_rest.copy_from_slice(&crop.block(pixels, &first, &steps)[..out_rest.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A panorama that is smooth on the sphere, so that seams and poles would show.
    fn panorama() -> Array3<u8> {
        Array3::from_shape_fn((256, 512, 3), |(row, column, channel)| {
            shade(&ray(row as f64, column as f64), channel) as u8
        })
    }

    fn sphere(width: u32) -> Camera {
        let (model, height) = (CameraModelKind::Equirectangular, width / 2);
        Camera::new(&CameraIntrinsics { model, width, height, intrinsics: vec![], distortion: vec![] })
            .expect("a camera")
    }

    fn ray(v: f64, u: f64) -> Vector3<f64> {
        let (lon, lat) =
            (((u + 0.5) / 512.0 - 0.5) * std::f64::consts::TAU, (0.5 - (v + 0.5) / 256.0) * std::f64::consts::PI);
        Vector3::new(lat.cos() * lon.sin(), -lat.sin(), lat.cos() * lon.cos())
    }

    fn shade(ray: &Vector3<f64>, channel: usize) -> f64 {
        128.0 + 100.0 * (ray[channel] * 3.0).sin()
    }

    #[test]
    fn a_crop_shows_what_its_rays_meet_also_over_the_seam_and_the_poles() {
        let camera = pinhole(160, 120, 90.0).expect("a camera");
        let picture = panorama();
        for (yaw, pitch) in [(0.3, 0.0), (std::f64::consts::FRAC_PI_2 * 3.0, 0.1), (1.0, 1.5), (-2.0, -1.4)] {
            // The panorama's own camera looks along x.
            let own = level_view(Vector3::zeros(), 0.0, 0.0);
            let view = own.inverse() * level_view(Vector3::zeros(), yaw, pitch);
            let crop = Crop::new(&sphere(512), &camera, &view, 0.0);
            let cut = crop.cut(picture.view()).expect("of the size");
            for ((row, column, channel), &found) in cut.indexed_iter() {
                let ray = view.rotation * camera.unproject(column as f64, row as f64).expect("a ray");
                let want = shade(&ray, channel);
                // Half a pixel beside a pole the rows end; elsewhere it is rounding, and the bend between two pixels.
                let slack = if ray.y.abs() > 0.999 { 6.0 } else { 3.0 };
                assert!((f64::from(found) - want).abs() < slack, "{yaw} {pitch} {row} {column} {found} {want}");
            }
        }
        assert!(Crop::new(&sphere(500), &camera, &Pose::identity(), 0.0).cut(picture.view()).is_err());
    }

    #[test]
    fn a_crop_of_a_part_is_that_of_the_whole_where_the_part_has_pixels_and_masked_elsewhere() {
        let (camera, picture, whole) = (pinhole(160, 120, 90.0).expect("a camera"), panorama(), sphere(512));
        let own = level_view(Vector3::zeros(), 0.0, 0.0);
        // Ahead and to the right; a band all around; one that ends at the seam of the whole.
        for [left, top, width, height] in [[200, 40, 250, 180], [0, 90, 512, 70], [300, 0, 212, 256]] {
            let part = whole.intrinsics().cropped(left, top, width, height).expect("inside");
            let part = Camera::new(&part).expect("a camera");
            let [l, t, w, h] = [left, top, width, height].map(|n| n as usize);
            let cropped = picture.slice(ndarray::s![t..t + h, l..l + w, ..]);
            for (yaw, pitch) in [(0.0, 0.0), (-1.2, 0.2), (3.0, -0.1)] {
                let view = own.inverse() * level_view(Vector3::zeros(), yaw, pitch);
                let (of_whole, of_part) =
                    (Crop::new(&whole, &camera, &view, 0.0), Crop::new(&part, &camera, &view, 0.0));
                let (want, found) = (of_whole.cut(picture.view()).expect("cut"), of_part.cut(cropped).expect("cut"));
                assert!(of_whole.masked().iter().all(|m| *m == 0));
                for ((row, column), masked) in of_part.masked().indexed_iter() {
                    let ray = view.rotation * camera.unproject(column as f64, row as f64).expect("a ray");
                    let (u, v) = whole.project(ray).expect("a pixel");
                    let (u, v) = (u - f64::from(left), v - f64::from(top));
                    let margin = (u.min(f64::from(width) - 1.0 - u)).min(v.min(f64::from(height) - 1.0 - v));
                    let margin = if width == 512 { v.min(f64::from(height) - 1.0 - v) } else { margin };
                    if margin > 0.1 {
                        let apart = |k: usize| want[[row, column, k]].abs_diff(found[[row, column, k]]);
                        assert!(*masked == 0 && (0..3).all(|k| apart(k) <= 1), "{left} {yaw} {row} {column}");
                    } else if margin < -0.6 {
                        assert!(*masked == 255 && (0..3).all(|k| found[[row, column, k]] == 0));
                    }
                }
            }
        }
    }

    #[test]
    fn neighbouring_crops_share_their_rays_and_the_nadir_is_masked() {
        let camera = pinhole(160, 160, 90.0).expect("a camera");
        let ray = |yaw: f64, u: f64| {
            level_view(Vector3::zeros(), yaw, 0.0).rotation * camera.unproject(u, 80.0).expect("a ray")
        };
        // The right border of one is the left border of the next, a quarter turn on.
        assert!((ray(0.0, 159.5) - ray(-std::f64::consts::FRAC_PI_2, -0.5)).norm() < 1e-12);
        let straight_down = level_view(Vector3::zeros(), 0.0, 0.0).inverse() * level_view(Vector3::zeros(), 0.0, -1.57);
        let crop = Crop::new(&sphere(512), &camera, &straight_down, 20.0);
        let masked = crop.masked().iter().filter(|m| **m == 255).count() as f64;
        // A disc of radius 80 tan 20° pixels.
        let disc = std::f64::consts::PI * (80.0 * 20.0_f64.to_radians().tan()).powi(2);
        assert!((masked / disc - 1.0).abs() < 0.02 && crop.masked()[[0, 0]] == 0, "{masked} {disc}");
    }

    #[test]
    fn views_follow_the_route_look_at_the_point_and_pan() {
        let route: Vec<Vector3<f64>> =
            [[0.0, 0.0], [5.0, 0.0], [5.0, 0.0], [5.0, 5.0]].iter().map(|p| Vector3::new(p[0], p[1], 2.0)).collect();
        let yaw = |view: &Pose| {
            let f = view.rotation * Vector3::z();
            f.y.atan2(f.x).to_degrees()
        };
        let follow: Vec<f64> = YawPath::Follow { offset_deg: 90.0 }.views(&route).iter().map(yaw).collect();
        assert!(follow.iter().zip([90.0, 90.0, 180.0, 180.0]).all(|(a, b)| (a - b).abs() < 1e-9), "{follow:?}");
        let pan: Vec<f64> = YawPath::Pan { start_deg: 10.0, step_deg: -30.0 }.views(&route).iter().map(yaw).collect();
        assert!(pan.iter().zip([10.0, -20.0, -50.0, -80.0]).all(|(a, b)| (a - b).abs() < 1e-9), "{pan:?}");
        let point = Vector3::new(20.0, 7.0, 9.0);
        let camera = pinhole(640, 480, 75.0).expect("a camera");
        for view in (YawPath::LookAt { point }).views(&route) {
            let (u, v) = camera.project(view.inverse().apply(point)).expect("in view");
            assert!((u - 319.5).hypot(v - 239.5) < 1e-9);
            // Level: the right of the picture lies in the horizon.
            assert!((view.rotation * Vector3::x()).z.abs() < 1e-12);
        }
        let level = YawPath::LookAt { point: Vector3::new(20.0, 7.0, f64::NAN) }.views(&route);
        for view in level {
            let (u, _) = camera.project(view.inverse().apply(Vector3::new(20.0, 7.0, 2.0))).expect("in view");
            assert!((u - 319.5).abs() < 1e-9 && (view.rotation * Vector3::z()).z.abs() < 1e-12);
        }
        assert_eq!(out_and_back(3), [0, 1, 2, 1, 0]);
        assert_eq!((out_and_back(1), out_and_back(0)), (vec![0], vec![]));
    }
}
