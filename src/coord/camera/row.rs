//! [`RowProjector`]: many points through a camera at once, in single precision.

use super::{Camera, Lens};

/// Single-precision projection of rows of points: branch-free, so that the compiler makes vector code of it, and of
/// additions, products, quotients and square roots only, so that every machine gets the same bits.
///
/// It agrees with [`Camera::project`] to about 1e-3 of a pixel.
#[derive(Debug, Clone)]
pub struct RowProjector {
    k: [f32; 4],
    model: Model,
}

#[derive(Debug, Clone)]
enum Model {
    Pinhole,
    Brown { numerator: [f32; 4], denominator: [f32; 4], p1: f32, p2: f32, radius2_max: f32 },
    KannalaBrandt { growth: [f32; 5], theta_max: f32 },
    Panorama { width: f32, height: f32 },
}

impl RowProjector {
    /// The same camera, for rows.
    pub fn new(camera: &Camera) -> RowProjector {
        let model = match &camera.lens {
            Lens::Brown(lens) if lens.plain => Model::Pinhole,
            Lens::Brown(lens) => {
                let radius = lens.radius_without_folds();
                Model::Brown {
                    numerator: lens.numerator.map(|c| c as f32),
                    denominator: lens.denominator.map(|c| c as f32),
                    p1: lens.p1 as f32,
                    p2: lens.p2 as f32,
                    radius2_max: (radius * radius) as f32,
                }
            }
            Lens::KannalaBrandt(lens) => {
                Model::KannalaBrandt { growth: lens.growth.map(|c| c as f32), theta_max: lens.theta_max as f32 }
            }
            Lens::Equirectangular => Model::Panorama { width: camera.width() as f32, height: camera.height() as f32 },
        };
        RowProjector { k: camera.k.map(|v| v as f32), model }
    }

    /// Whether nearness is the inverse of z (pinholes) rather than of the distance.
    pub fn along_z(&self) -> bool {
        matches!(self.model, Model::Pinhole | Model::Brown { .. })
    }

    /// Pixels that a turn of one radian moves what is seen, on the axis.
    pub fn pixels_per_radian(&self) -> f32 {
        match self.model {
            Model::Panorama { width, .. } => width / std::f32::consts::TAU,
            _ => self.k[0].max(self.k[1]),
        }
    }

    /// Turns points in the camera frame into pixels, in place: `x` into u, `y` into v, and `z` into nearness, which is
    /// `scale` over z for pinholes and `scale` over the distance for the others.
    ///
    /// Points may be scaled by any positive number, each by its own `scale`. Nearness is NaN where the camera does not
    /// see the point. All slices have one length.
    pub fn project(&self, x: &mut [f32], y: &mut [f32], z: &mut [f32], scale: &[f32]) {
        let points = x.iter_mut().zip(y).zip(z.iter_mut().zip(scale));
        let [fx, fy, cx, cy] = self.k;
        match &self.model {
            Model::Pinhole => points.for_each(|((x, y), (z, scale))| {
                let inverse = 1.0 / *z;
                *x = fx * (*x * inverse) + cx;
                *y = fy * (*y * inverse) + cy;
                *z = if *z > 0.0 { scale * inverse } else { f32::NAN };
            }),
            Model::Brown { numerator: n, denominator: d, p1, p2, radius2_max } => {
                points.for_each(|((x, y), (z, scale))| {
                    let inverse = 1.0 / *z;
                    let (a, b) = (*x * inverse, *y * inverse);
                    let s = a * a + b * b;
                    let f = (n[0] + s * (n[1] + s * (n[2] + s * n[3]))) / (d[0] + s * (d[1] + s * (d[2] + s * d[3])));
                    *x = fx * (a * f + 2.0 * p1 * a * b + p2 * (s + 2.0 * a * a)) + cx;
                    *y = fy * (b * f + p1 * (s + 2.0 * b * b) + 2.0 * p2 * a * b) + cy;
                    *z = if *z > 0.0 && s < *radius2_max { scale * inverse } else { f32::NAN };
                });
            }
            Model::KannalaBrandt { growth: g, theta_max } => points.for_each(|((x, y), (z, scale))| {
                let side2 = *x * *x + *y * *y;
                let side = side2.sqrt();
                let theta = atan2(side, *z);
                let t = theta * theta;
                let radius = theta * (g[0] + t * (g[1] + t * (g[2] + t * (g[3] + t * g[4]))));
                let stretch = if side > 0.0 { radius / side } else { 0.0 };
                let near = scale / (side2 + *z * *z).sqrt();
                *x = fx * (*x * stretch) + cx;
                *y = fy * (*y * stretch) + cy;
                *z = if theta < *theta_max { near } else { f32::NAN };
            }),
            Model::Panorama { width, height } => {
                let (across, down) = (width / std::f32::consts::TAU, height / std::f32::consts::PI);
                let (u0, v0) = (0.5 * width - 0.5, 0.5 * height - 0.5);
                points.for_each(|((x, y), (z, scale))| {
                    let level2 = *x * *x + *z * *z;
                    let near = scale / (level2 + *y * *y).sqrt();
                    *x = atan2(*x, *z) * across + u0;
                    *y = atan2(*y, level2.sqrt()) * down + v0;
                    *z = near;
                });
            }
        }
    }
}

/// The angle of `(x, y)` from the x axis, radians, within 3e-7.
///
/// The arc tangent over 0…1 is a polynomial through Chebyshev nodes, of 8 coefficients in the square.
fn atan2(y: f32, x: f32) -> f32 {
    let (ax, ay) = (x.abs(), y.abs());
    let (small, large) = if ay > ax { (ax, ay) } else { (ay, ax) };
    let a = if large > 0.0 { small / large } else { 0.0 };
    let s = a * a;
    let p = 0.199_692_35
        + s * (-0.140_165_85 + s * (0.099_060_97 + s * (-0.059_367_1 + s * (0.024_166_19 - s * 0.004_668_773))));
    let r = a * (0.999_999_9 + s * (-0.333_319_6 + s * p));
    let r = if ay > ax { std::f32::consts::FRAC_PI_2 - r } else { r };
    let r = if x < 0.0 { std::f32::consts::PI - r } else { r };
    r.copysign(y)
}

impl super::brown::Brown {
    /// The largest radius up to which no direction is turned over, also not by the tangential part.
    fn radius_without_folds(&self) -> f64 {
        let end = self.radius_max.min(50.0);
        let folds = |r: f64| {
            (0..64).any(|i| {
                let (sin, cos) = libm::sincos(f64::from(i) * std::f64::consts::TAU / 64.0);
                self.distort(nalgebra::Vector2::new(r * cos, r * sin)).1.determinant() <= 0.0
            })
        };
        // Radii grow by 2 %: a fold that starts between two of them is no pixel wide.
        let mut r = 0.01;
        while r < end {
            if folds(r) {
                return r / 1.02;
            }
            r *= 1.02;
        }
        self.radius_max
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;
    use proptest::prelude::*;

    use super::*;
    use crate::coord::{CameraIntrinsics, CameraModelKind};

    fn cameras() -> Vec<Camera> {
        use CameraModelKind::{Equirectangular, KannalaBrandt, Pinhole};
        let of = |model, intrinsics: &[f64], distortion: &[f64]| {
            let (intrinsics, distortion) = (intrinsics.to_vec(), distortion.to_vec());
            Camera::new(&CameraIntrinsics { model, width: 1280, height: 704, intrinsics, distortion })
                .expect("a camera")
        };
        let k = [700.0, 690.0, 640.0, 350.0];
        vec![
            of(Pinhole, &k, &[]),
            of(Pinhole, &k, &[-0.3, 0.1, 0.001, -0.002, -0.01]),
            of(Pinhole, &k, &[0.5, 0.1, 0.0005, 0.0001, 0.01, 0.8, 0.2, 0.02]),
            of(KannalaBrandt, &[350.0, 350.0, 640.0, 350.0], &[0.02, -0.005, 0.001, -0.0002]),
            of(Equirectangular, &[], &[]),
        ]
    }

    proptest! {
        #[test]
        fn rows_agree_with_single_points(p in prop::array::uniform3(-30.0..30.0_f64), scale in 0.1..10.0_f32) {
            for camera in cameras() {
                let (mut x, mut y, mut z) = ([p[0] as f32 * scale], [p[1] as f32 * scale], [p[2] as f32 * scale]);
                let rows = RowProjector::new(&camera);
                rows.project(&mut x, &mut y, &mut z, &[scale]);
                let whole = camera.project(Vector3::from(p));
                // Far outside the picture a pixel is wide in units of single precision.
                if let Some((u, v)) = whole.filter(|&(u, v)| u.abs() < 4000.0 && v.abs() < 4000.0 && z[0].is_finite()) {
                    prop_assert!((f64::from(x[0]) - u).abs() < 4e-3 && (f64::from(y[0]) - v).abs() < 4e-3, "{:?} {u} {v} {x:?} {y:?}", camera);
                    let depth = if rows.along_z() { p[2] } else { Vector3::from(p).norm() };
                    prop_assert!((f64::from(z[0]) * depth - 1.0).abs() < 1e-5);
                }
                // The picture itself is seen by both or by neither.
                if whole.is_some_and(|at| camera.contains(at)) || (z[0].is_finite() && camera.contains((f64::from(x[0]), f64::from(y[0])))) {
                    prop_assert_eq!(whole.is_some(), z[0].is_finite(), "{:?} {:?}", camera, p);
                }
            }
        }
    }
}
