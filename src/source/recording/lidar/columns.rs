//! From a file's named columns to a [`PointCloud`]: the one place that knows what vendors call their fields.

use crate::error::ErrorKind;
use crate::record::PointCloud;

/// A number as it stands in a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// A whole number.
    Int(i64),
    /// A fraction.
    Float(f64),
}

impl Number {
    /// The nearest float64.
    pub(super) fn float(self) -> f64 {
        match self {
            Number::Int(v) => v as f64,
            Number::Float(v) => v,
        }
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A coordinate: axis 0, 1 or 2.
    Axis(usize),
    /// Strength of the return.
    Intensity,
    /// Laser number.
    Ring,
    /// Time of the point: seconds where fractional, nanoseconds where whole (as drivers write them).
    Time,
    /// Red, green and blue packed into 32 bits, `0x00RRGGBB`, perhaps disguised as a float (PCL).
    PackedRgb,
    /// A colour: channel 0, 1 or 2.
    Colour(usize),
    /// Class number.
    Class,
}

impl Role {
    /// The role of a field by its name, in any case; `None` for one that a cloud has no place for.
    pub(super) fn of(name: &str) -> Option<Role> {
        Some(match name.to_ascii_lowercase().as_str() {
            "x" => Role::Axis(0),
            "y" => Role::Axis(1),
            "z" => Role::Axis(2),
            "intensity" | "reflectivity" | "reflectance" | "remission" | "scalar_intensity" | "i" => Role::Intensity,
            "ring" | "laser_number" | "laser_id" | "channel" => Role::Ring,
            "offset_ns" | "t" | "time" | "timestamp" | "gps_time" | "gpstime" => Role::Time,
            "rgb" | "rgba" => Role::PackedRgb,
            "red" | "r" | "diffuse_red" => Role::Colour(0),
            "green" | "g" | "diffuse_green" => Role::Colour(1),
            "blue" | "b" | "diffuse_blue" => Role::Colour(2),
            "classification" | "class" | "label" => Role::Class,
            _ => return None,
        })
    }
}

/// Collects columns value by value, in any order of columns and points.
#[derive(Debug, Default)]
pub(super) struct Columns {
    axes: [Vec<f64>; 3],
    intensity: Vec<f32>,
    ring: Vec<u16>,
    time_ns: Vec<i64>,
    rgb: [Vec<u8>; 3],
    class: Vec<u8>,
}

impl Columns {
    /// Adds the next value of a column. Whole numbers that do not fit are clamped.
    pub(super) fn push(&mut self, role: Role, value: Number) {
        match role {
            Role::Axis(axis) => self.axes[axis].push(value.float()),
            Role::Intensity => self.intensity.push(value.float() as f32),
            Role::Ring => self.ring.push(value.float() as u16),
            Role::Time => self.time_ns.push(match value {
                Number::Int(ns) => ns,
                Number::Float(seconds) => libm::round(seconds * 1e9) as i64,
            }),
            Role::PackedRgb => {
                let bits = match value {
                    Number::Int(bits) => bits as u32,
                    Number::Float(disguised) => (disguised as f32).to_bits(),
                };
                let [_, r, g, b] = bits.to_be_bytes();
                for (channel, v) in self.rgb.iter_mut().zip([r, g, b]) {
                    channel.push(v);
                }
            }
            Role::Colour(channel) => self.rgb[channel].push(match value {
                Number::Int(v) => v.clamp(0, 255) as u8,
                // Fractional colours run from 0 to 1.
                Number::Float(v) => libm::round(v * 255.0) as u8,
            }),
            Role::Class => self.class.push(value.float() as u8),
        }
    }

    /// The cloud of `points` points.
    ///
    /// Coordinates of single precision need no origin; with `wide` the first finite point, floored, is the origin.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] where x, y or z is not there for every point.
    pub(super) fn cloud(self, format: &'static str, points: usize, wide: bool) -> Result<PointCloud, ErrorKind> {
        let [x, y, z] = self.axes;
        for (name, axis) in [("x", &x), ("y", &y), ("z", &z)] {
            if axis.len() != points {
                return Err(ErrorKind::malformed(format, format!("field `{name}` is missing")));
            }
        }
        let first = (0..points).map(|i| [x[i], y[i], z[i]]).find(|p| p.iter().all(|v| v.is_finite()));
        let origin = if wide { first.unwrap_or_default().map(f64::floor) } else { [0.0; 3] };
        let xyz = (0..points)
            .map(|i| [(x[i] - origin[0]) as f32, (y[i] - origin[1]) as f32, (z[i] - origin[2]) as f32])
            .collect();
        let (start_ns, offset_ns) = offsets(full(self.time_ns, points));
        let [r, g, b] = self.rgb;
        let rgb = (points > 0 && [&r, &g, &b].iter().all(|c| c.len() == points))
            .then(|| (0..points).map(|i| [r[i], g[i], b[i]]).collect());
        Ok(PointCloud {
            origin,
            xyz,
            intensity: full(self.intensity, points),
            ring: full(self.ring, points),
            offset_ns,
            start_ns,
            rgb,
            classification: full(self.class, points),
        })
    }
}

/// A column that has a value for every point; one named twice or left out is none.
fn full<T>(column: Vec<T>, points: usize) -> Option<Vec<T>> {
    (points > 0 && column.len() == points).then_some(column)
}

/// Times as a start and offsets that fit 32 bits: offsets from 0 as they are, absolute times from the first.
fn offsets(times_ns: Option<Vec<i64>>) -> (i64, Option<Vec<i32>>) {
    let Some(times) = times_ns else { return (0, None) };
    let fit = |start: i64| times.iter().map(|t| i32::try_from(t.checked_sub(start)?).ok()).collect::<Option<Vec<_>>>();
    if let Some(offsets) = fit(0) {
        return (0, Some(offsets));
    }
    let start = times.iter().copied().min().unwrap_or(0);
    match fit(start) {
        Some(offsets) => (start, Some(offsets)),
        None => (0, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_times_become_a_start_and_offsets_and_a_survey_has_none() {
        assert_eq!(offsets(Some(vec![5, -7])), (0, Some(vec![5, -7])));
        let t0 = 1_635_236_489_369_000_000;
        assert_eq!(offsets(Some(vec![t0 + 100_000_000, t0])), (t0, Some(vec![100_000_000, 0])));
        assert_eq!(offsets(Some(vec![0, 60_000_000_000])), (0, None));
    }

    #[test]
    fn a_packed_colour_is_read_from_whole_and_disguised_numbers() {
        for value in [Number::Int(0x00ff_8001), Number::Float(f64::from(f32::from_bits(0x00ff_8001)))] {
            let mut columns = Columns::default();
            for axis in 0..3 {
                columns.push(Role::Axis(axis), Number::Float(0.0));
            }
            columns.push(Role::PackedRgb, value);
            assert_eq!(columns.cloud("PCD", 1, false).expect("valid").rgb, Some(vec![[255, 128, 1]]));
        }
    }
}
