//! A scene written in the test, damaged ones, and the real one of `WORLDLOOM_DATA`.

use nalgebra::UnitQuaternion;
use proptest::prelude::*;

use super::*;
use crate::coord::Camera;

fn read(path: &Path) -> (Result<Vec<Recording>>, Quarantine) {
    let mut quarantine = Quarantine::new();
    let recordings = open(path, &RecordingOptions::default()).and_then(|source| source.read(&mut quarantine));
    (recordings, quarantine)
}

#[test]
fn the_real_scene_agrees_with_scipy_and_pyproj() {
    let Some(root) = std::env::var_os("WORLDLOOM_DATA") else {
        eprintln!("skipped: WORLDLOOM_DATA is not set");
        return;
    };
    let path = Path::new(&root).join("berlin-mitte/opensfm/reconstruction_example.json");
    assert!(detect(&path) && detect(&Path::new(&root).join("berlin-mitte")));
    let (recordings, quarantine) = read(&path);
    let recordings = recordings.expect("reads");
    assert!(quarantine.is_empty(), "{quarantine:?}");
    let [scene] = recordings.as_slice() else { panic!("one scene") };
    assert_eq!((scene.name.as_str(), scene.poses.len(), scene.frames.len()), ("berlin-mitte", 3, 3));
    // scipy's Rotation and pyproj: centre and heading of the optical axis of 01.jpg.
    let (first, tag) = (&scene.frames[0], scene.frames[0].geotag.expect("placed"));
    assert_eq!((first.stem.as_str(), first.t), ("01", scene.poses[0].t));
    assert!((tag.place.lon_deg - 13.400_333_543_272_577).abs() < 1e-11);
    assert!((tag.place.lat_deg - 52.518_921_826_035_616).abs() < 1e-11);
    assert!((tag.place.height_m - 31.040_240_035).abs() < 1e-6);
    assert!((tag.heading_deg.expect("a heading") - 34.401_460_313_747_86).abs() < 1e-4, "{tag:?}");
    // Point 773 of the reconstruction in the picture, by OpenSfM's own formula.
    let camera = scene.sensor("camera").expect("there");
    let model = Camera::new(camera.camera.as_ref().expect("calibrated")).expect("valid");
    let frame = EnuFrame::new(scene.origin.expect("an origin"));
    let pose = frame.pose_from_local(scene.poses[0].place, scene.poses[0].rotation);
    let point = Vector3::new(14.828_939_600_114_524, 16.666_448_678_237_69, 37.397_706_830_097_81);
    let seen = (pose * camera.ego_se3_sensor.expect("mounted")).inverse().apply(point);
    let rotation =
        UnitQuaternion::from_scaled_axis(Vector3::new(1.1323397182808774, -0.3410235387889708, 0.5435850271169043));
    let expected = rotation * point + Vector3::new(-0.6318451938985004, 30.665443901104613, -7.233603145207031);
    assert!((seen - expected).norm() < 1e-6, "{seen} {expected}");
    let (x, y) = (expected.x / expected.z, expected.y / expected.z);
    let r2 = x * x + y * y;
    let factor = 0.8696658484855359 * (1.0 + 0.08851464962037196 * r2 - 0.2324428377906099 * r2 * r2) * 3264.0;
    let (u, v) = model.project(seen).expect("in front");
    assert!((u - (factor * x + 1631.5)).abs() < 1e-6 && (v - (factor * y + 1223.5)).abs() < 1e-6);
}

const SCENE: &str = r#"[{"cameras": {"a b": {"projection_type": "spherical", "width": 512, "height": 256}},
    "rig_cameras": {"left": {"rotation": [0, 0, 0], "translation": [0, 0, 0]}, "right": {"rotation": [0, 0, 0], "translation": [-1, 0, 0]}},
    "rig_instances": {"0": {"rotation": [1.5707963267948966, 0, 0], "translation": [0, 0, 0], "rig_camera_ids": {"l0.png": "left", "r0.png": "right"}}},
    "shots": {"l0.png": {"rotation": [1.5707963267948966, 0, 0], "translation": [0, 0, 0], "camera": "a b", "capture_time": 1500000000.5},
        "r0.png": {"rotation": [1.5707963267948966, 0, 0], "translation": [-1, 0, 0], "camera": "a b", "capture_time": 1500000000.5}},
    "reference_lla": {"latitude": 52, "longitude": 13, "altitude": 30}}]"#;

fn scene(folder: &Path, text: &str) {
    std::fs::create_dir_all(folder.join("images")).expect("made");
    std::fs::write(folder.join(NAME), text).expect("written");
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(512, 256).write_to(&mut png, image::ImageFormat::Png).expect("encoded");
    for name in ["l0.png", "r0.png", "unposed.png"] {
        std::fs::write(folder.join("images").join(name), png.get_ref()).expect("written");
    }
}

#[test]
fn cameras_of_a_rig_are_channels_on_one_ego() {
    let folder = tempfile::tempdir().expect("a folder");
    scene(folder.path(), SCENE);
    let (recordings, quarantine) = read(folder.path());
    let recordings = recordings.expect("reads");
    assert!(quarantine.is_empty(), "{quarantine:?}");
    let scene = &recordings[0];
    assert_eq!((scene.poses.len(), scene.frames.len(), scene.sensors.len()), (1, 2, 2));
    // A camera that looks north: the world's north is its z axis.
    let forward = scene.poses[0].rotation * Vector3::x();
    assert!((forward - Vector3::y()).norm() < 1e-9, "{forward}");
    let right = scene.sensor("right").and_then(|s| s.ego_se3_sensor).expect("mounted");
    assert!((right.translation - Vector3::new(0.0, -1.0, 0.0)).norm() < 1e-9, "a metre to the right: {right:?}");
    let probe = open(folder.path(), &RecordingOptions::default()).and_then(|s| s.probe()).expect("probes");
    assert!(probe.notes.iter().any(|note| note.contains("no pose")), "{:?}", probe.notes);
}

#[test]
fn without_times_the_pictures_keep_their_places_and_lost_ones_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    scene(folder.path(), &SCENE.replace("1500000000.5", "0"));
    std::fs::remove_file(folder.path().join("images/l0.png")).expect("removed");
    let (recordings, quarantine) = read(folder.path());
    let recordings = recordings.expect("reads");
    assert_eq!((recordings[0].poses.len(), recordings[0].frames.len(), quarantine.total()), (0, 1, 1));
    let tag = recordings[0].frames[0].geotag.expect("placed");
    assert!((EnuFrame::new(Geodetic::new(13.0, 52.0, 30.0)).to_enu(tag.place) - Vector3::x()).norm() < 1e-6);
    // No mount hides how each picture looks itself.
    assert!(recordings[0].sensors.iter().all(|s| s.ego_se3_sensor.is_none()));
    let tilt = tag.tilt.expect("known");
    assert!(tag.heading_sigma_deg.is_some() && tilt.pitch_deg.abs() < 1e-4 && tilt.roll_deg.abs() < 1e-4, "{tilt:?}");
    scene(folder.path(), &SCENE.replace("\"reference_lla\"", "\"other\""));
    assert!(read(folder.path()).0.expect_err("no place").hint().is_some_and(|hint| hint.contains("reference_lla")));
}

#[test]
fn a_rotation_in_degrees_costs_its_pictures_and_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let right = r#""right": {"rotation": [0, 0, 0]"#;
    scene(folder.path(), &SCENE.replace(right, r#""right": {"rotation": [0, 90, 0]"#));
    let (recordings, quarantine) = read(folder.path());
    assert_eq!(recordings.expect("the other camera").iter().map(|r| r.frames.len()).sum::<usize>(), 1);
    let lines: Vec<_> = quarantine.iter().map(|(file, reason, _)| (file.to_string(), reason.to_string())).collect();
    assert!(lines.iter().any(|(file, reason)| file.ends_with(NAME) && reason.contains("`r0.png`")), "{lines:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn damaged_scenes_never_panic(at in 0_usize..SCENE.len(), byte in 32_u8..127, cut in 0_usize..SCENE.len()) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut text = SCENE.as_bytes().to_vec();
        text[at] = byte;
        text.truncate(SCENE.len().saturating_sub(if cut < 200 { cut } else { 0 }));
        std::fs::create_dir_all(folder.path().join("images")).expect("made");
        std::fs::write(folder.path().join(NAME), text).expect("written");
        let _ = read(folder.path());
    }
}
