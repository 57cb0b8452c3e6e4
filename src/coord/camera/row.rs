//! [`RowProjector`]: many points through a camera at once, in single precision.

use std::f64::consts::PI;

use super::{Camera, Lens};

/// Single-precision projection of rows of points: branch-free, so that the compiler makes vector code of it, and of
/// additions, products, quotients and square roots only, so that every machine gets the same bits.
///
/// It agrees with [`Camera::project`] to about 1e-3 of a pixel; where an f-theta polynomial of the radius is flat (the last
/// half percent before its turning point) single precision ends at a tenth to half a pixel.
#[derive(Debug, Clone)]
pub struct RowProjector {
    k: [f32; 4],
    model: Model,
}

#[derive(Debug, Clone)]
enum Model {
    Pinhole,
    Brown {
        numerator: [f32; 4],
        denominator: [f32; 4],
        p1: f32,
        p2: f32,
        radius2_max: f32,
    },
    KannalaBrandt {
        growth: [f32; 5],
        theta_max: f32,
    },
    Mei {
        xi: f32,
        k: [f32; 4],
        radius2_max: f32,
        cos_end: f32,
    },
    Ftheta {
        poly: [f32; 6],
        shear: [f32; 2],
        theta_max: f32,
    },
    /// `θ(r)`, its radii in units of the largest.
    FthetaBackward {
        poly: [f32; 6],
        radius_max: f32,
        shear: [f32; 2],
        theta_max: f32,
    },
    Panorama {
        across: f32,
        down: f32,
        zero: [f32; 2],
        full: f32,
        round: [f32; 2],
    },
}

/// Angle that a fisheye's rows go on beyond the picture, radians: wide enough for what lies across its border, and short
/// of straight behind, where the neighbouring points of a surface are at opposite sides of the picture.
const BEYOND_RAD: f64 = 0.3;
/// Newton's steps to the radius of an angle: from the chord a lens takes three or four, and where its polynomial is nearly
/// flat twice as many.
const STEPS: usize = 12;

impl RowProjector {
    /// The same camera, for rows.
    pub fn new(camera: &Camera) -> RowProjector {
        let widest = || widest_rad(camera) + BEYOND_RAD;
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
                let theta_max = lens.theta_max.min(widest()) as f32;
                Model::KannalaBrandt { growth: lens.growth.map(|c| c as f32), theta_max }
            }
            Lens::Mei(lens) => {
                let radius = lens.lens.radius_without_folds();
                let [_, k1, k2, _] = lens.lens.numerator;
                Model::Mei {
                    xi: lens.xi as f32,
                    k: [k1, k2, lens.lens.p1, lens.lens.p2].map(|c| c as f32),
                    radius2_max: (radius * radius) as f32,
                    cos_end: lens.cos_end.max(libm::cos(widest().min(PI))) as f32,
                }
            }
            Lens::Ftheta(lens) => {
                let (shear, theta_max) = (lens.shear.map(|c| c as f32), lens.theta_max.min(widest()) as f32);
                match lens.backward {
                    false => Model::Ftheta { poly: lens.poly.map(|c| c as f32), shear, theta_max },
                    true => {
                        let radius = lens.radius_max;
                        let poly = std::array::from_fn(|i| (lens.poly[i] * libm::pow(radius, i as f64)) as f32);
                        Model::FthetaBackward { poly, radius_max: radius as f32, shear, theta_max }
                    }
                }
            }
            Lens::Equirectangular(part) => {
                let [across, down] = part.full.map(|n| n as f32);
                let zero = [0, 1].map(|i| (0.5 * part.full[i] - 0.5 - part.offset[i]) as f32);
                let round = part.round().map(|c| c as f32);
                Model::Panorama {
                    across: across / std::f32::consts::TAU,
                    down: down / std::f32::consts::PI,
                    zero,
                    full: across,
                    round,
                }
            }
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
            Model::Panorama { across, .. } => across,
            Model::Mei { xi, .. } => self.k[0].max(self.k[1]) / (1.0 + xi),
            Model::Ftheta { poly, .. } => self.k[0].max(self.k[1]) * poly[1],
            // Its radii are in units of the largest.
            Model::FthetaBackward { poly, radius_max, .. } => self.k[0].max(self.k[1]) * radius_max / poly[1],
            _ => self.k[0].max(self.k[1]),
        }
    }

    /// Turns points in the camera frame into pixels, in place: `x` into u, `y` into v, and `z` into nearness, which is
    /// `scale` over z for pinholes and `scale` over the distance for the others.
    ///
    /// Points may be scaled by any positive number, each by its own `scale`. Nearness is NaN where the camera does not
    /// see the point. All slices have one length.
    // Inlined, and loops instead of closures, so that the compiler makes them for the vectors that the caller is made for.
    #[inline(always)]
    pub fn project(&self, x: &mut [f32], y: &mut [f32], z: &mut [f32], scale: &[f32]) {
        let points = x.iter_mut().zip(y).zip(z.iter_mut().zip(scale));
        let [fx, fy, cx, cy] = self.k;
        match &self.model {
            Model::Pinhole => {
                for ((x, y), (z, scale)) in points {
                    let inverse = 1.0 / *z;
                    *x = fx * (*x * inverse) + cx;
                    *y = fy * (*y * inverse) + cy;
                    *z = if *z > 0.0 { scale * inverse } else { f32::NAN };
                }
            }
            Model::Brown { numerator: n, denominator: d, p1, p2, radius2_max } => {
                for ((x, y), (z, scale)) in points {
                    let inverse = 1.0 / *z;
                    let (a, b) = (*x * inverse, *y * inverse);
                    let s = a * a + b * b;
                    let f = (n[0] + s * (n[1] + s * (n[2] + s * n[3]))) / (d[0] + s * (d[1] + s * (d[2] + s * d[3])));
                    *x = fx * (a * f + 2.0 * p1 * a * b + p2 * (s + 2.0 * a * a)) + cx;
                    *y = fy * (b * f + p1 * (s + 2.0 * b * b) + 2.0 * p2 * a * b) + cy;
                    *z = if *z > 0.0 && s < *radius2_max { scale * inverse } else { f32::NAN };
                }
            }
            Model::KannalaBrandt { growth: g, theta_max } => {
                for ((x, y), (z, scale)) in points {
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
                }
            }
            Model::Mei { xi, k: [k1, k2, p1, p2], radius2_max, cos_end } => {
                for ((x, y), (z, scale)) in points {
                    let norm = (*x * *x + *y * *y + *z * *z).sqrt();
                    let inverse = 1.0 / (*z + xi * norm);
                    let (a, b) = (*x * inverse, *y * inverse);
                    let s = a * a + b * b;
                    let f = 1.0 + s * (k1 + s * k2);
                    *x = fx * (a * f + 2.0 * p1 * a * b + p2 * (s + 2.0 * a * a)) + cx;
                    *y = fy * (b * f + p1 * (s + 2.0 * b * b) + 2.0 * p2 * a * b) + cy;
                    *z = if (*z > cos_end * norm) & (s < *radius2_max) { scale / norm } else { f32::NAN };
                }
            }
            Model::Ftheta { poly: p, shear, theta_max } => {
                for ((x, y), (z, scale)) in points {
                    let side2 = *x * *x + *y * *y;
                    let side = side2.sqrt();
                    let t = atan2(side, *z);
                    let radius = t * (p[1] + t * (p[2] + t * (p[3] + t * (p[4] + t * p[5]))));
                    let stretch = if side > 0.0 { radius / side } else { 0.0 };
                    let near = scale / (side2 + *z * *z).sqrt();
                    let (a, b) = (*x * stretch, *y * stretch);
                    *x = fx * (a + shear[0] * b) + cx;
                    *y = fy * (shear[1] * a + b) + cy;
                    *z = if t < *theta_max { near } else { f32::NAN };
                }
            }
            Model::FthetaBackward { poly: p, radius_max, shear, theta_max } => {
                let whole = p[1] + p[2] + p[3] + p[4] + p[5];
                for ((x, y), (z, scale)) in points {
                    let side2 = *x * *x + *y * *y;
                    let side = side2.sqrt();
                    let theta = atan2(side, *z);
                    let mut r = theta / whole;
                    for _ in 0..STEPS {
                        let angle = r * (p[1] + r * (p[2] + r * (p[3] + r * (p[4] + r * p[5]))));
                        let slope = p[1] + r * (2.0 * p[2] + r * (3.0 * p[3] + r * (4.0 * p[4] + r * (5.0 * p[5]))));
                        let next = r - (angle - theta) / slope;
                        // Also a step from where the polynomial is flat stays on the lens.
                        r = if next > 0.0 { next } else { 0.0 };
                        r = if r < 1.0 { r } else { 1.0 };
                    }
                    let stretch = if side > 0.0 { radius_max * r / side } else { 0.0 };
                    let near = scale / (side2 + *z * *z).sqrt();
                    let (a, b) = (*x * stretch, *y * stretch);
                    *x = fx * (a + shear[0] * b) + cx;
                    *y = fy * (shear[1] * a + b) + cy;
                    *z = if theta < *theta_max { near } else { f32::NAN };
                }
            }
            Model::Panorama { across, down, zero: [u0, v0], full, round: [low, high] } => {
                for ((x, y), (z, scale)) in points {
                    let level2 = *x * *x + *z * *z;
                    let near = scale / (level2 + *y * *y).sqrt();
                    let u = atan2(*x, *z) * across + u0;
                    let u = if u < *low { u + full } else { u };
                    *x = if u > *high { u - full } else { u };
                    *y = atan2(*y, level2.sqrt()) * down + v0;
                    *z = near;
                }
            }
        }
    }
}

/// The largest angle from the axis along the picture's border, radians; π where some of it shows nothing.
fn widest_rad(camera: &Camera) -> f64 {
    let ends = [camera.width(), camera.height()].map(|n| f64::from(n) - 0.5);
    let ray = |u: f64, v: f64| camera.unproject(u, v).map_or(PI, |ray| libm::acos(ray.z.clamp(-1.0, 1.0)));
    let share = |i: u32, axis: usize| -0.5 + (ends[axis] + 0.5) * f64::from(i) / 64.0;
    let along = (0..=64).flat_map(|i| {
        [ray(share(i, 0), -0.5), ray(share(i, 0), ends[1]), ray(-0.5, share(i, 1)), ray(ends[0], share(i, 1))]
    });
    along.fold(0.0, f64::max)
}

/// The angle of `(x, y)` from the x axis, radians, within 3e-7.
///
/// The arc tangent over 0…1 is a polynomial through Chebyshev nodes, of 8 coefficients in the square.
#[inline(always)]
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
        use CameraModelKind::{Equirectangular, Ftheta, KannalaBrandt, Mei, Pinhole};
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
            of(Mei, &[1000.0, 990.0, 640.0, 350.0], &[0.9, -0.05, 0.02, 0.001, -0.0005]),
            of(Mei, &[1336.3, 1335.8, 640.0, 350.0], &[2.2134, 0.0168, 1.6549, 0.00042, 0.00042]),
            of(Ftheta, &[1.0, 1.0, 640.0, 350.0], &[0.0, 473.6, -9.59, 24.95, -42.34, 15.14]),
            of(
                Ftheta,
                &[1.001, 1.0, 640.0, 350.0],
                &[0.0, 2.1087e-3, 1.4248e-7, -8.0648e-10, 2.4851e-12, -1.7939e-15, 1.0, 6e-5, -1e-4, 1.346],
            ),
            of(Equirectangular, &[], &[]),
            of(Equirectangular, &[300.0, 310.0, 1500.0, 250.0], &[]),
        ]
    }

    #[test]
    fn an_f_theta_lens_that_flattens_is_followed_to_its_rim() {
        // θ = 0.002 r − 1e-9 r³ turns back at 816.5 pixels.
        let (intrinsics, distortion) =
            (vec![1.0, 1.0, 820.0, 820.0], [0.0, 0.002, 0.0, -1e-9, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0].to_vec());
        let model = CameraModelKind::Ftheta;
        let camera = Camera::new(&CameraIntrinsics { model, width: 1640, height: 1640, intrinsics, distortion });
        let camera = camera.expect("a camera");
        let rows = RowProjector::new(&camera);
        for radius in (10..812).map(f64::from) {
            let theta = 0.002 * radius - 1e-9 * radius.powi(3);
            let (mut x, mut y, mut z) = ([libm::sin(theta) as f32], [0.0], [libm::cos(theta) as f32]);
            rows.project(&mut x, &mut y, &mut z, &[1.0]);
            assert!((f64::from(x[0]) - 820.0 - radius).abs() < 0.03, "{radius}: {x:?}");
        }
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
