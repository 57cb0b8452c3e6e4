//! [`ZBuffer`]: quadrilaterals onto the pixels of a target, the nearest on top.

/// A pixel of the z-buffer that nothing covers.
pub(super) const EMPTY: u64 = u64::MAX;
/// What in the lower half of a key says that a surface is seen from behind: it hides, and has no colour.
const BACK: u32 = u32::MAX;
/// A back hides only what is farther by more than this share, so that a rough surface does not hide itself.
const BACK_NEARNESS: f32 = 0.98;
/// How far outside an edge a pixel's centre still counts as inside, pixels: edges meet without cracks.
const EDGE: f32 = 1e-4;
/// How far around a plain quadrilateral its pixels are looked for, pixels.
const REACH: f32 = 0.05;

/// A place in a source picture: a pixel, and where in it, in 256ths from its left and its upper edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct At {
    pub(super) index: usize,
    pub(super) x: u32,
    pub(super) y: u32,
}

/// How a key of the z-buffer is made: farness above, then the source's pixel, and in the bits left over where in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packing {
    bits: u32,
    steps: f32,
}

impl Packing {
    /// For a source of so many pixels.
    pub(super) fn new(pixels: usize) -> Packing {
        let bits = ((pixels as u32).leading_zeros() / 2).min(8);
        Packing { bits, steps: (1u32 << bits) as f32 }
    }

    /// `right` and `down` count from the pixel's centre, in pixels.
    fn place(self, index: usize, right: f32, down: f32) -> u32 {
        let cut = |v: f32| least(most((v + 0.5) * self.steps, 0.0), self.steps - 1.0) as i32 as u32;
        ((index as u32) << self.bits | cut(right)) << self.bits | cut(down)
    }

    /// Nearness and place; `None` where nothing is seen.
    pub(super) fn unpack(self, key: u64) -> Option<(f32, At)> {
        let place = key as u32;
        if place == BACK {
            return None;
        }
        // The middle of a step.
        let part = |v: u32| ((2 * (v & ((1 << self.bits) - 1)) + 1) << 7) >> self.bits;
        let at = At { index: (place >> (2 * self.bits)) as usize, x: part(place >> self.bits), y: part(place) };
        Some((f32::from_bits(u32::MAX - (key >> 32) as u32), at))
    }
}

/// The lesser, in one instruction; what is not a number is not cared for.
fn least(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// The greater, likewise.
fn most(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// A row of corners: first points in the target's frame, then pixels and nearness there; what they have in the source.
pub(super) struct Corners {
    pub(super) x: Vec<f32>,
    pub(super) y: Vec<f32>,
    pub(super) z: Vec<f32>,
    pub(super) nearness: Vec<f32>,
}

impl Corners {
    pub(super) fn new(n: usize) -> Corners {
        let zeros = || vec![0.0; n];
        Corners { x: zeros(), y: zeros(), z: zeros(), nearness: zeros() }
    }

    /// Pixel and nearness; nearness is 0 where the surface is torn, NaN where the target does not see the corner.
    pub(super) fn at(&self, i: usize) -> [f32; 3] {
        [self.x[i], self.y[i], self.z[i]]
    }
}

/// Quadrilaterals that are looked at together, so that the compiler makes vector code of it.
pub(super) const LANES: usize = 8;
/// How far a quadrilateral may be from a parallelogram to be painted as one: squared, of its area.
const SKEW2: f32 = 3e-4;
/// How far such a one reaches beyond its sides, of itself, so that its skew opens no crack.
const MARGIN: f32 = 0.02;

type Lane = [f32; LANES];

/// What [`ZBuffer::plain`] needs of eight quadrilaterals side by side.
pub(super) struct Block {
    x: [[i32; LANES]; 2],
    y: [[i32; LANES]; 2],
    middle: [Lane; 3],
    right: [Lane; 3],
    down: [Lane; 3],
    inverse: Lane,
    nearest: Lane,
    farthest: Lane,
    whole: [bool; LANES],
    plain: [bool; LANES],
}

impl Block {
    /// The quadrilaterals between two rows of corners, from a column on.
    pub(super) fn new(above: &Corners, below: &Corners, from: usize, [width, height]: [usize; 2]) -> Block {
        let lanes = |row: &[f32], from: usize| -> Lane {
            row.get(from..from + LANES).and_then(|l| l.try_into().ok()).unwrap_or([f32::NAN; LANES])
        };
        let corner = |row: &Corners, from: usize| [lanes(&row.x, from), lanes(&row.y, from), lanes(&row.z, from)];
        let (a, b) = (corner(above, from), corner(above, from + 1));
        let (d, c) = (corner(below, from), corner(below, from + 1));
        let each = |f: &dyn Fn(usize) -> f32| -> Lane { std::array::from_fn(f) };
        let axes = |f: &dyn Fn(usize, usize) -> f32| -> [Lane; 3] {
            [each(&|k| f(0, k)), each(&|k| f(1, k)), each(&|k| f(2, k))]
        };
        let middle = axes(&|i, k| 0.25 * ((a[i][k] + b[i][k]) + (c[i][k] + d[i][k])));
        let right = axes(&|i, k| 0.5 * ((b[i][k] - a[i][k]) + (c[i][k] - d[i][k])));
        let down = axes(&|i, k| 0.5 * ((d[i][k] - a[i][k]) + (c[i][k] - b[i][k])));
        let skew = axes(&|i, k| (a[i][k] - b[i][k]) + (c[i][k] - d[i][k]));
        let det = each(&|k| right[0][k] * down[1][k] - right[1][k] * down[0][k]);
        let low = axes(&|i, k| least(least(a[i][k], b[i][k]), least(c[i][k], d[i][k])));
        let high = axes(&|i, k| most(most(a[i][k], b[i][k]), most(c[i][k], d[i][k])));
        let ends = [width as f32, height as f32];
        let range = |axis: usize| {
            let first: [i32; LANES] = std::array::from_fn(|k| {
                let low = least(most(low[axis][k] - REACH, 0.0), ends[axis]);
                low as i32 + i32::from((low as i32 as f32) < low)
            });
            // A cast rounds towards zero, so it counts from -1 on.
            let last = std::array::from_fn(|k| {
                let high = least(most(high[axis][k] + REACH, -1.0), ends[axis] - 1.0);
                (high + 1.0) as i32
            });
            [first, last]
        };
        let whole: [bool; LANES] =
            std::array::from_fn(|k| (a[2][k] > 0.0) & (b[2][k] > 0.0) & (c[2][k] > 0.0) & (d[2][k] > 0.0));
        let plain = std::array::from_fn(|k| {
            whole[k] & (skew[0][k] * skew[0][k] + skew[1][k] * skew[1][k] <= SKEW2 * det[k]) & (det[k] > 0.0)
        });
        Block {
            x: range(0),
            y: range(1),
            inverse: each(&|k| 1.0 / det[k]),
            nearest: high[2],
            farthest: low[2],
            middle,
            right,
            down,
            whole,
            plain,
        }
    }

    /// Whether a quadrilateral surely covers nothing.
    pub(super) fn is_empty(&self, k: usize) -> bool {
        self.whole[k] && (self.x[0][k] >= self.x[1][k] || self.y[0][k] >= self.y[1][k])
    }

    /// Whether it is whole, seen from the side that the source saw, and a parallelogram; others are painted one by one.
    pub(super) fn is_plain(&self, k: usize) -> bool {
        self.plain[k]
    }
}

/// The nearest quadrilateral over each pixel's centre, as keys of which the least wins.
pub(super) struct ZBuffer {
    pub(super) keys: Vec<u64>,
    width: usize,
    height: usize,
    wraps: bool,
    packing: Packing,
}

impl ZBuffer {
    pub(super) fn new([width, height]: [usize; 2], wraps: bool, packing: Packing) -> ZBuffer {
        ZBuffer { keys: vec![EMPTY; width * height], width, height, wraps, packing }
    }

    /// Paints one that is plain.
    pub(super) fn plain(&mut self, block: &Block, k: usize, index: usize) {
        let packing = self.packing;
        let [mx, my, mz] = [block.middle[0][k], block.middle[1][k], block.middle[2][k]];
        let [rx, ry, rz] = [block.right[0][k], block.right[1][k], block.right[2][k]];
        let [dx, dy, dz] = [block.down[0][k], block.down[1][k], block.down[2][k]];
        for row in block.y[0][k]..block.y[1][k] {
            let line = row as usize * self.width;
            let y = row as f32 - my;
            for column in block.x[0][k]..block.x[1][k] {
                let x = column as f32 - mx;
                let s = (x * dy - y * dx) * block.inverse[k];
                let t = (rx * y - ry * x) * block.inverse[k];
                if !((s.abs() <= 0.5 + MARGIN) & (t.abs() <= 0.5 + MARGIN)) {
                    continue;
                }
                let nearness = least(most(mz + s * rz + t * dz, block.farthest[k]), block.nearest[k]);
                let far = u64::from(u32::MAX - nearness.to_bits()) << 32;
                let key = &mut self.keys[line + column as usize];
                if far <= *key {
                    *key = (*key).min(far | u64::from(packing.place(index, s, t)));
                }
            }
        }
    }

    /// Paints a source pixel: its corners `[u, v, nearness]` in the target, clockwise from the top left.
    pub(super) fn paint(&mut self, mut quad: [[f32; 3]; 4], index: usize) {
        // A corner that is not seen makes a NaN of the sum, and the comparison fails.
        let near = quad[0][2] + quad[1][2] + quad[2][2] + quad[3][2];
        if !(near > 0.0 && near < f32::MAX) {
            return;
        }
        if self.wraps {
            let (low, high) = span(&quad, 0);
            let whole = self.width as f32;
            if high - low > 0.5 * whole {
                quad.iter_mut().filter(|c| c[0] < 0.5 * whole - 0.5).for_each(|c| c[0] += whole);
                let (low, high) = span(&quad, 0);
                if high - low > 0.5 * whole {
                    return self.pole(&quad, 0.25 * near, index);
                }
            }
        }
        let (low, high) = span(&quad, 0);
        let end = if self.wraps { 2 * self.width } else { self.width };
        let Some((x0, x1)) = centres(low, high, end) else { return };
        let (low, high) = span(&quad, 1);
        let Some((y0, y1)) = centres(low, high, self.height) else { return };
        let area = [x0, x1, y0, y1];

        let turns = Edges::new(&quad).turns();
        if turns.iter().fold(true, |all, t| all & (*t >= 0.0)) {
            self.front(&quad, area, index);
        } else if turns.iter().fold(true, |all, t| all & (*t <= 0.0)) {
            let [a, b, c, d] = quad;
            self.back([a, d, c, b], area);
        } else {
            let [a, b, c, d] = quad;
            for [p, q, r] in [[a, b, c], [a, c, d]] {
                match (q[0] - p[0]) * (r[1] - q[1]) - (q[1] - p[1]) * (r[0] - q[0]) >= 0.0 {
                    true => self.front(&[p, q, r, r], area, index),
                    false => self.back([p, r, q, q], area),
                }
            }
        }
    }

    /// What is seen from the side that the source saw.
    fn front(&mut self, quad: &[[f32; 3]; 4], area: [usize; 4], index: usize) {
        let packing = self.packing;
        // Most cover one centre or none.
        let mut plane = None;
        self.each_inside(&Edges::new(quad), area, |key, x, y| {
            let (nearness, right, down) = plane.get_or_insert_with(|| Plane::new(quad)).at(x, y);
            let far = u64::from(u32::MAX - nearness.to_bits()) << 32;
            if far <= *key {
                *key = (*key).min(far | u64::from(packing.place(index, right, down)));
            }
        });
    }

    /// What is seen from behind.
    fn back(&mut self, quad: [[f32; 3]; 4], area: [usize; 4]) {
        let nearness = 0.25 * BACK_NEARNESS * ((quad[0][2] + quad[1][2]) + (quad[2][2] + quad[3][2]));
        let far = u64::from(u32::MAX - nearness.to_bits()) << 32 | u64::from(BACK);
        self.each_inside(&Edges::new(&quad), area, |key, _, _| *key = (*key).min(far));
    }

    fn each_inside(&mut self, edges: &Edges, area: [usize; 4], mut paint: impl FnMut(&mut u64, f32, f32)) {
        let [x0, x1, y0, y1] = area;
        for row in y0..y1 {
            let y = row as f32;
            let line = row * self.width;
            for column in x0..x1 {
                let x = column as f32;
                if edges.hold(x, y) {
                    let column = if column >= self.width { column - self.width } else { column };
                    paint(&mut self.keys[line + column], x, y);
                }
            }
        }
    }

    /// A pixel that holds a pole of a panorama: all of the rows between it and the pole.
    fn pole(&mut self, quad: &[[f32; 3]; 4], nearness: f32, index: usize) {
        let v = 0.25 * ((quad[0][1] + quad[1][1]) + (quad[2][1] + quad[3][1]));
        let middle = 0.5 * self.height as f32;
        let (low, high) = if v < middle { (0.0, v) } else { (v, self.height as f32) };
        let Some((y0, y1)) = centres(low, high, self.height) else { return };
        let key = u64::from(u32::MAX - nearness.to_bits()) << 32 | u64::from(self.packing.place(index, 0.0, 0.0));
        self.keys[y0 * self.width..y1 * self.width].iter_mut().for_each(|k| *k = (*k).min(key));
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
    fn new([a, b, c, d]: &[[f32; 3]; 4]) -> Plane {
        let middle: [f32; 3] = std::array::from_fn(|i| 0.25 * ((a[i] + b[i]) + (c[i] + d[i])));
        let right: [f32; 3] = std::array::from_fn(|i| 0.5 * ((b[i] - a[i]) + (c[i] - d[i])));
        let down: [f32; 3] = std::array::from_fn(|i| 0.5 * ((d[i] - a[i]) + (c[i] - b[i])));
        let det = right[0] * down[1] - right[1] * down[0];
        // One so thin that it has no inside covers centres only by touching them.
        let inverse = if det > 0.0 { 1.0 / det } else { 0.0 };
        let (nearest, farthest) =
            (most(most(a[2], b[2]), most(c[2], d[2])), least(least(a[2], b[2]), least(c[2], d[2])));
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
    fn new(quad: &[[f32; 3]; 4]) -> Edges {
        let step = |axis: usize| std::array::from_fn(|i| quad[(i + 1) % 4][axis] - quad[i][axis]);
        let (dx, dy): ([f32; 4], [f32; 4]) = (step(0), step(1));
        let slack = std::array::from_fn(|i| -EDGE * (dx[i].abs() + dy[i].abs()));
        Edges { x: quad.map(|c| c[0]), y: quad.map(|c| c[1]), dx, dy, slack }
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
fn span(quad: &[[f32; 3]; 4], axis: usize) -> (f32, f32) {
    let [a, b, c, d] = quad.map(|corner| corner[axis]);
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
