//! `worldloom query`: every filter against a look at each sample on its own, every format against the others.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use common::{run, small_world};
use serde_json::Value;

/// A data set of a drive with pictures and 14 more that criss-cross a square of 600 m.
static TOWN: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = small_world(folder.path(), 1);
    for i in 0..14u32 {
        let (x, y, heading) = (f64::from(i * 173 % 500) - 250.0, f64::from(i * 311 % 500) - 250.0, f64::from(i * 67));
        write_trace(&folder.path().join(format!("drives/walk-{i:02}")), i, (x, y), heading.to_radians());
    }
    let out = folder.path().join("town");
    let (code, _, stderr) = run(&["build", path(&config), "--out", path(&out)]);
    assert_eq!(code, 0, "{stderr}");
    (folder, out)
});

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Degrees of metres east and north of the world's middle; the sphere of the reference below.
fn place(x: f64, y: f64) -> (f64, f64) {
    (127.111 + (x / (RADIUS_M * 37.395f64.to_radians().cos())).to_degrees(), 37.395 + (y / RADIUS_M).to_degrees())
}

const RADIUS_M: f64 = 6_371_000.0;

/// 6 s at 12 m/s, bending to the left.
fn write_trace(folder: &Path, seed: u32, (mut x, mut y): (f64, f64), mut heading: f64) {
    fs::create_dir_all(folder).expect("writable");
    let start_ns = 1_714_600_000_000_000_000 + i64::from(seed) * 3_600_000_000_000;
    let mut gnss = String::from("t_ns,lon,lat,height_m,sigma_xy_m\n");
    for k in 0..=60 {
        let (lon, lat) = place(x, y);
        gnss.push_str(&format!("{},{lon:.9},{lat:.9},40.0,0.1\n", start_ns + k * 100_000_000));
        (x, y) = (x + 1.2 * heading.cos(), y + 1.2 * heading.sin());
        heading += 0.01;
    }
    fs::write(folder.join("gnss.csv"), gnss).expect("writable");
}

/// What a query answers with: ids in the data set's order.
fn ids(args: &[&str]) -> Vec<String> {
    let mut all = vec!["query", path(&TOWN.1), "--format", "ids"];
    all.extend(args);
    let (code, stdout, stderr) = run(&all);
    assert_eq!(code, 0, "{args:?}: {stderr}");
    stdout.lines().map(str::to_string).collect()
}

/// Every sample as `--json` has it.
static ALL: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let (code, stdout, stderr) = run(&["query", path(&TOWN.1), "--json"]);
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).expect("JSON")
});

/// The path of a sample, a point every decimetre at most, `(lon, lat)`.
fn points(sample: &Value) -> Vec<(f64, f64)> {
    let line: Vec<(f64, f64)> = serde_json::from_value(sample["geometry"]["coordinates"].clone()).expect("a line");
    let mut all = vec![line[0]];
    for pair in line.windows(2) {
        let steps = (metres(pair[0], pair[1]) / 0.1).ceil().max(1.0);
        let at = |w: f64| (pair[0].0 + (pair[1].0 - pair[0].0) * w, pair[0].1 + (pair[1].1 - pair[0].1) * w);
        all.extend((1..=steps as u32).map(|i| at(f64::from(i) / steps)));
    }
    all
}

/// Haversine.
fn metres(a: (f64, f64), b: (f64, f64)) -> f64 {
    let half = |x: f64| (x.to_radians() / 2.0).sin().powi(2);
    let h = half(b.1 - a.1) + a.1.to_radians().cos() * b.1.to_radians().cos() * half(b.0 - a.0);
    2.0 * RADIUS_M * h.sqrt().asin()
}

/// Compares with a measure of each sample: `inside` where it is surely below, not where it is surely above the limit.
///
/// The slack covers the sphere of the reference, a third of a percent off the ellipsoid, and its steps.
fn compare(args: &[&str], limit: f64, measure: impl Fn(&Value) -> f64) {
    let found: BTreeSet<String> = ids(args).into_iter().collect();
    let slack = 0.2 + limit.abs() * 0.005;
    let (mut inside, mut outside) = (0, 0);
    for sample in ALL.iter() {
        let id = sample["sample_id"].as_str().expect("text");
        let gap = measure(sample);
        if gap < limit - slack {
            assert!(found.contains(id), "{args:?}: {id} at {gap} m is missing");
            inside += 1;
        } else if gap > limit + slack {
            assert!(!found.contains(id), "{args:?}: {id} at {gap} m is too far");
            outside += 1;
        }
    }
    assert!(inside > 0 && outside > 0, "{args:?}: {inside} inside, {outside} outside: no evidence");
}

#[test]
fn near_and_bbox_find_what_measuring_finds() {
    for (x, y, radius) in [(0.0, 0.0, 80.0), (-150.0, 90.0, 120.0), (200.0, -200.0, 150.0)] {
        let centre = place(x, y);
        let near = format!("{:.7},{:.7},{radius}", centre.0, centre.1);
        let nearest = |s: &Value| points(s).into_iter().map(|p| metres(centre, p)).fold(f64::INFINITY, f64::min);
        compare(&["--near", &near], radius, nearest);
        // How far outside the box the path stays: 0 where it enters.
        let ((w, south), (e, n)) = (place(x - 90.0, y - 60.0), place(x + 90.0, y + 60.0));
        let gap = |s: &Value| {
            let out = |p: (f64, f64)| metres(p, (p.0.clamp(w, e), p.1.clamp(south, n)));
            let least = points(s).into_iter().map(out).fold(f64::INFINITY, f64::min);
            if least == 0.0 { -1.0 } else { least }
        };
        compare(&["--bbox", &format!("{w:.9},{south:.9},{e:.9},{n:.9}")], 0.0, gap);
    }
}

#[test]
fn within_and_along_read_geojson() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("area.geojson");
    // An arrow head, not convex.
    let corners = [(-200.0, -200.0), (250.0, 0.0), (-200.0, 200.0), (-60.0, 0.0)].map(|(x, y)| place(x, y));
    let ring: Vec<_> = corners.iter().chain([&corners[0]]).collect();
    fs::write(&file, serde_json::json!({"type": "Polygon", "coordinates": [ring]}).to_string()).expect("writable");
    let enters = |p: (f64, f64)| {
        let sides = ring.windows(2).filter(|s| (s[0].1 > p.1) != (s[1].1 > p.1));
        sides.filter(|s| p.0 < s[0].0 + (p.1 - s[0].1) / (s[1].1 - s[0].1) * (s[1].0 - s[0].0)).count() % 2 == 1
    };
    let found: Vec<String> = ids(&["--within", path(&file)]);
    let want = |s: &&Value| points(s).into_iter().any(enters);
    let want: Vec<&str> = ALL.iter().filter(want).filter_map(|s| s["sample_id"].as_str()).collect();
    assert_eq!(found, want);
    assert!(!want.is_empty() && want.len() < ALL.len());

    let line = [(-250.0, -100.0), (0.0, 50.0), (50.0, 250.0)].map(|(x, y)| place(x, y));
    let feature = serde_json::json!({"type": "Feature", "properties": {},
        "geometry": {"type": "LineString", "coordinates": line}});
    fs::write(&file, feature.to_string()).expect("writable");
    let route = points(&feature);
    let gap = |s: &Value| {
        let nearest = |p: (f64, f64)| route.iter().step_by(5).map(|q| metres(p, *q)).fold(f64::INFINITY, f64::min);
        points(s).into_iter().step_by(5).map(nearest).fold(f64::INFINITY, f64::min)
    };
    compare(&["--along", path(&file), "--buffer", "40"], 40.0, gap);
}

#[test]
fn cells_times_splits_and_expressions_agree_with_the_columns() {
    let by = |keep: &dyn Fn(&Value) -> bool| -> Vec<String> {
        let kept: Vec<String> =
            ALL.iter().filter(|s| keep(s)).filter_map(|s| Some(s["sample_id"].as_str()?.to_string())).collect();
        assert!(!kept.is_empty() && kept.len() < ALL.len(), "no evidence");
        kept
    };
    let cell: h3o::CellIndex = ALL[3]["h3"].as_str().and_then(|c| c.parse().ok()).expect("a cell");
    for resolution in [h3o::Resolution::Nine, h3o::Resolution::Ten, h3o::Resolution::Twelve] {
        let wanted = cell.parent(resolution).expect("coarser");
        let inside = |s: &Value| {
            let (lat, lon) = (s["lat"].as_f64().expect("a number"), s["lon"].as_f64().expect("a number"));
            h3o::LatLng::new(lat, lon).expect("a place").to_cell(resolution) == wanted
        };
        assert_eq!(ids(&["--h3", &wanted.to_string()]), by(&inside));
    }
    let t0 = |s: &Value| s["t0_ns"].as_i64().expect("timed");
    let from = 1_714_600_000_000_000_000 + 4 * 3_600_000_000_000;
    assert_eq!(ids(&["--time", "2024-05-02T01:46:40Z/.."]), by(&|s| t0(s) >= from));
    assert_eq!(ids(&["--time", "/2024-05-02T01:46:40Z"]), by(&|s| t0(s) < from));
    assert_eq!(ids(&["--split", "train"]), by(&|s| s["split"] == "train"));
    let east = |s: &Value| s["heading_deg"].as_f64().is_some_and(|h| h > 45.0 && h <= 135.0);
    assert_eq!(ids(&["--where", "heading_deg > 45 and heading_deg <= 135"]), by(&east));
    let odd = |s: &Value| s["recording_id"] == "drive-00" || !(s["split"] == "train" || s["split"] == "val");
    assert_eq!(ids(&["--where", "recording_id = 'drive-00' or split not in ('train', 'val')"]), by(&odd));
    let both = by(&|s| s["split"] == "train" && east(s));
    assert_eq!(ids(&["--split", "train", "--where", "heading_deg > 45 and heading_deg <= 135"]), both);
    assert_eq!(ids(&["--split", "train", "--limit", "3"]), by(&|s| s["split"] == "train")[..3]);
    assert_eq!(ids(&[]).len(), ALL.len());
    assert!(ids(&["--time", "1999-01-01/2000-01-01"]).is_empty());
}

#[test]
fn the_formats_say_the_same() {
    let query = ["query", path(&TOWN.1), "--where", "recording_id = 'drive-00'"];
    let answer = |format: &str| run(&[&query[..], &["--format", format]].concat());
    let (_, lines, _) = answer("ids");
    let ids: Vec<&str> = lines.lines().collect();
    assert!(ids.len() > 3);
    let geojson: Value = serde_json::from_str(&answer("geojson").1).expect("JSON");
    let features = geojson["features"].as_array().expect("an array");
    assert_eq!(features.iter().map(|f| f["id"].as_str().expect("text")).collect::<Vec<_>>(), ids);
    assert_eq!(features[0]["geometry"]["type"], "LineString");
    assert_eq!(features[0]["properties"]["recording_id"], "drive-00");
    assert_eq!(geojson["features"][0]["properties"].get("poses"), None);

    let file = TOWN.0.path().join("some.parquet");
    let out = [&query[..], &["--format", "parquet", "--out", path(&file)]].concat();
    assert_eq!(run(&out), (0, String::new(), String::new()));
    let table = worldloom::dataset::geoparquet::read(&file).expect("Parquet");
    let column = table.column("sample_id").and_then(|c| c.str()).expect("text");
    assert_eq!(column.iter().flatten().collect::<Vec<_>>(), ids);

    let (_, table, _) = answer("table");
    let rows: Vec<&str> = table.lines().collect();
    assert!(rows[0].starts_with("sample") && rows[0].ends_with("street"));
    assert!(rows[1].starts_with(ids[0]) && rows[1].ends_with("판교역로") && rows[1].contains("10.0"), "{table}");
    assert_eq!(rows[rows.len() - 1], format!("{} of {} samples", ids.len(), ALL.len()));
    assert_eq!(run(&["query", path(&TOWN.1), "--json", "--limit", "0"]).1, "[]\n");
}

#[test]
fn an_expression_that_does_not_fit_is_pointed_at() {
    let refused = |text: &str| {
        let (code, stdout, stderr) = run(&["query", path(&TOWN.1), "--where", text]);
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        stderr
    };
    let missing = refused("split = 'train' and speed > 3");
    assert!(missing.starts_with("error: --where, position 21: no column `speed`; columns are sample_id"), "{missing}");
    assert!(missing.ends_with(&format!("\n  split = 'train' and speed > 3\n  {}^\n", " ".repeat(20))), "{missing}");
    let korean = refused("split = '훈련' lon");
    assert!(korean.ends_with(&format!("\n  split = '훈련' lon\n  {}^\n", " ".repeat(15))), "{korean}");
    for wrong in [&["--bbox", "1,2,3"][..], &["--near", "1"], &["--h3", "x"], &["--along", "a"], &["--split", "dev"]] {
        let args = [&["query", path(&TOWN.1)], wrong].concat();
        assert_eq!(run(&args).0, 2, "{wrong:?}");
    }
}
