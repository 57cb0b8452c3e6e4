//! The raster against `geo`'s point in polygon and plain distances, cell by cell.

use geo::{Contains, MapCoords, MultiPolygon, Point};
use nalgebra::UnitQuaternion;
use proptest::prelude::*;

use super::*;

const ORIGIN: Geodetic = Geodetic::new(13.35, 52.51, 35.0);

fn feature(id: &str, layer: MapLayer, geometry: Geometry<f64>) -> MapFeature {
    MapFeature::example(id, layer, "any", geometry)
}

/// An ego near the origin that looks somewhere and leans a little.
fn ego() -> impl Strategy<Value = Pose> {
    (-3000.0..3000.0_f64, -3000.0..3000.0_f64, 0.0..360.0_f64, -0.2..0.2_f64).prop_map(|(e, n, heading, lean)| {
        let level = Pose::level(Vector3::new(e, n, 12.0), heading);
        level * Pose::new(Vector3::zeros(), UnitQuaternion::from_euler_angles(lean, -lean, 0.0))
    })
}

/// A star about a point `(forward, left)` of the ego, with a hole of the same shape, in degrees.
fn star(frame: &EnuFrame, ego: &Pose, at: (f64, f64), radii: &[f64]) -> Polygon<f64> {
    let ring = |scale: f64| -> LineString<f64> {
        let turn = std::f64::consts::TAU / radii.len() as f64;
        let corners = radii.iter().enumerate().map(|(i, r)| {
            let (sin, cos) = (i as f64 * turn).sin_cos();
            let (x, y) = (at.0 + scale * r * cos, at.1 + scale * r * sin);
            let place = frame.to_geodetic(ego.levelled().apply(Vector3::new(x, y, 0.0)));
            Coord { x: place.lon_deg, y: place.lat_deg }
        });
        let mut ring: Vec<_> = corners.collect();
        ring.push(ring[0]);
        LineString(ring)
    };
    Polygon::new(ring(1.0), vec![ring(0.4)])
}

/// What `shared/checks/bev.py` does: geometry to ENU at the ego's height, cell centres to ENU.
fn flat<G: MapCoords<f64, f64>>(frame: &EnuFrame, ego: &Pose, geometry: &G) -> G::Output {
    let height = frame.to_geodetic(ego.translation).height_m;
    geometry.map_coords(|c| {
        let enu = frame.to_enu(Geodetic::new(c.x, c.y, height));
        Coord { x: enu.x, y: enu.y }
    })
}

fn centre(ego: &Pose, shape: (usize, usize), resolution: f64, row: usize, column: usize) -> Point<f64> {
    let x = (shape.0 as f64 / 2.0 - row as f64 - 0.5) * resolution;
    let y = (shape.1 as f64 / 2.0 - column as f64 - 0.5) * resolution;
    let yaw = ego.yaw_rad();
    let t = ego.translation;
    Point::new(t.x + yaw.cos() * x - yaw.sin() * y, t.y + yaw.sin() * x + yaw.cos() * y)
}

/// Metres from a point to the nearest segment of rings or lines.
fn distance<'a>(lines: impl IntoIterator<Item = &'a LineString<f64>>, p: Point<f64>) -> f64 {
    let segments = lines.into_iter().flat_map(|l| l.0.windows(2));
    segments.map(|s| crate::coord::nearest_on_segment(p.x_y(), s[0].x_y(), s[1].x_y()).2).fold(f64::INFINITY, f64::min)
}

fn config(size_m: [f64; 2], resolution_m: f64, layers: &[&str]) -> BevConfig {
    BevConfig { size_m, resolution_m, layers: layers.iter().map(|l| l.to_string()).collect() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn an_area_is_what_contains_the_centres_of_its_cells(
        ego in ego(),
        stars in prop::collection::vec(
            ((-80.0..80.0_f64, -80.0..80.0_f64), prop::collection::vec(2.0..90.0_f64, 3..14)), 1..4),
        scale in prop_oneof![Just(1.0), Just(40.0)],
        resolution in 0.5..2.0_f64,
    ) {
        let frame = EnuFrame::new(ORIGIN);
        let polygons: Vec<_> = stars.iter().map(|(at, radii)| {
            // The large ones reach far beyond the raster on all sides.
            let radii: Vec<f64> = radii.iter().map(|r| r * scale).collect();
            star(&frame, &ego, *at, &radii)
        }).collect();
        let whole = feature("a", MapLayer::Water, Geometry::MultiPolygon(MultiPolygon(polygons.clone())));
        let map = MapIndex::new(vec![whole]);
        let raster = bev(&map, &frame, &ego, &[], &config([50.0, 30.0], resolution, &["building", "water"])).expect("drawn");
        prop_assert!(raster.index_axis(Axis(0), 0).iter().all(|c| *c == 0));
        let shape = (raster.dim().1, raster.dim().2);
        let polygons: Vec<_> = polygons.iter().map(|p| flat(&frame, &ego, p)).collect();
        for ((row, column), &cell) in raster.index_axis(Axis(0), 1).indexed_iter() {
            let p = centre(&ego, shape, resolution, row, column);
            let inside = polygons.iter().any(|q| q.contains(&p));
            if inside != (cell == 1) {
                let edges = polygons.iter().flat_map(|q| std::iter::once(q.exterior()).chain(q.interiors()));
                prop_assert!(distance(edges, p) < 1e-6, "cell {row} {column}: {cell}");
            }
        }
    }

    #[test]
    fn a_line_is_drawn_at_its_width_and_without_a_break(
        ego in ego(),
        points in prop::collection::vec((-60.0..60.0_f64, -60.0..60.0_f64), 2..6),
        resolution in prop_oneof![Just(0.1), Just(0.3), Just(0.5), Just(1.3)],
    ) {
        let frame = EnuFrame::new(ORIGIN);
        let line: LineString<f64> = points.iter().map(|&(x, y)| {
            let place = frame.to_geodetic(ego.levelled().apply(Vector3::new(x, y, 0.0)));
            Coord { x: place.lon_deg, y: place.lat_deg }
        }).collect();
        let map = MapIndex::new(vec![feature("a", MapLayer::LaneDivider, Geometry::LineString(line.clone()))]);
        let raster = bev(&map, &frame, &ego, &[], &config([16.0, 20.0], resolution, &["lane_divider"])).expect("drawn");
        let drawn = raster.index_axis(Axis(0), 0);
        let line = flat(&frame, &ego, &line);
        let half = f64::max(0.15, resolution / 2.0);
        for ((row, column), &cell) in drawn.indexed_iter() {
            let d = distance([&line], centre(&ego, drawn.dim(), resolution, row, column));
            if d < half - 1e-6 {
                prop_assert_eq!(cell, 1);
            } else if d > half + 1e-6 {
                // Where cells are larger than the line, those of its vertices are set too.
                let vertex = resolution > 0.3 && d < resolution;
                prop_assert!(cell == 0 || vertex, "{row} {column} {d}");
            }
        }
        // Walking along the line, each step's cell is set or touches one that is.
        let grid = BevGrid::new(&frame, &ego, &config([16.0, 20.0], resolution, &[])).expect("a grid");
        for pair in points.windows(2) {
            for k in 0..=200 {
                let w = f64::from(k) / 200.0;
                let (x, y) = (pair[0].0 * (1.0 - w) + pair[1].0 * w, pair[0].1 * (1.0 - w) + pair[1].1 * w);
                let place = frame.to_geodetic(ego.levelled().apply(Vector3::new(x, y, 0.0)));
                let [row, column] = grid.cell(place.lon_deg, place.lat_deg).map(f64::round);
                if row < 1.0 || column < 1.0 || row + 2.0 > drawn.nrows() as f64 || column + 2.0 > drawn.ncols() as f64 {
                    continue;
                }
                let (row, column) = (row as usize, column as usize);
                let near = drawn.slice(ndarray::s![row - 1..=row + 1, column - 1..=column + 1]);
                prop_assert!(near.iter().any(|c| *c == 1), "a break at {row} {column}");
            }
        }
    }

    #[test]
    fn places_and_cells_go_there_and_back(ego in ego(), row in -5.0..50.0_f64, column in -5.0..50.0_f64) {
        let grid = BevGrid::new(&EnuFrame::new(ORIGIN), &ego, &config([40.0, 30.0], 0.5, &[])).expect("a grid");
        let place = grid.place(row, column);
        let [r, c] = grid.cell(place.lon_deg, place.lat_deg);
        prop_assert!((r - row).abs() < 1e-3 && (c - column).abs() < 1e-3, "{r} {c}");
        if (0.0..79.0).contains(&row) && (0.0..59.0).contains(&column) {
            let here = BBox { xmin: place.lon_deg, ymin: place.lat_deg, xmax: place.lon_deg, ymax: place.lat_deg };
            prop_assert!(grid.window().intersects(&here));
        }
    }
}

#[test]
fn row_0_is_farthest_forward_and_column_0_farthest_left() {
    let frame = EnuFrame::new(ORIGIN);
    // Looking east: a sign 3.2 m ahead and 1.2 m to the left is east and a little north.
    let ego = Pose::level(Vector3::zeros(), 90.0);
    let at = frame.to_geodetic(Vector3::new(3.2, 1.2, 0.0));
    let sign = feature("node/1", MapLayer::Sign, Geometry::Point(Point::new(at.lon_deg, at.lat_deg)));
    let raster =
        bev(&MapIndex::new(vec![sign]), &frame, &ego, &[], &config([8.0, 6.0], 1.0, &["sign"])).expect("drawn");
    let set: Vec<_> = raster.indexed_iter().filter(|(_, v)| **v == 1).map(|(at, _)| at).collect();
    // x = (4 - r - 0.5) and y = (3 - c - 0.5): row 0 is x 3.5, column 1 is y 1.5.
    assert_eq!(set, [(0, 0, 1)]);
}

#[test]
fn the_route_is_the_roads_that_were_followed_and_nothing_else() {
    let frame = EnuFrame::new(ORIGIN);
    let road = |id: &str, y: f64| {
        let ends = [-50.0, 50.0].map(|x| frame.to_geodetic(Vector3::new(x, y, 0.0)));
        let line: LineString<f64> = ends.iter().map(|p| Coord { x: p.lon_deg, y: p.lat_deg }).collect();
        feature(id, MapLayer::Road, Geometry::LineString(line))
    };
    let map = MapIndex::new(vec![road("way/1", 2.0), road("way/2", -2.0)]);
    let config = config([10.0, 10.0], 0.5, &["road", "route"]);
    let ego = Pose::level(Vector3::zeros(), 90.0);
    let counts = |route: &[&str]| {
        let raster = bev(&map, &frame, &ego, route, &config).expect("drawn");
        raster.axis_iter(Axis(0)).map(|c| c.iter().map(|v| u32::from(*v)).sum::<u32>()).collect::<Vec<_>>()
    };
    assert_eq!(counts(&[])[1], 0);
    let [roads, route] = counts(&["way/1"])[..] else { panic!("two channels") };
    assert!(route >= 20 && roads == 2 * route, "{roads} {route}");
}

#[test]
fn a_raster_that_cannot_be_is_an_error_not_a_panic() {
    let (frame, ego) = (EnuFrame::new(ORIGIN), Pose::identity());
    let map = MapIndex::new(Vec::new());
    for wrong in [
        config([100.0, f64::NAN], 0.5, &[]),
        config([100.0, 100.0], 0.0, &[]),
        config([1e9, 100.0], 0.5, &[]),
        config([100.0, 100.0], -0.5, &[]),
        config([100.0, 100.0], 0.5, &["lava"]),
    ] {
        assert!(matches!(bev(&map, &frame, &ego, &[], &wrong).expect_err("no raster").kind(), ErrorKind::Config(_)));
    }
}
