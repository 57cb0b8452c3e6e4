//! [`SourceRays`]: the rays of a camera's pixels, found once.

use std::sync::Arc;

use rayon::prelude::*;

use crate::coord::{Camera, CameraModelKind};

/// A ray this close to the plane of a camera has no depth along its axis: cosine.
pub(super) const FLATTEST: f64 = 0.01;
/// Pixels along the side of a tile.
pub(super) const TILE: usize = 4;

/// Something at each corner of a grid.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    pub(super) columns: usize,
    pub(super) values: Vec<f32>,
}

impl Grid {
    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }
}

/// The three of them that tiles need: their corners, the middles of their upper sides and of their left sides.
#[derive(Debug, Clone)]
pub(super) struct TileGrids {
    pub(super) corners: Grid,
    pub(super) tops: Grid,
    pub(super) sides: Grid,
}

impl TileGrids {
    /// Of what the corners of all pixels have; pixels beyond the last whole tile are in none.
    pub(super) fn new(all: &Grid) -> TileGrids {
        let (across, down) = ((all.columns - 1) / TILE, (all.values.len() / all.columns - 1) / TILE);
        let pick = |rows: usize, columns: usize, [top, left]: [usize; 2]| {
            let mut values = Vec::with_capacity(rows * columns);
            for row in 0..rows {
                let row = &all.row(top + row * TILE)[left..];
                values.extend((0..columns).map(|column| row[column * TILE]));
            }
            Grid { columns, values }
        };
        TileGrids {
            corners: pick(down + 1, across + 1, [0, 0]),
            tops: pick(down, across, [0, TILE / 2]),
            sides: pick(down, across, [TILE / 2, 0]),
        }
    }
}

/// Rays through the corners of a camera's pixels; made once for a camera, shared by all its pictures and targets.
#[derive(Debug, Clone)]
pub struct SourceRays {
    pub(super) width: usize,
    pub(super) height: usize,
    /// The last column of a panorama all around is a neighbour of its first.
    pub(super) wraps: bool,
    /// x, y, z at the corners of pixels; z = 1 for pinholes, else unit rays; NaN where there is none.
    pub(super) corners: Arc<[Grid; 3]>,
    /// The same for tiles.
    pub(super) tiles: Arc<[TileGrids; 3]>,
    /// Fisheye only: z of the unit ray of each pixel, which makes distance of depth; NaN where there is no depth.
    pub(super) pixel_z: Option<Arc<Vec<f32>>>,
}

impl SourceRays {
    /// The rays of a camera.
    pub fn new(camera: &Camera) -> SourceRays {
        let (width, height) = (camera.width() as usize, camera.height() as usize);
        let corner = |row: usize, column: usize| {
            let ray = camera.unproject(column as f64 - 0.5, row as f64 - 0.5)?;
            match camera.model() {
                CameraModelKind::Pinhole => (ray.z > FLATTEST).then(|| ray / ray.z),
                _ => Some(ray),
            }
        };
        let rows: Vec<[Vec<f32>; 3]> = (0..=height)
            .into_par_iter()
            .map(|row| {
                let mut parts = [const { Vec::new() }; 3];
                for column in 0..=width {
                    let ray = corner(row, column).map_or([f32::NAN; 3], |r| [r.x as f32, r.y as f32, r.z as f32]);
                    parts.iter_mut().zip(ray).for_each(|(part, v)| part.push(v));
                }
                parts
            })
            .collect();
        let columns = width + 1;
        let corners =
            [0, 1, 2].map(|axis| Grid { columns, values: rows.iter().flat_map(|r| &r[axis]).copied().collect() });
        let tiles = [0, 1, 2].map(|axis: usize| TileGrids::new(&corners[axis]));
        SourceRays {
            width,
            height,
            wraps: camera.wraps(),
            corners: Arc::new(corners),
            tiles: Arc::new(tiles),
            pixel_z: pixel_z(camera).map(Arc::new),
        }
    }
}

/// z of the unit ray of each pixel of a fisheye, NaN where it is too small to tell depth; `None` for other cameras.
pub(super) fn pixel_z(camera: &Camera) -> Option<Vec<f32>> {
    let (across, down) = (camera.width() as usize, camera.height() as usize);
    let z = |i: usize| {
        let ray = camera.unproject((i % across) as f64, (i / across) as f64).filter(|ray| ray.z > FLATTEST);
        ray.map_or(f32::NAN, |ray| ray.z as f32)
    };
    let fisheye = !camera.is_panorama() && camera.model() != CameraModelKind::Pinhole;
    fisheye.then(|| (0..across * down).into_par_iter().map(z).collect())
}
