//! Pictures decoded strictly: what is cut short is refused, not filled with grey.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};

use crate::error::{ErrorKind, Result};
use crate::record::FrameFormat;
use crate::source::Limits;

/// Decodes a picture, refusing what is cut short or larger than the limits.
///
/// # Errors
///
/// Where the bytes are not a whole picture of this format.
pub fn read_picture(bytes: &[u8], format: FrameFormat, limits: &Limits) -> Result<DynamicImage, ErrorKind> {
    let (name, format) = match format {
        FrameFormat::Jpg => ("JPEG", ImageFormat::Jpeg),
        FrameFormat::Png => ("PNG", ImageFormat::Png),
        FrameFormat::Webp => ("WebP", ImageFormat::WebP),
        other => return Err(ErrorKind::Unsupported(format!("a picture as .{}", other.extension()))),
    };
    let size = image::ImageReader::with_format(Cursor::new(bytes), format)
        .into_dimensions()
        .map_err(|e| ErrorKind::malformed(name, e.to_string()))?;
    let pixels = u64::from(size.0) * u64::from(size.1);
    if pixels > limits.pixels {
        return Err(ErrorKind::LimitExceeded { what: "number of pixels", found: pixels, limit: limits.pixels });
    }
    if format == ImageFormat::Jpeg {
        return decode_jpeg(bytes, size);
    }
    let mut reader = image::ImageReader::with_format(Cursor::new(bytes), format);
    // The limit above is ours; the library's own would refuse large panoramas.
    reader.no_limits();
    reader.decode().map_err(|e| ErrorKind::malformed(name, e.to_string()))
}

/// Decodes a JPEG (without anything behind its end marker) strictly: `image` itself fills what is missing with grey.
///
/// A picture that says it is higher than its data are ends early, at its end marker, and the decoder would fill it up
/// without a word; without the marker it runs out of data and says so. Scans of progressive pictures end at markers, so
/// there it must stay.
fn decode_jpeg(bytes: &[u8], size: (u32, u32)) -> Result<DynamicImage, ErrorKind> {
    let progressive = bytes.windows(2).take(bytes.len().min(65_536)).any(|w| w == [0xFF, 0xC2]);
    let bytes = if progressive { bytes } else { bytes.strip_suffix(&[0xFF, 0xD9]).unwrap_or(bytes) };
    use zune_jpeg::JpegDecoder;
    use zune_jpeg::zune_core::bytestream::ZCursor;
    use zune_jpeg::zune_core::colorspace::ColorSpace;
    use zune_jpeg::zune_core::options::DecoderOptions;
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(size.0 as usize)
        .set_max_height(size.1 as usize)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().map_err(|e| ErrorKind::malformed("JPEG", e.to_string()))?;
    image::RgbImage::from_raw(size.0, size.1, pixels)
        .map(DynamicImage::ImageRgb8)
        .ok_or_else(|| ErrorKind::malformed("JPEG", "fewer pixels than its header says"))
}
