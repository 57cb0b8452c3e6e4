//! [`Detail`]: how much the sensors of a generated world record.

use crate::coord::{CameraIntrinsics, CameraModelKind};
use crate::synth::rays::LidarModel;

/// How much is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Detail {
    /// GNSS, IMU and wheels only: for work on trajectories.
    Traces,
    /// Small pictures at 4 Hz, a panorama and a 16-laser sweep every two seconds, depth of some pictures and of the
    /// surveys' panoramas: under 14 MB.
    Small,
    /// Pictures of 960 × 540 at 10 Hz, panoramas of 2048 × 1024 at 2 Hz, a 32-laser LiDAR at 10 Hz, depth of all.
    Full,
}

/// A camera that takes pictures at a steady rate.
pub(super) struct Shots {
    /// Its channel.
    pub channel: &'static str,
    /// How it sees.
    pub intrinsics: CameraIntrinsics,
    /// Pictures a second.
    pub hz: f64,
    /// Seconds from the drive's start to the first picture.
    pub phase_s: f64,
    /// JPEG quality.
    pub quality: u8,
    /// Depth goes with every n-th picture.
    pub depth_every: usize,
}

impl Detail {
    /// Longest drive, seconds.
    pub(super) fn limit_s(self, drive: usize) -> f64 {
        match (self, drive) {
            (Detail::Small, 0) => 70.0,
            (Detail::Small, _) => 25.0,
            (Detail::Traces | Detail::Full, _) => 300.0,
        }
    }

    /// The cameras of a drive.
    pub(super) fn cameras(self) -> Vec<Shots> {
        let shots = |width: u32, hz, pano_width: u32, pano_hz, quality, depth_every: [usize; 2]| {
            vec![
                Shots {
                    channel: "front",
                    intrinsics: front(width),
                    hz,
                    phase_s: 0.11,
                    quality,
                    depth_every: depth_every[0],
                },
                Shots {
                    channel: "pano",
                    intrinsics: panorama(pano_width),
                    hz: pano_hz,
                    phase_s: 0.23,
                    quality,
                    depth_every: depth_every[1],
                },
            ]
        };
        match self {
            Detail::Traces => Vec::new(),
            Detail::Small => shots(320, 4.0, 512, 0.5, 72, [16, 8]),
            Detail::Full => shots(960, 10.0, 2048, 2.0, 88, [1, 1]),
        }
    }

    /// The panoramas of a survey: how large, how good, how many metres apart.
    pub(super) fn survey(self) -> (CameraIntrinsics, u8, f64) {
        match self {
            Detail::Traces | Detail::Small => (panorama(576), 72, 10.0),
            Detail::Full => (panorama(2048), 88, 5.0),
        }
    }

    /// The LiDAR and how many of its turns a second are kept.
    pub(super) fn lidar(self) -> Option<(LidarModel, f64)> {
        match self {
            Detail::Traces => None,
            Detail::Small => {
                let elevations_rad = (0..16).map(|k| (-22.0 + 2.0 * f64::from(k)).to_radians()).collect();
                Some((LidarModel { elevations_rad, azimuths: 360, ..LidarModel::spinning_32() }, 0.5))
            }
            Detail::Full => Some((LidarModel::spinning_32(), 10.0)),
        }
    }

    /// Samples a second of the sound in the cabin, and for how many seconds it is recorded.
    pub(super) fn sound(self) -> Option<(u32, f64)> {
        match self {
            Detail::Traces => None,
            Detail::Small => Some((8_000, 30.0)),
            Detail::Full => Some((16_000, f64::INFINITY)),
        }
    }
}

/// A front camera of 16:9 that sees 80° across, with the distortion of a common lens.
fn front(width: u32) -> CameraIntrinsics {
    let height = width * 9 / 16;
    let focal = (f64::from(width) / 2.0 / libm::tan(40.0f64.to_radians()) * 10.0).round() / 10.0;
    CameraIntrinsics {
        model: CameraModelKind::Pinhole,
        width,
        height,
        intrinsics: vec![focal, focal, f64::from(width - 1) / 2.0, f64::from(height - 1) / 2.0],
        distortion: vec![-0.055, 0.011, 0.0003, -0.0002, 0.0],
    }
}

fn panorama(width: u32) -> CameraIntrinsics {
    CameraIntrinsics {
        model: CameraModelKind::Equirectangular,
        width,
        height: width / 2,
        intrinsics: vec![],
        distortion: vec![],
    }
}
