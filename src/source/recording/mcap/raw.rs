//! MCAP's bytes, read from the front to the end: no index is needed, so a file that lost its end is read as far as it goes.
//!
//! Source: *MCAP format specification*, mcap.dev/spec. Summary sections and indexes repeat what the data section says
//! and are passed over; attachments and metadata are not read.

use std::io::{self, Read};

use crate::error::ErrorKind;
use crate::record::Codec;

pub(super) const MAGIC: [u8; 8] = *b"\x89MCAP0\r\n";

/// A record that is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Record<'a> {
    /// A definition of messages.
    Schema { id: u16, name: &'a str, encoding: &'a str, data: &'a [u8] },
    /// A topic; schema 0 is none.
    Channel { id: u16, schema: u16, topic: &'a str, encoding: &'a str },
    /// A message; `at` is where its data begin in what was parsed.
    Message { channel: u16, log_ns: u64, at: usize, data: &'a [u8] },
    /// Records that are compressed together; `at` is where they begin in what was parsed.
    Chunk { codec: Codec, inflated: u64, crc: u32, at: usize, data: &'a [u8] },
    /// The end of the data section.
    End,
    /// Anything else.
    Other,
}

/// A record's kind and length; `None` at the end of the file.
///
/// # Errors
///
/// Where the file ends inside it or cannot be read.
pub(super) fn head(reader: &mut impl Read) -> Result<Option<(u8, u64)>, ErrorKind> {
    let mut bytes = [0; 9];
    let mut filled = 0;
    while filled < bytes.len() {
        match reader.read(&mut bytes[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(cut()),
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(ErrorKind::io("read", e)),
        }
    }
    let [kind, length @ ..] = bytes;
    Ok(Some((kind, u64::from_le_bytes(length))))
}

/// The file ends inside a record.
pub(super) fn cut() -> ErrorKind {
    ErrorKind::malformed("MCAP", "the file is cut short: it is read up to its last whole record")
}

/// The records of an unpacked chunk, with where each begins.
pub(super) fn records(bytes: &[u8]) -> impl Iterator<Item = Result<(usize, u8, &[u8]), ErrorKind>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let head = rest.first_chunk::<9>().map(|[kind, length @ ..]| (*kind, u64::from_le_bytes(*length)));
        let content = head.and_then(|(kind, length)| {
            let content = rest[9..].get(..usize::try_from(length).ok()?)?;
            Some((at + 9, kind, content))
        });
        match content {
            Some(record) => {
                at += 9 + record.2.len();
                Some(Ok(record))
            }
            None => {
                at = bytes.len();
                Some(Err(ErrorKind::malformed("MCAP", "a chunk ends inside a record")))
            }
        }
    })
}

/// Parses the content of a record.
///
/// # Errors
///
/// Where it is shorter than its fields say, or a text is none.
pub(super) fn parse(kind: u8, content: &[u8]) -> Result<Record<'_>, ErrorKind> {
    let mut fields = Fields { bytes: content, at: 0 };
    Ok(match kind {
        0x03 => {
            Record::Schema { id: fields.u16()?, name: fields.text()?, encoding: fields.text()?, data: fields.bytes()? }
        }
        0x04 => Record::Channel {
            id: fields.u16()?,
            schema: fields.u16()?,
            topic: fields.text()?,
            encoding: fields.text()?,
        },
        0x05 => {
            let (channel, _sequence, log_ns, _publish) = (fields.u16()?, fields.u32()?, fields.u64()?, fields.u64()?);
            Record::Message { channel, log_ns, at: fields.at, data: &content[fields.at..] }
        }
        0x06 => {
            let (_start, _end) = (fields.u64()?, fields.u64()?);
            let (inflated, crc, codec) = (fields.u64()?, fields.u32()?, fields.text()?);
            let codec = match codec {
                "" => Codec::None,
                "lz4" => Codec::Lz4,
                "zstd" => Codec::Zstd,
                other => return Err(ErrorKind::Unsupported(format!("MCAP compression `{other}`"))),
            };
            let length = fields.u64()?;
            let at = fields.at;
            let data = usize::try_from(length).ok().and_then(|length| content[at..].get(..length)).ok_or_else(short)?;
            Record::Chunk { codec, inflated, crc, at, data }
        }
        0x0f => Record::End,
        _ => Record::Other,
    })
}

fn short() -> ErrorKind {
    ErrorKind::malformed("MCAP", "a record is shorter than its fields")
}

struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ErrorKind> {
        let chunk = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).ok_or_else(short)?;
        self.at += N;
        Ok(*chunk)
    }

    fn u16(&mut self) -> Result<u16, ErrorKind> {
        Ok(u16::from_le_bytes(self.take()?))
    }

    fn u32(&mut self) -> Result<u32, ErrorKind> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn u64(&mut self) -> Result<u64, ErrorKind> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    fn bytes(&mut self) -> Result<&'a [u8], ErrorKind> {
        let length = self.u32()? as usize;
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.get(..length)).ok_or_else(short)?;
        self.at += length;
        Ok(bytes)
    }

    fn text(&mut self) -> Result<&'a str, ErrorKind> {
        std::str::from_utf8(self.bytes()?).map_err(|_| ErrorKind::malformed("MCAP", "a text is not UTF-8"))
    }
}
