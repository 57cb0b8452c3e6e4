//! [`PointCloud`]: one LiDAR sweep or survey tile, decoded.

use nalgebra::Vector3;

/// Points of one sweep, in file order; every optional column is as long as `xyz`.
///
/// Positions are float32 offsets from a float64 `origin`: a sweep's metres keep their micrometres with an origin of
/// zero, and a survey tile's six-digit coordinates keep their millimetres. The frame is the file's own (a LiDAR's
/// FLU, AV2's ego frame, a survey's projected CRS) and so is the unit: metres, unless the file is a survey in feet.
/// A point that a sensor did not measure may be NaN: organised clouds keep their shape.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PointCloud {
    /// What `xyz` counts from.
    pub origin: [f64; 3],
    /// Offsets from `origin`, shape `(N, 3)`.
    pub xyz: Vec<[f32; 3]>,
    /// Strength of the return *as the file scales it*: 0–255 for AV2, 0–1 for KITTI, 0–65535 for LAS.
    pub intensity: Option<Vec<f32>>,
    /// Which laser.
    pub ring: Option<Vec<u16>>,
    /// Time of each point after `start_ns`, nanoseconds. Left out where the points span more than the ±2.1 s that
    /// fit: that is a survey, not a sweep.
    pub offset_ns: Option<Vec<i32>>,
    /// What `offset_ns` counts from, on the sensor's own clock: 0 where the file gives offsets, else the first
    /// point's time.
    pub start_ns: i64,
    /// Colour, 0–255.
    pub rgb: Option<Vec<[u8; 3]>>,
    /// Class number as in the file, e.g. of ASPRS LAS or a label.
    pub classification: Option<Vec<u8>>,
}

impl PointCloud {
    /// How many points, NaN ones included.
    pub fn len(&self) -> usize {
        self.xyz.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.xyz.is_empty()
    }

    /// The position of point `i` with the origin added; `None` beyond the last.
    pub fn position(&self, i: usize) -> Option<Vector3<f64>> {
        let [x, y, z] = *self.xyz.get(i)?;
        let [ox, oy, oz] = self.origin;
        Some(Vector3::new(ox + f64::from(x), oy + f64::from(y), oz + f64::from(z)))
    }

    /// The smallest and largest coordinate per axis over finite points, origin added; `None` without one.
    pub fn bounds(&self) -> Option<(Vector3<f64>, Vector3<f64>)> {
        let mut all: Option<(Vector3<f64>, Vector3<f64>)> = None;
        for i in 0..self.len() {
            let Some(p) = self.position(i).filter(|p| p.iter().all(|v| v.is_finite())) else { continue };
            all = Some(all.map_or((p, p), |(low, high)| (low.inf(&p), high.sup(&p))));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_leave_out_what_was_not_measured() {
        let cloud = PointCloud {
            origin: [600_000.0, 0.0, 0.0],
            xyz: vec![[1.5, 2.0, 3.0], [f32::NAN; 3], [-1.5, 0.0, 9.0]],
            ..PointCloud::default()
        };
        let (low, high) = cloud.bounds().expect("two finite points");
        assert_eq!((low, high), (Vector3::new(599_998.5, 0.0, 3.0), Vector3::new(600_001.5, 2.0, 9.0)));
    }
}
