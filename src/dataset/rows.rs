//! Rows of the tables beside `samples`, field for field as DESIGN section 5 has their columns.

use crate::record::Modality;

/// The id of the depth picture or mask that goes with an observation: `RECORDING/CHANNEL/mask-STEM` of
/// `RECORDING/CHANNEL/STEM`.
pub fn companion_id(frame_id: &str, modality: Modality) -> String {
    let (folder, stem) = frame_id.rsplit_once('/').unwrap_or(("", frame_id));
    format!("{folder}/{}-{stem}", modality.name())
}

/// A row of `frames/*.parquet`: an observation, its place and where its bytes lie.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameRow {
    /// `RECORDING/CHANNEL/STEM` of `[A-Za-z0-9_/-]`, unique in the data set.
    pub frame_id: String,
    /// Row of the `recordings` table.
    pub recording_id: String,
    /// Channel of the sensor.
    pub channel: String,
    /// `camera`, `lidar`, `audio`, `depth`, `mask`.
    pub modality: String,
    /// Clock-corrected time.
    pub t_ns: Option<i64>,
    /// Time as recorded.
    pub t_source_ns: Option<i64>,
    /// Longitude of the sensor, degrees; with `lat`, `None` where its pose is unknown.
    pub lon: Option<f64>,
    /// Latitude of the sensor, degrees.
    pub lat: Option<f64>,
    /// Height of the sensor, metres.
    pub height_m: Option<f64>,
    /// Heading of the sensor's forward axis, degrees clockwise from true north.
    pub heading_deg: Option<f64>,
    /// One sigma of the heading, degrees; `None` where nobody knows.
    pub heading_sigma_deg: Option<f64>,
    /// `world_se3_sensor` in the recording's ENU: x y z qw qx qy qz.
    pub pose: Option<[f64; 7]>,
    /// Shard, e.g. `shards/town-000.tar`.
    pub shard: String,
    /// First byte in the shard.
    pub offset: i64,
    /// Bytes.
    pub length: i64,
    /// blake3 of the bytes, hex.
    pub checksum: String,
    /// `jpg`, `png`, …
    pub format: String,
    /// Stored width, pixels.
    pub width: Option<i32>,
    /// Stored height, pixels.
    pub height: Option<i32>,
    /// Points of a sweep.
    pub points: Option<i32>,
    /// Length of a clip, milliseconds.
    pub duration_ms: Option<f64>,
    /// `metadata_stripped`, `metadata_kept`, `none`.
    pub privacy_state: String,
    /// Path length along the recording, metres.
    pub s_m: Option<f64>,
    /// File in its source.
    pub source_path: String,
    /// Record in that file.
    pub source_record: Option<i64>,
    /// SPDX licence.
    pub license: String,
}

/// A row of `poses/*.parquet`: the fused ego trajectory.
#[derive(Debug, Clone, PartialEq)]
pub struct PoseRow {
    /// Row of the `recordings` table.
    pub recording_id: String,
    /// Time; `None` without a clock.
    pub t_ns: Option<i64>,
    /// Path length, metres.
    pub s_m: f64,
    /// Longitude, degrees.
    pub lon: f64,
    /// Latitude, degrees.
    pub lat: f64,
    /// Height, metres.
    pub height_m: f64,
    /// `world_se3_ego`: x y z qw qx qy qz.
    pub pose: [f64; 7],
    /// m/s; `None` without a clock.
    pub speed_mps: Option<f64>,
    /// m/s².
    pub acceleration_mps2: Option<f64>,
    /// rad/s, left positive.
    pub yaw_rate_radps: Option<f64>,
    /// Per axis, metres.
    pub sigma_xy_m: Option<f64>,
    /// Metres.
    pub sigma_z_m: Option<f64>,
    /// Degrees.
    pub sigma_heading_deg: Option<f64>,
    /// `source`, `estimated`.
    pub source: String,
    /// `way/ID`.
    pub way_id: Option<String>,
    /// Metres along it.
    pub way_offset_m: Option<f64>,
    /// Probability of the match.
    pub match_probability: Option<f64>,
}

/// A row of `recordings/*.parquet`: a segment of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingRow {
    /// Its id.
    pub recording_id: String,
    /// Which `[[recording]]` of the config, from 0.
    pub entry: i32,
    /// Kind of source.
    pub kind: String,
    /// Origin of its ENU frame.
    pub origin: crate::coord::Geodetic,
    /// `ellipsoidal`, `orthometric`, `none`.
    pub height_datum: String,
    /// First time.
    pub t_start_ns: Option<i64>,
    /// Last time.
    pub t_end_ns: Option<i64>,
    /// Path length, metres.
    pub length_m: f64,
    /// Clocks of its sensors.
    pub clock: Vec<crate::fuse::ClockOffset>,
    /// Its sensors.
    pub sensors: Vec<crate::record::Sensor>,
    /// Correction to the map.
    pub register: Option<crate::fuse::Register>,
    /// What its stretches were moved by; empty where it was left as it is.
    pub register_stretches: Vec<crate::fuse::Stretch>,
    /// Its source's path in the manifest.
    pub sources: Vec<String>,
    /// SPDX licence.
    pub license: String,
}

/// A row of `sources/*.parquet`: a file that the data set was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// Path relative to the config.
    pub path: String,
    /// Bytes.
    pub size: i64,
    /// blake3, hex.
    pub blake3: String,
    /// `map/0`, `recording/2`: the entry of the config.
    pub entry: String,
}

/// A row of `references/*.parquet`: street view of a sample's place, from another recording. T is its ticks.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceRow {
    /// Row of the `samples` table.
    pub sample_id: String,
    /// Row of the `frames` table.
    pub frame_id: String,
    /// `geometric`, `semantic`, `lookahead`.
    pub role: String,
    /// The reference's recording.
    pub recording_id: String,
    /// Days between picture and t0, absolute; `None` where one has no time.
    pub dt_days: Option<f64>,
    /// Horizontal distance to the window's path, metres.
    pub distance_m: f64,
    /// Bearing from the pose at t0, degrees, left positive.
    pub bearing_deg: Option<f64>,
    /// The target camera.
    pub channel: Option<String>,
    /// Share of the target picture that it sees at each tick, NaN where there is none; shape (T,).
    pub overlap: Vec<f64>,
    /// `depth`, `footprint`.
    pub overlap_source: Option<String>,
    /// Metres beyond the window's end (`lookahead` only).
    pub ahead_m: Option<f64>,
}
