//! A whole drive made larger and turned.

use nalgebra::Vector2;

/// A similarity about the middle of a drive, in ENU metres: `p' = c + (1 + growth) (p - c) + turn J (p - c)`, where `J` turns
/// by 90 degrees to the left. Linear in both, and yet no approximation: it makes all larger by [`scale`](Similarity::scale) and
/// turns it by [`yaw_rad`](Similarity::yaw_rad).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Similarity {
    /// The middle, which stays.
    pub centre: Vector2<f64>,
    /// Along the arm from the middle.
    pub growth: f64,
    /// To the left of it.
    pub turn: f64,
}

impl Similarity {
    /// What it moves a place by.
    pub fn shift(&self, at: Vector2<f64>) -> Vector2<f64> {
        self.apart(at - self.centre)
    }

    /// By how much more it moves one place than another that lies so far from it.
    pub(super) fn apart(&self, way: Vector2<f64>) -> Vector2<f64> {
        self.growth * way + self.turn * left_of(way)
    }

    /// How many times larger all is.
    pub fn scale(&self) -> f64 {
        libm::hypot(1.0 + self.growth, self.turn)
    }

    /// By how much all turns to the left, radians.
    pub fn yaw_rad(&self) -> f64 {
        libm::atan2(self.turn, 1.0 + self.growth)
    }

    /// How far it is from changing nothing: what it moves a place by, as a share of how far that is from the middle.
    pub(super) fn size(&self) -> f64 {
        libm::hypot(self.growth, self.turn)
    }
}

/// A quarter to the left.
pub(super) fn left_of(way: Vector2<f64>) -> Vector2<f64> {
    Vector2::new(-way.y, way.x)
}
