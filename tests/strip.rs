//! Metadata stripping on real pictures: pixels equal, EXIF gone.

#![allow(clippy::print_stdout)] // a skipped test says so

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use worldloom::privacy::strip_metadata;
use worldloom::record::FrameFormat;

/// Every JPEG, PNG and WebP below a folder, sorted.
fn pictures(folder: &Path) -> Vec<(PathBuf, FrameFormat)> {
    let mut all = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()) {
        if path.is_dir() {
            all.extend(pictures(&path));
        } else if let Some(format) = path.extension().and_then(|e| FrameFormat::from_extension(e.to_str()?)) {
            all.push((path, format));
        }
    }
    all.retain(|(_, format)| matches!(format, FrameFormat::Jpg | FrameFormat::Png | FrameFormat::Webp));
    all.sort();
    all
}

#[test]
fn real_pictures_keep_their_pixels_and_lose_their_exif() {
    let Some(data) = std::env::var_os("WORLDLOOM_DATA").map(PathBuf::from) else {
        println!("skipped: WORLDLOOM_DATA does not name the folder of real data");
        return;
    };
    let mut with_exif = 0;
    for set in ["berlin-mitte/images", "exif-stills", "toulouse-pano"] {
        for (path, format) in pictures(&data.join(set)) {
            let bytes = fs::read(&path).expect("readable");
            let Ok(before) = image::load_from_memory(&bytes) else { continue };
            let stripped = strip_metadata(&bytes, format).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            assert!(stripped.len() <= bytes.len());
            let after = image::load_from_memory(&stripped).expect("still a picture");
            assert!(before == after, "{}", path.display());
            let has_exif = |bytes: &[u8]| exif::Reader::new().read_from_container(&mut Cursor::new(bytes)).is_ok();
            with_exif += u32::from(has_exif(&bytes));
            assert!(!has_exif(&stripped), "{}", path.display());
            if format == FrameFormat::Jpg {
                assert_only_picture_segments(&path, &stripped);
            }
        }
    }
    assert!(with_exif >= 3, "only {with_exif} pictures had EXIF to begin with");
}

/// Of the segments before the first scan only JFIF, ICC, Adobe and those that decode the picture are left, and no
/// address (`@`) stands in an application segment other than a colour profile.
fn assert_only_picture_segments(path: &Path, bytes: &[u8]) {
    let mut at = 2;
    while bytes[at + 1] != 0xda {
        let (code, length) = (bytes[at + 1], usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]])));
        let body = &bytes[at + 4..at + 2 + length];
        match code {
            0xe0 => assert!(body.starts_with(b"JFIF\0") && body.len() == 14, "{}", path.display()),
            0xe2 => assert!(body.starts_with(b"ICC_PROFILE\0"), "{}", path.display()),
            0xee => assert!(body.starts_with(b"Adobe") && !body.contains(&b'@'), "{}", path.display()),
            _ => assert!(code < 0xe0, "{}: segment {code:#x}", path.display()),
        }
        at += 2 + length;
    }
    assert!(bytes.ends_with(&[0xff, 0xd9]));
}
