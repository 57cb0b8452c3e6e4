//! Rays through the town: what the renderer sees and the LiDAR hits.

mod bvh;
mod lidar;

pub use bvh::{Bvh, Hit, Ray};
pub use lidar::LidarModel;

use nalgebra::Vector3;

use super::noise::{mix, noise3};
use super::scene::{Scene, Surface, Triangle};

/// A scene's triangles under a [`Bvh`]. Leaves have holes: a ray may pass a tree's crown.
#[derive(Debug, Clone)]
pub struct Caster {
    bvh: Bvh,
    /// In the leaf order of the hierarchy, so that neighbours in space are neighbours in memory.
    triangles: Vec<Triangle>,
}

/// Where a ray meets the scene.
#[derive(Debug, Clone, Copy)]
pub struct Struck<'a> {
    /// Index into [`Caster::triangles`].
    pub index: usize,
    /// The triangle.
    pub triangle: &'a Triangle,
    /// Metres along the unit direction, from the triangle's plane in `f64`.
    pub range_m: f64,
}

impl Caster {
    /// Prepares a scene; triangles with corners that are not finite are left out.
    pub fn new(scene: &Scene) -> Caster {
        let corners: Vec<[[f32; 3]; 3]> =
            scene.triangles.iter().map(|t| t.corners.map(|c| [c.x as f32, c.y as f32, c.z as f32])).collect();
        let bvh = Bvh::new(&corners);
        let triangles = bvh.order().iter().map(|&index| scene.triangles[index as usize]).collect();
        Caster { bvh, triangles }
    }

    /// The triangles, in the hierarchy's order.
    pub fn triangles(&self) -> &[Triangle] {
        &self.triangles
    }

    /// The first surface that the ray from `origin` (ENU metres) along the unit `direction` meets within `max_m`.
    pub fn closest(&self, origin: &Vector3<f64>, direction: &Vector3<f64>, max_m: f32) -> Option<Struck<'_>> {
        let ray = narrow(origin, direction);
        let hit = self.bvh.closest(&ray, 1e-4, max_m, |triangle, t| self.is_solid(triangle, t, &ray))?;
        let triangle = &self.triangles[hit.triangle as usize];
        // The hierarchy works in f32; truth wants the plane's own depth.
        let [a, b, c] = triangle.corners;
        let normal = (b - a).cross(&(c - a));
        let range = normal.dot(&(a - origin)) / normal.dot(direction);
        // ... except where the ray lies almost in the plane.
        let t = f64::from(hit.t);
        let range_m = if (range - t).abs() <= 1e-3 + 1e-3 * t { range } else { t };
        Some(Struck { index: hit.triangle as usize, triangle, range_m })
    }

    /// Whether anything stands between `origin` and the point `max_m` metres along the unit `direction`.
    pub fn blocked(&self, origin: &Vector3<f64>, direction: &Vector3<f64>, max_m: f32) -> bool {
        let ray = narrow(origin, direction);
        self.bvh.any(&ray, 1e-4, max_m, |triangle, t| self.is_solid(triangle, t, &ray))
    }

    fn is_solid(&self, triangle: u32, t: f32, ray: &Ray) -> bool {
        let triangle = &self.triangles[triangle as usize];
        !matches!(triangle.surface, Surface::Leaves) || {
            let p = [0, 1, 2].map(|axis| ray.origin[axis] + t * ray.direction[axis]);
            !is_between_leaves(p, triangle.seed)
        }
    }
}

/// Whether a point of a crown's hull is a gap between leaves: clumps with ragged edges, about two fifths open.
fn is_between_leaves(p: [f32; 3], seed: u32) -> bool {
    let clump = noise3(p.map(|v| v / 0.38), seed);
    let leaf = noise3(p.map(|v| v / 0.09), seed ^ 0x5bd1);
    mix(clump, leaf, 0.5) < 0.47
}

fn narrow(origin: &Vector3<f64>, direction: &Vector3<f64>) -> Ray {
    Ray {
        origin: [origin.x as f32, origin.y as f32, origin.z as f32],
        direction: [direction.x as f32, direction.y as f32, direction.z as f32],
    }
}
