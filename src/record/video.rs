//! [`VideoPicture`]: a picture of a video stream, by the stretch that has to be decoded to see it.

use std::path::PathBuf;
use std::sync::Arc;

/// How the colours of a video are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoColour {
    /// The matrix that makes luma and chroma of red, green and blue.
    pub matrix: ColourMatrix,
    /// Whether luma spans 0 to 255, not 16 to 235.
    pub full_range: bool,
}

/// A colour matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColourMatrix {
    /// ITU-R BT.601: also what nobody stated, as other players have it.
    Bt601,
    /// ITU-R BT.709.
    Bt709,
    /// ITU-R BT.2020, non-constant luminance.
    Bt2020,
}

/// Pictures of an HEVC stream that can be decoded without those before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoStretch {
    /// The file: an Annex B byte stream.
    pub path: PathBuf,
    /// The parameter sets in force where the stretch begins, as a byte stream.
    pub parameter_sets: Vec<u8>,
    /// First byte of its first picture.
    pub offset: u64,
    /// How many bytes it has.
    pub length: u64,
    /// Number of its first picture in the file, in order of display.
    pub first: u64,
    /// How many pictures it has.
    pub pictures: u64,
    /// Pixels a row, as shown.
    pub width: u32,
    /// Rows, as shown.
    pub height: u32,
    /// What its samples mean.
    pub colour: VideoColour,
}

/// A picture of a video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoPicture {
    /// What it is decoded with.
    pub stretch: Arc<VideoStretch>,
    /// Its number in the stretch, in order of display, from 0.
    pub index: u64,
}
