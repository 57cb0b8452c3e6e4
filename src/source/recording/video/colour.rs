//! [`rgb`]: what a decoded picture shows.

use image::RgbImage;
use rusty_h265::Picture;

use crate::record::{ColourMatrix, VideoColour};

/// Fractional bits of the weights.
const BITS: u32 = 16;

/// Weights of a conversion, scaled by 2^16: luma, then red by Cr, green by Cb and Cr, blue by Cb.
struct Weights {
    luma_from: i32,
    luma: i64,
    red: i64,
    green: [i64; 2],
    blue: i64,
}

impl Weights {
    /// Source: ITU-T H.273, 8.3, equations of `MatrixCoefficients`, with their `KR` and `KB`.
    fn of(colour: VideoColour) -> Weights {
        let (kr, kb) = match colour.matrix {
            ColourMatrix::Bt601 => (0.299, 0.114),
            ColourMatrix::Bt709 => (0.2126, 0.0722),
            ColourMatrix::Bt2020 => (0.2627, 0.0593),
        };
        let kg = 1.0 - kr - kb;
        let (luma_from, luma, chroma) =
            if colour.full_range { (0, 1.0, 1.0) } else { (16, 255.0 / 219.0, 255.0 / 224.0) };
        let fixed = |weight: f64| (weight * f64::from(1 << BITS)).round() as i64;
        Weights {
            luma_from,
            luma: fixed(luma),
            red: fixed(chroma * 2.0 * (1.0 - kr)),
            green: [fixed(-chroma * 2.0 * (1.0 - kb) * kb / kg), fixed(-chroma * 2.0 * (1.0 - kr) * kr / kg)],
            blue: fixed(chroma * 2.0 * (1.0 - kb)),
        }
    }
}

/// The pixels of a 4:2:0 picture as shown, sRGB; a chroma sample holds for the four pixels that share it.
///
/// `None` where its planes are not those of such a picture.
pub(super) fn rgb(picture: &Picture, colour: VideoColour) -> Option<RgbImage> {
    let weights = Weights::of(colour);
    let (left, top, width, height) = picture.crop;
    let [luma, cb, cr] = &picture.planes;
    let fits = left + width <= luma.width
        && top + height <= luma.height
        && [cb, cr].iter().all(|c| c.width * 2 >= luma.width && c.height * 2 >= luma.height);
    let (down, chroma_down) = (picture.bit_depth_luma.checked_sub(8)?, picture.bit_depth_chroma.checked_sub(8)?);
    if !fits || picture.chroma_format_idc != 1 {
        return None;
    }
    let mut pixels = Vec::with_capacity(width * height * 3);
    let byte = |value: i64| ((value + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8;
    for y in top..top + height {
        let (luma, cb, cr) = (luma.row(y), cb.row(y / 2), cr.row(y / 2));
        for x in left..left + width {
            let luma = i64::from(i32::from(luma[x] >> down) - weights.luma_from) * weights.luma;
            let blueness = i64::from(cb[x / 2] >> chroma_down) - 128;
            let redness = i64::from(cr[x / 2] >> chroma_down) - 128;
            pixels.push(byte(luma + redness * weights.red));
            pixels.push(byte(luma + blueness * weights.green[0] + redness * weights.green[1]));
            pixels.push(byte(luma + blueness * weights.blue));
        }
    }
    RgbImage::from_raw(u32::try_from(width).ok()?, u32::try_from(height).ok()?, pixels)
}
