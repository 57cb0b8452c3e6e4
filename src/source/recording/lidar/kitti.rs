//! KITTI's velodyne `.bin`: float32 x, y, z, reflectance (0–1), little endian, no header.

use super::columns::{Columns, Number, Role};
use super::{PointsHeader, checked_points};
use crate::error::ErrorKind;
use crate::record::PointCloud;
use crate::source::Limits;

const FORMAT: &str = "KITTI .bin";
/// Bytes of a point.
const STRIDE: usize = 16;

/// What the size of a file says.
pub(super) fn header(size: u64, limits: &Limits) -> Result<PointsHeader, ErrorKind> {
    if !size.is_multiple_of(STRIDE as u64) {
        return Err(ErrorKind::malformed(FORMAT, format!("{size} bytes are no multiple of {STRIDE}")));
    }
    let points = checked_points(size / STRIDE as u64, limits)?;
    Ok(PointsHeader { points, fields: ["x", "y", "z", "reflectance"].map(String::from).to_vec() })
}

/// Decodes a file.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<PointCloud, ErrorKind> {
    let points = header(bytes.len() as u64, limits)?.points as usize;
    let mut columns = Columns::default();
    let roles = [Role::Axis(0), Role::Axis(1), Role::Axis(2), Role::Intensity];
    for (i, value) in bytes.as_chunks::<4>().0.iter().enumerate() {
        columns.push(roles[i % 4], Number::Float(f64::from(f32::from_le_bytes(*value))));
    }
    columns.cloud(FORMAT, points, false)
}
