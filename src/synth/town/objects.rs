//! Buildings, trees, poles, signals and signs as triangles.

use nalgebra::Vector3;

use crate::synth::dice::Dice;
use crate::synth::planar::{V2, left, unit};
use crate::synth::scene::{Board, Surface};

use super::Town;
use super::furniture::{Pole, PoleKind, Sign, Tree};
use super::ground::KERB_M;
use super::lots::{Building, Use};
use super::mesh::{Mesh, at, rectangle, still};

/// Height of a shop front with its sign band, and of the glass below the band, as `Surface::Shop` draws them.
const SHOP_TOP_M: f64 = 3.4;
const SHOP_GLASS_M: f64 = 2.55;

/// Everything that stands and does not change from day to day.
pub fn build(town: &Town, mesh: &mut Mesh) {
    for building in &town.buildings {
        house(building, mesh);
    }
    for tree in &town.trees {
        plant(tree, mesh);
    }
    for (k, pole) in town.poles.iter().enumerate() {
        raise(pole, k, mesh);
    }
    for sign in &town.signs {
        put_up(sign, mesh);
    }
    station(mesh);
}

fn house(building: &Building, mesh: &mut Mesh) {
    let facade = still(Surface::Facade { style: building.style }, building.seed);
    let top = building.height_m;
    let outline = &building.outline;
    let mut u = 0.0;
    for i in 0..outline.len() {
        let (a, b) = (outline[i], outline[(i + 1) % outline.len()]);
        let is_front = i == 0 && !building.shops.is_empty();
        let foot = if is_front { SHOP_TOP_M } else { -0.1 };
        mesh.wall(a, b, [foot, top], u, facade);
        if is_front {
            mesh.wall(a, b, [-0.1, SHOP_TOP_M], u, still(Surface::Shop { style: building.style }, building.seed));
        }
        u += (b - a).norm();
    }
    let grown = |by: f64| -> Vec<V2> {
        let n = outline.len();
        (0..n)
            .map(|i| {
                let before = unit(outline[i] - outline[(i + n - 1) % n]);
                let after = unit(outline[(i + 1) % n] - outline[i]);
                outline[i] - (left(before) + left(after)) * by
            })
            .collect()
    };
    mesh.area(outline, top - 0.5, still(Surface::Roof, building.seed));
    // A parapet: its outside stands proud of the façade, its inside is seen from higher windows only.
    let rim = grown(0.12);
    mesh.walls(&rim, [top - 0.35, top + 0.45], still(Surface::Concrete, building.seed));
    let inner: Vec<V2> = outline.iter().rev().copied().collect();
    mesh.walls(&inner, [top - 0.5, top + 0.45], still(Surface::Concrete, building.seed));
    for i in 0..outline.len() {
        let n = (i + 1) % outline.len();
        mesh.flat([rim[i], rim[n], outline[n], outline[i]], top + 0.45, still(Surface::Concrete, building.seed));
    }
    let (a, b, d) = (outline[0], outline[1], outline[outline.len() - 1]);
    let (along, back) = (unit(b - a), unit(d - a));
    let room = [(b - a).norm(), (d - a).norm()];
    // The stairs' head and the water tank of nearly every roof.
    let middle = a + along * (room[0] * 0.35) + back * (room[1] * 0.6);
    mesh.block(middle, along, [2.2, 1.8], [top - 0.5, top + 2.3], still(Surface::Concrete, building.seed ^ 5));
    if building.use_ != Use::Apartments {
        let tank = a + along * (room[0] * 0.35 + 4.0) + back * (room[1] * 0.6);
        mesh.prism(tank, [0.9, 0.9], [top - 0.5, top + 1.4], 10, still(Surface::Plain([0.75, 0.62, 0.12]), 0));
    }
    boards(building, mesh);
    if building.use_ == Use::Apartments {
        number_of_block(building, mesh);
    }
}

/// Signboards: over each shop, and small ones that stick out from the wall, as on every Korean street of shops.
fn boards(building: &Building, mesh: &mut Mesh) {
    let count = building.shops.len();
    if count == 0 {
        return;
    }
    let (a, b) = (building.outline[0], building.outline[1]);
    let along = unit(b - a);
    let out = -left(along);
    let bay = (b - a).norm() / count as f64;
    let mut dice = Dice::new(u64::from(building.seed), "boards");
    for (k, shop) in building.shops.iter().enumerate() {
        let middle = a + along * (bay * (k as f64 + 0.5));
        let height = SHOP_TOP_M - SHOP_GLASS_M;
        let width = (bay - 0.5).clamp(1.5, 5.2);
        let board = Board {
            lines: vec![shop.name.to_string()],
            background: shop.background,
            foreground: shop.foreground,
            aspect: (width / height) as f32,
        };
        let centre = at(middle + out * 0.14, (SHOP_TOP_M + SHOP_GLASS_M) / 2.0 + 0.02);
        mesh.board(centre, out, [width, height], board);
        let upper = building.use_ == Use::Shops && building.levels > 2;
        for storey in 1..building.levels.min(4) {
            if !upper || !dice.chance(0.4) {
                continue;
            }
            let text: String = shop.name.split(' ').next().unwrap_or(shop.name).chars().take(3).collect();
            let board =
                Board { lines: vec![text], background: shop.background, foreground: shop.foreground, aspect: 1.1 };
            let z = 3.0 * f64::from(storey) + 1.7;
            let place = a + along * (bay * k as f64 + 0.5) + out * 0.75;
            mesh.board(at(place + along * 0.09, z), along, [1.1, 1.0], board.clone());
            mesh.board(at(place - along * 0.09, z), -along, [1.1, 1.0], board);
        }
        // Some upper floors have a board along the wall: academies, practices, karaoke.
        if building.levels > 2 && dice.chance(0.45) {
            let other = &super::lots::SHOPS[dice.below(super::lots::SHOPS.len())];
            let storey = 1 + dice.below(2);
            let board = Board {
                lines: vec![other.name.to_string()],
                background: other.background,
                foreground: other.foreground,
                aspect: (width * 0.8 / 0.75) as f32,
            };
            let z = 3.0 * storey as f64 + 0.85;
            mesh.board(at(middle + out * 0.1, z + 0.3), out, [width * 0.8, 0.75], board);
        }
    }
}

/// The block's number, large on the gable of a tower of flats.
fn number_of_block(building: &Building, mesh: &mut Mesh) {
    let Some(name) = &building.name else { return };
    let number: String = name.chars().filter(char::is_ascii_digit).collect();
    let board = Board { lines: vec![number], background: [214, 208, 196], foreground: [70, 80, 100], aspect: 2.2 };
    for i in [1, 3] {
        let (a, b) = (building.outline[i], building.outline[(i + 1) % 4]);
        let out = -left(unit(b - a));
        mesh.board(at((a + b) / 2.0 + out * 0.06, building.height_m - 4.5), out, [5.0, 2.3], board.clone());
    }
}

fn plant(tree: &Tree, mesh: &mut Mesh) {
    let mut dice = Dice::new(u64::from(tree.seed), "tree");
    let (foot, high) = (tree.ground_m, tree.height_m);
    mesh.prism(tree.place, [0.16, 0.1], [foot - 0.1, foot + 0.5 * high], 6, still(Surface::Bark, tree.seed));
    let blobs = 4;
    for k in 0..blobs {
        let (sin, cos) = libm::sincos(std::f64::consts::TAU * (f64::from(k) + dice.unit()) / f64::from(blobs));
        let away = if k == 0 { 0.0 } else { 0.17 * high };
        let z = foot + high * (if k == 0 { 0.8 } else { 0.58 + 0.12 * dice.unit() });
        let centre = at(tree.place + V2::new(cos, sin) * away, z);
        let radius = high * dice.between(0.17, 0.23);
        blob(centre, radius, &mut dice, still(Surface::Leaves, tree.seed ^ k as u32), mesh);
    }
}

/// A lump of leaves: an octahedron, its faces split in four, its corners moved in and out.
fn blob(centre: Vector3<f64>, radius: f64, dice: &mut Dice, look: super::mesh::Look, mesh: &mut Mesh) {
    let axis = [Vector3::x(), Vector3::y(), Vector3::z()];
    let mut bumps = [[0.0; 5]; 5].map(|row| row.map(|_: f64| 0.0));
    bumps.iter_mut().flatten().for_each(|b| *b = dice.between(0.8, 1.18));
    let place = |d: Vector3<f64>| {
        // The same direction gives the same bump, so neighbouring faces stay joined.
        let n = d.normalize();
        let cell = |v: f64| ((v + 1.0) * 2.0 + 0.5) as usize;
        centre + n * radius * bumps[cell(n.x)][(cell(n.y) + 2 * cell(n.z)) % 5]
    };
    for signs in 0..8u32 {
        let sign = |bit: u32| if signs >> bit & 1 == 1 { -1.0 } else { 1.0 };
        let mut c = [axis[0] * sign(0), axis[1] * sign(1), axis[2] * sign(2)];
        if sign(0) * sign(1) * sign(2) < 0.0 {
            c.swap(0, 1);
        }
        let m = [c[0] + c[1], c[1] + c[2], c[2] + c[0]];
        for face in [[c[0], m[0], m[2]], [m[0], c[1], m[1]], [m[2], m[1], c[2]], m] {
            let p = face.map(place);
            let uv = p.map(|q| nalgebra::Vector2::new((q.x + q.z * 0.5) as f32, (q.y + q.z * 0.7) as f32));
            mesh.triangle(p, uv, look);
        }
    }
}

fn raise(pole: &Pole, index: usize, mesh: &mut Mesh) {
    let metal = still(Surface::Metal, index as u32);
    let foot = KERB_M;
    match pole.kind {
        PoleKind::Lamp => {
            mesh.prism(pole.place, [0.11, 0.06], [foot, 8.2], 8, metal);
            let tip = at(pole.place + pole.arm * 1.9, 8.5);
            mesh.bar(at(pole.place, 8.1), tip, 0.04, metal);
            let head = rectangle(tip.xy(), pole.arm, [0.35, 0.12]);
            mesh.walls(&head, [8.42, 8.56], still(Surface::Plain([0.5, 0.5, 0.5]), 0));
            mesh.area(&head, 8.56, metal);
        }
        PoleKind::Wires(to) => {
            mesh.prism(pole.place, [0.17, 0.11], [foot, 9.5], 8, still(Surface::Concrete, index as u32));
            let across = left(pole.arm);
            mesh.bar(at(pole.place - pole.arm * 0.7, 9.0), at(pole.place + pole.arm * 0.7, 9.0), 0.05, metal);
            if index.is_multiple_of(3) {
                mesh.prism(pole.place + across * 0.4, [0.28, 0.28], [7.3, 8.2], 10, metal);
            }
            let Some(to) = to else { return };
            let black = still(Surface::Plain([0.02, 0.02, 0.02]), 0);
            for (k, (d, z)) in [(-0.6, 9.1), (0.0, 9.1), (0.6, 9.1), (0.1, 7.0), (0.2, 6.6)].into_iter().enumerate() {
                let (a, b) = (pole.place + pole.arm * d, to + pole.arm * d);
                let sag = 0.35 + 0.12 * k as f64;
                let hang = |w: f64| at(a * (1.0 - w) + b * w, z - sag * 4.0 * w * (1.0 - w));
                for part in 0..4 {
                    let w = f64::from(part) / 4.0;
                    mesh.bar(hang(w), hang(w + 0.25), 0.014, black);
                }
            }
        }
        PoleKind::Signal { facing, reach_m } => {
            let grey = still(Surface::Plain([0.33, 0.34, 0.35]), 0);
            mesh.prism(pole.place, [0.15, 0.11], [foot, 6.4], 8, grey);
            mesh.bar(at(pole.place, 5.9), at(pole.place + pole.arm * (reach_m + 0.8), 5.9), 0.06, grey);
            let is_green = facing.x.abs() > facing.y.abs();
            signal_head(pole.place + pole.arm * reach_m, facing, 5.55, is_green, mesh);
            if reach_m > 5.0 {
                signal_head(pole.place + pole.arm * (reach_m * 0.5), facing, 5.55, is_green, mesh);
            }
        }
    }
}

/// A horizontal head of four lights: red, amber, green arrow, green.
fn signal_head(place: V2, facing: V2, z: f64, is_green: bool, mesh: &mut Mesh) {
    let right = left(facing);
    mesh.block(place, right, [0.78, 0.1], [z - 0.2, z + 0.2], still(Surface::Plain([0.02, 0.02, 0.02]), 0));
    let lights = [[4.0, 0.25, 0.15], [3.0, 1.6, 0.1], [0.2, 2.6, 1.0], [0.2, 2.8, 1.1]];
    for (k, colour) in lights.into_iter().enumerate() {
        let lit = if is_green { k == 3 } else { k == 0 };
        let shown = if lit { colour } else { colour.map(|c: f32| 0.03 * c) };
        let middle = place + facing * 0.115 + right * (0.375 * k as f64 - 0.5625);
        let disc: Vec<Vector3<f64>> = (0..8)
            .map(|i| {
                let (sin, cos) = libm::sincos(std::f64::consts::TAU * f64::from(i) / 8.0);
                at(middle + right * (0.14 * cos), z + 0.14 * sin)
            })
            .collect();
        let look = still(Surface::Plain(shown), 0);
        for i in 1..7 {
            mesh.triangle([disc[0], disc[i], disc[i + 1]], [nalgebra::Vector2::zeros(); 3], look);
        }
    }
}

fn put_up(sign: &Sign, mesh: &mut Mesh) {
    mesh.prism(sign.place, [0.045, 0.04], [0.0, sign.height_m + 0.4], 6, still(Surface::Metal, 17));
    let height = sign.width_m / f64::from(sign.board.aspect);
    mesh.board(
        at(sign.place + sign.facing * 0.07, sign.height_m),
        sign.facing,
        [sign.width_m, height],
        sign.board.clone(),
    );
}

/// The entrance of the underground: glass walls, a roof and the station's name.
fn station(mesh: &mut Mesh) {
    let (place, along) = (V2::new(-84.0, 20.5), V2::new(1.0, 0.02));
    let glass = still(Surface::Glass, 31);
    for d in [-1.9, 1.9] {
        mesh.block(place + left(along) * d, along, [3.6, 0.06], [KERB_M, 2.6], glass);
    }
    mesh.block(place, along, [4.2, 2.3], [2.6, 2.85], still(Surface::Metal, 32));
    let name = Board {
        lines: vec!["판교역".into(), "Pangyo Station".into()],
        background: [200, 30, 60],
        foreground: [255, 255, 255],
        aspect: 4.0,
    };
    for facing in [-left(along), left(along)] {
        mesh.board(at(place + facing * 2.4, 3.2), facing, [3.6, 0.9], name.clone());
    }
}
