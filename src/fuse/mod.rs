//! Layer 4: fusion. One clock, one frame, one ego trajectory: [`fuse`] turns a recording's segment into a [`Track`].

mod carried;
mod clock;
mod config;
mod draft;
mod given;
mod headings;
mod inertial;
mod kalman;
pub mod matching;
pub mod metrics;
mod motion;
mod movers;
mod path;
mod positions;
mod register;
mod segment;
mod smoother;
mod track;
mod trajectory;
mod turns;

pub use carried::{Stop, carried};
pub use config::{ClockChoice, FuseConfig, PoseChoice, RegisterChoice};
pub use headings::{Heading, HeadingSource, Headings, Sighting, headings, settle_headings};
pub use movers::Movers;
pub use register::{OnLine, Registration, Similarity, Stretch, register, register_track, stretch_at};
pub use segment::segments;
pub use track::{ClockOffset, FusedPose, PoseOrigin, Register, Registered, State, Track};
pub use trajectory::fuse;
pub use turns::{Contour, CornerPairs, Eye, Glimpse, TurnSeen, Turning};
