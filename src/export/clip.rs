//! [`Clip`]: the pictures of a shot at its ticks with their trajectory, for consumers of videos.

use nalgebra::Vector3;

use super::actions::{OnGround, Relative, on_ground, se3_steps, spacing, waypoints, xy_yaw};
use super::axes::{Axes, camera_to_world, matrix};
use super::npz::Array;
use super::unicycle::Unicycle;
use super::view::Wish;
use super::{Job, Shot, Skip, Still};
use crate::coord::Pose;
use crate::error::Result;

/// Frames a second of what has no clock.
const WITHOUT_CLOCK_HZ: f64 = 10.0;

/// A shot whose every tick asked for has a picture.
pub struct Clip {
    /// The pictures.
    pub stills: Vec<Still>,
    /// Frames a second.
    pub fps: f64,
    /// Where the ego was at each picture: `world_se3_ego` in the recording's ENU.
    pub ego: Vec<Pose>,
    /// Seconds between one picture and the next; as their clock says, without one as `fps` does.
    pub dt_s: Vec<f64>,
    /// Steering angle at each tick, radians, left positive; `None` where the source has none.
    pub steering_rad: Option<Vec<f64>>,
}

impl Clip {
    /// Every `every`-th tick of a shot, at most `most` of them.
    ///
    /// # Errors
    ///
    /// As [`Job::stills`]; [`Skip::LeftOut`] where the camera's mount is unknown, or times do not rise.
    pub fn new(job: &Job<'_>, shot: &Shot<'_>, wish: Wish, every: usize, most: usize) -> Result<Clip, Skip> {
        let ticks: Vec<usize> = (0..shot.sample.pose_s_m.len()).step_by(every.max(1)).take(most).collect();
        let stills = job.stills(shot, wish, &ticks)?;
        let fps = shot.rate_hz().unwrap_or(WITHOUT_CLOCK_HZ) / every.max(1) as f64;
        let mut ego = Vec::with_capacity(stills.len());
        for still in &stills {
            let pose = job.ego(still)?;
            ego.push(pose.ok_or_else(|| Skip::because("a camera whose place on the vehicle is unknown"))?);
        }
        let time = |pair: &[Still]| Some((pair[1].frame.t_ns? - pair[0].frame.t_ns?) as f64 / 1e9);
        let dt_s: Vec<f64> = stills.windows(2).map(|pair| time(pair).unwrap_or(1.0 / fps)).collect();
        if !dt_s.iter().all(|dt| *dt > 0.0) {
            return Err(Skip::because("two ticks with one picture, or times that do not rise"));
        }
        let steering = shot.sample.steering_rad.as_ref();
        let steering_rad = steering.map(|all| ticks.iter().map(|t| all.get(*t).copied().unwrap_or(f64::NAN)).collect());
        Ok(Clip { stills, fps, ego, dt_s, steering_rad })
    }

    /// How many pictures.
    pub fn frames(&self) -> usize {
        self.stills.len()
    }

    /// Width and height.
    pub fn size(&self) -> [u32; 2] {
        self.stills.first().map_or([0, 0], |s| s.view.size())
    }

    /// Seconds from the first picture to the end of the last.
    pub fn duration_s(&self) -> f64 {
        self.frames() as f64 / self.fps
    }

    /// Where the camera was at each picture: `world_se3_camera`.
    pub fn cameras(&self) -> Vec<Pose> {
        self.stills.iter().map(|s| s.world_se3_camera).collect()
    }

    /// Where the ego was on the ground at each picture.
    pub fn places(&self) -> Vec<OnGround> {
        on_ground(&self.ego)
    }

    /// Metres that the ego went, over the ground.
    pub fn length_m(&self) -> f64 {
        let places = self.places();
        places.windows(2).map(|w| libm::hypot(w[1][0] - w[0][0], w[1][1] - w[0][1])).sum()
    }

    /// Turn of the ego from first to last, degrees to the left; more than a half circle too.
    pub fn turn_deg(&self) -> f64 {
        let places = self.places();
        places.windows(2).map(|w| super::actions::turn(w[0][2], w[1][2])).sum::<f64>().to_degrees()
    }

    /// Degrees to the left of the ego's x axis that the camera looks, at the first picture.
    pub fn looks_left_deg(&self) -> f64 {
        let (Some(still), Some(ego)) = (self.stills.first(), self.ego.first()) else { return 0.0 };
        let ahead = ego.rotation.inverse() * (still.world_se3_camera.rotation * Vector3::z());
        libm::atan2(ahead.y, ahead.x).to_degrees()
    }

    /// The video of it.
    ///
    /// # Errors
    ///
    /// As [`Job::picture`] and [`super::video::Video`].
    pub fn video(&self, job: &Job<'_>) -> Result<Vec<u8>> {
        let mut video = super::video::Video::new(self.size(), self.fps)?;
        for still in &self.stills {
            job.check_stop()?;
            video.push(&job.picture(still)?)?;
        }
        video.finish()
    }

    /// `cameras.npz`: K (T, 3, 3), c2w (T, 4, 4) of OpenCV axes in the recording's ENU, size (width, height), t_us (T,)
    /// where there is a clock, origin (longitude, latitude, height).
    ///
    /// # Errors
    ///
    /// As [`crate::dataset::Dataset::recording`].
    pub fn camera_arrays(&self, job: &Job<'_>, recording_id: &str) -> Result<Vec<(&'static str, Array)>> {
        let origin = job.dataset.recording(recording_id)?.origin;
        let c2w: Vec<_> = self.stills.iter().map(|s| camera_to_world(&s.world_se3_camera, Axes::OpenCv)).collect();
        let k = self.stills.iter().flat_map(|s| k_matrix(s.view.k()));
        let mut arrays = vec![
            ("K", Array::f64(&[self.frames(), 3, 3], k)),
            ("c2w", Array::matrices(&c2w)),
            ("size", Array::i64(&[2], self.size().map(i64::from))),
            ("origin", Array::f64(&[3], [origin.lon_deg, origin.lat_deg, origin.height_m])),
        ];
        let times: Option<Vec<i64>> = self.stills.iter().map(|s| s.frame.t_ns.map(|t| t / 1000)).collect();
        if let Some(times) = times {
            arrays.push(("t_us", Array::i64(&[times.len()], times)));
        }
        Ok(arrays)
    }

    /// `actions.npz`: the trajectory in every convention, as [`action_conventions`] has them.
    pub fn action_arrays(&self) -> Vec<(&'static str, Array)> {
        let (places, cameras) = (self.places(), self.cameras());
        let nine = |steps: Vec<[f64; 9]>| Array::f64(&[steps.len(), 9], steps.into_iter().flatten());
        let three = |steps: Vec<[f64; 3]>| Array::f64(&[steps.len(), 3], steps.into_iter().flatten());
        let ego: Vec<_> = self.ego.iter().map(matrix).collect();
        let mut arrays = vec![
            ("world_se3_ego", Array::matrices(&ego)),
            ("dt_s", Array::f64(&[self.dt_s.len()], self.dt_s.iter().copied())),
            ("se3_ego_framewise", nine(se3_steps(&self.ego, Relative::Previous, 1.0))),
            ("se3_ego_anchored", nine(se3_steps(&self.ego, Relative::First, 1.0))),
            ("se3_camera_framewise", nine(se3_steps(&cameras, Relative::Previous, 1.0))),
            ("se3_camera_anchored", nine(se3_steps(&cameras, Relative::First, 1.0))),
            ("xy_yaw_framewise", three(xy_yaw(&places, Relative::Previous))),
            ("xy_yaw_anchored", three(xy_yaw(&places, Relative::First))),
        ];
        if let Some(spacing_m) = spacing([places.as_slice()]) {
            arrays.push(("waypoints", three(waypoints(&places, spacing_m))));
            arrays.push(("waypoint_spacing_m", Array::f64(&[1], [spacing_m])));
        }
        if let Some(fitted) = Unicycle::fit(&places, &self.dt_s) {
            let rates = fitted.speed_and_yaw_rate(&self.dt_s);
            let n = fitted.steps.len();
            let steering = |i: usize| self.steering_rad.as_ref().map_or(f64::NAN, |all| all[i]);
            let driven = rates.iter().enumerate().flat_map(|(i, [speed, rate])| [*speed, steering(i), *rate]);
            arrays.push(("speed_steering_yaw_rate", Array::f64(&[n, 3], driven)));
            arrays.push(("acceleration_curvature", Array::f64(&[n, 2], fitted.steps.iter().flatten().copied())));
            let start = [fitted.start[0], fitted.start[1], fitted.start[2], fitted.start_mps];
            arrays.push(("unicycle_start", Array::f64(&[4], start)));
            arrays.push(("unicycle_error_m", Array::f64(&[1], [fitted.error_m])));
        }
        arrays
    }
}

/// What the arrays of `actions.npz` are, for cards.
pub fn action_conventions() -> [(&'static str, &'static str); 8] {
    [
        ("world_se3_ego", "(T, 4, 4), ego (x forward, y left, z up) to the recording's ENU, at each picture's time"),
        ("dt_s", "(T − 1,), seconds between pictures"),
        (
            "se3_{ego,camera}_{framewise,anchored}",
            "(T − 1, 9): translation in metres in the axes of the body before (framewise) or first (anchored), then the \
             first and second column of the rotation matrix; ego axes FLU, camera axes OpenCV",
        ),
        ("xy_yaw_{framewise,anchored}", "(T − 1, 3): x forward and y left in metres, yaw in radians, left positive"),
        ("waypoints, waypoint_spacing_m", "(T − 1, 3): xy_yaw_anchored with x and y divided by the clip's mean step"),
        (
            "speed_steering_yaw_rate",
            "(T − 1, 3): m/s (negative backwards), radians as recorded (left positive, NaN where it was not), rad/s (left \
             positive), each held over its step",
        ),
        (
            "acceleration_curvature",
            "(T − 1, 2): m/s² and 1/m (left positive); step i goes v_i dt_i along an arc, then v_(i+1) = v_i + a_i dt_i",
        ),
        (
            "unicycle_start, unicycle_error_m",
            "x, y (ENU metres), yaw (radians from east, counter-clockwise) and speed (m/s) that the steps start from; the \
             largest distance in metres between where they lead and the trajectory",
        ),
    ]
}

/// A 3 × 3 matrix of intrinsics, row by row.
pub fn k_matrix([fx, fy, cx, cy]: [f64; 4]) -> [f64; 9] {
    [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
}
