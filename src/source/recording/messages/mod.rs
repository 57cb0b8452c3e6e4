//! Messages of logs (MCAP, ROS bags) as records: one place for what their containers have in common.
//!
//! | message | becomes |
//! |---|---|
//! | `sensor_msgs/NavSatFix`, `foxglove.LocationFix` | GNSS fixes |
//! | `sensor_msgs/Imu` | IMU readings |
//! | `nav_msgs/Odometry` | wheel readings: the forward speed of its twist (its pose is in no frame that lies on a map) |
//! | `tf2_msgs/TFMessage`, `tf/tfMessage`, `foxglove.FrameTransform`(`s`) | mounts |
//! | `sensor_msgs/CameraInfo`, `foxglove.CameraCalibration` | intrinsics |
//! | `sensor_msgs/Image`, `CompressedImage`, `foxglove.RawImage`, `CompressedImage` | pictures |
//! | `sensor_msgs/PointCloud2`, `foxglove.PointCloud` | sweeps |

mod block;
mod collect;
mod frames;
mod json;
mod log;
mod media;
mod proto;
mod ros;
mod sensors;
mod value;

pub(super) use block::inflate;
pub(super) use collect::{Collector, Encoding, Place, Schema};
pub(super) use log::Log;
pub(in crate::source) use media::message_media;

#[cfg(test)]
mod tests;
