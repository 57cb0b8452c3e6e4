//! Takes metadata out of pictures and leaves their data as it is, bit for bit.
//!
//! What decides how pixels look stays (tables, scans, colour profiles, gamma, transparency, animation); what tells
//! of the photographer, the camera or the place goes: EXIF, XMP, IPTC, comments, thumbnails, previews behind the
//! picture, and every block that we do not know. Nothing is decoded, so nothing is lost to a second encoding. An EXIF
//! orientation goes too: readers keep it in the mount.

use crate::error::ErrorKind;
use crate::record::FrameFormat;

/// The picture without its metadata.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] where the container is broken or cut short, [`ErrorKind::Unsupported`] where `format` is
/// no picture.
pub fn strip_metadata(bytes: &[u8], format: FrameFormat) -> Result<Vec<u8>, ErrorKind> {
    match format {
        FrameFormat::Jpg => jpeg(bytes),
        FrameFormat::Png => png(bytes),
        FrameFormat::Webp => webp(bytes),
        other => Err(ErrorKind::Unsupported(format!("taking metadata out of `.{}`", other.extension()))),
    }
}

/// JPEG markers that we name. Source: ITU-T T.81, table B.1.
mod marker {
    pub(super) const SOI: u8 = 0xd8;
    pub(super) const EOI: u8 = 0xd9;
    pub(super) const SOS: u8 = 0xda;
    pub(super) const APP0: u8 = 0xe0;
    pub(super) const APP2: u8 = 0xe2;
    pub(super) const APP14: u8 = 0xee;
    pub(super) const APP15: u8 = 0xef;
    pub(super) const JPG0: u8 = 0xf0;
    pub(super) const COM: u8 = 0xfe;
    pub(super) const RST0: u8 = 0xd0;
    pub(super) const RST7: u8 = 0xd7;
}

fn jpeg(bytes: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    let broken = |reason: &str| ErrorKind::malformed("JPEG", reason);
    if !bytes.starts_with(&[0xff, marker::SOI]) {
        return Err(broken("does not start with a start-of-image marker"));
    }
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(&bytes[..2]);
    let (mut at, mut frame, mut scan) = (2, false, false);
    loop {
        // Any number of fill bytes may stand before a marker's code.
        if bytes.get(at) != Some(&0xff) {
            return Err(broken("no marker where one is due: cut short or damaged"));
        }
        while bytes.get(at) == Some(&0xff) {
            at += 1;
        }
        let code = *bytes.get(at).ok_or_else(|| broken("cut short"))?;
        at += 1;
        if code == marker::EOI {
            // What follows is not this picture: previews (MPF), trailers of cameras.
            out.extend_from_slice(&[0xff, code]);
            return if frame && scan { Ok(out) } else { Err(broken("no picture in it")) };
        }
        if matches!(code, 0x00 | 0x01 | marker::RST0..=marker::SOI) {
            return Err(broken("a marker that cannot stand between segments"));
        }
        let length = bytes.get(at..at + 2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
        let length = length.filter(|n| *n >= 2).ok_or_else(|| broken("a segment without length"))?;
        let segment = bytes.get(at..at + length).ok_or_else(|| broken("a segment is cut short"))?;
        at += length;
        match kept(code, segment) {
            Kept::Whole => {
                out.extend_from_slice(&[0xff, code]);
                out.extend_from_slice(segment);
            }
            Kept::Jfif(head) => {
                // Length 16, the first nine bytes, and a thumbnail of 0 × 0 pixels.
                out.extend_from_slice(&[0xff, code, 0, 16]);
                out.extend_from_slice(head);
                out.extend_from_slice(&[0, 0]);
            }
            Kept::Nothing => {}
        }
        // SOF0…SOF15 without DHT, JPG and DAC.
        frame |= matches!(code, 0xc0..=0xcf) && !matches!(code, 0xc4 | 0xc8 | 0xcc);
        if code == marker::SOS {
            if !frame {
                return Err(broken("a scan before its frame"));
            }
            scan = true;
            let end = end_of_scan(bytes, at).ok_or_else(|| broken("cut short in a scan"))?;
            out.extend_from_slice(&bytes[at..end]);
            at = end;
        }
    }
}

/// What stays of a JPEG segment.
enum Kept<'a> {
    Whole,
    /// A JFIF header without its thumbnail: identifier, version, density (12 bytes).
    Jfif(&'a [u8]),
    Nothing,
}

/// What stays of the segment of a marker; `segment` starts with its two bytes of length.
fn kept(code: u8, segment: &[u8]) -> Kept<'_> {
    let body = &segment[2..];
    match code {
        marker::APP0 => match body.get(..12).filter(|head| head.starts_with(b"JFIF\0")) {
            Some(head) => Kept::Jfif(head),
            None => Kept::Nothing,
        },
        marker::APP2 if body.starts_with(b"ICC_PROFILE\0") => Kept::Whole,
        // Says whether the colours were transformed: decoders need it.
        marker::APP14 if body.starts_with(b"Adobe") => Kept::Whole,
        marker::APP0..=marker::APP15 | marker::JPG0..=marker::COM => Kept::Nothing,
        _ => Kept::Whole,
    }
}

/// The place of the marker behind the entropy-coded data at `at`: stuffed zeros, restart markers and their fill bytes
/// belong to the data.
fn end_of_scan(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += bytes.get(at..)?.iter().position(|b| *b == 0xff)?;
        let code = at + bytes.get(at..)?.iter().position(|b| *b != 0xff)?;
        if !matches!(bytes[code], 0x00 | marker::RST0..=marker::RST7) {
            return Some(at);
        }
        at = code + 1;
    }
}

/// PNG chunks that stay beside the critical ones: colour, transparency, density, animation. Source: PNG, third
/// edition (W3C, 2025), section 11.
const PNG_KEPT: [&[u8; 4]; 16] = [
    b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"bKGD", b"hIST", b"pHYs",
    b"sPLT", b"acTL", b"fcTL", b"fdAT",
];

fn png(bytes: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    let broken = |reason: &str| ErrorKind::malformed("PNG", reason);
    let signature = b"\x89PNG\r\n\x1a\n";
    let mut rest = bytes.strip_prefix(signature).ok_or_else(|| broken("does not start with its signature"))?;
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(signature);
    let mut data = false;
    loop {
        let (length, behind) = rest.split_first_chunk::<4>().ok_or_else(|| broken("cut short"))?;
        let name = behind.first_chunk::<4>().ok_or_else(|| broken("cut short"))?;
        // Length, name and check sum take twelve bytes more.
        let size = (u32::from_be_bytes(*length) as usize).saturating_add(12);
        let chunk = rest.get(..size).ok_or_else(|| broken("a chunk is cut short"))?;
        if (out.len() == signature.len()) != (name == b"IHDR") {
            return Err(broken("`IHDR` is not the first chunk"));
        }
        // A small first letter says that a decoder may do without.
        if name[0].is_ascii_uppercase() || PNG_KEPT.contains(&name) {
            out.extend_from_slice(chunk);
        }
        data |= name == b"IDAT";
        rest = &rest[size..];
        if name == b"IEND" {
            return if data { Ok(out) } else { Err(broken("no picture in it")) };
        }
    }
}

/// Flags of a WebP's `VP8X` chunk for EXIF and XMP. Source: RFC 9649, section 2.7.1.
const WEBP_METADATA: u8 = 0x08 | 0x04;

fn webp(bytes: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    let broken = |reason: &str| ErrorKind::malformed("WebP", reason);
    let head = bytes.first_chunk::<12>().ok_or_else(|| broken("cut short"))?;
    if !head.starts_with(b"RIFF") || !head.ends_with(b"WEBP") {
        return Err(broken("does not start with `RIFF` and `WEBP`"));
    }
    let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
    let chunks = size.checked_add(8).and_then(|end| bytes.get(12..end)).ok_or_else(|| broken("cut short"))?;
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(head);
    let mut picture = false;
    webp_chunks(chunks, &mut |name, body| {
        match name {
            b"VP8X" => {
                let mut body = body.to_vec();
                let flags = body.first_mut().ok_or_else(|| broken("an empty `VP8X`"))?;
                *flags &= !WEBP_METADATA;
                webp_push(&mut out, name, &body)
            }
            b"ANMF" => {
                // 16 bytes of place and duration, then chunks of its own.
                let (place, inside) = body.split_first_chunk::<16>().ok_or_else(|| broken("a frame is cut short"))?;
                let mut frame = place.to_vec();
                webp_chunks(inside, &mut |name, body| match name {
                    b"ALPH" | b"VP8 " | b"VP8L" => webp_push(&mut frame, name, body),
                    _ => Ok(()),
                })?;
                picture = true;
                webp_push(&mut out, name, &frame)
            }
            b"VP8 " | b"VP8L" => {
                picture = true;
                webp_push(&mut out, name, body)
            }
            b"ALPH" | b"ANIM" | b"ICCP" => webp_push(&mut out, name, body),
            _ => Ok(()),
        }
    })?;
    if !picture {
        return Err(broken("no picture in it"));
    }
    let size = u32::try_from(out.len() - 8).map_err(|_| broken("larger than 4 GiB"))?;
    out[4..8].copy_from_slice(&size.to_le_bytes());
    Ok(out)
}

/// What is done with the name and body of a chunk.
type TakeChunk<'a> = dyn FnMut(&[u8; 4], &[u8]) -> Result<(), ErrorKind> + 'a;

/// Gives name and body of every chunk of a RIFF to `take`.
fn webp_chunks(mut rest: &[u8], take: &mut TakeChunk<'_>) -> Result<(), ErrorKind> {
    while !rest.is_empty() {
        let head = rest.split_first_chunk::<4>().and_then(|(name, rest)| Some((name, rest.split_first_chunk::<4>()?)));
        let (name, (size, behind)) = head.ok_or_else(|| ErrorKind::malformed("WebP", "a chunk is cut short"))?;
        let size = u32::from_le_bytes(*size) as usize;
        let body = behind.get(..size).ok_or_else(|| ErrorKind::malformed("WebP", "a chunk is cut short"))?;
        take(name, body)?;
        // Odd sizes are padded; some writers leave the last padding out.
        rest = behind.get(size + size % 2..).unwrap_or_default();
    }
    Ok(())
}

/// Adds a chunk, padded.
fn webp_push(out: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) -> Result<(), ErrorKind> {
    let size = u32::try_from(body.len()).map_err(|_| ErrorKind::malformed("WebP", "a chunk above 4 GiB"))?;
    out.extend_from_slice(name);
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(body);
    if size % 2 == 1 {
        out.push(0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};
    use proptest::prelude::*;

    use super::*;

    /// A small picture of noise.
    fn picture() -> RgbImage {
        RgbImage::from_fn(37, 23, |x, y| {
            let v = (x * 7919 + y * 104_729) % 251;
            Rgb([v as u8, (v * 3 % 256) as u8, (x * 6) as u8])
        })
    }

    /// A plain file of each format.
    fn plain(format: FrameFormat) -> Vec<u8> {
        let picture = picture();
        let mut bytes = Cursor::new(Vec::new());
        let (raw, (w, h)) = (picture.as_raw(), picture.dimensions());
        match format {
            FrameFormat::Png => {
                image::codecs::png::PngEncoder::new(&mut bytes).write_image(raw, w, h, ExtendedColorType::Rgb8)
            }
            FrameFormat::Webp => {
                image::codecs::webp::WebPEncoder::new_lossless(&mut bytes).encode(raw, w, h, ExtendedColorType::Rgb8)
            }
            _ => image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90).encode(
                raw,
                w,
                h,
                ExtendedColorType::Rgb8,
            ),
        }
        .expect("writes to memory");
        bytes.into_inner()
    }

    /// The secret that all metadata of [`dressed`] holds.
    const SECRET: &[u8] = b"someone@example.org";

    /// A minimal EXIF block that names an artist.
    fn exif() -> Vec<u8> {
        let mut tiff = b"II*\0\x08\0\0\0\x01\0\x3b\x01\x02\0".to_vec();
        tiff.extend_from_slice(&(SECRET.len() as u32).to_le_bytes());
        tiff.extend_from_slice(&26u32.to_le_bytes());
        tiff.extend_from_slice(&[0; 4]);
        tiff.extend_from_slice(SECRET);
        tiff
    }

    fn segment(code: u8, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let mut out = vec![0xff, 0xff, code];
        out.extend_from_slice(&(body.len() as u16 + 2).to_be_bytes());
        out.extend_from_slice(&body);
        out
    }

    /// The same picture with metadata of every sort, and something behind its end.
    fn dressed(format: FrameFormat) -> Vec<u8> {
        let plain = plain(format);
        match format {
            FrameFormat::Jpg => {
                let mut out = plain[..2].to_vec();
                out.extend(segment(0xe0, &[b"JFIF\0\x01\x02\0\0\x01\0\x01\x02\x01", &[9; 6]]));
                out.extend(segment(0xe1, &[b"Exif\0\0", &exif()]));
                out.extend(segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", SECRET]));
                out.extend(segment(0xe2, &[b"MPF\0", SECRET]));
                out.extend(segment(0xed, &[b"Photoshop 3.0\0", SECRET]));
                out.extend(segment(0xfe, &[SECRET]));
                // The encoder's own JFIF header, as a second one, would be kept: skip it.
                let skip = 4 + usize::from(u16::from_be_bytes([plain[4], plain[5]])) - 2;
                out.extend_from_slice(&plain[2 + skip..]);
                out.extend_from_slice(&plain);
                out.extend_from_slice(SECRET);
                out
            }
            FrameFormat::Png => {
                let chunk = |name: &[u8; 4], body: &[u8]| {
                    let mut out = (body.len() as u32).to_be_bytes().to_vec();
                    out.extend_from_slice(name);
                    out.extend_from_slice(body);
                    out.extend_from_slice(&[0; 4]);
                    out
                };
                let mut out = plain[..33].to_vec();
                out.extend(chunk(b"eXIf", &exif()));
                for name in [b"tEXt", b"zTXt", b"iTXt", b"prVt"] {
                    out.extend(chunk(name, SECRET));
                }
                out.extend(chunk(b"tIME", &[7, 0xe8, 1, 1, 1, 1, 1]));
                out.extend_from_slice(&plain[33..]);
                out.extend_from_slice(SECRET);
                out
            }
            _ => {
                let mut out = plain[..12].to_vec();
                let (w, h) = (36u32.to_le_bytes(), 22u32.to_le_bytes());
                webp_push(&mut out, b"VP8X", &[0x0c, 0, 0, 0, w[0], w[1], w[2], h[0], h[1], h[2]]).expect("small");
                out.extend_from_slice(&plain[12..]);
                webp_push(&mut out, b"EXIF", &exif()).expect("small");
                webp_push(&mut out, b"XMP ", SECRET).expect("small");
                webp_push(&mut out, b"????", SECRET).expect("small");
                let size = out.len() as u32 - 8;
                out[4..8].copy_from_slice(&size.to_le_bytes());
                out.extend_from_slice(SECRET);
                out
            }
        }
    }

    const FORMATS: [FrameFormat; 3] = [FrameFormat::Jpg, FrameFormat::Png, FrameFormat::Webp];

    fn holds_secret(bytes: &[u8]) -> bool {
        bytes.windows(SECRET.len()).any(|w| w == SECRET)
    }

    #[test]
    fn no_metadata_is_left_and_the_pixels_are_the_same() {
        for format in FORMATS {
            let dressed = dressed(format);
            assert!(holds_secret(&dressed));
            exif::Reader::new().read_from_container(&mut Cursor::new(&dressed)).expect("the example has EXIF");
            let stripped = strip_metadata(&dressed, format).expect("valid");
            assert!(!holds_secret(&stripped), "{format:?}");
            assert!(exif::Reader::new().read_from_container(&mut Cursor::new(&stripped)).is_err());
            let decode = |bytes: &[u8]| image::load_from_memory(bytes).expect("a picture").to_rgb8();
            assert_eq!(decode(&stripped), decode(&plain(format)), "{format:?}");
            assert_eq!(strip_metadata(&stripped, format).expect("valid"), stripped, "once is enough");
        }
    }

    #[test]
    fn a_plain_picture_stays_byte_for_byte() {
        for format in FORMATS {
            assert_eq!(strip_metadata(&plain(format), format).expect("valid"), plain(format), "{format:?}");
        }
    }

    #[test]
    fn colour_profiles_and_the_adobe_marker_stay() {
        let plain = plain(FrameFormat::Jpg);
        let mut bytes = plain[..2].to_vec();
        bytes.extend([0xff, 0xe2, 0, 18]);
        bytes.extend_from_slice(b"ICC_PROFILE\0\x01\x01ab");
        bytes.extend([0xff, 0xee, 0, 14]);
        bytes.extend_from_slice(b"Adobe\0d\0\0\0\0\x01");
        bytes.extend_from_slice(&plain[2..]);
        assert_eq!(strip_metadata(&bytes, FrameFormat::Jpg).expect("valid"), bytes);
    }

    #[test]
    fn the_thumbnail_of_a_jfif_header_goes_and_its_density_stays() {
        let stripped = strip_metadata(&dressed(FrameFormat::Jpg), FrameFormat::Jpg).expect("valid");
        assert_eq!(&stripped[2..20], b"\xff\xe0\0\x10JFIF\0\x01\x02\0\0\x01\0\x01\0\0");
    }

    #[test]
    fn a_picture_cut_short_is_refused() {
        for format in FORMATS {
            let plain = plain(format);
            for keep in [0, 5, 11, 30, plain.len() / 2, plain.len() - 1] {
                assert!(strip_metadata(&plain[..keep], format).is_err(), "{format:?} cut to {keep}");
            }
        }
        assert!(strip_metadata(b"RIFF", FrameFormat::Wav).is_err());
    }

    #[test]
    fn restart_markers_and_fill_bytes_belong_to_a_scan() {
        let scan = [1, 0xff, 0x00, 2, 0xff, 0xff, 0xd3, 3, 0xff, 0xff, 0xd9];
        assert_eq!(end_of_scan(&scan, 0), Some(8));
        assert_eq!(end_of_scan(&scan[..8], 0), None);
    }

    proptest! {
        #[test]
        fn mutated_bytes_never_panic_and_never_grow(
            which in 0usize..3,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            keep in any::<prop::sample::Index>(),
        ) {
            let mut bytes = dressed(FORMATS[which]);
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            bytes.truncate(keep.index(bytes.len() + 1));
            if let Ok(stripped) = strip_metadata(&bytes, FORMATS[which]) {
                // A WebP's last padding byte may be added.
                prop_assert!(stripped.len() <= bytes.len() + 1);
            }
        }
    }
}
