//! Photo collections: pictures minutes apart are one sequence, and a lone picture is street view of its place.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use common::square::{DAY_NS, Drive, NOON_NS, ORIGIN, front, make, make_with, write};
use nalgebra::{UnitQuaternion, Vector3};
use worldloom::coord::{EnuFrame, Pose};
use worldloom::dataset::Dataset;
use worldloom::dataset::rows::FrameRow;
use worldloom::dataset::validate::{Watch, validate};
use worldloom::record::Tilt;

const CONFIG: &str = r#"
[dataset]
name = "photos"
license = "CC-BY-SA-4.0"
[[recording]]
path = "drives/*"
license = "CC0-1.0"
use = "target"
[[recording]]
path = "photos"
license = "CC-BY-SA-4.0"
[recording.sample]
axis = "distance"
past_m = 0.0
future_m = 40.0
step_m = 20.0
stride_m = 20.0
[sample]
past_s = 1.0
future_s = 2.0
rate_hz = 2.0
stride_s = 1.0
[sample.references]
count = 1
min_days = 30
min_overlap = 0.1
lookahead = false
[split]
method = "none"
"#;

/// Photos of an API: sequence, seconds after noon of another year, metres east and north, compass. The last one was found
/// by structure from motion to look up by 10° and to be rolled by 5°, whatever its compass says.
fn photos(folder: &Path, taken: &[(&str, i64, f64, f64, Option<f64>)]) {
    fs::create_dir_all(folder).expect("writable");
    let frame = EnuFrame::new(ORIGIN);
    let mut entities = Vec::new();
    for (number, (sequence, s, east, north, compass)) in taken.iter().enumerate() {
        let id = format!("{}", 1000 + number);
        let picture = image::RgbImage::from_fn(320, 180, |x, y| image::Rgb([x as u8, y as u8, number as u8]));
        picture.save(folder.join(format!("{id}.jpg"))).expect("writable");
        let place = frame.to_geodetic(Vector3::new(*east, *north, 0.0));
        let mut entity = serde_json::json!({
            "id": id, "sequence": sequence, "captured_at": (NOON_NS - 300 * DAY_NS) / 1_000_000 + s * 1000,
            "geometry": {"type": "Point", "coordinates": [place.lon_deg, place.lat_deg]}, "altitude": 50.0,
            "compass_angle": compass, "camera_type": "perspective", "camera_parameters": [0.6, 0.0, 0.0],
            "width": 320, "height": 180,
        });
        if number + 1 == taken.len() {
            entity["computed_geometry"] = entity["geometry"].clone();
            entity["computed_rotation"] = serde_json::json!(tilted().inverse().scaled_axis().as_slice());
        }
        entities.push(entity);
    }
    fs::write(folder.join("images.json"), serde_json::json!({"data": entities}).to_string()).expect("writable");
}

/// `enu_r_camera` that looks east, 10° up, rolled by 5°.
fn tilted() -> UnitQuaternion<f64> {
    let level = Pose::level(Vector3::zeros(), 90.0).rotation * Pose::flu_se3_rdf().rotation;
    level * Tilt { pitch_deg: 10.0, roll_deg: 5.0 }.turn()
}

/// A drive and photos of it from another year.
fn beside_a_drive(folder: &Path, taken: &[(&str, i64, f64, f64, Option<f64>)]) -> PathBuf {
    let (name, channel, camera, start_ns) = ("drive", "front", front(), NOON_NS);
    let drive = Drive { name, channel, camera, start_ns, x: [-8.0, -2.0], y: 0.0, every_m: 1.0, depth: false };
    write(&folder.join("drives"), &drive);
    photos(&folder.join("photos"), taken);
    let config = folder.join("build.toml");
    fs::write(&config, CONFIG).expect("writable");
    config
}

#[test]
fn pictures_minutes_apart_are_one_recording_and_a_lone_one_is_a_reference() {
    let folder = tempfile::tempdir().expect("temporary folder");
    // A walk of a photo every two or three minutes, 20 m on; then 150 m on; then in another quarter. And a lone picture
    // beside the drive.
    let mut taken: Vec<_> = (0..5).map(|i| ("walk", 150 * i, 20.0 * i as f64, 300.0, Some(90.0))).collect();
    taken.extend((0..3).map(|i| ("walk", 900 + 150 * i, 230.0 + 20.0 * i as f64, 300.0, Some(90.0))));
    taken.push(("walk", 1800, 3000.0, 300.0, Some(90.0)));
    taken.push(("lone", 0, -7.0, 1.0, Some(90.0)));
    // Nearer, but nobody knows where it looks.
    taken.push(("lost", 0, -7.0, 0.5, None));
    taken.push(("tilted", 0, 900.0, 0.5, Some(300.0)));
    let config = beside_a_drive(folder.path(), &taken);
    let out = folder.path().join("out");
    let built = make(&config, &out, 2);
    assert!(built.quarantine.is_empty(), "{:?}", built.quarantine);
    let watch = Watch { stop: &AtomicBool::new(false), advance: &|_| () };
    let found = validate(&out, true, &watch).expect("read");
    assert!(found.findings.is_empty(), "{:?}", found.findings);

    let dataset = Dataset::open(&out).expect("a data set");
    let recordings: Vec<(&str, usize)> = dataset
        .recordings()
        .expect("read")
        .keys()
        .map(|id| (id.as_str(), dataset.track(id).expect("there").rows.len()))
        .collect();
    assert_eq!(recordings.len(), 6, "{recordings:?}");
    // No row is made up in a pause.
    assert_eq!(recordings[1..], [("lone", 1), ("lost", 1), ("tilted", 1), ("walk", 8), ("walk-s2", 1)]);
    let rows = 0..dataset.frames().expect("read").height();
    let frames: Vec<FrameRow> = rows.map(|row| dataset.frame_at(row).expect("read")).collect();
    assert!(frames.iter().all(|f| f.pose.is_some() && f.s_m.is_some()));
    let heading = |id: &str| {
        let frame = frames.iter().find(|f| f.recording_id == id).expect("stored");
        (frame.heading_deg.expect("placed"), frame.heading_sigma_deg.expect("known"))
    };
    // By the compass, by nothing, by structure from motion, by compass and path together.
    assert!((heading("lone").0 - 90.0).abs() < 0.1 && heading("lone").1 == 12.0, "{:?}", heading("lone"));
    assert_eq!(heading("lost").1, 180.0);
    assert!((heading("tilted").0 - 90.0).abs() < 0.1 && heading("tilted").1 == 2.0, "{:?}", heading("tilted"));
    assert!((heading("walk").0 - 90.0).abs() < 5.0 && heading("walk").1 < 12.0, "{:?}", heading("walk"));
    let tilted_frame = frames.iter().find(|f| f.recording_id == "tilted").and_then(|f| f.pose).expect("placed");
    let [x, y, z, q @ ..] = tilted_frame;
    let off = Pose::from_wxyz([x, y, z], q).expect("a pose").rotation.angle_to(&tilted());
    assert!(off < 1e-4, "{off}");

    // Windows along the walk, none over the 150 m of which nobody knows; the anchors at 0, 20, 40 and after the gap.
    let samples: Vec<_> = (0..dataset.len()).map(|i| dataset.sample(i).expect("read")).collect();
    let mut walked: Vec<f64> = samples.iter().filter(|s| s.recording_id == "walk").map(|s| s.s0_m).collect();
    walked.sort_by(f64::total_cmp);
    assert_eq!(walked, [0.0, 20.0, 40.0], "{:?}", built.dropped_windows);
    assert!(built.dropped_windows.keys().any(|why| why.contains("pause")), "{:?}", built.dropped_windows);
    assert!(samples.iter().filter(|s| s.recording_id == "walk").all(|s| s.frames.len() == 3));

    let of_drive: Vec<_> = samples.iter().filter(|s| s.recording_id == "drive").collect();
    assert!(!of_drive.is_empty());
    for sample in of_drive {
        let references = dataset.references(&sample.sample_id).expect("read");
        let ids: Vec<&str> = references.iter().map(|r| r.recording_id.as_str()).collect();
        assert_eq!(ids, ["lone"]);
    }
}

#[test]
fn a_picture_under_two_names_is_one_reference() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let taken = [
        ("first", 0, -7.0, 1.0, Some(90.0)),
        ("again", 0, -7.0, 1.0, Some(90.0)),
        ("other", 0, -6.5, -1.0, Some(90.0)),
        ("far", 0, 900.0, 0.0, Some(90.0)),
    ];
    let config = beside_a_drive(folder.path(), &taken);
    let photos = folder.path().join("photos");
    fs::copy(photos.join("1000.jpg"), photos.join("1001.jpg")).expect("copied");
    let out = folder.path().join("out");
    make_with(&config, &out, 2, &["sample.references.count=3".to_string()]);
    let dataset = Dataset::open(&out).expect("a data set");
    assert!(!dataset.is_empty());
    for i in 0..dataset.len() {
        let references = dataset.references(&dataset.sample(i).expect("read").sample_id).expect("read");
        let mut ids: Vec<&str> = references.iter().map(|r| r.recording_id.as_str()).collect();
        ids.sort_unstable();
        assert!(
            ids.len() == 2 && ids.contains(&"other") && !(ids.contains(&"first") && ids.contains(&"again")),
            "{ids:?}"
        );
    }
}

#[test]
fn windows_whose_references_all_fail_are_built_without_and_the_report_says_why() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let taken = [("beside", 0, -7.0, 1.0, Some(90.0)), ("far", 0, 900.0, 0.0, Some(90.0))];
    let config = beside_a_drive(folder.path(), &taken);
    for (number, (setting, why)) in [
        ("sample.references.min_overlap=1.0", "no picture sees enough of the target (min_overlap)"),
        ("sample.references.min_days=1000", "no picture is known to be of another date (min_days)"),
        ("sample.references.max_distance_m=0.1", "no picture of another recording is near (max_distance_m)"),
    ]
    .into_iter()
    .enumerate()
    {
        let out = folder.path().join(format!("out-{number}"));
        let built = make_with(&config, &out, 2, &[setting.to_string()]);
        assert!(built.counts["samples"] > 0 && built.counts["references"] == 0, "{setting}: {:?}", built.counts);
        let report = fs::read_to_string(out.join("report.html")).expect("a report");
        let said = format!("{0} of {0} windows and cameras have no reference: {why}", built.counts["samples"]);
        assert!(report.contains(&said), "{setting}: {said}");
    }
}
