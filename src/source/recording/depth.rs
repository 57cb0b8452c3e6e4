//! Depth pictures: 16-bit PNG in centimetres, or NumPy's `.npy` in metres.

use ndarray::Array2;

use crate::error::ErrorKind;
use crate::record::FrameFormat;
use crate::source::Limits;

use super::npy;

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

fn npy(bytes: &[u8], limits: &Limits) -> Result<Array2<f32>, ErrorKind> {
    let array = npy::parse(bytes)?;
    let &[height, width] = array.shape.as_slice() else {
        return Err(ErrorKind::malformed("NPY", "its shape is not (H, W)"));
    };
    checked(width, height, limits)?;
    if !array.descr.starts_with("<f") {
        return Err(ErrorKind::malformed("NPY", "its numbers are not little-endian floats"));
    }
    let metres = array.numbers()?.into_iter().map(|metres| metres as f32).collect();
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
    use half::f16;
    use proptest::prelude::*;

    use super::npy::tests::saved;
    use super::*;

    fn singles() -> Vec<u8> {
        saved("<f4", "1, 3", &[1.5_f32, 0.0, 2.25].map(f32::to_le_bytes).concat())
    }

    fn is_the_picture(depth: &Array2<f32>) -> bool {
        depth.dim() == (1, 3) && depth[[0, 0]] == 1.5 && depth[[0, 1]].is_nan() && depth[[0, 2]] == 2.25
    }

    #[test]
    fn depth_is_in_metres_and_zero_is_not_measured() {
        let limits = Limits::default();
        let doubles = saved("<f8", "1, 3", &[1.5_f64, 0.0, 2.25].map(f64::to_le_bytes).concat());
        let halves = saved("<f2", "1, 3", &[1.5, 0.0, 2.25].map(|v| f16::from_f32(v).to_le_bytes()).concat());
        for bytes in [singles(), doubles, halves] {
            assert!(is_the_picture(&read_depth(&bytes, FrameFormat::Npy, &limits).expect("valid")));
        }
        let picture = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(3, 1, vec![150, 0, 225]).expect("a row");
        let mut png = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut png, image::ImageFormat::Png).expect("encoded");
        assert!(is_the_picture(&read_depth(png.get_ref(), FrameFormat::Png, &limits).expect("valid")));
        let few = Limits { pixels: 2, ..Limits::default() };
        assert!(matches!(read_depth(png.get_ref(), FrameFormat::Png, &few), Err(ErrorKind::LimitExceeded { .. })));
        assert!(read_depth(&saved("<i4", "1, 3", &[0; 12]), FrameFormat::Npy, &limits).is_err());
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
