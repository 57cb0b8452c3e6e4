//! Which poses are compared with which, as `evo` pairs them.

use super::Placed;

/// Indices `(a, b)` of times (seconds, ascending) that belong together: for each of the shorter list the nearest of the
/// longer one, within `within_s`; of two equally near the earlier.
pub fn associate(a: &[f64], b: &[f64], within_s: f64) -> Vec<(usize, usize)> {
    if b.len() > a.len() {
        nearest(a, b, within_s)
    } else {
        nearest(b, a, within_s).into_iter().map(|(b, a)| (a, b)).collect()
    }
}

fn nearest(of: &[f64], among: &[f64], within_s: f64) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (i, &t) in of.iter().enumerate() {
        let after = among.partition_point(|&other| other <= t);
        let around = [after.checked_sub(1), Some(after).filter(|&k| k < among.len())];
        let apart = |k: usize| (among[k] - t).abs();
        let best = around.into_iter().flatten().min_by(|a, b| apart(*a).total_cmp(&apart(*b)));
        pairs.extend(best.filter(|k| apart(*k) <= within_s).map(|k| (i, k)));
    }
    pairs
}

/// Pairs of poses `delta_m` of path apart: for each pose the one whose distance along the path is nearest to that, where
/// it is within `tolerance` of it (a share, e.g. 0.1).
pub fn pairs_by_path(poses: &[Placed], delta_m: f64, tolerance: f64) -> Vec<(usize, usize)> {
    let mut s_m = Vec::with_capacity(poses.len());
    let mut length = 0.0;
    for (i, pose) in poses.iter().enumerate() {
        length += if i == 0 { 0.0 } else { (pose.translation - poses[i - 1].translation).norm() };
        s_m.push(length);
    }
    let mut pairs = Vec::new();
    for i in 0..poses.len().saturating_sub(1) {
        let rest = &s_m[i + 1..];
        // Of places at one distance (a stop) the first counts.
        let after = rest.partition_point(|s| s - s_m[i] < delta_m);
        let before = after.checked_sub(1).map(|k| rest.partition_point(|s| *s < rest[k]));
        let off = |k: usize| ((rest[k] - s_m[i]) - delta_m).abs();
        let around = [before, Some(after).filter(|&k| k < rest.len())].into_iter().flatten();
        let best = around.min_by(|a, b| off(*a).total_cmp(&off(*b)));
        pairs.extend(best.filter(|&k| off(k) <= tolerance * delta_m).map(|k| (i, i + 1 + k)));
    }
    pairs
}

/// Pairs of poses `delta_s` apart: for each time (seconds, ascending) the nearest to that much later, where it is within
/// a tenth of it.
pub fn pairs_by_time(t_s: &[f64], delta_s: f64) -> Vec<(usize, usize)> {
    let later: Vec<f64> = t_s.iter().map(|t| t + delta_s).collect();
    nearest(&later, t_s, delta_s / 10.0)
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;

    use super::*;
    use crate::coord::Pose;

    #[test]
    fn times_are_paired_with_the_nearest() {
        let (a, b) = ([0.0, 10.0, 20.0, 30.0], [9.0, 21.0, 22.0, 100.0, 200.0]);
        assert_eq!(associate(&a, &b, 5.0), [(1, 0), (2, 1)]);
        assert_eq!(associate(&b, &a, 5.0), [(0, 1), (1, 2)]);
        assert_eq!(associate(&[5.0], &[0.0, 10.0], 5.0), [(0, 0)]);
        assert_eq!(pairs_by_time(&[0.0, 40.0, 100.0, 109.0, 200.0], 100.0), [(0, 2), (2, 4), (3, 4)]);
    }

    #[test]
    fn paths_are_paired_by_length() {
        let at = |x: f64| Pose::level(Vector3::new(x, 0.0, 0.0), 0.0).into();
        let poses: Vec<Placed> = [0.0, 1.0, 2.0, 2.0, 3.5, 4.0].map(at).to_vec();
        assert_eq!(pairs_by_path(&poses, 2.0, 0.1), [(0, 2), (2, 5), (3, 5)]);
        assert!(pairs_by_path(&poses, 50.0, 0.1).is_empty() && pairs_by_path(&[], 1.0, 0.1).is_empty());
    }
}
