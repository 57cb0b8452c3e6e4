//! MP4 around a coded video: as few boxes as players and decoders need, the index first.
//!
//! Source: ISO/IEC 14496-12 (boxes), 14496-15 (`avc1`, `avcC`). Times of creation are 0, so that bytes never change.

use crate::error::{ErrorKind, Result};

/// Ticks a second of frame times: whole for 4, 5, 10, 12, 15, 16, 20, 24, 25 and 30 frames a second.
const TIMESCALE: u32 = 90_000;
/// Identity, as headers have it.
const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// A coded frame.
pub(super) struct Coded {
    /// Its units, each after its length in four bytes.
    pub bytes: Vec<u8>,
    /// Whether decoding may begin here.
    pub key: bool,
}

/// What an MP4 file of one video holds.
pub(super) struct Track {
    /// Width and height, pixels.
    pub size: [u32; 2],
    /// Frames a second.
    pub fps: f64,
    /// The frames, shown in this order.
    pub frames: Vec<Coded>,
    /// Sequence and picture parameters.
    pub parameters: [Vec<u8>; 2],
}

/// The bytes of the file.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] without frames, [`ErrorKind::LimitExceeded`] above 4 GiB.
pub(super) fn write(track: &Track) -> Result<Vec<u8>> {
    let Track { frames, parameters: [sps, pps], .. } = track;
    if frames.is_empty() || sps.len() < 4 || pps.is_empty() {
        return Err(ErrorKind::malformed("video", "it has no frames").bare());
    }
    let payload: u64 = frames.iter().map(|f| f.bytes.len() as u64).sum();
    let limit = u64::from(u32::MAX) - (1 << 24);
    if payload > limit {
        return Err(ErrorKind::LimitExceeded { what: "bytes of a video", found: payload, limit }.bare());
    }
    let ftyp = boxed(b"ftyp", &[b"isom".as_slice(), &u32s(&[0x200]), b"isomiso2avc1mp41"]);
    // The index has the same length wherever frames begin.
    let start = ftyp.len() + moov(track, 0).len() + 8;
    let mut file = ftyp;
    file.extend(moov(track, start as u32));
    file.extend((payload as u32 + 8).to_be_bytes());
    file.extend(b"mdat");
    frames.iter().for_each(|f| file.extend(&f.bytes));
    Ok(file)
}

fn moov(track: &Track, first_frame: u32) -> Vec<u8> {
    let [width, height] = track.size;
    let durations = durations(track);
    let duration: u32 = durations.iter().sum();
    let mvhd = full(
        b"mvhd",
        0,
        &[
            &u32s(&[0, 0, TIMESCALE, duration, 0x1_0000]),
            // Volume, reserved.
            &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &u32s(&MATRIX),
            // Predefined, then the next track.
            &u32s(&[0, 0, 0, 0, 0, 0, 2]),
        ],
    );
    // Enabled, in the movie.
    let tkhd = full(
        b"tkhd",
        3,
        &[&u32s(&[0, 0, 1, 0, duration, 0, 0, 0, 0]), &u32s(&MATRIX), &u32s(&[width << 16, height << 16])],
    );
    // Undetermined language.
    let mdhd = full(b"mdhd", 0, &[&u32s(&[0, 0, TIMESCALE, duration]), &[0x55, 0xc4, 0, 0]]);
    let hdlr = full(b"hdlr", 0, &[&u32s(&[0]), b"vide", &u32s(&[0, 0, 0]), b"video\0"]);
    let vmhd = full(b"vmhd", 1, &[&[0; 8]]);
    // The frames lie in this file.
    let dref = full(b"dref", 0, &[&u32s(&[1]), &full(b"url ", 1, &[])]);
    let dinf = boxed(b"dinf", &[&dref]);
    let minf = boxed(b"minf", &[&vmhd, &dinf, &stbl(track, &durations, first_frame)]);
    let mdia = boxed(b"mdia", &[&mdhd, &hdlr, &minf]);
    boxed(b"moov", &[&mvhd, &boxed(b"trak", &[&tkhd, &mdia])])
}

/// Ticks that each frame is shown; rounded on the way, so that none is gained or lost over all.
fn durations(track: &Track) -> Vec<u32> {
    let at = |i: usize| (i as f64 * f64::from(TIMESCALE) / track.fps).round() as u32;
    (0..track.frames.len()).map(|i| at(i + 1) - at(i)).collect()
}

fn stbl(track: &Track, durations: &[u32], first_frame: u32) -> Vec<u8> {
    let [sps, pps] = &track.parameters;
    let count = track.frames.len() as u32;
    let avcc = boxed(
        b"avcC",
        &[
            // Version, profile, compatibility and level as the parameters have them; lengths of four bytes; one set each.
            &[1, sps[1], sps[2], sps[3], 0xff, 0xe1],
            &(sps.len() as u16).to_be_bytes(),
            sps,
            &[1],
            &(pps.len() as u16).to_be_bytes(),
            pps,
        ],
    );
    // BT.601 primaries, transfer and matrix; limited range.
    let colr = boxed(b"colr", &[b"nclx", &[0, 6, 0, 6, 0, 6, 0]]);
    let [width, height] = track.size.map(|n| (n as u16).to_be_bytes());
    let avc1 = boxed(
        b"avc1",
        &[
            &[0, 0, 0, 0, 0, 0, 0, 1],
            &[0; 16],
            &width,
            &height,
            // 72 dots an inch, one frame a sample, no name, 24 bits, no colour table.
            &u32s(&[0x48_0000, 0x48_0000, 0]),
            &[0, 1],
            &[0; 32],
            &[0, 0x18, 0xff, 0xff],
            &avcc,
            &colr,
        ],
    );
    let stsd = full(b"stsd", 0, &[&u32s(&[1]), &avc1]);
    let mut runs: Vec<[u32; 2]> = Vec::new();
    for &d in durations {
        match runs.last_mut() {
            Some([n, last]) if *last == d => *n += 1,
            _ => runs.push([1, d]),
        }
    }
    let stts = full(b"stts", 0, &[&u32s(&[runs.len() as u32]), &u32s(runs.as_flattened())]);
    let keys: Vec<u32> = track.frames.iter().zip(1..).filter(|(f, _)| f.key).map(|(_, i)| i).collect();
    let stss = full(b"stss", 0, &[&u32s(&[keys.len() as u32]), &u32s(&keys)]);
    // All frames are one chunk.
    let stsc = full(b"stsc", 0, &[&u32s(&[1, 1, count, 1])]);
    let sizes: Vec<u32> = track.frames.iter().map(|f| f.bytes.len() as u32).collect();
    let stsz = full(b"stsz", 0, &[&u32s(&[0, count]), &u32s(&sizes)]);
    let stco = full(b"stco", 0, &[&u32s(&[1, first_frame])]);
    boxed(b"stbl", &[&stsd, &stts, &stss, &stsc, &stsz, &stco])
}

/// A box: length, name, parts.
fn boxed(name: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut bytes = (body.len() as u32 + 8).to_be_bytes().to_vec();
    bytes.extend(name);
    bytes.extend(body);
    bytes
}

/// A box with a version (0) and flags.
fn full(name: &[u8; 4], flags: u32, parts: &[&[u8]]) -> Vec<u8> {
    let head = flags.to_be_bytes();
    let mut all: Vec<&[u8]> = vec![&head];
    all.extend(parts);
    boxed(name, &all)
}

fn u32s(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_be_bytes()).collect()
}
