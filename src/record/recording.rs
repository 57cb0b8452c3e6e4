//! [`Recording`]: a drive or photo sequence, its traces in memory and its media by reference.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nalgebra::{Quaternion, UnitQuaternion, Vector3};
use serde::{Deserialize, Serialize};

use crate::coord::Geodetic;
use crate::time::{ClockScale, Timestamp};

use super::{CameraIntrinsics, Cuboid, Modality, Sensor, SourceRef, VideoPicture};

/// What heights of a recording are measured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HeightDatum {
    /// The WGS84 ellipsoid.
    Ellipsoidal,
    /// Mean sea level (a geoid).
    Orthometric,
    /// Unknown: heights are 0, or relative to an unstated level.
    #[default]
    None,
}

impl HeightDatum {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            HeightDatum::Ellipsoidal => "ellipsoidal",
            HeightDatum::Orthometric => "orthometric",
            HeightDatum::None => "none",
        }
    }
}

/// Which clock a sensor's timestamps were on before the reader converted them to UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// `gnss`, `imu`, `wheel` or a channel.
    pub sensor: String,
    /// The scale it ran on.
    pub scale: ClockScale,
}

/// A position from a GNSS receiver.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GnssFix {
    /// Time of the fix; `None` in a trace without times.
    pub t: Option<Timestamp>,
    /// Where; height 0 where unknown.
    pub place: Geodetic,
    /// Speed over ground, m/s.
    pub speed_mps: Option<f64>,
    /// Course over ground, degrees clockwise from true north.
    pub course_deg: Option<f64>,
    /// One sigma per horizontal axis, metres.
    pub sigma_xy_m: Option<f64>,
    /// One sigma of the height, metres.
    pub sigma_z_m: Option<f64>,
    /// The record in its file, from 0.
    pub record: u64,
}

impl GnssFix {
    /// A position of which nothing else is known.
    pub fn at(t: Option<Timestamp>, place: Geodetic, record: u64) -> GnssFix {
        GnssFix { t, place, speed_mps: None, course_deg: None, sigma_xy_m: None, sigma_z_m: None, record }
    }
}

/// Specific force and angular rate in the sensor frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImuReading {
    /// Time on the sensor's clock (converted to UTC).
    pub t: Timestamp,
    /// Specific force, m/s² (+9.8 up at rest).
    pub accel_mps2: Vector3<f64>,
    /// Angular rate, rad/s.
    pub gyro_radps: Vector3<f64>,
}

/// Speed at the wheels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WheelReading {
    /// Time on the sensor's clock (converted to UTC).
    pub t: Timestamp,
    /// Forward speed, m/s.
    pub speed_mps: f64,
    /// Steering angle at the road wheels, rad, left positive.
    pub steering_rad: Option<f64>,
}

/// A pose that the source itself gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoseFix {
    /// Time; `None` in a trajectory without times.
    pub t: Option<Timestamp>,
    /// Where the ego is.
    pub place: Geodetic,
    /// Rotation of the FLU ego in the ENU axes at `place`.
    pub rotation: UnitQuaternion<f64>,
}

/// A place (and perhaps a heading) that one observation carries itself, e.g. in EXIF.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GeoTag {
    /// Where it was taken; height 0 where unknown.
    pub place: Geodetic,
    /// Whether `place.height_m` was given.
    pub has_height: bool,
    /// Heading of the optical axis (a panorama: of its centre column), degrees clockwise from true north.
    pub heading_deg: Option<f64>,
    /// One sigma of the heading, degrees, where somebody says.
    pub heading_sigma_deg: Option<f64>,
    /// How the upright picture lay to gravity, where the file says.
    pub tilt: Option<Tilt>,
    /// One sigma per horizontal axis, metres.
    pub sigma_xy_m: Option<f64>,
}

/// How a camera lay to gravity, heading aside. Source: Google, *Photo Sphere XMP metadata*: pitch of the picture's centre
/// above the horizon; roll, with which the horizon turns counter-clockwise in the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tilt {
    /// Of the optical axis above the horizon, degrees.
    pub pitch_deg: f64,
    /// Of the camera about its optical axis, clockwise as it looks, degrees.
    pub roll_deg: f64,
}

impl Tilt {
    /// `level_r_camera`: from a camera that lies so to a level one of the same heading, both right, down, forward.
    pub fn turn(self) -> UnitQuaternion<f64> {
        let about = |axis, deg: f64| {
            let (sin, cos) = libm::sincos(0.5 * deg.to_radians());
            let axis: Vector3<f64> = axis;
            UnitQuaternion::new_normalize(Quaternion::from_parts(cos, axis * sin))
        };
        about(Vector3::x(), self.pitch_deg) * about(Vector3::z(), self.roll_deg)
    }

    /// Heading (degrees clockwise from north) and tilt of an upright camera (right, down, forward) in east, north, up;
    /// `None` where it looks straight up or down, and so has no heading.
    pub fn of(enu_r_camera: &UnitQuaternion<f64>) -> Option<(f64, Tilt)> {
        let (right, ahead) = (enu_r_camera * Vector3::x(), enu_r_camera * Vector3::z());
        let flat = libm::hypot(ahead.x, ahead.y);
        if flat <= 0.1 {
            return None;
        }
        // The level camera's right and down, as far as the camera's right goes along them.
        let along = (right.x * ahead.y - right.y * ahead.x) / flat;
        let pitch = libm::atan2(ahead.z, flat);
        let (sin, cos) = libm::sincos(pitch);
        let down = (right.x * ahead.x + right.y * ahead.y) / flat * sin - right.z * cos;
        let tilt = Tilt { pitch_deg: pitch.to_degrees(), roll_deg: libm::atan2(down, along).to_degrees() };
        Some((crate::coord::heading_deg(ahead.x, ahead.y), tilt))
    }
}

/// The format of stored media bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FrameFormat {
    /// JPEG.
    Jpg,
    /// PNG.
    Png,
    /// WebP.
    Webp,
    /// Point Cloud Library's PCD.
    Pcd,
    /// KITTI's float32 x y z reflectance.
    Bin,
    /// Stanford PLY.
    Ply,
    /// ASPRS LAS.
    Las,
    /// LASzip-compressed LAS.
    Laz,
    /// Arrow IPC file.
    Feather,
    /// RIFF WAVE.
    Wav,
    /// FLAC.
    Flac,
    /// NumPy array.
    Npy,
}

impl FrameFormat {
    /// The file ending and the name in tables, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            FrameFormat::Jpg => "jpg",
            FrameFormat::Png => "png",
            FrameFormat::Webp => "webp",
            FrameFormat::Pcd => "pcd",
            FrameFormat::Bin => "bin",
            FrameFormat::Ply => "ply",
            FrameFormat::Las => "las",
            FrameFormat::Laz => "laz",
            FrameFormat::Feather => "feather",
            FrameFormat::Wav => "wav",
            FrameFormat::Flac => "flac",
            FrameFormat::Npy => "npy",
        }
    }

    /// The format of a file ending, in any case; `jpeg` is `jpg`.
    pub fn from_extension(extension: &str) -> Option<FrameFormat> {
        Some(match extension.to_ascii_lowercase().as_str() {
            "jpg" | "jpeg" => FrameFormat::Jpg,
            "png" => FrameFormat::Png,
            "webp" => FrameFormat::Webp,
            "pcd" => FrameFormat::Pcd,
            "bin" => FrameFormat::Bin,
            "ply" => FrameFormat::Ply,
            "las" => FrameFormat::Las,
            "laz" => FrameFormat::Laz,
            "feather" => FrameFormat::Feather,
            "wav" => FrameFormat::Wav,
            "flac" => FrameFormat::Flac,
            "npy" => FrameFormat::Npy,
            _ => return None,
        })
    }
}

/// Where the bytes of an observation lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaRef {
    /// A whole file.
    File(PathBuf),
    /// A stretch of a file.
    Range {
        /// The file.
        path: PathBuf,
        /// First byte.
        offset: u64,
        /// How many bytes.
        length: u64,
    },
    /// A message of a log (MCAP, ROS bag).
    Message(Arc<MessageRef>),
    /// A picture of a video.
    Video(VideoPicture),
}

impl MediaRef {
    /// The file that the bytes lie in.
    pub fn path(&self) -> &Path {
        match self {
            MediaRef::File(path) | MediaRef::Range { path, .. } => path,
            MediaRef::Message(message) => &message.block.path,
            MediaRef::Video(picture) => &picture.stretch.path,
        }
    }
}

/// How a block of a log is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    None,
    /// LZ4 frames.
    Lz4,
    /// Zstandard.
    Zstd,
    /// bzip2.
    Bz2,
}

/// A stretch of a log that is compressed as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRef {
    /// The file.
    pub path: PathBuf,
    /// First byte of the block in the file.
    pub offset: u64,
    /// How many bytes it has there.
    pub length: u64,
    /// How it is compressed.
    pub codec: Codec,
    /// How many bytes it has when unpacked.
    pub inflated: u64,
}

/// The bytes of an observation inside a message, and what has to be done to make a file of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRef {
    /// The block that the message lies in.
    pub block: Arc<BlockRef>,
    /// First byte of the payload in the unpacked block.
    pub start: u64,
    /// How many bytes the payload has there.
    pub length: u64,
    /// Whether the payload is written in base64 (JSON).
    pub base64: bool,
    /// What the payload is.
    pub layout: MessageLayout,
}

/// What a message's payload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageLayout {
    /// A picture file.
    File,
    /// Rows of pixels, which become a PNG.
    Pixels {
        /// Pixels a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes from a row's start to the next's.
        step: u32,
        /// Bytes of a pixel: 1 (grey), 3 or 4.
        channels: u8,
        /// Blue comes first.
        bgr: bool,
    },
    /// Points, which become a PCD with this header.
    Points {
        /// The header, to its last line break.
        header: String,
        /// Bytes of a point.
        stride: u32,
        /// Points a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes from a row's start to the next's.
        step: u32,
    },
}

/// One observation (picture, sweep, clip): when and where, its headers read, its bytes still on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameRecord {
    /// Which sensor.
    pub channel: String,
    /// What it is.
    pub modality: Modality,
    /// Time on the sensor's own clock (converted to UTC); `None` where nobody said.
    pub t: Option<Timestamp>,
    /// Its own place, where the file says one.
    pub geotag: Option<GeoTag>,
    /// The file's name without ending: what its id is made of.
    pub stem: String,
    /// How its bytes are encoded.
    pub format: FrameFormat,
    /// Where its bytes lie.
    pub media: MediaRef,
    /// Size of its bytes.
    pub size: u64,
    /// Stored width in pixels (pictures).
    pub width: Option<u32>,
    /// Stored height in pixels (pictures).
    pub height: Option<u32>,
    /// EXIF orientation 1…8 (pictures): goes into the mount, never into the pixels.
    pub orientation: u8,
    /// Intrinsics that this file states itself (GPano, EXIF focal length), where the calibration has none.
    pub intrinsics: Option<CameraIntrinsics>,
    /// How many points (sweeps).
    pub points: Option<u64>,
    /// How long (clips), milliseconds.
    pub duration_ms: Option<f64>,
    /// The file and record it came from.
    pub source: SourceRef,
}

impl FrameRecord {
    /// A picture of which only its bytes are known, for readers to fill in the rest: of which sensor, when, how large.
    pub fn of_bytes(media: MediaRef, size: u64, format: FrameFormat, source: SourceRef) -> FrameRecord {
        FrameRecord {
            channel: String::new(),
            modality: Modality::Camera,
            t: None,
            geotag: None,
            stem: String::new(),
            format,
            media,
            size,
            width: None,
            height: None,
            orientation: 1,
            intrinsics: None,
            points: None,
            duration_ms: None,
            source,
        }
    }
}

/// Whether the sweeps of a kind of recording were compensated for motion by those who made them: their points lie as if all
/// had been measured at the sweep's time.
pub fn comes_compensated(kind: &str) -> bool {
    kind == "argoverse2"
}

/// A drive or a photo sequence: traces in memory (they are small), media by reference.
///
/// Traces are ordered by time where they have times; a reader quarantines what is out of order, duplicated or not
/// finite. At least one of `poses`, `gnss` and geotagged `frames` gives positions.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The folder's (or file's, or track's) name: what its id is made of.
    pub name: String,
    /// The kind of source, e.g. `folder`.
    pub kind: &'static str,
    /// SPDX licence.
    pub license: String,
    /// Origin of the ENU frame, where the source states one; else the first position.
    pub origin: Option<Geodetic>,
    /// What heights are measured from.
    pub height_datum: HeightDatum,
    /// Which clocks the timestamps were on.
    pub clocks: Vec<Clock>,
    /// Sensors with their calibration, by channel name.
    pub sensors: Vec<Sensor>,
    /// Given poses (`world_se3_ego`).
    pub poses: Vec<PoseFix>,
    /// GNSS fixes.
    pub gnss: Vec<GnssFix>,
    /// Inertial readings.
    pub imu: Vec<ImuReading>,
    /// Wheel readings.
    pub wheel: Vec<WheelReading>,
    /// Observations, by channel, modality, then time (or name where there is none).
    pub frames: Vec<FrameRecord>,
    /// Boxes around things, by track, then time.
    pub cuboids: Vec<Cuboid>,
    /// Trace files and calibration (not media) that were read, relative to the source.
    pub sources: Vec<SourceRef>,
}

impl Recording {
    /// An empty recording with a name, kind and licence.
    pub fn new(name: impl Into<String>, kind: &'static str, license: impl Into<String>) -> Recording {
        Recording {
            name: name.into(),
            kind,
            license: license.into(),
            origin: None,
            height_datum: HeightDatum::None,
            clocks: Vec::new(),
            sensors: Vec::new(),
            poses: Vec::new(),
            gnss: Vec::new(),
            imu: Vec::new(),
            wheel: Vec::new(),
            frames: Vec::new(),
            cuboids: Vec::new(),
            sources: Vec::new(),
        }
    }

    /// The sensor of a channel.
    pub fn sensor(&self, channel: &str) -> Option<&Sensor> {
        self.sensors.iter().find(|s| s.channel == channel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coord::Pose;

    #[test]
    fn a_tilt_is_read_off_a_rotation_and_made_one_again() {
        for (heading, pitch_deg, roll_deg) in
            [(0.0, 0.0, 0.0), (75.0, 10.0, -4.0), (300.0, -40.0, 120.0), (181.0, 5.0, 9.0)]
        {
            let tilt = Tilt { pitch_deg, roll_deg };
            let level = Pose::level(Vector3::zeros(), heading).rotation * Pose::flu_se3_rdf().rotation;
            let (found, same) = Tilt::of(&(level * tilt.turn())).expect("it has a heading");
            let off = [found - heading, same.pitch_deg - pitch_deg, same.roll_deg - roll_deg];
            assert!(off.iter().all(|d| libm::remainder(*d, 360.0).abs() < 1e-9), "{found} {same:?}");
        }
        assert_eq!(Tilt::of(&(Pose::level(Vector3::zeros(), 0.0).rotation)), None);
    }

    #[test]
    fn pitch_looks_up_and_roll_turns_the_horizon_counter_clockwise() {
        let up = Tilt { pitch_deg: 10.0, roll_deg: 0.0 }.turn() * Vector3::z();
        assert!(up.y < -0.1 && up.x.abs() < 1e-12, "{up}");
        // What lies to the right on the horizon is seen above the middle: up in a picture is -y.
        let seen = Tilt { pitch_deg: 0.0, roll_deg: 10.0 }.turn().inverse() * Vector3::new(1.0, 0.0, 1.0);
        assert!(seen.y < -0.1, "{seen}");
    }
}
