//! Quadrilaterals of any shape onto a [`ZBuffer`]: also seen from behind, over the seam of a panorama, and around its poles.

use super::place::NOTHING;
use super::zbuffer::{Square, ZBuffer, least, most};

/// A back hides only what is farther by more than this share, so that a rough surface does not hide itself.
const BACK_NEARNESS: f32 = 0.98;
/// How far outside an edge a pixel's centre still counts as inside, pixels: edges meet without cracks.
const EDGE: f32 = 1e-4;

/// Corners `[u, v, nearness]` in the target, clockwise from the top left.
pub(super) type Quad = [[f32; 3]; 4];

impl ZBuffer {
    /// Paints a pixel of the source.
    pub(super) fn paint(&mut self, mut quad: Quad, pixel: Square) {
        // A corner that is not seen makes a NaN of the sum, and the comparison fails.
        let near = quad[0][2] + quad[1][2] + quad[2][2] + quad[3][2];
        if !(near > 0.0 && near < f32::MAX) {
            return;
        }
        let (low, high) = span(&quad, 0);
        if high - low > 0.5 * self.turn.px {
            let middle = 0.5 * self.size[0] as f32 - 0.5;
            quad.iter_mut().filter(|c| c[0] < middle).for_each(|c| c[0] += self.turn.px);
            let (low, high) = span(&quad, 0);
            if high - low > 0.5 * self.turn.px {
                return self.pole(&quad, 0.25 * near, pixel);
            }
            if !self.turn.wraps {
                // Across what a part of a panorama does not show: it may reach the picture from either side.
                self.outline(quad.map(|[u, v, w]| [u - self.turn.px, v, w]), pixel);
            }
        }
        self.outline(quad, pixel);
    }

    /// Paints what a closed outline holds of the picture.
    fn outline(&mut self, quad: Quad, pixel: Square) {
        let [width, height] = self.size;
        let (low, high) = span(&quad, 0);
        let end = if self.turn.wraps { 2 * width } else { width };
        let Some((x0, x1)) = centres(low, high, end) else { return };
        let (low, high) = span(&quad, 1);
        let Some((y0, y1)) = centres(low, high, height) else { return };
        let area = [x0, x1, y0, y1];

        let turns = Edges::new(&quad).turns();
        if turns.iter().fold(true, |all, t| all & (*t >= 0.0)) {
            self.front(&quad, area, pixel);
        } else if turns.iter().fold(true, |all, t| all & (*t <= 0.0)) {
            let [a, b, c, d] = quad;
            self.back([a, d, c, b], area);
        } else {
            let [a, b, c, d] = quad;
            for [p, q, r] in [[a, b, c], [a, c, d]] {
                match (q[0] - p[0]) * (r[1] - q[1]) - (q[1] - p[1]) * (r[0] - q[0]) >= 0.0 {
                    true => self.front(&[p, q, r, r], area, pixel),
                    false => self.back([p, r, q, q], area),
                }
            }
        }
    }

    /// What is seen from the side that the source saw.
    fn front(&mut self, quad: &Quad, area: [usize; 4], pixel: Square) {
        let places = self.places;
        // Most cover one centre or none.
        let mut plane = None;
        self.each_inside(&Edges::new(quad), area, |buffer, at, x, y| {
            let (nearness, right, down) = plane.get_or_insert_with(|| Plane::new(quad)).at(x, y);
            buffer.put(at, nearness, pixel.place(places, right, down));
        });
    }

    /// What is seen from behind.
    fn back(&mut self, quad: Quad, area: [usize; 4]) {
        let nearness = 0.25 * BACK_NEARNESS * ((quad[0][2] + quad[1][2]) + (quad[2][2] + quad[3][2]));
        self.each_inside(&Edges::new(&quad), area, |buffer, at, _, _| buffer.put(at, nearness, NOTHING));
    }

    fn each_inside(&mut self, edges: &Edges, area: [usize; 4], mut paint: impl FnMut(&mut ZBuffer, usize, f32, f32)) {
        let [x0, x1, y0, y1] = area;
        for row in y0..y1 {
            let y = row as f32;
            for column in x0..x1 {
                let x = column as f32;
                if edges.hold(x, y) {
                    let column = if column >= self.size[0] { column - self.size[0] } else { column };
                    paint(self, row * self.size[0] + column, x, y);
                }
            }
        }
    }

    /// A pixel that holds a pole of a panorama: all of the rows between it and the pole.
    fn pole(&mut self, quad: &Quad, nearness: f32, pixel: Square) {
        let [width, height] = self.size;
        let v = 0.25 * ((quad[0][1] + quad[1][1]) + (quad[2][1] + quad[3][1]));
        let (low, high) = if v < 0.5 * height as f32 { (0.0, v) } else { (v, height as f32) };
        let Some((y0, y1)) = centres(low, high, height) else { return };
        let place = pixel.place(self.places, 0.0, 0.0);
        for row in y0..y1 {
            (0..width).for_each(|column| self.put(row * width + column, nearness, place));
        }
    }
}

/// A quadrilateral as a parallelogram: its middle, and what a step of one source pixel right and down does.
struct Plane {
    middle: [f32; 3],
    right: [f32; 3],
    down: [f32; 3],
    inverse: f32,
    nearest: f32,
    farthest: f32,
}

impl Plane {
    fn new(quad: &Quad) -> Plane {
        let [a, b, c, d] = quad;
        let middle: [f32; 3] = std::array::from_fn(|i| 0.25 * ((a[i] + b[i]) + (c[i] + d[i])));
        let right: [f32; 3] = std::array::from_fn(|i| 0.5 * ((b[i] - a[i]) + (c[i] - d[i])));
        let down: [f32; 3] = std::array::from_fn(|i| 0.5 * ((d[i] - a[i]) + (c[i] - b[i])));
        let det = right[0] * down[1] - right[1] * down[0];
        // One so thin that it has no inside covers centres only by touching them.
        let inverse = if det > 0.0 { 1.0 / det } else { 0.0 };
        let (farthest, nearest) = span(quad, 2);
        Plane { middle, right, down, inverse, nearest, farthest }
    }

    /// Nearness at a target pixel, and which part of the source pixel shows there, right and down.
    fn at(&self, x: f32, y: f32) -> (f32, f32, f32) {
        let Plane { middle, right, down, .. } = self;
        let (dx, dy) = (x - middle[0], y - middle[1]);
        let s = (dx * down[1] - dy * down[0]) * self.inverse;
        let t = (right[0] * dy - right[1] * dx) * self.inverse;
        let nearness = middle[2] + s * right[2] + t * down[2];
        (least(most(nearness, self.farthest), self.nearest), s, t)
    }
}

/// The four edges of a convex quadrilateral, as functions that are not negative inside.
struct Edges {
    x: [f32; 4],
    y: [f32; 4],
    dx: [f32; 4],
    dy: [f32; 4],
    slack: [f32; 4],
}

impl Edges {
    fn new(quad: &Quad) -> Edges {
        let [mut x, mut y, mut dx, mut dy, mut slack] = [[0.0; 4]; 5];
        for i in 0..4 {
            let ([u, v, _], [next_u, next_v, _]) = (quad[i], quad[(i + 1) % 4]);
            (x[i], y[i], dx[i], dy[i]) = (u, v, next_u - u, next_v - v);
            slack[i] = -EDGE * (dx[i].abs() + dy[i].abs());
        }
        Edges { x, y, dx, dy, slack }
    }

    /// At each corner which way the outline turns: all of one sign where the quadrilateral is convex.
    fn turns(&self) -> [f32; 4] {
        std::array::from_fn(|i| self.dx[i] * self.dy[(i + 1) % 4] - self.dy[i] * self.dx[(i + 1) % 4])
    }

    fn hold(&self, x: f32, y: f32) -> bool {
        let mut inside = true;
        for i in 0..4 {
            inside &= self.dx[i] * (y - self.y[i]) - self.dy[i] * (x - self.x[i]) >= self.slack[i];
        }
        inside
    }
}

/// The least and the largest of a coordinate.
fn span(quad: &Quad, axis: usize) -> (f32, f32) {
    let [a, b, c, d] = [quad[0][axis], quad[1][axis], quad[2][axis], quad[3][axis]];
    (least(least(a, b), least(c, d)), most(most(a, b), most(c, d)))
}

/// The pixel centres from `low` to `high`, of `0..end`; `None` where there are none.
fn centres(low: f32, high: f32, end: usize) -> Option<(usize, usize)> {
    let (low, high) = (low - EDGE, high + EDGE);
    if !(high >= 0.0 && low < end as f32) {
        return None;
    }
    // Both fit: an `i32` is one instruction, wider numbers are many.
    let (low, high) = (most(low, 0.0), least(high, end as f32));
    let first = low as i32;
    let first = (first + i32::from((first as f32) < low)) as usize;
    let last = (high as i32 as usize + 1).min(end);
    (first < last).then_some((first, last))
}
