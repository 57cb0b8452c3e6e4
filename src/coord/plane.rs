//! Metres around a point: a flat frame for distances up to a few kilometres, and segments in it.

use super::geodetic::{A, E2};

/// A plane that touches the WGS84 ellipsoid at a point, x east and y north, metres per degree as they are there.
///
/// Distances within 1 km of the point are right to 2e-4 of themselves; for positions use [`super::EnuFrame`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalPlane {
    lon_deg: f64,
    lat_deg: f64,
    m_per_lon: f64,
    m_per_lat: f64,
}

impl LocalPlane {
    /// The plane at `(lon, lat)`, degrees.
    ///
    /// Source: radii of curvature in the meridian and the prime vertical, EPSG guidance note 7-2, section 3.
    pub fn at(lon: f64, lat: f64) -> LocalPlane {
        let (sin, cos) = libm::sincos(lat.to_radians());
        let w2 = 1.0 - E2 * sin * sin;
        let n = A / w2.sqrt();
        let m = n * (1.0 - E2) / w2;
        // A pole has no east: keep the scale away from 0, so that `to_deg` stays finite.
        LocalPlane {
            lon_deg: lon,
            lat_deg: lat,
            m_per_lon: (n * cos).max(1e-3).to_radians(),
            m_per_lat: m.to_radians(),
        }
    }

    /// A plane with the scale of this one at another place: right to 2e-5 of a distance within 100 m of latitude (at 50°).
    #[must_use]
    pub fn moved(&self, lon: f64, lat: f64) -> LocalPlane {
        LocalPlane { lon_deg: lon, lat_deg: lat, ..*self }
    }

    /// Longitude and latitude of the point that it touches at, degrees.
    #[inline]
    pub fn origin(&self) -> (f64, f64) {
        (self.lon_deg, self.lat_deg)
    }

    /// Metres per degree, east and north.
    pub fn m_per_deg(&self) -> (f64, f64) {
        (self.m_per_lon, self.m_per_lat)
    }

    /// East and north metres of `(lon, lat)`.
    #[inline]
    pub fn to_m(&self, lon: f64, lat: f64) -> (f64, f64) {
        ((lon - self.lon_deg) * self.m_per_lon, (lat - self.lat_deg) * self.m_per_lat)
    }

    /// Longitude and latitude of east and north metres.
    pub fn to_deg(&self, x: f64, y: f64) -> (f64, f64) {
        (self.lon_deg + x / self.m_per_lon, self.lat_deg + y / self.m_per_lat)
    }
}

/// The point of the segment `a`–`b` nearest to `p`: how far along (0 at `a`, 1 at `b`), the point, and its distance.
#[inline]
pub fn nearest_on_segment(p: (f64, f64), a: (f64, f64), b: (f64, f64)) -> (f64, (f64, f64), f64) {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length2 = dx * dx + dy * dy;
    let t = if length2 > 0.0 { (((p.0 - a.0) * dx + (p.1 - a.1) * dy) / length2).clamp(0.0, 1.0) } else { 0.0 };
    let q = (a.0 + t * dx, a.1 + t * dy);
    let (x, y) = (p.0 - q.0, p.1 - q.1);
    (t, q, (x * x + y * y).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coord::{EnuFrame, Geodetic};

    #[test]
    fn metres_agree_with_the_tangent_frame_nearby() {
        let frame = EnuFrame::new(Geodetic::new(127.1112, 37.3947, 0.0));
        let plane = LocalPlane::at(127.1112, 37.3947);
        let enu = frame.to_enu(Geodetic::new(127.1118, 37.3951, 0.0));
        let (x, y) = plane.to_m(127.1118, 37.3951);
        assert!((enu.x - x).abs() < 1e-3 && (enu.y - y).abs() < 1e-3, "{enu:?} {x} {y}");
    }

    #[test]
    fn the_nearest_point_of_a_segment_is_on_it() {
        assert_eq!(nearest_on_segment((5.0, 3.0), (0.0, 0.0), (10.0, 0.0)), (0.5, (5.0, 0.0), 3.0));
        assert_eq!(nearest_on_segment((-4.0, 3.0), (0.0, 0.0), (10.0, 0.0)), (0.0, (0.0, 0.0), 5.0));
        assert_eq!(nearest_on_segment((3.0, 4.0), (0.0, 0.0), (0.0, 0.0)).2, 5.0);
    }
}
