//! Stanford PLY 1.0: ascii, little and big endian. The `vertex` element is the cloud; other elements and lists are
//! skipped.
//!
//! Source: G. Turk, *The PLY polygon file format*, 1994.

use super::columns::{Columns, Number, Role};
use super::scalar::Scalar;
use super::{PointsHeader, checked_points};
use crate::error::ErrorKind;
use crate::record::PointCloud;
use crate::source::Limits;

const FORMAT: &str = "PLY";

enum Kind {
    Scalar(Scalar),
    /// A list: type of its length, type of its items.
    List(Scalar, Scalar),
}

struct Property {
    name: String,
    kind: Kind,
}

struct Element {
    name: String,
    count: u64,
    properties: Vec<Property>,
}

#[derive(Clone, Copy, PartialEq)]
enum Encoding {
    Ascii,
    Little,
    Big,
}

struct Header {
    encoding: Encoding,
    elements: Vec<Element>,
    length: usize,
}

/// Where the next scalar comes from.
enum Cursor<'a> {
    Text(std::str::SplitAsciiWhitespace<'a>),
    Bytes { rest: &'a [u8], big_endian: bool },
}

impl Cursor<'_> {
    fn next(&mut self, scalar: Scalar) -> Option<Number> {
        match self {
            Cursor::Text(tokens) => scalar.parse(tokens.next()?),
            Cursor::Bytes { rest, big_endian } => {
                let value = scalar.read(rest, *big_endian)?;
                *rest = rest.get(scalar.size()..)?;
                Some(value)
            }
        }
    }
}

/// What the first bytes of a file of `size` bytes say.
pub(super) fn header(head: &[u8], size: u64, limits: &Limits) -> Result<PointsHeader, ErrorKind> {
    let header = parse_header(head, limits)?;
    let vertex = header.vertex()?;
    let room = size.saturating_sub(header.length as u64);
    if vertex.count > room {
        return Err(malformed(format!("{} points do not fit into {room} bytes", vertex.count)));
    }
    Ok(PointsHeader { points: vertex.count, fields: vertex.properties.iter().map(|p| p.name.clone()).collect() })
}

/// Decodes a file.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<PointCloud, ErrorKind> {
    let header = parse_header(bytes, limits)?;
    header.vertex()?;
    let body = bytes.get(header.length..).unwrap_or_default();
    let mut cursor = match header.encoding {
        Encoding::Ascii => {
            let text = std::str::from_utf8(body).map_err(|_| malformed("ascii data is not text"))?;
            Cursor::Text(text.split_ascii_whitespace())
        }
        Encoding::Little => Cursor::Bytes { rest: body, big_endian: false },
        Encoding::Big => Cursor::Bytes { rest: body, big_endian: true },
    };
    let mut columns = Columns::default();
    for element in &header.elements {
        let is_vertex = element.name == "vertex";
        if element.properties.is_empty() {
            continue;
        }
        let roles: Vec<Option<Role>> =
            element.properties.iter().map(|p| Role::of(&p.name).filter(|_| is_vertex)).collect();
        for row in 0..element.count {
            let early = || malformed(format!("`{}` {row} of {} is cut off or no number", element.name, element.count));
            for (property, role) in element.properties.iter().zip(&roles) {
                match property.kind {
                    Kind::Scalar(scalar) => {
                        let value = cursor.next(scalar).ok_or_else(early)?;
                        if let Some(role) = role {
                            columns.push(*role, value);
                        }
                    }
                    Kind::List(length, item) => {
                        let Some(Number::Int(length)) = cursor.next(length) else { return Err(early()) };
                        for _ in 0..length {
                            cursor.next(item).ok_or_else(early)?;
                        }
                    }
                }
            }
        }
        if is_vertex {
            let wide = element.properties.iter().any(
                |p| matches!((&p.kind, Role::of(&p.name)), (Kind::Scalar(s), Some(Role::Axis(_))) if s.size() == 8),
            );
            return columns.cloud(FORMAT, element.count as usize, wide);
        }
    }
    Err(malformed("no vertices"))
}

impl Header {
    fn vertex(&self) -> Result<&Element, ErrorKind> {
        let vertex = self.elements.iter().find(|e| e.name == "vertex");
        vertex.filter(|v| !v.properties.is_empty()).ok_or_else(|| malformed("no element `vertex` with properties"))
    }
}

fn parse_header(bytes: &[u8], limits: &Limits) -> Result<Header, ErrorKind> {
    let mut at = 0;
    let mut encoding = None;
    let mut elements: Vec<Element> = Vec::new();
    let mut first = true;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let end = rest.iter().take(4096).position(|b| *b == b'\n');
        let end = end.ok_or_else(|| malformed("no `end_header` line"))?;
        at += end + 1;
        let line = std::str::from_utf8(&rest[..end]).map_err(|_| malformed("the header is not text"))?.trim();
        if std::mem::take(&mut first) {
            if line != "ply" {
                return Err(malformed("does not start with `ply`"));
            }
            continue;
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words[..] {
            [] | ["comment" | "obj_info", ..] => {}
            ["format", "ascii", "1.0"] => encoding = Some(Encoding::Ascii),
            ["format", "binary_little_endian", "1.0"] => encoding = Some(Encoding::Little),
            ["format", "binary_big_endian", "1.0"] => encoding = Some(Encoding::Big),
            ["element", name, count] => {
                let count = count.parse().map_err(|_| malformed(line))?;
                let count = checked_points(count, limits)?;
                elements.push(Element { name: name.to_string(), count, properties: Vec::new() });
            }
            ["property", "list", length, item, name] => {
                let kind = Kind::List(scalar(length)?, scalar(item)?);
                let element = elements.last_mut().ok_or_else(|| malformed("a property before any element"))?;
                element.properties.push(Property { name: name.to_string(), kind });
            }
            ["property", kind, name] => {
                let kind = Kind::Scalar(scalar(kind)?);
                let element = elements.last_mut().ok_or_else(|| malformed("a property before any element"))?;
                element.properties.push(Property { name: name.to_string(), kind });
            }
            ["end_header"] => break,
            _ => return Err(malformed(format!("unknown header line `{line}`"))),
        }
    }
    let encoding = encoding.ok_or_else(|| malformed("no `format` line"))?;
    Ok(Header { encoding, elements, length: at })
}

fn scalar(name: &str) -> Result<Scalar, ErrorKind> {
    Ok(match name {
        "char" | "int8" => Scalar::I8,
        "uchar" | "uint8" => Scalar::U8,
        "short" | "int16" => Scalar::I16,
        "ushort" | "uint16" => Scalar::U16,
        "int" | "int32" => Scalar::I32,
        "uint" | "uint32" => Scalar::U32,
        "float" | "float32" => Scalar::F32,
        "double" | "float64" => Scalar::F64,
        _ => return Err(malformed(format!("unknown type `{name}`"))),
    })
}

fn malformed(reason: impl Into<String>) -> ErrorKind {
    ErrorKind::malformed(FORMAT, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(format: &str) -> Vec<u8> {
        format!(
            "ply\r\nformat {format} 1.0\r\ncomment made by hand\r\nelement face 1\r\nproperty list uchar int vertex_indices\r\n\
             element vertex 2\r\nproperty float x\r\nproperty float y\r\nproperty float z\r\nproperty uchar red\r\n\
             property uchar green\r\nproperty uchar blue\r\nproperty ushort intensity\r\nend_header\r\n"
        )
        .into_bytes()
    }

    #[test]
    fn the_three_encodings_agree_and_lists_are_skipped() {
        let mut ascii = head("ascii");
        ascii.extend_from_slice(b"3 0 1 1\n1.5 -2 3 255 0 9 700\n4 5 6 1 2 3 8\n");
        let mut little = head("binary_little_endian");
        let mut big = head("binary_big_endian");
        little.push(3);
        big.push(3);
        for index in [0i32, 1, 1] {
            little.extend_from_slice(&index.to_le_bytes());
            big.extend_from_slice(&index.to_be_bytes());
        }
        for (xyz, rgb, intensity) in [([1.5f32, -2.0, 3.0], [255u8, 0, 9], 700u16), ([4.0, 5.0, 6.0], [1, 2, 3], 8)] {
            for v in xyz {
                little.extend_from_slice(&v.to_le_bytes());
                big.extend_from_slice(&v.to_be_bytes());
            }
            little.extend_from_slice(&rgb);
            big.extend_from_slice(&rgb);
            little.extend_from_slice(&intensity.to_le_bytes());
            big.extend_from_slice(&intensity.to_be_bytes());
        }
        let limits = Limits::default();
        let cloud = read(&ascii, &limits).expect("valid");
        assert_eq!(cloud.xyz, [[1.5, -2.0, 3.0], [4.0, 5.0, 6.0]]);
        assert_eq!((&cloud.rgb, &cloud.intensity), (&Some(vec![[255, 0, 9], [1, 2, 3]]), &Some(vec![700.0, 8.0])));
        assert_eq!(read(&little, &limits).expect("valid"), cloud);
        assert_eq!(read(&big, &limits).expect("valid"), cloud);
        assert!(read(&big[..big.len() - 1], &limits).is_err());
    }
}
