//! The map around the anchor from above, ego in the middle and its front up, with the way driven.

use image::RgbImage;

use super::blocks::{Block, SMALL, TITLE, flow, title};
use super::canvas::{Area, Canvas, Line, Spot};
use super::clip::Point;
use super::ground::Ground;
use super::palette::{FUTURE, INK, LAYER_STYLES, LayerStyle, MUTED, PANEL, PAPER, PAST, WHITE};
use crate::record::{MapFeature, MapLayer};
use crate::render::MapIndex;
use crate::render::text::{Weight, text_width};
use crate::sample::SampleRow;

/// The map and the way, drawn.
pub(super) struct PlanView {
    ground: Ground,
    features: Vec<MapFeature>,
    way: Vec<Point>,
    anchor: usize,
}

impl PlanView {
    pub(super) fn new(ground: Ground, sample: &SampleRow, map: &MapIndex) -> PlanView {
        let features = map.in_box(ground.bounds(), None).into_iter().cloned().collect();
        let way = sample.poses.iter().map(|p| (f64::from(p[0]), f64::from(p[1]))).collect();
        PlanView { ground, features, way, anchor: sample.anchor_tick() }
    }

    /// The layers that are there, in drawing order.
    fn styles(&self) -> impl Iterator<Item = &'static LayerStyle> {
        LAYER_STYLES.iter().filter(|s| self.features.iter().any(|f| f.layer == s.layer))
    }

    fn legend(&self) -> Vec<(String, Legend)> {
        let mut rows = vec![("past".to_string(), Legend::Way(PAST)), ("future".to_string(), Legend::Way(FUTURE))];
        rows.extend(self.styles().map(|s| (s.layer.name().replace('_', " "), Legend::Layer(s))));
        rows
    }

    fn legend_places(&self, width: f32) -> (Vec<(f32, f32)>, f32) {
        let widths: Vec<f32> =
            self.legend().iter().map(|(name, _)| 24.0 + text_width(name, SMALL, Weight::Regular)).collect();
        flow(&widths, width, 16.0, 20.0)
    }

    fn draw_map(&self, canvas: &mut Canvas, side: f32) {
        let scale = self.ground.scale(side);
        for style in self.styles() {
            let dash = style.dash_m.map(|d| d.map(|m| (m * scale).max(1.0)));
            for feature in self.features.iter().filter(|f| f.layer == style.layer) {
                let parts = self.ground.parts(&feature.geometry, side);
                for rings in &parts.areas {
                    canvas.polygon(rings, style.colour, 1.0);
                    if let Some(edge) = style.edge {
                        outline(canvas, rings, edge);
                    }
                }
                let width_m = match (style.layer, feature.attributes.width_m, feature.attributes.lanes) {
                    (MapLayer::Road, Some(width), _) => width as f32,
                    (MapLayer::Road, None, Some(lanes)) => lanes.clamp(1, 12) as f32 * 3.25,
                    _ => style.width_m,
                };
                let line = Line { colour: style.colour, width: (width_m * scale).max(1.2), dash };
                parts.lines.iter().for_each(|points| canvas.line(points, line));
                let radius = (side / 240.0).clamp(1.5, 3.0);
                parts.points.iter().for_each(|p| canvas.circle(*p, radius, style.colour));
            }
        }
    }

    /// Names of the longest roads, where they cover neither each other nor the way.
    fn draw_names(&self, canvas: &mut Canvas, side: f32) {
        let mut roads: Vec<(f32, &str, Vec<Spot>)> = Vec::new();
        for road in self.features.iter().filter(|f| f.layer == MapLayer::Road) {
            let Some(name) = road.name_ko.as_deref().or(road.name.as_deref()) else { continue };
            let lines = self.ground.parts(&road.geometry, side).lines;
            roads.extend(lines.into_iter().map(|line| (length(&line), name, line)));
        }
        roads.retain(|(length, ..)| *length >= 60.0);
        roads.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let way: Vec<Spot> = self.way.iter().map(|p| self.ground.pixel(*p, side)).collect();
        let mut taken: Vec<(Area, &str)> = Vec::new();
        for (_, name, line) in &roads {
            if taken.iter().any(|(_, n)| n == name) {
                continue;
            }
            let width = text_width(name, SMALL, Weight::Regular) + 8.0;
            let labels = [0.5, 0.3, 0.7, 0.15, 0.85].into_iter().filter_map(|share| {
                let (x, y) = along(line, share)?;
                Some(Area::new(x - width / 2.0, y - 10.0, width, 20.0))
            });
            let free = |label: &Area| {
                let inside =
                    label.x > 2.0 && label.y > 2.0 && label.right() < side - 2.0 && label.bottom() < side - 34.0;
                let corner = label.right() > side - 74.0 && label.y < 74.0;
                let on_way = way.iter().any(|p| {
                    (label.x - 14.0..label.right() + 14.0).contains(&p.0)
                        && (label.y - 14.0..label.bottom() + 14.0).contains(&p.1)
                });
                inside && !corner && !on_way && taken.iter().all(|(other, _)| apart(other, label))
            };
            if let Some(label) = labels.into_iter().find(free) {
                canvas.polygon(&[corners(label)], PAPER, 0.82);
                canvas.text(label.x + 4.0, label.y + 2.0, SMALL, name, INK, Weight::Regular);
                taken.push((label, name));
            }
        }
    }

    /// Map and way alone, a square of so many pixels.
    pub(super) fn picture(&self, side: f32) -> RgbImage {
        let mut canvas = Canvas::new(side, side, PANEL);
        self.draw_map(&mut canvas, side);
        self.draw_way(&mut canvas, side);
        canvas.into_picture()
    }

    fn draw_way(&self, canvas: &mut Canvas, side: f32) {
        draw_way(canvas, &self.ground, &self.way, self.anchor, side);
    }
}

/// The way with its ticks: past and future, and the ego at the anchor.
pub(super) fn draw_way(canvas: &mut Canvas, ground: &Ground, way: &[Point], anchor: usize, side: f32) {
    let pixels: Vec<Spot> = way.iter().map(|p| ground.pixel(*p, side)).collect();
    let anchor = anchor.min(pixels.len().saturating_sub(1));
    for (points, colour) in [(&pixels[..=anchor.min(pixels.len() - 1)], PAST), (&pixels[anchor..], FUTURE)] {
        canvas.line(points, Line::solid(WHITE, 7.0));
        canvas.line(points, Line::solid(colour, 3.5));
    }
    // Ticks of a slow window lie close together: their dots shrink before they hide the line.
    let apart: f32 = pixels.windows(2).map(|p| (p[1].0 - p[0].0).hypot(p[1].1 - p[0].1)).sum();
    let radius = (apart / pixels.len().max(2) as f32 * 0.22).min(3.4);
    for (tick, p) in pixels.iter().enumerate().filter(|_| radius >= 1.8) {
        let colour = if tick <= anchor { PAST } else { FUTURE };
        canvas.circle(*p, radius + 1.2, WHITE);
        canvas.circle(*p, radius, colour);
    }
    // An arrow head: where the ego is and where it looks, at any scale.
    let (x, y) = ground.pixel((0.0, 0.0), side);
    let size = (side / 700.0).clamp(0.6, 1.0);
    let arrow =
        |s: f32| vec![(x, y - 13.0 * s), (x + 9.0 * s, y + 10.0 * s), (x, y + 5.0 * s), (x - 9.0 * s, y + 10.0 * s)];
    canvas.polygon(&[arrow(1.3 * size)], WHITE, 1.0);
    canvas.polygon(&[arrow(size)], INK, 1.0);
}

enum Legend {
    Way(super::palette::Colour),
    Layer(&'static LayerStyle),
}

impl Block for PlanView {
    fn name(&self) -> String {
        "map".to_string()
    }

    fn height(&self, width: f32) -> f32 {
        TITLE + width + 8.0 + self.legend_places(width).1
    }

    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let side = area.width.floor();
        let whole = 2.0 * self.ground.half_m;
        let empty = if self.features.is_empty() { ", no map here" } else { "" };
        let inner =
            title(canvas, area, "Map", &format!("{whole:.0} m × {whole:.0} m, ego in the middle, front up{empty}"));
        let mut panel = Canvas::new(side, side, PANEL);
        self.draw_map(&mut panel, side);
        self.draw_names(&mut panel, side);
        self.draw_way(&mut panel, side);
        draw_scale_bar(&mut panel, &self.ground, side, INK, PAPER);
        draw_north(&mut panel, self.ground.heading_deg, side);
        canvas.paste(inner.x, inner.y, &panel);
        let top = inner.y + side + 8.0;
        for ((name, legend), (dx, dy)) in self.legend().iter().zip(self.legend_places(area.width).0) {
            let (x, y) = (area.x + dx, top + dy);
            let swatch = Area::new(x, y + 2.0, 16.0, 13.0);
            match legend {
                Legend::Way(colour) => {
                    canvas.line(&[(x + 2.0, y + 8.5), (x + 14.0, y + 8.5)], Line::solid(*colour, 3.5));
                }
                Legend::Layer(style) if style.layer.is_area() => {
                    canvas.rect(swatch, style.colour);
                    canvas.frame(swatch, style.edge.unwrap_or(style.colour), 1.0);
                }
                Legend::Layer(style) => {
                    canvas.rect(swatch, if style.layer == MapLayer::LaneDivider { MUTED } else { PANEL });
                    canvas.line(&[(x + 2.0, y + 8.5), (x + 14.0, y + 8.5)], Line::solid(style.colour, 4.0));
                }
            }
            canvas.text(x + 22.0, y, SMALL, name, MUTED, Weight::Regular);
        }
    }
}

/// A bar of a round number of metres in the lower left corner.
pub(super) fn draw_scale_bar(
    canvas: &mut Canvas,
    ground: &Ground,
    side: f32,
    ink: super::palette::Colour,
    under: super::palette::Colour,
) {
    let metres = round_length(ground.half_m / 2.0);
    let width = metres as f32 * ground.scale(side);
    let (x, y) = (16.0, side - 18.0);
    let label = format!("{metres} m");
    let room = Area::new(x - 8.0, y - 14.0, width + text_width(&label, SMALL, Weight::Regular) + 24.0, 24.0);
    canvas.polygon(&[corners(room)], under, 0.82);
    canvas.rect(Area::new(x, y - 2.0, width, 3.0), ink);
    for end in [x, x + width - 2.0] {
        canvas.rect(Area::new(end, y - 7.0, 2.0, 8.0), ink);
    }
    canvas.text(x + width + 8.0, y - 10.0, SMALL, &label, ink, Weight::Regular);
}

/// The largest of 1, 2, 5, 10, … that is not above `most`, at least 1.
pub(super) fn round_length(most: f64) -> u32 {
    let steps = (0..6).flat_map(|e| [1, 2, 5].map(|m| m * 10_u32.pow(e)));
    steps.take_while(|m| f64::from(*m) <= most).last().unwrap_or(1)
}

fn draw_north(canvas: &mut Canvas, heading_deg: f64, side: f32) {
    let centre = (side - 40.0, 40.0);
    canvas.circle(centre, 28.0, PAPER);
    canvas.ring(centre, 28.0, MUTED, 1.0);
    // North lies at the heading, counter-clockwise from up.
    let (sin, cos) = libm::sincos(heading_deg.to_radians());
    let at = |along: f32, across: f32| {
        let (sin, cos) = (sin as f32, cos as f32);
        (centre.0 - sin * along + cos * across, centre.1 - cos * along - sin * across)
    };
    canvas.polygon(&[vec![at(9.0, 0.0), at(-15.0, 7.0), at(-10.0, 0.0), at(-15.0, -7.0)]], INK, 1.0);
    let (x, y) = at(18.0, 0.0);
    canvas.text_at(x, y - 8.0, SMALL, "N", INK, Weight::Bold);
}

fn corners(area: Area) -> Vec<Spot> {
    vec![(area.x, area.y), (area.right(), area.y), (area.right(), area.bottom()), (area.x, area.bottom())]
}

fn outline(canvas: &mut Canvas, rings: &[Vec<Spot>], colour: super::palette::Colour) {
    for ring in rings.iter().filter(|r| r.len() >= 3) {
        let closed: Vec<Spot> = ring.iter().chain(ring.first()).copied().collect();
        canvas.line(&closed, Line::solid(colour, 1.0));
    }
}

fn apart(a: &Area, b: &Area) -> bool {
    a.right() < b.x || b.right() < a.x || a.bottom() < b.y || b.bottom() < a.y
}

fn length(points: &[Spot]) -> f32 {
    points.windows(2).map(|p| (p[1].0 - p[0].0).hypot(p[1].1 - p[0].1)).sum()
}

/// The point at a share of a line's length.
fn along(points: &[Spot], share: f32) -> Option<Spot> {
    let mut left = length(points) * share;
    for pair in points.windows(2) {
        let step = length(pair);
        if left <= step && step > 0.0 {
            let t = left / step;
            return Some((pair[0].0 + (pair[1].0 - pair[0].0) * t, pair[0].1 + (pair[1].1 - pair[0].1) * t));
        }
        left -= step;
    }
    None
}

/// Outlines of the buildings and roads around, for other pictures from above.
pub(super) fn draw_outlines(canvas: &mut Canvas, view: &PlanView, side: f32, colour: super::palette::Colour) {
    for feature in view.features.iter().filter(|f| matches!(f.layer, MapLayer::Building | MapLayer::Drivable)) {
        for rings in &view.ground.parts(&feature.geometry, side).areas {
            outline(canvas, rings, colour);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scale_bars_are_round() {
        assert_eq!([25.0, 19.0, 0.3, 700.0].map(round_length), [20, 10, 1, 500]);
    }
}
