//! How far a camera turned between two of its pictures.
//!
//! Corners of the first are looked for in the second, first coarsely and everywhere a vehicle may have turned them to,
//! then to a part of a pixel; their directions tell the turn ([`super::epipolar`]). Nothing of what other sensors say
//! enters, so that nothing pulls the answer to an offset of zero.

use nalgebra::Vector3;

use super::epipolar::{Turned, Way, turned};
use crate::coord::{Camera, CameraIntrinsics, InvalidCamera, Pose};

/// Pictures are reduced to about so many columns; panoramas, of which a half or less is of use, to more.
const COLUMNS: u32 = 480;
const PANORAMA_COLUMNS: u32 = 1024;
/// The best corner of each of so many columns and rows of fields is used.
const FIELDS: (usize, usize) = (16, 9);
/// Half the side of what is compared, pixels.
const HALF: usize = 4;
/// How far a corner may have moved, radians across and down: a fast turn in a quarter of a second.
const FARTHEST_RAD: (f64, f64) = (0.25, 0.06);
/// Patches that are alike less than this are not the same corner.
const ALIKE: f32 = 0.85;
/// Nor are those that have a rival so near in likeness.
const CLEARLY: f32 = 0.03;
/// Corners weaker than this are not sharp: smaller eigenvalue of the mean squared gradient, grey levels squared.
const SHARP: f32 = 20.0;
/// In panoramas: what is nearer to the poles than this, radians, is too bent to compare; and so far to the sides of
/// ahead and astern things pass too fast.
const LOW_RAD: f64 = 0.5;
const ABEAM_RAD: f64 = 1.0;

/// A grey picture, row by row.
#[derive(Debug, Clone)]
struct Grey {
    width: usize,
    height: usize,
    levels: Vec<f32>,
}

impl Grey {
    fn at(&self, x: usize, y: usize) -> f32 {
        self.levels[y * self.width + x]
    }

    /// Means of squares of `by` × `by` pixels; what is over at the right and below is left out.
    fn reduced(&self, by: usize) -> Grey {
        let (width, height) = (self.width / by, self.height / by);
        let mut levels = vec![0.0; width * height];
        for y in 0..height {
            for x in 0..width {
                let mut sum = 0.0;
                for dy in 0..by {
                    let from = (y * by + dy) * self.width + x * by;
                    sum += self.levels[from..from + by].iter().sum::<f32>();
                }
                levels[y * width + x] = sum / (by * by) as f32;
            }
        }
        Grey { width, height, levels }
    }
}

/// How a camera looks out of the ego.
#[derive(Debug, Clone)]
pub struct Eye {
    /// The camera of the reduced picture.
    camera: Camera,
    ego_se3_camera: Pose,
    by: usize,
    /// How far to look for a corner, pixels of half the reduced picture.
    reach: (usize, usize),
    /// The last column is a neighbour of the first.
    wraps: bool,
}

/// A picture as far as turns need it: reduced, and its corners.
#[derive(Debug, Clone)]
pub struct Glimpse {
    grey: Grey,
    half: Grey,
    corners: Vec<(usize, usize)>,
}

/// Directions of the same corners in two pictures, in the ego's axes.
#[derive(Debug, Clone)]
pub struct CornerPairs {
    directions: Vec<(Vector3<f64>, Vector3<f64>)>,
    /// How far ahead of the ego's origin the camera sits, metres.
    lever_m: f64,
}

impl CornerPairs {
    /// How the ego turned from the first to the second, with one sigma; `None` where the two do not tell. The ego went
    /// `length_m` meanwhile, `aside_rad` more to the left than half its turn.
    pub(super) fn turned(&self, length_m: f64, aside_rad: f64) -> Option<Turned> {
        turned(&self.directions, Way { length_m, lever_m: self.lever_m, aside_rad })
    }
}

impl Eye {
    /// An eye of stored pictures of a camera with its `ego_se3_camera`.
    ///
    /// # Errors
    ///
    /// Where the intrinsics are no camera.
    pub fn new(intrinsics: &CameraIntrinsics, ego_se3_camera: Pose) -> Result<Eye, InvalidCamera> {
        let panorama = intrinsics.model.is_panorama();
        let turn = Camera::new(intrinsics)?.turn_px().unwrap_or(0.0);
        // Of a part of a panorama as many as it would be of the whole.
        let columns = match panorama {
            true => (f64::from(PANORAMA_COLUMNS) * f64::from(intrinsics.width) / turn).max(1.0) as u32,
            false => COLUMNS,
        };
        let by = (intrinsics.width / columns).max(1);
        let (width, height) = (intrinsics.width / by, intrinsics.height / by);
        // What is over at the right and below is cut off before the picture is reduced.
        let cut = match intrinsics.is_sphere() {
            true => intrinsics.clone(),
            false => intrinsics.cropped(0, 0, (width * by).max(1), (height * by).max(1))?,
        };
        let camera = Camera::new(&cut.resized(width, height))?;
        // Radians a pixel, in the middle of the picture.
        let (pixel, wraps) = (camera.pixel_rad(), camera.wraps());
        let reach = |rad: f64| ((rad / pixel / 2.0) as usize).clamp(2, 64);
        Ok(Eye {
            camera,
            ego_se3_camera,
            by: by as usize,
            reach: (reach(FARTHEST_RAD.0), reach(FARTHEST_RAD.1)),
            wraps,
        })
    }

    /// Looks at a picture: its grey levels, row by row. `None` where it is not of this camera's size.
    pub fn look(&self, width: u32, height: u32, levels: &[u8]) -> Option<Glimpse> {
        let (w, h) = (width as usize, height as usize);
        let whole = Grey { width: w, height: h, levels: levels.iter().map(|l| f32::from(*l)).collect() };
        let fits = whole.levels.len() == w * h
            && w / self.by == self.camera.width() as usize
            && h / self.by == self.camera.height() as usize;
        if !fits {
            return None;
        }
        let grey = if self.by > 1 { whole.reduced(self.by) } else { whole };
        let half = grey.reduced(2);
        let corners = self.corners(&grey);
        Some(Glimpse { grey, half, corners })
    }

    /// The corners of the first that are found in the second.
    pub fn pairs(&self, first: &Glimpse, second: &Glimpse) -> CornerPairs {
        let directions = (first.corners.iter())
            .filter_map(|&(x, y)| {
                let (u, v) = self.find(first, second, x, y)?;
                Some((self.direction(x as f64, y as f64)?, self.direction(u, v)?))
            })
            .collect();
        CornerPairs { directions, lever_m: self.ego_se3_camera.translation.x }
    }

    /// The direction of a pixel of the reduced picture in the ego's axes.
    fn direction(&self, u: f64, v: f64) -> Option<Vector3<f64>> {
        let u = if self.wraps { wrapped(u + 0.5, self.camera.width()) - 0.5 } else { u };
        Some(self.ego_se3_camera.rotation * self.camera.unproject(u, v)?)
    }

    /// The sharpest corner of each field (Shi and Tomasi: both eigenvalues of the gradient's second moment are large).
    fn corners(&self, grey: &Grey) -> Vec<(usize, usize)> {
        const WINDOW: usize = 3;
        let (w, h) = (grey.width, grey.height);
        let border = 2 * HALF + 4;
        if w < 4 * border || h < 4 * border {
            return Vec::new();
        }
        let mut moments = vec![[0.0f32; 3]; w * h];
        for y in 1..h - 1 {
            for x in 1..w - 1 {
                let gx = 0.5 * (grey.at(x + 1, y) - grey.at(x - 1, y));
                let gy = 0.5 * (grey.at(x, y + 1) - grey.at(x, y - 1));
                moments[y * w + x] = [gx * gx, gx * gy, gy * gy];
            }
        }
        // Sums over columns of the window, then over its rows.
        let mut across = vec![[0.0f32; 3]; w * h];
        for y in 0..h {
            for x in WINDOW..w - WINDOW {
                let window = &moments[y * w + x - WINDOW..=y * w + x + WINDOW];
                across[y * w + x] = [0, 1, 2].map(|k| window.iter().map(|m| m[k]).sum());
            }
        }
        let mut best = vec![(0.0f32, 0, 0); FIELDS.0 * FIELDS.1];
        for y in border..h - border {
            for x in border..w - border {
                let mut m = [0.0f32; 3];
                for row in y - WINDOW..=y + WINDOW {
                    (0..3).for_each(|k| m[k] += across[row * w + x][k]);
                }
                let area = ((2 * WINDOW + 1) * (2 * WINDOW + 1)) as f32;
                let (a, b, c) = (m[0] / area, m[1] / area, m[2] / area);
                let least = 0.5 * (a + c - ((a - c) * (a - c) + 4.0 * b * b).sqrt());
                let field = &mut best[y * FIELDS.1 / h * FIELDS.0 + x * FIELDS.0 / w];
                if least > field.0.max(SHARP) && self.useful(x, y) {
                    *field = (least, x, y);
                }
            }
        }
        best.into_iter().filter(|b| b.0 > 0.0).map(|b| (b.1, b.2)).collect()
    }

    /// Whether what is seen there can be compared.
    fn useful(&self, x: usize, y: usize) -> bool {
        if !self.camera.is_panorama() {
            return true;
        }
        let Some(ray) = self.camera.unproject(x as f64, y as f64) else { return false };
        let ahead = self.ego_se3_camera.rotation * ray;
        let bearing = libm::atan2(ahead.y, ahead.x).abs();
        libm::asin(ray.y.clamp(-1.0, 1.0)).abs() < LOW_RAD && bearing.min(std::f64::consts::PI - bearing) < ABEAM_RAD
    }

    /// Where a corner of the first picture is in the second, to a part of a pixel.
    fn find(&self, first: &Glimpse, second: &Glimpse, x: usize, y: usize) -> Option<(f64, f64)> {
        let (cx, cy) = (x / 2, y / 2);
        let patch = Patch::of(&first.half, cx, cy)?;
        let (mut best, mut at) = (f32::MIN, (0i64, 0i64));
        let (rx, ry) = (self.reach.0 as i64, self.reach.1 as i64);
        let mut scores = vec![f32::MIN; ((2 * rx + 1) * (2 * ry + 1)) as usize];
        for dy in -ry..=ry {
            for dx in -rx..=rx {
                let score = patch.likeness(&second.half, cx as i64 + dx, cy as i64 + dy, self.wraps);
                scores[((dy + ry) * (2 * rx + 1) + dx + rx) as usize] = score;
                if score > best {
                    (best, at) = (score, (dx, dy));
                }
            }
        }
        if best < ALIKE - 0.1 {
            return None;
        }
        let rival = (0..scores.len()).filter_map(|i| {
            let (dx, dy) = (i as i64 % (2 * rx + 1) - rx, i as i64 / (2 * rx + 1) - ry);
            ((dx - at.0).abs() > 2 || (dy - at.1).abs() > 2).then_some(scores[i])
        });
        if rival.fold(f32::MIN, f32::max) > best - CLEARLY {
            return None;
        }
        let patch = Patch::of(&first.grey, x, y)?;
        let (fx, fy) = (x as i64 + 2 * at.0, y as i64 + 2 * at.1);
        const NEAR: i64 = 3;
        const SIDE: usize = (2 * NEAR + 1) as usize;
        let mut fine = [[f32::MIN; SIDE]; SIDE];
        let (mut best, mut at) = (f32::MIN, (0usize, 0usize));
        for (dy, row) in fine.iter_mut().enumerate() {
            for (dx, score) in row.iter_mut().enumerate() {
                let (px, py) = (fx + dx as i64 - NEAR, fy + dy as i64 - NEAR);
                *score = patch.likeness(&second.grey, px, py, self.wraps);
                if *score > best {
                    (best, at) = (*score, (dx, dy));
                }
            }
        }
        let inner = 1..SIDE - 1;
        if best < ALIKE || !inner.contains(&at.0) || !inner.contains(&at.1) {
            return None;
        }
        let whole = (fx + at.0 as i64 - NEAR, fy + at.1 as i64 - NEAR);
        let (du, dv) = patch.settle(&second.grey, whole, self.wraps)?;
        Some((whole.0 as f64 + du, whole.1 as f64 + dv))
    }
}

/// A column of a panorama, beyond its edges too.
fn wrapped(u: f64, width: u32) -> f64 {
    let width = f64::from(width);
    u - width * libm::floor(u / width)
}

/// A square of a picture less its mean, of length one.
struct Patch {
    levels: [f32; Patch::AREA],
}

impl Patch {
    const SIDE: usize = 2 * HALF + 1;
    const AREA: usize = Patch::SIDE * Patch::SIDE;

    fn of(grey: &Grey, x: usize, y: usize) -> Option<Patch> {
        if x < HALF || y < HALF || x + HALF >= grey.width || y + HALF >= grey.height {
            return None;
        }
        let mut levels = [0.0; Patch::AREA];
        for dy in 0..Patch::SIDE {
            let from = (y + dy - HALF) * grey.width + x - HALF;
            levels[dy * Patch::SIDE..(dy + 1) * Patch::SIDE].copy_from_slice(&grey.levels[from..from + Patch::SIDE]);
        }
        let mean = levels.iter().sum::<f32>() / Patch::AREA as f32;
        levels.iter_mut().for_each(|l| *l -= mean);
        let norm = levels.iter().map(|l| l * l).sum::<f32>().sqrt();
        (norm > 1.0).then(|| Patch { levels: levels.map(|l| l / norm) })
    }

    /// By how much more than a whole pixel the square lies off, found by Gauss and Newton's steps on its grey levels (Baker
    /// and Matthews (2004), *Lucas-Kanade 20 years on*): a parabola through likenesses would lean to whole pixels, for all
    /// corners of a picture alike. `None` where it runs away.
    fn settle(&self, grey: &Grey, (x, y): (i64, i64), around: bool) -> Option<(f64, f64)> {
        const STEPS: usize = 8;
        let half = HALF as i64;
        let (w, h) = (grey.width as i64, grey.height as i64);
        if y < half + 2 || y + half + 2 >= h || !around && (x < half + 2 || x + half + 2 >= w) {
            return None;
        }
        let inner = 1..Patch::SIDE - 1;
        // Slopes of the square itself, once.
        let slope = |dx: usize, dy: usize| {
            let at = |dx: usize, dy: usize| self.levels[dy * Patch::SIDE + dx];
            (0.5 * (at(dx + 1, dy) - at(dx - 1, dy)), 0.5 * (at(dx, dy + 1) - at(dx, dy - 1)))
        };
        let places: Vec<(usize, usize)> = inner.clone().flat_map(|dy| inner.clone().map(move |dx| (dx, dy))).collect();
        let (mut a, mut b, mut c) = (0.0f32, 0.0f32, 0.0f32);
        for &(dx, dy) in &places {
            let (gx, gy) = slope(dx, dy);
            a += gx * gx;
            b += gx * gy;
            c += gy * gy;
        }
        let det = a * c - b * b;
        if det <= 1e-12 {
            return None;
        }
        let (mut u, mut v) = (0.0f32, 0.0f32);
        for _ in 0..STEPS {
            // What the other picture has there, between its pixels.
            let (fu, fv) = (u.floor(), v.floor());
            let (wu, wv) = (u - fu, v - fv);
            let level = |px: i64, py: i64| {
                let px = if around { px.rem_euclid(w) } else { px };
                grey.levels[(py * w + px) as usize]
            };
            let sampled: Vec<f32> = (places.iter())
                .map(|&(dx, dy)| {
                    let (px, py) = (x + dx as i64 - half + fu as i64, y + dy as i64 - half + fv as i64);
                    let top = level(px, py) * (1.0 - wu) + level(px + 1, py) * wu;
                    let below = level(px, py + 1) * (1.0 - wu) + level(px + 1, py + 1) * wu;
                    top * (1.0 - wv) + below * wv
                })
                .collect();
            // Brightness and contrast are taken out by a line through the two.
            let n = places.len() as f32;
            let mine: Vec<f32> = places.iter().map(|&(dx, dy)| self.levels[dy * Patch::SIDE + dx]).collect();
            let (mean, other) = (mine.iter().sum::<f32>() / n, sampled.iter().sum::<f32>() / n);
            let both: f32 = mine.iter().zip(&sampled).map(|(m, s)| (m - mean) * (s - other)).sum();
            let square: f32 = sampled.iter().map(|s| (s - other) * (s - other)).sum();
            if square <= 0.0 {
                return None;
            }
            let gain = both / square;
            let (mut p, mut q) = (0.0f32, 0.0f32);
            for (k, &(dx, dy)) in places.iter().enumerate() {
                let off = gain * (sampled[k] - other) - (mine[k] - mean);
                let (gx, gy) = slope(dx, dy);
                p += gx * off;
                q += gy * off;
            }
            let (du, dv) = ((c * p - b * q) / det, (a * q - b * p) / det);
            (u, v) = (u - du, v - dv);
            if !(u.abs() < 1.5 && v.abs() < 1.5) {
                return None;
            }
            if du.abs() < 1e-3 && dv.abs() < 1e-3 {
                break;
            }
        }
        Some((f64::from(u), f64::from(v)))
    }

    /// Correlation with the square around a pixel: 1 where they are the same but for brightness and contrast. What lies
    /// outside the picture is like nothing; a panorama goes on at its other edge.
    fn likeness(&self, grey: &Grey, x: i64, y: i64, around: bool) -> f32 {
        let half = HALF as i64;
        let (w, h) = (grey.width as i64, grey.height as i64);
        if y < half || y + half >= h {
            return f32::MIN;
        }
        let inside = x >= half && x + half < w;
        if !inside && !around {
            return f32::MIN;
        }
        let (mut sum, mut square, mut both) = (0.0f32, 0.0f32, 0.0f32);
        for dy in 0..Patch::SIDE {
            let mine = &self.levels[dy * Patch::SIDE..(dy + 1) * Patch::SIDE];
            let row = (y + dy as i64 - half) * w;
            if inside {
                let from = (row + x - half) as usize;
                for (a, b) in mine.iter().zip(&grey.levels[from..from + Patch::SIDE]) {
                    sum += b;
                    square += b * b;
                    both += a * b;
                }
            } else {
                for (dx, a) in mine.iter().enumerate() {
                    let b = grey.levels[(row + (x + dx as i64 - half).rem_euclid(w)) as usize];
                    sum += b;
                    square += b * b;
                    both += a * b;
                }
            }
        }
        let area = Patch::AREA as f32;
        let norm = (square - sum * sum / area).max(1.0).sqrt();
        both / norm
    }
}
