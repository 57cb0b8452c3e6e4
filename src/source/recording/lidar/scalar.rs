//! Scalars of binary point formats.

use super::columns::Number;

/// The type of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

impl Scalar {
    /// Size in bytes.
    pub(super) fn size(self) -> usize {
        match self {
            Scalar::I8 | Scalar::U8 => 1,
            Scalar::I16 | Scalar::U16 => 2,
            Scalar::I32 | Scalar::U32 | Scalar::F32 => 4,
            Scalar::I64 | Scalar::U64 | Scalar::F64 => 8,
        }
    }

    /// Whether it is a floating-point type.
    pub(super) fn is_float(self) -> bool {
        matches!(self, Scalar::F32 | Scalar::F64)
    }

    /// Decodes the first bytes; `None` where they are too few. A u64 above i64 is clamped.
    pub(super) fn read(self, bytes: &[u8], big_endian: bool) -> Option<Number> {
        let mut raw = [0u8; 8];
        let size = self.size();
        let taken = bytes.get(..size)?;
        for (i, byte) in taken.iter().enumerate() {
            raw[if big_endian { size - 1 - i } else { i }] = *byte;
        }
        let bits = u64::from_le_bytes(raw);
        Some(match self {
            Scalar::I8 => Number::Int(i64::from(bits as i8)),
            Scalar::U8 | Scalar::U16 | Scalar::U32 => Number::Int(bits as i64),
            Scalar::I16 => Number::Int(i64::from(bits as i16)),
            Scalar::I32 => Number::Int(i64::from(bits as i32)),
            Scalar::I64 => Number::Int(bits as i64),
            Scalar::U64 => Number::Int(i64::try_from(bits).unwrap_or(i64::MAX)),
            Scalar::F32 => Number::Float(f64::from(f32::from_bits(bits as u32))),
            Scalar::F64 => Number::Float(f64::from_bits(bits)),
        })
    }

    /// Parses a text token; `None` where it is no number. `nan` and `inf` are numbers.
    pub(super) fn parse(self, token: &str) -> Option<Number> {
        if self.is_float() {
            return token.parse().ok().map(Number::Float);
        }
        // Some writers put `3.0` into whole-number fields.
        token.parse().map(Number::Int).ok().or_else(|| token.parse().ok().map(|v: f64| Number::Int(v as i64)))
    }
}
