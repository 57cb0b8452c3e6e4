//! ASPRS LAS 1.0–1.4 and LASzip's LAZ, by the `las` crate.
//!
//! Coordinates stay in the file's CRS and unit (feet in many American surveys). What the crate takes on trust is
//! checked before it sees the file: the point count against the limits and the room there is, and the size of the
//! LAZ chunk table.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use las::{PointDataBuilder, Reader};

use super::columns::{Columns, Number, Role};
use super::{PointsHeader, checked_points};
use crate::error::ErrorKind;
use crate::record::PointCloud;
use crate::source::Limits;

const FORMAT: &str = "LAS";
/// Points that are decoded at a time, so that memory follows what is really there.
const BATCH: u64 = 65_536;

/// The parts of the public header block that we check ourselves. Source: ASPRS LAS 1.4 R15, table 3.
struct Public {
    points: u64,
    point_format: u8,
    compressed: bool,
    record_length: u16,
    data_offset: u32,
}

fn public_header(head: &[u8], size: u64, limits: &Limits) -> Result<Public, ErrorKind> {
    fn field<const N: usize>(head: &[u8], at: usize) -> Result<[u8; N], ErrorKind> {
        let bytes = head.get(at..at + N).and_then(|b| b.try_into().ok());
        bytes.ok_or_else(|| malformed("the header is cut off"))
    }
    if !head.starts_with(b"LASF") {
        return Err(malformed("does not start with `LASF`"));
    }
    let [major, minor] = field(head, 24)?;
    if major != 1 || minor > 4 {
        return Err(malformed(format!("version {major}.{minor}")));
    }
    let data_offset = u32::from_le_bytes(field(head, 96)?);
    let [format] = field(head, 104)?;
    let record_length = u16::from_le_bytes(field(head, 105)?);
    let legacy = u64::from(u32::from_le_bytes(field(head, 107)?));
    let points = if minor == 4 { u64::from_le_bytes(field(head, 247)?) } else { legacy };
    // LASzip marks compression in the two high bits of the format.
    let compressed = format & 0xc0 != 0;
    let room = size.saturating_sub(u64::from(data_offset));
    if !compressed && points.saturating_mul(u64::from(record_length)) > room {
        return Err(malformed(format!("{points} points of {record_length} bytes do not fit into {room} bytes")));
    }
    if points > 0 && room == 0 {
        return Err(malformed("the points are cut off"));
    }
    let points = checked_points(points, limits)?;
    Ok(Public { points, point_format: format & 0x3f, compressed, record_length, data_offset })
}

/// What the header says.
pub(super) fn header(head: &[u8], size: u64, limits: &Limits) -> Result<PointsHeader, ErrorKind> {
    let public = public_header(head, size, limits)?;
    let mut fields = vec!["x", "y", "z", "intensity", "classification"];
    // Formats with GPS time and with colour, by table 6 of the specification.
    if matches!(public.point_format, 1 | 3..=10) {
        fields.push("gps_time");
    }
    if matches!(public.point_format, 2 | 3 | 5 | 7 | 8 | 10) {
        fields.push("rgb");
    }
    Ok(PointsHeader { points: public.points, fields: fields.into_iter().map(String::from).collect() })
}

/// Decodes a file.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<PointCloud, ErrorKind> {
    let public = public_header(bytes, bytes.len() as u64, limits)?;
    let unpacked = public.points.saturating_mul(u64::from(public.record_length));
    if unpacked > limits.file_bytes {
        return Err(ErrorKind::LimitExceeded {
            what: "unpacked bytes of a LAZ",
            found: unpacked,
            limit: limits.file_bytes,
        });
    }
    if public.compressed {
        check_chunk_table(bytes, &public)?;
    }
    // The decoder indexes by values of the file; what it does not expect it may answer with a panic.
    let owned = bytes.to_vec();
    catch_unwind(AssertUnwindSafe(move || decode(owned, public.points)))
        .unwrap_or_else(|_| Err(malformed("the points are damaged")))
}

fn decode(bytes: Vec<u8>, points: u64) -> Result<PointCloud, ErrorKind> {
    let broken = |e: las::Error| malformed(e.to_string());
    let mut reader = Reader::new(Cursor::new(bytes)).map_err(broken)?;
    let mut batch = PointDataBuilder::new().for_header(reader.header()).build();
    let mut columns = Columns::default();
    let mut colours: Vec<[u16; 3]> = Vec::new();
    let mut read = 0;
    while read < points {
        let n = reader.fill_points(BATCH.min(points - read), &mut batch).map_err(broken)?;
        if n == 0 {
            return Err(malformed(format!("ends after {read} of {points} points")));
        }
        read += n;
        batch.x().for_each(|v| columns.push(Role::Axis(0), Number::Float(v)));
        batch.y().for_each(|v| columns.push(Role::Axis(1), Number::Float(v)));
        batch.z().for_each(|v| columns.push(Role::Axis(2), Number::Float(v)));
        batch.intensity().for_each(|v| columns.push(Role::Intensity, Number::Int(i64::from(v))));
        batch.classification().for_each(|v| columns.push(Role::Class, Number::Int(i64::from(v))));
        if let Some(times) = batch.gps_time() {
            times.for_each(|v| columns.push(Role::Time, Number::Float(v)));
        }
        if let Some(rgb) = batch.rgb() {
            colours.extend(rgb.map(|(r, g, b)| [r, g, b]));
        }
    }
    // The specification wants 16 bits; many files hold 8 in them.
    let wide_colour = colours.iter().flatten().any(|v| *v > 255);
    for rgb in colours {
        for (channel, v) in rgb.into_iter().enumerate() {
            columns.push(Role::Colour(channel), Number::Int(i64::from(if wide_colour { v >> 8 } else { v })));
        }
    }
    columns.cloud(FORMAT, points as usize, true)
}

/// Refuses a LAZ chunk table that names more chunks than there are points: the decoder allocates by it.
fn check_chunk_table(bytes: &[u8], public: &Public) -> Result<(), ErrorKind> {
    let long = |at: usize| bytes.get(at..at.checked_add(8)?).and_then(|b| b.try_into().ok()).map(i64::from_le_bytes);
    let start = public.data_offset as usize;
    let mut table = long(start).ok_or_else(|| malformed("the chunk table is cut off"))?;
    // A writer that could not seek back puts the offset at the very end.
    if table == -1 {
        table = bytes.len().checked_sub(8).and_then(long).unwrap_or(-1);
    }
    let count =
        usize::try_from(table).ok().and_then(|at| at.checked_add(4)).and_then(|at| bytes.get(at..at.checked_add(4)?));
    // Without a table the decoder reads on its own.
    let Some(count) = count.and_then(|b| b.try_into().ok()).map(u32::from_le_bytes) else { return Ok(()) };
    if u64::from(count) > public.points.max(1) {
        return Err(malformed(format!("{count} chunks of {} points", public.points)));
    }
    Ok(())
}

fn malformed(reason: impl Into<String>) -> ErrorKind {
    ErrorKind::malformed(FORMAT, reason)
}
