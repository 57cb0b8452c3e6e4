//! [`stretches`]: where a stream can be entered.

use std::path::Path;
use std::sync::Arc;

use rusty_h265::nal::{NalHeader, NalType, unescape};
use rusty_h265::ps::{Sps, parse_sps};

use crate::error::ErrorKind;
use crate::record::{ColourMatrix, VideoColour, VideoStretch};
use crate::source::Limits;

use super::super::files;

/// Bytes that parameter sets may have together.
const MOST_PARAMETERS: usize = 1 << 20;

/// A NAL unit: its header's bytes on, without the start code.
pub(super) struct Unit<'a> {
    pub bytes: &'a [u8],
    /// Where `bytes` begin in the stream.
    pub at: usize,
}

/// The NAL units of a byte stream (Annex B), in order; zeros that pad one are still in it.
pub(super) fn units(stream: &[u8]) -> impl Iterator<Item = Unit<'_>> {
    let mut next = start_code(stream, 0);
    std::iter::from_fn(move || {
        let at = next? + 3;
        next = start_code(stream, at);
        Some(Unit { bytes: &stream[at..next.unwrap_or(stream.len())], at })
    })
}

/// The first `00 00 01` from `from` on.
fn start_code(stream: &[u8], from: usize) -> Option<usize> {
    let mut i = from;
    while i + 2 < stream.len() {
        // Of three bytes the last tells how far the code can begin at the nearest.
        match stream[i + 2] {
            0 => i += 1,
            1 if stream[i] == 0 && stream[i + 1] == 0 => return Some(i),
            _ => i += 3,
        }
    }
    None
}

/// A coded picture as the scan sees it.
struct Coded {
    /// Its first slice, from the start code on.
    start: usize,
    kind: NalType,
    /// Number of the parameter sets seen before it.
    sets: usize,
}

/// The stretches of a stream, in order, and how many pictures at its start belong to none: they need a key frame that
/// is not there.
///
/// # Errors
///
/// Where it cannot be read, has no key frame, is larger than the limits allow, or is of a kind that is not decoded here
/// (other than 8 or 10 bits 4:2:0).
pub(in crate::source::recording) fn stretches(
    path: &Path,
    limits: &Limits,
) -> Result<(Vec<Arc<VideoStretch>>, u64), ErrorKind> {
    let stream = files::read(path, limits)?;
    let mut sets: Vec<&[u8]> = Vec::new();
    let mut coded: Vec<Coded> = Vec::new();
    for unit in units(&stream) {
        let Some(header) = NalHeader::parse(unit.bytes).filter(|h| h.layer_id == 0) else { continue };
        match header.nal_type {
            NalType::Vps | NalType::Sps | NalType::Pps => sets.push(unit.bytes),
            // `first_slice_segment_in_pic_flag`
            kind if kind.is_vcl() && kind.id() < 22 && unit.bytes.get(2).is_some_and(|b| b & 0x80 != 0) => {
                coded.push(Coded { start: unit.at - 3, kind, sets: sets.len() });
            }
            _ => {}
        }
    }
    let entries: Vec<usize> = (0..coded.len()).filter(|&i| can_enter(&coded, i)).collect();
    let Some(&first) = entries.first() else {
        return Err(ErrorKind::malformed("HEVC stream", "it has no key frame"));
    };
    let mut found = Vec::with_capacity(entries.len());
    for (n, &begin) in entries.iter().enumerate() {
        let end = entries.get(n + 1).copied().unwrap_or(coded.len());
        let parameters = in_force(&sets[..coded[begin].sets]);
        let sps = parameters.iter().rev().find(|set| kind(set) == Some(NalType::Sps));
        let sps = sps.ok_or_else(|| ErrorKind::malformed("HEVC stream", "a key frame comes before any SPS"))?;
        let sps = parse_sps(&unescape(&sps[2..]).data)
            .map_err(|e| ErrorKind::malformed("HEVC sequence parameters", e.to_string()))?;
        let (width, height) = size(&sps, limits)?;
        let parameter_sets: Vec<u8> = parameters.iter().flat_map(|set| [&[0, 0, 1], *set].concat()).collect();
        if parameter_sets.len() > MOST_PARAMETERS {
            let (found, limit) = (parameter_sets.len() as u64, MOST_PARAMETERS as u64);
            return Err(ErrorKind::LimitExceeded { what: "number of bytes of parameter sets", found, limit });
        }
        let stop = coded.get(end).map_or(stream.len(), |next| next.start);
        found.push(Arc::new(VideoStretch {
            path: path.to_path_buf(),
            parameter_sets,
            offset: coded[begin].start as u64,
            length: (stop - coded[begin].start) as u64,
            first: begin as u64,
            pictures: (end - begin) as u64,
            width,
            height,
            colour: colour(&sps),
        }));
    }
    Ok((found, first as u64))
}

/// Whether decoding can begin at a picture: a key frame that no picture after it looks behind.
fn can_enter(coded: &[Coded], i: usize) -> bool {
    let leading = |c: &&Coded| c.kind.is_rasl() || c.kind.is_radl();
    coded[i].kind.is_irap() && !coded[i + 1..].iter().take_while(leading).any(|c| c.kind.is_rasl())
}

fn kind(unit: &[u8]) -> Option<NalType> {
    NalHeader::parse(unit).map(|header| header.nal_type)
}

/// Of parameter sets the last of those that are alike: what was sent again need not be kept twice.
fn in_force<'a>(sets: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for &set in sets.iter().rev() {
        if !kept.contains(&set) {
            kept.push(set);
        }
    }
    kept.reverse();
    kept
}

/// Width and height as shown.
fn size(sps: &Sps, limits: &Limits) -> Result<(u32, u32), ErrorKind> {
    let pixels = u64::from(sps.width) * u64::from(sps.height);
    if pixels > limits.pixels {
        return Err(ErrorKind::LimitExceeded { what: "number of pixels", found: pixels, limit: limits.pixels });
    }
    if sps.chroma_format_idc != 1 {
        return Err(ErrorKind::Unsupported("a video that is not 4:2:0".to_string()));
    }
    match sps.output_size() {
        (0, _) | (_, 0) => Err(ErrorKind::malformed("HEVC sequence parameters", "its pictures have no pixels")),
        size => Ok(size),
    }
}

/// What its samples mean; H.265, Annex E, table E.5.
fn colour(sps: &Sps) -> VideoColour {
    let vui = sps.vui.as_ref();
    let matrix = match vui.map_or(2, |vui| vui.matrix_coeffs) {
        1 => ColourMatrix::Bt709,
        9 | 10 => ColourMatrix::Bt2020,
        _ => ColourMatrix::Bt601,
    };
    VideoColour { matrix, full_range: vui.is_some_and(|vui| vui.video_full_range_flag) }
}
