//! Drives whose metres are longer than the map's, built with and without `fuse.register_scale`.

mod common;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use common::square::{NOON_NS, ORIGIN, make_with};
use common::{run, worldloom};
use nalgebra::{Vector2, Vector3};
use worldloom::coord::{EnuFrame, Geodetic};
use worldloom::dataset::Dataset;
use worldloom::fuse::PoseOrigin;

const CONFIG: &str = r#"
[dataset]
name = "grid"
license = "CC0-1.0"
[[map]]
kind = "osm"
path = "grid.osm"
license = "CC0-1.0"
[[recording]]
kind = "folder"
path = "drives/*"
license = "CC0-1.0"
[fuse]
register_scale = true
[sample]
rate_hz = 2.0
stride_s = 5.0
[sample.text]
languages = []
"#;

/// How many times too large the drives are.
const LARGER: f64 = 1.01;

fn corner(i: i32, j: i32) -> Vector2<f64> {
    Vector2::new(f64::from(i) * 300.0, f64::from(j) * 240.0)
}

fn place(at: Vector2<f64>) -> Geodetic {
    EnuFrame::new(ORIGIN).to_geodetic(Vector3::new(at.x, at.y, 0.0))
}

/// Four streets to the east and four to the north.
fn map() -> String {
    let mut osm = String::from("<osm version=\"0.6\">\n");
    for (i, j) in (0..16).map(|k| (k % 4, k / 4)) {
        let at = place(corner(i, j));
        writeln!(osm, r#"<node id="{}" lat="{:.9}" lon="{:.9}"/>"#, 1 + i + 4 * j, at.lat_deg, at.lon_deg)
            .expect("text");
    }
    for k in 0..4 {
        for (way, ids) in [(10 + k, [1, 2, 3, 4].map(|i| i + 4 * k)), (20 + k, [1, 5, 9, 13].map(|j| j + k))] {
            let refs: String = ids.iter().map(|id| format!(r#"<nd ref="{id}"/>"#)).collect();
            writeln!(osm, r#"<way id="{way}">{refs}<tag k="highway" v="residential"/></way>"#).expect("text");
        }
    }
    osm + "</osm>\n"
}

/// Along all streets at 10 m/s, on the right half: place and degrees to the left of east, a second apart.
fn driven() -> Vec<(Vector2<f64>, f64)> {
    let back_and_forth = |k: i32| if k % 2 == 0 { [0, 3] } else { [3, 0] };
    let rows = (0..4).flat_map(|j| back_and_forth(j).map(|i| corner(i, j)));
    let columns = (0..4).flat_map(|i| back_and_forth(i + 1).map(|j| corner(i, j)));
    let mut corners: Vec<Vector2<f64>> = rows.chain(columns).collect();
    corners.dedup();
    let mut all = Vec::new();
    for ends in corners.windows(2) {
        let along = (ends[1] - ends[0]).normalize();
        let right = Vector2::new(along.y, -along.x);
        for step in 0..((ends[1] - ends[0]).norm() / 10.0) as u32 {
            all.push((ends[0] + along * (10.0 * f64::from(step)) + right * 2.5, along.y.atan2(along.x).to_degrees()));
        }
    }
    all
}

/// Writes the drive as poses and as positions, every place too far from the origin.
fn write_drives(folder: &Path) {
    let mut poses = "t_ns,lon,lat,height_m,qw,qx,qy,qz\n".to_string();
    let mut gnss = "t_ns,lon,lat,height_m,sigma_xy_m\n".to_string();
    for (k, (at, yaw_deg)) in driven().into_iter().enumerate() {
        let (t_ns, there) = (NOON_NS + k as i64 * 1_000_000_000, place(LARGER * at));
        let (sin, cos) = (0.5 * yaw_deg.to_radians()).sin_cos();
        let lon_lat = format!("{t_ns},{:.10},{:.10},50.0", there.lon_deg, there.lat_deg);
        writeln!(poses, "{lon_lat},{cos},0,0,{sin}").expect("text");
        writeln!(gnss, "{lon_lat},1.0").expect("text");
    }
    for (name, file, text) in [("given", "poses.csv", poses), ("estimated", "gnss.csv", gnss)] {
        let drive = folder.join("drives").join(name);
        fs::create_dir_all(&drive).expect("writable");
        fs::write(drive.join(file), text).expect("writable");
    }
}

/// How far the rows of a track lie from where was driven at their times, metres: root mean square.
fn off(dataset: &Dataset, name: &str) -> f64 {
    let (track, driven) = (dataset.track(name).expect("there"), driven());
    let (mut square, mut count) = (0.0, 0.0);
    for row in &track.rows {
        let k = (row.t_ns.expect("a time") - NOON_NS) as f64 / 1e9;
        let Some(ends) = driven.get(k as usize..k as usize + 2) else { continue };
        // Not around the corners, which nobody takes at once.
        if ends[0].1 == ends[1].1 {
            let truth = place(ends[0].0.lerp(&ends[1].0, k.fract()));
            square += track
                .frame
                .to_enu(track.place(&row.pose))
                .xy()
                .metric_distance(&track.frame.to_enu(truth).xy())
                .powi(2);
            count += 1.0;
        }
    }
    f64::sqrt(square / count)
}

#[test]
fn drives_of_another_scale_are_made_as_large_as_the_map() {
    let folder = tempfile::tempdir().expect("temporary folder");
    fs::write(folder.path().join("build.toml"), CONFIG).expect("writable");
    fs::write(folder.path().join("grid.osm"), map()).expect("writable");
    write_drives(folder.path());
    let built = |out: &str, overrides: &[String]| {
        let out = folder.path().join(out);
        make_with(&folder.path().join("build.toml"), &out, 0, overrides);
        Dataset::open(&out).expect("a data set")
    };
    let (scaled, plain) = (built("scaled", &[]), built("plain", &["fuse.register_scale=false".to_string()]));
    for (name, origin) in [("given", PoseOrigin::Source), ("estimated", PoseOrigin::Estimated)] {
        let register = scaled.recording(name).expect("there").register.expect("registered");
        let sigma = register.scale_sigma.expect("asked for");
        eprintln!("{name}: {register:?}, {} and {} m off", off(&plain, name), off(&scaled, name));
        assert!((register.scale * LARGER - 1.0).abs() < (3.0 * sigma).min(1e-3), "{register:?}");
        assert!(off(&plain, name) > 2.0 && off(&scaled, name) < 1.0, "{} {}", off(&plain, name), off(&scaled, name));
        let [before, after] = [&plain, &scaled].map(|dataset| dataset.track(name).expect("there"));
        assert!(after.rows.iter().all(|row| row.origin == origin));
        let lengths = before.length_m() / after.length_m();
        assert!((lengths * register.scale - 1.0).abs() < 1e-9, "{lengths}");
        for dataset in [&plain, &scaled] {
            let samples = (0..dataset.len()).map(|i| dataset.sample(i).expect("read"));
            let mut speeds: Vec<f32> = samples.filter(|s| s.recording_id == name).map(|s| s.actions[0][0]).collect();
            speeds.sort_by(f32::total_cmp);
            let median = f64::from(speeds[speeds.len() / 2]);
            let should = if std::ptr::eq(dataset, &plain) { 10.0 * LARGER } else { 10.0 };
            assert!((median - should).abs() < 0.02, "{name}: {median} m/s, not {should}");
        }
    }
    // Who does not ask for it has given poses as they are.
    let given = plain.recording("given").expect("there");
    assert!(given.register_stretches.is_empty());
    assert!(given.register.is_none_or(|r| r.scale == 1.0 && r.scale_sigma.is_none() && r.covariance.is_none()));

    let out = folder.path().join("scaled");
    let out = out.to_str().expect("UTF-8");
    let (code, text, stderr) = run(&["explain", out, &scaled.sample(0).expect("read").sample_id]);
    assert!(code == 0 && text.contains("scale of the drive 0.990") && text.contains("% inliers"), "{text}{stderr}");
    assert!(worldloom().args(["validate", out]).status().expect("it starts").success());
}
