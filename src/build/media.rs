//! Media on their way into a shard: read, hashed, checked, stripped or re-encoded.

use image::DynamicImage;

use crate::error::{ErrorKind, Result};
use crate::privacy::{Metadata, strip_metadata};
use crate::record::{FrameFormat, FrameRecord, MediaRef, Modality};
use crate::source::recording::lidar::read_points;
use crate::source::recording::picture::read_picture;
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
    let path = frame.media.path();
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
            let picture = read_picture(&bare, frame.format, limits).map_err(here)?;
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
        Modality::Depth | Modality::Mask | Modality::Audio => {
            (prepared.width, prepared.height) = (frame.width, frame.height);
            prepared.bytes = raw;
        }
    }
    Ok(prepared)
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
