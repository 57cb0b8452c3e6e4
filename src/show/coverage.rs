//! Where a data set is: its map and its trajectories as SVG, north up. Colours are attributes, so that it stands alone; a
//! page's style sheet wins over them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use geo::Geometry;

use super::clip::{Frame, Point, clip_line, clip_ring};
use super::palette::{Colour, INK, MUTED, PANEL, PAPER, hex, split_colour};
use super::plan_view::round_length;
use crate::coord::{BBox, LocalPlane};
use crate::dataset::survey::{Brief, Survey};
use crate::record::{MapFeature, MapLayer};
use crate::sample::Split;

/// Largest sides, pixels.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 620.0;
/// Points that a layer may take: what is smallest is left out. All together stay below a megabyte.
const MOST_POINTS: usize = 24_000;
/// The colour of trajectories under the samples.
const TRACK: Colour = [74, 78, 86];
/// Anchors this far apart along the path are not joined, metres.
const APART_M: f64 = 120.0;

/// The page: metres on the ground to tenths of a pixel.
pub(super) struct Page {
    plane: LocalPlane,
    /// Tenths of a pixel a metre.
    scale: f64,
    width: f64,
    height: f64,
}

impl Page {
    /// A page around a box, with a margin.
    pub(super) fn around(extent: BBox) -> Page {
        let plane = LocalPlane::at((extent.xmin + extent.xmax) / 2.0, (extent.ymin + extent.ymax) / 2.0);
        let (e, n) = plane.to_m(extent.xmax, extent.ymax);
        let margin = (0.08 * e.max(n)).max(40.0);
        let (e, n) = (2.0 * (e + margin), 2.0 * (n + margin));
        let scale = (WIDTH / e).min(HEIGHT / n);
        Page { plane, scale: 10.0 * scale, width: (e * scale).max(480.0), height: (n * scale).max(300.0) }
    }

    /// Metres that half a pixel covers: nothing finer shows.
    pub(super) fn step_m(&self) -> f64 {
        5.0 / self.scale
    }

    fn point(&self, lon: f64, lat: f64) -> Point {
        let (e, n) = self.plane.to_m(lon, lat);
        (5.0 * self.width + e * self.scale, 5.0 * self.height - n * self.scale)
    }

    fn frame(&self) -> Frame {
        Frame { min: (-20.0, -20.0), max: (10.0 * self.width + 20.0, 10.0 * self.height + 20.0) }
    }

    /// A width on the ground as a width of strokes, at least so many pixels; in tenths.
    fn stroke(&self, metres: f64, least_px: f64) -> f64 {
        (metres * self.scale).clamp(10.0 * least_px, 120.0)
    }
}

/// The map as SVG, and the splits that it shows.
pub(super) fn coverage(
    page: &Page,
    map: &[MapFeature],
    survey: &Survey,
    tracks: &BTreeMap<String, Vec<(f64, f64)>>,
) -> String {
    let mut svg = String::new();
    // Writing to a String cannot fail.
    let _ = draw(&mut svg, page, map, survey, tracks);
    svg
}

fn draw(
    svg: &mut String,
    page: &Page,
    map: &[MapFeature],
    survey: &Survey,
    tracks: &BTreeMap<String, Vec<(f64, f64)>>,
) -> std::fmt::Result {
    let (w, h) = ((10.0 * page.width) as i64, (10.0 * page.height) as i64);
    write!(svg, "<svg class=\"map\" viewBox=\"0 0 {w} {h}\" role=\"img\" aria-label=\"coverage map\">")?;
    write!(svg, "<rect class=\"ground\" fill=\"{}\" width=\"{w}\" height=\"{h}\"/>", hex(PANEL))?;
    for (layer, class, fill) in [
        (MapLayer::Vegetation, "green", [209, 224, 198]),
        (MapLayer::Water, "water", [190, 215, 230]),
        (MapLayer::Building, "building", [221, 209, 198]),
    ] {
        let d = areas(page, map.iter().filter(|f| f.layer == layer));
        if !d.is_empty() {
            write!(svg, "<path class=\"{class}\" fill=\"{}\" d=\"{d}\"/>", hex(fill))?;
        }
    }
    for (class, metres, least) in [("path", 1.5, 0.5), ("road", 5.0, 0.8), ("road major", 9.0, 1.8)] {
        let roads = map.iter().filter(|f| f.layer == MapLayer::Road && road_class(&f.class) == class);
        stroke(svg, class, [216, 211, 201], page.stroke(metres, least), &lines(page, roads))?;
    }
    let rails = lines(page, map.iter().filter(|f| f.layer == MapLayer::Rail));
    stroke(svg, "rail", [168, 164, 172], page.stroke(1.0, 0.8), &rails)?;

    let mut grey = Pen::new();
    for track in tracks.values() {
        grey.line(&track.iter().map(|&(lon, lat)| page.point(lon, lat)).collect::<Vec<_>>());
    }
    stroke(svg, "track", TRACK, 12.0, &grey.d)?;
    let anchors = anchors(page, survey);
    for split in SPLITS {
        let d = anchors.get(&split).map_or("", String::as_str);
        stroke(svg, split.name(), split_colour(split), 34.0, d)?;
    }
    marks(svg, page)?;
    write!(svg, "</svg>")
}

/// How a road is drawn, by its class in OpenStreetMap's words.
fn road_class(class: &str) -> &'static str {
    let begins = |words: &[&str]| words.iter().any(|word| class.starts_with(word));
    if begins(&["motorway", "trunk", "primary", "secondary"]) {
        "road major"
    } else if begins(&["foot", "path", "cycle", "steps", "pedestrian", "crossing", "corridor", "track", "bridle"]) {
        "path"
    } else {
        "road"
    }
}

/// Splits in the order in which they are drawn.
pub(super) const SPLITS: [Split; 5] = [Split::None, Split::Buffer, Split::Train, Split::Val, Split::Test];

fn stroke(svg: &mut String, class: &str, colour: Colour, width: f64, d: &str) -> std::fmt::Result {
    if d.is_empty() {
        return Ok(());
    }
    write!(
        svg,
        "<path class=\"{class}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width:.0}\" stroke-linecap=\"round\" stroke-linejoin=\"round\" d=\"{d}\"/>",
        hex(colour)
    )
}

/// Areas, the largest first, as far as they show.
fn areas<'a>(page: &Page, features: impl Iterator<Item = &'a MapFeature>) -> String {
    let mut rings: Vec<(f64, Vec<Vec<Point>>)> = Vec::new();
    for feature in features {
        let polygons: Vec<&geo::Polygon<f64>> = match &feature.geometry {
            Geometry::Polygon(polygon) => vec![polygon],
            Geometry::MultiPolygon(many) => many.iter().collect(),
            _ => continue,
        };
        for polygon in polygons {
            let all = std::iter::once(polygon.exterior()).chain(polygon.interiors());
            // Turned one way outside and the other way inside, areas that overlap are filled once and holes stay open.
            let turned = all.enumerate().map(|(i, ring)| {
                let mut ring = clip_ring(&projected(page, ring), page.frame());
                if (area(&ring) < 0.0) != (i > 0) {
                    ring.reverse();
                }
                ring
            });
            let all: Vec<Vec<Point>> = turned.collect();
            let size = all.first().map_or(0.0, |ring| area(ring));
            // A pixel, in square tenths.
            if size >= 100.0 {
                rings.push((size, all));
            }
        }
    }
    rings.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut pen = Pen::new();
    for (_, all) in &rings {
        all.iter().for_each(|ring| pen.ring(ring));
        if pen.points > MOST_POINTS {
            break;
        }
    }
    pen.d
}

/// Lines, the longest first, as far as they show.
fn lines<'a>(page: &Page, features: impl Iterator<Item = &'a MapFeature>) -> String {
    let mut parts: Vec<(f64, Vec<Point>)> = Vec::new();
    for feature in features {
        let all: Vec<&geo::LineString<f64>> = match &feature.geometry {
            Geometry::LineString(line) => vec![line],
            Geometry::MultiLineString(many) => many.iter().collect(),
            _ => continue,
        };
        for part in all.iter().flat_map(|line| clip_line(&projected(page, line), page.frame())) {
            let length: f64 = part.windows(2).map(|p| libm::hypot(p[1].0 - p[0].0, p[1].1 - p[0].1)).sum();
            if length >= 10.0 {
                parts.push((length, part));
            }
        }
    }
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut pen = Pen::new();
    for (_, part) in &parts {
        pen.line(part);
        if pen.points > MOST_POINTS {
            break;
        }
    }
    pen.d
}

/// The anchors of each split, joined along their recordings; a stretch belongs to the anchor at its end.
fn anchors(page: &Page, survey: &Survey) -> BTreeMap<Split, String> {
    let mut all: Vec<&Brief> = survey.samples.iter().collect();
    all.sort_by(|a, b| a.recording.cmp(&b.recording).then(a.s0_m.total_cmp(&b.s0_m)));
    let mut pens: BTreeMap<Split, Pen> = BTreeMap::new();
    let mut part: Vec<Point> = Vec::new();
    for (i, sample) in all.iter().enumerate() {
        let before = i.checked_sub(1).map(|j| all[j]);
        let joined = before.filter(|b| b.recording == sample.recording && sample.s0_m - b.s0_m <= APART_M);
        if let Some(before) = before.filter(|b| joined.is_none() || b.split != sample.split) {
            pens.entry(before.split).or_insert_with(Pen::new).line(&std::mem::take(&mut part));
            part.extend(joined.map(|b| page.point(b.lon, b.lat)));
        }
        part.push(page.point(sample.lon, sample.lat));
    }
    if let Some(last) = all.last() {
        pens.entry(last.split).or_insert_with(Pen::new).line(&part);
    }
    pens.into_iter().map(|(split, pen)| (split, pen.d)).collect()
}

/// Scale bar and north arrow.
fn marks(svg: &mut String, page: &Page) -> std::fmt::Result {
    let metres = round_length(1_600.0 / page.scale);
    let length = f64::from(metres) * page.scale;
    let (x, y) = (200.0, 10.0 * page.height - 200.0);
    let label = if metres >= 1000 { format!("{} km", metres / 1000) } else { format!("{metres} m") };
    let (ink, paper, muted) = (hex(INK), hex(PAPER), hex(MUTED));
    write!(
        svg,
        "<rect class=\"paper\" fill=\"{paper}\" fill-opacity=\".8\" x=\"100\" y=\"{:.0}\" width=\"{:.0}\" height=\"240\" rx=\"30\"/>",
        y - 140.0,
        length + 200.0 + 75.0 * label.len() as f64
    )?;
    write!(
        svg,
        "<path class=\"ink\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"22\" d=\"M{x:.0} {:.0}v80h{length:.0}v-80\"/>",
        y - 70.0
    )?;
    write!(
        svg,
        "<text class=\"note\" fill=\"{ink}\" font-size=\"130\" x=\"{:.0}\" y=\"{:.0}\">{label}</text>",
        x + length + 70.0,
        y + 20.0
    )?;
    let x = 10.0 * page.width - 220.0;
    write!(
        svg,
        "<circle class=\"paper\" fill=\"{paper}\" fill-opacity=\".8\" stroke=\"{muted}\" stroke-width=\"8\" cx=\"{x:.0}\" cy=\"220\" r=\"150\"/>"
    )?;
    write!(svg, "<path class=\"needle\" fill=\"{ink}\" d=\"M{x:.0} 200l55 120-55-30-55 30z\"/>")?;
    write!(
        svg,
        "<text class=\"note\" fill=\"{ink}\" font-size=\"120\" font-weight=\"bold\" text-anchor=\"middle\" x=\"{x:.0}\" y=\"190\">N</text>"
    )
}

fn projected(page: &Page, line: &geo::LineString<f64>) -> Vec<Point> {
    line.0.iter().map(|c| page.point(c.x, c.y)).collect()
}

/// Signed by the way it turns.
fn area(ring: &[Point]) -> f64 {
    let n = ring.len();
    (0..n).map(|i| ring[i].0 * ring[(i + 1) % n].1 - ring[(i + 1) % n].0 * ring[i].1).sum::<f64>() / 2.0
}

/// Path data in whole tenths of a pixel, thinned to what shows: a place is drawn once.
struct Pen {
    d: String,
    points: usize,
    /// Cells of 1.5 pixels that lines have been through.
    seen: BTreeSet<(i64, i64)>,
}

impl Pen {
    fn new() -> Pen {
        Pen { d: String::new(), points: 0, seen: BTreeSet::new() }
    }

    /// An open line; the stretches that others have drawn are left out. One of a point is a dot.
    fn line(&mut self, points: &[Point]) {
        let cell = |p: (i64, i64)| (p.0.div_euclid(15), p.1.div_euclid(15));
        let thin = thinned(points);
        let fresh: Vec<bool> = thin.iter().map(|p| !self.seen.contains(&cell(*p))).collect();
        self.seen.extend(thin.iter().map(|p| cell(*p)));
        if thin.len() == 1 {
            if fresh[0] {
                self.walk(&[thin[0], thin[0]]);
            }
            return;
        }
        let mut part: Vec<(i64, i64)> = Vec::new();
        for i in 1..thin.len() {
            if fresh[i - 1] || fresh[i] {
                if part.is_empty() {
                    part.push(thin[i - 1]);
                }
                part.push(thin[i]);
            } else {
                self.walk(&std::mem::take(&mut part));
            }
        }
        self.walk(&part);
    }

    fn ring(&mut self, points: &[Point]) {
        let thin = thinned(points);
        if thin.len() >= 3 {
            self.walk(&thin);
            self.d.push('z');
        }
    }

    fn walk(&mut self, points: &[(i64, i64)]) {
        let Some(first) = points.first() else { return };
        let mut at = *first;
        let _ = write!(self.d, "M{} {}l", at.0, at.1);
        for (i, p) in points[1..].iter().enumerate() {
            let (dx, dy) = (p.0 - at.0, p.1 - at.1);
            // A minus parts numbers as well as a space does.
            let space = |n: i64| if n < 0 { "" } else { " " };
            let _ = write!(self.d, "{}{dx}{}{dy}", if i == 0 { "" } else { space(dx) }, space(dy));
            at = *p;
        }
        self.points += points.len();
    }
}

/// Points at least 0.7 pixels apart, and the last.
fn thinned(points: &[Point]) -> Vec<(i64, i64)> {
    let whole = |p: &Point| (libm::round(p.0) as i64, libm::round(p.1) as i64);
    let mut kept: Vec<(i64, i64)> = Vec::new();
    for (i, p) in points.iter().map(whole).enumerate() {
        let far = |q: &(i64, i64)| (p.0 - q.0).pow(2) + (p.1 - q.1).pow(2) >= 49;
        if kept.last().is_none_or(|q| far(q) || (i + 1 == points.len() && *q != p)) {
            kept.push(p);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_drawn_once() {
        let mut pen = Pen::new();
        let line: Vec<Point> = (0..10).map(|i| (f64::from(i) * 20.0, 0.0)).collect();
        pen.line(&line);
        assert_eq!(pen.d, "M0 0l20 0 20 0 20 0 20 0 20 0 20 0 20 0 20 0 20 0");
        let once = pen.d.clone();
        pen.line(&line);
        pen.line(&[(60.0, 1.0)]);
        assert_eq!(pen.d, once);
        pen.line(&[(0.0, 500.0)]);
        assert!(pen.d.ends_with("M0 500l0 0"), "{}", pen.d);
    }

    #[test]
    fn what_does_not_show_is_left_out() {
        assert_eq!(thinned(&[(0.0, 0.0), (3.0, 0.0), (6.9, 0.0), (7.1, 0.0), (8.0, 0.0)]), [(0, 0), (7, 0), (8, 0)]);
        let mut pen = Pen::new();
        pen.ring(&[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]);
        assert!(pen.d.is_empty());
        pen.ring(&[(0.0, 0.0), (-20.0, 0.0), (-20.0, 30.0)]);
        assert_eq!(pen.d, "M0 0l-20 0 0 30z");
    }

    #[test]
    fn a_page_keeps_its_extent_inside_and_its_shape() {
        let page = Page::around(BBox { xmin: 127.0, ymin: 37.0, xmax: 127.02, ymax: 37.01 });
        let (left, bottom) = page.point(127.0, 37.0);
        let (right, top) = page.point(127.02, 37.01);
        assert!(left > 0.0 && top > 0.0 && right < 10.0 * page.width && bottom < 10.0 * page.height);
        // pyproj Geod(ellps="WGS84"): 1779.7 m east, 1109.8 m north.
        assert!(((right - left) / (bottom - top) - 1779.7 / 1109.8).abs() < 2e-3);
    }
}
