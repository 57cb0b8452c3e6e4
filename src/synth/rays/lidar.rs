//! [`LidarModel`]: a spinning LiDAR's sweeps of the town.

use nalgebra::Vector3;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use super::Caster;
use crate::coord::Pose;
use crate::record::PointCloud;
use crate::synth::noise::{hash, unit};
use crate::synth::scene::Surface;

/// A spinning LiDAR: a column of lasers that turns once a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct LidarModel {
    /// Elevation of each laser, radians above the sensor's horizon; the index is the ring.
    pub elevations_rad: Vec<f64>,
    /// Firings in a turn.
    pub azimuths: u32,
    /// Duration of a turn, nanoseconds.
    pub period_ns: i64,
    /// Shortest and longest range that gives a return, metres.
    pub range_m: [f64; 2],
    /// One sigma of the range, metres.
    pub noise_m: f64,
    /// Share of returns that are lost by chance; dark surfaces and glancing hits lose more.
    pub dropout: f64,
}

impl LidarModel {
    /// 32 lasers from −25° to +15°, 900 firings a turn, 10 turns a second, 100 m.
    pub fn spinning_32() -> LidarModel {
        let elevations_rad = (0..32).map(|k| (-25.0 + 40.0 * f64::from(k) / 31.0).to_radians()).collect();
        LidarModel {
            elevations_rad,
            azimuths: 900,
            period_ns: 100_000_000,
            range_m: [0.9, 100.0],
            noise_m: 0.015,
            dropout: 0.02,
        }
    }

    /// One turn: points in the sensor frame (FLU) *at each point's own firing time*, not compensated for motion.
    ///
    /// The turn starts at the sensor's rear and goes clockwise seen from above. `town_se3_lidar(offset_ns)` is where
    /// the sensor is that long after the sweep's start (ENU). Points come firing by firing, ring by ring; each has
    /// `offset_ns`, `ring`, and an `intensity` 0–255 by surface and incidence. Chance comes from a ChaCha stream of
    /// (`seed`, firing), so a sweep has the same points for any number of threads. `start_ns` is left at 0.
    pub fn sweep(&self, caster: &Caster, town_se3_lidar: impl Fn(i64) -> Pose + Sync, seed: u64) -> PointCloud {
        let firings: Vec<Vec<Return>> = (0..self.azimuths)
            .into_par_iter()
            .map(|firing| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(u64::from(firing));
                let offset_ns = i64::from(firing) * self.period_ns / i64::from(self.azimuths);
                self.fire(caster, &town_se3_lidar(offset_ns), firing, offset_ns, &mut rng)
            })
            .collect();
        let returns: Vec<Return> = firings.into_iter().flatten().collect();
        PointCloud {
            xyz: returns.iter().map(|r| r.xyz).collect(),
            intensity: Some(returns.iter().map(|r| r.intensity).collect()),
            ring: Some(returns.iter().map(|r| r.ring).collect()),
            offset_ns: Some(returns.iter().map(|r| r.offset_ns).collect()),
            ..PointCloud::default()
        }
    }

    fn fire(&self, caster: &Caster, pose: &Pose, firing: u32, offset_ns: i64, rng: &mut ChaCha8Rng) -> Vec<Return> {
        let turn = std::f64::consts::PI - f64::from(firing) / f64::from(self.azimuths) * std::f64::consts::TAU;
        let (sin_turn, cos_turn) = libm::sincos(turn);
        let mut returns = Vec::new();
        for (ring, &elevation) in self.elevations_rad.iter().enumerate() {
            // Drawn for every shot, hit or not: one surface's luck does not depend on another's.
            let (luck, spread) = (uniform(rng), normal(rng));
            let (sin, cos) = libm::sincos(elevation);
            let direction = Vector3::new(cos * cos_turn, cos * sin_turn, sin);
            let towards = pose.rotation * direction;
            let Some(struck) = caster.closest(&pose.translation, &towards, self.range_m[1] as f32) else { continue };
            let [a, b, c] = struck.triangle.corners;
            let normal = (b - a).cross(&(c - a)).normalize();
            let incidence = normal.dot(&towards).abs();
            let echo = reflectivity(&struck.triangle.surface, struck.triangle.seed) * incidence.max(0.05);
            let lost = self.dropout + 0.4 * (1.0 - echo / 0.06).clamp(0.0, 1.0) * (struck.range_m / self.range_m[1]);
            let range = struck.range_m + self.noise_m * spread;
            if luck < lost || range < self.range_m[0] || range > self.range_m[1] {
                continue;
            }
            returns.push(Return {
                xyz: [0, 1, 2].map(|k| (direction[k] * range) as f32),
                intensity: (echo * 255.0).round().clamp(1.0, 255.0) as f32,
                ring: ring as u16,
                offset_ns: offset_ns as i32,
            });
        }
        returns
    }
}

struct Return {
    xyz: [f32; 3],
    intensity: f32,
    ring: u16,
    offset_ns: i32,
}

/// Share of near-infrared light given back, roughly: leaves and paint are bright, water and glass give little.
fn reflectivity(surface: &Surface, seed: u32) -> f64 {
    match surface {
        Surface::Asphalt => 0.14,
        Surface::Paint { .. } => 0.62,
        Surface::Pavement | Surface::Kerb | Surface::Concrete => 0.34,
        Surface::Grass | Surface::Leaves => 0.48,
        Surface::Gravel | Surface::Roof | Surface::Bark => 0.27,
        Surface::Water => 0.02,
        Surface::Glass => 0.05,
        Surface::Facade { .. } | Surface::Shop { .. } => 0.25 + 0.2 * f64::from(unit(hash(seed))),
        Surface::Metal => 0.5,
        Surface::Plain(rgb) => 0.08 + 0.6 * f64::from((rgb[0] + rgb[1] + rgb[2]) / 3.0),
        // Signs are retro-reflective.
        Surface::Board(_) => 0.95,
    }
}

/// Uniform in `[0, 1)`.
fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Standard normal (Box and Muller, 1958).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * libm::log(1.0 - uniform(rng))).sqrt();
    radius * libm::cos(std::f64::consts::TAU * uniform(rng))
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector2;

    use super::*;
    use crate::synth::scene::{Light, Scene, Thing, Triangle};

    /// Flat asphalt at z = 0, 400 m wide.
    fn plain() -> Caster {
        let corner = |x: f64, y: f64| Vector3::new(x, y, 0.0);
        let quad = [corner(-200.0, -200.0), corner(200.0, -200.0), corner(200.0, 200.0), corner(-200.0, 200.0)];
        let triangle = |corners| Triangle {
            corners,
            uv: [Vector2::zeros(); 3],
            surface: Surface::Asphalt,
            seed: 0,
            thing: Thing::Static,
        };
        Caster::new(&Scene {
            triangles: vec![triangle([quad[0], quad[1], quad[2]]), triangle([quad[0], quad[2], quad[3]])],
            boards: vec![],
            shades: vec![],
            light: Light { sun: Vector3::z(), sun_rgb: [1.0; 3], sky_rgb: [1.0; 3], autumn: 0.0, haze: 0.0 },
        })
    }

    fn exact() -> LidarModel {
        LidarModel { noise_m: 0.0, dropout: 0.0, ..LidarModel::spinning_32() }
    }

    #[test]
    fn points_lie_on_the_ground_at_the_ring_s_elevation() {
        let pose = Pose::level(Vector3::new(3.0, -4.0, 1.8), 30.0);
        let sweep = exact().sweep(&plain(), |_| pose, 1);
        assert!(sweep.len() > 10_000);
        let rings = sweep.ring.as_ref().expect("a ring per point");
        for (point, ring) in sweep.xyz.iter().zip(rings) {
            let flat = libm::hypot(f64::from(point[0]), f64::from(point[1]));
            assert!((f64::from(point[2]) + 1.8).abs() < 1e-4, "{point:?}");
            let elevation = libm::atan2(f64::from(point[2]), flat);
            assert!((elevation - exact().elevations_rad[usize::from(*ring)]).abs() < 1e-5);
        }
    }

    #[test]
    fn points_are_in_the_frame_of_their_own_firing() {
        // The sensor sinks by half a metre during the sweep: later points see the ground nearer.
        let model = exact();
        let height = |offset_ns: i64| 2.0 - 0.5 * offset_ns as f64 / model.period_ns as f64;
        let sweep = model.sweep(&plain(), |t| Pose::level(Vector3::new(0.0, 0.0, height(t)), 0.0), 1);
        let offsets = sweep.offset_ns.as_ref().expect("a time per point");
        assert!(offsets.windows(2).all(|w| w[0] <= w[1]));
        for (point, offset) in sweep.xyz.iter().zip(offsets) {
            assert!((f64::from(point[2]) + height(i64::from(*offset))).abs() < 1e-4);
        }
    }

    #[test]
    fn a_sweep_is_a_function_of_its_seed_whatever_the_threads() {
        let (caster, model) = (plain(), LidarModel::spinning_32());
        let sweep = |seed| model.sweep(&caster, |_| Pose::level(Vector3::new(0.0, 0.0, 1.8), 0.0), seed);
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool").install(|| sweep(5));
        let three = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("a pool").install(|| sweep(5));
        assert_eq!(one, three);
        assert_ne!(one, sweep(6));
    }
}
