//! [`SampleRow`]: a training sample as the `samples` table stores it.

use serde::{Deserialize, Serialize};

/// Which part of the data a sample belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// To train on.
    Train,
    /// To validate on.
    Val,
    /// To test on.
    Test,
    /// Too near a border of splits: not to be used where splits matter.
    Buffer,
    /// No split was asked for.
    None,
}

impl Split {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Val => "val",
            Split::Test => "test",
            Split::Buffer => "buffer",
            Split::None => "none",
        }
    }

    /// The split of a name.
    pub fn from_name(name: &str) -> Option<Split> {
        [Split::Train, Split::Val, Split::Test, Split::Buffer, Split::None].into_iter().find(|s| s.name() == name)
    }
}

/// An observation that belongs to a tick of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleFrame {
    /// Channel of the sensor.
    pub channel: String,
    /// `camera`, `lidar`, `audio`, `depth`, `mask`.
    pub modality: String,
    /// Index of the tick, 0…T−1.
    pub tick: i32,
    /// Row of the `frames` table.
    pub frame_id: String,
}

/// A text about a window, with the map features that make it true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caption {
    /// `ko`, `en`.
    pub lang: String,
    /// `caption`, `route`, `spatial_qa`.
    pub task: String,
    /// The question, for tasks that have one.
    pub question: Option<String>,
    /// The text or answer.
    pub text: String,
    /// `feature_id`s of map features, each in some layer of `map/`.
    pub evidence: Vec<String>,
}

/// What was done for privacy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrivacyState {
    /// `metadata_stripped`, `metadata_kept`.
    pub state: String,
    /// The detector, where one ran.
    pub detector: Option<String>,
    /// How many regions were made unrecognisable.
    pub regions: i32,
}

/// A row of `samples/*.parquet`; column for column as DESIGN section 5 has it. T is the number of ticks.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRow {
    /// 16 hex digits of a hash of recording id, t0 or place, and the config that shapes samples.
    pub sample_id: String,
    /// Row of the `recordings` table.
    pub recording_id: String,
    /// Time of the anchor tick; `None` without a clock.
    pub t0_ns: Option<i64>,
    /// Path length at the anchor tick, metres.
    pub s0_m: f64,
    /// Part of the data.
    pub split: Split,
    /// Ego trajectory over the window, `(lon, lat)` degrees, at least two points.
    pub path: Vec<(f64, f64)>,
    /// Longitude of the anchor, degrees.
    pub lon: f64,
    /// Latitude of the anchor, degrees.
    pub lat: f64,
    /// Height of the anchor, metres.
    pub height_m: f64,
    /// Heading at the anchor, degrees clockwise from true north.
    pub heading_deg: f64,
    /// H3 cell of the anchor, resolution 12.
    pub h3: String,
    /// `ego0_se3_ego` at each tick: x y z qw qx qy qz; shape (T, 7).
    pub poses: Vec<[f32; 7]>,
    /// Time of each tick; `None` as a whole without a clock.
    pub pose_t_ns: Option<Vec<i64>>,
    /// Path length at each tick, metres.
    pub pose_s_m: Vec<f64>,
    /// speed, acceleration, yaw rate, curvature at each tick; NaN without a clock; shape (T, 4).
    pub actions: Vec<[f32; 4]>,
    /// Steering angle at each tick, rad, where the source has it.
    pub steering_rad: Option<Vec<f64>>,
    /// Observations of the window.
    pub frames: Vec<SampleFrame>,
    /// Largest position sigma in the window, metres.
    pub pose_sigma_m: Option<f64>,
    /// `source`, `estimated`, `mixed`.
    pub pose_source: String,
    /// Largest absolute difference between a frame's time and its tick's, milliseconds.
    pub sync_residual_ms: Option<f64>,
    /// Largest gap in the trajectory's inputs that a pose was interpolated over, milliseconds.
    pub interpolation_gap_ms: Option<f64>,
    /// Matched ways, in driving order; `None` where not matched.
    pub match_way_ids: Option<Vec<String>>,
    /// Smallest match probability in the window.
    pub match_probability: Option<f64>,
    /// Residual of the correction to the map, metres: of the stretch around the anchor, of the whole drive where it was left
    /// as it is.
    pub register_residual_m: Option<f64>,
    /// Share of inliers of the same.
    pub register_inliers: Option<f64>,
    /// Covariance of the place of that stretch after the correction, m², in the recording's ENU: east·east, east·north,
    /// north·north; `None` where it was left as it is.
    pub register_covariance_m2: Option<[f64; 3]>,
    /// Texts; `None` where there is nothing to say.
    pub captions: Option<Vec<Caption>>,
    /// What was done for privacy.
    pub privacy: PrivacyState,
    /// Licences that apply, sorted.
    pub licenses: Vec<String>,
    /// Attributions that are owed, sorted.
    pub attributions: Vec<String>,
    /// Sources, by their path in the manifest, sorted.
    pub sources: Vec<String>,
}

impl SampleRow {
    /// Index of the anchor among the ticks: the one at `t0_ns`, without a clock at `s0_m`.
    pub fn anchor_tick(&self) -> usize {
        anchor_tick(self.pose_t_ns.as_deref(), self.t0_ns, &self.pose_s_m, self.s0_m)
    }
}

/// Index of the anchor among ticks at these times and path lengths: as [`SampleRow::anchor_tick`].
pub fn anchor_tick(pose_t_ns: Option<&[i64]>, t0_ns: Option<i64>, pose_s_m: &[f64], s0_m: f64) -> usize {
    let found = match (pose_t_ns, t0_ns) {
        (Some(times), Some(t0)) => times.iter().position(|t| *t == t0),
        _ => pose_s_m.iter().position(|s| *s == s0_m),
    };
    found.unwrap_or(0)
}
