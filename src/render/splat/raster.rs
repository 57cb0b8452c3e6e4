//! [`ZBuffer`]: quadrilaterals onto the pixels of a target, the nearest on top.

/// A pixel of the z-buffer that nothing covers.
pub(super) const EMPTY: u64 = u64::MAX;
/// What in the lower half of a key says that a surface is seen from behind: it hides, and has no colour.
const BACK: u32 = u32::MAX;
/// A back hides only what is farther by more than this share, so that a rough surface does not hide itself.
const BACK_NEARNESS: f32 = 0.98;
/// How far outside an edge a pixel's centre still counts as inside, pixels: edges meet without cracks.
const EDGE: f32 = 1e-4;

/// A place in a source picture: a pixel, and where in it, -0.5 to 0.5 rightwards and downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct At {
    pub(super) index: usize,
    pub(super) right: f32,
    pub(super) down: f32,
}

/// How a key of the z-buffer is made: farness above, then the source's pixel, and in the bits left over where in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packing {
    bits: u32,
}

impl Packing {
    /// For a source of so many pixels.
    pub(super) fn new(pixels: usize) -> Packing {
        Packing { bits: (pixels as u32).leading_zeros() / 2 }
    }

    fn place(self, index: usize, right: f32, down: f32) -> u32 {
        let steps = (1u32 << self.bits) as f32;
        let cut = |v: f32| ((v + 0.5) * steps).clamp(0.0, steps - 1.0) as u32;
        ((index as u32) << self.bits | cut(right)) << self.bits | cut(down)
    }

    /// Nearness and place; `None` where nothing is seen.
    pub(super) fn unpack(self, key: u64) -> Option<(f32, At)> {
        let place = key as u32;
        if key == EMPTY || place == BACK {
            return None;
        }
        let steps = 1u32 << self.bits;
        let part = |v: u32| ((v & (steps - 1)) as f32 + 0.5) / steps as f32 - 0.5;
        let at = At { index: (place >> (2 * self.bits)) as usize, right: part(place >> self.bits), down: part(place) };
        Some((f32::from_bits(u32::MAX - (key >> 32) as u32), at))
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

        let edges = Edges::new(&quad);
        let turns = edges.turns();
        if turns.iter().fold(true, |all, t| all & (*t >= 0.0)) {
            self.front(&quad, &edges, area, index);
        } else if turns.iter().fold(true, |all, t| all & (*t <= 0.0)) {
            let [a, b, c, d] = quad;
            self.back([a, d, c, b], area);
        } else {
            let [a, b, c, d] = quad;
            for [p, q, r] in [[a, b, c], [a, c, d]] {
                match (q[0] - p[0]) * (r[1] - q[1]) - (q[1] - p[1]) * (r[0] - q[0]) >= 0.0 {
                    true => self.front(&[p, q, r, r], &Edges::new(&[p, q, r, r]), area, index),
                    false => self.back([p, r, q, q], area),
                }
            }
        }
    }

    /// What is seen from the side that the source saw.
    fn front(&mut self, quad: &[[f32; 3]; 4], edges: &Edges, area: [usize; 4], index: usize) {
        let packing = self.packing;
        // Most cover one centre or none.
        let mut plane = None;
        self.each_inside(edges, area, |key, x, y| {
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

    fn each_inside(&mut self, edges: &Edges, [x0, x1, y0, y1]: [usize; 4], mut paint: impl FnMut(&mut u64, f32, f32)) {
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
        let (nearest, farthest) = (a[2].max(b[2]).max(c[2]).max(d[2]), a[2].min(b[2]).min(c[2]).min(d[2]));
        Plane { middle, right, down, inverse, nearest, farthest }
    }

    /// Nearness at a target pixel, and which part of the source pixel shows there, right and down.
    fn at(&self, x: f32, y: f32) -> (f32, f32, f32) {
        let Plane { middle, right, down, .. } = self;
        let (dx, dy) = (x - middle[0], y - middle[1]);
        let s = (dx * down[1] - dy * down[0]) * self.inverse;
        let t = (right[0] * dy - right[1] * dx) * self.inverse;
        let nearness = middle[2] + s * right[2] + t * down[2];
        (nearness.max(self.farthest).min(self.nearest), s, t)
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
    (a.min(b).min(c.min(d)), a.max(b).max(c.max(d)))
}

/// The pixel centres from `low` to `high`, of `0..end`; `None` where there are none.
fn centres(low: f32, high: f32, end: usize) -> Option<(usize, usize)> {
    let (low, high) = (low - EDGE, high + EDGE);
    if !(high >= 0.0 && low < end as f32) {
        return None;
    }
    let low = low.max(0.0);
    let first = low as usize;
    let first = first + usize::from((first as f32) < low);
    let last = (high as usize + 1).min(end);
    (first < last).then_some((first, last))
}
