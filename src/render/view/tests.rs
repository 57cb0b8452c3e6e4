//! Lines in pictures against what [`Camera`] says of their points.

use geo::{Geometry, LineString};
use nalgebra::Matrix3;
use proptest::prelude::*;

use super::*;
use crate::coord::{CameraIntrinsics, CameraModelKind};
use crate::record::MapAttributes;

const ORIGIN: Geodetic = Geodetic::new(127.1112, 37.3947, 50.0);

fn feature(id: &str, layer: MapLayer, geometry: Geometry<f64>, height_m: Option<f64>) -> MapFeature {
    let attributes = MapAttributes { height_m, ..MapAttributes::default() };
    MapFeature { attributes, ..MapFeature::example(id, layer, "any", geometry) }
}

/// Every model; of panoramas the whole, a part that looks aside, and one all around that begins anywhere.
fn cameras() -> Vec<Camera> {
    use CameraModelKind::{Equirectangular, Ftheta, KannalaBrandt, Mei, Pinhole};
    let of = |model, [width, height]: [u32; 2], intrinsics: &[f64], distortion: &[f64]| {
        let (intrinsics, distortion) = (intrinsics.to_vec(), distortion.to_vec());
        Camera::new(&CameraIntrinsics { model, width, height, intrinsics, distortion }).expect("a camera")
    };
    vec![
        of(Pinhole, [640, 400], &[420.0, 420.0, 319.5, 199.5], &[-0.1, 0.02, 0.001, 0.0]),
        of(KannalaBrandt, [800, 800], &[250.0, 250.0, 399.5, 399.5], &[0.05, -0.01, 0.0, 0.0]),
        of(Mei, [800, 800], &[700.0, 700.0, 399.5, 399.5], &[2.2, 0.02, 0.9, 0.0004, -0.0003]),
        of(Ftheta, [800, 600], &[0.6, 0.6, 399.5, 299.5], &[0.0, 473.6, -9.59, 24.95, -42.34, 15.14]),
        of(Equirectangular, [1024, 512], &[], &[]),
        of(Equirectangular, [700, 300], &[170.0, 165.0, -60.0, 120.0], &[]),
        of(Equirectangular, [1024, 400], &[162.974_661_726, 163.0, 900.0, 190.0], &[]),
    ]
}

/// `ego_se3_camera` of a camera 1.5 m above the ground that looks forward and turns left by `yaw`.
fn mount(yaw: f64) -> Pose {
    let (sin, cos) = yaw.sin_cos();
    // Columns: right, down and forward in the ego's axes.
    let axes = Matrix3::new(sin, 0.0, cos, -cos, 0.0, sin, 0.0, -1.0, 0.0);
    Pose::from_rotation_matrix(&axes, Vector3::new(1.0, 0.2, 1.5))
}

/// The place of a point of the ego frame's ground.
fn place(frame: &EnuFrame, ego: &Pose, (x, y): (f64, f64)) -> Coord<f64> {
    let p = frame.to_geodetic(ego.apply(Vector3::new(x, y, 0.0)));
    Coord { x: p.lon_deg, y: p.lat_deg }
}

fn line(frame: &EnuFrame, ego: &Pose, points: &[(f64, f64)]) -> Geometry<f64> {
    Geometry::LineString(points.iter().map(|p| place(frame, ego, *p)).collect::<LineString<f64>>())
}

fn distance_px(lines: &[ViewLine<'_>], (u, v): (f64, f64)) -> f64 {
    let segments = lines.iter().flat_map(|l| l.points.windows(2));
    segments
        .map(|s| crate::coord::nearest_on_segment((u, v), (s[0][0], s[0][1]), (s[1][0], s[1][1])).2)
        .fold(f64::INFINITY, f64::min)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_point_of_a_line_is_where_the_camera_sees_it(
        camera in prop::sample::select(cameras()),
        heading in 0.0..360.0_f64,
        yaw in -3.0..3.0_f64,
        points in prop::collection::vec((-40.0..40.0_f64, -40.0..40.0_f64), 2..5),
    ) {
        let frame = EnuFrame::new(ORIGIN);
        let ego = Pose::level(Vector3::new(300.0, -200.0, 2.0), heading);
        let map = MapIndex::new(vec![feature("a", MapLayer::LaneDivider, line(&frame, &ego, &points), None)]);
        let world_se3_camera = ego * mount(yaw);
        let lines = map_view(&map, &frame, &ego, &world_se3_camera, &camera, 70.0);
        let wide = f64::from(camera.width()) / 2.0;
        for l in &lines {
            prop_assert!(l.points.len() >= 2);
            for pair in l.points.windows(2) {
                prop_assert!((pair[0][0] - pair[1][0]).abs() < wide, "a line through the picture: {:?}", pair);
            }
            for p in &l.points {
                let border = f64::from(camera.width()) - 0.5 + 1e-9;
                prop_assert!(p[0] >= -0.5 - 1e-9 && p[0] <= border && p[1] >= -0.5 - 1e-9 && p[2] > 0.0);
            }
        }
        for pair in points.windows(2) {
            for k in 0..=200 {
                let w = f64::from(k) / 200.0;
                let at = (pair[0].0 * (1.0 - w) + pair[1].0 * w, pair[0].1 * (1.0 - w) + pair[1].1 * w);
                let p = world_se3_camera.inverse().apply(ego.apply(Vector3::new(at.0, at.1, 0.0)));
                if camera.model() == CameraModelKind::Pinhole && p.z < 0.1 {
                    continue;
                }
                // A border of the picture, of the model, or of the near plane may be nearer than the sample is exact.
                match camera.project(p) {
                    Some(pixel) if camera.contains(pixel) => {
                        prop_assert!(distance_px(&lines, pixel) < 1.0, "{:?} is not on the line", pixel);
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn every_point_that_is_drawn_is_a_point_of_the_map(
        camera in prop::sample::select(cameras()),
        yaw in -3.0..3.0_f64,
        ends in ((-40.0..40.0_f64, -40.0..40.0_f64), (-40.0..40.0_f64, -40.0..40.0_f64)),
    ) {
        let off = farthest_off(&camera, yaw, ends);
        prop_assert!(off < 0.01, "{off}");
    }
}

/// The largest angle (radians) by which a point that is drawn of a line on the ground is off that line.
fn farthest_off(camera: &Camera, yaw: f64, ends: ((f64, f64), (f64, f64))) -> f64 {
    let frame = EnuFrame::new(ORIGIN);
    let ego = Pose::level(Vector3::zeros(), 20.0);
    let map = MapIndex::new(vec![feature("a", MapLayer::StopLine, line(&frame, &ego, &[ends.0, ends.1]), None)]);
    let mut farthest = 0.0_f64;
    for drawn in map_view(&map, &frame, &ego, &(ego * mount(yaw)), camera, 70.0) {
        for p in drawn.points {
            let Some(ray) = camera.unproject(p[0], p[1]) else { continue };
            // The ray at the point's distance is on the ground, on the line.
            let at = mount(yaw).apply(ray * p[2]);
            let (.., off) = crate::coord::nearest_on_segment((at.x, at.y), ends.0, ends.1);
            farthest = farthest.max(libm::hypot(off, at.z) / p[2]);
        }
    }
    farthest
}

#[test]
fn a_line_that_leads_away_at_the_border_ends_at_its_distance() {
    // Seen along its length, so that a pixel spans metres.
    let ends = ((32.925888892435275, 13.009547458718869), (-31.206359800508235, -8.817550489524931));
    let off = farthest_off(&cameras()[1], 1.9259202499074406, ends);
    assert!(off < 0.005, "{off}");
}

#[test]
fn nothing_behind_a_pinhole_is_drawn() {
    let frame = EnuFrame::new(ORIGIN);
    let ego = Pose::level(Vector3::zeros(), 90.0);
    let behind = line(&frame, &ego, &[(-5.0, -20.0), (-5.0, 20.0)]);
    let past = line(&frame, &ego, &[(-30.0, 2.0), (30.0, 2.0)]);
    let map = MapIndex::new(vec![
        feature("behind", MapLayer::LaneDivider, behind, None),
        feature("past", MapLayer::LaneDivider, past, None),
    ]);
    let camera = &cameras()[0];
    let lines = map_view(&map, &frame, &ego, &(ego * mount(0.0)), camera, 70.0);
    assert_eq!(lines.iter().map(|l| l.feature.id.as_str()).collect::<Vec<_>>(), ["past"]);
    // Left of the camera and on the ground: in the lower left quarter of the picture.
    assert!(lines[0].points.iter().all(|p| p[0] < 320.0 && p[1] > 199.0), "{:?}", lines[0].points);
}

#[test]
fn a_house_stands_on_the_ground_and_signs_are_poles() {
    let frame = EnuFrame::new(ORIGIN);
    let ego = Pose::level(Vector3::zeros(), 0.0);
    let corners = [(20.0, -4.0), (20.0, 4.0), (30.0, 4.0), (30.0, -4.0), (20.0, -4.0)];
    let ring: LineString<f64> = corners.iter().map(|p| place(&frame, &ego, *p)).collect();
    let house = Geometry::Polygon(Polygon::new(ring, Vec::new()));
    let sign = Geometry::Point(Point(place(&frame, &ego, (10.0, 2.0))));
    let map = MapIndex::new(vec![
        feature("house", MapLayer::Building, house.clone(), Some(6.0)),
        feature("flat", MapLayer::Building, house, None),
        feature("sign", MapLayer::Sign, sign.clone(), None),
        feature("poi", MapLayer::Poi, sign, None),
    ]);
    let camera = &cameras()[0];
    let world_se3_camera = ego * mount(0.0);
    let lines = map_view(&map, &frame, &ego, &world_se3_camera, camera, 70.0);
    let of = |id: &str| lines.iter().filter(|l| l.feature.id == id).cloned().collect::<Vec<_>>();
    let pixel = |x: f64, y: f64, z: f64| {
        camera.project(world_se3_camera.inverse().apply(ego.apply(Vector3::new(x, y, z)))).expect("ahead")
    };
    for (x, y, z) in [(20.0, 4.0, 0.0), (20.0, 4.0, 6.0), (30.0, -4.0, 6.0), (20.0, -4.0, 3.0), (25.0, 4.0, 6.0)] {
        assert!(distance_px(&of("house"), pixel(x, y, z)) < 0.3, "{x} {y} {z}");
    }
    assert!(distance_px(&of("flat"), pixel(20.0, 4.0, 0.0)) < 0.3);
    assert!(distance_px(&of("flat"), pixel(20.0, 4.0, 6.0)) > 50.0, "no height, no roof");
    let [pole] = &of("sign")[..] else { panic!("one pole") };
    let (foot, top) = (pole.points[0], pole.points[pole.points.len() - 1]);
    for (drawn, (u, v)) in [(foot, pixel(10.0, 2.0, 0.0)), (top, pixel(10.0, 2.0, 2.5))] {
        assert!((drawn[0] - u).abs() < 1e-3 && (drawn[1] - v).abs() < 1e-3, "{drawn:?}, not {u} {v}");
    }
    let far = mount(0.0).inverse().apply(Vector3::new(10.0, 2.0, 0.0)).norm();
    assert!((foot[2] - far).abs() < 1e-3);
    assert!(of("poi").is_empty());
}

#[test]
fn the_ground_is_the_plane_that_the_ego_stands_on() {
    let frame = EnuFrame::new(ORIGIN);
    // Uphill by 0.1 rad: x east and up.
    let uphill = nalgebra::UnitQuaternion::from_euler_angles(0.0, -0.1, 0.0);
    let ego = Pose::new(Vector3::new(5.0, 5.0, 1.0), uphill);
    let map =
        MapIndex::new(vec![feature("a", MapLayer::StopLine, line(&frame, &ego, &[(15.0, -3.0), (15.0, 3.0)]), None)]);
    let camera = &cameras()[0];
    let lines = map_view(&map, &frame, &ego, &(ego * mount(0.0)), camera, 70.0);
    let pixel = camera.project(mount(0.0).inverse().apply(Vector3::new(15.0, 0.0, 0.0))).expect("ahead");
    assert!(distance_px(&lines, pixel) < 0.3, "{pixel:?} {lines:?}");
}
