//! Media on their way into a shard: read, hashed, checked, stripped or re-encoded.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};

use crate::error::{ErrorKind, Result};
use crate::privacy::{Metadata, strip_metadata};
use crate::record::{FrameFormat, FrameRecord, MediaRef, Modality};
use crate::source::recording::lidar::read_points;
use crate::source::{Limits, RecordingSource};

use super::ImageOutput;

/// An observation's bytes as they are stored.
pub struct Prepared {
    /// What goes into the shard.
    pub bytes: Vec<u8>,
    /// Its encoding.
    pub format: FrameFormat,
    /// blake3 of the source's bytes, hex, where they are a whole file.
    pub source_hash: Option<String>,
    /// Stored width, pixels.
    pub width: Option<u32>,
    /// Stored height, pixels.
    pub height: Option<u32>,
    /// Points of a sweep.
    pub points: Option<u64>,
    /// `metadata_stripped`, `metadata_kept`, `none`.
    pub privacy_state: &'static str,
}

/// Reads an observation and makes of it what is stored.
///
/// Every picture is decoded once, strictly, and every sweep parsed: what cannot be read here would stop a training run
/// later. The decoded pixels are thrown away unless the config asks for another encoding.
///
/// # Errors
///
/// Where the bytes cannot be read or are not what their format asks for; the frame is then left out.
pub fn prepare(
    source: &dyn RecordingSource,
    frame: &FrameRecord,
    metadata: Metadata,
    output: ImageOutput,
    limits: &Limits,
) -> Result<Prepared> {
    let raw = source.media(frame)?;
    let path = match &frame.media {
        MediaRef::File(path) | MediaRef::Range { path, .. } => path,
    };
    let whole_file = matches!(frame.media, MediaRef::File(_));
    let source_hash = whole_file.then(|| blake3::hash(&raw).to_hex().to_string());
    let here = |kind: ErrorKind| kind.in_file(path);
    let mut prepared = Prepared {
        bytes: Vec::new(),
        format: frame.format,
        source_hash,
        width: None,
        height: None,
        points: None,
        privacy_state: "none",
    };
    match frame.modality {
        Modality::Camera => {
            let bare = strip_metadata(&raw, frame.format).map_err(here)?;
            let picture = decode(&bare, frame.format, limits).map_err(here)?;
            (prepared.width, prepared.height) = (Some(picture.width()), Some(picture.height()));
            match output {
                ImageOutput::Keep if metadata == Metadata::Strip => {
                    prepared.bytes = bare;
                    prepared.privacy_state = "metadata_stripped";
                }
                ImageOutput::Keep => {
                    prepared.bytes = raw;
                    prepared.privacy_state = "metadata_kept";
                }
                // What we encode ourselves carries no metadata of the source.
                ImageOutput::Jpeg(quality) => {
                    (prepared.bytes, prepared.format) =
                        (encode_jpeg(&picture, quality).map_err(here)?, FrameFormat::Jpg);
                    prepared.privacy_state = "metadata_stripped";
                }
                ImageOutput::Webp => {
                    (prepared.bytes, prepared.format) = (encode_webp(&picture).map_err(here)?, FrameFormat::Webp);
                    prepared.privacy_state = "metadata_stripped";
                }
            }
        }
        Modality::Depth | Modality::Mask if frame.format != FrameFormat::Npy => {
            prepared.bytes = strip_metadata(&raw, frame.format).map_err(here)?;
            let picture = decode(&prepared.bytes, frame.format, limits).map_err(here)?;
            (prepared.width, prepared.height) = (Some(picture.width()), Some(picture.height()));
        }
        Modality::Lidar => {
            let cloud = read_points(&raw, frame.format, limits).map_err(here)?;
            prepared.points = Some(cloud.len() as u64);
            prepared.bytes = raw;
        }
        Modality::Depth | Modality::Mask | Modality::Audio => {
            (prepared.width, prepared.height) = (frame.width, frame.height);
            prepared.bytes = raw;
        }
    }
    Ok(prepared)
}

/// Decodes a picture, refusing what is cut short or larger than the limits.
fn decode(bytes: &[u8], format: FrameFormat, limits: &Limits) -> Result<DynamicImage, ErrorKind> {
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

fn encode_jpeg(picture: &DynamicImage, quality: u8) -> Result<Vec<u8>, ErrorKind> {
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode_image(&picture.to_rgb8())
        .map_err(|e| ErrorKind::malformed("JPEG", e.to_string()))?;
    Ok(bytes)
}

fn encode_webp(picture: &DynamicImage) -> Result<Vec<u8>, ErrorKind> {
    let mut bytes = Vec::new();
    image::codecs::webp::WebPEncoder::new_lossless(&mut bytes)
        .encode(picture.to_rgb8().as_raw(), picture.width(), picture.height(), image::ExtendedColorType::Rgb8)
        .map_err(|e| ErrorKind::malformed("WebP", e.to_string()))?;
    Ok(bytes)
}
