//! Buildings: where they stand, how high they are, what their doors say.

use std::collections::BTreeMap;

use crate::synth::dice::Dice;
use crate::synth::planar::{V2, left, near};

use super::network::Network;
use super::plan::{PATCHES, RoadClass, v2};

/// What a building is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Offices over shops.
    Office,
    /// Shops, with flats or practices over them.
    Shops,
    /// A tower of flats.
    Apartments,
    /// A villa of a few flats.
    House,
}

/// A building.
pub struct Building {
    /// Outline, counter-clockwise, metres; its first edge faces the street.
    pub outline: Vec<V2>,
    /// Storeys over ground.
    pub levels: u32,
    /// Height to the roof, metres.
    pub height_m: f64,
    /// What it is for.
    pub use_: Use,
    /// Look of its façade.
    pub style: u8,
    /// Index of the street of its address.
    pub street: usize,
    /// House number as on the plate, e.g. `12` or `12-1`.
    pub number: String,
    /// Name of a tower or office.
    pub name: Option<String>,
    /// What its signboards say, along the front.
    pub shops: Vec<&'static Shop>,
    /// Varies its textures.
    pub seed: u32,
}

/// A shop: what its board says and what OSM calls it.
#[derive(Debug, PartialEq, Eq)]
pub struct Shop {
    /// Name on the board.
    pub name: &'static str,
    /// Name in English.
    pub name_en: &'static str,
    /// OSM key and value.
    pub tag: (&'static str, &'static str),
    /// Colour of the board, sRGB.
    pub background: [u8; 3],
    /// Colour of its text, sRGB.
    pub foreground: [u8; 3],
}

const fn shop(
    name: &'static str,
    name_en: &'static str,
    tag: (&'static str, &'static str),
    background: [u8; 3],
    foreground: [u8; 3],
) -> Shop {
    Shop { name, name_en, tag, background, foreground }
}

const WHITE: [u8; 3] = [245, 245, 240];
const INK: [u8; 3] = [30, 30, 35];

/// Shops of the town; the names are invented.
pub const SHOPS: &[Shop] = &[
    shop("카페 봄날", "Cafe Bomnal", ("amenity", "cafe"), [72, 52, 40], [240, 225, 200]),
    shop("편의점 24", "Pyeonuijeom 24", ("shop", "convenience"), [20, 120, 70], WHITE),
    shop("판교약국", "Pangyo Pharmacy", ("amenity", "pharmacy"), WHITE, [200, 30, 40]),
    shop("김밥나라", "Gimbap Nara", ("amenity", "restaurant"), [235, 120, 20], WHITE),
    shop("한빛치과", "Hanbit Dental", ("amenity", "dentist"), [30, 110, 180], WHITE),
    shop("공인중개사", "Real Estate", ("office", "estate_agent"), [240, 200, 30], [160, 20, 20]),
    shop("미용실", "Hair Salon", ("shop", "hairdresser"), [40, 40, 46], [240, 120, 160]),
    shop("세탁소", "Laundry", ("shop", "laundry"), [50, 130, 200], WHITE),
    shop("떡볶이 분식", "Tteokbokki", ("amenity", "fast_food"), [200, 35, 35], WHITE),
    shop("운중서점", "Unjung Books", ("shop", "books"), [34, 70, 52], [240, 235, 210]),
    shop("빵굽는집", "Bakery", ("shop", "bakery"), [150, 96, 52], [255, 240, 210]),
    shop("꽃집 나리", "Nari Flowers", ("shop", "florist"), [246, 236, 240], [170, 40, 110]),
    shop("안경점", "Optician", ("shop", "optician"), [25, 30, 70], WHITE),
    shop("수학학원", "Maths Academy", ("amenity", "school"), [250, 250, 245], [20, 60, 150]),
    shop("은행", "Bank", ("amenity", "bank"), [0, 90, 160], WHITE),
    shop("칼국수", "Kalguksu", ("amenity", "restaurant"), [110, 30, 30], [250, 220, 120]),
    shop("휴대폰", "Mobile Phones", ("shop", "mobile_phone"), [120, 40, 150], WHITE),
    shop("치킨호프", "Chicken and Beer", ("amenity", "restaurant"), [250, 190, 20], INK),
];

const TOWERS: [&str; 6] = ["판교푸른마을", "백현마을", "봇들마을", "운중타워", "한솔마을", "산운마을"];
const OFFICES: [&str; 6] = ["판교테크타워", "한빛빌딩", "유스페이스관", "미래빌딩", "삼환빌딩", "알파빌딩"];

/// Height of a storey, as façades are drawn, metres.
pub const STOREY_M: f64 = 3.0;

/// How far a building keeps from the pavement, metres.
const SETBACK_M: f64 = 1.2;

/// All buildings: along the streets first, the largest streets first; then towers where there is room.
pub fn build(network: &Network, seed: u64) -> Vec<Building> {
    let mut dice = Dice::new(seed, "lots");
    let mut lots = Lots { network, taken: Vec::new(), numbers: BTreeMap::new(), buildings: Vec::new() };
    let mut order: Vec<usize> = (0..network.segments.len()).collect();
    order.sort_by_key(|&i| (network.street(i).plan.class, i));
    for i in order {
        if network.street(i).plan.class != RoadClass::Service {
            for side in [1.0, -1.0] {
                lots.along(i, side, &mut dice);
            }
        }
    }
    lots.towers(&mut dice);
    lots.buildings
}

struct Lots<'a> {
    network: &'a Network,
    /// Convex hulls that later buildings keep away from.
    taken: Vec<Vec<V2>>,
    /// How often each base number of a street was given out.
    numbers: BTreeMap<(usize, u32), u32>,
    buildings: Vec<Building>,
}

impl Lots<'_> {
    /// Places buildings along one side of a segment (`side` 1: left of the street's line).
    fn along(&mut self, segment: usize, side: f64, dice: &mut Dice) {
        let street = self.network.street(segment);
        let [from, to] = self.network.segments[segment].kerb_s;
        let class = street.plan.class;
        let mut s = from + dice.between(-4.0, 1.0);
        while s < to - 6.0 {
            let (width, depth) = match class {
                RoadClass::Primary => (dice.between(20.0, 34.0), dice.between(18.0, 24.0)),
                RoadClass::Secondary | RoadClass::Tertiary => (dice.between(14.0, 26.0), dice.between(13.0, 18.0)),
                _ => (dice.between(10.0, 16.0), dice.between(10.0, 13.0)),
            };
            let middle = s + width / 2.0;
            let gap = street.reach_m() + SETBACK_M + dice.between(0.0, 1.5);
            let along = street.path.direction(middle.min(to));
            let out = left(along) * side;
            let base = street.path.at(middle) + out * gap;
            // The front runs so that the outline turns counter-clockwise.
            let front = along * side * (width / 2.0);
            let (p, q) = (base - front, base + front);
            let outline = vec![p, q, q + out * depth, p + out * depth];
            if self.free(&outline) {
                let levels = match class {
                    RoadClass::Primary => 8 + dice.below(9) as u32,
                    RoadClass::Secondary => 5 + dice.below(5) as u32,
                    RoadClass::Tertiary => 3 + dice.below(4) as u32,
                    _ => 3 + dice.below(2) as u32,
                };
                let use_ = match class {
                    RoadClass::Primary => Use::Office,
                    RoadClass::Secondary | RoadClass::Tertiary => Use::Shops,
                    _ if dice.chance(0.45) => Use::Shops,
                    _ => Use::House,
                };
                let shape = if depth > 12.0 && dice.chance(0.4) { l_shape(&outline, dice) } else { outline.clone() };
                self.taken.push(outline);
                self.add(shape, width, levels, use_, (street_of(self.network, segment), middle, side), dice);
                s += width + dice.between(1.6, 4.0);
            } else {
                s += 3.0;
            }
        }
    }

    /// Towers of flats where streets leave room.
    fn towers(&mut self, dice: &mut Dice) {
        for _ in 0..900 {
            let centre = V2::new(dice.between(-290.0, 290.0), dice.between(-240.0, 240.0));
            let turn = if dice.chance(0.5) { 0.06 } else { 1.62 };
            let (sin, cos) = libm::sincos(turn);
            let (x, y) = (V2::new(cos, sin), V2::new(-sin, cos));
            let (w, d) = (dice.between(13.0, 22.0), dice.between(6.0, 7.5));
            let outline =
                vec![centre - x * w - y * d, centre + x * w - y * d, centre + x * w + y * d, centre - x * w + y * d];
            let grown = vec![
                centre - x * (w + 4.0) - y * (d + 4.0),
                centre + x * (w + 4.0) - y * (d + 4.0),
                centre + x * (w + 4.0) + y * (d + 4.0),
                centre - x * (w + 4.0) + y * (d + 4.0),
            ];
            if !self.free(&grown) {
                continue;
            }
            let nearest = (0..self.network.streets.len())
                .filter(|&i| !self.network.streets[i].plan.name.is_empty())
                .map(|i| (i, self.network.streets[i].path.nearest(centre)))
                .min_by(|a, b| a.1.1.total_cmp(&b.1.1));
            let Some((street, (s, _))) = nearest else { continue };
            let path = &self.network.streets[street].path;
            let side = left(path.direction(s)).dot(&(centre - path.at(s))).signum();
            self.taken.push(outline.clone());
            let levels = 12 + dice.below(14) as u32;
            self.add(outline, 2.0 * w, levels, Use::Apartments, (street, s, side), dice);
        }
    }

    fn add(
        &mut self,
        outline: Vec<V2>,
        front_m: f64,
        levels: u32,
        use_: Use,
        (street, s, side): (usize, f64, f64),
        dice: &mut Dice,
    ) {
        // Base numbers count every 20 m from the street's start, odd at the left, even at the right.
        let base = 2 * (s.max(0.0) / 20.0) as u32 + if side > 0.0 { 1 } else { 2 };
        let given = self.numbers.entry((street, base)).or_insert(0);
        let number = if *given == 0 { base.to_string() } else { format!("{base}-{given}") };
        *given += 1;
        let shops = match use_ {
            Use::Office | Use::Shops => {
                let count = ((front_m / 6.0) as usize).max(1);
                let first = dice.below(SHOPS.len());
                (0..count).map(|k| &SHOPS[(first + k * 5) % SHOPS.len()]).collect()
            }
            _ => Vec::new(),
        };
        let count = self.buildings.len();
        let name = match use_ {
            Use::Apartments => Some(format!("{} {}동", TOWERS[count % TOWERS.len()], 101 + count % 17)),
            Use::Office => Some(OFFICES[count % OFFICES.len()].to_string()),
            _ => None,
        };
        let height_m = f64::from(levels) * STOREY_M + 0.9;
        // Looks of `Surface::Facade`: flats, brick, ribbon windows, curtain wall, stone, render.
        let style = match use_ {
            Use::Office => [2, 3, 3, 2][dice.below(4)],
            Use::Shops => [4, 5, 1, 4][dice.below(4)],
            Use::Apartments => 0,
            Use::House => [1, 1, 5][dice.below(3)],
        };
        let seed = dice.seed();
        self.buildings.push(Building { outline, levels, height_m, use_, style, street, number, name, shops, seed });
    }

    /// Whether nothing stands on (or passes over) an outline.
    fn free(&self, outline: &[V2]) -> bool {
        let centre = outline.iter().sum::<V2>() / outline.len() as f64;
        if outline.iter().any(|p| p.x.abs() > 300.0 || p.y.abs() > 250.0) {
            return false;
        }
        let clear_of_patches = PATCHES.iter().all(|patch| {
            let ground: Vec<V2> = patch.3.iter().map(|&p| v2(p)).collect();
            !near(outline, &ground, 1.0)
        });
        clear_of_patches
            && self.taken.iter().all(|other| {
                let apart = (other.iter().sum::<V2>() / other.len() as f64 - centre).norm();
                apart > 60.0 || !near(outline, other, 1.5)
            })
            && self.network.streets.iter().all(|street| {
                let room = street.reach_m() + 0.9;
                let corners = outline.iter().zip(outline.iter().cycle().skip(1));
                street.path.nearest(centre).1 > room
                    && corners.into_iter().all(|(a, b)| {
                        let parts = ((b - a).norm() / 3.0).ceil() as usize;
                        (0..parts).all(|k| street.path.nearest(a + (b - a) * (k as f64 / parts as f64)).1 > room)
                    })
            })
    }
}

fn street_of(network: &Network, segment: usize) -> usize {
    network.segments[segment].street
}

/// The rectangle with one back corner cut out.
fn l_shape(r: &[V2], dice: &mut Dice) -> Vec<V2> {
    let along = (r[1] - r[0]) * dice.between(0.35, 0.6);
    let back = (r[2] - r[1]) * dice.between(0.4, 0.55);
    if dice.chance(0.5) {
        vec![r[0], r[1], r[2] - back, r[2] - back - along, r[2] - along, r[3]]
    } else {
        vec![r[0], r[1], r[2], r[3] + along, r[3] + along - back, r[3] - back]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::planar::area;

    #[test]
    fn buildings_turn_left_stand_apart_and_keep_off_the_streets() {
        let network = Network::new();
        let buildings = build(&network, 7);
        assert!(buildings.len() > 100, "{}", buildings.len());
        for (i, b) in buildings.iter().enumerate() {
            assert!(area(&b.outline) > 60.0, "{i}");
            let clear = network.streets.iter().all(|s| b.outline.iter().all(|&p| s.path.nearest(p).1 > s.reach_m()));
            assert!(clear, "building {i}");
        }
    }

    #[test]
    fn house_numbers_are_odd_on_the_left_and_grow_by_two_every_twenty_metres() {
        let network = Network::new();
        for b in build(&network, 7) {
            let path = &network.streets[b.street].path;
            let centre = b.outline.iter().sum::<V2>() / b.outline.len() as f64;
            let (s, _) = path.nearest(centre);
            let base: f64 = b.number.split('-').next().and_then(|n| n.parse().ok()).expect("a number");
            let is_left = left(path.direction(s)).dot(&(centre - path.at(s))) > 0.0;
            assert_eq!(base as u32 % 2 == 1, is_left, "{}", b.number);
            assert!((base * 10.0 - s).abs() < 45.0, "{base} at {s}");
        }
    }
}
