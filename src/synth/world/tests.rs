//! A world of traces, and the error budget of what is written.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::error::Quarantine;
use crate::source::{RecordingOptions, registry};

fn world(out: &Path, drives: usize, seed: u64) -> Result<WorldSummary> {
    let options = WorldOptions { drives, seed, detail: Detail::Traces, length_m: None };
    generate(out, &options, &Watch { begins: &|_| (), stop: &AtomicBool::new(false) })
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let read = |seed: u64, name: &str| {
        let out = folder.path().join(name);
        let summary = world(&out, 3, seed).expect("writes");
        assert_eq!(summary.recordings.len(), 3);
        ["drives/drive-3/gnss.csv", "drives/drive-1/imu.csv", "map/town.osm.pbf", "truth/drive-2/clock.csv"]
            .map(|file| fs::read(out.join(file)).expect("there"))
    };
    let (a, b, c) = (read(7, "a"), read(7, "b"), read(8, "c"));
    assert_eq!(a, b);
    assert!(a.iter().zip(&c).all(|(a, c)| a != c));
}

#[test]
fn a_drive_is_read_without_complaint_and_lies_along_its_truth() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("world");
    world(&out, 1, 7).expect("writes");
    let mut quarantine = Quarantine::new();
    let source = registry::open_recording(&out.join("drives/drive-1"), None, &RecordingOptions::default());
    let recording = source.and_then(|s| s.read(&mut quarantine)).expect("reads").remove(0);
    assert!(quarantine.is_empty(), "{quarantine:?}");
    let truth = fs::read_to_string(out.join("truth/drive-1/poses.csv")).expect("there");
    let rows: Vec<Vec<f64>> =
        truth.lines().skip(1).map(|l| l.split(',').map(|v| v.parse().expect("a number")).collect()).collect();
    // 100 Hz: as many rows as the GNSS's span in hundredths of a second, and a little more.
    let (first, last) = (recording.gnss[0].t.expect("t"), recording.gnss.last().and_then(|f| f.t).expect("t"));
    let span = last.seconds_since(first) * 100.0;
    assert!((rows.len() as f64 - span).abs() < 50.0, "{} rows over {span} ticks", rows.len());
    let near = |lon: f64, lat: f64| {
        rows.iter().map(|r| libm::hypot((r[1] - lon) * 88_500.0, (r[2] - lat) * 111_000.0)).fold(f64::MAX, f64::min)
    };
    assert!(recording.gnss.iter().step_by(10).all(|f| near(f.place.lon_deg, f.place.lat_deg) < 12.0));
    let matched = fs::read_to_string(out.join("truth/drive-1/matched.csv")).expect("there");
    let ways: std::collections::BTreeSet<&str> = matched.lines().skip(1).filter_map(|l| l.split(',').nth(1)).collect();
    assert!(ways.len() >= 5, "{ways:?}");
    assert!(matched.lines().count() < rows.len() / 10, "it leaves the road for a while");
}

#[test]
fn a_folder_that_holds_something_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("notes.txt"), "mine").expect("writes");
    let error = world(folder.path(), 1, 7).expect_err("taken");
    assert!(matches!(error.kind(), ErrorKind::Exists(_)), "{error}");
    assert!(folder.path().join("notes.txt").exists());
}
