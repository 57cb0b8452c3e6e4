//! LiDAR sweeps: PCD, PLY, KITTI `.bin`, LAS and LAZ, Arrow IPC ("feather").
//!
//! [`header`] says how many points a file holds without decoding them; [`read_points`] decodes it. Neither trusts a
//! count in the file: memory grows with the bytes that are there and stays below [`Limits`].

mod columns;
mod feather;
mod kitti;
mod las;
mod pcd;
mod ply;
mod scalar;
#[cfg(test)]
mod tests;

use std::io::{Read, Seek, SeekFrom};

use crate::error::ErrorKind;
use crate::record::{FrameFormat, PointCloud};
use crate::source::Limits;

/// Bytes that the header of a PCD, PLY or LAS file may take.
const HEAD_BYTES: u64 = 64 << 10;

/// What a file says of its points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsHeader {
    /// How many points.
    pub points: u64,
    /// Names of the values of a point, as the file calls them.
    pub fields: Vec<String>,
}

/// Reads the header of a point file, wherever `reader` stands.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] where the header is broken or names more points than the file has room for,
/// [`ErrorKind::LimitExceeded`] above `limits`, [`ErrorKind::Unsupported`] for a format without points.
pub fn header<R: Read + Seek>(reader: &mut R, format: FrameFormat, limits: &Limits) -> Result<PointsHeader, ErrorKind> {
    let io = |e| ErrorKind::io("read", e);
    let size = reader.seek(SeekFrom::End(0)).map_err(io)?;
    checked_size(size, limits)?;
    if format == FrameFormat::Feather {
        return feather::header(reader, limits);
    }
    reader.seek(SeekFrom::Start(0)).map_err(io)?;
    let mut head = Vec::new();
    reader.take(HEAD_BYTES).read_to_end(&mut head).map_err(io)?;
    match format {
        FrameFormat::Pcd => pcd::header(&head, size, limits),
        FrameFormat::Ply => ply::header(&head, size, limits),
        FrameFormat::Bin => kitti::header(size, limits),
        FrameFormat::Las | FrameFormat::Laz => las::header(&head, size, limits),
        other => Err(ErrorKind::Unsupported(format!("a point cloud as `.{}`", other.extension()))),
    }
}

/// Decodes a point file.
///
/// # Errors
///
/// As [`header`]; also where the points themselves are cut off or damaged.
pub fn read_points(bytes: &[u8], format: FrameFormat, limits: &Limits) -> Result<PointCloud, ErrorKind> {
    checked_size(bytes.len() as u64, limits)?;
    match format {
        FrameFormat::Pcd => pcd::read(bytes, limits),
        FrameFormat::Ply => ply::read(bytes, limits),
        FrameFormat::Bin => kitti::read(bytes, limits),
        FrameFormat::Las | FrameFormat::Laz => las::read(bytes, limits),
        FrameFormat::Feather => feather::read(bytes, limits),
        other => Err(ErrorKind::Unsupported(format!("a point cloud as `.{}`", other.extension()))),
    }
}

fn checked_size(size: u64, limits: &Limits) -> Result<(), ErrorKind> {
    if size > limits.file_bytes {
        return Err(ErrorKind::LimitExceeded { what: "size of a point file", found: size, limit: limits.file_bytes });
    }
    Ok(())
}

/// The number of points, where it is within the limit.
fn checked_points(points: u64, limits: &Limits) -> Result<u64, ErrorKind> {
    if points > limits.points {
        return Err(ErrorKind::LimitExceeded { what: "number of points", found: points, limit: limits.points });
    }
    Ok(points)
}
