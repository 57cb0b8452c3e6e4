//! One media file as a frame, its headers read: what every reader of files beside each other shares.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use crate::error::ErrorKind;
use crate::record::{FrameFormat, FrameRecord, MediaRef, Modality, SourceFile, SourceRef};
use crate::source::Limits;

use super::picture::{self, Remark};
use super::{audio, lidar};

/// What all media of a recording share.
pub(super) struct Context<'a> {
    /// SPDX licence.
    pub license: Arc<str>,
    /// Seconds east of UTC of local times, where the user said.
    pub zone_s: Option<i32>,
    /// What is accepted.
    pub limits: &'a Limits,
}

/// The last part of a path without its ending.
pub(super) fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// One file as a frame, by its headers.
///
/// # Errors
///
/// Where it is empty, too large, of another format than its ending says or cut short.
pub(super) fn open(
    file: &SourceFile,
    channel: &str,
    modality: Modality,
    context: &Context,
) -> Result<(FrameRecord, Vec<Remark>), ErrorKind> {
    let by_name = Path::new(&file.relative)
        .extension()
        .and_then(|e| FrameFormat::from_extension(e.to_str()?))
        .ok_or_else(|| ErrorKind::Unsupported("this file's ending".to_string()))?;
    let media = MediaRef::File(file.absolute.clone());
    let source = SourceRef { path: file.relative.as_str().into(), record: None, license: context.license.clone() };
    let mut frame = FrameRecord {
        channel: channel.to_string(),
        modality,
        stem: stem(&file.relative).to_string(),
        ..FrameRecord::of_bytes(media, file.size, by_name, source)
    };
    if file.size == 0 {
        return Err(ErrorKind::malformed("file", "it is empty"));
    }
    if file.size > context.limits.file_bytes {
        let limit = context.limits.file_bytes;
        return Err(ErrorKind::LimitExceeded { what: "number of bytes", found: file.size, limit });
    }
    let mut remarks = Vec::new();
    match modality {
        Modality::Camera | Modality::Mask | Modality::Depth if by_name != FrameFormat::Npy => {
            let picture = picture::read(&file.absolute, context.zone_s, context.limits)?;
            frame.format = picture.format;
            (frame.width, frame.height) = (Some(picture.width), Some(picture.height));
            // Depth and masks go with the pixels of their camera, which says the rest.
            if modality == Modality::Camera {
                frame.orientation = picture.orientation;
                frame.t = picture.t;
                frame.geotag = picture.geotag;
                frame.intrinsics = picture.intrinsics;
                remarks = picture.remarks;
            }
        }
        Modality::Audio => {
            let clip = audio::read(&file.absolute)?;
            frame.format = clip.format;
            frame.duration_ms = Some(clip.duration_ms);
        }
        Modality::Lidar => {
            let mut reader = BufReader::new(File::open(&file.absolute).map_err(|e| ErrorKind::io("open", e))?);
            frame.points = Some(lidar::header(&mut reader, by_name, context.limits)?.points);
        }
        _ => {}
    }
    Ok((frame, remarks))
}
