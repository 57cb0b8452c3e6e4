//! [`look`]: what each [`Surface`] looks like at a spot, filtered to the footprint it is seen at.

use nalgebra::Vector3;

use super::board::Signs;
use super::facade;
use crate::synth::noise::{bars, fractal, hash, hash_of, mix, noise2, noise3, smooth, unit};
use crate::synth::scene::Surface;

/// A point of a surface.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub surface: Surface,
    pub seed: u32,
    /// Texture coordinates, metres (0–1 on boards).
    pub uv: [f32; 2],
    /// Size of the pixel's footprint along u and v, in the same unit.
    pub seen: [f32; 2],
    /// ENU, metres.
    pub point: [f32; 3],
    /// Unit normal on the viewer's side.
    pub normal: Vector3<f32>,
    /// Whether the triangle is seen from behind.
    pub is_back: bool,
}

/// How it looks: linear light.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Share of light given back, by colour.
    pub albedo: [f32; 3],
    /// Share mirrored at normal incidence; 0 is matt.
    pub mirror: f32,
    /// Added to the normal.
    pub tilt: Vector3<f32>,
    /// Own light, 1 is as bright as white paper in daylight.
    pub glow: [f32; 3],
}

impl Look {
    pub(super) fn matt(albedo: [f32; 3]) -> Look {
        Look { albedo, mirror: 0.0, tilt: Vector3::zeros(), glow: [0.0; 3] }
    }
}

impl Spot {
    /// The normal with the look's unevenness.
    pub(super) fn tilted(&self, look: &Look) -> Vector3<f32> {
        (self.normal + look.tilt).normalize()
    }

    /// Tells surfaces and planes apart; bit 0 is left free.
    pub(super) fn key(&self) -> u32 {
        let kind = match self.surface {
            Surface::Asphalt => 1,
            Surface::Paint { yellow } => 2 + i32::from(yellow),
            Surface::Pavement => 4,
            Surface::Kerb => 5,
            Surface::Grass => 6,
            Surface::Gravel => 7,
            Surface::Water => 8,
            Surface::Roof => 9,
            Surface::Bark => 10,
            Surface::Leaves => 11,
            Surface::Metal => 12,
            Surface::Glass => 13,
            Surface::Concrete => 14,
            Surface::Plain(rgb) => hash_of(rgb.map(|c| (c * 255.0) as i32)) as i32,
            Surface::Facade { style } => 100 + i32::from(style),
            Surface::Shop { style } => 400 + i32::from(style),
            Surface::Board(index) => 1000 + index as i32,
        };
        let facing = [self.normal.x, self.normal.y, self.normal.z].map(|c| (c * 12.0).round() as i32);
        hash_of([kind, self.seed as i32, facing[0], facing[1], facing[2]]) << 1
    }

    /// The larger side of the footprint.
    fn coarse(&self) -> f32 {
        self.seen[0].max(self.seen[1])
    }

    /// A typical footprint, for patterns without direction.
    fn fine(&self) -> f32 {
        (self.seen[0] * self.seen[1]).sqrt().max(0.3 * self.coarse())
    }
}

/// The look of a surface at a spot; `autumn` is the share of brown leaves.
pub(super) fn look(spot: &Spot, signs: &Signs, autumn: f32) -> Look {
    let [x, y, _] = spot.point;
    match spot.surface {
        Surface::Asphalt => asphalt(spot),
        Surface::Paint { yellow } => paint(spot, yellow),
        Surface::Pavement => pavement(spot),
        Surface::Kerb => {
            let joint = bars(spot.uv[0], 1.0, 0.0, 0.02, spot.seen[0]);
            let grain = fractal(x, y, 0.4, 0.02, spot.fine(), 11);
            Look::matt(grey(0.36 * (1.0 + 0.25 * grain) * (1.0 - 0.5 * joint), [1.0, 0.99, 0.96]))
        }
        Surface::Grass => grass(spot, autumn),
        Surface::Gravel => {
            let grain = fractal(x, y, 3.0, 0.03, spot.fine(), 21);
            Look::matt(scale([0.26, 0.21, 0.15], 1.0 + 0.7 * grain))
        }
        Surface::Water => water(spot),
        Surface::Facade { style } => facade::wall(style, spot, signs),
        Surface::Shop { style } => facade::shop(style, spot, signs),
        Surface::Roof => roof(spot),
        Surface::Bark => {
            let groove = fractal(spot.uv[0] * 3.0, spot.uv[1] * 0.5, 0.5, 0.03, spot.fine(), spot.seed);
            Look::matt(scale([0.105, 0.078, 0.055], 1.0 + 0.9 * groove))
        }
        Surface::Leaves => leaves(spot, autumn),
        Surface::Metal => Look { mirror: 0.12, ..Look::matt([0.42, 0.43, 0.44]) },
        Surface::Plain(rgb) => Look { mirror: 0.035, ..Look::matt(rgb) },
        Surface::Glass => Look { mirror: 0.09, ..Look::matt([0.015, 0.018, 0.02]) },
        Surface::Board(_) if spot.is_back => Look { mirror: 0.05, ..Look::matt([0.3; 3]) },
        Surface::Board(index) => Look { mirror: 0.01, ..Look::matt(signs.board(index, spot.uv, spot.seen)) },
        Surface::Concrete => {
            let stain = fractal(spot.uv[0] * 2.0, spot.uv[1] * 0.6, 4.0, 0.05, spot.fine(), 31);
            let joint =
                bars(spot.uv[0], 5.0, 0.0, 0.04, spot.seen[0]).max(bars(spot.uv[1], 2.4, 0.0, 0.03, spot.seen[1]));
            Look::matt(grey(0.33 * (1.0 + 0.35 * stain) * (1.0 - 0.4 * joint), [1.0, 0.99, 0.96]))
        }
    }
}

/// A grey of value `v` with a tint.
pub(super) fn grey(v: f32, tint: [f32; 3]) -> [f32; 3] {
    tint.map(|c| c * v)
}

/// A colour times a number.
pub(super) fn scale(rgb: [f32; 3], by: f32) -> [f32; 3] {
    rgb.map(|c| (c * by).max(0.0))
}

/// A mix of two colours.
pub(super) fn blend(a: [f32; 3], b: [f32; 3], t: f32) -> [f32; 3] {
    [0, 1, 2].map(|c| mix(a[c], b[c], t))
}

/// Grain, stains and repaired patches; `uv` is not needed: the road is one surface in space.
fn asphalt(spot: &Spot) -> Look {
    let [x, y, _] = spot.point;
    let seen = spot.fine();
    let grain = fractal(x, y, 0.16, 0.012, seen, 1);
    let stain = fractal(x, y, 9.0, 0.4, seen, 2);
    let cell = [(x / 7.0).floor() as i32, (y / 7.0).floor() as i32];
    let pick = hash_of([cell[0], cell[1], 3]);
    let (px, py) = (x / 7.0 - cell[0] as f32, y / 7.0 - cell[1] as f32);
    let corner = [unit(hash(pick ^ 1)) * 0.5, unit(hash(pick ^ 2)) * 0.5];
    let size = [0.2 + 0.3 * unit(hash(pick ^ 3)), 0.15 + 0.2 * unit(hash(pick ^ 4))];
    let border = ((px - corner[0]).min(corner[0] + size[0] - px)).min((py - corner[1]).min(corner[1] + size[1] - py));
    let patch = if unit(pick) < 0.12 { smooth(-0.004, 0.004 + seen / 7.0, border) } else { 0.0 };
    // A crack meanders where a slow noise crosses a level.
    let level = (noise2(x / 3.1, y / 3.1, 5) + 0.12 * noise2(x / 0.35, y / 0.35, 6) - 0.56).abs();
    let crack = (1.0 - smooth(0.004, 0.010, level))
        * (1.0 - smooth(0.02, 0.08, seen))
        * smooth(0.45, 0.7, noise2(x / 17.0, y / 17.0, 7));
    let value = 0.125 * (1.0 + 0.55 * grain + 0.28 * stain) * (1.0 - 0.28 * patch) * (1.0 - 0.45 * crack);
    Look::matt(grey(value, [1.0, 0.99, 0.97]))
}

fn paint(spot: &Spot, yellow: bool) -> Look {
    let [x, y, _] = spot.point;
    let seen = spot.fine();
    let wear = smooth(0.12, 0.5, fractal(x, y, 0.5, 0.02, seen, 41) + 0.6 * fractal(x, y, 6.0, 1.5, seen, 42));
    let fresh = if yellow { [0.66, 0.40, 0.045] } else { [0.68, 0.68, 0.66] };
    Look::matt(blend(fresh, [0.16, 0.16, 0.16], 0.55 * wear))
}

fn pavement(spot: &Spot) -> Look {
    let [u, v] = spot.uv;
    // Interlocking blocks of 20 × 10 cm in a running bond, as on most Korean pavements.
    let row = (v / 0.1).floor();
    let shift = if row as i32 % 2 == 0 { 0.0 } else { 0.1 };
    let joint = bars(u + shift, 0.2, 0.0, 0.008, spot.seen[0]).max(bars(v, 0.1, 0.0, 0.008, spot.seen[1]));
    let pick = hash_of([((u + shift) / 0.2).floor() as i32, row as i32, 51]);
    let near = 1.0 - smooth(0.05, 0.3, spot.coarse());
    let stone = match hash(pick) % 8 {
        0 => [0.30, 0.17, 0.13],
        1 => [0.22, 0.20, 0.19],
        _ => [0.37, 0.33, 0.29],
    };
    let mean = [0.345, 0.295, 0.255];
    let [x, y, _] = spot.point;
    let dirt = fractal(x, y, 5.0, 0.05, spot.fine(), 52);
    let shade = 1.0 + near * 0.2 * (unit(pick) - 0.5);
    Look::matt(scale(blend(mean, stone, near), shade * (1.0 + 0.3 * dirt) * (1.0 - 0.5 * joint)))
}

fn grass(spot: &Spot, autumn: f32) -> Look {
    let [x, y, _] = spot.point;
    let seen = spot.fine();
    let blades = fractal(x, y, 0.3, 0.02, seen, 61);
    let patches = fractal(x, y, 7.0, 0.6, seen, 62);
    let dry = (smooth(-0.1, 0.5, patches) * 0.5 + 0.5 * autumn).clamp(0.0, 0.8);
    let colour = blend([0.070, 0.125, 0.030], [0.20, 0.16, 0.065], dry);
    Look::matt(scale(colour, 1.0 + 0.8 * blades + 0.2 * patches))
}

fn water(spot: &Spot) -> Look {
    let [x, y, _] = spot.point;
    let calm = 1.0 - smooth(0.1, 2.0, spot.coarse());
    let slope = |seed: u32| noise2(x / 0.8, y / 0.35, seed) - 0.5 + 0.5 * (noise2(x / 0.23, y / 0.2, seed + 1) - 0.5);
    let tilt = Vector3::new(slope(71), slope(81), 0.0) * (0.02 + 0.05 * calm);
    Look { albedo: [0.030, 0.048, 0.042], mirror: 0.03, tilt, glow: [0.0; 3] }
}

fn roof(spot: &Spot) -> Look {
    let [x, y, _] = spot.point;
    // Green waterproof paint covers most flat roofs in Korea.
    let base = match spot.seed % 4 {
        0 => [0.30, 0.29, 0.28],
        1 => [0.20, 0.21, 0.22],
        _ => [0.10, 0.26, 0.17],
    };
    let stain = fractal(x, y, 5.0, 0.05, spot.fine(), spot.seed);
    Look::matt(scale(base, 1.0 + 0.4 * stain))
}

fn leaves(spot: &Spot, autumn: f32) -> Look {
    let p = spot.point;
    let clump = noise3(p.map(|c| c / 0.7), spot.seed);
    let near = 1.0 - smooth(0.05, 0.4, spot.coarse());
    let leaf = mix(0.5, noise3(p.map(|c| c / 0.09), spot.seed ^ 9), near);
    let tree = unit(hash(spot.seed));
    let green = blend([0.055, 0.115, 0.022], [0.10, 0.155, 0.035], unit(hash(spot.seed ^ 3)));
    // Ginkgo turns yellow, zelkova and maple turn orange and red.
    let turned = match hash(spot.seed ^ 5) % 5 {
        0 => [0.34, 0.075, 0.028],
        1 | 2 => [0.36, 0.17, 0.035],
        _ => [0.50, 0.34, 0.040],
    };
    let share = smooth(tree - 0.25, tree + 0.15, autumn + 0.3 * (clump - 0.5)) * autumn.min(0.95);
    let colour = scale(blend(green, turned, share), 0.45 + 0.7 * clump + 0.6 * (leaf - 0.5) + 0.25 * leaf);
    let uneven = |seed: u32| noise3(p.map(|c| c / 0.25), seed) - 0.5;
    let tilt = Vector3::new(uneven(91), uneven(92), uneven(93)) * 1.5;
    Look { tilt, ..Look::matt(colour) }
}
