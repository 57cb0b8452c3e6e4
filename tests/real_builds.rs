//! The main job on real data, from the configs in `tests/configs/`.

mod common;

use std::fs;
use std::path::Path;

use common::run;

/// Builds a committed config on the real data; returns the counts it prints.
///
/// The configs name the data beside a checkout; here they are read where `WORLDLOOM_DATA` says.
fn build(name: &str) -> Option<(i32, serde_json::Value)> {
    let data = common::worldloom_data()?;
    let data = data.canonicalize().expect("WORLDLOOM_DATA exists");
    let folder = tempfile::tempdir().expect("temporary folder");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let text = fs::read_to_string(tests.join(format!("configs/{name}.toml"))).expect("a committed config");
    let text = text
        .replace("../../../shared/data", data.to_str().expect("UTF-8"))
        .replace("../fixtures", tests.join("fixtures").to_str().expect("UTF-8"));
    let config = folder.path().join("build.toml");
    fs::write(&config, text).expect("writable");
    let out = folder.path().join("out");
    let (code, stdout, stderr) =
        run(&["build", config.to_str().expect("UTF-8"), "--out", out.to_str().expect("UTF-8"), "--json"]);
    assert!([0, 3].contains(&code), "{name}: {stderr}");
    let manifest = fs::read_to_string(out.join("manifest.json")).expect("a data set");
    assert!(!manifest.contains(data.to_str().expect("UTF-8")), "the manifest tells where the data lay");
    Some((code, serde_json::from_str(&stdout).expect("JSON")))
}

fn count(built: &serde_json::Value, table: &str) -> u64 {
    built["counts"][table].as_u64().unwrap_or(0)
}

#[test]
fn argoverse_2_gives_all_poses_and_both_sweeps_with_what_moves_in_them() {
    let Some((code, built)) = build("av2-pit") else { return };
    assert_eq!(code, 0);
    assert_eq!((count(&built, "poses"), count(&built, "frames")), (2706, 4));
    // 15.95 s of poses hold 24 anchors, half a second apart, of windows from -1 s to 3 s.
    assert_eq!(count(&built, "samples"), 24);
}

#[test]
fn berlin_gives_photos_logger_and_tracks() {
    let Some((_, built)) = build("berlin-mitte") else { return };
    assert_eq!(count(&built, "frames"), 3);
    // 132 tracks, the photos, and the logger's.
    assert!(count(&built, "recordings") >= 134);
    assert!(count(&built, "samples") > 1000);
}

#[test]
fn photos_minutes_apart_stay_together_and_single_ones_have_a_place() {
    let Some((_, built)) = build("photos") else { return };
    // Nine of half an hour in Arezzo, a lone panorama, two of one town miles apart, four of Toulouse, three without dates.
    assert_eq!((count(&built, "recordings"), count(&built, "frames")), (6, 19));
    assert!(count(&built, "samples") > 50);
}

#[test]
fn a_city_of_pbf_and_an_archive_of_vector_tiles_are_read_around_a_trace() {
    for name in ["portland", "florence"] {
        let Some((_, built)) = build(name) else { return };
        assert_eq!(count(&built, "samples"), 71, "{name}");
    }
}
