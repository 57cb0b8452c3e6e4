//! Walks of a build: perspective views along panoramas, as recordings with windows of their own.

mod common;

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use common::square::{DAY_NS, Drive, NOON_NS, make, make_with, panorama, write};
use common::tree;
use ndarray::Axis;
use worldloom::build::load;
use worldloom::coord::{CameraIntrinsics, Pose};
use worldloom::dataset::Dataset;
use worldloom::dataset::rows::FrameRow;
use worldloom::dataset::validate::{Validation, Watch, validate};
use worldloom::dataset::walk::{Gaze, WalkOptions};
use worldloom::record::Modality;

const CONFIG: &str = r#"
[dataset]
name = "square"
license = "CC0-1.0"
[[recording]]
path = "surveys/*"
license = "CC0-1.0"
use = "reference"
[[recording]]
path = "surveys/autumn"
license = "CC0-1.0"
[recording.panowalk]
name = "out"
size = [96, 64]
nadir_deg = 70.0
[recording.sample]
past_m = 3.0
future_m = 6.0
step_m = 3.0
stride_m = 3.0
[recording.sample.references]
count = 1
min_days = 30
[[recording]]
path = "surveys/autumn"
license = "CC0-1.0"
use = "target"
[recording.panowalk]
name = "there-and-back"
size = [96, 64]
follow_deg = 90.0
between_m = [2.0, 17.0]
out_and_back = true
[recording.sample]
past_m = 3.0
future_m = 6.0
step_m = 3.0
stride_m = 3.0
[recording.sample.references]
count = 1
min_days = 30
[split]
method = "recording"
[output]
image = "webp"
"#;

/// Two surveys with a panorama every three metres, five months apart; the config's path.
fn world(folder: &Path, config: &str) -> std::path::PathBuf {
    for (name, days, y) in [("autumn", 60, 1.5), ("winter", -90, -4.0)] {
        let (start_ns, x) = (NOON_NS + days * DAY_NS, [-10.0, 8.0]);
        let camera = CameraIntrinsics { width: 256, height: 128, ..panorama() };
        let drive = Drive { name, channel: "pano", camera, start_ns, x, y, every_m: 3.0, depth: false };
        write(&folder.join("surveys"), &drive);
    }
    // Something in the panoramas that is not to be learned from.
    let masks = folder.join("surveys/autumn/masks/pano");
    fs::create_dir_all(&masks).expect("writable");
    for number in 0..7 {
        let mask = image::GrayImage::from_fn(256, 128, |x, y| image::Luma([if x < 160 && y < 55 { 255 } else { 0 }]));
        mask.save(masks.join(format!("{number:04}.png"))).expect("writable");
    }
    let path = folder.join("build.toml");
    fs::write(&path, config).expect("writable");
    path
}

fn pictures(dataset: &Dataset, recording: &str, modality: Modality) -> Vec<FrameRow> {
    let rows = 0..dataset.frames().expect("read").height();
    let frames = rows.map(|row| dataset.frame_at(row).expect("read"));
    let mut own: Vec<FrameRow> =
        frames.filter(|f| f.recording_id == recording && f.modality == modality.name()).collect();
    own.sort_by(|a, b| a.s_m.unwrap_or_default().total_cmp(&b.s_m.unwrap_or_default()));
    own
}

fn sound(dir: &Path) -> Validation {
    let watch = Watch { stop: &AtomicBool::new(false), advance: &|_| () };
    validate(dir, true, &watch).expect("read")
}

fn pose(frame: &FrameRow) -> Pose {
    let [x, y, z, q @ ..] = frame.pose.expect("placed");
    Pose::from_wxyz([x, y, z], q).expect("a pose")
}

#[test]
fn a_walk_shows_what_the_data_sets_own_walk_does_and_has_windows_like_any_other() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = world(folder.path(), CONFIG);
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let built = make(&config, &one, 1);
    assert!(built.quarantine.is_empty(), "{:?}", built.quarantine);
    make(&config, &two, 2);
    assert_eq!(tree(&one), tree(&two));
    let found = sound(&one);
    assert!(found.findings.is_empty(), "{:?}", found.findings);

    let dataset = Dataset::open(&one).expect("a data set");
    let out = WalkOptions { size: [96, 64], nadir_deg: 70.0, ..WalkOptions::default() };
    let back = WalkOptions {
        size: [96, 64],
        gaze: Gaze::Follow { offset_deg: 90.0 },
        between_m: [2.0, 17.0],
        out_and_back: true,
        ..WalkOptions::default()
    };
    for (name, options, count) in [("out", out, 7), ("there-and-back", back, 9)] {
        let id = format!("autumn-{name}");
        let walk = dataset.panowalk("autumn", &options).expect("walked");
        let (frames, masks) = (pictures(&dataset, &id, Modality::Camera), pictures(&dataset, &id, Modality::Mask));
        assert_eq!((frames.len(), masks.len(), walk.panoramas.len()), (count, count, count));
        for (n, (frame, mask)) in frames.iter().zip(&masks).enumerate() {
            assert_eq!(
                dataset.image(frame).expect("a picture").into_raw(),
                walk.rgb.index_axis(Axis(0), n).iter().copied().collect::<Vec<u8>>()
            );
            let ignored: Vec<u8> = dataset.image(mask).expect("a mask").pixels().map(|p| p.0[0]).collect();
            assert_eq!(ignored, walk.ignored.index_axis(Axis(0), n).iter().copied().collect::<Vec<u8>>());
            assert!((pose(frame).translation - walk.poses[n].translation).norm() < 1e-9);
            assert!(pose(frame).rotation.angle_to(&walk.poses[n].rotation) < 1e-9);
            assert_eq!((&frame.source_path, frame.t_ns), (&walk.panoramas[n].source_path, walk.panoramas[n].t_ns));
            assert_eq!(frame.privacy_state, "metadata_stripped");
        }
        assert!(walk.ignored.iter().any(|m| *m == 255));
        let sensors = &dataset.recording(&id).expect("there").sensors;
        assert!(sensors.len() == 1 && sensors[0].channel == name, "{sensors:?}");

        // The ego stands where the vehicle stood, level, and looks with the camera.
        let samples = (0..dataset.len()).map(|i| dataset.sample(i).expect("read")).filter(|s| s.recording_id == id);
        let samples: Vec<_> = samples.collect();
        assert!(samples.len() >= 3, "{}", samples.len());
        for sample in &samples {
            assert_eq!(sample.poses.len(), 4);
            assert_eq!(sample.t0_ns.is_some(), name == "out");
            assert!(sample.frames.iter().filter(|f| f.modality == "camera").count() == 4, "{:?}", sample.frames);
            assert!((sample.height_m - 50.0).abs() < 1e-3, "{}", sample.height_m);
            let looks = if name == "out" { 90.0 } else { 0.0 };
            assert!((sample.heading_deg - looks + 180.0).rem_euclid(360.0) - 180.0 < 0.1, "{}", sample.heading_deg);
            // A walk is of its recording's split, and its references show another day.
            let references = dataset.references(&sample.sample_id).expect("read");
            let other = |r: &worldloom::dataset::rows::ReferenceRow| {
                r.recording_id == "winter" && r.dt_days.is_some_and(|d| (d - 150.0).abs() < 1.0)
            };
            assert!(references.iter().all(other), "{references:?}");
        }
        let splits: std::collections::BTreeSet<&str> = samples.iter().map(|s| s.split.name()).collect();
        assert_eq!(splits.len(), 1);
    }
    assert!(built.counts["references"] > 0, "{:?}", built.counts);

    let back = pictures(&dataset, "autumn-there-and-back", Modality::Camera);
    let (first, last) = (&back[0], &back[back.len() - 1]);
    assert_eq!((&first.checksum, first.pose), (&last.checksum, last.pose));
    assert!(back.windows(2).all(|w| w[0].s_m < w[1].s_m && w[0].checksum != w[1].checksum));
    assert!(
        first.frame_id.ends_with("there-and-back/0001") && last.frame_id.ends_with("0001-back"),
        "{}",
        last.frame_id
    );
    // Forward is to the right of where it goes: on the way out the ego moves to its right, on the way back to its left.
    let moved = |i: usize| {
        let sample = (0..dataset.len()).map(|i| dataset.sample(i).expect("read"));
        let mut own: Vec<_> = sample.filter(|s| s.recording_id == "autumn-there-and-back").collect();
        own.sort_by(|a, b| a.s0_m.total_cmp(&b.s0_m));
        own[if i == 0 { 0 } else { own.len() - 1 }].poses[3]
    };
    assert!(moved(0)[1] < -5.0 && moved(1)[1] > 5.0, "{:?} {:?}", moved(0), moved(1));
}

#[test]
fn a_view_at_a_place_stays_level_unless_its_height_is_given() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = world(folder.path(), CONFIG);
    for (place, level) in [("[127.11, 37.3902]", true), ("[127.11, 37.3902, 70.0]", false)] {
        let out = folder.path().join(format!("level-{level}"));
        let overrides = [
            format!("recording.1.panowalk.look_at={place}"),
            "recording.1.panowalk.nadir_deg=0".to_string(),
            "recording.1.panowalk.size=[65, 65]".to_string(),
        ];
        make_with(&config, &out, 2, &overrides);
        let dataset = Dataset::open(&out).expect("a data set");
        let sensor = &dataset.recording("autumn-out").expect("there").sensors[0];
        // A camera that is tilted with every picture has no one mount.
        assert_eq!(sensor.ego_se3_sensor.is_some(), level);
        for frame in pictures(&dataset, "autumn-out", Modality::Camera) {
            let ahead = pose(&frame).rotation * nalgebra::Vector3::z();
            assert_eq!(ahead.z.abs() < 1e-9, level, "{ahead}");
            assert!(ahead.y > 0.5);
        }
        let found = sound(&out);
        assert!(found.findings.is_empty(), "{:?}", found.findings);
        for i in 0..dataset.len() {
            for pose in dataset.sample(i).expect("read").poses {
                // Whatever the camera does, the ego does not tilt.
                assert!(pose[4].abs() < 1e-6 && pose[5].abs() < 1e-6, "{pose:?}");
            }
        }
    }
}

#[test]
fn what_is_withheld_is_withheld_on_both_ways() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = world(folder.path(), CONFIG);
    // A zone across the middle of the way: three metres west of the column to three metres east of it.
    let corners =
        [[127.10995, 37.3899], [127.10998, 37.3899], [127.10998, 37.3901], [127.10995, 37.3901], [127.10995, 37.3899]];
    let zone = serde_json::json!({"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [corners]}});
    fs::write(folder.path().join("zones.geojson"), zone.to_string()).expect("writable");
    let out = folder.path().join("out");
    let overrides = ["privacy.exclude=zones.geojson".to_string(), "privacy.trim_ends_m=1.0".to_string()];
    let built = make_with(&config, &out, 2, &overrides);
    assert!(built.dropped_windows.keys().any(|why| why.contains("withheld")), "{:?}", built.dropped_windows);
    let dataset = Dataset::open(&out).expect("a data set");
    let inside = |lon: f64| (127.10995..=127.10998).contains(&lon);
    for id in ["autumn-out", "autumn-there-and-back"] {
        let frames = pictures(&dataset, id, Modality::Camera);
        assert!(frames.len() >= 4 && frames.iter().all(|f| f.lon.is_some_and(|lon| !inside(lon))), "{id}");
        let track = dataset.track(id).expect("there");
        assert!(track.rows.iter().all(|row| !inside(track.place(&row.pose).lon_deg)));
    }
    let mut windows = 0;
    for i in 0..dataset.len() {
        let sample = dataset.sample(i).expect("read");
        windows += 1;
        let (west, east) =
            sample.path.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(w, e), p| (w.min(p.0), e.max(p.0)));
        assert!(east < 127.10995 || west > 127.10998, "{}: {west} to {east}", sample.recording_id);
    }
    assert!(windows > 0);
}

#[test]
fn nonsense_is_refused_at_its_line() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = world(folder.path(), CONFIG);
    let line = |key: &str| {
        let found = CONFIG.lines().position(|line| line.starts_with(key));
        format!("build.toml, line {}", found.expect("a line") + 1)
    };
    let refused = |replace: (&str, &str)| {
        fs::write(&config, CONFIG.replacen(replace.0, replace.1, 1)).expect("writable");
        let loaded = load(&config, &[]);
        let made = loaded.and_then(|loaded| worldloom::build::Plan::make(&loaded, &AtomicBool::new(false)).map(|_| ()));
        made.expect_err("must be refused").to_string()
    };
    for (from, to, at, said) in [
        ("size = [96, 64]", "size = [96, 640000]", "size", "16384 pixels a side"),
        ("size = [96, 64]", "size = [0, 64]", "size", "16384 pixels a side"),
        ("nadir_deg = 70.0", "nadir_deg = 120.0", "nadir_deg", "0 to 90"),
        ("follow_deg = 90.0", "follow_deg = 90.0\npan = { start_deg = 0.0, step_deg = 1.0 }", "between_m", "one of"),
        ("between_m = [2.0, 17.0]", "between_m = [17.0, 2.0]", "between_m", "begins before"),
        ("name = \"out\"", "name = \"o/t\"", "name = \"out\"", "letters, digits"),
        ("name = \"out\"", "name = \"pano\"", "name = \"out\"", "is a channel"),
        ("name = \"out\"", "name = \"there-and-back\"", "name = \"there-and-back\"", "another name"),
        ("nadir_deg = 70.0", "channel = \"front\"", "nadir_deg", "no recording here has panoramas called `front`"),
    ] {
        let message = refused((from, to));
        let at = line(at);
        assert!(message.contains(said) && message.contains(&at), "{message} / {at}");
    }
    for wrong in
        ["fov_deg = 180.0", "fov_deg = 0.0", "look_at = [200.0, 37.0]", "look_at = [127.0]", "follow_deg = nan"]
    {
        let message = refused(("nadir_deg = 70.0", wrong));
        assert!(message.contains(&line("nadir_deg")), "{wrong}: {message}");
    }
}
