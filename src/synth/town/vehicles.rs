//! Parked vehicles: which bays are taken, and by what, changes from day to day.

use nalgebra::{Vector2, Vector3};

use crate::synth::dice::Dice;
use crate::synth::planar::{V2, left};
use crate::synth::scene::{Surface, Thing};
use crate::time::Timestamp;

use super::Town;
use super::mesh::{Look, Mesh, at};

/// Sizes of a kind of vehicle, metres.
struct Body {
    length: f64,
    width: f64,
    height: f64,
    /// Height of bonnet and belt line.
    belt: f64,
    /// From the nose to the foot of the windscreen and to its head; from the tail likewise.
    front: [f64; 2],
    rear: [f64; 2],
}

const SEDAN: Body =
    Body { length: 4.7, width: 1.84, height: 1.46, belt: 0.92, front: [1.35, 2.05], rear: [0.55, 1.15] };
const SUV: Body = Body { length: 4.6, width: 1.88, height: 1.70, belt: 1.05, front: [1.1, 1.75], rear: [0.1, 0.5] };
const COMPACT: Body = Body { length: 3.6, width: 1.6, height: 1.5, belt: 0.95, front: [0.8, 1.4], rear: [0.08, 0.35] };
const VAN: Body = Body { length: 5.1, width: 1.95, height: 1.98, belt: 1.1, front: [0.5, 1.25], rear: [0.05, 0.2] };

/// Colours as they are parked in Korea: white, greys and black, now and then another. Linear RGB.
const COLOURS: [[f32; 3]; 9] = [
    [0.80, 0.80, 0.78],
    [0.76, 0.76, 0.75],
    [0.38, 0.39, 0.41],
    [0.13, 0.14, 0.15],
    [0.018, 0.018, 0.020],
    [0.02, 0.022, 0.03],
    [0.02, 0.05, 0.16],
    [0.33, 0.03, 0.03],
    [0.28, 0.22, 0.16],
];

/// Parks the vehicles of the day of `t`.
pub fn park(town: &Town, t: Timestamp, mesh: &mut Mesh) {
    let day = t.ns().div_euclid(86_400_000_000_000);
    let mut dice = Dice::new(town.seed, &format!("parked/{day}"));
    for bay in &town.bays {
        let taken = dice.chance(if bay.painted { 0.6 } else { 0.4 });
        let (kind, colour, turned) = (dice.below(10), COLOURS[dice.below(COLOURS.len())], dice.chance(0.15));
        let (shift, seed) = (dice.between(-0.35, 0.35), dice.seed());
        if !taken {
            continue;
        }
        let along = if turned { -bay.along } else { bay.along };
        let place = bay.place + along * shift;
        match kind {
            0..=3 => car(&SEDAN, place, along, colour, seed, mesh),
            4..=6 => car(&SUV, place, along, colour, seed, mesh),
            7 => car(&COMPACT, place, along, colour, seed, mesh),
            8 => car(&VAN, place, along, colour, seed, mesh),
            _ => truck(place, along, seed, mesh),
        }
    }
}

/// A place in a vehicle's frame: metres forward and to the left of its middle, and up.
struct Chassis {
    middle: V2,
    along: V2,
}

impl Chassis {
    fn at(&self, x: f64, y: f64, z: f64) -> Vector3<f64> {
        at(self.middle + self.along * x + left(self.along) * y, z)
    }

    /// A hull between two rectangles `[rear, front, half width]` at two heights; its six faces' looks by side and top.
    fn hull(&self, low: [f64; 3], high: [f64; 3], z: [f64; 2], sides: Look, top: Look, mesh: &mut Mesh) {
        let ring = |r: [f64; 3], z: f64| {
            [self.at(r[0], -r[2], z), self.at(r[1], -r[2], z), self.at(r[1], r[2], z), self.at(r[0], r[2], z)]
        };
        let (a, b) = (ring(low, z[0]), ring(high, z[1]));
        let uv = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        for k in 0..4 {
            let n = (k + 1) % 4;
            mesh.quad([a[k], a[n], b[n], b[k]], uv, sides);
        }
        mesh.quad(b, uv, top);
    }

    /// A small upright plate across the vehicle at `x`, seen from the front (or the rear).
    fn plate(&self, x: f64, y: [f64; 2], z: [f64; 2], look: Look, mesh: &mut Mesh) {
        let uv = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        let [a, b] = if x > 0.0 { y } else { [y[1], y[0]] };
        mesh.quad([self.at(x, a, z[0]), self.at(x, b, z[0]), self.at(x, b, z[1]), self.at(x, a, z[1])], uv, look);
    }

    fn wheels(&self, axles: [f64; 2], half_width: f64, radius: f64, mesh: &mut Mesh) {
        for x in axles {
            for side in [1.0, -1.0] {
                for (r, out, shade) in [(radius, 0.01, 0.012), (radius * 0.62, 0.02, 0.35)] {
                    let rim: Vec<Vector3<f64>> = (0..12)
                        .map(|i| {
                            let (sin, cos) = libm::sincos(std::f64::consts::TAU * f64::from(i) / 12.0 * -side);
                            self.at(x + r * cos, side * (half_width + out), radius + r * sin)
                        })
                        .collect();
                    for i in 1..11 {
                        let corners = [rim[0], rim[i], rim[i + 1]];
                        mesh.triangle(corners, [Vector2::zeros(); 3], parked(Surface::Plain([shade; 3]), 0));
                    }
                }
            }
        }
    }

    fn lamps_and_plates(&self, body: &Body, mesh: &mut Mesh) {
        let (half, wide) = (body.length / 2.0 + 0.012, body.width / 2.0);
        let look = |rgb| parked(Surface::Plain(rgb), 0);
        let (low, high) = (body.belt - 0.32, body.belt - 0.14);
        for side in [1.0, -1.0] {
            let y = [side * (wide - 0.12), side * (wide - 0.5)];
            let y = [y[0].min(y[1]), y[0].max(y[1])];
            self.plate(half, y, [low, high], look([0.85, 0.87, 0.9]), mesh);
            self.plate(-half, y, [low + 0.05, high + 0.08], look([0.36, 0.012, 0.012]), mesh);
        }
        self.plate(half, [-0.55, 0.55], [low - 0.02, high - 0.05], look([0.015; 3]), mesh);
        for x in [half + 0.004, -half - 0.004] {
            self.plate(x, [-0.26, 0.26], [0.42, 0.53], look([0.82, 0.83, 0.8]), mesh);
        }
    }
}

fn parked(surface: Surface, seed: u32) -> Look {
    Look { surface, seed, thing: Thing::Parked }
}

fn car(body: &Body, middle: V2, along: V2, colour: [f32; 3], seed: u32, mesh: &mut Mesh) {
    let chassis = Chassis { middle, along };
    let (half, wide) = (body.length / 2.0, body.width / 2.0);
    let paint = parked(Surface::Plain(colour), seed);
    let glass = parked(Surface::Glass, seed);
    let under = parked(Surface::Plain([0.012; 3]), 0);
    chassis.hull(
        [-half + 0.2, half - 0.2, wide - 0.12],
        [-half + 0.1, half - 0.1, wide - 0.05],
        [0.16, 0.34],
        under,
        under,
        mesh,
    );
    let shoulder = body.belt - 0.18;
    chassis.hull([-half, half, wide], [-half, half, wide], [0.3, shoulder], paint, paint, mesh);
    chassis.hull(
        [-half, half, wide],
        [-half + 0.12, half - 0.22, wide - 0.08],
        [shoulder, body.belt],
        paint,
        paint,
        mesh,
    );
    let foot = [-half + body.rear[0], half - body.front[0], wide - 0.1];
    let head = [-half + body.rear[1], half - body.front[1], wide - 0.3];
    chassis.hull(foot, head, [body.belt, body.height], glass, paint, mesh);
    // Pillars and roof edge frame the glass.
    let rim = [head[0] - 0.03, head[1] + 0.03, head[2] + 0.02];
    chassis.hull(rim, head, [body.height - 0.05, body.height + 0.02], paint, paint, mesh);
    chassis.wheels([half - 0.85, -half + 0.85], wide, 0.33, mesh);
    chassis.lamps_and_plates(body, mesh);
}

/// The one-tonne truck of every market street: a short cab and an open bed.
fn truck(middle: V2, along: V2, seed: u32, mesh: &mut Mesh) {
    let chassis = Chassis { middle, along };
    let colour = if seed.is_multiple_of(3) { [0.75, 0.75, 0.72] } else { [0.03, 0.10, 0.36] };
    let (paint, glass) = (parked(Surface::Plain(colour), seed), parked(Surface::Glass, seed));
    let dark = parked(Surface::Plain([0.015; 3]), 0);
    chassis.hull([-2.4, 2.5, 0.75], [-2.4, 2.5, 0.75], [0.3, 0.62], dark, dark, mesh);
    chassis.hull([0.95, 2.55, 0.86], [0.95, 2.55, 0.86], [0.45, 1.15], paint, paint, mesh);
    chassis.hull([0.95, 2.5, 0.86], [1.0, 2.0, 0.78], [1.15, 1.95], glass, paint, mesh);
    chassis.hull([-2.5, 0.85, 0.87], [-2.5, 0.85, 0.87], [0.62, 1.02], paint, dark, mesh);
    chassis.wheels([1.75, -1.45], 0.8, 0.32, mesh);
}
