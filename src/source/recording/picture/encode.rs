//! [`encode_png`]: pixels as a PNG.

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::error::ErrorKind;

/// Rows of pixels as a PNG without metadata.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] where the format does not take pictures of this size.
pub fn encode_png(pixels: &[u8], width: u32, height: u32, colour: ExtendedColorType) -> Result<Vec<u8>, ErrorKind> {
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(pixels, width, height, colour)
        .map_err(|e| ErrorKind::malformed("PNG", e.to_string()))?;
    Ok(png)
}
