//! Logs that the formats' own Python libraries wrote (`tests/fixtures/logs/make.py`), damaged ones, and real ones.

use std::path::{Path, PathBuf};

use nalgebra::Vector3;
use proptest::prelude::*;

use super::message_media;
use crate::coord::EnuFrame;
use crate::error::{Quarantine, Result};
use crate::record::{FrameFormat, FrameRecord, MediaRef, Modality, Recording};
use crate::source::recording::{lidar, mcap, rosbag1};
use crate::source::{Limits, RecordingOptions, RecordingSource};

macro_rules! log {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../../../tests/fixtures/logs/", $name)).as_slice())
    };
}

const LOGS: [(&str, &[u8]); 8] = [
    log!("ros2-none.mcap"),
    log!("ros2-lz4.mcap"),
    log!("ros2-zstd.mcap"),
    log!("ros1-none.bag"),
    log!("ros1-lz4.bag"),
    log!("ros1-bz2.bag"),
    log!("foxglove-json.mcap"),
    log!("foxglove-proto.mcap"),
];

fn open(path: &Path) -> Result<Box<dyn RecordingSource>> {
    let options = RecordingOptions::default();
    if path.extension().is_some_and(|e| e == "bag") {
        rosbag1::open(path, &options)
    } else {
        mcap::open(path, &options)
    }
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("written");
    path
}

fn read(path: &Path) -> (Result<Vec<Recording>>, Quarantine) {
    let mut quarantine = Quarantine::new();
    let recordings = open(path).and_then(|source| source.read(&mut quarantine));
    (recordings, quarantine)
}

fn media(frame: &FrameRecord) -> Vec<u8> {
    let MediaRef::Message(message) = &frame.media else { panic!("a message") };
    message_media(message).expect("readable")
}

/// What all logs of `make.py` have in common.
fn check_fixes(recording: &Recording, name: &str, fixes: usize) {
    assert_eq!(recording.gnss.len(), fixes, "{name}");
    let first = recording.gnss[0];
    assert_eq!(
        first.t.map(|t| t.to_string()).as_deref(),
        Some("2024-05-01T00:00:00Z"),
        "the stamp, not the time of logging"
    );
    assert_eq!((first.place.lon_deg, first.place.lat_deg, first.place.height_m), (127.1, 37.4, 50.0), "{name}");
    assert_eq!((first.sigma_xy_m, first.sigma_z_m), (Some(2.0), Some(3.0)), "{name}");
    let frame = EnuFrame::new(first.place);
    assert!((frame.to_enu(recording.gnss[2].place) - Vector3::new(4.0, 0.0, 0.0)).norm() < 0.01, "{name}");
}

#[test]
fn logs_of_ros_are_read_alike_whatever_packs_them() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in &LOGS[..6] {
        let path = written(folder.path(), name, bytes);
        assert_eq!((mcap::detect(&path), rosbag1::detect(&path)), (name.ends_with("mcap"), name.ends_with("bag")));
        let (recordings, quarantine) = read(&path);
        let recordings = recordings.expect("reads");
        let recording = &recordings[0];
        check_fixes(recording, name, 4);
        let reasons: Vec<_> = quarantine.iter().map(|(_, reason, r)| (reason, r.count)).collect();
        assert_eq!(reasons, [("/fix: the receiver had no fix", 1)], "{name}");
        assert_eq!((recording.imu.len(), recording.wheel.len(), recording.frames.len()), (5, 5, 7), "{name}");
        assert_eq!(recording.imu[0].accel_mps2, Vector3::new(0.5, 0.0, 9.75));
        assert_eq!((recording.imu[0].gyro_radps.z, recording.wheel[4].speed_mps), (0.125, 10.0));
        // Mounts by the static tree, intrinsics by the namespace of the topic.
        let gnss = recording.sensor("gnss").and_then(|s| s.ego_se3_sensor).expect("mounted");
        assert_eq!(gnss.translation, Vector3::new(0.5, 0.0, 1.5));
        let front = recording.sensor("front").expect("a channel");
        assert!((front.ego_se3_sensor.expect("mounted").rotation * Vector3::z() - Vector3::x()).norm() < 1e-12);
        assert_eq!(front.camera.as_ref().expect("calibrated").intrinsics, [20.0, 20.0, 7.5, 3.5]);
        assert!(recording.sensor("side").expect("a channel").camera.is_none());
        // Payloads as files.
        let of = |channel: &str| recording.frames.iter().find(|f| f.channel == channel).expect("a frame");
        assert_eq!((of("front").width, of("front").height, of("front").format), (Some(16), Some(8), FrameFormat::Jpg));
        assert!(media(of("front")).starts_with(&[0xff, 0xd8]) && media(of("front")).ends_with(&[0xff, 0xd9]));
        let side = image::load_from_memory(&media(of("side"))).expect("a PNG").to_rgb8();
        assert_eq!((side.dimensions(), side.get_pixel(1, 0).0), ((4, 2), [5, 4, 3]), "blue came first");
        assert_eq!((of("points").points, of("points").modality), (Some(3), Modality::Lidar));
        let cloud = lidar::read_points(&media(of("points")), FrameFormat::Pcd, &Limits::default()).expect("a PCD");
        assert_eq!(
            (cloud.xyz, cloud.intensity),
            (vec![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [-7.0, 8.0, 9.0]], Some(vec![10.0, 20.0, 30.0]))
        );
        let probe = open(&path).and_then(|s| s.probe()).expect("probes");
        assert_eq!((probe.counts["gnss"], probe.counts["images/front"], probe.counts["lidar/points"]), (4, 5, 1));
        assert!(probe.notes.iter().any(|note| note.contains("/chatter (std_msgs/String)")), "{:?}", probe.notes);
    }
}

#[test]
fn foxglove_in_json_and_protobuf_is_read_alike() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in &LOGS[6..] {
        let (recordings, quarantine) = read(&written(folder.path(), name, bytes));
        let recordings = recordings.expect("reads");
        assert!(quarantine.is_empty(), "{name}: {quarantine:?}");
        let recording = &recordings[0];
        check_fixes(recording, name, 5);
        let frame = recording.frames.iter().find(|f| f.channel == "front").expect("a frame");
        assert_eq!((frame.width, frame.height), (Some(16), Some(8)));
        assert!(image::load_from_memory(&media(frame)).is_ok_and(|picture| picture.width() == 16));
    }
    let (recordings, _) = read(&folder.path().join("foxglove-proto.mcap"));
    let recording = &recordings.expect("reads")[0];
    let front = recording.sensor("front").expect("a channel");
    assert_eq!(front.ego_se3_sensor.expect("mounted").translation, Vector3::new(1.5, 0.0, 0.0));
    assert_eq!(front.camera.as_ref().expect("calibrated by its frame").distortion.len(), 5);
    let points = recording.frames.iter().find(|f| f.channel == "points").expect("a cloud");
    let cloud = lidar::read_points(&media(points), FrameFormat::Pcd, &Limits::default()).expect("a PCD");
    assert_eq!(cloud.xyz[2], [-7.0, 8.0, 9.0]);
}

#[test]
fn a_log_that_lost_its_end_is_read_up_to_its_last_whole_chunk() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in &LOGS {
        let (mut before, mut partial) = (0, 0);
        for cut in (1..32).map(|i| bytes.len() * i / 32) {
            let (recordings, quarantine) = read(&written(folder.path(), name, &bytes[..cut]));
            let Ok(recordings) = recordings else { continue };
            let fixes = recordings[0].gnss.len();
            assert!(fixes >= before, "{name}: a longer file has more");
            before = fixes;
            let told = |(_, reason, r): (&str, &str, &crate::error::Refused)| {
                reason.contains("cut short") && r.examples[0].contains("byte")
            };
            partial += usize::from(fixes < 4 && quarantine.iter().any(told));
        }
        // What is one chunk is lost as a whole.
        assert!(partial > 0 || name.ends_with("bag") || *name == "foxglove-proto.mcap", "{name}");
    }
}

#[test]
fn a_chunk_with_a_wrong_checksum_is_left_out_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bytes = LOGS[0].1.to_vec();
    let at = bytes.windows(4).position(|w| w == b"\xff\xd8\xff\xe0").expect("a JPEG");
    bytes[at + 30] ^= 1;
    let (recordings, quarantine) = read(&written(folder.path(), "a.mcap", &bytes));
    assert!(recordings.expect("reads")[0].frames.iter().filter(|f| f.channel == "front").count() < 5);
    assert!(quarantine.iter().any(|(_, reason, _)| reason.contains("checksum of a chunk")), "{quarantine:?}");
}

#[test]
fn parts_of_a_recording_are_joined() {
    let folder = tempfile::tempdir().expect("a folder");
    let parts = folder.path().join("drive");
    std::fs::create_dir(&parts).expect("made");
    written(&parts, "drive_0.mcap", LOGS[1].1);
    written(&parts, "drive_1.mcap", LOGS[6].1);
    assert!(mcap::detect(&parts));
    let (recordings, quarantine) = read(&parts);
    let recordings = recordings.expect("reads");
    // The same second twice: what repeats is refused, and the fifth fix comes from the second part.
    assert_eq!((recordings[0].name.as_str(), recordings[0].gnss.len()), ("drive", 5), "{quarantine:?}");
}

#[test]
fn real_logs_have_the_counts_that_their_pages_say() {
    let Some(root) = std::env::var_os("WORLDLOOM_DATA") else {
        eprintln!("skipped: WORLDLOOM_DATA is not set");
        return;
    };
    let root = Path::new(&root);
    let (recordings, quarantine) = read(&root.join("husky-navsat/test1.bag"));
    let recordings = recordings.expect("reads");
    let husky = &recordings[0];
    assert_eq!((husky.gnss.len(), husky.imu.len(), husky.wheel.len()), (989, 11_865, 3_952), "{quarantine:?}");
    let (first, last) = (husky.gnss[0], husky.gnss[988]);
    assert!(first.t.is_some_and(|t| t.to_string().starts_with("2015-05-21T19:11:38")), "{:?}", first.t);
    assert!(last.t.is_some_and(|t| t.to_string().starts_with("2015-05-21T19:18:1")), "{:?}", last.t);
    assert_eq!((first.sigma_xy_m, first.sigma_z_m), (Some(0.9), Some(1.8)));
    let lats = husky.gnss.iter().map(|f| f.place.lat_deg);
    let (low, high) = (lats.clone().fold(90.0, f64::min), lats.fold(-90.0, f64::max));
    assert!((low - 42.37580).abs() < 1e-5 && (high - 42.37711).abs() < 1e-5, "{low} {high}");
    let gravity = husky.imu.iter().map(|r| r.accel_mps2.y).sum::<f64>() / 11_865.0;
    // The mean by Python's rosbags: the IMU is mounted on its side.
    assert!((gravity - 9.790_550_513_247_51).abs() < 1e-9, "{gravity}");
    // Structure only: nothing in these gives a position, and probe says what there is.
    for name in ["example.bag", "example-lz4.bag", "talker.mcap", "wbag_0.mcap"] {
        let path = root.join("trace-formats/ros").join(name);
        let probe = open(&path).and_then(|s| s.probe()).expect("probes");
        assert!(probe.notes.iter().any(|note| note.contains("its type is not read")), "{name}: {:?}", probe.notes);
        assert!(read(&path).0.expect_err("no position").to_string().contains("position"));
    }
}

#[test]
fn a_topic_without_a_schema_is_told() {
    let text = |text: &str| [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let record = |code: u8, body: &[u8]| [&[code], &(body.len() as u64).to_le_bytes()[..], body].concat();
    let channel = [&[1, 0, 0, 0][..], &text("/fix"), &text("json"), &[0; 4]].concat();
    let message = [&[1, 0][..], &[0; 4], &[0; 8], &[0; 8], b"{}"].concat();
    let magic = b"\x89MCAP0\r\n".to_vec();
    let parts = [magic, record(1, &[text(""), text("")].concat()), record(4, &channel), record(5, &message)];
    let folder = tempfile::tempdir().expect("a folder");
    let path = written(folder.path(), "a.mcap", &parts.concat());
    let probe = open(&path).and_then(|source| source.probe()).expect("probes");
    assert!(probe.notes.iter().any(|n| n.contains("/fix") && n.contains("no schema")), "{:?}", probe.notes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn damaged_logs_never_panic(which in 0_usize..8, flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6), cut in any::<prop::sample::Index>(), whole: bool) {
        let folder = tempfile::tempdir().expect("a folder");
        let (name, bytes) = LOGS[which];
        let mut bytes = bytes.to_vec();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        let path = written(folder.path(), name, &bytes);
        if let (Ok(recordings), _) = read(&path) {
            for frame in recordings.iter().flat_map(|r| &r.frames) {
                let MediaRef::Message(message) = &frame.media else { continue };
                let _ = message_media(message);
            }
        }
    }
}
