//! [`Video`]: H.264 in MP4, written without any library of the system, the same bytes every time.

mod mp4;
mod yuv;

use image::RgbImage;
use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, Encoder, EncoderConfig, FrameRate, IntraFramePeriod, QpRange, RateControlMode, VuiConfig,
};
use openh264_sys2::{ENCODER_OPTION_TRACE_LEVEL, WELS_LOG_QUIET};

use crate::error::{ErrorKind, Result};

use mp4::{Coded, Track};
use yuv::Yuv;

/// Quantiser of every macroblock: pictures of streets come back at about 42 dB.
const QP: u8 = 18;
/// Every so many frames can be decoded on its own.
const KEY_EVERY: u32 = 16;
/// Longest and shortest side that the encoder takes, pixels.
const LONGEST: u32 = 3840;
/// The encoder's other side.
const LONGEST_ACROSS: u32 = 2160;
const SHORTEST: u32 = 16;

/// A video of one size and frame rate, in the making.
///
/// One slice, one thread and a fixed quantiser, so that bytes depend on the pictures alone. Colours are BT.601, limited
/// range, 4:2:0, as the stream says.
pub struct Video {
    encoder: Encoder,
    size: [u32; 2],
    fps: f64,
    frames: Vec<Coded>,
    parameters: [Vec<u8>; 2],
}

impl Video {
    /// A video of pictures `width` × `height`, `fps` a second.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where a side is odd, shorter than 16 or too long (3840 × 2160 either way), or the rate is not
    /// between 0.1 and 240.
    pub fn new([width, height]: [u32; 2], fps: f64) -> Result<Video> {
        let refused = |what: String| Err(ErrorKind::Config(what).bare());
        if width % 2 == 1 || height % 2 == 1 {
            return refused(format!("H.264 has even sizes only, not {width} x {height}"));
        }
        let (short, long) = (width.min(height), width.max(height));
        if !(SHORTEST..=LONGEST_ACROSS).contains(&short) || long > LONGEST {
            let what = format!("a video of {width} x {height}: sides are 16 to {LONGEST} and {LONGEST_ACROSS} pixels");
            return refused(what);
        }
        if !(0.1..=240.0).contains(&fps) {
            return refused(format!("a video of {fps} frames a second"));
        }
        // The quantiser is fixed from both sides, so the rate counts for the stream's level only.
        let bits = (f64::from(width) * f64::from(height) * fps).clamp(1e5, 5e7) as u32;
        let config = EncoderConfig::new()
            .bitrate(BitRate::from_bps(bits))
            .max_frame_rate(FrameRate::from_hz(fps.clamp(1.0, 60.0) as f32))
            .rate_control_mode(RateControlMode::Quality)
            .qp(QpRange::new(QP, QP))
            .skip_frames(false)
            .scene_change_detect(false)
            .adaptive_quantization(false)
            .background_detection(false)
            .intra_frame_period(IntraFramePeriod::from_num_frames(KEY_EVERY))
            .num_threads(1)
            .vui(VuiConfig::bt601());
        let mut encoder = Encoder::with_api_config(OpenH264API::from_source(), config).map_err(failed)?;
        let mut silent = WELS_LOG_QUIET;
        // SAFETY: the option takes a pointer to an int, which it reads before it returns; it may be set before the first
        // frame. Without it the encoder says on stderr that a fixed quantiser leaves the rate to itself.
        unsafe { encoder.raw_api().set_option(ENCODER_OPTION_TRACE_LEVEL, (&raw mut silent).cast()) };
        Ok(Video { encoder, size: [width, height], fps, frames: Vec::new(), parameters: Default::default() })
    }

    /// The next picture.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] where it is not of the video's size.
    pub fn push(&mut self, picture: &RgbImage) -> Result<()> {
        let [width, height] = self.size;
        if [picture.width(), picture.height()] != self.size {
            let found = format!("{} x {}, not {width} x {height}", picture.width(), picture.height());
            return Err(ErrorKind::malformed("frame of a video", found).bare());
        }
        let yuv = Yuv::new(picture);
        let stream = self.encoder.encode(&yuv).map_err(failed)?;
        let mut coded = Coded { bytes: Vec::new(), key: false };
        for layer in (0..stream.num_layers()).filter_map(|i| stream.layer(i)) {
            for unit in (0..layer.nal_count()).filter_map(|i| layer.nal_unit(i)) {
                let unit = without_start_code(unit);
                match unit.first().map(|head| head & 0x1f) {
                    Some(7) => self.parameters[0] = unit.to_vec(),
                    Some(8) => self.parameters[1] = unit.to_vec(),
                    Some(kind) => {
                        coded.key |= kind == 5;
                        coded.bytes.extend((unit.len() as u32).to_be_bytes());
                        coded.bytes.extend(unit);
                    }
                    None => {}
                }
            }
        }
        if coded.bytes.is_empty() {
            return Err(ErrorKind::malformed("video", "the encoder left out a frame").bare());
        }
        self.frames.push(coded);
        Ok(())
    }

    /// The bytes of the MP4 file, its index before its frames.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] without a picture, [`ErrorKind::LimitExceeded`] above 4 GiB.
    pub fn finish(self) -> Result<Vec<u8>> {
        let Video { size, fps, frames, parameters, .. } = self;
        mp4::write(&Track { size, fps, frames, parameters })
    }
}

/// A video of some pictures.
///
/// # Errors
///
/// As [`Video::new`], [`Video::push`] and [`Video::finish`].
pub fn video<'a>(pictures: impl IntoIterator<Item = &'a RgbImage>, size: [u32; 2], fps: f64) -> Result<Vec<u8>> {
    let mut video = Video::new(size, fps)?;
    for picture in pictures {
        video.push(picture)?;
    }
    video.finish()
}

fn failed(error: openh264::Error) -> crate::Error {
    ErrorKind::Io { action: "encode a video", source: std::io::Error::other(error.to_string()) }.bare()
}

/// A unit without the zeros and the one before it.
fn without_start_code(unit: &[u8]) -> &[u8] {
    let zeros = unit.iter().take_while(|b| **b == 0).count();
    if zeros >= 2 && unit.get(zeros) == Some(&1) { &unit[zeros + 1..] } else { unit }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures() -> Vec<RgbImage> {
        let shade = |x: u32, y: u32, t: u32| image::Rgb([(x * 3 + t * 5) as u8, (y * 2) as u8, (x + y + t) as u8 / 2]);
        (0..20).map(|t| RgbImage::from_fn(80, 46, |x, y| shade(x, y, t))).collect()
    }

    #[test]
    fn the_same_pictures_give_the_same_bytes() {
        let one = video(&pictures(), [80, 46], 10.0).expect("a video");
        assert_eq!(one, video(&pictures(), [80, 46], 10.0).expect("a video"));
        assert_eq!(&one[4..8], b"ftyp");
    }

    #[test]
    fn frames_come_back_as_they_were_to_the_eye() {
        let coded = {
            let mut video = Video::new([80, 46], 10.0).expect("a video");
            pictures().iter().for_each(|p| video.push(p).expect("a frame"));
            assert_eq!(video.frames.iter().filter(|f| f.key).count(), 2);
            video
        };
        let mut decoder = openh264::decoder::Decoder::new().expect("a decoder");
        let mut stream = Vec::new();
        for set in &coded.parameters {
            stream.extend([0, 0, 0, 1]);
            stream.extend(set);
        }
        decoder.decode(&stream).expect("parameters");
        for (frame, picture) in coded.frames.iter().zip(pictures()) {
            let mut unit = vec![0, 0, 0, 1];
            unit.extend(&frame.bytes[4..]);
            let found = decoder.decode(&unit).expect("a frame").expect("at once");
            let want = Yuv::new(&picture);
            let squares = want.luma().iter().enumerate().map(|(i, y)| {
                use openh264::formats::YUVSource;
                let at = found.y()[i / 80 * found.strides().0 + i % 80];
                f64::from(i32::from(at) - i32::from(*y)).powi(2)
            });
            let mean = squares.sum::<f64>() / (80.0 * 46.0);
            assert!(10.0 * (255.0 * 255.0 / mean).log10() > 38.0, "{mean}");
        }
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        for size in [[81, 46], [80, 47], [8, 80], [4000, 100], [3000, 3000]] {
            assert!(Video::new(size, 10.0).is_err(), "{size:?}");
        }
        assert!(Video::new([64, 64], f64::NAN).is_err());
        assert!(Video::new([64, 64], 10.0).expect("a video").finish().is_err());
    }
}
