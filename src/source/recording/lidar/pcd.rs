//! Point Cloud Library's PCD, versions 0.6 and 0.7: `ascii`, `binary` and `binary_compressed` (LZF, column by column).
//!
//! Source: the PCL documentation, *The PCD file format*. The `VIEWPOINT` is the sensor's pose when the cloud was
//! taken; points are left in the frame they are written in.

use super::columns::{Columns, Role};
use super::scalar::Scalar;
use super::{PointsHeader, checked_points};
use crate::error::ErrorKind;
use crate::record::PointCloud;
use crate::source::Limits;

const FORMAT: &str = "PCD";

/// One field of a point.
struct Field {
    name: String,
    scalar: Scalar,
    count: usize,
    role: Option<Role>,
}

#[derive(Clone, Copy, PartialEq)]
enum Encoding {
    Ascii,
    Binary,
    Compressed,
}

/// A parsed header.
struct Header {
    fields: Vec<Field>,
    points: u64,
    encoding: Encoding,
    /// Length of the header in bytes.
    length: usize,
}

impl Header {
    /// Bytes of one point.
    fn stride(&self) -> usize {
        self.fields.iter().map(|f| f.scalar.size() * f.count).sum()
    }

    fn wide(&self) -> bool {
        self.fields.iter().any(|f| matches!(f.role, Some(Role::Axis(_))) && f.scalar.size() == 8)
    }
}

/// What the first bytes of a file of `size` bytes say.
pub(super) fn header(head: &[u8], size: u64, limits: &Limits) -> Result<PointsHeader, ErrorKind> {
    let header = parse_header(head, limits)?;
    let room = size.saturating_sub(header.length as u64);
    // The shortest token and its separator take two bytes.
    let least = match header.encoding {
        Encoding::Ascii => header.fields.iter().map(|f| f.count as u64).sum::<u64>().saturating_mul(2),
        Encoding::Binary => header.stride() as u64,
        Encoding::Compressed => 0,
    };
    if header.points.saturating_mul(least) > room + 1 {
        return Err(malformed(format!("{} points do not fit into {room} bytes", header.points)));
    }
    Ok(PointsHeader { points: header.points, fields: header.fields.into_iter().map(|f| f.name).collect() })
}

/// Decodes a file.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<PointCloud, ErrorKind> {
    let header = parse_header(bytes, limits)?;
    let body = bytes.get(header.length..).unwrap_or_default();
    let points = header.points as usize;
    let mut columns = Columns::default();
    match header.encoding {
        Encoding::Ascii => read_ascii(body, &header, &mut columns)?,
        Encoding::Binary => {
            let stride = header.stride();
            if stride == 0 || body.len() / stride < points {
                return Err(malformed(format!("{points} points of {stride} bytes, but {} bytes of data", body.len())));
            }
            let mut offset = 0;
            for field in &header.fields {
                // Only scalars have a place in a cloud; of a list field the first value is meant.
                if let Some(role) = field.role {
                    for point in 0..points {
                        let at = body.get(point * stride + offset..).unwrap_or_default();
                        columns.push(role, field.scalar.read(at, false).ok_or_else(|| malformed("data ends early"))?);
                    }
                }
                offset += field.scalar.size() * field.count;
            }
        }
        Encoding::Compressed => read_compressed(body, &header, limits, &mut columns)?,
    }
    columns.cloud(FORMAT, points, header.wide())
}

fn read_ascii(body: &[u8], header: &Header, columns: &mut Columns) -> Result<(), ErrorKind> {
    let text = std::str::from_utf8(body).map_err(|_| malformed("ascii data is not text"))?;
    let mut lines = text.lines().filter(|l| !l.trim().is_empty());
    for point in 0..header.points {
        let line = lines.next().ok_or_else(|| malformed(format!("ends after {point} of {} points", header.points)))?;
        let mut tokens = line.split_ascii_whitespace();
        for field in &header.fields {
            for index in 0..field.count {
                let token = tokens.next().ok_or_else(|| malformed(format!("point {point} has too few values")))?;
                if let (Some(role), 0) = (field.role, index) {
                    let value = field.scalar.parse(token);
                    columns
                        .push(role, value.ok_or_else(|| malformed(format!("point {point}: `{token}` is no number")))?);
                }
            }
        }
    }
    Ok(())
}

fn read_compressed(body: &[u8], header: &Header, limits: &Limits, columns: &mut Columns) -> Result<(), ErrorKind> {
    let word = |at: usize| body.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let (Some(packed), Some(unpacked)) = (word(0), word(4)) else {
        return Err(malformed("the sizes of the compressed data are missing"));
    };
    let expected = header.points.saturating_mul(header.stride() as u64);
    if u64::from(unpacked) != expected {
        return Err(malformed(format!("{unpacked} bytes unpacked, but the fields need {expected}")));
    }
    if expected > limits.inflated_bytes {
        return Err(ErrorKind::LimitExceeded {
            what: "unpacked bytes of a PCD",
            found: expected,
            limit: limits.inflated_bytes,
        });
    }
    let data = body.get(8..8 + packed as usize).ok_or_else(|| malformed("the compressed data ends early"))?;
    let data = lzf_decompress(data, unpacked as usize)?;
    // Unlike `binary`, the values of a field follow one another.
    let mut start = 0;
    for field in &header.fields {
        let (size, step) = (field.scalar.size(), field.scalar.size() * field.count);
        if let Some(role) = field.role {
            for point in 0..header.points as usize {
                let at = data.get(start + point * step..start + point * step + size).unwrap_or_default();
                columns.push(role, field.scalar.read(at, false).ok_or_else(|| malformed("data ends early"))?);
            }
        }
        start += step * header.points as usize;
    }
    Ok(())
}

/// Decompresses LibLZF's format: runs of literals, and back references of 2 to 264 bytes.
///
/// Memory grows with what is decoded, at most 264 bytes for 3 of input, and never beyond `size`.
fn lzf_decompress(input: &[u8], size: usize) -> Result<Vec<u8>, ErrorKind> {
    let mut out: Vec<u8> = Vec::with_capacity(size.min(input.len().saturating_mul(8)));
    let mut rest = input.iter();
    let mut next = || rest.next().map(|b| *b as usize).ok_or_else(|| malformed("the compressed data ends early"));
    while out.len() < size {
        let control = next()?;
        if control < 32 {
            for _ in 0..=control {
                out.push(next()? as u8);
            }
        } else {
            let mut length = control >> 5;
            if length == 7 {
                length += next()?;
            }
            let back = ((control & 31) << 8) + next()? + 1;
            let from =
                out.len().checked_sub(back).ok_or_else(|| malformed("a back reference points before the data"))?;
            for i in from..from + length + 2 {
                // The run may overlap what it writes.
                out.push(out[i]);
            }
        }
    }
    if out.len() != size {
        return Err(malformed(format!("{} bytes unpacked instead of {size}", out.len())));
    }
    Ok(out)
}

fn parse_header(bytes: &[u8], limits: &Limits) -> Result<Header, ErrorKind> {
    let (mut names, mut sizes, mut types, mut counts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut width, mut height, mut points) = (None, None, None);
    let mut at = 0;
    let encoding = loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let end = rest.iter().take(4096).position(|b| *b == b'\n');
        let end = end.ok_or_else(|| malformed("no `DATA` line in the header"))?;
        at += end + 1;
        let line = std::str::from_utf8(&rest[..end]).map_err(|_| malformed("the header is not text"))?;
        let mut words = line.split_ascii_whitespace();
        let Some(key) = words.next().filter(|k| !k.starts_with('#')) else { continue };
        let values: Vec<&str> = words.collect();
        let number = || values.first().and_then(|v| v.parse::<u64>().ok()).ok_or_else(|| malformed(line.trim()));
        match key {
            "FIELDS" | "COLUMNS" => names = values.iter().map(|v| (*v).to_string()).collect(),
            "SIZE" => sizes = values.iter().map(|v| (*v).to_string()).collect(),
            "TYPE" => types = values.iter().map(|v| (*v).to_string()).collect(),
            "COUNT" => counts = values.iter().map(|v| (*v).to_string()).collect(),
            "WIDTH" => width = Some(number()?),
            "HEIGHT" => height = Some(number()?),
            "POINTS" => points = Some(number()?),
            "VERSION" | "VIEWPOINT" => {}
            "DATA" => match values.first().copied() {
                Some("ascii") => break Encoding::Ascii,
                Some("binary") => break Encoding::Binary,
                Some("binary_compressed") => break Encoding::Compressed,
                other => return Err(malformed(format!("unknown `DATA {}`", other.unwrap_or_default()))),
            },
            _ => return Err(malformed(format!("unknown header line `{}`", line.trim()))),
        }
    };
    if names.is_empty() || names.len() != sizes.len() || names.len() != types.len() {
        return Err(malformed("`FIELDS`, `SIZE` and `TYPE` do not go together"));
    }
    if !counts.is_empty() && counts.len() != names.len() {
        return Err(malformed("`FIELDS` and `COUNT` do not go together"));
    }
    let mut fields = Vec::with_capacity(names.len());
    for (i, name) in names.into_iter().enumerate() {
        let scalar = match (types[i].as_str(), sizes[i].as_str()) {
            ("I", "1") => Scalar::I8,
            ("U", "1") => Scalar::U8,
            ("I", "2") => Scalar::I16,
            ("U", "2") => Scalar::U16,
            ("I", "4") => Scalar::I32,
            ("U", "4") => Scalar::U32,
            ("I", "8") => Scalar::I64,
            ("U", "8") => Scalar::U64,
            ("F", "4") => Scalar::F32,
            ("F", "8") => Scalar::F64,
            (kind, size) => return Err(malformed(format!("field `{name}` of type {kind} and size {size}"))),
        };
        let count = match counts.get(i) {
            None => 1,
            Some(text) => text
                .parse()
                .ok()
                .filter(|c| (1..=65_536).contains(c))
                .ok_or_else(|| malformed(format!("field `{name}` has a count of {text}")))?,
        };
        let role = Role::of(&name);
        fields.push(Field { name, scalar, count, role });
    }
    let points = match (points, width, height) {
        (Some(points), _, _) => points,
        (None, Some(width), Some(height)) => width.saturating_mul(height),
        _ => return Err(malformed("neither `POINTS` nor `WIDTH` and `HEIGHT`")),
    };
    Ok(Header { fields, points: checked_points(points, limits)?, encoding, length: at })
}

fn malformed(reason: impl Into<String>) -> ErrorKind {
    ErrorKind::malformed(FORMAT, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lzf_repeats_overlapping_runs() {
        // "abc", then 6 bytes from 3 back: a run that overlaps itself.
        assert_eq!(lzf_decompress(&[2, b'a', b'b', b'c', 4 << 5, 2], 9).expect("valid"), b"abcabcabc");
        assert!(lzf_decompress(&[2, b'a', b'b', b'c', 4 << 5, 200], 9).is_err());
        assert!(lzf_decompress(&[2, b'a'], 9).is_err());
    }

    #[test]
    fn ascii_and_binary_with_lists_and_doubles_agree() {
        let head = |data: &str, points: usize| {
            format!(
                "# .PCD v0.7\nVERSION 0.7\nFIELDS x normal y z label\nSIZE 8 4 8 8 1\nTYPE F F F F U\nCOUNT 1 2 1 1 1\n\
                 WIDTH {points}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {points}\nDATA {data}\n"
            )
        };
        let mut text = head("ascii", 2).into_bytes();
        text.extend_from_slice(b"600000.25 0 1 7.5 -2 3\nnan 0 1 nan nan 255\n");
        let mut binary = head("binary", 2).into_bytes();
        for (x, y, z, label) in [(600_000.25, 7.5, -2.0, 3u8), (f64::NAN, f64::NAN, f64::NAN, 255)] {
            binary.extend_from_slice(&f64::to_le_bytes(x));
            binary.extend_from_slice(&[0; 8]);
            binary.extend_from_slice(&f64::to_le_bytes(y));
            binary.extend_from_slice(&f64::to_le_bytes(z));
            binary.push(label);
        }
        for bytes in [text, binary] {
            let cloud = read(&bytes, &Limits::default()).expect("valid");
            assert_eq!(cloud.origin, [600_000.0, 7.0, -2.0]);
            assert_eq!(cloud.xyz[0], [0.25, 0.5, 0.0]);
            assert!(cloud.xyz[1][0].is_nan());
            assert_eq!(cloud.classification, Some(vec![3, 255]));
        }
    }

    #[test]
    fn more_points_than_bytes_are_refused_before_anything_is_allocated() {
        let text = "FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 90000000\nDATA binary\n";
        assert!(read(text.as_bytes(), &Limits::default()).is_err());
        assert!(header(text.as_bytes(), text.len() as u64, &Limits::default()).is_err());
    }
}
