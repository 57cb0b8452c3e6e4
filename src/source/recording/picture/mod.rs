//! What the headers of a picture say, without decoding it: format, size, whether its end is there, EXIF and XMP; and the
//! picture decoded strictly.

mod container;
mod decode;
mod encode;
mod exif;
mod extended;
mod xmp;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

pub use decode::read_picture;
pub use encode::encode_png;

use crate::error::ErrorKind;
use crate::record::{CameraIntrinsics, FrameFormat, GeoTag};
use crate::source::Limits;
use crate::time::Timestamp;

/// A picture as far as its headers go.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Picture {
    /// Its format, by its magic bytes.
    pub format: FrameFormat,
    /// Stored width, pixels.
    pub width: u32,
    /// Stored height, pixels.
    pub height: u32,
    /// EXIF orientation 1…8.
    pub orientation: u8,
    /// When it was taken.
    pub t: Option<Timestamp>,
    /// Where it was taken.
    pub geotag: Option<GeoTag>,
    /// How it sees: a panorama or a part of one by GPano, or a pinhole by its 35 mm focal length.
    pub intrinsics: Option<CameraIntrinsics>,
    /// What could not be used, and what is worth knowing.
    pub remarks: Vec<Remark>,
}

/// Something about a picture's metadata that a user should know.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Remark {
    /// Whether something was refused (it goes to the quarantine), not only noticed.
    pub refused: bool,
    /// What.
    pub text: String,
}

impl Remark {
    fn refused(text: impl Into<String>) -> Remark {
        Remark { refused: true, text: text.into() }
    }

    fn note(text: impl Into<String>) -> Remark {
        Remark { refused: false, text: text.into() }
    }
}

/// Reads a picture's headers; `zone_s` is the offset from UTC of local times without one, where the user gave it.
///
/// # Errors
///
/// Where it is no JPEG, PNG or WebP, is cut short, or is larger than `limits` allow. Broken metadata is no error.
pub(super) fn read(path: &Path, zone_s: Option<i32>, limits: &Limits) -> Result<Picture, ErrorKind> {
    let file = File::open(path).map_err(|e| ErrorKind::io("open", e))?;
    let container = container::scan(&mut BufReader::with_capacity(1 << 15, file))?;
    let pixels = u64::from(container.width) * u64::from(container.height);
    if pixels > limits.pixels {
        return Err(ErrorKind::LimitExceeded { what: "number of pixels", found: pixels, limit: limits.pixels });
    }
    Ok(interpret(container, zone_s))
}

/// Width, height and format of a picture in memory.
///
/// # Errors
///
/// As [`read`].
pub(super) fn of_bytes(bytes: &[u8], limits: &Limits) -> Result<(u32, u32, FrameFormat), ErrorKind> {
    let container = container::scan(&mut std::io::Cursor::new(bytes))?;
    let pixels = u64::from(container.width) * u64::from(container.height);
    if pixels > limits.pixels {
        return Err(ErrorKind::LimitExceeded { what: "number of pixels", found: pixels, limit: limits.pixels });
    }
    Ok((container.width, container.height, container.format))
}

/// Puts container, EXIF and XMP together.
fn interpret(container: container::Container, zone_s: Option<i32>) -> Picture {
    let (width, height) = (container.width, container.height);
    let mut remarks: Vec<Remark> = container.note.map(Remark::note).into_iter().collect();
    let exif = container.exif.map(|bytes| exif::read(bytes, zone_s, &mut remarks)).unwrap_or_default();
    let pano = container.xmp.map(|text| xmp::read(&text, &mut remarks)).unwrap_or_default();
    let mut geotag = exif.geotag;
    if let Some(tag) = &mut geotag {
        tag.heading_deg = pano.heading_deg.or(tag.heading_deg);
        tag.tilt = pano.tilt().or(tag.tilt);
    }
    let intrinsics = match pano.is_panorama() {
        true => pano.camera([width, height], &mut remarks),
        false => exif.focal_35mm.map(|focal| exif::pinhole(focal, width, height)),
    };
    Picture {
        format: container.format,
        width,
        height,
        orientation: exif.orientation,
        t: exif.t,
        geotag,
        intrinsics,
        remarks,
    }
}
