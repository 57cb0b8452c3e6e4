//! The bytes of a bag: records of a header (fields `name=value`, each behind its length) and data.
//!
//! Source: ROS wiki, *Bags/Format/2.0*. Index and chunk info records repeat what the chunks say and are passed over.

use crate::error::ErrorKind;
use crate::record::Codec;

pub(super) const MAGIC: [u8; 13] = *b"#ROSBAG V2.0\n";

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Message,
    Chunk,
    Connection,
    Other,
}

/// A header's fields.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fields<'a> {
    fields: Vec<(&'a [u8], &'a [u8])>,
}

fn malformed(reason: impl Into<String>) -> ErrorKind {
    ErrorKind::malformed("ROS bag", reason)
}

/// The bytes behind a length, and where they begin.
fn sized(bytes: &[u8], at: usize) -> Option<(usize, &[u8])> {
    let rest = bytes.get(at..)?;
    let length = u32::from_le_bytes(*rest.first_chunk()?) as usize;
    Some((at + 4, rest[4..].get(..length)?))
}

/// The records of an unpacked chunk: header, where the data begin, data.
pub(super) fn records(bytes: &[u8]) -> impl Iterator<Item = Result<(&[u8], usize, &[u8]), ErrorKind>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= bytes.len() {
            return None;
        }
        let record = sized(bytes, at).and_then(|(start, header)| {
            let (data_at, data) = sized(bytes, start + header.len())?;
            Some((header, data_at, data))
        });
        at = record.map_or(bytes.len(), |(_, data_at, data)| data_at + data.len());
        Some(record.ok_or_else(|| malformed("a chunk ends inside a record")))
    })
}

impl<'a> Fields<'a> {
    /// Parses a header.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Fields<'a>, ErrorKind> {
        let (mut fields, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let (start, field) = sized(bytes, at).ok_or_else(|| malformed("a header ends inside a field"))?;
            let equals = field.iter().position(|c| *c == b'=').ok_or_else(|| malformed("a field has no name"))?;
            fields.push((&field[..equals], &field[equals + 1..]));
            at = start + field.len();
        }
        Ok(Fields { fields })
    }

    /// A field's value.
    pub(super) fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.fields.iter().find(|(n, _)| *n == name.as_bytes()).map(|(_, value)| *value)
    }

    fn needed(&self, name: &str) -> Result<&'a [u8], ErrorKind> {
        self.get(name).ok_or_else(|| malformed(format!("a record has no `{name}`")))
    }

    pub(super) fn text(&self, name: &str) -> Result<&'a str, ErrorKind> {
        std::str::from_utf8(self.needed(name)?).map_err(|_| malformed(format!("`{name}` is not text")))
    }

    pub(super) fn u32(&self, name: &str) -> Result<u32, ErrorKind> {
        let bytes = self.needed(name)?.try_into().map_err(|_| malformed(format!("`{name}` is not a number")))?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Nanoseconds of a time of seconds and nanoseconds.
    pub(super) fn time(&self, name: &str) -> Result<i64, ErrorKind> {
        let bytes: [u8; 8] = self.needed(name)?.try_into().map_err(|_| malformed(format!("`{name}` is not a time")))?;
        let [a, b, c, d, e, f, g, h] = bytes;
        let (sec, nsec) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        Ok(i64::from(sec) * 1_000_000_000 + i64::from(nsec))
    }

    /// What the record is.
    pub(super) fn op(&self) -> Result<Op, ErrorKind> {
        Ok(match self.needed("op")? {
            [0x02] => Op::Message,
            [0x05] => Op::Chunk,
            [0x07] => Op::Connection,
            _ => Op::Other,
        })
    }

    /// How a chunk is compressed.
    pub(super) fn codec(&self) -> Result<Codec, ErrorKind> {
        match self.text("compression")? {
            "none" => Ok(Codec::None),
            "lz4" => Ok(Codec::Lz4),
            "bz2" => Ok(Codec::Bz2),
            other => Err(ErrorKind::Unsupported(format!("a bag's compression `{other}`"))),
        }
    }
}
