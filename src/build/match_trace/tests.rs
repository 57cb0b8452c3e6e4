use std::io::Write;

use serde_json::{Value, json};

use super::*;
use crate::coord::Geodetic;
use crate::record::{Modes, RoadGraphBuilder, RoadLine};
use crate::time::Timestamp;

fn street() -> RoadGraph {
    let mut builder = RoadGraphBuilder::default();
    builder.lines.push(RoadLine {
        id: 7,
        nodes: vec![1, 2],
        points: vec![(127.0, 37.0), (127.01, 37.0)],
        access: [Modes::ALL; 2],
        ..RoadLine::default()
    });
    builder.build().0
}

fn fixes(count: i64, lat: f64) -> Vec<GnssFix> {
    let fix = |k: i64| {
        let place = Geodetic::new(127.001 + 1e-4 * k as f64, lat, 0.0);
        GnssFix::at(Timestamp::from_seconds(1.7e9 + k as f64), place, k as u64)
    };
    (0..count).map(fix).collect()
}

/// What is written of tracks, and said of them.
fn written(format: MatchFormat, tracks: &[Vec<GnssFix>]) -> (Vec<u8>, MatchSummary) {
    let (graph, mut out) = (street(), Vec::new());
    let mut run = Run::new(&graph, Mode::Car);
    let mut writer = MatchWriter::new(format, &mut out);
    for track in tracks {
        run.track(track, &mut |track| writer.track(track)).expect("written");
    }
    writer.finish().expect("written");
    (out, run.summary)
}

#[test]
fn tracks_are_numbered_on_and_each_begins_a_part() {
    let tracks = [fixes(9, 37.000_02), fixes(3, 37.5), fixes(9, 37.000_02)];
    let (text, summary) = written(MatchFormat::Json, &tracks);
    let read: Value = serde_json::from_slice(&text).expect("JSON");
    let points = read["points"].as_array().expect("points");
    assert!(points.len() == 21 && points.iter().enumerate().all(|(i, point)| point["index"] == i));
    let first = json!({
        "index": 0, "t_ns": 1_700_000_000_000_000_000_i64, "way_id": 7, "offset_m": points[0]["offset_m"],
        "lon": points[0]["lon"], "lat": 37.0, "distance_m": points[0]["distance_m"], "probability": 1.0,
    });
    assert_eq!(points[0], first);
    let near = |key: &str, value: f64, by: f64| (points[0][key].as_f64().expect("a number") - value).abs() < by;
    assert!(near("distance_m", 2.22, 0.01) && near("lon", 127.001, 1e-6) && near("offset_m", 89.0, 0.1), "{first}");
    assert!(points[9..12].iter().all(|point| point["way_id"].is_null() && point["probability"].is_null()));
    // The third is as the first.
    let same = |key: &str| (0..9).all(|i| points[i][key] == points[12 + i][key]);
    assert!(same("way_id") && same("offset_m") && same("lon"));
    assert_eq!(read["path"].as_array().map(Vec::len), Some(2));
    let breaks: Vec<_> = read["breaks"].as_array().expect("breaks").iter().map(|b| b["index"].as_u64()).collect();
    assert_eq!((breaks[0], breaks.last()), (Some(9), Some(&Some(12))));
    assert_eq!((summary.fixes, summary.unmatched, summary.breaks, summary.dated), (21, 3, breaks.len(), Some(true)));
    assert!(summary.is_partial() && summary.apart().is_none());
    let (text, _) = written(MatchFormat::Geojson, &tracks);
    let read: Value = serde_json::from_slice(&text).expect("GeoJSON");
    let parts = read["features"].as_array().expect("features").iter().filter_map(|f| f["properties"]["part"].as_u64());
    assert_eq!(parts.collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn what_no_track_was_in_is_whole_all_the_same() {
    let text = |format| String::from_utf8(written(format, &[]).0).expect("text");
    assert_eq!(text(MatchFormat::Json), "{\"points\":[],\"path\":[],\"breaks\":[]}\n");
    assert_eq!(text(MatchFormat::Geojson), "{\"type\":\"FeatureCollection\",\"features\":[\n]}\n");
    assert_eq!(text(MatchFormat::Csv).lines().count(), 1);
}

#[test]
fn lists_that_outgrow_memory_are_written_whole() {
    // More than a quarter of a megabyte of breaks.
    let (graph, mut out) = (street(), Vec::new());
    let (track, matched) = (fixes(1, 37.5), crate::fuse::matching::Matched::default());
    let mut writer = MatchWriter::new(MatchFormat::Json, &mut out);
    for k in 0..20_000 {
        writer.track(&MatchedTrack::new(&graph, &track, &matched, k, 0)).expect("written");
    }
    writer.finish().expect("written");
    let read: Value = serde_json::from_slice(&out).expect("JSON");
    let breaks = read["breaks"].as_array().expect("breaks");
    assert!(breaks.len() == 19_999 && breaks.iter().enumerate().all(|(i, b)| b["index"] == i + 1));
}

#[test]
fn an_output_that_is_full_ends_the_matching() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (mut full, graph) = (Full, street());
    let mut writer = MatchWriter::new(MatchFormat::Csv, &mut full);
    let error = match_fixes(&graph, Mode::Car, &fixes(9, 37.0), &mut |track| writer.track(track));
    assert!(error.expect_err("refused").to_string().contains("write the answer"));
}
