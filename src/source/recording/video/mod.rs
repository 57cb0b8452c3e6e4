//! HEVC byte streams as pictures: found by their key frames, decoded on demand, shown as PNG.
//!
//! A stream is scanned once for what begins at a key frame; no picture is decoded for that. Each picture then names its
//! stretch, and [`video_media`] decodes on from where the last picture of that stretch was asked for.
//!
//! Source: ITU-T H.265 (08/2021), 7.4.2.4.4 (order of NAL units), 8.1.3 (pictures to be left out at the start), Annex B.

mod colour;
mod decode;
mod stretches;
#[cfg(test)]
mod tests;

pub(in crate::source) use decode::video_media;
pub(super) use stretches::stretches;
