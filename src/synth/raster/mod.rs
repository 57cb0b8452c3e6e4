//! [`Renderer`]: pictures, depth and masks of a [`Scene`] for any camera model.
//!
//! Primary visibility is found by one ray a pixel through a bounding volume hierarchy rather than by scan conversion:
//! every camera model (Brown, Kannala–Brandt, equirectangular) then has exact depth along the ray of the pixel's
//! centre, with no cube faces and no resampling, and shadows, mirrors and the LiDAR use the same intersections. Most
//! of a picture's time goes into textures and shadow rays either way.
//!
//! A pixel gets one ray through its centre; where its neighbours show another surface, another plane, the border of a
//! shadow or a strong contrast, its colour is the mean of four more rays. Textures are filtered to the pixel's
//! footprint by ray differentials (Igehy, "Tracing ray differentials", 1999).

mod board;
mod facade;
mod shade;
mod texture;

use nalgebra::Vector3;
use ndarray::{Array2, Array3};
use rayon::prelude::*;

use super::rays::Caster;
use super::scene::{Light, Scene, Shade, Surface, Thing};
use crate::coord::{Camera, Pose};
use board::Signs;
use shade::Air;
use texture::{Look, Spot};

/// Farther than this is sky, metres.
const FAR_M: f32 = 4000.0;
/// Positions of the extra rays within a pixel: a rotated grid.
const SUPERSAMPLES: [[f64; 2]; 4] = [[-0.125, -0.375], [0.375, -0.125], [0.125, 0.375], [-0.375, 0.125]];
/// Neighbours that differ by more than this share of white are smoothed.
const CONTRAST: f32 = 0.06;

/// A picture with its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// sRGB, shape `(H, W, 3)`.
    pub rgb: Array3<u8>,
    /// Metres at the ray of each pixel's centre, shape `(H, W)`: along the optical axis (camera z), but the range
    /// from the camera for `equirectangular`. Infinite for the sky, NaN where the camera model has no ray.
    pub depth: Array2<f32>,
    /// Whether the pixel's centre shows a [`Thing::Parked`], shape `(H, W)`.
    pub parked: Array2<bool>,
}

/// A scene prepared for rendering; immutable, to be shared between threads.
#[derive(Debug)]
pub struct Renderer {
    caster: Caster,
    frames: Vec<SurfaceFrame>,
    signs: Signs,
    shades: Vec<Shade>,
    light: Light,
    air: Air,
}

/// What shading needs of a triangle, in its own order.
#[derive(Debug, Clone, Copy)]
struct SurfaceFrame {
    /// Outward unit normal.
    normal: Vector3<f32>,
    /// How `u` and `v` change with position.
    gradient: [Vector3<f32>; 2],
}

/// A ray with those of the neighbouring pixels, in ENU.
struct PixelRay {
    origin: Vector3<f64>,
    direction: Vector3<f64>,
    right: Vector3<f32>,
    down: Vector3<f32>,
}

/// What one ray saw.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Display-linear, tone-mapped.
    rgb: [f32; 3],
    /// Tells surfaces, planes and shadow apart.
    key: u32,
    range_m: f64,
    parked: bool,
}

impl Renderer {
    /// Prepares a scene: the ray hierarchy, surface frames, sign pictures and the air of its light.
    pub fn new(scene: &Scene) -> Renderer {
        let caster = Caster::new(scene);
        let frames = caster.triangles().iter().map(|t| SurfaceFrame::new(&t.corners, &t.uv)).collect();
        Renderer {
            caster,
            frames,
            signs: Signs::new(&scene.boards),
            shades: scene.shades.clone(),
            light: scene.light,
            air: Air::new(&scene.light),
        }
    }

    /// The scene under its ray hierarchy, e.g. for a LiDAR.
    pub fn caster(&self) -> &Caster {
        &self.caster
    }

    /// What a camera at `town_se3_camera` (RDF axes; ENU metres) sees.
    ///
    /// The same bytes for any number of threads.
    pub fn render(&self, camera: &Camera, town_se3_camera: &Pose) -> Rendered {
        let (width, height) = (camera.width() as usize, camera.height() as usize);
        let ray = |u: f64, v: f64, pitch: f64| self.pixel_ray(camera, town_se3_camera, u, v, pitch);
        let mut centres: Vec<Option<Seen>> = vec![None; width * height];
        centres.par_chunks_mut(width.max(1)).enumerate().for_each(|(row, pixels)| {
            for (column, pixel) in pixels.iter_mut().enumerate() {
                *pixel = ray(column as f64, row as f64, 1.0).map(|ray| self.look(&ray));
            }
        });
        let mut rgb = vec![0u8; width * height * 3];
        rgb.par_chunks_mut(3 * width.max(1)).enumerate().for_each(|(row, pixels)| {
            for (column, pixel) in pixels.chunks_exact_mut(3).enumerate() {
                let Some(centre) = centres[row * width + column] else { continue };
                let mut colour = centre.rgb;
                if is_edge(&centres, width, height, row, column, &centre) {
                    let mut sum = [0.0; 3];
                    for [du, dv] in SUPERSAMPLES {
                        let sample =
                            ray(column as f64 + du, row as f64 + dv, 0.5).map_or(centre.rgb, |ray| self.look(&ray).rgb);
                        sum = [0, 1, 2].map(|c| sum[c] + sample[c]);
                    }
                    colour = sum.map(|c| c / SUPERSAMPLES.len() as f32);
                }
                pixel.copy_from_slice(&self.air.encode(colour));
            }
        });
        let is_range = camera.is_panorama();
        let depth = Array2::from_shape_fn((height, width), |(row, column)| match centres[row * width + column] {
            None => f32::NAN,
            Some(seen) if is_range => seen.range_m as f32,
            Some(seen) => {
                let z = camera.unproject(column as f64, row as f64).map_or(f64::NAN, |ray| ray.z);
                if seen.range_m.is_finite() { (seen.range_m * z) as f32 } else { f32::INFINITY }
            }
        });
        let parked = Array2::from_shape_fn((height, width), |(row, column)| {
            centres[row * width + column].is_some_and(|seen| seen.parked)
        });
        let rgb = Array3::from_shape_vec((height, width, 3), rgb).expect("three bytes a pixel");
        Rendered { rgb, depth, parked }
    }

    /// The ray through a place in the picture, with those `pitch` pixels beside and below it.
    fn pixel_ray(&self, camera: &Camera, town_se3_camera: &Pose, u: f64, v: f64, pitch: f64) -> Option<PixelRay> {
        let towards = |u: f64, v: f64| camera.unproject(u, v).map(|ray| town_se3_camera.rotation * ray);
        let direction = towards(u, v)?;
        let aside = |other: Option<Vector3<f64>>| {
            other.map_or(Vector3::repeat(1e-3), |other| (other - direction).map(|c| c as f32))
        };
        Some(PixelRay {
            origin: town_se3_camera.translation,
            direction,
            // At the picture's last column and row there is no ray beyond; the one before is as far away.
            right: aside(towards(u + pitch, v).or_else(|| towards(u - pitch, v))),
            down: aside(towards(u, v + pitch).or_else(|| towards(u, v - pitch))),
        })
    }

    /// The colour along a ray, and what it is of.
    fn look(&self, ray: &PixelRay) -> Seen {
        let direction = ray.direction.map(|c| c as f32);
        let Some(struck) = self.caster.closest(&ray.origin, &ray.direction, FAR_M) else {
            let rgb = self.air.expose(self.air.sky(&direction));
            return Seen { rgb, key: 0, range_m: f64::INFINITY, parked: false };
        };
        let range = struck.range_m as f32;
        let point = ray.origin + ray.direction * struck.range_m;
        let (spot, look) = self.surface_at(struck.index, &point, &direction, range, [ray.right, ray.down]);
        let (mut light, in_sun) = self.lit(&spot, &look, &point, true);
        let facing = -direction.dot(&spot.tilted(&look));
        if look.mirror > 0.0 {
            let fresnel = look.mirror + (1.0 - look.mirror) * fifth_power(1.0 - facing.clamp(0.0, 1.0));
            let mirrored = self.mirrored(&spot, &look, &point, &direction);
            light = [0, 1, 2].map(|c| light[c] * (1.0 - fresnel) + mirrored[c] * fresnel);
        }
        let light = self.air.haze(light, range, &direction);
        Seen {
            rgb: self.air.expose(light),
            key: spot.key() ^ u32::from(in_sun),
            range_m: struck.range_m,
            parked: struck.triangle.thing == Thing::Parked,
        }
    }

    /// What a mirroring surface shows: one more ray, its surface lit without shadow.
    fn mirrored(&self, spot: &Spot, look: &Look, point: &Vector3<f64>, direction: &Vector3<f32>) -> [f32; 3] {
        let normal = spot.tilted(look);
        let mut bounced = direction - normal * (2.0 * direction.dot(&normal));
        // A tilted normal must not send the ray through its own surface.
        let into = bounced.dot(&spot.normal);
        if into < 0.02 {
            bounced += spot.normal * (0.02 - into);
        }
        let bounced = bounced.normalize();
        let origin = point + spot.normal.map(f64::from) * 1e-3;
        let towards = bounced.map(f64::from);
        let Some(struck) = self.caster.closest(&origin, &towards, FAR_M) else { return self.air.sky(&bounced) };
        let range = struck.range_m as f32;
        let blur = Vector3::repeat(0.01);
        let at = origin + towards * struck.range_m;
        let (spot, look) = self.surface_at(struck.index, &at, &bounced, range, [blur, blur]);
        let (light, _) = self.lit(&spot, &look, &at, false);
        self.air.haze(light, range, &bounced)
    }

    /// The surface at a point of a triangle, and how it looks there.
    fn surface_at(
        &self,
        index: usize,
        point: &Vector3<f64>,
        direction: &Vector3<f32>,
        range: f32,
        beside: [Vector3<f32>; 2],
    ) -> (Spot, Look) {
        let triangle = &self.caster.triangles()[index];
        let frame = &self.frames[index];
        let is_back = frame.normal.dot(direction) > 0.0;
        let normal = if is_back { -frame.normal } else { frame.normal };
        let offset = (point - triangle.corners[0]).map(|c| c as f32);
        let uv = [0, 1].map(|k| triangle.uv[0][k] + frame.gradient[k].dot(&offset));
        // How far the point moves when the ray moves by a pixel, seen along u and v.
        let facing = frame.normal.dot(direction);
        let facing = if facing.abs() < 0.02 { 0.02f32.copysign(facing) } else { facing };
        let moved = beside.map(|d| (d - direction * (frame.normal.dot(&d) / facing)) * range);
        let seen = [0, 1].map(|k| frame.gradient[k].dot(&moved[0]).abs() + frame.gradient[k].dot(&moved[1]).abs());
        let spot = Spot {
            surface: triangle.surface,
            seed: triangle.seed,
            uv,
            seen,
            point: [point.x as f32, point.y as f32, point.z as f32],
            normal,
            is_back,
        };
        let look = texture::look(&spot, &self.signs, self.light.autumn);
        (spot, look)
    }

    /// Light that a surface sends out, and whether the sun reaches it.
    fn lit(&self, spot: &Spot, look: &Look, point: &Vector3<f64>, with_shadow: bool) -> ([f32; 3], bool) {
        let outside = point + spot.normal.map(f64::from) * 2e-3;
        let shade = self.shades.iter().find(|s| (0..3).all(|k| (s.min[k]..=s.max[k]).contains(&point[k])));
        let sun = self.light.sun.map(|c| c as f32);
        let normal = spot.tilted(look);
        let wrap = if spot.surface == Surface::Leaves { 0.35 } else { 0.0 };
        let facing = ((normal.dot(&sun) + wrap) / (1.0 + wrap)).max(0.0);
        let in_sun = facing > 0.0
            && self.light.sun.z > 0.0
            && shade.is_none()
            && !(with_shadow && self.caster.blocked(&outside, &self.light.sun, FAR_M));
        let open = shade.map_or(1.0, |s| s.sky) * self.openness(spot, &outside, with_shadow);
        let sun_part = if in_sun { facing } else { 0.0 };
        let ambient = self.air.ambient(&normal);
        let light = [0, 1, 2].map(|c| {
            look.albedo[c] * (self.light.sun_rgb[c] * sun_part + ambient[c] * open) + look.glow[c] * self.air.glow()
        });
        (light, in_sun)
    }

    /// Share of the sky that reaches a point: less near the foot of walls and under vehicles.
    fn openness(&self, spot: &Spot, outside: &Vector3<f64>, with_rays: bool) -> f32 {
        match spot.surface {
            Surface::Facade { .. } | Surface::Shop { .. } => {
                super::noise::mix(0.62, 1.0, super::noise::smooth(-0.5, 5.0, spot.uv[1]))
            }
            Surface::Leaves => super::noise::mix(0.55, 1.0, 0.5 + 0.5 * spot.normal.z),
            _ if spot.normal.z > 0.9 && with_rays
                // A short look upwards finds the undersides of vehicles.
                && self.caster.blocked(outside, &Vector3::z(), 1.2) =>
            {
                0.35
            }
            _ => 1.0,
        }
    }
}

impl SurfaceFrame {
    fn new(corners: &[Vector3<f64>; 3], uv: &[nalgebra::Vector2<f32>; 3]) -> SurfaceFrame {
        let edge = [corners[1] - corners[0], corners[2] - corners[0]];
        let normal = edge[0].cross(&edge[1]);
        let area = normal.norm_squared();
        if area <= 0.0 {
            return SurfaceFrame { normal: Vector3::z(), gradient: [Vector3::zeros(); 2] };
        }
        // The dual basis of the edges: grad u = du1 · dual1 + du2 · dual2.
        let dual = [edge[1].cross(&normal) / area, normal.cross(&edge[0]) / area];
        let gradient = [0, 1].map(|k| {
            let d = [f64::from(uv[1][k] - uv[0][k]), f64::from(uv[2][k] - uv[0][k])];
            (dual[0] * d[0] + dual[1] * d[1]).map(|c| c as f32)
        });
        SurfaceFrame { normal: (normal / area.sqrt()).map(|c| c as f32), gradient }
    }
}

/// Whether a neighbour of the pixel shows something else.
fn is_edge(centres: &[Option<Seen>], width: usize, height: usize, row: usize, column: usize, centre: &Seen) -> bool {
    let at = row * width + column;
    let differs = |at: usize| {
        centres[at].is_some_and(|other| {
            other.key != centre.key || (0..3).any(|c| (other.rgb[c] - centre.rgb[c]).abs() > CONTRAST)
        })
    };
    (column > 0 && differs(at - 1))
        || (column + 1 < width && differs(at + 1))
        || (row > 0 && differs(at - width))
        || (row + 1 < height && differs(at + width))
}

fn fifth_power(x: f32) -> f32 {
    let square = x * x;
    square * square * x
}
