//! Which unit speeds are in, by how many times others they are.

use super::noise::median;

/// Units that speeds are written in, and how many of them make a metre a second.
const UNITS: [(&str, f64); 3] = [("km/h", 3.6), ("mph", 2.236_936), ("knots", 1.943_844)];
/// Speeds are taken for metres a second up to so large a share off, for those of another unit up to the second.
const OFF: (f64, f64) = (0.25, 0.1);
/// Fewer ratios than this say nothing.
const FEWEST: usize = 10;

/// What a sensor's speeds are in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum SpeedUnit {
    /// Metres a second, or nothing that tells.
    Metres,
    /// Throughout another unit: its name, how many of it make a metre a second, and the ratio seen.
    Other(&'static str, f64, f64),
    /// Metres a second at times and another unit at others.
    Mixed(&'static str),
    /// No unit: the ratio seen.
    None(f64),
}

/// The unit of speeds that are so many times others known to be in metres a second.
pub(super) fn unit(ratios: Vec<f64>) -> SpeedUnit {
    let count = ratios.len();
    if count < FEWEST {
        return SpeedUnit::Metres;
    }
    let near = |unit: f64, off: f64| ratios.iter().filter(|ratio| (*ratio / unit - 1.0).abs() < off).count();
    let metres = near(1.0, OFF.0);
    let mixed = |unit: &&(&str, f64)| {
        let others = near(unit.1, OFF.1);
        8 * metres.min(others) > count && 10 * (metres + others) > 8 * count
    };
    if let Some((name, _)) = UNITS.iter().find(mixed) {
        return SpeedUnit::Mixed(name);
    }
    match median(ratios) {
        Some(ratio) if (ratio - 1.0).abs() >= OFF.0 => match UNITS.iter().find(|u| (ratio / u.1 - 1.0).abs() < OFF.1) {
            Some((name, factor)) => SpeedUnit::Other(name, *factor, ratio),
            None => SpeedUnit::None(ratio),
        },
        _ => SpeedUnit::Metres,
    }
}
