//! [`Dice`]: chance that depends on a seed and a purpose alone, never on the order in which things are asked.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of random numbers for one purpose.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of a purpose, e.g. `"gnss/drive-1"`: independent of every other purpose of the same seed.
    pub fn new(seed: u64, purpose: &str) -> Dice {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        hasher.update(purpose.as_bytes());
        Dice(ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()))
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number in `0..n`, `n > 0`.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n - 1)
    }

    /// Whether an event of this probability happens.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Standard normal (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.unit())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// A number for textures.
    pub fn seed(&mut self) -> u32 {
        self.0.next_u32()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_has_its_own_stream_that_repeats() {
        let draw = |purpose| Dice::new(7, purpose).unit();
        assert_eq!(draw("a").to_bits(), draw("a").to_bits());
        assert!((draw("a") - draw("b")).abs() > 1e-9);
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let mut dice = Dice::new(1, "normal");
        let values: Vec<f64> = (0..20_000).map(|_| dice.normal()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
    }
}
