//! JPEG, PNG and WebP as containers: size, metadata blocks, and whether the file has its end.
//!
//! Sources: ITU-T T.81 annex B (JPEG), PNG 3rd edition, the WebP container specification; Adobe XMP part 3 for XMP and
//! ExtendedXMP in JPEG.

use std::io::{self, Read, Seek, SeekFrom};

use super::extended::Extended;
use crate::error::ErrorKind;
use crate::record::FrameFormat;

/// Metadata larger than this is left unread: real EXIF and XMP stay far below.
const METADATA_BYTES: u64 = 16 << 20;

/// What the container says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Container {
    /// The format.
    pub format: FrameFormat,
    /// Stored width, pixels.
    pub width: u32,
    /// Stored height, pixels.
    pub height: u32,
    /// EXIF's TIFF block.
    pub exif: Option<Vec<u8>>,
    /// XMP, all its parts joined.
    pub xmp: Option<Vec<u8>>,
    /// Why a part of its XMP is left out.
    pub note: Option<&'static str>,
}

/// Reads the headers of a picture, told by its magic bytes.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] where it is none of the three, has no size, or is cut short.
pub(super) fn scan(source: &mut (impl Read + Seek)) -> Result<Container, ErrorKind> {
    let mut magic = [0; 12];
    let mut filled = 0;
    while filled < magic.len() {
        match source.read(&mut magic[filled..]).map_err(|e| ErrorKind::io("read", e))? {
            0 => break,
            n => filled += n,
        }
    }
    let file_bytes = source.seek(SeekFrom::End(0)).map_err(|e| ErrorKind::io("read", e))?;
    let (name, scanned) = if magic.starts_with(&[0xff, 0xd8, 0xff]) {
        ("JPEG", jpeg(source, file_bytes))
    } else if magic.starts_with(b"\x89PNG\r\n\x1a\n") {
        ("PNG", png(source, file_bytes))
    } else if magic.starts_with(b"RIFF") && magic.ends_with(b"WEBP") {
        ("WebP", webp(source, file_bytes))
    } else if filled == 0 {
        return Err(ErrorKind::malformed("picture", "the file is empty"));
    } else {
        return Err(ErrorKind::malformed("picture", "it is neither JPEG, PNG nor WebP"));
    };
    let container = scanned.map_err(|error| match error {
        Broken::Io(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            ErrorKind::malformed(name, "the file is cut short")
        }
        Broken::Io(e) => ErrorKind::io("read", e),
        Broken::Format(reason) => ErrorKind::malformed(name, reason),
    })?;
    if container.width == 0 || container.height == 0 {
        return Err(ErrorKind::malformed(name, "its width or height is 0"));
    }
    Ok(container)
}

/// Why a container could not be read.
enum Broken {
    Io(io::Error),
    Format(&'static str),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Broken::Io(error)
    }
}

fn array<const N: usize>(source: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn block(source: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

fn jpeg(source: &mut (impl Read + Seek), file_bytes: u64) -> Result<Container, Broken> {
    source.seek(SeekFrom::Start(2))?;
    let (mut size, mut exif, mut xmp) = (None, None, None);
    let mut extended = Extended::default();
    let scan_start = loop {
        let [mark] = array(source)?;
        if mark != 0xff {
            return Err(Broken::Format("a marker is missing between its segments"));
        }
        let mut code = 0xff;
        while code == 0xff {
            [code] = array(source)?;
        }
        match code {
            0x01 | 0xd0..=0xd7 => continue,
            0xd9 => return Err(Broken::Format("it ends before its pixels")),
            _ => {}
        }
        let length = u64::from(u16::from_be_bytes(array(source)?));
        let Some(length) = length.checked_sub(2) else {
            return Err(Broken::Format("a segment's length is below 2"));
        };
        match code {
            // Start of scan.
            0xda => break source.stream_position()?,
            // Start of frame: all of C0…CF but the Huffman, arithmetic and reserved tables.
            0xc0..=0xcf if !matches!(code, 0xc4 | 0xc8 | 0xcc) => {
                let body = block(source, length)?;
                let [_, h1, h0, w1, w0, ..] = body[..] else {
                    return Err(Broken::Format("its frame header is too short"));
                };
                size = size.or(Some((u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]))));
            }
            0xe1 => {
                let body = block(source, length)?;
                if let Some(tiff) = body.strip_prefix(b"Exif\0\0") {
                    exif = exif.or_else(|| Some(tiff.to_vec()));
                } else if let Some(text) = body.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
                    xmp = xmp.or_else(|| Some(text.to_vec()));
                } else if let Some(part) = body.strip_prefix(b"http://ns.adobe.com/xmp/extension/\0") {
                    extended.add(part, METADATA_BYTES);
                }
            }
            _ => skip(source, length, file_bytes)?,
        }
    };
    let Some((width, height)) = size else {
        return Err(Broken::Format("it has no frame header before its pixels"));
    };
    if !has_jpeg_end(source, scan_start, file_bytes)? {
        return Err(Broken::Format("the file is cut short: its end marker is missing"));
    }
    let joined = extended.join(xmp.as_deref().unwrap_or_default());
    let note = joined.as_ref().err().copied();
    if let Ok(Some(document)) = joined {
        // A document of its own; behind the first it is read in the same pass.
        xmp.get_or_insert_with(Vec::new).extend(document);
    }
    Ok(Container { format: FrameFormat::Jpg, width: width.into(), height: height.into(), exif, xmp, note })
}

/// Whether an end-of-image marker follows the pixels. Pixel data never holds `FF D9`, so the tail alone mostly decides;
/// other bytes after the end (a second picture, a maker's data) make it look further back.
fn has_jpeg_end(source: &mut (impl Read + Seek), scan_start: u64, file_bytes: u64) -> io::Result<bool> {
    let mut end = file_bytes;
    let mut window: u64 = 1 << 10;
    while end > scan_start {
        let start = end.saturating_sub(window).max(scan_start);
        source.seek(SeekFrom::Start(start))?;
        // One byte more: the marker may lie across two windows.
        let bytes = block(source, (end + 1).min(file_bytes) - start)?;
        if bytes.windows(2).any(|pair| pair == [0xff, 0xd9]) {
            return Ok(true);
        }
        end = start;
        window = 1 << 20;
    }
    Ok(false)
}

fn skip(source: &mut impl Seek, length: u64, file_bytes: u64) -> io::Result<()> {
    let to = source.stream_position()?.saturating_add(length);
    // A seek beyond the end would succeed.
    if to > file_bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    source.seek(SeekFrom::Start(to)).map(|_| ())
}

fn png(source: &mut (impl Read + Seek), file_bytes: u64) -> Result<Container, Broken> {
    source.seek(SeekFrom::Start(8))?;
    let (mut size, mut exif, mut xmp) = (None, None, None);
    loop {
        let length = u64::from(u32::from_be_bytes(array(source)?));
        let kind: [u8; 4] = array(source)?;
        match &kind {
            b"IHDR" => {
                let [w3, w2, w1, w0, h3, h2, h1, h0, ..] = block(source, length.min(13))?[..] else {
                    return Err(Broken::Format("its header is too short"));
                };
                size = Some((u32::from_be_bytes([w3, w2, w1, w0]), u32::from_be_bytes([h3, h2, h1, h0])));
                skip(source, length.saturating_sub(13) + 4, file_bytes)?;
            }
            b"eXIf" if length <= METADATA_BYTES => {
                exif = Some(block(source, length)?);
                skip(source, 4, file_bytes)?;
            }
            b"iTXt" if length <= METADATA_BYTES => {
                let body = block(source, length)?;
                // Keyword, 0, compression flag and method, language, 0, translated keyword, 0: all empty by Adobe.
                if let Some(text) = body.strip_prefix(b"XML:com.adobe.xmp\0\0\0\0\0") {
                    xmp = Some(text.to_vec());
                }
                skip(source, 4, file_bytes)?;
            }
            b"IEND" => {
                skip(source, length + 4, file_bytes)?;
                break;
            }
            _ => skip(source, length + 4, file_bytes)?,
        }
    }
    let Some((width, height)) = size else {
        return Err(Broken::Format("it has no header chunk"));
    };
    Ok(Container { format: FrameFormat::Png, width, height, exif, xmp, note: None })
}

fn webp(source: &mut (impl Read + Seek), file_bytes: u64) -> Result<Container, Broken> {
    source.seek(SeekFrom::Start(4))?;
    let riff_end = 8 + u64::from(u32::from_le_bytes(array(source)?));
    if riff_end > file_bytes {
        return Err(Broken::Format("the file is cut short"));
    }
    source.seek(SeekFrom::Start(12))?;
    let (mut size, mut exif, mut xmp) = (None, None, None);
    while source.stream_position()? + 8 <= riff_end {
        let kind: [u8; 4] = array(source)?;
        let length = u64::from(u32::from_le_bytes(array(source)?));
        let start = source.stream_position()?;
        match &kind {
            b"VP8X" => {
                let b: [u8; 10] = array(source)?;
                let u24 = |i: usize| u32::from_le_bytes([b[i], b[i + 1], b[i + 2], 0]) + 1;
                size = Some((u24(4), u24(7)));
            }
            b"VP8 " => {
                let b: [u8; 10] = array(source)?;
                if b[3..6] != [0x9d, 0x01, 0x2a] {
                    return Err(Broken::Format("its key frame has no start code"));
                }
                let u14 = |i: usize| u32::from(u16::from_le_bytes([b[i], b[i + 1]]) & 0x3fff);
                size = size.or(Some((u14(6), u14(8))));
            }
            b"VP8L" => {
                let [signature, bits @ ..]: [u8; 5] = array(source)?;
                if signature != 0x2f {
                    return Err(Broken::Format("its lossless data has no signature"));
                }
                let bits = u32::from_le_bytes(bits);
                size = size.or(Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1)));
            }
            b"EXIF" if length <= METADATA_BYTES => {
                let body = block(source, length)?;
                exif = Some(body.strip_prefix(b"Exif\0\0").unwrap_or(&body).to_vec());
            }
            b"XMP " if length <= METADATA_BYTES => xmp = Some(block(source, length)?),
            _ => {}
        }
        source.seek(SeekFrom::Start(start))?;
        // Chunks are padded to even lengths.
        skip(source, length + length % 2, file_bytes.max(riff_end + 1))?;
    }
    let Some((width, height)) = size else {
        return Err(Broken::Format("it has no picture"));
    };
    Ok(Container { format: FrameFormat::Webp, width, height, exif, xmp, note: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn encoded(format: image::ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8 * 6, y as u8 * 8, 7]))
            .write_to(&mut bytes, format)
            .expect("encodes");
        bytes.into_inner()
    }

    const FORMATS: [(image::ImageFormat, FrameFormat); 3] = [
        (image::ImageFormat::Jpeg, FrameFormat::Jpg),
        (image::ImageFormat::Png, FrameFormat::Png),
        (image::ImageFormat::WebP, FrameFormat::Webp),
    ];

    #[test]
    fn size_and_format_come_from_the_bytes_and_a_cut_is_noticed() {
        for (encoder, format) in FORMATS {
            let bytes = encoded(encoder);
            let container = scan(&mut Cursor::new(&bytes)).expect("whole");
            assert_eq!((container.format, container.width, container.height), (format, 40, 30));
            for cut in [bytes.len() - 2, bytes.len() / 2, 20] {
                assert!(scan(&mut Cursor::new(&bytes[..cut])).is_err(), "{format:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn extended_xmp_is_joined_by_offset() {
        let jpeg = encoded(image::ImageFormat::Jpeg);
        let mut bytes = jpeg[..2].to_vec();
        let mut segment = |body: &[u8]| {
            bytes.extend([0xff, 0xe1]);
            bytes.extend((body.len() as u16 + 2).to_be_bytes());
            bytes.extend(body);
        };
        segment(b"http://ns.adobe.com/xap/1.0/\0main HasExtendedXMP='AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' ");
        for (offset, text) in [(4_u32, "part two"), (0, "one ")] {
            let head =
                [b"http://ns.adobe.com/xmp/extension/\0".as_slice(), &[b'A'; 32], &12_u32.to_be_bytes()].concat();
            segment(&[head.as_slice(), &offset.to_be_bytes(), text.as_bytes()].concat());
        }
        bytes.extend(&jpeg[2..]);
        let xmp = scan(&mut Cursor::new(&bytes)).expect("whole").xmp.expect("XMP");
        assert!(String::from_utf8_lossy(&xmp).ends_with("' one part two"));
    }

    proptest! {
        #[test]
        fn damage_is_an_error_and_never_a_panic(
            which in 0_usize..3,
            flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        ) {
            let mut bytes = encoded(FORMATS[which].0);
            for (at, value) in flips {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            let _ = scan(&mut Cursor::new(&bytes));
        }

        #[test]
        fn any_bytes_are_a_picture_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200), which in 0..4) {
            let magic: &[u8] = [&b"\xff\xd8\xff\xe1"[..], b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b""][which as usize];
            let _ = scan(&mut Cursor::new([magic, &bytes].concat()));
        }
    }
}
