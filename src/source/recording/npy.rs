//! NumPy's `.npy` (NEP 1): magic, version, length of the header, a dict in Python's notation, then the numbers.

use half::f16;

use crate::error::ErrorKind;

/// An array as it lies in its file; the numbers are still bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Array<'a> {
    /// Its sides; none for a single number.
    pub shape: Vec<u64>,
    /// The type of its numbers, e.g. `<f8`.
    pub descr: &'a str,
    /// Whether the first index changes fastest (Fortran's order).
    columns_first: bool,
    bytes: &'a [u8],
}

/// Reads the header of an array.
///
/// # Errors
///
/// Where it is none, or its header is broken.
pub(super) fn parse(bytes: &[u8]) -> Result<Array<'_>, ErrorKind> {
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(|| wrong("it has no magic"))?;
    let (length, rest) = match *rest {
        [1, _, a, b, ref rest @ ..] => (usize::from(u16::from_le_bytes([a, b])), rest),
        [2 | 3, _, a, b, c, d, ref rest @ ..] => (u32::from_le_bytes([a, b, c, d]) as usize, rest),
        _ => return Err(wrong("its version is unknown")),
    };
    let (header, numbers) = rest.split_at_checked(length).ok_or_else(|| wrong("its header is cut off"))?;
    let header = std::str::from_utf8(header).map_err(|_| wrong("its header is not text"))?;
    let value = |key: &str| header.split_once(key).map(|(_, rest)| rest.trim_start_matches([' ', ':']));
    let order = value("'fortran_order'").ok_or_else(|| wrong("it does not say its order"))?;
    let columns_first = order.starts_with("True");
    let shape = value("'shape'").and_then(|rest| rest.strip_prefix('(')?.split_once(')'));
    let (sides, _) = shape.ok_or_else(|| wrong("it has no shape"))?;
    let sides = sides.split(',').map(str::trim).filter(|side| !side.is_empty());
    let shape: Option<Vec<u64>> = sides.map(|side| side.parse().ok()).collect();
    let descr = value("'descr'").and_then(|rest| rest.strip_prefix('\'')?.split_once('\''));
    let (descr, _) = descr.ok_or_else(|| wrong("it has no plain type of numbers"))?;
    let shape = shape.ok_or_else(|| wrong("its shape is no list of numbers"))?;
    Ok(Array { shape, descr, columns_first, bytes: numbers })
}

impl Array<'_> {
    /// Its numbers in C order, as many as its shape says.
    ///
    /// # Errors
    ///
    /// Where they are no little-endian floats or integers, or not as many as the shape says.
    pub(super) fn numbers(&self) -> Result<Vec<f64>, ErrorKind> {
        let bytes = self.bytes;
        let numbers: Vec<f64> = match self.descr {
            "<f2" => bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f64()).collect(),
            "<f4" => bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
            "<f8" => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            "<i4" => bytes.as_chunks().0.iter().map(|b| f64::from(i32::from_le_bytes(*b))).collect(),
            "<i8" => bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect(),
            _ => return Err(wrong("its numbers are neither little-endian floats nor integers")),
        };
        let asked = self.shape.iter().try_fold(1_u64, |product, side| product.checked_mul(*side));
        if asked != Some(numbers.len() as u64) {
            return Err(wrong("it has not as many numbers as its header says"));
        }
        match (self.columns_first, self.shape.as_slice()) {
            (false, _) | (true, [] | [_]) => Ok(numbers),
            (true, &[rows, columns]) => {
                let (rows, columns) = (rows as usize, columns as usize);
                Ok((0..rows).flat_map(|r| (0..columns).map(move |c| c * rows + r)).map(|i| numbers[i]).collect())
            }
            (true, _) => Err(wrong("it is in Fortran's order and of more than two dimensions")),
        }
    }

    /// Its numbers as rows of `N`; a flat array is taken as rows of one.
    ///
    /// # Errors
    ///
    /// As [`Array::numbers`], and where its shape is not `(rows, N)`.
    pub(super) fn rows<const N: usize>(&self) -> Result<Vec<[f64; N]>, ErrorKind> {
        let fits = match *self.shape.as_slice() {
            [_] => N == 1,
            [_, side] => side == N as u64,
            _ => false,
        };
        if !fits {
            return Err(wrong(&format!("its shape is {:?}, not (rows, {N})", self.shape)));
        }
        Ok(self.numbers()?.as_chunks().0.to_vec())
    }
}

fn wrong(reason: &str) -> ErrorKind {
    ErrorKind::malformed("NPY", reason)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As `numpy.save` of numpy 2.4 writes an array.
    pub(crate) fn saved(descr: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
        let dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
        let header = format!("{dict:117}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(numbers);
        bytes
    }

    #[test]
    fn rows_have_the_shape_that_the_header_says() {
        let numbers = [1.0_f64, 2.0, 3.0, 4.0].map(f64::to_le_bytes).concat();
        let bytes = saved("<f8", "2, 2", &numbers);
        assert_eq!(parse(&bytes).and_then(|a| a.rows::<2>()).expect("valid"), [[1.0, 2.0], [3.0, 4.0]]);
        assert!(parse(&bytes).and_then(|a| a.rows::<3>()).is_err());
        let mut columns = bytes.clone();
        let at = columns.windows(5).position(|w| w == b"False").expect("says its order");
        columns.splice(at..at + 5, *b"True ");
        assert_eq!(parse(&columns).and_then(|a| a.rows::<2>()).expect("valid"), [[1.0, 3.0], [2.0, 4.0]]);
        let flat = saved("<i8", "3,", &[1_i64, 2, 3].map(i64::to_le_bytes).concat());
        assert_eq!(parse(&flat).and_then(|a| a.rows::<1>()).expect("valid").concat(), [1.0, 2.0, 3.0]);
        let short = saved("<f8", "9,", &numbers);
        assert!(parse(&short).expect("a header").numbers().is_err());
    }

    proptest! {
        #[test]
        fn damaged_arrays_are_errors(at in 0_usize..160, byte: u8, cut in 0_usize..160) {
            let mut bytes = saved("<f8", "2, 2", &[7; 32]);
            let at = at.min(bytes.len() - 1);
            bytes[at] = byte;
            bytes.truncate(bytes.len() - cut.min(bytes.len()));
            let _ = parse(&bytes).and_then(|a| a.rows::<2>());
        }
    }
}
