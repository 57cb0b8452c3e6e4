//! Text on pictures, Hangul and Latin, with the fonts that the binary carries (`assets/fonts`).

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont, point};
use ndarray::{Array2, ArrayViewMut3};

/// Which of the two faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weight {
    /// Running text.
    #[default]
    Regular,
    /// Headings and signs.
    Bold,
}

static REGULAR: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    FontRef::try_from_slice(include_bytes!("../../assets/fonts/WorldloomSansKR-Regular.ttf"))
        .expect("the embedded font is whole")
});
static BOLD: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    FontRef::try_from_slice(include_bytes!("../../assets/fonts/WorldloomSansKR-Bold.ttf"))
        .expect("the embedded font is whole")
});

fn font(weight: Weight) -> &'static FontRef<'static> {
    match weight {
        Weight::Regular => &REGULAR,
        Weight::Bold => &BOLD,
    }
}

/// Draws one line of text onto a picture of shape `(H, W, 3)` or `(H, W, 4)`, sRGB.
///
/// `x`, `y` is the top left of the line, whose height is `px` pixels; what lies outside the picture is clipped.
/// A character that the font lacks is drawn as an empty box; control characters are skipped. A fourth channel is
/// raised to the text's coverage. Returns the x where a following text would start.
pub fn draw_text(
    canvas: &mut ArrayViewMut3<'_, u8>,
    x: f32,
    y: f32,
    px: f32,
    text: &str,
    colour: [u8; 3],
    weight: Weight,
) -> f32 {
    let (height, width, channels) = canvas.dim();
    each_pixel(x, y, px, text, weight, |column, row, coverage| {
        let (Ok(column), Ok(row)) = (usize::try_from(column), usize::try_from(row)) else { return };
        if column >= width || row >= height {
            return;
        }
        for (channel, &ink) in colour.iter().enumerate().take(channels) {
            let under = f32::from(canvas[[row, column, channel]]);
            canvas[[row, column, channel]] = (under + (f32::from(ink) - under) * coverage + 0.5) as u8;
        }
        if channels == 4 {
            let alpha = (coverage * 255.0 + 0.5) as u8;
            canvas[[row, column, 3]] = canvas[[row, column, 3]].max(alpha);
        }
    })
}

/// Width of one line of text at `px` pixels of line height, in pixels.
pub fn text_width(text: &str, px: f32, weight: Weight) -> f32 {
    let scaled = font(weight).as_scaled(PxScale::from(px));
    glyphs(text, weight).map(|id| scaled.h_advance(id)).sum()
}

/// The coverage 0–1 of one line of text, shape `(H, W)` with `H` = `px` rounded up and `W` the text's width.
pub fn text_coverage(text: &str, px: f32, weight: Weight) -> Array2<f32> {
    let width = text_width(text, px, weight).ceil().max(1.0) as usize;
    let mut picture = Array2::zeros((px.ceil().max(1.0) as usize, width));
    each_pixel(0.0, 0.0, px, text, weight, |column, row, coverage| {
        let (Ok(column), Ok(row)) = (usize::try_from(column), usize::try_from(row)) else { return };
        if let Some(pixel) = picture.get_mut((row, column)) {
            *pixel = f32::max(*pixel, coverage);
        }
    });
    picture
}

fn glyphs(text: &str, weight: Weight) -> impl Iterator<Item = GlyphId> {
    text.chars().filter(|c| !c.is_control()).map(move |c| font(weight).glyph_id(c))
}

/// Calls `ink(column, row, coverage)` for each pixel that the text touches; returns the x after the text.
fn each_pixel(x: f32, y: f32, px: f32, text: &str, weight: Weight, mut ink: impl FnMut(i64, i64, f32)) -> f32 {
    let font = font(weight);
    let scale = PxScale::from(px);
    let scaled = font.as_scaled(scale);
    let baseline = y + scaled.ascent();
    let mut pen = x;
    for id in glyphs(text, weight) {
        if let Some(outline) = font.outline_glyph(id.with_scale_and_position(scale, point(pen, baseline))) {
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, coverage| {
                ink(corner.x as i64 + i64::from(dx), corner.y as i64 + i64::from(dy), coverage.clamp(0.0, 1.0));
            });
        }
        pen += scaled.h_advance(id);
    }
    pen
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn the_font_has_hangul_latin_and_the_signs_that_captions_use() {
        for weight in [Weight::Regular, Weight::Bold] {
            for c in "판교역로 가힝 Worldloom 09 °·→↑–".chars() {
                assert_ne!(font(weight).glyph_id(c).0, 0, "no glyph for {c:?}");
            }
        }
    }

    #[test]
    fn text_stays_inside_its_box_and_outside_the_picture_is_clipped() {
        let mut canvas = Array3::<u8>::zeros((30, 120, 3));
        let end = draw_text(&mut canvas.view_mut(), 4.0, 5.0, 20.0, "길 Ag", [255; 3], Weight::Bold);
        assert!((end - 4.0 - text_width("길 Ag", 20.0, Weight::Bold)).abs() < 1e-3);
        let inked: Vec<_> = canvas.indexed_iter().filter(|(_, v)| **v > 128).map(|((r, c, _), _)| (r, c)).collect();
        assert!(inked.len() > 50);
        assert!(inked.iter().all(|&(r, c)| (5..25).contains(&r) && c >= 4 && (c as f32) < end));
        draw_text(&mut canvas.view_mut(), -500.0, -7.0, 20.0, "밖", [255; 3], Weight::Regular);
        draw_text(&mut canvas.view_mut(), 110.0, 25.0, 20.0, "밖으로", [255; 3], Weight::Regular);
    }

    #[test]
    fn an_alpha_channel_takes_the_coverage() {
        let mut canvas = Array3::<u8>::zeros((20, 20, 4));
        draw_text(&mut canvas.view_mut(), 0.0, 0.0, 20.0, "ㅁ", [9, 9, 9], Weight::Bold);
        assert!(canvas.indexed_iter().any(|((_, _, channel), v)| channel == 3 && *v == 255));
        assert_eq!(text_coverage("ㅁ", 20.0, Weight::Bold).dim().0, 20);
    }
}
