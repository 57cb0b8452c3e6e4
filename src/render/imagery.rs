//! [`Imagery`]: Web Mercator tiles, sampled where the cells of a BEV raster lie.

use std::f64::consts::TAU;
use std::fmt;

use image::RgbImage;
use ndarray::{Array2, Array3};

use super::BevGrid;
use crate::coord::tile::level_pixel;
use crate::error::{ErrorKind, Result};
use crate::source::RasterTiles;

/// Circumference of the Web Mercator sphere, metres (EPSG:3857).
const EQUATOR_M: f64 = TAU * 6_378_137.0;
/// Cells between those that are projected one by one. Between them the position in the level is bilinear, which is
/// wrong by less than a ten thousandth of a cell where cells measure metres.
const STEP: usize = 32;
/// Tiles that a raster may need: those of a raster of 8192 cells a side, turned, of the pixels that suit it.
const MAX_TILES: u64 = 16_384;

/// Tiles of one picture size, on any of their zooms.
pub struct Imagery {
    tiles: Box<dyn RasterTiles>,
    zooms: Vec<u8>,
    tile_px: u32,
}

impl fmt::Debug for Imagery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imagery").field("zooms", &self.zooms).field("tile_px", &self.tile_px).finish_non_exhaustive()
    }
}

impl Imagery {
    /// Imagery from tiles; looks at the first one for their size. `None` where there is no tile.
    ///
    /// # Errors
    ///
    /// Where the first tile cannot be read or is no square picture.
    pub fn new(tiles: Box<dyn RasterTiles>) -> Result<Option<Imagery>> {
        let zooms = tiles.zooms();
        let Some(&z) = zooms.first() else { return Ok(None) };
        let Some((x, y)) = tiles.list(z)?.first().copied() else { return Ok(None) };
        let Some(first) = tiles.tile(z, x, y)? else { return Ok(None) };
        let tile_px = picture(&first).map_err(ErrorKind::bare)?.width();
        Ok(Some(Imagery { tiles, zooms, tile_px }))
    }

    /// The imagery at the cells of a grid, shape `(H, W, 3)`, sRGB: bilinear between pixels' centres.
    ///
    /// Of the zooms that [`levels`] gives, the deepest that has a tile at a cell is used there; cells without any stay
    /// black.
    ///
    /// # Errors
    ///
    /// Where a tile cannot be read or is no picture of the others' size.
    pub fn bev(&self, grid: &BevGrid) -> Result<Array3<u8>> {
        let (rows, columns) = grid.shape();
        let mut raster = Array3::zeros((rows, columns, 3));
        let centre = grid.place(rows as f64 / 2.0, columns as f64 / 2.0);
        let levels = levels(&self.zooms, self.tile_px, centre.lat_deg, grid.resolution_m());
        let Some(&deepest) = levels.first() else { return Ok(raster) };
        let nodes = Nodes::new(grid, |lon, lat| level_pixel(lon, lat, deepest, self.tile_px));
        let corners = [(0, 0), (0, columns - 1), (rows - 1, 0), (rows - 1, columns - 1)].map(|(r, c)| nodes.at(r, c));
        let mut open: Vec<(usize, usize)> = (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))).collect();
        for z in levels {
            let scale = 1.0 / f64::from(1_u32 << (deepest - z));
            let at = |(px, py): (f64, f64)| ((px + 0.5) * scale - 0.5, (py + 0.5) * scale - 0.5);
            let mosaic = self.mosaic(z, corners.map(at))?;
            open.retain(|&(row, column)| {
                let Some(colour) = mosaic.sample(at(nodes.at(row, column))) else { return true };
                for (channel, value) in colour.into_iter().enumerate() {
                    raster[[row, column, channel]] = value;
                }
                false
            });
            if open.is_empty() {
                break;
            }
        }
        Ok(raster)
    }

    /// The tiles of a level that hold the pixels between four corners.
    fn mosaic(&self, z: u8, corners: [(f64, f64); 4]) -> Result<Mosaic> {
        let last = (1_i64 << z) - 1;
        let tile = |v: f64| ((v / f64::from(self.tile_px)).floor() as i64).clamp(0, last);
        let range = |of: fn((f64, f64)) -> f64| {
            let values = corners.map(of);
            // Two pixels more: rounding, and the far taps of the bilinear.
            let low = values.into_iter().fold(f64::INFINITY, f64::min) - 2.0;
            let high = values.into_iter().fold(f64::NEG_INFINITY, f64::max) + 2.0;
            (tile(low), tile(high))
        };
        let ((left, right), (top, bottom)) = (range(|c| c.0), range(|c| c.1));
        let found = ((right - left + 1) * (bottom - top + 1)) as u64;
        if found > MAX_TILES {
            let kind = ErrorKind::LimitExceeded { what: "tiles under a raster", found, limit: MAX_TILES };
            return Err(kind.bare().with_hint("imagery this fine needs a raster of smaller cells"));
        }
        let mut tiles = Vec::new();
        for (y, x) in (top..=bottom).flat_map(|y| (left..=right).map(move |x| (y as u32, x as u32))) {
            tiles.push(match self.tiles.tile(z, x, y)? {
                Some(bytes) => Some(self.checked(&bytes).map_err(|kind| kind.in_file(format!("{z}/{x}/{y}")))?),
                None => None,
            });
        }
        Ok(Mosaic { size: i64::from(self.tile_px), left, top, columns: right - left + 1, tiles })
    }

    fn checked(&self, bytes: &[u8]) -> Result<RgbImage, ErrorKind> {
        let picture = picture(bytes)?;
        if picture.width() != self.tile_px {
            let reason = format!("{} pixels wide, others are {}", picture.width(), self.tile_px);
            return Err(ErrorKind::malformed("tile", reason));
        }
        Ok(picture)
    }
}

/// Neighbouring tiles of a level, decoded; some may be missing.
struct Mosaic {
    /// Pixels a side of a tile.
    size: i64,
    /// The first column of tiles.
    left: i64,
    /// The first row of tiles.
    top: i64,
    columns: i64,
    /// Row by row.
    tiles: Vec<Option<RgbImage>>,
}

impl Mosaic {
    /// The colour at a position among the level's pixels, bilinear; `None` where the tile there is missing.
    fn sample(&self, (px, py): (f64, f64)) -> Option<[u8; 3]> {
        let own =
            (((px + 0.5).floor() as i64).div_euclid(self.size), ((py + 0.5).floor() as i64).div_euclid(self.size));
        let picture = self.tile(own)?;
        let (left, top) = (px.floor(), py.floor());
        let (u, v) = (px - left, py - top);
        let mut colour = [0.0; 3];
        for (dx, dy, weight) in
            [(0, 0, (1.0 - u) * (1.0 - v)), (1, 0, u * (1.0 - v)), (0, 1, (1.0 - u) * v), (1, 1, u * v)]
        {
            let (x, y) = (left as i64 + dx, top as i64 + dy);
            let tile = (x.div_euclid(self.size), y.div_euclid(self.size));
            let pixel = match if tile == own { Some(picture) } else { self.tile(tile) } {
                Some(tile) => tile.get_pixel(x.rem_euclid(self.size) as u32, y.rem_euclid(self.size) as u32),
                // At the edge of what there is, its last pixel goes on.
                None => {
                    let inside = |v: i64, tile: i64| (v - tile * self.size).clamp(0, self.size - 1) as u32;
                    picture.get_pixel(inside(x, own.0), inside(y, own.1))
                }
            };
            for (sum, value) in colour.iter_mut().zip(pixel.0) {
                *sum += weight * f64::from(value);
            }
        }
        Some(colour.map(|v| (v + 0.5) as u8))
    }

    fn tile(&self, (x, y): (i64, i64)) -> Option<&RgbImage> {
        let (column, row) = (x - self.left, y - self.top);
        let inside = (0..self.columns).contains(&column) && row >= 0;
        self.tiles.get(usize::try_from(row * self.columns + column).ok().filter(|_| inside)?)?.as_ref()
    }
}

/// The picture of a tile, without transparency.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] for bytes that are no picture, or one that is not square.
pub fn picture(bytes: &[u8]) -> Result<RgbImage, ErrorKind> {
    let picture = image::load_from_memory(bytes).map_err(|e| ErrorKind::malformed("tile", e.to_string()))?;
    if picture.width() != picture.height() {
        let reason = format!("{} by {} pixels", picture.width(), picture.height());
        return Err(ErrorKind::malformed("tile", reason));
    }
    Ok(picture.into_rgb8())
}

/// The zooms that serve a raster of cells of `resolution_m`, deepest first: from the shallowest whose pixels are not
/// larger than a cell, down. Where all are finer than that, the shallowest there is.
pub fn levels(zooms: &[u8], tile_px: u32, lat_deg: f64, resolution_m: f64) -> Vec<u8> {
    let pixel_m = |z: u8| EQUATOR_M * libm::cos(lat_deg.to_radians()) / (f64::from(tile_px) * libm::exp2(z.into()));
    let enough = zooms.iter().position(|&z| pixel_m(z) <= resolution_m).map_or(zooms.len(), |i| i + 1);
    zooms[..enough].iter().rev().copied().collect()
}

/// Positions of cells, projected every [`STEP`] cells.
struct Nodes(Array2<(f64, f64)>);

impl Nodes {
    fn new(grid: &BevGrid, project: impl Fn(f64, f64) -> (f64, f64)) -> Nodes {
        let (rows, columns) = grid.shape();
        Nodes(Array2::from_shape_fn((rows / STEP + 2, columns / STEP + 2), |(i, j)| {
            let place = grid.place((i * STEP) as f64, (j * STEP) as f64);
            project(place.lon_deg, place.lat_deg)
        }))
    }

    fn at(&self, row: usize, column: usize) -> (f64, f64) {
        let (i, j) = (row / STEP, column / STEP);
        let (v, u) = ((row % STEP) as f64 / STEP as f64, (column % STEP) as f64 / STEP as f64);
        let [a, b, c, d] = [self.0[[i, j]], self.0[[i, j + 1]], self.0[[i + 1, j]], self.0[[i + 1, j + 1]]];
        let mix = |a: f64, b: f64, c: f64, d: f64| (a * (1.0 - u) + b * u) * (1.0 - v) + (c * (1.0 - u) + d * u) * v;
        (mix(a.0, b.0, c.0, d.0), mix(a.1, b.1, c.1, d.1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Cursor;

    use image::{ImageFormat, Rgb};
    use nalgebra::Vector3;

    use super::*;
    use crate::coord::tile::{Tile, level_place};
    use crate::coord::{EnuFrame, Geodetic, Pose};
    use crate::render::BevConfig;
    use crate::source::TileEncoding;

    struct Planted(BTreeMap<(u8, u32, u32), RgbImage>);

    impl RasterTiles for Planted {
        fn zooms(&self) -> Vec<u8> {
            let mut zooms: Vec<u8> = self.0.keys().map(|k| k.0).collect();
            zooms.dedup();
            zooms
        }

        fn encoding(&self) -> TileEncoding {
            TileEncoding::Png
        }

        fn tile(&self, z: u8, x: u32, y: u32) -> Result<Option<Vec<u8>>> {
            Ok(self.0.get(&(z, x, y)).map(|picture| {
                let mut bytes = Vec::new();
                picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).expect("encoded");
                bytes
            }))
        }

        fn list(&self, z: u8) -> Result<Vec<(u32, u32)>> {
            Ok(self.0.keys().filter(|k| k.0 == z).map(|k| (k.1, k.2)).collect())
        }
    }

    const PLACE: Geodetic = Geodetic::new(127.1112, 37.3947, 50.0);

    fn grid(heading: f64) -> BevGrid {
        let frame = EnuFrame::new(PLACE);
        let ego = Pose::level(Vector3::new(900.0, -700.0, 3.0), heading);
        BevGrid::new(&frame, &ego, &BevConfig { size_m: [100.0, 80.0], ..BevConfig::default() }).expect("a grid")
    }

    /// Tiles of zoom 18 (0.47 m a pixel here) around the grid's centre, whose colours say which pixel it is.
    fn coded(grid: &BevGrid) -> Planted {
        let centre = grid.place(100.0, 80.0);
        let middle = Tile::of(centre.lon_deg, centre.lat_deg, 18);
        let mut tiles = BTreeMap::new();
        for (x, y) in (middle.x - 2..=middle.x + 2).flat_map(|x| (middle.y - 2..=middle.y + 2).map(move |y| (x, y))) {
            // Smooth within a tile, so that bilinear weights can be told from the colours.
            let own = 16 * (x % 4) as u8 + 64 * (y % 4) as u8;
            tiles.insert((18, x, y), RgbImage::from_fn(256, 256, |c, r| Rgb([c as u8, r as u8, own])));
        }
        Planted(tiles)
    }

    #[test]
    fn every_cell_has_the_pixel_at_its_place() {
        for heading in [0.0, 33.0, 270.0] {
            let grid = grid(heading);
            let imagery = Imagery::new(Box::new(coded(&grid))).expect("readable").expect("tiles");
            let raster = imagery.bev(&grid).expect("sampled");
            assert_eq!(raster.dim(), (200, 160, 3));
            let mut checked = 0;
            for (row, column) in (0..200).flat_map(|r| (0..160).map(move |c| (r, c))) {
                let place = grid.place(row as f64, column as f64);
                let (px, py) = level_pixel(place.lon_deg, place.lat_deg, 18, 256);
                let (x, y) = (px.rem_euclid(256.0), py.rem_euclid(256.0));
                if x < 255.0 && y < 255.0 {
                    let cell: Vec<u8> = (0..3).map(|channel| raster[[row, column, channel]]).collect();
                    assert!((f64::from(cell[0]) - x).abs() <= 0.51 && (f64::from(cell[1]) - y).abs() <= 0.51);
                    let tile = Tile::of(place.lon_deg, place.lat_deg, 18);
                    assert_eq!(cell[2], 16 * (tile.x % 4) as u8 + 64 * (tile.y % 4) as u8);
                    checked += 1;
                }
            }
            assert!(checked > 30_000);
        }
    }

    #[test]
    fn a_planted_pixel_lands_in_the_cell_that_contains_it() {
        let grid = grid(33.0);
        let mut planted = coded(&grid);
        planted.0.values_mut().flat_map(|tile| tile.pixels_mut()).for_each(|pixel| *pixel = Rgb([0, 0, 0]));
        let place = grid.place(57.3, 121.6);
        let (px, py) = level_pixel(place.lon_deg, place.lat_deg, 18, 256);
        let (px, py) = (px.round() as u32, py.round() as u32);
        let tile = planted.0.get_mut(&(18, px / 256, py / 256)).expect("a tile of the raster");
        tile.put_pixel(px % 256, py % 256, Rgb([0, 0, 255]));
        let (lon, lat) = level_place(f64::from(px), f64::from(py), 18, 256);
        let [row, column] = grid.cell(lon, lat);
        let imagery = Imagery::new(Box::new(planted)).expect("readable").expect("tiles");
        let raster = imagery.bev(&grid).expect("sampled");
        let lit: Vec<_> = raster.indexed_iter().filter(|(_, v)| **v > 0).map(|((r, c, _), _)| (r, c)).collect();
        assert!(lit.contains(&(row.round() as usize, column.round() as usize)), "{lit:?}, not {row} {column}");
        // A pixel is 0.47 m and a cell 0.5 m: the bilinear reaches a pixel's width to each side.
        let near = |(r, c): &(usize, usize)| (*r as f64 - row).abs() < 1.4 && (*c as f64 - column).abs() < 1.4;
        assert!(lit.iter().all(near), "{lit:?}, not {row} {column}");
    }

    #[test]
    fn holes_are_filled_from_shallower_zooms_and_what_is_nowhere_is_black() {
        let grid = grid(0.0);
        let mut planted = coded(&grid);
        let middle = *planted.0.keys().nth(12).expect("the middle tile");
        planted.0.retain(|k, _| *k == middle);
        let bare = Imagery::new(Box::new(Planted(planted.0.clone()))).expect("readable").expect("tiles");
        let place = grid.place(0.0, 0.0);
        let corner = Tile::of(place.lon_deg, place.lat_deg, 18);
        assert_ne!((corner.x, corner.y), (middle.1, middle.2), "the corner lies in another tile");
        let black = |raster: &Array3<u8>| (0..3).all(|channel| raster[[0, 0, channel]] == 0);
        assert!(black(&bare.bev(&grid).expect("sampled")));
        let far = Tile::of(place.lon_deg, place.lat_deg, 12);
        planted.0.insert((12, far.x, far.y), RgbImage::from_pixel(256, 256, Rgb([7, 8, 9])));
        let filled = Imagery::new(Box::new(planted)).expect("readable").expect("tiles");
        let raster = filled.bev(&grid).expect("sampled");
        assert_eq!([raster[[0, 0, 0]], raster[[0, 0, 1]], raster[[0, 0, 2]]], [7, 8, 9]);
    }

    #[test]
    fn the_zoom_is_the_shallowest_that_is_fine_enough() {
        // At 37.4 N a pixel of zoom 18 is 0.474 m, of zoom 17 0.949 m.
        let all: Vec<u8> = (10..=20).collect();
        assert_eq!(levels(&all, 256, 37.4, 0.5)[..2], [18, 17]);
        assert_eq!(levels(&all, 512, 37.4, 0.5)[0], 17);
        assert_eq!(levels(&[10, 12], 256, 37.4, 0.5), [12, 10]);
        assert_eq!(levels(&[20, 21], 256, 37.4, 0.5), [20]);
        assert!(levels(&[], 256, 37.4, 0.5).is_empty());
    }
}
