//! Media on their way into a shard: read, hashed, checked, stripped or re-encoded.

use image::DynamicImage;
use ndarray::ArrayView2;

use crate::error::{ErrorKind, Result};
use crate::privacy::{Metadata, strip_metadata};
use crate::record::{FrameFormat, FrameRecord, MediaRef, Modality};
use crate::source::recording::lidar::read_points;
use crate::source::recording::picture::{encode_png, read_picture};
use crate::source::{Limits, RecordingSource};

use super::ImageOutput;

/// Quality of pictures that are made here, where the config keeps others as they are.
const NEW_JPEG: u8 = 90;

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
    let here = |kind: ErrorKind| kind.in_file(frame.media.path());
    if frame.modality == Modality::Camera {
        return prepare_picture(open_picture(source, frame, limits)?, frame.format, metadata, output).map_err(here);
    }
    let (raw, source_hash) = read(source, frame)?;
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
        Modality::Depth | Modality::Mask if frame.format != FrameFormat::Npy => {
            prepared.bytes = match metadata {
                Metadata::Strip => strip_metadata(&raw, frame.format).map_err(here)?,
                Metadata::Keep => raw,
            };
            let picture = read_picture(&prepared.bytes, frame.format, limits).map_err(here)?;
            (prepared.width, prepared.height) = (Some(picture.width()), Some(picture.height()));
        }
        Modality::Lidar => {
            let cloud = read_points(&raw, frame.format, limits).map_err(here)?;
            prepared.points = Some(cloud.len() as u64);
            prepared.bytes = raw;
        }
        Modality::Camera | Modality::Depth | Modality::Mask | Modality::Audio => {
            (prepared.width, prepared.height) = (frame.width, frame.height);
            prepared.bytes = raw;
        }
    }
    Ok(prepared)
}

/// A picture that was read and decoded.
pub struct Opened {
    /// The bytes as they lie in the source.
    raw: Vec<u8>,
    /// The same without metadata.
    bare: Vec<u8>,
    /// Its pixels.
    pub picture: DynamicImage,
    /// blake3 of the source's bytes, hex, where they are a whole file.
    pub source_hash: Option<String>,
}

/// Reads a picture and decodes it strictly.
///
/// # Errors
///
/// Where the bytes cannot be read or are no whole picture of their format.
pub fn open_picture(source: &dyn RecordingSource, frame: &FrameRecord, limits: &Limits) -> Result<Opened> {
    let here = |kind: ErrorKind| kind.in_file(frame.media.path());
    let (raw, source_hash) = read(source, frame)?;
    let bare = strip_metadata(&raw, frame.format).map_err(here)?;
    let picture = read_picture(&bare, frame.format, limits).map_err(here)?;
    Ok(Opened { raw, bare, picture, source_hash })
}

fn prepare_picture(
    opened: Opened,
    format: FrameFormat,
    metadata: Metadata,
    output: ImageOutput,
) -> Result<Prepared, ErrorKind> {
    let Opened { raw, bare, picture, source_hash } = opened;
    let (bytes, format, privacy_state) = match output {
        ImageOutput::Keep if metadata == Metadata::Strip => (bare, format, "metadata_stripped"),
        ImageOutput::Keep => (raw, format, "metadata_kept"),
        // What we encode ourselves carries no metadata of the source.
        ImageOutput::Jpeg(_) | ImageOutput::Webp => {
            let (bytes, format) = encode(&picture, output)?;
            (bytes, format, "metadata_stripped")
        }
    };
    let (width, height) = (Some(picture.width()), Some(picture.height()));
    Ok(Prepared { bytes, format, source_hash, width, height, points: None, privacy_state })
}

/// The bytes of an observation, and their blake3 where they are a whole file.
fn read(source: &dyn RecordingSource, frame: &FrameRecord) -> Result<(Vec<u8>, Option<String>)> {
    let raw = source.media(frame)?;
    let whole_file = matches!(frame.media, MediaRef::File(_));
    let hash = whole_file.then(|| blake3::hash(&raw).to_hex().to_string());
    Ok((raw, hash))
}

/// Pixels encoded as the output asks; what would be kept as it is becomes a JPEG of quality 90.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] where the picture is larger than the format allows.
pub fn encode(picture: &DynamicImage, output: ImageOutput) -> Result<(Vec<u8>, FrameFormat), ErrorKind> {
    match output {
        ImageOutput::Keep => Ok((encode_jpeg(picture, NEW_JPEG)?, FrameFormat::Jpg)),
        ImageOutput::Jpeg(quality) => Ok((encode_jpeg(picture, quality)?, FrameFormat::Jpg)),
        ImageOutput::Webp => Ok((encode_webp(picture)?, FrameFormat::Webp)),
    }
}

/// A mask as a PNG of one grey channel.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] where the mask is larger than the format allows.
pub fn encode_mask(mask: &ArrayView2<'_, u8>) -> Result<Vec<u8>, ErrorKind> {
    let (height, width) = mask.dim();
    let pixels: Vec<u8> = mask.iter().copied().collect();
    encode_png(&pixels, width as u32, height as u32, image::ExtendedColorType::L8)
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
