//! [`SourceRays`]: the rays of a camera's pixels, found once.

use std::sync::Arc;

use rayon::prelude::*;

use crate::coord::{Camera, CameraModelKind};

/// A ray this close to the plane of a camera has no depth along its axis: cosine.
pub(super) const FLATTEST: f64 = 0.01;

/// Rays through the corners of a camera's pixels; made once for a camera, shared by all its pictures and targets.
#[derive(Debug, Clone)]
pub struct SourceRays {
    pub(super) width: usize,
    pub(super) height: usize,
    /// A panorama's last column is a neighbour of its first.
    pub(super) wraps: bool,
    /// x, y, z, each of `(height + 1) * (width + 1)`; z = 1 for pinholes, else unit rays; NaN where there is none.
    pub(super) corners: Arc<[Vec<f32>; 3]>,
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
        let mut corners = [const { Vec::new() }; 3];
        for row in rows {
            corners.iter_mut().zip(row).for_each(|(all, part)| all.extend(part));
        }
        let wraps = camera.model() == CameraModelKind::Equirectangular;
        SourceRays { width, height, wraps, corners: Arc::new(corners), pixel_z: pixel_z(camera).map(Arc::new) }
    }
}

/// z of the unit ray of each pixel of a fisheye, NaN where it is too small to tell depth; `None` for other cameras.
pub(super) fn pixel_z(camera: &Camera) -> Option<Vec<f32>> {
    let z = |i: u32| {
        let (row, column) = (i / camera.width(), i % camera.width());
        let ray = camera.unproject(f64::from(column), f64::from(row)).filter(|ray| ray.z > FLATTEST);
        ray.map_or(f32::NAN, |ray| ray.z as f32)
    };
    let pixels = camera.width() * camera.height();
    (camera.model() == CameraModelKind::KannalaBrandt).then(|| (0..pixels).into_par_iter().map(z).collect())
}
