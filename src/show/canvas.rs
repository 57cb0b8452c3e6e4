//! [`Canvas`]: an opaque picture with shapes, pictures and text.

use image::RgbImage;
use ndarray::ArrayViewMut3;
use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, PixmapPaint, Rect, Stroke, StrokeDash,
    Transform,
};

use super::palette::Colour;
use crate::render::text::{Weight, draw_text, text_width};

/// A place on a canvas, pixels from its top left corner.
pub(super) type Spot = (f32, f32);

/// A rectangle on a canvas, pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

impl Area {
    pub(super) const fn new(x: f32, y: f32, width: f32, height: f32) -> Area {
        Area { x, y, width, height }
    }

    pub(super) fn right(&self) -> f32 {
        self.x + self.width
    }

    pub(super) fn bottom(&self) -> f32 {
        self.y + self.height
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub colour: Colour,
    pub width: f32,
    pub dash: Option<[f32; 2]>,
}

impl Line {
    pub(super) const fn solid(colour: Colour, width: f32) -> Line {
        Line { colour, width, dash: None }
    }
}

/// An opaque picture, at least one pixel on a side.
pub(super) struct Canvas {
    pixels: Pixmap,
}

impl Canvas {
    /// A canvas of one colour. Sides are clamped to 1…32,767 pixels: what more there is to draw is cut off.
    pub(super) fn new(width: f32, height: f32, colour: Colour) -> Canvas {
        let side = |length: f32| (length.ceil() as u32).clamp(1, 32_767);
        let mut pixels = Pixmap::new(side(width), side(height)).expect("sides are neither 0 nor huge");
        pixels.fill(Color::from_rgba8(colour[0], colour[1], colour[2], 255));
        Canvas { pixels }
    }

    pub(super) fn into_picture(self) -> RgbImage {
        let (width, height) = (self.pixels.width(), self.pixels.height());
        // Opaque, so premultiplied is plain.
        let rgb = self.pixels.data().chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
        RgbImage::from_raw(width, height, rgb).expect("three bytes a pixel")
    }

    pub(super) fn rect(&mut self, area: Area, colour: Colour) {
        if let Some(rect) = Rect::from_xywh(area.x, area.y, area.width, area.height) {
            self.pixels.fill_rect(rect, &paint(colour, 1.0), Transform::identity(), None);
        }
    }

    /// The frame of a rectangle, drawn inside it.
    pub(super) fn frame(&mut self, area: Area, colour: Colour, width: f32) {
        let Area { x, y, width: w, height: h } = area;
        self.rect(Area::new(x, y, w, width), colour);
        self.rect(Area::new(x, y + h - width, w, width), colour);
        self.rect(Area::new(x, y, width, h), colour);
        self.rect(Area::new(x + w - width, y, width, h), colour);
    }

    pub(super) fn circle(&mut self, centre: Spot, radius: f32, colour: Colour) {
        if let Some(path) = PathBuilder::from_circle(centre.0, centre.1, radius) {
            self.fill(&path, colour, 1.0);
        }
    }

    pub(super) fn ring(&mut self, centre: Spot, radius: f32, colour: Colour, width: f32) {
        if let Some(path) = PathBuilder::from_circle(centre.0, centre.1, radius) {
            self.pixels.stroke_path(&path, &paint(colour, 1.0), &stroke(width, None), Transform::identity(), None);
        }
    }

    /// Fills rings by the even-odd rule: later rings are holes.
    pub(super) fn polygon(&mut self, rings: &[Vec<Spot>], colour: Colour, opacity: f32) {
        let mut builder = PathBuilder::new();
        for ring in rings.iter().filter(|r| r.len() >= 3) {
            trace(&mut builder, ring);
            builder.close();
        }
        if let Some(path) = builder.finish() {
            self.fill(&path, colour, opacity);
        }
    }

    pub(super) fn line(&mut self, points: &[Spot], line: Line) {
        if points.len() < 2 {
            return;
        }
        let mut builder = PathBuilder::new();
        trace(&mut builder, points);
        if let Some(path) = builder.finish() {
            let stroke = stroke(line.width, line.dash);
            self.pixels.stroke_path(&path, &paint(line.colour, 1.0), &stroke, Transform::identity(), None);
        }
    }

    /// One pixel; nothing outside the picture.
    pub(super) fn dot(&mut self, x: i64, y: i64, colour: Colour) {
        let (width, height) = (i64::from(self.pixels.width()), i64::from(self.pixels.height()));
        if (0..width).contains(&x) && (0..height).contains(&y) {
            let at = 4 * (y * width + x) as usize;
            self.pixels.data_mut()[at..at + 3].copy_from_slice(&colour);
        }
    }

    /// Text whose line's top left is `(x, y)`; returns the x behind it.
    pub(super) fn text(&mut self, x: f32, y: f32, px: f32, text: &str, colour: Colour, weight: Weight) -> f32 {
        let (width, height) = (self.pixels.width() as usize, self.pixels.height() as usize);
        let mut view =
            ArrayViewMut3::from_shape((height, width, 4), self.pixels.data_mut()).expect("four bytes a pixel");
        draw_text(&mut view, x, y, px, text, colour, weight)
    }

    /// Text that ends at `right`.
    pub(super) fn text_to(&mut self, right: f32, y: f32, px: f32, text: &str, colour: Colour, weight: Weight) {
        self.text(right - text_width(text, px, weight), y, px, text, colour, weight);
    }

    /// Text around `centre`.
    pub(super) fn text_at(&mut self, centre: f32, y: f32, px: f32, text: &str, colour: Colour, weight: Weight) {
        self.text(centre - text_width(text, px, weight) / 2.0, y, px, text, colour, weight);
    }

    /// A picture whose top left pixel is `(x, y)`; what hangs over is cut off.
    pub(super) fn picture(&mut self, x: f32, y: f32, picture: &RgbImage) {
        let (left, top) = (x.round() as i64, y.round() as i64);
        for (column, row, pixel) in picture.enumerate_pixels() {
            self.dot(left + i64::from(column), top + i64::from(row), pixel.0);
        }
    }

    /// Another canvas whose top left pixel is `(x, y)`.
    pub(super) fn paste(&mut self, x: f32, y: f32, other: &Canvas) {
        let place = Transform::identity();
        let (x, y) = (x.round() as i32, y.round() as i32);
        self.pixels.draw_pixmap(x, y, other.pixels.as_ref(), &PixmapPaint::default(), place, None);
    }

    fn fill(&mut self, path: &Path, colour: Colour, opacity: f32) {
        self.pixels.fill_path(path, &paint(colour, opacity), FillRule::EvenOdd, Transform::identity(), None);
    }
}

fn trace(builder: &mut PathBuilder, points: &[Spot]) {
    for (i, &(x, y)) in points.iter().enumerate() {
        if i == 0 { builder.move_to(x, y) } else { builder.line_to(x, y) }
    }
}

fn paint(colour: Colour, opacity: f32) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    let alpha = (opacity.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
    paint.set_color_rgba8(colour[0], colour[1], colour[2], alpha);
    paint
}

fn stroke(width: f32, dash: Option<[f32; 2]>) -> Stroke {
    Stroke {
        width,
        line_cap: if dash.is_some() { LineCap::Butt } else { LineCap::Round },
        line_join: LineJoin::Round,
        dash: dash.and_then(|d| StrokeDash::new(d.to_vec(), 0.0)),
        ..Stroke::default()
    }
}

/// The text in lines no wider than `width`: broken at spaces, a longer word anywhere.
pub(super) fn wrap(text: &str, px: f32, weight: Weight, width: f32) -> Vec<String> {
    let fits = |line: &str| text_width(line, px, weight) <= width;
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is a line");
        let longer = if last.is_empty() { word.to_string() } else { format!("{last} {word}") };
        if fits(&longer) {
            *last = longer;
            continue;
        }
        if !last.is_empty() {
            lines.push(String::new());
        }
        for c in word.chars() {
            let last = lines.last_mut().expect("there is a line");
            last.push(c);
            if !fits(last) && last.chars().count() > 1 {
                last.pop();
                lines.push(c.to_string());
            }
        }
    }
    lines
}

/// The text where it fits, else its beginning and an ellipsis.
pub(super) fn fit(text: &str, px: f32, weight: Weight, width: f32) -> String {
    if text_width(text, px, weight) <= width {
        return text.to_string();
    }
    let mut short: String = text.to_string();
    while short.pop().is_some() {
        let candidate = format!("{}…", short.trim_end());
        if text_width(&candidate, px, weight) <= width {
            return candidate;
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_text_keeps_every_word_and_its_width() {
        let text =
            "판교역로를 따라 동쪽으로 달린다. Pangyoyeok-ro, aVeryLongWordThatDoesNotFitIntoAnyLineOfThisWidth end";
        let lines = wrap(text, 16.0, Weight::Regular, 120.0);
        assert!(lines.len() > 4);
        assert!(lines.iter().all(|l| text_width(l, 16.0, Weight::Regular) <= 120.0), "{lines:?}");
        let plain = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        assert_eq!(plain(&lines.concat()), plain(text));
    }

    #[test]
    fn text_that_does_not_fit_ends_in_an_ellipsis() {
        assert_eq!(fit("short", 16.0, Weight::Regular, 200.0), "short");
        let cut = fit("a long line of text", 16.0, Weight::Regular, 60.0);
        assert!(cut.ends_with('…') && text_width(&cut, 16.0, Weight::Regular) <= 60.0, "{cut}");
        assert_eq!(fit("x", 16.0, Weight::Regular, 1.0), "");
    }
}
