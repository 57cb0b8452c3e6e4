//! What is fuzzed: one function a format, which reads any bytes as that format and must come back; it
//! tells how many records it got out of them.
//!
//! Whole files go through the registry, as users' do: probe, read, and the bytes of every observation.

use std::path::Path;

use worldloom::error::Quarantine;
use worldloom::record::{FrameFormat, Modality};
use worldloom::source::recording::{lidar, picture};
use worldloom::source::registry::open_recording;
use worldloom::source::{Limits, RecordingOptions};

/// A target by its name, which is that of its corpus, too.
pub type Target = (&'static str, fn(&[u8]) -> usize);

/// All of them.
pub const TARGETS: [Target; 9] = [
    ("nmea", |bytes| file("trace.nmea", bytes)),
    ("ubx", |bytes| file("trace.ubx", bytes)),
    ("gpx", |bytes| file("trace.gpx", bytes)),
    ("mcap", |bytes| file("log.mcap", bytes)),
    ("bag", |bytes| file("log.bag", bytes)),
    ("cdr", |bytes| file("log.mcap", &message(bytes))),
    ("las", |bytes| points(bytes, FrameFormat::Las)),
    ("pcd", |bytes| points(bytes, FrameFormat::Pcd)),
    ("picture", still),
];

/// Little enough that no input asks for more memory than a fuzzer has.
fn limits() -> Limits {
    Limits { pixels: 1 << 20, points: 1 << 20, file_bytes: 1 << 24, inflated_bytes: 1 << 24 }
}

fn file(name: &str, bytes: &[u8]) -> usize {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("writable");
    read(&path)
}

/// Reads a recording and all that it points to; whatever is wrong is told, never a panic.
fn read(path: &Path) -> usize {
    let options = RecordingOptions { limits: limits(), ..RecordingOptions::default() };
    let Ok(source) = open_recording(path, None, &options) else { return 0 };
    let _ = source.probe();
    let recordings = source.read(&mut Quarantine::new()).unwrap_or_default();
    for frame in recordings.iter().flat_map(|r| &r.frames) {
        let Ok(media) = source.media(frame) else { continue };
        let _ = match frame.modality {
            Modality::Lidar => lidar::read_points(&media, frame.format, &limits()).err(),
            Modality::Camera => picture::read_picture(&media, frame.format, &limits()).err(),
            _ => None,
        };
    }
    recordings.iter().map(|r| r.gnss.len() + r.imu.len() + r.frames.len()).sum()
}

fn points(bytes: &[u8], format: FrameFormat) -> usize {
    let _ = lidar::header(&mut std::io::Cursor::new(bytes), format, &limits());
    lidar::read_points(bytes, format, &limits()).map_or(0, |cloud| cloud.xyz.len())
}

/// A photo, EXIF and XMP included, alone in a folder.
fn still(bytes: &[u8]) -> usize {
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::write(folder.path().join("photo.jpg"), bytes).expect("writable");
    let _ = picture::read_picture(bytes, FrameFormat::Jpg, &limits());
    read(folder.path())
}

/// An MCAP file with one message of ROS 2 whose bytes are given: every type of field, arrays and texts among them.
fn message(cdr: &[u8]) -> Vec<u8> {
    const MAGIC: &[u8] = b"\x89MCAP0\r\n";
    const SCHEMA: &str = "std_msgs/Header header\nsensor_msgs/NavSatStatus status\nfloat64 latitude\nfloat64 longitude\n\
        float64 altitude\nfloat64[9] position_covariance\nuint8 position_covariance_type\nuint8[] data\nstring[] names\n\
        ================================================================================\n\
        MSG: sensor_msgs/NavSatStatus\nint8 status\nuint16 service\n\
        ================================================================================\n\
        MSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n\
        ================================================================================\n\
        MSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n";
    let text = |t: &str| [&(t.len() as u32).to_le_bytes()[..], t.as_bytes()].concat();
    let record = |kind: u8, content: &[u8]| [&[kind][..], &(content.len() as u64).to_le_bytes(), content].concat();
    let schema =
        [&1u16.to_le_bytes()[..], &text("sensor_msgs/msg/NavSatFix"), &text("ros2msg"), &text(SCHEMA)].concat();
    let channel = [&[0, 0, 1, 0][..], &text("/fix"), &text("cdr"), &0u32.to_le_bytes()].concat();
    let message = [&[0, 0][..], &0u32.to_le_bytes(), &[0; 16], cdr].concat();
    let header = [text("ros2"), text("")].concat();
    let records = [record(1, &header), record(3, &schema), record(4, &channel), record(5, &message)].concat();
    [MAGIC, &records, &record(15, &[0; 4]), &record(2, &[0; 20]), MAGIC].concat()
}

/// Runs a target by its name.
#[allow(dead_code, reason = "for the programs of fuzz_targets/")]
pub fn run(name: &str, bytes: &[u8]) {
    for (_, target) in TARGETS.iter().filter(|t| t.0 == name) {
        let _ = target(bytes);
    }
}
