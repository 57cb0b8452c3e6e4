//! Lines and polygons cut to a box, so that a river of fifty kilometres does not leave the range of pixel coordinates.

/// A point.
pub(super) type Point = (f64, f64);

/// An upright box.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub min: Point,
    pub max: Point,
}

impl Frame {
    fn holds(&self, p: Point) -> bool {
        (self.min.0..=self.max.0).contains(&p.0) && (self.min.1..=self.max.1).contains(&p.1)
    }

    /// The part of a segment inside (Liang and Barsky 1984).
    fn cut(&self, a: Point, b: Point) -> Option<(Point, Point)> {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let (mut from, mut to) = (0.0_f64, 1.0_f64);
        for (step, room) in
            [(-dx, a.0 - self.min.0), (dx, self.max.0 - a.0), (-dy, a.1 - self.min.1), (dy, self.max.1 - a.1)]
        {
            if step == 0.0 {
                if room < 0.0 {
                    return None;
                }
                continue;
            }
            let t = room / step;
            if step < 0.0 { from = from.max(t) } else { to = to.min(t) }
        }
        // The ends are kept to the bit, so that parts that meet are seen to meet.
        let at = |t: f64| if t == 1.0 { b } else { (a.0 + dx * t, a.1 + dy * t) };
        (from <= to).then(|| (at(from), at(to)))
    }
}

/// The parts of a line inside a box.
pub(super) fn clip_line(points: &[Point], frame: Frame) -> Vec<Vec<Point>> {
    let mut parts: Vec<Vec<Point>> = Vec::new();
    for pair in points.windows(2) {
        let Some((a, b)) = frame.cut(pair[0], pair[1]) else { continue };
        match parts.last_mut() {
            Some(part) if part.last() == Some(&a) => part.push(b),
            _ => parts.push(vec![a, b]),
        }
    }
    parts
}

/// A ring cut to a box (Sutherland and Hodgman 1974): parts stay joined along the box's edge. Empty where it is outside.
pub(super) fn clip_ring(points: &[Point], frame: Frame) -> Vec<Point> {
    let mut ring = points.to_vec();
    if ring.iter().all(|p| frame.holds(*p)) {
        return ring;
    }
    // For each side: signed distance inside, and along which axis to cut.
    let inside: [fn(Point, Frame) -> f64; 4] =
        [|p, f| p.0 - f.min.0, |p, f| f.max.0 - p.0, |p, f| p.1 - f.min.1, |p, f| f.max.1 - p.1];
    for side in inside {
        let mut kept = Vec::with_capacity(ring.len() + 4);
        for i in 0..ring.len() {
            let (a, b) = (ring[i], ring[(i + 1) % ring.len()]);
            let (da, db) = (side(a, frame), side(b, frame));
            if da >= 0.0 {
                kept.push(a);
            }
            if (da > 0.0 && db < 0.0) || (da < 0.0 && db > 0.0) {
                let t = da / (da - db);
                kept.push((a.0 + (b.0 - a.0) * t, a.1 + (b.1 - a.1) * t));
            }
        }
        ring = kept;
    }
    ring
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: Frame = Frame { min: (0.0, 0.0), max: (1.0, 1.0) };

    #[test]
    fn a_line_that_leaves_and_comes_back_has_two_parts() {
        let parts = clip_line(&[(-1.0, 0.5), (0.5, 0.5), (0.5, 2.0), (0.8, 2.0), (0.8, 0.2)], UNIT);
        assert_eq!(parts, [vec![(0.0, 0.5), (0.5, 0.5), (0.5, 1.0)], vec![(0.8, 1.0), (0.8, 0.2)]]);
        assert!(clip_line(&[(2.0, 0.0), (2.0, 1.0)], UNIT).is_empty());
    }

    #[test]
    fn the_area_of_a_clipped_ring_is_that_of_the_intersection() {
        let area = |ring: &[Point]| {
            let n = ring.len();
            (0..n).map(|i| ring[i].0 * ring[(i + 1) % n].1 - ring[(i + 1) % n].0 * ring[i].1).sum::<f64>().abs() / 2.0
        };
        // A diamond around the corner (1, 1) with half-diagonal 0.6: a quarter of it lies inside.
        let diamond = [(1.6, 1.0), (1.0, 1.6), (0.4, 1.0), (1.0, 0.4)];
        assert!((area(&clip_ring(&diamond, UNIT)) - 0.18).abs() < 1e-12);
        assert!((area(&clip_ring(&[(-9.0, -9.0), (9.0, -9.0), (9.0, 9.0), (-9.0, 9.0)], UNIT)) - 1.0).abs() < 1e-12);
        assert!(clip_ring(&[(2.0, 2.0), (3.0, 2.0), (3.0, 3.0)], UNIT).is_empty());
    }
}
