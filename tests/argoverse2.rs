//! An Argoverse 2 sensor log of Pittsburgh, against numbers from pyarrow, pyproj and shapely.

#![allow(clippy::print_stdout)] // a skipped test says so

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use common::copied;
use geo::{Area, Geometry, MapCoords, Validation};
use nalgebra::Vector3;
use worldloom::build::{BuildOptions, Silent, build, load};
use worldloom::coord::{EnuFrame, Geodetic, Pose, heading_deg};
use worldloom::dataset::Dataset;
use worldloom::error::{ErrorKind, Quarantine};
use worldloom::record::{CameraModelKind, HeightDatum, MapFeature, MapLayer, Modality};
use worldloom::render::lidar_depth;
use worldloom::source::{MapOptions, RecordingOptions, probe, registry};
use worldloom::time::ClockScale;

const LOG: &str = "7fab2350-7eaf-3b7e-a39d-6937a4c1bede";

/// The folder of the log, or a line that says what is skipped.
fn log() -> Option<PathBuf> {
    let folder = std::env::var_os("WORLDLOOM_DATA").map(|d| PathBuf::from(d).join("av2-pit-7fab2350").join(LOG));
    if folder.is_none() {
        println!("skipped: WORLDLOOM_DATA does not name the folder of real data");
    }
    folder
}

fn features(path: &Path, kind: Option<&str>) -> Vec<MapFeature> {
    let options = MapOptions { label: "map".to_string(), license: "NOASSERTION".to_string(), ..MapOptions::default() };
    let map = registry::open_map(path, kind, &options).expect("a map");
    let mut quarantine = Quarantine::new();
    let mut all = Vec::new();
    map.read(None, &mut quarantine, &mut |feature| {
        all.push(feature);
        Ok(())
    })
    .expect("readable");
    assert!(quarantine.is_empty());
    all
}

#[test]
fn poses_lie_and_look_where_pyproj_puts_them() {
    let Some(log) = log() else { return };
    let source = registry::open_recording(&log, None, &RecordingOptions::default()).expect("a log");
    let mut quarantine = Quarantine::new();
    let recordings = source.read(&mut quarantine).expect("readable");
    assert!(quarantine.is_empty());
    let [recording] = &recordings[..] else { panic!("one recording") };
    assert_eq!((recording.name.as_str(), recording.kind), (LOG, "argoverse2"));
    assert_eq!(recording.height_datum, HeightDatum::None);
    assert!(!recording.clocks.is_empty() && recording.clocks.iter().all(|c| c.scale == ClockScale::Unknown));
    assert_eq!(recording.poses.len(), 2706);
    // pyproj 3.7: EPSG:32617 with the city's origin added; heading in the grid plus meridian convergence.
    for (i, t_ns, lon, lat, height_m, heading) in [
        (
            0,
            315_966_253_572_412_942,
            -79.951_621_673_852_9,
            40.463_032_483_276_09,
            66.929_798_465_824_36,
            118.602_842_567_3,
        ),
        (
            2705,
            315_966_269_522_412_942,
            -79.950_875_813_385_57,
            40.462_738_865_952_76,
            69.272_295_339_080_36,
            56.018_781_557_7,
        ),
    ] {
        let pose = &recording.poses[i];
        assert!((pose.t.expect("timed").ns() - t_ns).abs() < 100);
        let place = pose.place;
        assert!((place.lon_deg - lon).abs() < 1e-9 && (place.lat_deg - lat).abs() < 1e-9, "{place:?}");
        assert_eq!(place.height_m, height_m);
        let forward = pose.rotation * nalgebra::Vector3::x();
        assert!((heading_deg(forward.x, forward.y) - heading).abs() < 1e-6);
    }
}

#[test]
fn sweeps_are_mounted_at_the_ego_frame_and_cameras_as_calibrated() {
    let Some(log) = log() else { return };
    let source = registry::open_recording(&log, Some("argoverse2"), &RecordingOptions::default()).expect("a log");
    let recording = source.read(&mut Quarantine::new()).expect("readable").remove(0);
    let frames: Vec<_> = recording.frames.iter().map(|f| (f.channel.as_str(), f.modality, f.points)).collect();
    assert_eq!(frames, [("lidar", Modality::Lidar, Some(99_229)), ("lidar", Modality::Lidar, Some(99_466))]);
    assert_eq!(recording.frames[1].t.expect("timed").ns(), 315_966_265_360_032_000);
    assert_eq!(recording.frames[0].source.path.as_ref(), "sensors/lidar/315966265259836000.feather");
    assert_eq!(recording.sensor("lidar").expect("there").ego_se3_sensor, Some(Pose::identity()));
    assert_eq!(recording.sensors.len(), 10);
    let front = recording.sensor("ring_front_center").expect("there");
    let camera = front.camera.as_ref().expect("calibrated");
    assert_eq!((camera.model, camera.width, camera.height), (CameraModelKind::Pinhole, 1550, 2048));
    assert_eq!(camera.intrinsics[0], 1_776.041_484_345_5);
    assert!(camera.distortion.is_empty());
    // The camera looks along the car.
    let mount = front.ego_se3_sensor.expect("mounted");
    assert!((mount.rotation * nalgebra::Vector3::z()).x > 0.999);
    let bytes = source.media(&recording.frames[0]).expect("readable");
    assert_eq!(bytes.len() as u64, recording.frames[0].size);
    let files: Vec<_> = source.files().iter().map(|f| f.relative.as_str()).collect();
    assert_eq!(files.len(), 7, "{files:?}");
    assert!(files.is_sorted());
}

#[test]
fn the_folder_above_holds_the_same_log() {
    let Some(log) = log() else { return };
    let above = log.parent().expect("has one");
    let source = registry::open_recording(above, None, &RecordingOptions::default()).expect("logs");
    let recording = source.read(&mut Quarantine::new()).expect("readable").remove(0);
    assert_eq!(recording.name, LOG);
    assert_eq!(recording.frames[0].source.path.as_ref(), format!("{LOG}/sensors/lidar/315966265259836000.feather"));
}

#[test]
fn a_log_without_its_map_says_why_it_needs_it() {
    let Some(log) = log() else { return };
    let copy = tempfile::tempdir().expect("a folder");
    fs::copy(log.join("city_SE3_egovehicle.feather"), copy.path().join("city_SE3_egovehicle.feather")).expect("copied");
    let error = registry::open_recording(copy.path(), None, &RecordingOptions::default()).err().expect("refused");
    assert!(matches!(error.kind(), ErrorKind::NotFound));
    assert!(error.hint().expect("a hint").contains("city"));
    // With the map but nothing else it is a recording of poses.
    fs::create_dir(copy.path().join("map")).expect("created");
    fs::write(copy.path().join("map/log_map_archive_x____PIT_city_47896.json"), "{}").expect("written");
    let source = registry::open_recording(copy.path(), None, &RecordingOptions::default()).expect("opens");
    let mut quarantine = Quarantine::new();
    let recording = source.read(&mut quarantine).expect("reads").remove(0);
    assert_eq!((recording.poses.len(), recording.frames.len(), quarantine.total()), (2706, 0, 1));
}

#[test]
fn the_map_has_every_lane_area_and_crossing_of_the_file() {
    let Some(log) = log() else { return };
    let all = features(&log.join("map"), None);
    assert_eq!(all, features(&log, Some("argoverse2")));
    let mut counts: BTreeMap<MapLayer, usize> = BTreeMap::new();
    for feature in &all {
        *counts.entry(feature.layer).or_default() += 1;
        assert!(feature.geometry.is_valid(), "{}", feature.id);
        assert_eq!(feature.layer.is_area(), matches!(feature.geometry, Geometry::Polygon(_)));
    }
    assert_eq!((counts[&MapLayer::Lane], counts[&MapLayer::Road]), (183, 183));
    assert_eq!((counts[&MapLayer::Drivable], counts[&MapLayer::Crossing]), (13, 11));
    // 86 painted boundaries in the file, some of them named by both of their lanes.
    let dividers: Vec<_> = all.iter().filter(|f| f.layer == MapLayer::LaneDivider).collect();
    assert!((50..=86).contains(&dividers.len()), "{}", dividers.len());
    assert!(dividers.iter().any(|d| d.attributes.marking.as_deref() == Some("yellow_solid")));
    let mut ids: Vec<_> = all.iter().map(|f| (f.layer, &f.id)).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all.len());
}

#[test]
fn drivable_areas_are_as_large_as_shapely_says() {
    let Some(log) = log() else { return };
    let frame = EnuFrame::new(Geodetic::new(-79.951_2, 40.462_9, 0.0));
    let mut area_m2 = 0.0;
    for feature in features(&log.join("map"), None) {
        if feature.layer == MapLayer::Drivable {
            let metres = feature.geometry.map_coords(|c| {
                let p = frame.to_enu(Geodetic::new(c.x, c.y, 0.0));
                geo::Coord { x: p.x, y: p.y }
            });
            area_m2 += metres.unsigned_area();
        }
    }
    // shapely in the city frame: 26293.64 m2; the ground is larger by the square of the grid's scale there, 0.99969.
    let expected = 26_293.64 / (0.999_69 * 0.999_69);
    assert!((area_m2 / expected - 1.0).abs() < 1e-4, "{area_m2} is not {expected}");
}

#[test]
fn a_broken_object_is_quarantined_and_the_rest_is_read() {
    let Some(log) = log() else { return };
    let name = fs::read_dir(log.join("map")).expect("there").flatten().map(|e| e.path());
    let file = name
        .into_iter()
        .find(|p| p.extension().is_some_and(|e| e == "json") && p.to_string_lossy().contains("archive"));
    let text = fs::read_to_string(file.expect("there")).expect("readable");
    let mut json: serde_json::Value = serde_json::from_str(&text).expect("valid");
    json["lane_segments"]["38109167"]["left_lane_boundary"] = serde_json::json!([{"x": 1.0, "y": 2.0}]);
    json["drivable_areas"]["1225617"] = serde_json::json!({"id": "?"});
    // A bow tie becomes two triangles.
    json["drivable_areas"]["1225544"]["area_boundary"] =
        serde_json::json!([{"x": 0, "y": 0}, {"x": 9, "y": 9}, {"x": 9, "y": 0}, {"x": 0, "y": 9}]);
    let copy = tempfile::tempdir().expect("a folder");
    let path = copy.path().join("log_map_archive_x____PIT_city_47896.json");
    fs::write(&path, json.to_string()).expect("written");
    let map = registry::open_map(&path, None, &MapOptions::default()).expect("opens");
    let mut quarantine = Quarantine::new();
    let mut ids = Vec::new();
    map.read(None, &mut quarantine, &mut |feature| {
        assert!(feature.geometry.is_valid());
        ids.push(feature.id);
        Ok(())
    })
    .expect("reads");
    assert_eq!(quarantine.total(), 2);
    assert!(ids.contains(&"drivable/1225544/1".to_string()) && !ids.contains(&"lane/38109167".to_string()));
    fs::write(&path, &text[..text.len() / 2]).expect("written");
    let error = map.read(None, &mut quarantine, &mut |_| Ok(())).expect_err("cut short");
    assert!(error.location().expect("a place").line.is_some());
}

#[test]
fn probing_says_what_a_log_holds() {
    let Some(log) = log() else { return };
    let found = probe(&log).expect("a log");
    assert_eq!((found.kind.as_str(), found.counts["poses"], found.counts["lidar/lidar"]), ("argoverse2", 2706, 2));
    assert_eq!((found.counts["points"], found.counts["boxes"]), (198_695, 11_364));
    assert!(found.notes[0].contains("PIT") && found.times.is_none());
    let [west, south, east, north] = found.extent.expect("places");
    assert!(west < -79.9516 && east > -79.9509 && south < 40.46275 && north > 40.46303);
    let map = probe(&log.join("map")).expect("a map");
    assert_eq!((map.counts["lane"], map.counts["drivable"]), (183, 13));
}

#[test]
fn a_log_that_cannot_be_read_does_not_cost_those_beside_it() {
    let Some(log) = log() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["good", "bad"] {
        let copy = folder.path().join(name);
        fs::create_dir_all(copy.join("map")).expect("a folder");
        for entry in fs::read_dir(log.join("map")).expect("a folder") {
            let from = entry.expect("an entry").path();
            fs::copy(&from, copy.join("map").join(from.file_name().expect("a name"))).expect("copied");
        }
        fs::copy(log.join("city_SE3_egovehicle.feather"), copy.join("city_SE3_egovehicle.feather")).expect("copied");
    }
    fs::write(folder.path().join("bad/city_SE3_egovehicle.feather"), b"ARROW1 no more").expect("written");
    let read = |path: &Path, quarantine: &mut Quarantine| {
        let options = RecordingOptions::default();
        registry::open_recording(path, Some("argoverse2"), &options).and_then(|source| source.read(quarantine))
    };
    let mut quarantine = Quarantine::new();
    let recordings = read(folder.path(), &mut quarantine).expect("one is good");
    assert_eq!(recordings.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["good"]);
    assert!(quarantine.iter().any(|(file, reason, _)| file.contains("bad") && reason.contains("left out")));
    assert!(read(&folder.path().join("bad"), &mut Quarantine::new()).is_err());
}

#[test]
fn depth_from_lidar_is_without_what_moves() {
    let Some(log) = log() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join(LOG);
    copied(&log, &copy);
    // The data at hand are without pictures.
    let pictures = copy.join("sensors/cameras/ring_front_center");
    fs::create_dir_all(&pictures).expect("writable");
    image::RgbImage::from_pixel(1550, 2048, image::Rgb([90; 3]))
        .save(pictures.join("315966265259836000.jpg"))
        .expect("written");
    let config = folder.path().join("build.toml");
    let text = format!(
        "[dataset]\nname = \"m\"\nlicense = \"CC0-1.0\"\n[[recording]]\npath = \"{LOG}\"\nlicense = \"CC0-1.0\"\n"
    );
    fs::write(&config, text).expect("written");
    let options = BuildOptions { out: folder.path().join("out"), threads: 0, overwrite: false, units: None };
    build(&load(&config, &[]).expect("a config"), &options, &Silent, &AtomicBool::new(false)).expect("built");
    let dataset = Dataset::open(&options.out).expect("a data set");

    let picture = dataset.frame(&format!("{LOG}/ring_front_center/315966265259836000")).expect("there");
    let posed = dataset.posed(&picture).expect("read").expect("calibrated");
    let (mut still, mut all, mut marked) = (Vec::new(), Vec::new(), 0);
    for (_, row) in dataset.sweep_rows(LOG).expect("read") {
        let sweep = dataset.frame_at(*row).expect("read");
        let [x, y, z, q @ ..] = sweep.pose.expect("placed");
        let place = posed.world_se3_camera.inverse() * Pose::from_wxyz([x, y, z], q).expect("a pose");
        let cloud = dataset.points(&sweep).expect("read");
        let moves = dataset.sweep_mask(&sweep, cloud.xyz.len()).expect("read").expect("something moves");
        assert!(dataset.sweep_mask(&sweep, cloud.xyz.len() + 1).is_err());
        for (point, moves) in cloud.xyz.iter().zip(&moves) {
            let point = place.apply(Vector3::from(cloud.origin) + Vector3::from(point.map(f64::from)));
            all.push(point);
            marked += usize::from(*moves != 0);
            still.extend((*moves == 0).then_some(point));
        }
    }
    assert!(marked > 1000, "{marked}");
    let depth = dataset.picture_depth(&picture).expect("read").expect("LiDAR").depth;
    let same = |a: &ndarray::Array2<f32>, b: &ndarray::Array2<f32>| {
        a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
    };
    assert!(same(&depth, &lidar_depth(&posed.camera, still)));
    assert!(!same(&depth, &lidar_depth(&posed.camera, all)));
}
