//! Web Mercator tiles: `z/x/y` with y growing southwards (XYZ), their bounds, names and pixels.

use std::f64::consts::PI;
use std::fmt;
use std::ops::RangeInclusive;

use super::BBox;
use super::geodetic::A;

/// Deepest zoom level: pixel positions stay exact in `f64` and x, y in `u32`.
pub const MAX_ZOOM: u8 = 30;

/// Latitude of the square's northern edge, degrees: atan(sinh(pi)).
pub const MAX_LAT_DEG: f64 = 85.051_128_779_806_59;

/// Half the side of the Web Mercator square, metres (EPSG:3857).
const HALF_M: f64 = PI * A;

/// A tile of the Web Mercator pyramid; y grows southwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Zoom level, 0 to [`MAX_ZOOM`].
    pub z: u8,
    /// Column from the antimeridian eastwards, below 2^z.
    pub x: u32,
    /// Row from the north, below 2^z.
    pub y: u32,
}

/// Numbers that are no tile, and why.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("no tile {z}/{x}/{y}: {reason}")]
pub struct InvalidTile {
    /// The zoom level.
    pub z: u8,
    /// The column.
    pub x: u32,
    /// The row.
    pub y: u32,
    /// What is wrong.
    pub reason: &'static str,
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.z, self.x, self.y)
    }
}

impl Tile {
    /// The tile `z/x/y`.
    ///
    /// # Errors
    ///
    /// [`InvalidTile`] for a zoom above [`MAX_ZOOM`] or a column or row outside the level.
    pub fn new(z: u8, x: u32, y: u32) -> Result<Tile, InvalidTile> {
        let wrong = |reason| Err(InvalidTile { z, x, y, reason });
        if z > MAX_ZOOM {
            return wrong("zoom levels end at 30");
        }
        if x >= 1 << z || y >= 1 << z {
            return wrong("columns and rows end at 2^z - 1");
        }
        Ok(Tile { z, x, y })
    }

    /// The tile at a place (degrees). Places beyond the square's edge are moved to it; the zoom is cut at
    /// [`MAX_ZOOM`].
    pub fn of(lon: f64, lat: f64, z: u8) -> Tile {
        let z = z.min(MAX_ZOOM);
        let (x, y) = unit(lon, lat);
        let side = f64::from(1_u32 << z);
        let cell = |share: f64| ((share * side).floor() as u32).min((1 << z) - 1);
        Tile { z, x: cell(x), y: cell(y) }
    }

    /// The tile of a row counted from the south (TMS, MBTiles).
    ///
    /// # Errors
    ///
    /// [`InvalidTile`] as in [`Tile::new`].
    pub fn from_tms(z: u8, x: u32, tms_y: u32) -> Result<Tile, InvalidTile> {
        let tile = Tile::new(z, x, tms_y)?;
        Ok(Tile { y: tile.tms_y(), ..tile })
    }

    /// The row counted from the south (TMS, MBTiles).
    pub fn tms_y(&self) -> u32 {
        (1 << self.z) - 1 - self.y
    }

    /// The key of Bing Maps: a digit 0–3 a level, the empty string at zoom 0.
    ///
    /// Source: <https://learn.microsoft.com/bingmaps/articles/bing-maps-tile-system>.
    pub fn quadkey(&self) -> String {
        let digit = |bit: u32| char::from(b'0' + ((self.x >> bit & 1) | (self.y >> bit & 1) << 1) as u8);
        (0..u32::from(self.z)).rev().map(digit).collect()
    }

    /// Bounds in degrees.
    pub fn bounds(&self) -> BBox {
        let side = f64::from(1_u32 << self.z);
        let lon = |x: u32| f64::from(x) / side * 360.0 - 180.0;
        let lat = |y: u32| latitude(f64::from(y) / side);
        BBox { xmin: lon(self.x), ymin: lat(self.y + 1), xmax: lon(self.x + 1), ymax: lat(self.y) }
    }

    /// Bounds in Web Mercator metres (EPSG:3857): west, south, east, north.
    pub fn mercator_bounds(&self) -> [f64; 4] {
        let side = 2.0 * HALF_M / f64::from(1_u32 << self.z);
        let (west, north) = (f64::from(self.x) * side - HALF_M, HALF_M - f64::from(self.y) * side);
        [west, north - side, west + side, north]
    }

    /// Columns and rows of the tiles of a level that touch a box.
    pub fn covering(area: BBox, z: u8) -> (RangeInclusive<u32>, RangeInclusive<u32>) {
        let (first, last) = (Tile::of(area.xmin, area.ymax, z), Tile::of(area.xmax, area.ymin, z));
        (first.x..=last.x, first.y..=last.y)
    }
}

/// Position of a place among the pixels of a whole level whose tiles are `tile_px` pixels wide.
///
/// (0, 0) is the centre of the level's north-western pixel, so pixel `(c, r)` of tile `(x, y)` has its centre at
/// `(x * tile_px + c, y * tile_px + r)`. Latitudes beyond the square are moved to its edge.
pub fn level_pixel(lon: f64, lat: f64, z: u8, tile_px: u32) -> (f64, f64) {
    let (x, y) = unit(lon, lat);
    let side = f64::from(1_u32 << z.min(MAX_ZOOM)) * f64::from(tile_px);
    (x * side - 0.5, y * side - 0.5)
}

/// The place at a position among a level's pixels: the inverse of [`level_pixel`].
pub fn level_place(px: f64, py: f64, z: u8, tile_px: u32) -> (f64, f64) {
    let side = f64::from(1_u32 << z.min(MAX_ZOOM)) * f64::from(tile_px);
    ((px + 0.5) / side * 360.0 - 180.0, latitude((py + 0.5) / side))
}

/// Web Mercator with the square at [0, 1]², y southwards. Source: EPSG method 1024.
fn unit(lon: f64, lat: f64) -> (f64, f64) {
    let sin = libm::sin(lat.clamp(-MAX_LAT_DEG, MAX_LAT_DEG).to_radians());
    let y = 0.5 - libm::atanh(sin) / (2.0 * PI);
    ((lon + 180.0) / 360.0, y)
}

/// Latitude, degrees, of a height in the unit square.
fn latitude(y: f64) -> f64 {
    libm::atan(libm::sinh(PI * (1.0 - 2.0 * y))).to_degrees()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_known_place_has_its_known_tile_bounds_and_quadkey() {
        // pyproj 3.7, EPSG:4326 to EPSG:3857 and back; the quadkey by Microsoft's formula.
        let tile = Tile::of(127.1112, 37.3947, 16);
        assert_eq!(tile, Tile { z: 16, x: 55907, y: 25418 });
        assert_eq!(tile.quadkey(), "1321103203102031");
        let b = tile.bounds();
        for (got, want) in [b.xmin, b.ymin, b.xmax, b.ymax].into_iter().zip([
            127.106_323_242_187_53,
            37.391_981_943_533_52,
            127.111_816_406_250_03,
            37.396_346_133_189_23,
        ]) {
            assert!((got - want).abs() < 1e-11, "{got} {want}");
        }
        for (got, want) in tile.mercator_bounds().into_iter().zip([
            14_149_411.179_925_55,
            4_493_885.766_942_081,
            14_150_022.676_151_83,
            4_494_497.263_168_363,
        ]) {
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
    }

    #[test]
    fn rows_from_the_south_are_flipped_and_nonsense_is_refused() {
        assert_eq!(Tile::new(3, 2, 1).map(|t| t.tms_y()), Ok(6));
        assert_eq!(Tile::from_tms(3, 2, 6), Tile::new(3, 2, 1));
        assert_eq!(Tile::of(0.0, 0.0, 0).quadkey(), "");
        let message = Tile::new(3, 8, 0).map_err(|e| e.to_string());
        assert_eq!(message, Err("no tile 3/8/0: columns and rows end at 2^z - 1".to_string()));
        assert!(Tile::new(31, 0, 0).is_err());
    }

    #[test]
    fn a_box_is_covered_by_the_tiles_of_its_corners() {
        let tile = Tile::of(13.4, 52.5, 14);
        let b = tile.bounds();
        let inner = BBox { xmin: b.xmin + 1e-6, ymin: b.ymin + 1e-6, xmax: b.xmax - 1e-6, ymax: b.ymax - 1e-6 };
        assert_eq!(Tile::covering(inner, 14), (tile.x..=tile.x, tile.y..=tile.y));
    }

    proptest! {
        #[test]
        fn a_tile_contains_its_place_and_pixels_go_there_and_back(lon in -180.0..180.0_f64, lat in -85.0..85.0_f64, z in 0..=22_u8) {
            let tile = Tile::of(lon, lat, z);
            let b = tile.bounds();
            prop_assert!(b.xmin <= lon + 1e-9 && lon <= b.xmax + 1e-9 && b.ymin <= lat + 1e-9 && lat <= b.ymax + 1e-9);
            let (px, py) = level_pixel(lon, lat, z, 256);
            prop_assert_eq!(((px + 0.5) / 256.0).floor() as u32, tile.x);
            let (back_lon, back_lat) = level_place(px, py, z, 256);
            prop_assert!((back_lon - lon).abs() < 1e-11 && (back_lat - lat).abs() < 1e-11);
        }
    }
}
