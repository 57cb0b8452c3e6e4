//! What of a picture is not to be learned from, and what that leaves at any latent grid.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::coord::Camera;

/// Corners that a polygon may have.
const MOST_CORNERS: usize = 1000;

/// `[recording.ignore.CHANNEL]`: what every picture of a camera shows and nobody should learn: the ego's hood, the car
/// below a panorama, a watermark.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IgnoreConfig {
    /// Polygons of `[x, y]` in shares of the picture's width and height, from its upper left corner.
    pub polygons: Vec<Vec<[f64; 2]>>,
    /// What lies within so many degrees of straight down, in the camera's own axes.
    pub nadir_deg: f64,
}

impl IgnoreConfig {
    /// The key that makes no sense, and why; `None` where all is well.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        if self.polygons.iter().any(|p| !(3..=MOST_CORNERS).contains(&p.len())) {
            return Some(("polygons", format!("a polygon has 3 to {MOST_CORNERS} corners")));
        }
        if !self.polygons.iter().flatten().flatten().all(|v| (0.0..=1.0).contains(v)) {
            return Some(("polygons", "corners are shares of width and height, from 0 to 1".to_string()));
        }
        let fits = (0.0..=90.0).contains(&self.nadir_deg);
        (!fits).then(|| ("nadir_deg", "an angle around straight down is 0 to 90 degrees".to_string()))
    }

    /// 255 where a picture of `width` × `height` pixels is to be left out, else 0; shape `(height, width)`.
    ///
    /// A pixel lies in a polygon where its centre does (even-odd). The nadir is known for a calibrated `camera` alone,
    /// which may be of another size of the same picture.
    pub fn mask(&self, camera: Option<&Camera>, [width, height]: [usize; 2]) -> Array2<u8> {
        let down = libm::cos(self.nadir_deg.to_radians());
        let camera = camera.filter(|_| self.nadir_deg > 0.0);
        let below = |row: usize, column: usize| {
            camera.is_some_and(|camera| {
                let at = |i: usize, n: usize, whole: u32| (i as f64 + 0.5) / n as f64 * f64::from(whole) - 0.5;
                let ray = camera.unproject(at(column, width, camera.width()), at(row, height, camera.height()));
                ray.is_some_and(|ray| ray.y >= down)
            })
        };
        let pixel = |i: usize| {
            let (row, column) = (i / width, i % width);
            let (x, y) = ((column as f64 + 0.5) / width as f64, (row as f64 + 0.5) / height as f64);
            if self.polygons.iter().any(|p| inside(p, x, y)) || below(row, column) { 255 } else { 0 }
        };
        let pixels: Vec<u8> = (0..width * height).into_par_iter().with_min_len(4096).map(pixel).collect();
        Array2::from_shape_vec((height, width), pixels).expect("a value a pixel")
    }
}

fn inside(polygon: &[[f64; 2]], x: f64, y: f64) -> bool {
    let mut odd = false;
    for (i, &[bx, by]) in polygon.iter().enumerate() {
        let [ax, ay] = polygon[(i + polygon.len() - 1) % polygon.len()];
        if (ay > y) != (by > y) && x < ax + (y - ay) / (by - ay) * (bx - ax) {
            odd = !odd;
        }
    }
    odd
}

/// The share of each cell of a grid of `[h, w]` that is to be learned from, 0 to 1; shape `(h, w)`.
///
/// Cells divide the picture evenly; a pixel that lies in two counts in each by the part that does. `mask` is not 0
/// where nothing is to be learned, shape `(H, W)`.
pub fn loss_weight(mask: ArrayView2<'_, u8>, [h, w]: [usize; 2]) -> Array2<f32> {
    let (height, width) = mask.dim();
    let (rows, columns) = (shares(height, h), shares(width, w));
    Array2::from_shape_fn((h, w), |(row, column)| {
        let mut learned = 0.0;
        for (y, down) in &rows[row] {
            for (x, across) in &columns[column] {
                if mask[[*y, *x]] == 0 {
                    learned += down * across;
                }
            }
        }
        learned as f32
    })
}

/// For each of `cells`, the pixels of `pixels` in it, each with its share of the cell.
fn shares(pixels: usize, cells: usize) -> Vec<Vec<(usize, f64)>> {
    let size = pixels as f64 / cells as f64;
    let cell = |i: usize| {
        let (from, to) = (i as f64 * size, (i + 1) as f64 * size);
        let last = (libm::ceil(to) as usize).min(pixels);
        let part = |p: usize| (to.min((p + 1) as f64) - from.max(p as f64)) / size;
        (from as usize..last).map(|p| (p, part(p))).filter(|(_, part)| *part > 1e-12).collect()
    };
    (0..cells).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coord::{CameraIntrinsics, CameraModelKind};

    #[test]
    fn a_planted_rectangle_weighs_what_its_area_does_at_any_grid() {
        // Columns 40 to 99, rows 60 to 119 of 160 × 120.
        let mask = Array2::from_shape_fn((120, 160), |(y, x)| {
            if (60..120).contains(&y) && (40..100).contains(&x) { 255_u8 } else { 0 }
        });
        for [h, w] in [[120, 160], [15, 20], [9, 16], [7, 11], [1, 1], [240, 320], [3, 500]] {
            let weight = loss_weight(mask.view(), [h, w]);
            for ((row, column), found) in weight.indexed_iter() {
                let overlap = |i: usize, n: usize, side: f64, low: f64, high: f64| {
                    let (a, b) = (i as f64 * side / n as f64, (i + 1) as f64 * side / n as f64);
                    (b.min(high) - a.max(low)).max(0.0) / (b - a)
                };
                let hidden = overlap(row, h, 120.0, 60.0, 120.0) * overlap(column, w, 160.0, 40.0, 100.0);
                // Cells smaller than a pixel have the pixel's value; else the area's.
                assert!((f64::from(*found) - (1.0 - hidden)).abs() < 1e-6, "{h} {w} {row} {column} {found} {hidden}");
            }
        }
    }

    #[test]
    fn polygons_and_the_nadir_are_left_out() {
        let hood =
            IgnoreConfig { polygons: vec![vec![[0.25, 1.0], [0.25, 0.5], [0.75, 0.5], [0.75, 1.0]]], nadir_deg: 0.0 };
        let mask = hood.mask(None, [80, 40]);
        let masked = |(y, x): (usize, usize)| y >= 20 && (20..60).contains(&x);
        assert!(mask.indexed_iter().all(|(at, m)| (*m == 255) == masked(at)));
        let (model, width, height) = (CameraModelKind::Equirectangular, 360, 180);
        let camera = CameraIntrinsics { model, width, height, intrinsics: vec![], distortion: vec![] };
        let camera = Camera::new(&camera).expect("a camera");
        let car = IgnoreConfig { nadir_deg: 20.0, ..IgnoreConfig::default() };
        // Half the size: a row is two degrees.
        let mask = car.mask(Some(&camera), [180, 90]);
        assert!(mask.indexed_iter().all(|((y, _), m)| (*m == 255) == (y >= 80)));
        assert!(car.mask(None, [180, 90]).iter().all(|m| *m == 0));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let problem = |polygons, nadir_deg| IgnoreConfig { polygons, nadir_deg }.problem().map(|(key, _)| key);
        assert_eq!(problem(vec![vec![[0.0, 0.0], [1.0, 1.0]]], 0.0), Some("polygons"));
        assert_eq!(problem(vec![vec![[0.0, 0.0], [1.0, 1.0], [3.0, 0.0]]], 0.0), Some("polygons"));
        assert_eq!(problem(vec![], 120.0), Some("nadir_deg"));
        assert_eq!(problem(vec![], f64::NAN), Some("nadir_deg"));
        assert_eq!(problem(vec![vec![[0.0, 0.0], [1.0, 1.0], [0.5, 0.0]]], 10.0), None);
    }
}
