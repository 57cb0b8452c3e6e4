//! Depth pictures: 16-bit PNG in centimetres, or NumPy's `.npy` in metres.

use half::f16;
use ndarray::Array2;

use crate::error::ErrorKind;
use crate::record::FrameFormat;
use crate::source::Limits;

/// Decodes a depth picture: metres along the camera's z axis (a panorama: along the ray), shape `(H, W)`; NaN where
/// nothing was measured, which files write as 0.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] where it is damaged or of another type, [`ErrorKind::LimitExceeded`] above `limits`,
/// [`ErrorKind::Unsupported`] for a format without depth.
pub fn read_depth(bytes: &[u8], format: FrameFormat, limits: &Limits) -> Result<Array2<f32>, ErrorKind> {
    let mut depth = match format {
        FrameFormat::Png => png(bytes, limits)?,
        FrameFormat::Npy => npy(bytes, limits)?,
        other => return Err(ErrorKind::Unsupported(format!("depth as `.{}`", other.extension()))),
    };
    depth.mapv_inplace(|d| if d > 0.0 { d } else { f32::NAN });
    Ok(depth)
}

fn png(bytes: &[u8], limits: &Limits) -> Result<Array2<f32>, ErrorKind> {
    let wrong = |e: image::ImageError| ErrorKind::malformed("PNG", e.to_string());
    let reader = image::ImageReader::with_format(std::io::Cursor::new(bytes), image::ImageFormat::Png);
    let (width, height) = reader.into_dimensions().map_err(wrong)?;
    checked(u64::from(width), u64::from(height), limits)?;
    let picture = image::load_from_memory_with_format(bytes, image::ImageFormat::Png).map_err(wrong)?;
    let image::DynamicImage::ImageLuma16(picture) = picture else {
        return Err(ErrorKind::malformed("depth PNG", "it has not one channel of 16 bits"));
    };
    let metres = picture.into_raw().into_iter().map(|cm| f32::from(cm) / 100.0).collect();
    shaped(height as usize, width as usize, metres)
}

/// NEP 1: magic, version, length of the header, a dict in Python's notation, then the numbers.
fn npy(bytes: &[u8], limits: &Limits) -> Result<Array2<f32>, ErrorKind> {
    let wrong = |reason: &str| ErrorKind::malformed("NPY", reason);
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(|| wrong("it has no magic"))?;
    let (length, rest) = match *rest {
        [1, _, a, b, ref rest @ ..] => (usize::from(u16::from_le_bytes([a, b])), rest),
        [2 | 3, _, a, b, c, d, ref rest @ ..] => (u32::from_le_bytes([a, b, c, d]) as usize, rest),
        _ => return Err(wrong("its version is unknown")),
    };
    let (header, numbers) = rest.split_at_checked(length).ok_or_else(|| wrong("its header is cut off"))?;
    let header = std::str::from_utf8(header).map_err(|_| wrong("its header is not text"))?;
    let value = |key: &str| header.split_once(key).map(|(_, rest)| rest.trim_start_matches([' ', ':']));
    if !value("'fortran_order'").is_some_and(|order| order.starts_with("False")) {
        return Err(wrong("it is not in C order"));
    }
    let shape = value("'shape'").and_then(|rest| rest.strip_prefix('(')?.split_once(')'));
    let sides: Option<Vec<u64>> =
        shape.map(|(sides, _)| sides.split(',').map(|side| side.trim().parse().ok()).collect()).unwrap_or_default();
    let Some(&[height, width]) = sides.as_deref() else { return Err(wrong("its shape is not (H, W)")) };
    checked(width, height, limits)?;
    let metres: Vec<f32> = match value("'descr'").and_then(|rest| rest.get(..5)) {
        Some("'<f2'") => numbers.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Some("'<f4'") => numbers.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Some("'<f8'") => numbers.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        _ => return Err(wrong("its numbers are not little-endian floats")),
    };
    shaped(height as usize, width as usize, metres)
}

fn checked(width: u64, height: u64, limits: &Limits) -> Result<(), ErrorKind> {
    let found = width.saturating_mul(height);
    match found > limits.pixels {
        true => Err(ErrorKind::LimitExceeded { what: "number of pixels", found, limit: limits.pixels }),
        false => Ok(()),
    }
}

fn shaped(height: usize, width: usize, metres: Vec<f32>) -> Result<Array2<f32>, ErrorKind> {
    Array2::from_shape_vec((height, width), metres)
        .map_err(|_| ErrorKind::malformed("depth picture", "it has not as many numbers as its header says"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As `numpy.save` of numpy 2.4 writes `[[1.5, 0.0, 2.25]]`.
    fn saved(descr: &str, numbers: &[u8]) -> Vec<u8> {
        let dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1, 3), }}");
        let header = format!("{dict:117}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(numbers);
        bytes
    }

    fn singles() -> Vec<u8> {
        saved("<f4", &[1.5_f32, 0.0, 2.25].map(f32::to_le_bytes).concat())
    }

    fn is_the_picture(depth: &Array2<f32>) -> bool {
        depth.dim() == (1, 3) && depth[[0, 0]] == 1.5 && depth[[0, 1]].is_nan() && depth[[0, 2]] == 2.25
    }

    #[test]
    fn depth_is_in_metres_and_zero_is_not_measured() {
        let limits = Limits::default();
        let doubles = saved("<f8", &[1.5_f64, 0.0, 2.25].map(f64::to_le_bytes).concat());
        let halves = saved("<f2", &[1.5, 0.0, 2.25].map(|v| f16::from_f32(v).to_le_bytes()).concat());
        for bytes in [singles(), doubles, halves] {
            assert!(is_the_picture(&read_depth(&bytes, FrameFormat::Npy, &limits).expect("valid")));
        }
        let picture = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(3, 1, vec![150, 0, 225]).expect("a row");
        let mut png = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut png, image::ImageFormat::Png).expect("encoded");
        assert!(is_the_picture(&read_depth(png.get_ref(), FrameFormat::Png, &limits).expect("valid")));
        let few = Limits { pixels: 2, ..Limits::default() };
        assert!(matches!(read_depth(png.get_ref(), FrameFormat::Png, &few), Err(ErrorKind::LimitExceeded { .. })));
        assert!(read_depth(&saved("<i4", &[0; 12]), FrameFormat::Npy, &limits).is_err());
        assert!(read_depth(&singles()[..130], FrameFormat::Npy, &limits).is_err());
    }

    proptest! {
        #[test]
        fn broken_files_are_errors(flips in proptest::collection::vec((0_usize..140, any::<u8>()), 1..10), cut in 0_usize..150) {
            let mut bytes = singles();
            for (at, value) in flips {
                let at = at % bytes.len();
                bytes[at] = value;
            }
            bytes.truncate(cut);
            let _ = read_depth(&bytes, FrameFormat::Npy, &Limits { pixels: 1000, ..Limits::default() });
        }
    }
}
