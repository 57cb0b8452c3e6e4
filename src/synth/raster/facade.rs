//! Façades by storey and bay, and shop fronts: grids of windows as filtered bars, so that they never shimmer.

use super::board::Signs;
use super::texture::{Look, Spot, blend, scale};
use crate::synth::noise::{bars, fractal, hash, hash_of, mix, smooth, span, unit};

/// Height of a storey, metres.
const STOREY_M: f32 = 3.0;
/// Height of a shop's glass, metres; its sign band lies above, up to [`SHOP_TOP_M`].
const SHOP_GLASS_M: f32 = 2.55;
/// Upper edge of a shop's sign band.
const SHOP_TOP_M: f32 = 3.4;

/// How a style of façade is made up. Window edges are within a bay (`across`) and a storey (`up`), metres.
struct Style {
    bay_m: f32,
    across: [f32; 2],
    up: [f32; 2],
    /// Wall colours to pick from by building.
    walls: [[f32; 3]; 4],
    cladding: Cladding,
    frame: [f32; 3],
    /// Mirror of the panes.
    pane: f32,
}

#[derive(Clone, Copy, PartialEq)]
enum Cladding {
    /// Smooth paint with a band at each floor.
    Painted,
    /// Bricks 20 × 7 cm.
    Brick,
    /// Stone panels of a bay by a third of a storey.
    Panel,
    /// Glass from floor to floor with mullions.
    Curtain,
    /// A balcony on each storey.
    Balcony,
}

/// Apartment block, brick villa, office with ribbon windows, curtain wall, stone-clad shop house, plain render.
const STYLES: [Style; 6] = [
    Style {
        bay_m: 4.0,
        across: [0.35, 3.65],
        up: [0.95, 2.55],
        walls: [[0.66, 0.62, 0.54], [0.70, 0.69, 0.66], [0.60, 0.53, 0.43], [0.55, 0.58, 0.60]],
        cladding: Cladding::Balcony,
        frame: [0.70, 0.70, 0.70],
        pane: 0.10,
    },
    Style {
        bay_m: 3.0,
        across: [0.65, 2.35],
        up: [0.95, 2.35],
        walls: [[0.27, 0.095, 0.060], [0.33, 0.15, 0.085], [0.21, 0.090, 0.065], [0.38, 0.25, 0.16]],
        cladding: Cladding::Brick,
        frame: [0.60, 0.60, 0.58],
        pane: 0.08,
    },
    Style {
        bay_m: 1.5,
        across: [0.04, 1.46],
        up: [0.90, 2.50],
        walls: [[0.50, 0.50, 0.49], [0.42, 0.40, 0.37], [0.58, 0.56, 0.52], [0.30, 0.31, 0.33]],
        cladding: Cladding::Painted,
        frame: [0.10, 0.10, 0.11],
        pane: 0.16,
    },
    Style {
        bay_m: 1.5,
        across: [0.03, 1.47],
        up: [0.06, 2.94],
        walls: [[0.10, 0.14, 0.18], [0.08, 0.13, 0.13], [0.14, 0.15, 0.17], [0.06, 0.09, 0.14]],
        cladding: Cladding::Curtain,
        frame: [0.22, 0.23, 0.24],
        pane: 0.30,
    },
    Style {
        bay_m: 3.0,
        across: [0.35, 2.65],
        up: [0.85, 2.50],
        walls: [[0.52, 0.48, 0.42], [0.45, 0.43, 0.41], [0.60, 0.57, 0.52], [0.34, 0.30, 0.26]],
        cladding: Cladding::Panel,
        frame: [0.09, 0.085, 0.08],
        pane: 0.13,
    },
    Style {
        bay_m: 3.0,
        across: [0.75, 2.25],
        up: [1.00, 2.30],
        walls: [[0.68, 0.63, 0.55], [0.62, 0.50, 0.36], [0.72, 0.71, 0.68], [0.50, 0.54, 0.52]],
        cladding: Cladding::Painted,
        frame: [0.66, 0.66, 0.66],
        pane: 0.09,
    },
];

/// A façade above the street; u along the wall, v from its foot, metres.
pub(super) fn wall(style: u8, spot: &Spot, _signs: &Signs) -> Look {
    let style = &STYLES[usize::from(style) % STYLES.len()];
    let [u, v] = spot.uv;
    let [fu, fv] = spot.seen;
    let [left, right] = style.across;
    let [low, high] = style.up;
    let base = style.walls[(hash(spot.seed) % 4) as usize];
    let outer = bars(u, style.bay_m, left, right, fu) * bars(v, STOREY_M, low, high, fv) * span(v, 0.3, 1e6, fv);
    let body = cladding(style, base, spot);
    if outer <= 0.0 {
        return Look::matt(body);
    }
    let rim = 0.055;
    let inner = bars(u, style.bay_m, left + rim, right - rim, fu) * bars(v, STOREY_M, low + rim, high - rim, fv);
    // Sashes: one bar in the middle, one across at two thirds where the window is tall.
    let middle = 0.5 * (left + right);
    let mut sash = bars(u, style.bay_m, middle - 0.025, middle + 0.025, fu);
    if style.cladding == Cladding::Curtain {
        sash = bars(v, STOREY_M, 0.85, 0.93, fv);
    }
    let glass = inner * (1.0 - sash);
    let (pane, glow, mirror) = pane(style, spot);
    let framed = (outer - glass).max(0.0);
    let mut albedo = [0.0; 3];
    for (c, value) in albedo.iter_mut().enumerate() {
        *value = body[c] * (1.0 - outer) + style.frame[c] * framed + pane[c] * glass;
    }
    Look { albedo, mirror: mirror * glass, glow: scale(glow, glass), ..Look::matt(albedo) }
}

/// Colour, glow and mirror of the pane at a spot: rooms differ, curtains hang to different heights, a few are lit.
fn pane(style: &Style, spot: &Spot) -> ([f32; 3], [f32; 3], f32) {
    let [u, v] = spot.uv;
    let [fu, fv] = spot.seen;
    let (bay, storey) = ((u / style.bay_m).floor(), (v / STOREY_M).floor());
    let pick = hash_of([bay as i32, storey as i32, spot.seed as i32]);
    let near = 1.0 - smooth(0.4, 1.6, (fu / style.bay_m).max(fv / STOREY_M));
    let (x, y) = (u - bay * style.bay_m, v - storey * STOREY_M);
    let [low, high] = style.up;
    // The lintel shades the top of the pane and the left reveal its side.
    let reveal = if style.cladding == Cladding::Curtain { 0.0 } else { 0.55 };
    let dark =
        1.0 - reveal * span(y, high - 0.22, high, fv).max(0.7 * span(x, style.across[0], style.across[0] + 0.12, fu));
    let room = mix(0.02, 0.055, unit(hash(pick ^ 1)));
    let tint = if style.cladding == Cladding::Curtain { [0.7, 1.0, 1.25] } else { [0.9, 1.0, 1.1] };
    let mut colour = tint.map(|c| c * room);
    let mut glow = [0.0; 3];
    if style.cladding == Cladding::Curtain {
        let spandrel = span(y, 0.0, 0.89, fv);
        let panel = scale(style.walls[(hash(spot.seed) % 4) as usize], 0.6 + 0.3 * unit(hash(pick ^ 8)));
        colour = blend(colour, panel, spandrel);
    }
    match unit(hash(pick ^ 2)) {
        c if c < 0.42 => {
            // Curtains or blinds, down to some height.
            let hem = high - (high - low) * (0.25 + 0.75 * unit(hash(pick ^ 3)));
            let fold = 1.0 - 0.22 * bars(x, 0.16, 0.0, 0.07, fu);
            let cloth = match hash(pick ^ 4) % 4 {
                0 => [0.30, 0.26, 0.20],
                1 => [0.38, 0.37, 0.35],
                2 => [0.24, 0.26, 0.28],
                _ => [0.42, 0.38, 0.30],
            };
            colour = blend(colour, scale(cloth, fold), 0.8 * span(y, hem, high, fv));
        }
        c if c > 0.93 => glow = scale([0.55, 0.42, 0.24], 0.30 + 0.3 * unit(hash(pick ^ 5))),
        _ => {}
    }
    let mean = scale(tint, 0.10);
    let wobble = 1.0 + near * 0.5 * (unit(hash(pick ^ 6)) - 0.5);
    (scale(blend(mean, colour, near), dark), scale(glow, near), style.pane * wobble)
}

/// The wall between the windows.
fn cladding(style: &Style, base: [f32; 3], spot: &Spot) -> [f32; 3] {
    let [u, v] = spot.uv;
    let [fu, fv] = spot.seen;
    let seen = (fu * fv).sqrt().max(0.3 * fu.max(fv));
    let [left, right] = style.across;
    let [low, _] = style.up;
    // Rain leaves streaks under sills and darkens the foot.
    let streak = fractal(u * 3.0, v * 0.25, 2.0, 0.1, seen, spot.seed ^ 77);
    let stain = fractal(u, v, 6.0, 0.3, seen, spot.seed ^ 78);
    let foot = mix(0.72, 1.0, smooth(0.0, 0.9, v + 0.3 * streak));
    let mut colour = scale(base, (1.0 + 0.12 * streak + 0.14 * stain) * foot);
    let sill = bars(v, STOREY_M, low - 0.1, low, fv) * bars(u, style.bay_m, left - 0.08, right + 0.08, fu);
    match style.cladding {
        Cladding::Brick => {
            let course = (v / 0.075).floor();
            let shift = if course as i32 % 2 == 0 { 0.0 } else { 0.1 };
            let mortar = bars(v, 0.075, 0.0, 0.012, fv).max(bars(u + shift, 0.2, 0.0, 0.012, fu));
            let brick = hash_of([((u + shift) / 0.2).floor() as i32, course as i32, spot.seed as i32]);
            let near = 1.0 - smooth(0.06, 0.25, fu.max(fv));
            colour = scale(colour, 1.0 + near * 0.55 * (unit(brick) - 0.5));
            colour = blend(colour, [0.33, 0.31, 0.28], 0.7 * mortar);
            colour = blend(colour, [0.42, 0.40, 0.37], 0.9 * sill);
            // A stone base course.
            colour = blend(colour, [0.28, 0.27, 0.26], span(v, -10.0, 0.6, fv));
        }
        Cladding::Painted => {
            let band = bars(v, STOREY_M, 0.0, 0.16, fv);
            colour = blend(colour, scale(base, 0.72), 0.8 * band);
            colour = blend(colour, scale(base, 1.25), 0.8 * sill);
        }
        Cladding::Panel => {
            let joint = bars(v, STOREY_M / 4.0, 0.0, 0.015, fv).max(bars(u, 1.5, 0.0, 0.015, fu));
            let panel = hash_of([(u / 1.5).floor() as i32, (v * 4.0 / STOREY_M).floor() as i32, spot.seed as i32]);
            let near = 1.0 - smooth(0.3, 1.2, fu.max(fv));
            colour = scale(colour, 1.0 + near * 0.14 * (unit(panel) - 0.5));
            colour = scale(colour, 1.0 - 0.5 * joint);
        }
        Cladding::Balcony => {
            // The slab's edge catches light, its shadow lies on the parapet below the windows.
            let slab = bars(v, STOREY_M, 0.0, 0.18, fv);
            let parapet = bars(v, STOREY_M, 0.18, low, fv) * bars(u, style.bay_m, left, right, fu);
            let rails = bars(u, 0.12, 0.0, 0.025, fu);
            colour = blend(colour, scale(base, 0.82 - 0.25 * rails), parapet);
            colour = blend(colour, scale(base, 1.18), 0.9 * slab);
            // Each block has a stripe of its own colour.
            let accents = [[0.10, 0.22, 0.36], [0.42, 0.17, 0.06], [0.14, 0.27, 0.13], [0.30, 0.26, 0.22]];
            let accent = accents[(hash(spot.seed ^ 21) % 4) as usize];
            colour = blend(colour, accent, 0.85 * bars(u, 4.0 * style.bay_m, 0.0, 0.3, fu));
        }
        Cladding::Curtain => colour = scale(style.frame, 1.0 + 0.05 * stain),
    }
    colour
}

/// A shop front at street level: door and glass, an awning or a sign band with the shop's name; wall above it.
pub(super) fn shop(style: u8, spot: &Spot, signs: &Signs) -> Look {
    let [u, v] = spot.uv;
    let [fu, fv] = spot.seen;
    let bay_m = [6.0, 4.5, 7.5][usize::from(style) % 3];
    let bay = (u / bay_m).floor();
    let x = u - bay * bay_m;
    let pick = hash_of([bay as i32, i32::from(style), spot.seed as i32]);
    let pier = [[0.20, 0.19, 0.18], [0.36, 0.34, 0.31], [0.16, 0.10, 0.07]][(hash(spot.seed ^ 31) % 3) as usize];
    if v > SHOP_GLASS_M {
        return band(pick, [x, v - SHOP_GLASS_M], bay_m, spot, signs, pier);
    }
    let frame_tint = [[0.03, 0.03, 0.035], [0.45, 0.45, 0.45], [0.10, 0.055, 0.03]][(hash(pick ^ 1) % 3) as usize];
    let opening = bars(u, bay_m, 0.25, bay_m - 0.25, fu) * span(v, 0.12, SHOP_GLASS_M, fv);
    let door = 0.25 + (bay_m - 1.7) * unit(hash(pick ^ 2));
    let is_door = span(x, door, door + 1.1, fu);
    let mullion = bars(x - 0.25, 1.4, 0.0, 0.06, fu).max(span(v, 2.05, 2.12, fv));
    let frame = mullion.max(span(x, door, door + 0.07, fu)).max(span(x, door + 1.03, door + 1.1, fu));
    let low_wall = span(v, 0.0, 0.45, fv) * (1.0 - is_door);
    // Inside: shelves and lamps as blurred blocks of warm light.
    let near = 1.0 - smooth(0.3, 1.5, fu.max(fv));
    let block = hash_of([(x / 0.55).floor() as i32, (v / 0.42).floor() as i32, pick as i32]);
    let goods = [unit(hash(block ^ 1)), unit(hash(block ^ 2)), unit(hash(block ^ 3))];
    let inside = blend([0.07, 0.06, 0.05], goods.map(|c| 0.03 + 0.16 * c), 0.8 * near);
    let lamps = smooth(1.5, 2.5, v) * (0.6 + 0.4 * unit(hash(pick ^ 3)));
    let warm = if hash(pick ^ 4).is_multiple_of(3) { [0.34, 0.36, 0.36] } else { [0.42, 0.31, 0.18] };
    let glass = opening * (1.0 - frame) * (1.0 - low_wall);
    let stone = scale(pier, 1.0 + 0.2 * fractal(u, v, 1.0, 0.03, fu.max(fv), spot.seed));
    let solid = blend(stone, blend(frame_tint, scale(pier, 0.8), low_wall * (1.0 - frame)), opening);
    let albedo = blend(solid, inside, glass);
    Look { albedo, mirror: 0.07 * glass, glow: scale(warm, glass * (0.12 + 0.5 * lamps)), ..Look::matt(albedo) }
}

/// The band above a shop: an awning with stripes, or a lit sign with the name.
fn band(pick: u32, [x, y]: [f32; 2], bay_m: f32, spot: &Spot, signs: &Signs, pier: [f32; 3]) -> Look {
    let [fu, fv] = spot.seen;
    let height = SHOP_TOP_M - SHOP_GLASS_M;
    let colours: [[f32; 3]; 10] = [
        [0.50, 0.035, 0.03],
        [0.02, 0.10, 0.34],
        [0.015, 0.20, 0.09],
        [0.78, 0.76, 0.72],
        [0.75, 0.44, 0.02],
        [0.035, 0.035, 0.04],
        [0.30, 0.14, 0.06],
        [0.02, 0.25, 0.30],
        [0.33, 0.05, 0.22],
        [0.80, 0.68, 0.45],
    ];
    let ground = colours[(hash(pick ^ 11) % 10) as usize];
    let is_light = ground[1] > 0.4;
    let letters =
        if is_light { [[0.05, 0.05, 0.06], [0.45, 0.03, 0.03]][(pick % 2) as usize] } else { [0.86, 0.85, 0.80] };
    let inset = 0.12;
    let plate = span(x, inset, bay_m - inset, fu) * span(y, 0.06, height - 0.04, fv);
    let ink = signs.shop(pick, [x - inset, y - 0.08], [bay_m - 2.0 * inset, height - 0.16], spot.seen);
    let mut colour = blend(ground, letters, ink);
    let mut glow = scale(colour, 0.22);
    if hash(pick ^ 12).is_multiple_of(4) {
        // A striped awning hangs over the lower third.
        let cloth = blend([0.72, 0.70, 0.66], ground, bars(x, 0.5, 0.0, 0.25, fu));
        let awning = span(y, -1.0, 0.26, fv);
        colour = blend(colour, cloth, awning);
        glow = scale(glow, 1.0 - awning);
    }
    let albedo = blend(scale(pier, 0.9), colour, plate);
    Look { albedo, mirror: 0.02, glow: scale(glow, plate), ..Look::matt(albedo) }
}
