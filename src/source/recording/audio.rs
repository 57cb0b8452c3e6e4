//! Sound clips, RIFF WAVE and FLAC: their length from the header, and their samples.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::ErrorKind;
use crate::record::{FrameFormat, Sound};

/// What a clip's header says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Clip {
    /// Its format, by its magic bytes.
    pub format: FrameFormat,
    /// Samples a second.
    pub sample_rate_hz: u32,
    /// How long it is, milliseconds.
    pub duration_ms: f64,
}

/// Reads the header of a clip.
///
/// # Errors
///
/// Where it is neither WAV nor FLAC, or its header is broken or does not say how long it is.
pub(super) fn read(path: &Path) -> Result<Clip, ErrorKind> {
    let io = |e| ErrorKind::io("read", e);
    let mut file = BufReader::new(File::open(path).map_err(|e| ErrorKind::io("open", e))?);
    let mut magic = Vec::new();
    file.by_ref().take(4).read_to_end(&mut magic).map_err(io)?;
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    match magic.as_slice() {
        b"RIFF" => wav(file),
        b"fLaC" => flac(file),
        _ => Err(ErrorKind::malformed("audio", "it is neither WAV nor FLAC")),
    }
}

fn wav(file: impl Read) -> Result<Clip, ErrorKind> {
    let reader = hound::WavReader::new(file).map_err(|e| ErrorKind::malformed("WAV", e.to_string()))?;
    clip(FrameFormat::Wav, "WAV", reader.spec().sample_rate, u64::from(reader.duration()))
}

fn flac(file: impl Read) -> Result<Clip, ErrorKind> {
    let options = claxon::FlacReaderOptions { metadata_only: true, read_vorbis_comment: false };
    let reader = claxon::FlacReader::new_ext(file, options).map_err(|e| ErrorKind::malformed("FLAC", e.to_string()))?;
    let info = reader.streaminfo();
    let samples = info.samples.ok_or_else(|| ErrorKind::malformed("FLAC", "its header does not say how long it is"))?;
    clip(FrameFormat::Flac, "FLAC", info.sample_rate, samples)
}

fn clip(format: FrameFormat, name: &'static str, sample_rate_hz: u32, samples: u64) -> Result<Clip, ErrorKind> {
    if sample_rate_hz == 0 || samples == 0 {
        return Err(ErrorKind::malformed(name, "it holds no sound"));
    }
    Ok(Clip { format, sample_rate_hz, duration_ms: samples as f64 * 1000.0 / f64::from(sample_rate_hz) })
}

/// Decodes a clip.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] where it is cut off, damaged or silent in its header, [`ErrorKind::Unsupported`] for a format
/// without sound.
pub fn read_sound(bytes: &[u8], format: FrameFormat) -> Result<Sound, ErrorKind> {
    let sound = match format {
        FrameFormat::Wav => wav_samples(bytes)?,
        FrameFormat::Flac => flac_samples(bytes)?,
        other => return Err(ErrorKind::Unsupported(format!("sound as `.{}`", other.extension()))),
    };
    if sound.channels == 0 || sound.samples.len() % usize::from(sound.channels) != 0 {
        return Err(ErrorKind::malformed("audio", "its channels are not of one length"));
    }
    Ok(sound)
}

fn wav_samples(bytes: &[u8]) -> Result<Sound, ErrorKind> {
    let wrong = |e: hound::Error| ErrorKind::malformed("WAV", e.to_string());
    let mut reader = hound::WavReader::new(Cursor::new(bytes)).map_err(wrong)?;
    let hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format } = reader.spec();
    let samples: Result<Vec<f32>, hound::Error> = match sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().collect(),
        hound::SampleFormat::Int => {
            reader.samples::<i32>().map(|s| s.map(|s| fraction(s, u32::from(bits_per_sample)))).collect()
        }
    };
    Ok(Sound { samples: samples.map_err(wrong)?, channels, sample_rate_hz: sample_rate })
}

fn flac_samples(bytes: &[u8]) -> Result<Sound, ErrorKind> {
    let wrong = |e: claxon::Error| ErrorKind::malformed("FLAC", e.to_string());
    let mut reader = claxon::FlacReader::new(Cursor::new(bytes)).map_err(wrong)?;
    let info = reader.streaminfo();
    let samples: Result<Vec<f32>, claxon::Error> =
        reader.samples().map(|s| s.map(|s| fraction(s, info.bits_per_sample))).collect();
    let channels = u16::try_from(info.channels).unwrap_or(0);
    Ok(Sound { samples: samples.map_err(wrong)?, channels, sample_rate_hz: info.sample_rate })
}

/// A whole sample of so many bits, in −1…1.
fn fraction(sample: i32, bits: u32) -> f32 {
    (f64::from(sample) / 2_f64.powi(bits.clamp(1, 32) as i32 - 1)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sine() -> Vec<u8> {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("a header");
        for i in 0..8_000_i16 {
            writer.write_sample(i).expect("a sample");
        }
        writer.finalize().expect("an end");
        bytes.into_inner()
    }

    /// The `fLaC` marker and a STREAMINFO block (RFC 9639, section 8.2): 44.1 kHz, stereo, 16 bits, 88,200 samples.
    fn flac_header() -> Vec<u8> {
        let mut bytes = b"fLaC\x80\0\0\x22\x10\0\x10\0\0\0\0\0\0\0".to_vec();
        let packed = 44_100_u64 << 44 | 1 << 41 | 15 << 36 | 88_200;
        bytes.extend(packed.to_be_bytes());
        bytes.extend([0; 16]);
        bytes
    }

    #[test]
    fn length_comes_from_the_header() {
        let wav = wav(Cursor::new(sine())).expect("valid");
        assert_eq!((wav.sample_rate_hz, wav.duration_ms), (8_000, 500.0));
        let flac = flac(Cursor::new(flac_header())).expect("valid");
        assert_eq!((flac.sample_rate_hz, flac.duration_ms), (44_100, 2000.0));
    }

    #[test]
    fn samples_are_fractions_and_damage_is_an_error() {
        let bytes = sine();
        let sound = read_sound(&bytes, FrameFormat::Wav).expect("valid");
        assert_eq!((sound.channels, sound.sample_rate_hz, sound.samples.len()), (2, 8_000, 8_000));
        assert_eq!(sound.samples[4_096], 0.125);
        assert!(read_sound(&bytes[..bytes.len() - 1], FrameFormat::Wav).is_err());
        assert!(read_sound(&flac_header()[..20], FrameFormat::Flac).is_err());
        assert!(matches!(read_sound(&bytes, FrameFormat::Png), Err(ErrorKind::Unsupported(_))));
    }

    proptest! {
        #[test]
        fn broken_headers_are_errors(flips in proptest::collection::vec((0_usize..42, any::<u8>()), 0..10), cut in 0_usize..60) {
            for (mut bytes, is_wav) in [(sine(), true), (flac_header(), false)] {
                for &(at, value) in &flips {
                    bytes[at] = value;
                }
                bytes.truncate(cut.max(4));
                let _ = if is_wav { wav(Cursor::new(bytes)) } else { flac(Cursor::new(bytes)) };
            }
        }
    }
}
