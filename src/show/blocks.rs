//! What a sheet is made of: blocks that know their height before they are drawn.

use super::canvas::{Area, Canvas};
use super::palette::{INK, MUTED, RULE};
use crate::render::text::{Weight, text_width};

/// Space between blocks, and between the cells of one.
pub(super) const GAP: f32 = 10.0;
/// Height of a block's title with the space under it.
pub(super) const TITLE: f32 = 34.0;
/// Line height of running text, and of small print.
pub(super) const TEXT: f32 = 17.0;
pub(super) const SMALL: f32 = 14.0;

/// A part of a sheet.
pub(super) trait Block {
    /// What it shows, e.g. `camera front`.
    fn name(&self) -> String;

    /// How high it is when it is so wide, pixels.
    fn height(&self, width: f32) -> f32;

    /// Draws it into an area of that width and height.
    fn draw(&self, canvas: &mut Canvas, area: Area);
}

/// Draws a block's title with a note behind it, over a hairline; returns what of the area is left under it.
pub(super) fn title(canvas: &mut Canvas, area: Area, text: &str, note: &str) -> Area {
    canvas.rect(Area::new(area.x, area.y, area.width, 1.0), RULE);
    let end = canvas.text(area.x, area.y + 8.0, TEXT, text, INK, Weight::Bold);
    let room = area.right() - end - 12.0;
    let note = super::canvas::fit(note, SMALL, Weight::Regular, room);
    canvas.text(end + 12.0, area.y + 10.0, SMALL, &note, MUTED, Weight::Regular);
    Area::new(area.x, area.y + TITLE, area.width, area.height - TITLE)
}

/// Pieces of known width set in lines like words; returns each one's place and the height of all.
pub(super) fn flow(widths: &[f32], width: f32, gap: f32, line: f32) -> (Vec<(f32, f32)>, f32) {
    let (mut x, mut y) = (0.0, 0.0);
    let places = widths
        .iter()
        .map(|&w| {
            if x > 0.0 && x + w > width {
                (x, y) = (0.0, y + line);
            }
            let place = (x, y);
            x += w + gap;
            place
        })
        .collect::<Vec<_>>();
    let height = if places.is_empty() { 0.0 } else { y + line };
    (places, height)
}

/// The wider of two texts of these sizes.
pub(super) fn wider(small: &str, large: &str, large_px: f32) -> f32 {
    text_width(small, SMALL, Weight::Regular).max(text_width(large, large_px, Weight::Regular))
}
