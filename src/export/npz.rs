//! NumPy's files: `.npy` (format 1.0) and `.npz` (a zip of them, stored), bytes by hand so that they never change.
//!
//! Source: NumPy enhancement proposal 1; PKWARE APPNOTE 6.3.

use half::f16;

/// An array to be written: its type, its shape and its little-endian bytes in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    descr: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Array {
    /// float64 values of a shape; the shape's product is the number of values.
    pub fn f64(shape: &[usize], values: impl IntoIterator<Item = f64>) -> Array {
        Array::new("<f8", shape, values.into_iter().flat_map(f64::to_le_bytes))
    }

    /// float32 values of a shape.
    pub fn f32(shape: &[usize], values: impl IntoIterator<Item = f32>) -> Array {
        Array::new("<f4", shape, values.into_iter().flat_map(f32::to_le_bytes))
    }

    /// float16 values of a shape, rounded from single precision.
    pub fn f16(shape: &[usize], values: impl IntoIterator<Item = f32>) -> Array {
        Array::new("<f2", shape, values.into_iter().flat_map(|v| f16::from_f32(v).to_le_bytes()))
    }

    /// int64 values of a shape.
    pub fn i64(shape: &[usize], values: impl IntoIterator<Item = i64>) -> Array {
        Array::new("<i8", shape, values.into_iter().flat_map(i64::to_le_bytes))
    }

    /// Booleans of a shape.
    pub fn bool(shape: &[usize], values: impl IntoIterator<Item = bool>) -> Array {
        Array::new("|b1", shape, values.into_iter().map(u8::from))
    }

    /// Texts, shape (N,).
    pub fn text<'a>(values: impl IntoIterator<Item = &'a str>) -> Array {
        let values: Vec<Vec<char>> = values.into_iter().map(|v| v.chars().collect()).collect();
        // NumPy has no text of length 0.
        let longest = values.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let padded = values.iter().flat_map(|v| (0..longest).map(|i| v.get(i).map_or(0, |c| u32::from(*c))));
        Array::new(&format!("<U{longest}"), &[values.len()], padded.flat_map(u32::to_le_bytes))
    }

    /// 4 × 4 matrices, float64, shape (N, 4, 4).
    pub fn matrices(values: &[[[f64; 4]; 4]]) -> Array {
        Array::f64(&[values.len(), 4, 4], values.iter().flatten().flatten().copied())
    }

    fn new(descr: &str, shape: &[usize], bytes: impl IntoIterator<Item = u8>) -> Array {
        Array { descr: descr.to_string(), shape: shape.to_vec(), bytes: bytes.into_iter().collect() }
    }

    /// The bytes of an `.npy` file.
    pub fn to_npy(&self) -> Vec<u8> {
        let shape = match self.shape.as_slice() {
            [one] => format!("({one},)"),
            many => format!("({})", many.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
        };
        let mut header = format!("{{'descr': '{}', 'fortran_order': False, 'shape': {shape}, }}", self.descr);
        // Data begins at a multiple of 64; the header ends with a line end.
        let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
        header.push_str(&" ".repeat(length - header.len() - 1));
        header.push('\n');
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((header.len() as u16).to_le_bytes());
        file.extend(header.as_bytes());
        file.extend(&self.bytes);
        file
    }
}

/// The bytes of an `.npz` file: arrays by their names, stored uncompressed, dated 1980-01-01.
pub fn to_npz(arrays: &[(&str, Array)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, array) in arrays {
        let (name, data) = (format!("{name}.npy"), array.to_npy());
        let mut entry = Vec::new();
        // Version 2.0, no flags, stored, midnight of 1980-01-01.
        for field in [20_u16, 0, 0, 0, 0x21] {
            entry.extend(field.to_le_bytes());
        }
        let size = data.len() as u32;
        for field in [crc32fast::hash(&data), size, size] {
            entry.extend(field.to_le_bytes());
        }
        for field in [name.len() as u16, 0] {
            entry.extend(field.to_le_bytes());
        }
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&entry);
        // No comment, first disk, no attributes.
        directory.extend([0; 10]);
        directory.extend((file.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        file.extend(b"PK\x03\x04");
        file.extend(entry);
        file.extend(name.as_bytes());
        file.extend(data);
    }
    let (start, count) = (file.len() as u32, arrays.len() as u16);
    let length = directory.len() as u32;
    file.extend(directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count.to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend(length.to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0; 2]);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_begins_at_a_multiple_of_64_behind_a_header_that_python_can_read() {
        let file = Array::f32(&[2, 3], [0.0, 1.0, 2.0, 3.0, 4.0, 5.5]).to_npy();
        let start = file.len() - 24;
        assert_eq!(start % 64, 0);
        assert_eq!(usize::from(u16::from_le_bytes([file[8], file[9]])), start - 10);
        let header = std::str::from_utf8(&file[10..start]).expect("text");
        assert_eq!(header.trim_end(), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
        assert!(header.ends_with('\n'));
        assert_eq!(file[file.len() - 4..], 5.5_f32.to_le_bytes());
    }

    #[test]
    fn texts_are_padded_to_the_longest() {
        let texts = Array::text(["a", "은행"]);
        assert_eq!((texts.descr.as_str(), texts.shape.as_slice(), texts.bytes.len()), ("<U2", &[2][..], 16));
    }
}
