//! Plane geometry on polylines and convex outlines, metres east and north.

use nalgebra::Vector2;

/// A point or direction in the plane, metres east and north.
pub type V2 = Vector2<f64>;

/// The direction turned 90° to the left.
pub fn left(d: V2) -> V2 {
    V2::new(-d.y, d.x)
}

/// z of the cross product: positive where `b` lies to the left of `a`.
pub fn cross(a: V2, b: V2) -> f64 {
    a.x * b.y - a.y * b.x
}

/// The unit vector of `d`; `d` itself where it has no length.
pub fn unit(d: V2) -> V2 {
    let n = d.norm();
    if n > 0.0 { d / n } else { d }
}

/// A polyline with its running length.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// Corners, at least two, no two neighbours equal.
    pub points: Vec<V2>,
    /// Length from the start at each corner, metres.
    pub lengths: Vec<f64>,
}

impl Path {
    /// The path through `points`; neighbours closer than a millimetre are merged.
    pub fn new(points: impl IntoIterator<Item = V2>) -> Path {
        let mut kept: Vec<V2> = Vec::new();
        let mut lengths = Vec::new();
        let mut total = 0.0;
        for p in points {
            if let Some(last) = kept.last() {
                let step = (p - last).norm();
                if step < 1e-3 {
                    continue;
                }
                total += step;
            }
            kept.push(p);
            lengths.push(total);
        }
        Path { points: kept, lengths }
    }

    /// Total length, metres.
    pub fn length(&self) -> f64 {
        self.lengths.last().copied().unwrap_or(0.0)
    }

    /// Index of the piece that holds the place `s` (clamped to the ends).
    fn piece(&self, s: f64) -> usize {
        let after = self.lengths.partition_point(|&l| l <= s);
        after.clamp(1, self.points.len() - 1) - 1
    }

    /// The point `s` metres along (beyond the ends: straight on).
    pub fn at(&self, s: f64) -> V2 {
        let i = self.piece(s);
        let span = self.lengths[i + 1] - self.lengths[i];
        let w = (s - self.lengths[i]) / span;
        self.points[i] * (1.0 - w) + self.points[i + 1] * w
    }

    /// Unit direction `s` metres along.
    pub fn direction(&self, s: f64) -> V2 {
        let i = self.piece(s);
        unit(self.points[i + 1] - self.points[i])
    }

    /// The point `s` along and `d` metres to the left, mitred at corners so that offset lines stay parallel.
    pub fn offset(&self, s: f64, d: f64) -> V2 {
        let i = self.piece(s);
        let here = self.points[i + 1] - self.points[i];
        let n = left(unit(here));
        let mitre = |k: usize| -> V2 {
            if k == 0 || k + 1 == self.points.len() {
                return left(unit(if k == 0 { here } else { self.points[k] - self.points[k - 1] }));
            }
            let a = left(unit(self.points[k] - self.points[k - 1]));
            let b = left(unit(self.points[k + 1] - self.points[k]));
            let m = unit(a + b);
            m / m.dot(&a).max(0.3)
        };
        let span = self.lengths[i + 1] - self.lengths[i];
        let w = (s - self.lengths[i]) / span;
        if !(0.0..=1.0).contains(&w) {
            return self.at(s) + n * d;
        }
        self.at(s) + (mitre(i) * (1.0 - w) + mitre(i + 1) * w) * d
    }

    /// Places along `from..=to` at every corner and both ends, at most `step` apart.
    pub fn stations(&self, from: f64, to: f64, step: f64) -> Vec<f64> {
        let mut corners = vec![from];
        corners.extend(self.lengths.iter().copied().filter(|&l| l > from + 0.01 && l < to - 0.01));
        corners.push(to);
        let mut all = vec![from];
        for pair in corners.windows(2) {
            let parts = ((pair[1] - pair[0]) / step).ceil().max(1.0) as usize;
            all.extend((1..=parts).map(|k| pair[0] + (pair[1] - pair[0]) * k as f64 / parts as f64));
        }
        all
    }

    /// `(s, distance)` of the place nearest to `p`.
    pub fn nearest(&self, p: V2) -> (f64, f64) {
        self.nearest_within(p, 0.0, f64::INFINITY)
    }

    /// As [`Path::nearest`], of the corners' stretches that touch `from..=to` metres along: a line may pass a place twice.
    pub fn nearest_within(&self, p: V2, from: f64, to: f64) -> (f64, f64) {
        let mut best = (from, f64::INFINITY);
        for i in 0..self.points.len() - 1 {
            if self.lengths[i + 1] < from || self.lengths[i] > to {
                continue;
            }
            let (a, b) = (self.points[i], self.points[i + 1]);
            let d = b - a;
            let w = ((p - a).dot(&d) / d.norm_squared()).clamp(0.0, 1.0);
            let distance = (p - (a + d * w)).norm();
            if distance < best.1 {
                best = (self.lengths[i] + (self.lengths[i + 1] - self.lengths[i]) * w, distance);
            }
        }
        best
    }
}

/// A smooth curve through `knots` (centripetal Catmull–Rom), thinned to corners that matter by more than 3 cm.
pub fn smooth(knots: &[V2]) -> Vec<V2> {
    if knots.len() < 3 {
        return knots.to_vec();
    }
    let mut all = vec![knots[0]];
    for i in 0..knots.len() - 1 {
        let p1 = knots[i];
        let p2 = knots[i + 1];
        let p0 = if i == 0 { p1 * 2.0 - p2 } else { knots[i - 1] };
        let p3 = if i + 2 == knots.len() { p2 * 2.0 - p1 } else { knots[i + 2] };
        let parts = ((p2 - p1).norm() / 4.0).ceil().max(1.0) as usize;
        let t1 = (p1 - p0).norm().sqrt();
        let t2 = t1 + (p2 - p1).norm().sqrt();
        let t3 = t2 + (p3 - p2).norm().sqrt();
        let mut piece = vec![p1];
        for k in 1..=parts {
            if k == parts {
                piece.push(p2);
                continue;
            }
            let t = t1 + (t2 - t1) * k as f64 / parts as f64;
            let a1 = p0 * ((t1 - t) / t1) + p1 * (t / t1);
            let a2 = p1 * ((t2 - t) / (t2 - t1)) + p2 * ((t - t1) / (t2 - t1));
            let a3 = p2 * ((t3 - t) / (t3 - t2)) + p3 * ((t - t2) / (t3 - t2));
            let b1 = a1 * ((t2 - t) / t2) + a2 * (t / t2);
            let b2 = a2 * ((t3 - t) / (t3 - t1)) + a3 * ((t - t1) / (t3 - t1));
            piece.push(b1 * ((t2 - t) / (t2 - t1)) + b2 * ((t - t1) / (t2 - t1)));
        }
        all.extend(thinned(&piece, 0.03).into_iter().skip(1));
    }
    all
}

/// Douglas and Peucker (1973): fewer corners, none farther than `tolerance` metres from the line.
fn thinned(points: &[V2], tolerance: f64) -> Vec<V2> {
    let (first, last) = (points[0], points[points.len() - 1]);
    let chord = Path::new([first, last]);
    let far = (1..points.len() - 1)
        .map(|i| (i, chord.nearest(points[i]).1))
        .fold((0, 0.0), |best, it| if it.1 > best.1 { it } else { best });
    if far.1 <= tolerance {
        return vec![first, last];
    }
    let mut head = thinned(&points[..=far.0], tolerance);
    head.pop();
    head.extend(thinned(&points[far.0..], tolerance));
    head
}

/// A quadratic Bézier curve from `a` to `b` bent towards `control`, `parts` pieces.
pub fn bezier(a: V2, control: V2, b: V2, parts: usize) -> Vec<V2> {
    (0..=parts)
        .map(|k| {
            let t = k as f64 / parts as f64;
            a * ((1.0 - t) * (1.0 - t)) + control * (2.0 * t * (1.0 - t)) + b * (t * t)
        })
        .collect()
}

/// Where the lines `a + t·da` and `b + t·db` meet; `None` for (nearly) parallel ones.
pub fn meet(a: V2, da: V2, b: V2, db: V2) -> Option<V2> {
    let det = cross(da, db);
    (det.abs() > 0.05 * da.norm() * db.norm()).then(|| a + da * (cross(b - a, db) / det))
}

/// Whether `p` lies inside the closed outline.
pub fn inside(outline: &[V2], p: V2) -> bool {
    let mut within = false;
    for i in 0..outline.len() {
        let (a, b) = (outline[i], outline[(i + 1) % outline.len()]);
        if (a.y > p.y) != (b.y > p.y) && p.x < a.x + (p.y - a.y) / (b.y - a.y) * (b.x - a.x) {
            within = !within;
        }
    }
    within
}

/// Twice-signed area over two: positive for a counter-clockwise outline, m².
pub fn area(outline: &[V2]) -> f64 {
    (0..outline.len()).map(|i| cross(outline[i], outline[(i + 1) % outline.len()])).sum::<f64>() / 2.0
}

/// Whether two convex outlines come closer than `margin` metres (separating axes of both).
pub fn near(a: &[V2], b: &[V2], margin: f64) -> bool {
    for (one, other) in [(a, b), (b, a)] {
        for i in 0..one.len() {
            let n = -left(unit(one[(i + 1) % one.len()] - one[i]));
            let edge = one[i].dot(&n);
            if other.iter().all(|p| p.dot(&n) > edge + margin) {
                return false;
            }
        }
    }
    true
}

/// Triangles (index triples, counter-clockwise) that fill a simple outline (ear clipping by `earcut`).
pub fn fill(outline: &[V2]) -> Vec<[usize; 3]> {
    use geo::TriangulateEarcut;
    let ring = geo::LineString::from(outline.iter().map(|p| (p.x, p.y)).collect::<Vec<_>>());
    let raw = geo::Polygon::new(ring, vec![]).earcut_triangles_raw();
    let n = outline.len();
    raw.triangle_indices
        .chunks_exact(3)
        .map(|t| [t[0] % n, t[1] % n, t[2] % n])
        .filter(|t| t[0] != t[1] && t[1] != t[2] && t[0] != t[2])
        .map(|t| {
            let turn = cross(outline[t[1]] - outline[t[0]], outline[t[2]] - outline[t[0]]);
            if turn < 0.0 { [t[0], t[2], t[1]] } else { t }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smooth_curve_keeps_its_knots_and_offsets_stay_parallel() {
        let knots = [V2::new(0.0, 0.0), V2::new(50.0, 0.0), V2::new(90.0, 40.0)];
        let path = Path::new(smooth(&knots));
        assert!(knots.iter().all(|k| path.nearest(*k).1 < 1e-9));
        for s in path.stations(0.0, path.length(), 1.0) {
            let distance = path.nearest(path.offset(s, 5.0)).1;
            assert!((distance - 5.0).abs() < 0.05, "{s}: {distance}");
        }
    }

    #[test]
    fn filling_an_outline_keeps_its_area() {
        let l = [(0.0, 0.0), (4.0, 0.0), (4.0, 1.0), (1.0, 1.0), (1.0, 3.0), (0.0, 3.0)].map(|(x, y)| V2::new(x, y));
        let sum: f64 = fill(&l).iter().map(|t| area(&[l[t[0]], l[t[1]], l[t[2]]])).sum();
        assert!((sum - area(&l)).abs() < 1e-9);
        assert!(inside(&l, V2::new(0.5, 2.0)) && !inside(&l, V2::new(2.0, 2.0)));
    }
}
