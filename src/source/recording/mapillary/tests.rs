//! Folders of entities and pictures, written here.

use std::fs;

use nalgebra::Vector3;
use serde_json::json;

use super::*;
use crate::coord::heading_deg;

/// 2023-05-01T00:00:00Z.
const MAY_MS: i64 = 1_682_899_200_000;

fn picture(folder: &Path, name: &str, width: u32, height: u32) {
    image::RgbImage::from_pixel(width, height, image::Rgb([90, 120, 150])).save(folder.join(name)).expect("writable");
}

/// A picture of a drive northwards along 13.4° E that looks north, level, every 5 m and second.
fn northwards(i: i64) -> Value {
    json!({
        "id": format!("{}", 1000 + i), "sequence": "walk", "captured_at": MAY_MS + 1000 * i,
        "geometry": {"type": "Point", "coordinates": [13.400_02, 52.5 + i as f64 * 4.5e-5]},
        "computed_geometry": {"type": "Point", "coordinates": [13.4, 52.5 + i as f64 * 4.5e-5]},
        "altitude": 40.0, "computed_altitude": 38.5, "compass_angle": 4.0, "computed_compass_angle": 0.5,
        "computed_rotation": [std::f64::consts::FRAC_PI_2, 0.0, 0.0],
        "camera_type": "perspective", "camera_parameters": [0.8, -0.05, 0.01], "is_pano": false,
        "width": 640, "height": 480, "make": "Acme", "model": "One", "exif_orientation": 1,
    })
}

fn with(mut entity: Value, changes: Value) -> Value {
    let object = entity.as_object_mut().expect("an object");
    for (key, value) in changes.as_object().expect("an object") {
        match value.is_null() {
            true => object.remove(key),
            false => object.insert(key.clone(), value.clone()),
        };
    }
    entity
}

fn read(folder: &Path) -> (Vec<Recording>, Vec<String>) {
    let mut quarantine = Quarantine::new();
    let source = open(folder, &RecordingOptions { license: "CC-BY-SA-4.0".into(), ..Default::default() });
    let recordings = source.and_then(|s| s.read(&mut quarantine)).expect("something to read");
    let lines = quarantine.iter().map(|(_, reason, refused)| format!("{reason} × {}", refused.count)).collect();
    (recordings, lines)
}

/// A folder of entities in one list, with a small picture each.
fn folder_of(entities: &[Value]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("images.json"), json!({"data": entities}).to_string()).expect("writable");
    for entity in entities {
        let id = entity["id"].as_str().expect("an id");
        picture(folder.path(), &format!("{id}.jpg"), 320, 240);
    }
    folder
}

#[test]
fn a_sequence_is_a_recording_with_poses_and_intrinsics_of_the_pictures_at_hand() {
    let entities: Vec<Value> = (0..5).map(northwards).collect();
    let folder = folder_of(&entities);
    assert!(detect(folder.path()));
    let (recordings, refused) = read(folder.path());
    assert_eq!((recordings.len(), refused.as_slice()), (1, &[][..]));
    let walk = &recordings[0];
    assert_eq!((walk.name.as_str(), walk.kind, walk.license.as_str()), ("walk", "mapillary", "CC-BY-SA-4.0"));
    assert_eq!((walk.poses.len(), walk.frames.len(), walk.height_datum), (5, 5, HeightDatum::Orthometric));
    for pose in &walk.poses {
        let forward = pose.rotation * Vector3::x();
        assert!((forward - Vector3::y()).norm() < 1e-12, "it looks north: {forward}");
        assert!((pose.rotation * Vector3::z() - Vector3::z()).norm() < 1e-12);
        assert_eq!((pose.place.lon_deg, pose.place.height_m), (13.4, 38.5));
    }
    // 0.8 of the longer side; the pictures are half as large as the entity says.
    let camera = walk.sensors[0].camera.as_ref().expect("calibrated");
    assert_eq!((camera.model, camera.width, camera.height), (CameraModelKind::Pinhole, 320, 240));
    assert_eq!(camera.intrinsics, [256.0, 256.0, 159.5, 119.5]);
    assert_eq!(camera.distortion, [-0.05, 0.01, 0.0, 0.0]);
    let tag = walk.frames[1].geotag.expect("a place");
    assert!(tag.heading_deg.expect("a heading").abs() < 1e-9);
    assert_eq!(walk.frames[1].t.map(Timestamp::ns), Some((MAY_MS + 1000) * 1_000_000));
    let probe = open(folder.path(), &RecordingOptions::default()).and_then(|s| s.probe()).expect("probes");
    assert_eq!((probe.kind.as_str(), probe.counts["images/camera"], probe.counts["poses"]), ("mapillary", 5, 5));
}

#[test]
fn raw_places_and_the_compass_stand_in_where_nothing_was_computed() {
    let bare = json!({"computed_geometry": null, "computed_rotation": null, "computed_compass_angle": null,
        "camera_parameters": null, "computed_altitude": null, "altitude": null});
    let entities: Vec<Value> = (0..3).map(|i| with(northwards(i), bare.clone())).collect();
    let folder = folder_of(&entities);
    let (recordings, refused) = read(folder.path());
    let walk = &recordings[0];
    assert!(refused.is_empty() && walk.poses.is_empty());
    assert_eq!((walk.height_datum, walk.sensors[0].ego_se3_sensor), (HeightDatum::None, None));
    assert!(walk.sensors[0].camera.is_none());
    let tag = walk.frames[0].geotag.expect("a place");
    assert_eq!((tag.place.lon_deg, tag.heading_deg, tag.has_height), (13.400_02, Some(4.0), false));
}

#[test]
fn fisheyes_and_panoramas_are_cameras_and_others_are_said() {
    let kind = |i: i64, changes: Value| with(northwards(i), changes);
    let sphere = json!({"sequence": "sphere", "camera_type": "spherical", "camera_parameters": [], "is_pano": true,
        "width": 5760, "height": 2880});
    let fisheye = json!({"sequence": "fish", "camera_type": "fisheye", "camera_parameters": [0.5, 0.02, -0.01]});
    let odd = json!({"sequence": "odd", "camera_type": "brown", "camera_parameters": [0.5, 0.5, 0, 0, 0, 0, 0]});
    let entities = [kind(0, sphere.clone()), kind(1, sphere), kind(2, fisheye.clone()), kind(3, fisheye), kind(4, odd)];
    let folder = folder_of(&entities);
    for id in [1000, 1001] {
        picture(folder.path(), &format!("{id}.jpg"), 200, 100);
    }
    let (recordings, refused) = read(folder.path());
    assert!(refused.is_empty(), "{refused:?}");
    let by_name =
        |name: &str| recordings.iter().find(|r| r.name == name).expect("a sequence").sensors[0].camera.clone();
    assert_eq!(by_name("sphere").map(|c| (c.model, c.width)), Some((CameraModelKind::Equirectangular, 200)));
    let fish = by_name("fish").expect("a camera");
    assert_eq!((fish.model, fish.distortion), (CameraModelKind::KannalaBrandt, vec![0.02, -0.01, 0.0, 0.0]));
    assert_eq!(by_name("odd"), None);
    let probe = open(folder.path(), &RecordingOptions::default()).and_then(|s| s.probe()).expect("probes");
    assert!(probe.notes.iter().any(|n| n.contains("without intrinsics") && n.contains("brown")), "{:?}", probe.notes);
}

#[test]
fn a_camera_held_upright_looks_the_same_way_served_upright_or_as_stored() {
    // EXIF 6: the pixels' left is the scene's up. World to sensor, row by row: right is down, down is
    // west, forward is north.
    let world_to_raw =
        UnitQuaternion::from_matrix(&nalgebra::Matrix3::new(0.0, 0.0, -1.0, -1.0, 0.0, 0.0, 0.0, 1.0, 0.0));
    let axis = world_to_raw.scaled_axis();
    let turned = |i| with(northwards(i), json!({"computed_rotation": axis.as_slice(), "exif_orientation": 6}));
    let folder = folder_of(&[turned(0), turned(1)]);
    for id in [1000, 1001] {
        picture(folder.path(), &format!("{id}.jpg"), 240, 320);
    }
    let (recordings, refused) = read(folder.path());
    assert!(refused.is_empty(), "{refused:?}");
    let walk = &recordings[0];
    assert_eq!(walk.frames[0].orientation, 1, "served upright");
    let camera = walk.sensors[0].camera.as_ref().expect("calibrated");
    assert_eq!((camera.width, camera.height, camera.intrinsics[0]), (240, 320, 256.0));
    let pose = walk.poses[0].rotation;
    assert!((pose * Vector3::x() - Vector3::y()).norm() < 1e-9 && (pose * Vector3::z() - Vector3::z()).norm() < 1e-9);
    // As the sensor gave them: the pixels lie on their side, and the frame says so.
    for id in [1000, 1001] {
        picture(folder.path(), &format!("{id}.jpg"), 320, 240);
    }
    let (recordings, _) = read(folder.path());
    assert_eq!(recordings[0].frames[0].orientation, 6);
    assert!((recordings[0].poses[0].rotation * Vector3::x() - Vector3::y()).norm() < 1e-9);
}

#[test]
fn what_cannot_be_used_is_told_with_place_and_count_and_the_rest_is_read() {
    let mut entities: Vec<Value> = (0..9).map(northwards).collect();
    entities[8] = with(entities[8].clone(), json!({"computed_rotation": [1e300, 0, 0]}));
    entities[1] = with(entities[1].clone(), json!({"captured_at": 0}));
    entities[2] = with(entities[2].clone(), json!({"captured_at": 1_682_899_202}));
    entities[3] = with(entities[3].clone(), json!({"geometry": null, "computed_geometry": {"coordinates": [500, 0]}}));
    entities[4] = with(entities[4].clone(), json!({"compass_angle": "north", "computed_rotation": [0, 90, 0]}));
    entities[5] = with(entities[5].clone(), json!({"id": null}));
    entities[6] = with(entities[6].clone(), json!({"captured_at": null}));
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    fs::create_dir(root.join("pictures")).expect("writable");
    fs::write(root.join("a.json"), serde_json::to_string(&entities).expect("JSON")).expect("writable");
    fs::write(root.join("b.json"), "{\"id\": \"7\", ").expect("writable");
    // A page that overlaps, one a line; a line is cut short.
    let lines = format!("{}\n{}\n{{\"id\":\n", entities[0], northwards(9));
    fs::write(root.join("c.jsonl"), lines).expect("writable");
    for i in [0, 1, 2, 3, 4, 5, 6, 8] {
        picture(&root.join("pictures"), &format!("{}.jpg", 1000 + i), 320, 240);
    }
    picture(&root.join("pictures"), "1009.jpg", 300, 300);
    picture(&root.join("pictures"), "9999.jpg", 8, 8);
    let (recordings, refused) = read(root);
    assert_eq!(recordings[0].frames.len(), 6);
    let told = |what: &str, count: u64| {
        assert!(refused.iter().any(|l| l.contains(what) && l.ends_with(&format!("× {count}"))), "{what}: {refused:?}");
    };
    told("`captured_at` is no date from 1980 to 2099", 2);
    told("`computed_geometry` is no place on Earth", 1);
    told("`compass_angle` is no number", 1);
    told("`computed_rotation` is no rotation in radians", 2);
    told("it has no `id`", 1);
    told("no usable `geometry`", 1);
    told("its picture is not there", 1);
    told("its sides are not", 1);
    told("not valid JSON", 1);
    let probe = open(root, &RecordingOptions::default()).and_then(|s| s.probe()).expect("probes");
    let noted = |what: &str| assert!(probe.notes.iter().any(|n| n.contains(what)), "{what}: {:?}", probe.notes);
    noted("pictures without an entity are left out");
    noted("entities that come again");
    noted("pictures without a date (3 times)");
}

#[test]
fn pictures_of_one_second_are_spread_over_it() {
    let same = |i: i64| with(northwards(i), json!({"captured_at": MAY_MS + 1000 * (i / 4)}));
    let folder = folder_of(&(0..8).map(same).collect::<Vec<_>>());
    let (recordings, refused) = read(folder.path());
    assert!(refused.is_empty(), "{refused:?}");
    let times: Vec<i64> =
        recordings[0].frames.iter().filter_map(|f| f.t).map(|t| t.ns() / 1_000_000 - MAY_MS).collect();
    assert_eq!(times, [0, 250, 500, 750, 1000, 1250, 1500, 1750]);
    assert_eq!(recordings[0].poses.len(), 8);
}

#[test]
fn a_folder_without_anything_usable_is_an_error_that_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let fails = || {
        let source = open(folder.path(), &RecordingOptions::default());
        source.and_then(|s| s.read(&mut Quarantine::new())).expect_err("nothing there")
    };
    assert!(fails().to_string().contains("no JSON file"));
    fs::write(folder.path().join("a.json"), json!([northwards(0)]).to_string()).expect("writable");
    assert!(fails().hint().is_some_and(|h| h.contains("its picture is not there")));
    assert!(!detect(&folder.path().join("nowhere")));
}

#[test]
fn headings_are_clockwise_from_north() {
    // Looking east, level: world to camera has right = south, down = down, forward = east.
    let east = UnitQuaternion::from_matrix(&nalgebra::Matrix3::new(0.0, -1.0, 0.0, 0.0, 0.0, -1.0, 1.0, 0.0, 0.0));
    let turned = |i| with(northwards(i), json!({"computed_rotation": east.scaled_axis().as_slice()}));
    let folder = folder_of(&[turned(0), turned(1)]);
    let (recordings, _) = read(folder.path());
    let heading = recordings[0].frames[0].geotag.and_then(|g| g.heading_deg).expect("a heading");
    let forward = recordings[0].poses[0].rotation * Vector3::x();
    assert!((heading - 90.0).abs() < 1e-9 && (heading_deg(forward.x, forward.y) - 90.0).abs() < 1e-9);
}

mod any {
    use proptest::prelude::*;

    use super::super::{Entity, values};

    proptest! {
        #[test]
        fn bytes_and_mutated_entities_never_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            cut in 0_usize..400, at in 0_usize..400, byte in any::<u8>(),
        ) {
            let mut text = super::northwards(0).to_string().into_bytes();
            text.truncate(cut);
            if let Some(b) = text.get_mut(at) {
                *b = byte;
            }
            for data in [bytes, text] {
                for value in values(&data).0 {
                    let _ = Entity::parse(&value);
                }
            }
        }
    }
}
