//! Roots of small polynomials and of monotone functions, found without luck.

/// The value at `x` of the polynomial with the coefficients `c`, constant first.
pub(super) fn value(c: &[f64], x: f64) -> f64 {
    c.iter().rev().fold(0.0, |sum, &k| sum * x + k)
}

/// The coefficients of the derivative.
pub(super) fn derivative(c: &[f64]) -> Vec<f64> {
    c.iter().enumerate().skip(1).map(|(power, &k)| k * power as f64).collect()
}

/// The product of two polynomials.
pub(super) fn product(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut c = vec![0.0; a.len() + b.len() - 1];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            c[i + j] += x * y;
        }
    }
    c
}

/// The places in `(0, end)` where the polynomial changes sign, ascending.
///
/// Between two sign changes of its derivative a polynomial is monotone, so each such stretch holds at most one.
pub(super) fn sign_changes(c: &[f64], end: f64) -> Vec<f64> {
    if c.len() < 2 {
        return Vec::new();
    }
    let mut stops = vec![0.0];
    stops.extend(sign_changes(&derivative(c), end));
    stops.push(end);
    let bracketed = stops.windows(2).filter(|w| value(c, w[0]) * value(c, w[1]) < 0.0);
    let mut found: Vec<f64> = bracketed.map(|w| bisect(w[0], w[1], |x| value(c, x))).collect();
    // A sign change may fall exactly on a stop, where a product is zero rather than negative.
    for w in stops.windows(3) {
        if value(c, w[1]) == 0.0 && value(c, w[0]) * value(c, w[2]) < 0.0 {
            found.push(w[1]);
        }
    }
    found.sort_by(f64::total_cmp);
    found
}

/// A sign change of `f` between `a` and `b`, to the last bit.
fn bisect(mut a: f64, mut b: f64, f: impl Fn(f64) -> f64) -> f64 {
    let rising = f(a) < 0.0;
    loop {
        let mid = 0.5 * (a + b);
        if mid <= a || mid >= b {
            return a;
        }
        if (f(mid) < 0.0) == rising { a = mid } else { b = mid }
    }
}

/// Solves `f(x) = target` for a function that rises from `f(low) <= target` to `f(high) >= target`.
///
/// Newton's method with the derivative that `f` gives beside its value; a step out of the bracket becomes a bisection.
pub(super) fn solve_rising(target: f64, mut low: f64, mut high: f64, f: impl Fn(f64) -> (f64, f64)) -> f64 {
    let mut x = target.clamp(low, high);
    for _ in 0..200 {
        let (y, slope) = f(x);
        let miss = y - target;
        if miss == 0.0 {
            return x;
        }
        if miss > 0.0 {
            high = x
        } else {
            low = x
        }
        let newton = x - miss / slope;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if next == x || (next - x).abs() <= f64::EPSILON * 0.5 * x.abs() {
            return next;
        }
        x = next;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_change_is_found_in_order() {
        // (x - 1)(x - 2)(x - 5), and (x - 1)^2 which never changes sign.
        let roots = sign_changes(&[-10.0, 17.0, -8.0, 1.0], 100.0);
        assert_eq!(roots.len(), 3);
        for (root, want) in roots.iter().zip([1.0, 2.0, 5.0]) {
            assert!((root - want).abs() < 1e-12);
        }
        assert!(sign_changes(&[1.0, -2.0, 1.0], 10.0).is_empty());
        assert!(sign_changes(&[3.0], 10.0).is_empty());
    }

    #[test]
    fn a_rising_function_is_inverted_where_newton_alone_would_leave() {
        let x = solve_rising(0.999, 0.0, 40.0, |x| (libm::tanh(x), 1.0 - libm::tanh(x) * libm::tanh(x)));
        assert!((libm::tanh(x) - 0.999).abs() < 1e-15);
    }
}
