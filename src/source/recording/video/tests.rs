//! Streams of x265 whose pictures are known: red rises to the right and with each picture, green downwards, blue with each
//! picture, and a red square goes to the right.

use std::path::PathBuf;
use std::sync::Arc;

use image::RgbImage;
use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;
use crate::record::{ColourMatrix, VideoColour, VideoPicture, VideoStretch};
use crate::source::Limits;

const WIDTH: u32 = 64;
const HEIGHT: u32 = 48;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hevc").join(format!("{name}.hevc"))
}

fn found(path: &std::path::Path) -> (Vec<Arc<VideoStretch>>, u64) {
    stretches(path, &Limits::default()).expect("a stream")
}

fn pictures(stretches: &[Arc<VideoStretch>]) -> Vec<VideoPicture> {
    let each = |s: &Arc<VideoStretch>| {
        let stretch = s.clone();
        (0..s.pictures).map(move |index| VideoPicture { stretch: stretch.clone(), index })
    };
    stretches.iter().flat_map(each).collect()
}

fn shown(picture: &VideoPicture) -> RgbImage {
    let png = video_media(picture).expect("decodes");
    image::load_from_memory_with_format(&png, image::ImageFormat::Png).expect("a PNG").to_rgb8()
}

/// What picture `k` was before it was encoded.
fn drawn(k: u32, x: u32, y: u32) -> [u8; 3] {
    let left = (k * 4) % (WIDTH - 16);
    if (10..26).contains(&y) && (left..left + 16).contains(&x) {
        return [250, 40, 20];
    }
    [x * 3 + k * 9, y * 5, k * 11].map(|v| (v % 256) as u8)
}

/// Root of the mean squared difference to what was drawn, away from where red wraps around.
fn off(picture: &RgbImage, k: u32) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (x, y, pixel) in picture.enumerate_pixels() {
        let wanted = drawn(k, x, y);
        if (x * 3 + k * 9) % 256 < 12 || (x * 3 + k * 9) % 256 > 243 {
            continue;
        }
        for (a, b) in pixel.0.into_iter().zip(wanted) {
            sum += (f64::from(a) - f64::from(b)).powi(2);
            count += 1.0;
        }
    }
    f64::sqrt(sum / count)
}

#[test]
fn pictures_come_in_order_of_display_and_look_as_they_were_drawn() {
    // An open group of pictures cannot be entered at its second key frame: pictures shown before it look behind.
    for (name, counts) in [("closed", vec![6, 6, 3]), ("open", vec![15]), ("ten-bit", vec![4])] {
        let (stretches, headless) = found(&fixture(name));
        assert_eq!(headless, 0);
        assert_eq!(stretches.iter().map(|s| s.pictures).collect::<Vec<_>>(), counts, "{name}");
        for (k, picture) in pictures(&stretches).iter().enumerate() {
            let image = shown(picture);
            assert_eq!(image.dimensions(), (WIDTH, HEIGHT));
            let off = off(&image, k as u32);
            assert!(off < 14.0, "{name}, picture {k}: {off:.1}");
        }
    }
}

#[test]
fn what_the_samples_mean_is_read_from_the_stream() {
    let of = |name: &str| found(&fixture(name)).0[0].colour;
    assert_eq!(of("closed"), VideoColour { matrix: ColourMatrix::Bt601, full_range: false });
    assert_eq!(of("ten-bit"), VideoColour { matrix: ColourMatrix::Bt709, full_range: true });
}

#[test]
fn the_order_of_asking_changes_nothing() {
    let (stretches, _) = found(&fixture("closed"));
    let all = pictures(&stretches);
    let forward: Vec<Vec<u8>> = all.iter().map(|p| video_media(p).expect("decodes")).collect();
    let mut backward: Vec<Vec<u8>> = all.iter().rev().map(|p| video_media(p).expect("decodes")).collect();
    backward.reverse();
    assert!(forward == backward);
    let threads: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let ask = |p: &VideoPicture| video_media(p).expect("decodes");
        let running: Vec<_> = all.iter().map(|p| scope.spawn(move || ask(p))).collect();
        running.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(forward == threads);
}

#[test]
fn a_stream_that_is_cut_loses_its_end_and_one_without_its_start_what_needs_it() {
    let bytes = std::fs::read(fixture("closed")).expect("there");
    let (whole, _) = found(&fixture("closed"));
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &bytes[..bytes.len() - 20]).expect("written");
    let (cut, _) = found(file.path());
    let cut = pictures(&cut);
    assert!(cut[..12].iter().all(|p| video_media(p).is_ok()));
    let errors: Vec<_> = cut[12..].iter().filter_map(|p| video_media(p).err()).collect();
    assert!(!errors.is_empty());
    assert!(matches!(&errors[0], ErrorKind::Malformed { .. }), "{errors:?}");
    // The parameter sets, then everything but the first key frame.
    let skip = whole[0].offset as usize;
    let second = stretches::units(&bytes).find(|unit| unit.at > skip + 4).expect("more").at - 3;
    std::fs::write(file.path(), [&bytes[..skip], &bytes[second..]].concat()).expect("written");
    let (rest, headless) = found(file.path());
    assert_eq!((headless, rest.iter().map(|s| s.first).collect::<Vec<_>>()), (5, vec![5, 11]));
}

#[test]
fn what_is_no_stream_is_an_error() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let (whole, _) = found(&fixture("closed"));
    let bytes = std::fs::read(fixture("closed")).expect("there");
    for (content, says) in [
        (Vec::new(), "key frame"),
        (vec![0; 1000], "key frame"),
        (b"ftypisom, but no stream".to_vec(), "key frame"),
        (bytes[whole[0].offset as usize..whole[1].offset as usize - 200].to_vec(), "before any SPS"),
    ] {
        std::fs::write(file.path(), content).expect("written");
        let error = stretches(file.path(), &Limits::default()).expect_err("no stream");
        assert!(error.to_string().contains(says), "{error}");
    }
    let small = Limits { pixels: 1000, ..Limits::default() };
    let error = stretches(&fixture("closed"), &small).expect_err("too many pixels");
    assert!(matches!(error, ErrorKind::LimitExceeded { found: 3072, .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damage_is_an_error_or_a_picture(
        name in prop::sample::select(vec!["closed", "open", "ten-bit"]),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = std::fs::read(fixture(name)).expect("there");
        for (at, byte) in &hits {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        bytes.truncate(bytes.len() / 2 + end.index(bytes.len() / 2 + 1));
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), &bytes).expect("written");
        if let Ok((stretches, _)) = stretches(file.path(), &Limits { pixels: 1 << 20, ..Limits::default() }) {
            for picture in pictures(&stretches) {
                if let Ok(png) = video_media(&picture) {
                    let image = image::load_from_memory(&png).expect("a PNG");
                    prop_assert_eq!((image.width(), image.height()), (picture.stretch.width, picture.stretch.height));
                }
            }
        }
    }
}
