//! [`Bvh`]: a bounding volume hierarchy over triangles, for closest-hit and any-hit rays.
//!
//! Binned surface-area heuristic (Wald, "On fast construction of SAH-based bounding volume hierarchies", 2007) with
//! Möller–Trumbore triangle tests, in `f32`. The tree is a function of the triangles alone: its two halves may be
//! built on different threads, but are joined in a fixed order.

/// A ray `origin + t · direction`; the direction need not have unit length, `t` counts in its lengths.
#[derive(Debug, Clone, Copy)]
pub struct Ray {
    /// Where it starts, metres.
    pub origin: [f32; 3],
    /// Where it goes.
    pub direction: [f32; 3],
}

/// Where a ray meets a triangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Index of the triangle in leaf order (see [`Bvh::order`]).
    pub triangle: u32,
    /// Parameter along the ray.
    pub t: f32,
}

/// Two flat halves of 16 bytes: the box, and either the right child (the left one follows its parent) or a leaf's
/// first triangle with a count above 0.
#[derive(Debug, Clone, Copy)]
struct Node {
    min: [f32; 3],
    first: u32,
    max: [f32; 3],
    count: u32,
}

/// A corner and the two edges that leave it.
#[derive(Debug, Clone, Copy)]
struct Packed {
    corner: [f32; 3],
    edge1: [f32; 3],
    edge2: [f32; 3],
}

/// The hierarchy.
#[derive(Debug, Clone)]
pub struct Bvh {
    nodes: Vec<Node>,
    packed: Vec<Packed>,
    order: Vec<u32>,
}

const BINS: usize = 12;
const LEAF: usize = 4;
/// Below this many triangles a subtree is built on one thread.
const FORK: usize = 4096;
/// Deeper than this, halves are cut by count: bounds the stack of a traversal.
const DEEP: u32 = 40;
const STACK: usize = 96;
/// Slack of the barycentric test, so that no ray slips between two triangles that share an edge.
const SLACK: f32 = 1e-5;

#[derive(Debug, Clone, Copy)]
struct Box3 {
    min: [f32; 3],
    max: [f32; 3],
}

impl Box3 {
    const EMPTY: Box3 = Box3 { min: [f32::INFINITY; 3], max: [f32::NEG_INFINITY; 3] };

    fn add(&mut self, p: [f32; 3]) {
        for (axis, value) in p.into_iter().enumerate() {
            self.min[axis] = self.min[axis].min(value);
            self.max[axis] = self.max[axis].max(value);
        }
    }

    fn join(&mut self, other: &Box3) {
        self.add(other.min);
        self.add(other.max);
    }

    fn half_area(&self) -> f32 {
        let d = [0, 1, 2].map(|axis| (self.max[axis] - self.min[axis]).max(0.0));
        d[0] * d[1] + d[1] * d[2] + d[2] * d[0]
    }
}

#[derive(Debug, Clone, Copy)]
struct Item {
    bounds: Box3,
    centre: [f32; 3],
    index: u32,
}

impl Bvh {
    /// Builds the hierarchy over triangles given by their corners, metres.
    ///
    /// Triangles with a corner that is not finite are left out.
    pub fn new(corners: &[[[f32; 3]; 3]]) -> Bvh {
        let mut items: Vec<Item> = corners
            .iter()
            .enumerate()
            .filter(|(_, c)| c.iter().flatten().all(|v| v.is_finite()))
            .map(|(index, c)| {
                let mut bounds = Box3::EMPTY;
                c.iter().for_each(|p| bounds.add(*p));
                let centre = [0, 1, 2].map(|axis| 0.5 * (bounds.min[axis] + bounds.max[axis]));
                Item { bounds, centre, index: index as u32 }
            })
            .collect();
        let nodes = if items.is_empty() { Vec::new() } else { build(&mut items, 0, 0) };
        let order: Vec<u32> = items.iter().map(|item| item.index).collect();
        let packed = order.iter().map(|&index| pack(&corners[index as usize])).collect();
        Bvh { nodes, packed, order }
    }

    /// For each triangle in leaf order, its index in the list that the hierarchy was built from.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// The nearest triangle with `t_min < t < t_max` for which `accept(triangle, t)` holds.
    ///
    /// `accept` sees candidates in no particular order of `t`.
    pub fn closest(&self, ray: &Ray, t_min: f32, t_max: f32, accept: impl Fn(u32, f32) -> bool) -> Option<Hit> {
        let mut best: Option<Hit> = None;
        self.walk(ray, t_max, |triangle, packed, limit| {
            if let Some(t) = meet(packed, ray)
                && t > t_min
                && t < *limit
                && accept(triangle, t)
            {
                *limit = t;
                best = Some(Hit { triangle, t });
            }
            false
        });
        best
    }

    /// Whether any triangle with `t_min < t < t_max` is accepted by `accept(triangle, t)`.
    pub fn any(&self, ray: &Ray, t_min: f32, t_max: f32, accept: impl Fn(u32, f32) -> bool) -> bool {
        let mut found = false;
        self.walk(ray, t_max, |triangle, packed, limit| {
            found = meet(packed, ray).is_some_and(|t| t > t_min && t < *limit && accept(triangle, t));
            found
        });
        found
    }

    /// Visits the triangles of every leaf that the ray reaches before `limit`, near boxes first, until `visit` says stop.
    fn walk(&self, ray: &Ray, t_max: f32, mut visit: impl FnMut(u32, &Packed, &mut f32) -> bool) {
        if self.nodes.is_empty() {
            return;
        }
        // A finite inverse, so that a ray in a box's face gives 0 · 1e12 and never 0 · inf = NaN.
        let inverse = ray.direction.map(|d| if d.abs() < 1e-12 { 1e12 } else { 1.0 / d });
        let mut limit = t_max;
        let mut stack = [(0u32, 0.0f32); STACK];
        let mut depth = 0;
        let mut at = 0u32;
        if enter(&self.nodes[0], ray, inverse, limit).is_none() {
            return;
        }
        loop {
            let node = &self.nodes[at as usize];
            if node.count > 0 {
                let first = node.first as usize;
                for (k, packed) in self.packed[first..first + node.count as usize].iter().enumerate() {
                    if visit((first + k) as u32, packed, &mut limit) {
                        return;
                    }
                }
            } else {
                let (left, right) = (at + 1, node.first);
                let near_left = enter(&self.nodes[left as usize], ray, inverse, limit);
                let near_right = enter(&self.nodes[right as usize], ray, inverse, limit);
                match (near_left, near_right) {
                    (Some(a), Some(b)) => {
                        let (next, later) = if a <= b { (left, (right, b)) } else { (right, (left, a)) };
                        stack[depth] = later;
                        depth += 1;
                        at = next;
                        continue;
                    }
                    (Some(_), None) => {
                        at = left;
                        continue;
                    }
                    (None, Some(_)) => {
                        at = right;
                        continue;
                    }
                    (None, None) => {}
                }
            }
            loop {
                if depth == 0 {
                    return;
                }
                depth -= 1;
                let (next, near) = stack[depth];
                if near < limit {
                    at = next;
                    break;
                }
            }
        }
    }
}

fn pack(c: &[[f32; 3]; 3]) -> Packed {
    Packed { corner: c[0], edge1: sub(c[1], c[0]), edge2: sub(c[2], c[0]) }
}

/// Where the ray enters the node's box, if it does before `limit`.
#[inline]
fn enter(node: &Node, ray: &Ray, inverse: [f32; 3], limit: f32) -> Option<f32> {
    let mut near = 0.0f32;
    let mut far = limit;
    for (axis, inverse) in inverse.into_iter().enumerate() {
        let a = (node.min[axis] - ray.origin[axis]) * inverse;
        let b = (node.max[axis] - ray.origin[axis]) * inverse;
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        near = if low > near { low } else { near };
        far = if high < far { high } else { far };
    }
    // A box is flat where its triangles are: leave room for rounding.
    (near <= far * 1.000_001 + 1e-6).then_some(near)
}

/// Möller–Trumbore, both sides.
#[inline]
fn meet(triangle: &Packed, ray: &Ray) -> Option<f32> {
    let p = cross(ray.direction, triangle.edge2);
    let determinant = dot(triangle.edge1, p);
    if determinant == 0.0 {
        return None;
    }
    let inverse = 1.0 / determinant;
    let s = sub(ray.origin, triangle.corner);
    let u = dot(s, p) * inverse;
    if !(-SLACK..=1.0 + SLACK).contains(&u) {
        return None;
    }
    let q = cross(s, triangle.edge1);
    let v = dot(ray.direction, q) * inverse;
    if v < -SLACK || u + v > 1.0 + SLACK {
        return None;
    }
    Some(dot(triangle.edge2, q) * inverse)
}

/// The nodes of a subtree, children's indices relative to the subtree's own root at index 0; `first` of leaves is
/// absolute. `offset` is where `items` start in the whole list.
fn build(items: &mut [Item], offset: usize, depth: u32) -> Vec<Node> {
    let mut bounds = Box3::EMPTY;
    let mut centres = Box3::EMPTY;
    for item in items.iter() {
        bounds.join(&item.bounds);
        centres.add(item.centre);
    }
    let leaf = Node { min: bounds.min, max: bounds.max, first: offset as u32, count: items.len() as u32 };
    if items.len() <= 1 {
        return vec![leaf];
    }
    let Some(middle) = divide(items, &bounds, &centres, depth) else { return vec![leaf] };
    let fork = items.len() > FORK;
    let (low, high) = items.split_at_mut(middle);
    let (left, right) = if fork {
        rayon::join(|| build(low, offset, depth + 1), || build(high, offset + middle, depth + 1))
    } else {
        (build(low, offset, depth + 1), build(high, offset + middle, depth + 1))
    };
    let mut nodes = Vec::with_capacity(1 + left.len() + right.len());
    nodes.push(Node { first: 1 + left.len() as u32, count: 0, ..leaf });
    for half in [left, right] {
        let base = nodes.len() as u32;
        nodes.extend(half.into_iter().map(|n| if n.count > 0 { n } else { Node { first: n.first + base, ..n } }));
    }
    nodes
}

/// Reorders `items` into two halves and returns the border; `None` where a leaf is better.
fn divide(items: &mut [Item], bounds: &Box3, centres: &Box3, depth: u32) -> Option<usize> {
    let extent = [0, 1, 2].map(|axis| centres.max[axis] - centres.min[axis]);
    let bin_of = |centre: [f32; 3], axis: usize| {
        let place = (centre[axis] - centres.min[axis]) / extent[axis] * BINS as f32;
        (place as usize).min(BINS - 1)
    };
    let mut best: Option<(f32, usize, usize)> = None;
    for axis in (0..3).filter(|&axis| extent[axis] > 0.0 && depth < DEEP) {
        let mut bins = [(Box3::EMPTY, 0usize); BINS];
        for item in items.iter() {
            let bin = &mut bins[bin_of(item.centre, axis)];
            bin.0.join(&item.bounds);
            bin.1 += 1;
        }
        // Cost of everything right of each border, then sweep from the left.
        let mut right = [(0.0f32, 0usize); BINS];
        let (mut area, mut count) = (Box3::EMPTY, 0);
        for k in (1..BINS).rev() {
            area.join(&bins[k].0);
            count += bins[k].1;
            right[k] = (area.half_area(), count);
        }
        let (mut area, mut count) = (Box3::EMPTY, 0);
        for k in 1..BINS {
            area.join(&bins[k - 1].0);
            count += bins[k - 1].1;
            if count == 0 || right[k].1 == 0 {
                continue;
            }
            let cost = area.half_area() * count as f32 + right[k].0 * right[k].1 as f32;
            if best.is_none_or(|b| cost < b.0) {
                best = Some((cost, axis, k));
            }
        }
    }
    let Some((cost, axis, border)) = best else {
        // All centres in one place, or a tree grown too deep.
        return (items.len() > LEAF).then_some(items.len() / 2);
    };
    // A step down costs about one triangle test.
    if items.len() <= LEAF && cost + bounds.half_area() >= bounds.half_area() * items.len() as f32 {
        return None;
    }
    let mut middle = 0;
    let (mut low, mut high) = (Vec::new(), Vec::with_capacity(items.len()));
    for item in items.iter() {
        if bin_of(item.centre, axis) < border {
            low.push(*item);
            middle += 1;
        } else {
            high.push(*item);
        }
    }
    for (slot, item) in items.iter_mut().zip(low.into_iter().chain(high)) {
        *slot = item;
    }
    Some(middle)
}

fn sub(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Triangles scattered by a linear congruence.
    fn scattered(count: usize) -> Vec<[[f32; 3]; 3]> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        (0..count)
            .map(|_| {
                let centre = [next() * 50.0, next() * 50.0, next() * 50.0];
                [(); 3].map(|()| centre.map(|c| c + next() * 4.0))
            })
            .collect()
    }

    #[test]
    fn the_tree_finds_what_testing_every_triangle_finds() {
        let triangles = scattered(9000);
        let bvh = Bvh::new(&triangles);
        let mut hits = 0;
        for k in 0..400u32 {
            let ray = Ray {
                origin: [-5.0, 25.0, 25.0],
                direction: [1.0, (k % 20) as f32 * 0.05 - 0.5, (k / 20) as f32 * 0.05 - 0.5],
            };
            let brute = triangles
                .iter()
                .filter_map(|t| meet(&pack(t), &ray))
                .filter(|t| *t > 0.0)
                .fold(f32::INFINITY, f32::min);
            match bvh.closest(&ray, 0.0, f32::INFINITY, |_, _| true) {
                Some(hit) => {
                    hits += 1;
                    assert_eq!(hit.t, brute);
                    assert!(bvh.any(&ray, 0.0, f32::INFINITY, |_, _| true));
                    assert!(!bvh.any(&ray, 0.0, hit.t, |_, _| true));
                }
                None => assert_eq!(brute, f32::INFINITY),
            }
        }
        assert!(hits > 100);
    }

    #[test]
    fn nothing_and_broken_triangles_are_never_hit() {
        let ray = Ray { origin: [0.0; 3], direction: [1.0, 0.0, 0.0] };
        assert_eq!(Bvh::new(&[]).closest(&ray, 0.0, 1e9, |_, _| true), None);
        let broken = [[[f32::NAN; 3]; 3], [[1.0, 0.0, 0.0]; 3]];
        assert_eq!(Bvh::new(&broken).closest(&ray, 0.0, 1e9, |_, _| true), None);
    }

    #[test]
    fn many_triangles_in_one_place_still_make_a_tree() {
        let same = vec![[[1.0, -1.0, -1.0], [1.0, 1.0, -1.0], [1.0, 0.0, 1.0]]; 5000];
        let ray = Ray { origin: [0.0; 3], direction: [1.0, 0.0, 0.0] };
        let hit = Bvh::new(&same).closest(&ray, 0.0, 1e9, |_, _| true).expect("a wall ahead");
        assert!((hit.t - 1.0).abs() < 1e-6);
    }
}
