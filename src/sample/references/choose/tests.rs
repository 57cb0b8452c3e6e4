use nalgebra::Vector3;

use super::*;
use crate::coord::{Camera, CameraIntrinsics, CameraModelKind, EnuFrame, Geodetic, Pose};
use crate::sample::references::{Footprint, View, directions};

const DAY: i64 = 86_400_000_000_000;

fn frame() -> EnuFrame {
    EnuFrame::new(Geodetic::new(127.11, 37.39, 0.0))
}

fn place(x: f64, y: f64) -> (f64, f64) {
    let place = frame().to_geodetic(Vector3::new(x, y, 0.0));
    (place.lon_deg, place.lat_deg)
}

fn picture(recording: u32, day: i64, x: f64, y: f64) -> Picture {
    let (lon, lat) = place(x, y);
    let content = (x * 1e4) as i64 as u64 ^ ((y * 1e4) as i64 as u64) << 32 ^ u64::from(recording);
    Picture { recording, t_ns: Some(day * DAY), lon, lat, content }
}

/// A window east along the x axis, 0 to 40 m, the anchor at 10 m.
fn path() -> Vec<(f64, f64)> {
    (0..=20).map(|i| place(2.0 * f64::from(i), 0.0)).collect()
}

fn window(path: &[(f64, f64)]) -> Window<'_> {
    Window { recording: 0, t0_ns: Some(100 * DAY), path, anchor: place(10.0, 0.0), heading_deg: 90.0 }
}

fn all_seen(_: usize) -> Result<Overlap> {
    Ok(Overlap { shares: vec![0.5, f64::NAN, 0.7], source: OverlapSource::Footprint })
}

#[test]
fn roles_dates_and_twins() {
    let pictures = vec![
        picture(0, 10, 12.0, 0.5),   // the window's own recording
        picture(1, 100, 12.0, 0.1),  // a planted twin of the same day
        picture(2, 40, 12.0, 3.0),   // the nearest that counts
        picture(2, 40, 8.0, -20.0),  // to the right
        picture(3, 180, 14.0, 20.0), // to the left
        picture(3, 180, 49.0, 4.0),  // beyond the end
        picture(3, 180, 52.0, 4.0),  // farther beyond
        picture(3, 180, 12.0, 90.0), // too far away
        Picture { t_ns: None, ..picture(4, 0, 11.0, 0.0) },
        picture(2, 40, 12.0, 3.0), // the same picture under another name
    ];
    let index = PictureIndex::new(pictures);
    let (config, path) = (ReferencesConfig::default(), path());
    let choice = choose(&index, &window(&path), &config, |_| true, all_seen).expect("chosen");
    let of = |role: Role| choice.chosen.iter().filter(|c| c.role == role).map(|c| c.picture).collect::<Vec<_>>();
    assert_eq!((of(Role::Geometric), of(Role::Lookahead)), (vec![2], vec![5]));
    assert_eq!(of(Role::Semantic).len(), 2);
    assert!(of(Role::Semantic).contains(&3), "{choice:?}");
    let geometric = &choice.chosen[0];
    assert_eq!(geometric.dt_days, Some(60.0));
    assert!((geometric.distance_m - 3.0).abs() < 0.01);
    // Two metres ahead and three to the left.
    assert!((geometric.bearing_deg - 3.0_f64.atan2(2.0).to_degrees()).abs() < 0.2, "{geometric:?}");
    let right = choice.chosen.iter().find(|c| c.picture == 3).expect("chosen");
    assert!(right.bearing_deg < -90.0);
    let ahead = choice.chosen.last().and_then(|c| c.ahead_m).expect("a lookahead");
    assert!((ahead - 9.0).abs() < 0.01, "{ahead}");
}

#[test]
fn why_there_is_none() {
    let path = path();
    let config = ReferencesConfig::default();
    let why = |pictures: Vec<Picture>, allowed: bool, share: f64| {
        let see = |_| Ok(Overlap { shares: vec![share], source: OverlapSource::Depth });
        let index = PictureIndex::new(pictures);
        choose(&index, &window(&path), &config, |_| allowed, see).expect("chosen").why_none.unwrap_or("there is one")
    };
    let good = picture(1, 10, 12.0, 2.0);
    assert!(why(vec![], true, 0.5).contains("max_distance_m"));
    assert!(why(vec![picture(1, 99, 12.0, 2.0)], true, 0.5).contains("min_days"));
    assert!(why(vec![Picture { t_ns: None, ..good }], true, 0.5).contains("min_days"));
    assert!(why(vec![good], false, 0.5).contains("split"));
    assert!(why(vec![good], true, 0.29).contains("min_overlap"));
    assert_eq!(why(vec![good], true, 0.31), "there is one");
}

/// A small generator, so that the test draws the same pictures everywhere.
struct Draw(u64);

impl Draw {
    fn next(&mut self, low: f64, high: f64) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (high - low) * ((self.0 >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

#[test]
fn a_scan_over_all_pictures_chooses_the_same_in_any_order() {
    let mut draw = Draw(7);
    let pictures: Vec<Picture> = (0..400)
        .map(|_| {
            picture(
                draw.next(0.0, 4.0) as u32,
                draw.next(0.0, 200.0) as i64,
                draw.next(-80.0, 120.0),
                draw.next(-80.0, 80.0),
            )
        })
        .collect();
    let path = path();
    let config = ReferencesConfig { count: 4, ..ReferencesConfig::default() };
    let share = |p: &Picture| (p.content % 101) as f64 / 100.0;
    let chosen = |pictures: &[Picture]| {
        let index = PictureIndex::new(pictures.to_vec());
        let see = |i: usize| Ok(Overlap { shares: vec![share(index.picture(i))], source: OverlapSource::Footprint });
        let choice = choose(&index, &window(&path), &config, |_| true, see).expect("chosen");
        choice.chosen.into_iter().map(|c| (*index.picture(c.picture), c.role, c.distance_m)).collect::<Vec<_>>()
    };
    let first = chosen(&pictures);
    assert_eq!(first.len(), 5);
    let mut turned = pictures.clone();
    turned.reverse();
    assert_eq!(first, chosen(&turned));

    // The geometric one by brute force: distance to the straight path, no index.
    let at = |p: &Picture| frame().to_enu(Geodetic::new(p.lon, p.lat, 0.0));
    let distance = |p: &Picture| {
        let q = at(p);
        (q.x - q.x.clamp(0.0, 40.0)).hypot(q.y)
    };
    let fine =
        |p: &&Picture| p.recording != 0 && (p.t_ns.unwrap_or(0) - 100 * DAY).abs() >= 30 * DAY && distance(p) <= 40.0;
    let mut near: Vec<&Picture> = pictures.iter().filter(fine).collect();
    near.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
    let best = near.iter().take(CANDIDATES).find(|p| share(p) >= config.min_overlap).expect("one sees");
    assert_eq!(&first[0].0, *best);
    assert!((first[0].2 - distance(best)).abs() < 1e-3);
    let ahead = near.iter().take(CANDIDATES).filter(|p| at(p).x >= 40.0);
    let to_end = |p: &Picture| (at(p).x - 40.0).hypot(at(p).y);
    let ahead = ahead.min_by(|a, b| to_end(a).total_cmp(&to_end(b))).expect("one lies ahead");
    assert_eq!(&first[4].0, *ahead);
}

#[test]
fn a_footprint_is_whole_from_the_same_place_and_nothing_from_behind() {
    let camera = |model, intrinsics: &[f64]| {
        let (intrinsics, distortion) = (intrinsics.to_vec(), vec![]);
        Camera::new(&CameraIntrinsics { model, width: 640, height: 480, intrinsics, distortion }).expect("a camera")
    };
    let front = camera(CameraModelKind::Pinhole, &[320.0, 320.0, 319.5, 239.5]);
    let panorama = camera(CameraModelKind::Equirectangular, &[]);
    let looking = |x: f64, y: f64, yaw_deg: f64| {
        let rdf = nalgebra::Matrix3::new(0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, -1.0, 0.0);
        Pose::level(Vector3::new(x, y, 1.5), 90.0 - yaw_deg) * Pose::from_rotation_matrix(&rdf, Vector3::zeros())
    };
    let share = |camera: &Camera, pose: Pose| {
        Footprint::new(&directions(&front), &looking(0.0, 0.0, 0.0)).seen_by(&View { camera, pose })
    };
    assert_eq!(share(&front, looking(0.0, 0.0, 0.0)), 1.0);
    assert_eq!(share(&panorama, looking(0.0, 0.0, 77.0)), 1.0);
    assert_eq!(share(&front, looking(0.0, 0.0, 180.0)), 0.0);
    // Half a field of view to the side: half of the columns.
    assert_eq!(share(&front, looking(0.0, 0.0, 45.0)), 0.5);
    // A part of a panorama sees what it shows: 100 degrees ahead all, as many to the left nothing.
    let part = |cx: f64| camera(CameraModelKind::Equirectangular, &[366.7, 366.7, cx, 239.5]);
    assert_eq!(share(&part(319.5), looking(0.0, 0.0, 0.0)), 1.0);
    assert_eq!(share(&part(319.5 + 366.7 * 1.8), looking(0.0, 0.0, 0.0)), 0.0);
    // From beyond it all it sees the other sides only; from farther back it sees less and less.
    assert_eq!(share(&panorama, looking(60.0, 0.0, 0.0)), 0.0);
    let back: Vec<f64> = [0.0, 5.0, 10.0, 20.0, 39.0].iter().map(|d| share(&panorama, looking(-d, 0.0, 0.0))).collect();
    assert!(back.windows(2).all(|w| w[1] <= w[0]) && back[4] == 0.0, "{back:?}");
}
