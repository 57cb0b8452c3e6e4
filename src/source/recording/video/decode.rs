//! [`video_media`]: one picture of a stream, decoded from the key frame before it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use image::ExtendedColorType;
use rusty_h265::{Decoder, Picture};

use crate::error::ErrorKind;
use crate::record::{VideoPicture, VideoStretch};

use super::super::picture::encode_png;
use super::colour::rgb;
use super::stretches::units;

/// Streams that are decoded at a time: one for each of a few threads.
const MOST_CURSORS: usize = 4;
/// Bytes of decoded pictures that a cursor keeps behind it: more than a build asks for at once, so that threads which
/// take pictures of one stretch in no order do not decode it twice.
const KEPT_BYTES: u64 = 96 << 20;

/// Stretches that are being decoded, the one used last at the end.
type Cursors = VecDeque<(Arc<VideoStretch>, Arc<Mutex<Cursor>>)>;

/// Where all decoding in this process is.
static CURSORS: Mutex<Cursors> = Mutex::new(VecDeque::new());

/// The PNG of a picture of a video.
///
/// Pictures asked for in order are decoded once each; one that lies far behind the last costs its stretch anew.
///
/// # Errors
///
/// Where the file cannot be read, is damaged at or before the picture, or ends before it.
pub(in crate::source) fn video_media(picture: &VideoPicture) -> Result<Vec<u8>, ErrorKind> {
    let stretch = &picture.stretch;
    let cursor = cursor(stretch);
    let decoded = cursor.lock().unwrap_or_else(PoisonError::into_inner).picture(stretch, picture.index)?;
    let malformed = |reason: &str| ErrorKind::malformed("HEVC picture", reason);
    let shown =
        rgb(&decoded, stretch.colour).ok_or_else(|| malformed("its planes are not those of a 4:2:0 picture"))?;
    if shown.dimensions() != (stretch.width, stretch.height) {
        return Err(malformed("it is not as large as its stream says"));
    }
    encode_png(shown.as_raw(), stretch.width, stretch.height, ExtendedColorType::Rgb8)
}

/// The cursor of a stretch; the one that was not used for the longest makes room for a new one.
fn cursor(stretch: &Arc<VideoStretch>) -> Arc<Mutex<Cursor>> {
    let mut cursors = CURSORS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = cursors.iter().position(|(of, _)| Arc::ptr_eq(of, stretch));
    let used = known.and_then(|i| cursors.remove(i)).unwrap_or_else(|| (stretch.clone(), Arc::default()));
    let cursor = used.1.clone();
    cursors.push_back(used);
    if cursors.len() > MOST_CURSORS {
        cursors.pop_front();
    }
    cursor
}

/// A decoder on its way through a stretch.
#[derive(Default)]
struct Cursor {
    /// Set once the stretch is open.
    under_way: Option<UnderWay>,
    /// Number of the next picture to come out.
    next: u64,
    /// The latest pictures, ending before `next`.
    kept: VecDeque<Arc<Picture>>,
}

/// A stretch that is open.
struct UnderWay {
    /// Its bytes.
    bytes: Vec<u8>,
    /// Where the units that the decoder has not got begin and end.
    units: std::vec::IntoIter<Range<usize>>,
    decoder: Decoder,
    /// What stopped it.
    failed: Option<String>,
    flushed: bool,
}

impl Cursor {
    /// A picture: one that is kept, or decoded on the way there.
    fn picture(&mut self, stretch: &VideoStretch, index: u64) -> Result<Arc<Picture>, ErrorKind> {
        if index < self.next {
            let behind = usize::try_from(self.next - index).unwrap_or(usize::MAX);
            if let Some(kept) = self.kept.len().checked_sub(behind).and_then(|i| self.kept.get(i)) {
                return Ok(kept.clone());
            }
            *self = Cursor::default();
        }
        let most = (KEPT_BYTES / (3 * u64::from(stretch.width) * u64::from(stretch.height)).max(1)).max(1);
        let under_way = match &mut self.under_way {
            Some(under_way) => under_way,
            none => none.insert(UnderWay::open(stretch)?),
        };
        loop {
            let picture = under_way.next()?;
            self.next += 1;
            self.kept.push_back(picture.clone());
            while self.kept.len() as u64 > most {
                self.kept.pop_front();
            }
            if self.next > index {
                return Ok(picture);
            }
        }
    }
}

impl UnderWay {
    fn open(stretch: &VideoStretch) -> Result<UnderWay, ErrorKind> {
        let mut file = File::open(&stretch.path).map_err(|e| ErrorKind::io("open", e))?;
        file.seek(SeekFrom::Start(stretch.offset)).map_err(|e| ErrorKind::io("read", e))?;
        let mut bytes = stretch.parameter_sets.clone();
        file.take(stretch.length).read_to_end(&mut bytes).map_err(|e| ErrorKind::io("read", e))?;
        let ranges: Vec<Range<usize>> = units(&bytes).map(|unit| unit.at..unit.at + unit.bytes.len()).collect();
        Ok(UnderWay { bytes, units: ranges.into_iter(), decoder: Decoder::new(), failed: None, flushed: false })
    }

    /// The next picture in order of display.
    ///
    /// What comes after damage may show anything, so the stretch ends there.
    fn next(&mut self) -> Result<Arc<Picture>, ErrorKind> {
        loop {
            if let Some(reason) = &self.failed {
                return Err(ErrorKind::malformed("HEVC picture", format!("the video is damaged here: {reason}")));
            }
            if let Ok(frame) = self.decoder.next_frame() {
                return Ok(frame.picture);
            }
            match self.units.next() {
                Some(range) => {
                    let pushed = self.decoder.push_nal(&self.bytes[range], None);
                    let stats = self.decoder.stats;
                    self.failed = match pushed {
                        Err(error) => Some(error.to_string()),
                        Ok(()) if stats.errors > 0 => Some("a slice cannot be decoded".to_string()),
                        Ok(()) if stats.generated_refs > 0 => {
                            Some("a picture that it builds on is missing".to_string())
                        }
                        Ok(()) => None,
                    };
                }
                None if !self.flushed => {
                    self.decoder.flush();
                    self.flushed = true;
                }
                None => return Err(ErrorKind::malformed("HEVC stream", "it ends before this picture")),
            }
        }
    }
}
