//! Noise and patterns by integer hashing: the same on every machine, and filtered to the footprint they are seen at.

/// A well mixed 32-bit hash (the finaliser of "lowbias32", C. Wellons).
pub(crate) fn hash(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// A hash of several numbers, order mattering.
pub(crate) fn hash_of<const N: usize>(parts: [i32; N]) -> u32 {
    parts.iter().fold(0x9e37_79b9, |state, part| hash(state ^ (*part as u32)).wrapping_add(0x85eb_ca6b))
}

/// The hash as a number in `[0, 1)`.
pub(crate) fn unit(hash: u32) -> f32 {
    (hash >> 8) as f32 / (1 << 24) as f32
}

/// 0 below `low`, 1 above `high`, smooth between.
pub(crate) fn smooth(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Linear mix of two numbers.
pub(crate) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// Cell and smoothed place within it.
fn cell(x: f32) -> (i32, f32) {
    let floor = x.floor();
    let f = x - floor;
    (floor as i32, f * f * (3.0 - 2.0 * f))
}

/// Value noise in the plane, `[0, 1)`, features of size 1.
pub(crate) fn noise2(x: f32, y: f32, seed: u32) -> f32 {
    let ((i, u), (j, v)) = (cell(x), cell(y));
    let at = |di: i32, dj: i32| unit(hash_of([i.wrapping_add(di), j.wrapping_add(dj), seed as i32]));
    mix(mix(at(0, 0), at(1, 0), u), mix(at(0, 1), at(1, 1), u), v)
}

/// Value noise in space, `[0, 1)`, features of size 1.
pub(crate) fn noise3(p: [f32; 3], seed: u32) -> f32 {
    let [(i, u), (j, v), (k, w)] = p.map(cell);
    let at = |di: i32, dj: i32, dk: i32| {
        unit(hash_of([i.wrapping_add(di), j.wrapping_add(dj), k.wrapping_add(dk), seed as i32]))
    };
    let floor = mix(mix(at(0, 0, 0), at(1, 0, 0), u), mix(at(0, 1, 0), at(1, 1, 0), u), v);
    let roof = mix(mix(at(0, 0, 1), at(1, 0, 1), u), mix(at(0, 1, 1), at(1, 1, 1), u), v);
    mix(floor, roof, w)
}

/// Octaves of [`noise2`] around 0 (about ±0.5), from features of `size` metres down to `finest`; octaves finer than
/// the footprint `seen` metres fade out instead of flickering.
pub(crate) fn fractal(x: f32, y: f32, size: f32, finest: f32, seen: f32, seed: u32) -> f32 {
    let (mut total, mut weight, mut scale, mut octave) = (0.0, 0.5, size, 0);
    while scale >= finest && scale > 0.5 * seen {
        let fade = 1.0 - smooth(0.5 * scale, 2.0 * scale, seen);
        total += weight * fade * (noise2(x / scale, y / scale, seed.wrapping_add(octave)) - 0.5) * 2.0;
        weight *= 0.5;
        scale *= 0.5;
        octave += 1;
    }
    total * 0.7
}

/// The share of `[x − seen/2, x + seen/2]` that lies in the bars `[from, to]` repeated every `period`: a box-filtered
/// pulse train, exact at any distance.
pub(crate) fn bars(x: f32, period: f32, from: f32, to: f32, seen: f32) -> f32 {
    let integral = |x: f32| {
        let turn = (x / period).floor();
        turn * (to - from) + (x - turn * period - from).clamp(0.0, to - from)
    };
    let seen = seen.max(1e-4 * period);
    // Near 0 the difference of the two integrals keeps its digits.
    let x = x - (x / period).floor() * period;
    ((integral(x + 0.5 * seen) - integral(x - 0.5 * seen)) / seen).clamp(0.0, 1.0)
}

/// The share of `[x − seen/2, x + seen/2]` that lies in `[from, to]`.
pub(crate) fn span(x: f32, from: f32, to: f32, seen: f32) -> f32 {
    let seen = seen.max(1e-5);
    (((x + 0.5 * seen).min(to) - (x - 0.5 * seen).max(from)) / seen).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filtered_bars_are_the_pattern_close_by_and_its_mean_from_afar() {
        assert!(bars(0.2, 1.0, 0.1, 0.4, 0.0) > 0.999 && bars(900.2, 1.0, 0.1, 0.4, 0.0) > 0.999);
        assert!(bars(3.6, 1.0, 0.1, 0.4, 0.0) < 1e-3);
        assert!((bars(0.77, 1.0, 0.1, 0.4, 100.0) - 0.3).abs() < 0.01);
        assert!((bars(0.4, 1.0, 0.1, 0.4, 0.2) - 0.5).abs() < 1e-5);
        assert!((span(0.0, -1.0, 0.0, 0.5) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn noise_is_continuous_and_bounded() {
        for k in 0..500 {
            let x = k as f32 * 0.37 - 90.0;
            let a = noise2(x, 0.5 * x, 3);
            assert!((0.0..1.0).contains(&a) && (a - noise2(x + 1e-3, 0.5 * x, 3)).abs() < 0.01);
            assert!((0.0..1.0).contains(&noise3([x, -x, 2.0 * x], 3)));
        }
    }
}
