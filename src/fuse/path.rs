//! Path length that does not grow at standstill, and the heading of the path.

use nalgebra::{Vector2, Vector3};

/// A path over the ground: corners that lie at least a radius apart, and the path length of every point given.
///
/// Positions jitter, most of all at a stop: the path moves on to a new corner only where a point lies farther than its
/// radius from the last one. Between two corners a point's length is its projection on the line between them, never
/// going back; behind the last corner it stays. Lengths are horizontal, metres.
#[derive(Debug)]
pub(super) struct Path {
    corners: Vec<(f64, Vector2<f64>)>,
    /// Path length at each point, metres, never falling.
    pub s_m: Vec<f64>,
}

impl Path {
    /// The path through `points` (ENU metres) with a radius of jitter for each, metres.
    pub fn through(points: &[Vector3<f64>], radius_m: &[f64]) -> Path {
        let mut corners: Vec<(f64, Vector2<f64>)> = points.first().map(|p| (0.0, p.xy())).into_iter().collect();
        let mut s_m = vec![0.0; points.len()];
        let mut from = 0;
        for i in 1..points.len() {
            let (s, corner) = corners[corners.len() - 1];
            let chord = points[i].xy() - corner;
            let length = chord.norm();
            s_m[i] = s;
            if length <= radius_m[i] {
                continue;
            }
            let mut highest: f64 = 0.0;
            for k in from + 1..i {
                let along = (points[k].xy() - corner).dot(&chord) / length;
                highest = highest.max(along.min(length));
                s_m[k] = s + highest;
            }
            s_m[i] = s + length;
            corners.push((s_m[i], points[i].xy()));
            from = i;
        }
        Path { corners, s_m }
    }

    /// Unit direction of the path at a length, taken over `baseline_m` around it; `None` where it has no length.
    ///
    /// A function of the length alone: it stands still where the path does, and jitter cannot turn it round.
    pub fn direction(&self, s_m: f64, baseline_m: f64) -> Option<Vector2<f64>> {
        let half = baseline_m / 2.0;
        let (behind, ahead) = (self.point(s_m - half), self.point(s_m + half));
        let here = self.point(s_m);
        // On a path that turns back on itself the two ends meet: there what lies ahead decides, then what lies behind.
        [ahead - behind, ahead - here, here - behind]
            .into_iter()
            .find(|d| d.norm() > half / 2.0)
            .or_else(|| [ahead - behind, ahead - here].into_iter().find(|d| d.norm() > 0.0))
            .map(|d| d.normalize())
    }

    /// The place at a length; the ends beyond them.
    fn point(&self, s_m: f64) -> Vector2<f64> {
        let after = self.corners.partition_point(|c| c.0 <= s_m);
        match (after.checked_sub(1).map(|i| self.corners[i]), self.corners.get(after)) {
            (Some((sa, a)), Some((sb, b))) => a + (b - a) * ((s_m - sa) / (sb - sa)),
            (Some((_, only)), None) => only,
            (None, Some((_, only))) => *only,
            (None, None) => Vector2::zeros(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(xs: &[(f64, f64)]) -> Vec<Vector3<f64>> {
        xs.iter().map(|(x, y)| Vector3::new(*x, *y, 0.0)).collect()
    }

    fn length_m(path: &Path) -> f64 {
        *path.s_m.last().expect("has points")
    }

    #[test]
    fn jitter_at_a_stop_adds_no_length_and_does_not_turn_the_heading() {
        let mut track: Vec<(f64, f64)> = (0..=10).map(|i| (f64::from(i), 0.0)).collect();
        let jitter = [(0.3, 0.2), (-0.4, 0.1), (-0.2, -0.3), (0.1, 0.4), (0.0, -0.4)];
        track.extend(jitter.iter().map(|(x, y)| (10.0 + x, *y)));
        track.extend((11..=20).map(|i| (f64::from(i), 0.0)));
        let path = Path::through(&points(&track), &vec![0.6; track.len()]);
        assert!((length_m(&path) - 20.0).abs() < 0.3, "{}", length_m(&path));
        assert!(path.s_m[11..16].iter().all(|s| *s - path.s_m[10] < 0.4));
        assert!(path.s_m.windows(2).all(|w| w[1] >= w[0]));
        for s in &path.s_m {
            let d = path.direction(*s, 2.0).expect("has length");
            assert!(d.x > 0.9, "{d} at {s}");
        }
    }

    #[test]
    fn a_circle_is_as_long_as_it_is() {
        let circle: Vec<_> = (0..=628)
            .map(|i| {
                let (sin, cos) = libm::sincos(f64::from(i) / 100.0);
                (10.0 * cos, 10.0 * sin)
            })
            .collect();
        let path = Path::through(&points(&circle), &vec![1.0; circle.len()]);
        assert!((length_m(&path) / 62.8 - 1.0).abs() < 0.005, "{}", length_m(&path));
        let quarter = path.direction(15.7, 2.0).expect("has length");
        assert!((quarter - Vector2::new(-1.0, 0.0)).norm() < 0.06, "{quarter}");
    }

    #[test]
    fn a_path_that_does_not_move_has_no_direction() {
        let path = Path::through(&points(&[(0.0, 0.0), (0.1, 0.0), (0.0, 0.1)]), &[1.0; 3]);
        assert_eq!((length_m(&path), path.direction(0.0, 2.0)), (0.0, None));
    }
}
