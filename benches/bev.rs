//! Rasters a second: 200 × 200 cells of eight layers over a city's OpenStreetMap, along its streets; and the map in a
//! camera's picture from the same places.
//!
//! Reads `$WORLDLOOM_DATA/porto-osm/porto_portugal.osm.pbf`; without it, says so.
#![allow(missing_docs)] // criterion's macros make undocumented functions

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nalgebra::{Matrix3, Vector3};
use worldloom::Quarantine;
use worldloom::coord::{Camera, CameraIntrinsics, CameraModelKind, EnuFrame, Geodetic, Pose};
use worldloom::record::MapLayer;
use worldloom::render::{BevConfig, MapIndex, bev, map_view};
use worldloom::source::MapOptions;
use worldloom::source::registry::open_map;

/// Places that rasters are drawn at.
const PLACES: usize = 64;

fn porto(c: &mut Criterion) {
    let Some(data) = std::env::var_os("WORLDLOOM_DATA").map(PathBuf::from) else {
        eprintln!("skipped: WORLDLOOM_DATA is not set");
        return;
    };
    let path = data.join("porto-osm/porto_portugal.osm.pbf");
    let map = open_map(&path, Some("osm"), &MapOptions::default()).expect("an OSM file");
    let mut features = Vec::new();
    let mut sink = |feature| {
        features.push(feature);
        Ok(())
    };
    map.read(None, &mut Quarantine::new(), &mut sink).expect("readable");
    let index = MapIndex::new(features);
    let scenes = along_streets(&index);

    let mut group = c.benchmark_group("porto");
    group.throughput(Throughput::Elements(scenes.len() as u64));
    group.sample_size(20);
    let config = BevConfig::default();
    group.bench_function("bev", |b| {
        b.iter(|| {
            for (frame, ego) in &scenes {
                black_box(bev(&index, frame, ego, &[], &config).expect("drawn"));
            }
        });
    });
    let camera = Camera::new(&CameraIntrinsics {
        model: CameraModelKind::Pinhole,
        width: 1600,
        height: 900,
        intrinsics: vec![1000.0, 1000.0, 799.5, 449.5],
        distortion: vec![-0.1, 0.02, 0.0, 0.0],
    })
    .expect("a camera");
    let axes = Matrix3::new(0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, -1.0, 0.0);
    let mount = Pose::from_rotation_matrix(&axes, Vector3::new(1.5, 0.0, 1.5));
    group.bench_function("view", |b| {
        b.iter(|| {
            for (frame, ego) in &scenes {
                black_box(map_view(&index, frame, ego, &(*ego * mount), &camera, config.reach_m()));
            }
        });
    });
    group.finish();
}

/// Egos in the middle of roads, spread over the city, that look along them.
fn along_streets(index: &MapIndex) -> Vec<(EnuFrame, Pose)> {
    let roads: Vec<_> = index.features().iter().filter(|f| f.layer == MapLayer::Road).collect();
    let spread = roads.iter().step_by((roads.len() / PLACES).max(1)).take(PLACES);
    let ego = |geometry: &geo::Geometry<f64>| {
        let geo::Geometry::LineString(line) = geometry else { return None };
        let middle = line.0.get(line.0.len() / 2)?;
        let before = line.0.get(line.0.len() / 2 - 1)?;
        let frame = EnuFrame::new(Geodetic::new(middle.x, middle.y, 50.0));
        let back = frame.to_enu(Geodetic::new(before.x, before.y, 50.0));
        Some((frame, Pose::level(Vector3::zeros(), worldloom::coord::heading_deg(-back.x, -back.y))))
    };
    spread.filter_map(|road| ego(&road.geometry)).collect()
}

criterion_group!(benches, porto);
criterion_main!(benches);
