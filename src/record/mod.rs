//! Layer 2: what every source becomes. Units and frames are those of DESIGN section 3; nothing here reads a file.

mod calibration;
mod cuboid;
mod map;
mod points;
mod recording;
mod road_graph;
mod sound;
mod source_ref;
mod video;

pub use crate::coord::{CameraIntrinsics, CameraModelKind};
pub use calibration::{Modality, Sensor, exif_turn};
pub use cuboid::Cuboid;
pub use map::{LAYERS, MapAttributes, MapFeature, MapLayer};
pub use points::PointCloud;
pub use recording::{
    BlockRef, Clock, Codec, FrameFormat, FrameRecord, GeoTag, GnssFix, HeightDatum, ImuReading, MediaRef,
    MessageLayout, MessageRef, PoseFix, Recording, Tilt, WheelReading, comes_compensated,
};
pub use road_graph::{
    Mode, Modes, Nearby, NextState, NodeFlags, Piece, Restriction, RoadGraph, RoadGraphBuilder, RoadLine, RoadWay,
    Segment, Via,
};
pub use sound::Sound;
pub use source_ref::{SourceFile, SourceRef};
pub use video::{ColourMatrix, VideoColour, VideoPicture, VideoStretch};
