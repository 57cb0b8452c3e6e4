//! Colours: one set for pictures and SVG, quiet enough that photographs stay the loudest thing on a page.

use crate::record::MapLayer;
use crate::sample::Split;

/// sRGB.
pub(super) type Colour = [u8; 3];

pub(super) const PAPER: Colour = [251, 250, 247];
pub(super) const PANEL: Colour = [242, 240, 235];
pub(super) const RULE: Colour = [221, 218, 210];
pub(super) const INK: Colour = [34, 37, 42];
pub(super) const MUTED: Colour = [112, 115, 120];
pub(super) const WHITE: Colour = [255, 255, 255];
pub(super) const NIGHT: Colour = [22, 25, 31];
/// The way up to the anchor, and what was measured there.
pub(super) const PAST: Colour = [38, 97, 166];
/// The way from the anchor on.
pub(super) const FUTURE: Colour = [214, 92, 24];

/// The colour of a split.
pub(super) fn split_colour(split: Split) -> Colour {
    match split {
        Split::Train => [47, 111, 168],
        Split::Val => [209, 132, 22],
        Split::Test => [163, 58, 104],
        Split::Buffer => [150, 150, 146],
        Split::None => [86, 104, 92],
    }
}

/// How a map layer is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct LayerStyle {
    /// Which.
    pub layer: MapLayer,
    /// Inside of areas, stroke of lines, dot of points.
    pub colour: Colour,
    /// Edge of areas.
    pub edge: Option<Colour>,
    /// Width of lines on the ground, metres.
    pub width_m: f32,
    /// Dash and gap of lines on the ground, metres.
    pub dash_m: Option<[f32; 2]>,
}

/// Map layers as they are drawn, the lowest first.
pub(super) const LAYER_STYLES: [LayerStyle; 14] = [
    area(MapLayer::Water, [190, 215, 230], Some([160, 192, 212])),
    area(MapLayer::Vegetation, [209, 224, 198], None),
    line(MapLayer::Road, [226, 221, 209], 6.0, None),
    area(MapLayer::Sidewalk, [231, 222, 206], None),
    area(MapLayer::Drivable, [211, 209, 205], Some([192, 189, 184])),
    line(MapLayer::Lane, [183, 186, 190], 0.3, Some([3.0, 3.0])),
    area(MapLayer::Crossing, [245, 224, 158], Some([214, 186, 104])),
    line(MapLayer::LaneDivider, [255, 255, 255], 0.35, None),
    line(MapLayer::StopLine, [196, 70, 62], 0.6, None),
    area(MapLayer::Building, [214, 199, 187], Some([182, 163, 148])),
    line(MapLayer::Rail, [130, 126, 136], 0.8, Some([4.0, 2.0])),
    line(MapLayer::Sign, [176, 74, 66], 1.0, None),
    line(MapLayer::Signal, [62, 137, 92], 1.0, None),
    line(MapLayer::Poi, [122, 96, 158], 1.0, None),
];

const fn area(layer: MapLayer, colour: Colour, edge: Option<Colour>) -> LayerStyle {
    LayerStyle { layer, colour, edge, width_m: 0.0, dash_m: None }
}

const fn line(layer: MapLayer, colour: Colour, width_m: f32, dash_m: Option<[f32; 2]>) -> LayerStyle {
    LayerStyle { layer, colour, edge: None, width_m, dash_m }
}

/// Dark to light through blue, green and yellow for `t` in 0…1 (clamped): the colours of *viridis* at even steps.
///
/// Source: van der Walt and Smith, matplotlib 1.5, `viridis`.
pub(super) fn ramp(t: f32) -> Colour {
    const STOPS: [Colour; 9] = [
        [68, 1, 84],
        [71, 44, 122],
        [59, 81, 139],
        [44, 113, 142],
        [33, 144, 141],
        [39, 173, 129],
        [92, 200, 99],
        [170, 220, 50],
        [253, 231, 37],
    ];
    let at = t.clamp(0.0, 1.0) * (STOPS.len() - 1) as f32;
    let low = (at as usize).min(STOPS.len() - 2);
    let share = at - low as f32;
    std::array::from_fn(|c| {
        let (a, b) = (f32::from(STOPS[low][c]), f32::from(STOPS[low + 1][c]));
        (a + (b - a) * share + 0.5) as u8
    })
}

/// `#rrggbb`.
pub(super) fn hex(colour: Colour) -> String {
    format!("#{:02x}{:02x}{:02x}", colour[0], colour[1], colour[2])
}
