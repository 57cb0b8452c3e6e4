//! `worldloom match` on the drives of `samples/town`: the ways of the truth, and every format.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn town(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/town").join(path)
}

fn matched(arguments: &[&str]) -> (i32, Vec<u8>) {
    let trace = town("drives/drive-1/gnss.csv");
    let map = town("map/town.osm.pbf");
    let output = Command::new(env!("CARGO_BIN_EXE_worldloom"))
        .args(["match", trace.to_str().expect("UTF-8"), "--map", map.to_str().expect("UTF-8")])
        .args(arguments)
        .output()
        .expect("it runs");
    (output.status.code().unwrap_or(-1), output.stdout)
}

#[test]
fn fixes_are_on_the_ways_of_the_truth() {
    let (code, out) = matched(&["--json"]);
    assert_eq!(code, 0);
    let answer: Value = serde_json::from_slice(&out).expect("JSON");
    let truth = std::fs::read_to_string(town("truth/drive-1/matched.csv")).expect("readable");
    let truth: BTreeMap<i64, (i64, f64)> = truth
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split(',');
            let t = fields.next()?.parse().ok()?;
            Some((t, (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?)))
        })
        .collect();
    let (mut all, mut right) = (0, 0);
    for point in answer["points"].as_array().expect("points") {
        let t = point["t_ns"].as_i64().expect("a time");
        let Some((_, (way, offset_m))) = truth.range(t - 50_000_000..t + 50_000_000).next() else { continue };
        all += 1;
        if point["way_id"].as_i64() == Some(*way) {
            right += 1;
            assert!((point["offset_m"].as_f64().expect("metres") - offset_m).abs() < 12.0, "{point}");
        }
    }
    assert!(all > 200 && right * 10 >= all * 9, "{right} of {all}");
    // Pieces of the path follow each other node by node.
    let path = answer["path"].as_array().expect("a path");
    assert!(path.windows(2).all(|w| w[0]["to_node"] == w[1]["from_node"]), "{path:?}");
    assert!(path.iter().all(|p| (0.0..=1.0).contains(&p["probability"].as_f64().expect("a number"))));
    assert!(answer["breaks"].as_array().expect("breaks").is_empty());
}

#[test]
fn every_format_has_a_row_for_each_fix() {
    let fixes = std::fs::read_to_string(town("drives/drive-1/gnss.csv")).expect("readable").lines().count() - 1;
    let (_, csv) = matched(&["--format", "csv"]);
    assert_eq!(String::from_utf8(csv).expect("UTF-8").lines().count(), fixes + 1);
    let (_, geojson) = matched(&[]);
    let geojson: Value = serde_json::from_slice(&geojson).expect("JSON");
    let kinds = |kind: &str| {
        geojson["features"].as_array().expect("features").iter().filter(|f| f["geometry"]["type"] == kind).count()
    };
    assert_eq!((kinds("LineString"), kinds("Point")), (1, fixes));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("matched.parquet");
    let (code, out) = matched(&["--out", file.to_str().expect("UTF-8")]);
    assert_eq!((code, out.len()), (0, 0));
    let bytes = std::fs::read(&file).expect("written");
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
}

/// What `worldloom match` of a trace with these bytes says: its exit code, stdout and stderr.
fn match_text(name: &str, text: &str, arguments: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join(name);
    std::fs::write(&trace, text).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_worldloom"))
        .args(["match", trace.to_str().expect("UTF-8"), "--map", town("map/town.osm.pbf").to_str().expect("UTF-8")])
        .args(arguments)
        .output()
        .expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn an_ending_of_no_format_is_an_error_that_names_the_endings() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("x.xyz");
    let name = out.to_str().expect("UTF-8");
    let text = "lon,lat\n1,2\n";
    let (code, _, said) = match_text("a.csv", text, &["--out", name]);
    assert!(code == 2 && said.contains(".geojson, .json, .csv and .parquet") && !out.exists(), "{code}: {said}");
    let (code, ..) = match_text("a.csv", text, &["--out", name, "--format", "csv"]);
    assert!(code == 3 && out.exists());
}

#[test]
fn a_trace_of_another_place_than_the_map_is_told_with_both_boxes() {
    let (code, _, said) = match_text("a.csv", "lon,lat\n1.5,2.5\n1.501,2.5\n", &[]);
    assert!(code == 3 && said.contains("do not overlap: the trace lies in [1.5000, 2.5000, 1.5010, 2.5000]"), "{said}");
}

#[test]
fn times_since_boot_are_matched_as_they_are_and_numbers_for_dates_named() {
    let drive = std::fs::read_to_string(town("drives/drive-1/gnss.csv")).expect("readable");
    let with = |column: &str| -> String {
        let places =
            drive.lines().skip(1).map(|line| line.splitn(4, ',').skip(1).take(2).collect::<Vec<_>>().join(","));
        let rows = places.enumerate().map(|(i, place)| format!("{},{place}\n", i + 1));
        format!("{column},lon,lat\n{}", rows.collect::<String>())
    };
    let (code, out, said) = match_text("a.csv", &with("t_s"), &["--json"]);
    let answer: Value = serde_json::from_str(&out).expect("JSON");
    assert!(said.contains("unknown epoch") && !said.contains("without times"), "{code}: {said}");
    assert_eq!(answer["points"][1]["t_ns"], 2_000_000_000_i64);
    let (code, _, said) = match_text("a.csv", &with("time"), &[]);
    assert!(code == 1 && said.contains("`time` holds no date") && said.contains("`t_s`, `t_ms` or `t_ns`"), "{said}");
}

#[test]
fn columns_of_other_names_are_mapped() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace.csv");
    let own = std::fs::read_to_string(town("drives/drive-1/gnss.csv")).expect("readable");
    let (header, rows) = own.split_once('\n').expect("a header");
    let renamed = header.replace("t_ns", "stamp").replace("lon", "x").replace("lat", "y");
    std::fs::write(&trace, format!("{renamed}\n{rows}")).expect("writable");
    let map = town("map/town.osm.pbf");
    let run = |columns: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_worldloom"))
            .args(["match", trace.to_str().expect("UTF-8"), "--map", map.to_str().expect("UTF-8"), "--json"])
            .args(columns)
            .output()
            .expect("it runs")
    };
    let mapped = run(&["--columns", "lon=x,lat=y", "--columns", "t_ns=stamp"]);
    assert_eq!((mapped.status.code(), mapped.stdout), (Some(0), matched(&["--json"]).1));
    let refused = |columns: &[&str], code: i32, why: &str| {
        let output = run(columns);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(code) && told.contains(why), "{told}");
    };
    refused(&[], 1, "no column `lon`");
    refused(&["--columns", "longitude=x"], 2, "`columns` has no `longitude`");
    refused(&["--columns", "lon=east,lat=y"], 1, "`columns` maps lon to `east`");
    refused(&["--columns", "x"], 2, "lon=longitude");
    let line = r#"{"type": "LineString", "coordinates": [[127.1097, 37.3933], [127.1107, 37.3933]]}"#;
    let (_, _, said) = match_text("a.geojson", line, &["--columns", "lon=x"]);
    assert!(said.contains("GeoJSON has no columns"), "{said}");
}

#[test]
fn tracks_of_a_file_are_matched_one_by_one_whatever_the_order_of_their_rows() {
    let own = std::fs::read_to_string(town("drives/drive-1/gnss.csv")).expect("readable");
    let (header, rows) = own.split_once('\n').expect("a header");
    let rows: Vec<&str> = rows.lines().collect();
    let of = |tracks: &[(&str, &str)]| -> String {
        let lines = tracks.iter().map(|(track, row)| format!("{track},{row}\n"));
        format!("track,{header}\n{}", lines.collect::<String>())
    };
    let apart: Vec<_> = ["a", "b", "c"].iter().flat_map(|track| rows.iter().map(move |row| (*track, *row))).collect();
    let mixed: Vec<_> = rows.iter().flat_map(|row| ["a", "b", "c"].map(|track| (track, *row))).collect();
    let (code, text, said) = match_text("a.csv", &of(&apart), &["--json"]);
    assert!(code == 3 && said.contains("the path breaks 2 times"), "{code}: {said}");
    assert_eq!(match_text("a.csv", &of(&mixed), &["--json"]).1, text);
    let (read, one): (Value, Value) =
        (serde_json::from_str(&text).expect("JSON"), serde_json::from_slice(&matched(&["--json"]).1).expect("JSON"));
    let (points, of_one) = (read["points"].as_array().expect("points"), one["points"].as_array().expect("points"));
    assert_eq!(points.len(), 3 * of_one.len());
    for (i, point) in points.iter().enumerate() {
        let mut same = of_one[i % of_one.len()].clone();
        same["index"] = i.into();
        assert_eq!(*point, same);
    }
    assert_eq!(read["path"].as_array().map(Vec::len), one["path"].as_array().map(|path| 3 * path.len()));
}

#[test]
fn an_answer_that_fails_leaves_the_one_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("a.csv");
    std::fs::write(&out, "before").expect("written");
    // The second of two tracks is cut off within a gzip block.
    let text = format!("track,lon,lat\n{}", "a,127.1097,37.3933\n".repeat(9) + &"b,127.1097,37.3933\n".repeat(90_000));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    std::io::Write::write_all(&mut packed, text.as_bytes()).expect("packed");
    let packed = packed.finish().expect("packed");
    let trace = folder.path().join("trace.csv.gz");
    std::fs::write(&trace, &packed[..packed.len() / 2]).expect("written");
    let ended = Command::new(env!("CARGO_BIN_EXE_worldloom"))
        .args(["match".as_ref(), trace.as_os_str(), "--map".as_ref(), town("map/town.osm.pbf").as_os_str()])
        .args(["--out".as_ref(), out.as_os_str()])
        .output()
        .expect("it runs");
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&out).expect("readable"), "before");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 2);
}
