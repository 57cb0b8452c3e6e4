//! The wire format of protocol buffers, as much of it as PBF needs.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>. Nothing here allocates or trusts a length.

use crate::error::ErrorKind;

/// A field's value on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 2: bytes, a string, a message or packed numbers.
    Bytes(&'a [u8]),
    /// Wire types 1 and 5, which PBF does not use.
    Fixed,
}

/// What is wrong with the bytes.
pub fn bad(reason: impl Into<String>) -> ErrorKind {
    ErrorKind::malformed("OSM PBF", reason)
}

/// Takes a base-128 varint off the front.
#[inline]
pub fn varint(bytes: &mut &[u8]) -> Result<u64, ErrorKind> {
    if let Some((&first, rest)) = bytes.split_first()
        && first < 0x80
    {
        *bytes = rest;
        return Ok(u64::from(first));
    }
    let mut value = 0u64;
    for (i, &byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            *bytes = &bytes[i + 1..];
            return Ok(value);
        }
    }
    Err(bad("a number that does not end"))
}

/// Undoes ZigZag.
#[inline]
pub fn zigzag(n: u64) -> i64 {
    ((n >> 1) as i64) ^ -((n & 1) as i64)
}

/// The next field and its number; `None` at the end of the message.
pub fn field<'a>(bytes: &mut &'a [u8]) -> Result<Option<(u64, Value<'a>)>, ErrorKind> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let key = varint(bytes)?;
    let value = match key & 7 {
        0 => Value::Varint(varint(bytes)?),
        1 => skip(bytes, 8)?,
        2 => {
            let length = varint(bytes)?;
            let length = usize::try_from(length).ok().filter(|&l| l <= bytes.len());
            let Some(length) = length else {
                return Err(bad("a field longer than its message"));
            };
            let (head, rest) = bytes.split_at(length);
            *bytes = rest;
            Value::Bytes(head)
        }
        5 => skip(bytes, 4)?,
        other => return Err(bad(format!("wire type {other}"))),
    };
    Ok(Some((key >> 3, value)))
}

fn skip<'a>(bytes: &mut &'a [u8], length: usize) -> Result<Value<'a>, ErrorKind> {
    *bytes = bytes.get(length..).ok_or_else(|| bad("a field longer than its message"))?;
    Ok(Value::Fixed)
}

/// A packed list of ZigZag differences: sums them up. Overflow wraps, as in every other reader.
pub struct Deltas<'a> {
    bytes: &'a [u8],
    sum: i64,
}

impl<'a> Deltas<'a> {
    /// Reads a packed field from its bytes.
    pub fn new(bytes: &'a [u8]) -> Deltas<'a> {
        Deltas { bytes, sum: 0 }
    }

    /// The next sum; `None` at the end.
    #[inline]
    pub fn next(&mut self) -> Result<Option<i64>, ErrorKind> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        self.sum = self.sum.wrapping_add(zigzag(varint(&mut self.bytes)?));
        Ok(Some(self.sum))
    }
}

/// The next number of a packed field; `None` at the end.
#[inline]
pub fn packed(bytes: &mut &[u8]) -> Result<Option<u64>, ErrorKind> {
    if bytes.is_empty() { Ok(None) } else { varint(bytes).map(Some) }
}
