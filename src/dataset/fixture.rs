//! A small data set for tests, with every nullable column both null and not.

use std::path::Path;
use std::sync::Arc;

use geo::{Geometry, LineString, Polygon};
use nalgebra::{UnitQuaternion, Vector3};

use super::manifest::{FORMAT_VERSION, Manifest, SourceEntry, Times};
use super::rows::{FrameRow, PoseRow, RecordingRow, ReferenceRow, SourceRow};
use super::shard::ShardWriter;
use super::tables;
use super::unit::stage_file;
use crate::coord::{BBox, EnuFrame, Geodetic, Pose};
use crate::fuse::{ClockOffset, Register, Stretch};
use crate::record::{CameraIntrinsics, CameraModelKind, MapAttributes, MapFeature, MapLayer, Modality, Sensor};
use crate::sample::{Caption, PrivacyState, SampleFrame, SampleRow, Split};

/// Pangyo, where the town lies.
pub(crate) const ORIGIN: Geodetic = Geodetic::new(127.1112, 37.3947, 50.0);

/// A sample of `recording` on a straight way east, `n` metres north and `e` east of the origin.
pub(crate) fn sample(id: &str, recording: &str, e: f64, n: f64, full: bool) -> SampleRow {
    let frame = EnuFrame::new(ORIGIN);
    let at = |dx: f64| frame.to_geodetic(Vector3::new(e + dx, n, 0.0));
    let path = [-5.0, 0.0, 15.0].map(|dx| (at(dx).lon_deg, at(dx).lat_deg)).to_vec();
    let anchor = at(0.0);
    let ticks = [-5.0_f32, 0.0, 5.0, 10.0, 15.0];
    let t0_ns = 1_700_000_000_000_000_000 + (e * 1e8) as i64;
    SampleRow {
        sample_id: id.to_string(),
        recording_id: recording.to_string(),
        t0_ns: full.then_some(t0_ns),
        s0_m: 5.0,
        split: if full { Split::Train } else { Split::None },
        path,
        lon: anchor.lon_deg,
        lat: anchor.lat_deg,
        height_m: anchor.height_m,
        heading_deg: 90.0,
        h3: "8c30e0000000dff".to_string(),
        poses: ticks.map(|x| [x, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]).to_vec(),
        pose_t_ns: full.then(|| (-1..4).map(|k| t0_ns + k * 500_000_000).collect()),
        pose_s_m: ticks.map(|x| f64::from(x) + 5.0).to_vec(),
        actions: ticks.map(|_| if full { [10.0, 0.5, 0.0, 0.0] } else { [f32::NAN; 4] }).to_vec(),
        steering_rad: full.then(|| vec![0.01; 5]),
        frames: match full {
            true => vec![SampleFrame {
                channel: "front".to_string(),
                modality: "camera".to_string(),
                tick: 1,
                frame_id: format!("{recording}/front/0"),
            }],
            false => Vec::new(),
        },
        pose_sigma_m: full.then_some(0.4),
        pose_source: "estimated".to_string(),
        sync_residual_ms: full.then_some(12.5),
        interpolation_gap_ms: full.then_some(1000.0),
        match_way_ids: full.then(|| vec!["way/1".to_string(), "way/2".to_string()]),
        match_probability: full.then_some(0.9),
        register_residual_m: full.then_some(0.2),
        register_inliers: full.then_some(0.9),
        register_covariance_m2: full.then_some([0.4, -0.1, 0.3]),
        captions: full.then(|| {
            vec![
                Caption {
                    lang: "ko".to_string(),
                    task: "caption".to_string(),
                    question: None,
                    text: "판교역로를 따라 동쪽으로 달린다.".to_string(),
                    evidence: vec!["way/1".to_string()],
                },
                Caption {
                    lang: "en".to_string(),
                    task: "spatial_qa".to_string(),
                    question: Some("Which street is this?".to_string()),
                    text: "Pangyoyeok-ro".to_string(),
                    evidence: Vec::new(),
                },
            ]
        }),
        privacy: PrivacyState {
            state: "metadata_stripped".to_string(),
            detector: full.then(|| "egoblur".to_string()),
            regions: i32::from(full),
        },
        licenses: vec!["CC-BY-4.0".to_string()],
        attributions: if full { vec!["© someone".to_string()] } else { Vec::new() },
        sources: vec!["drives/a".to_string()],
    }
}

/// A frame whose bytes are `media`.
pub(crate) fn frame(id: &str, recording: &str, full: bool) -> FrameRow {
    FrameRow {
        frame_id: id.to_string(),
        recording_id: recording.to_string(),
        channel: "front".to_string(),
        modality: "camera".to_string(),
        t_ns: full.then_some(1_700_000_000_000_000_000),
        t_source_ns: full.then_some(1_699_999_999_900_000_000),
        lon: full.then_some(ORIGIN.lon_deg),
        lat: full.then_some(ORIGIN.lat_deg),
        height_m: full.then_some(51.5),
        heading_deg: full.then_some(90.0),
        heading_sigma_deg: full.then_some(1.5),
        pose: full.then_some([0.0, 0.0, 1.5, 0.5, -0.5, 0.5, -0.5]),
        shard: String::new(),
        offset: 0,
        length: 0,
        checksum: String::new(),
        format: "png".to_string(),
        width: full.then_some(2),
        height: full.then_some(1),
        points: None,
        duration_ms: None,
        privacy_state: "metadata_stripped".to_string(),
        s_m: full.then_some(5.0),
        source_path: "images/front/0.png".to_string(),
        source_record: None,
        license: "CC-BY-4.0".to_string(),
    }
}

/// Poses of a recording that drives east at 10 m/s from the origin, a row each half second.
pub(crate) fn poses(recording: &str, timed: bool) -> Vec<PoseRow> {
    let frame = EnuFrame::new(ORIGIN);
    (0..60)
        .map(|k| {
            let x = f64::from(k) * 5.0;
            let place = frame.to_geodetic(Vector3::new(x, 0.0, 0.0));
            PoseRow {
                recording_id: recording.to_string(),
                t_ns: timed.then_some(1_700_000_000_000_000_000 + i64::from(k) * 500_000_000),
                s_m: x,
                lon: place.lon_deg,
                lat: place.lat_deg,
                height_m: place.height_m,
                pose: [x, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
                speed_mps: timed.then_some(10.0),
                acceleration_mps2: timed.then_some(0.0),
                yaw_rate_radps: timed.then_some(0.0),
                sigma_xy_m: timed.then_some(0.3),
                sigma_z_m: None,
                sigma_heading_deg: timed.then_some(1.0),
                source: if timed { "source" } else { "estimated" }.to_string(),
                way_id: (k % 2 == 0).then(|| "way/1".to_string()),
                way_offset_m: (k % 2 == 0).then_some(x),
                match_probability: (k % 2 == 0).then_some(0.9),
            }
        })
        .collect()
}

/// A recording with a camera, an IMU and a microphone of unknown mount.
pub(crate) fn recording(id: &str, full: bool) -> RecordingRow {
    let mount = Pose::new(Vector3::new(1.5, 0.0, 1.4), UnitQuaternion::from_euler_angles(-1.57, 0.0, -1.57));
    let camera = CameraIntrinsics {
        model: CameraModelKind::Pinhole,
        width: 2,
        height: 1,
        intrinsics: vec![2.0, 2.0, 0.5, 0.0],
        distortion: Vec::new(),
    };
    let sensor = |channel: &str, modality, camera, ego_se3_sensor| Sensor {
        channel: channel.to_string(),
        modality,
        camera,
        ego_se3_sensor,
    };
    RecordingRow {
        recording_id: id.to_string(),
        entry: 0,
        kind: "folder".to_string(),
        origin: ORIGIN,
        height_datum: "ellipsoidal".to_string(),
        t_start_ns: full.then_some(1_700_000_000_000_000_000),
        t_end_ns: full.then_some(1_700_000_029_500_000_000),
        length_m: 295.0,
        clock: match full {
            true => vec![ClockOffset {
                sensor: "front".to_string(),
                offset_ms: Some(100.0),
                sigma_ms: None,
                drift_ppm: None,
                method: Some("trusted".to_string()),
                applied: true,
            }],
            false => Vec::new(),
        },
        sensors: vec![
            sensor("front", Some(Modality::Camera), Some(camera), Some(mount)),
            sensor("imu", None, None, Some(Pose::identity())),
            sensor("mic", Some(Modality::Audio), None, None),
        ],
        register: full.then_some(Register {
            dx_m: 0.1,
            dy_m: -0.2,
            dyaw_deg: 0.3,
            residual_m: 0.4,
            inliers: 0.5,
            scale: 1.01,
            scale_sigma: Some(0.001),
            covariance: Some([0.5, 0.1, 0.0, 0.0, 0.6, 0.01, 0.0, 0.02, 0.0, 1e-6]),
        }),
        register_stretches: match full {
            true => vec![Stretch {
                s_m: 25.0,
                shift_m: [0.1, -0.2],
                sigma_m: 0.6,
                covariance_m2: [0.4, -0.1, 0.32],
                residual_m: Some(0.4),
                inliers: Some(0.9),
            }],
            false => Vec::new(),
        },
        sources: vec!["drives/a".to_string()],
        license: "CC-BY-4.0".to_string(),
    }
}

/// A road along the recording's path and a house beside it.
pub(crate) fn map() -> Vec<MapFeature> {
    let frame = EnuFrame::new(ORIGIN);
    let at = |x: f64, y: f64| {
        let place = frame.to_geodetic(Vector3::new(x, y, 0.0));
        (place.lon_deg, place.lat_deg)
    };
    let feature = |id: &str, layer, geometry, class: &str| MapFeature {
        source: Arc::from("map/town.osm.pbf"),
        ..MapFeature::example(id, layer, class, geometry)
    };
    let road = Geometry::LineString(LineString::from(vec![at(-50.0, 0.0), at(400.0, 0.0)]));
    let house = vec![at(10.0, 10.0), at(30.0, 10.0), at(30.0, 30.0), at(10.0, 30.0), at(10.0, 10.0)];
    let house = Geometry::Polygon(Polygon::new(LineString::from(house), Vec::new()));
    let mut road = feature("way/1", MapLayer::Road, road, "residential");
    road.name = Some("판교역로".to_string());
    road.name_en = Some("Pangyoyeok-ro".to_string());
    road.attributes = MapAttributes {
        lanes: Some(2),
        oneway: Some("no".to_string()),
        maxspeed_kmh: Some(50.0),
        ..MapAttributes::default()
    };
    vec![road, feature("way/2", MapLayer::Building, house, "house")]
}

/// A reference of a sample.
pub(crate) fn reference(full: bool) -> ReferenceRow {
    ReferenceRow {
        sample_id: "s0".to_string(),
        frame_id: "b/front/0".to_string(),
        role: if full { "lookahead" } else { "geometric" }.to_string(),
        recording_id: "b".to_string(),
        dt_days: full.then_some(40.0),
        distance_m: 3.0,
        bearing_deg: full.then_some(-10.0),
        channel: full.then(|| "front".to_string()),
        overlap: vec![0.5, f64::NAN, 0.25, 0.5, 0.5],
        overlap_source: full.then(|| "footprint".to_string()),
        ahead_m: full.then_some(12.0),
    }
}

/// A PNG of 2 × 1 pixels.
pub(crate) fn picture() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let image = image::RgbImage::from_raw(2, 1, vec![255, 0, 0, 0, 0, 255]).expect("six bytes are two pixels");
    image.write_to(&mut bytes, image::ImageFormat::Png).expect("a PNG in memory");
    bytes.into_inner()
}

/// Writes a whole data set with the samples given; recordings `a` (timed) and `b` (not).
pub(crate) fn write(dir: &Path, samples: &[SampleRow]) {
    for folder in ["samples", "frames", "poses", "recordings", "references", "sources", "map"] {
        std::fs::create_dir_all(dir.join(folder)).expect("a folder");
    }
    let mut shard = ShardWriter::new(dir, "a", 1 << 20).expect("a folder");
    let frames: Vec<FrameRow> = [("a/front/0", "a", true), ("b/front/0", "b", false)]
        .map(|(id, recording, full)| {
            let placed = shard.append(id, "png", &picture()).expect("written");
            FrameRow {
                shard: placed.shard,
                offset: placed.offset,
                length: placed.length,
                checksum: placed.checksum,
                ..frame(id, recording, full)
            }
        })
        .to_vec();
    shard.finish().expect("written");
    let (a, b) = samples.split_at(samples.len() / 2);
    tables::write_samples(&dir.join("samples/a.parquet"), a).expect("written");
    tables::write_samples(&dir.join("samples/b.parquet"), b).expect("written");
    tables::write_frames(&dir.join("frames/a.parquet"), &frames).expect("written");
    let poses = [poses("a", true), poses("b", false)].concat();
    tables::write_poses(&dir.join("poses/a.parquet"), &poses).expect("written");
    let recordings = [recording("a", true), recording("b", false)];
    tables::write_recordings(&dir.join("recordings/a.parquet"), &recordings).expect("written");
    tables::write_references(&dir.join("references/a.parquet"), &[reference(true), reference(false)]).expect("written");
    let source = SourceRow {
        path: "drives/a/gnss.csv".to_string(),
        size: 12,
        blake3: blake3::hash(b"x").to_hex().to_string(),
        entry: "recording/0".to_string(),
    };
    tables::write_sources(&dir.join("sources/a.parquet"), &[source]).expect("written");
    for layer in crate::record::LAYERS {
        let features: Vec<MapFeature> = map().into_iter().filter(|f| f.layer == layer).collect();
        tables::write_map(&dir.join(format!("map/{}.parquet", layer.name())), &features).expect("written");
    }
    list(dir, samples);
}

/// Writes the manifest of what lies in `dir`.
pub(crate) fn list(dir: &Path, samples: &[SampleRow]) {
    let mut paths = Vec::new();
    for folder in std::fs::read_dir(dir).expect("a folder").flatten().filter(|f| f.path().is_dir()) {
        for file in std::fs::read_dir(folder.path()).expect("a folder").flatten() {
            paths.push(format!("{}/{}", folder.file_name().to_string_lossy(), file.file_name().to_string_lossy()));
        }
    }
    paths.sort();
    let source = |path: &str, kind: &str, entry: &str, license: &str, attribution: Option<&str>| SourceEntry {
        path: path.to_string(),
        kind: kind.to_string(),
        entry: entry.to_string(),
        size: 12,
        blake3: blake3::hash(path.as_bytes()).to_hex().to_string(),
        license: license.to_string(),
        attribution: attribution.map(str::to_string),
    };
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        name: "fixture".to_string(),
        code_version: "worldloom test".to_string(),
        config: serde_json::json!({
            "dataset": { "name": "fixture", "license": "CC-BY-4.0", "seed": 7 },
            "recording": [{ "path": "drives/*" }],
            "sample": { "axis": "time", "rate_hz": 2.0, "past_s": 0.5, "future_s": 1.5, "stride_s": 0.5,
                        "text": { "languages": ["ko", "en"], "tasks": ["caption"] } },
            "split": { "method": "place", "cell": 8, "buffer_m": 50.0,
                       "fractions": { "train": 0.8, "val": 0.1, "test": 0.1 } },
        }),
        sources: vec![
            source("map/town.osm.pbf", "osm", "map/0", "ODbL-1.0", None),
            source("drives/a", "folder", "recording/0", "CC-BY-4.0", Some("© someone")),
        ],
        counts: [("samples".to_string(), samples.len() as u64)].into(),
        extent: BBox::of_points(samples.iter().flat_map(|s| s.path.iter().copied())),
        times: Some(Times { start_ns: 1_700_000_000_000_000_000, end_ns: 1_700_000_029_500_000_000 }),
        files: paths.iter().map(|path| stage_file(dir, &dir.join(path)).expect("a file")).collect(),
    };
    manifest.write(dir).expect("written");
}

/// The samples of the usual fixture: 40 along the road, a third of them bare.
pub(crate) fn samples() -> Vec<SampleRow> {
    (0..40)
        .map(|i| {
            let full = i % 3 > 0;
            let mut row = sample(&format!("s{i}"), if full { "a" } else { "b" }, f64::from(i) * 5.0 + 5.0, 0.0, full);
            if !full {
                row.frames.clear();
            }
            row
        })
        .collect()
}

/// Runs `tests/python/test_open_files.py` over the fixture, with the Python that `WORLDLOOM_PYTHON` names.
#[test]
fn the_files_open_in_other_tools() {
    let Some(python) = std::env::var_os("WORLDLOOM_PYTHON") else {
        eprintln!("skipped: WORLDLOOM_PYTHON names no Python with pyarrow, geopandas, duckdb and webdataset");
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), &samples());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/test_open_files.py");
    let status = std::process::Command::new(python)
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .arg(script)
        .env("WORLDLOOM_DATASET", dir.path())
        .status()
        .expect("Python runs");
    assert!(status.success());
}
