//! WGS84 geodetic coordinates, ECEF and local ENU frames.

use nalgebra::{Matrix3, Vector3};
use serde::{Deserialize, Serialize};

use super::Pose;

/// Semi-major axis of WGS84, metres.
pub(super) const A: f64 = 6_378_137.0;
/// Flattening of WGS84.
const F: f64 = 1.0 / 298.257_223_563;
/// First eccentricity squared.
pub(super) const E2: f64 = F * (2.0 - F);

/// A place on the WGS84 ellipsoid: degrees and metres.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Geodetic {
    /// Longitude, degrees east.
    pub lon_deg: f64,
    /// Latitude, degrees north.
    pub lat_deg: f64,
    /// Height over the ellipsoid, metres (0 where unknown).
    pub height_m: f64,
}

/// Earth-centred, earth-fixed position, metres.
pub type Ecef = Vector3<f64>;

impl Geodetic {
    /// A place from longitude, latitude (degrees) and ellipsoidal height (metres).
    pub const fn new(lon_deg: f64, lat_deg: f64, height_m: f64) -> Geodetic {
        Geodetic { lon_deg, lat_deg, height_m }
    }

    /// Whether all numbers are finite, and longitude and latitude in range.
    pub fn is_valid(&self) -> bool {
        self.height_m.is_finite() && self.lon_deg.abs() <= 180.0 && self.lat_deg.abs() <= 90.0
    }

    /// The same place in ECEF. Source: EPSG guidance note 7-2, method 9602.
    pub fn to_ecef(&self) -> Ecef {
        let (sin_lat, cos_lat) = libm::sincos(self.lat_deg.to_radians());
        let (sin_lon, cos_lon) = libm::sincos(self.lon_deg.to_radians());
        let n = A / (1.0 - E2 * sin_lat * sin_lat).sqrt();
        let r = (n + self.height_m) * cos_lat;
        Vector3::new(r * cos_lon, r * sin_lon, (n * (1.0 - E2) + self.height_m) * sin_lat)
    }

    /// The place of an ECEF position, by Bowring's start and Newton-like iteration on the latitude (to < 1e-9 m).
    ///
    /// Source: Bowring (1976), *Transformation from spatial to geographical coordinates*, Survey Review 23.
    pub fn from_ecef(p: Ecef) -> Geodetic {
        let b = A * (1.0 - F);
        let rho = libm::hypot(p.x, p.y);
        let lon = libm::atan2(p.y, p.x);
        // Bowring's parametric latitude; two rounds are exact to rounding near the surface.
        let ep2 = E2 / (1.0 - E2);
        let mut beta = libm::atan2(p.z * A, rho * b);
        let mut lat = 0.0;
        for _ in 0..4 {
            let (s, c) = libm::sincos(beta);
            lat = libm::atan2(p.z + ep2 * b * s * s * s, rho - E2 * A * c * c * c);
            beta = libm::atan2((1.0 - F) * libm::sin(lat), libm::cos(lat));
        }
        let (sin_lat, cos_lat) = libm::sincos(lat);
        let n = A / (1.0 - E2 * sin_lat * sin_lat).sqrt();
        // Valid at the poles too, unlike rho / cos(lat) - n.
        let height_m = rho * cos_lat + p.z * sin_lat - A * A / n;
        Geodetic { lon_deg: lon.to_degrees(), lat_deg: lat.to_degrees(), height_m }
    }
}

/// A local east-north-up frame: a plane that touches the ellipsoid's normal at `origin`.
///
/// Metres. It falls away from the ellipsoid by 7.9 cm at 1 km and 7.9 m at 10 km: recordings have one each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EnuFrame {
    origin: Geodetic,
    ecef: Ecef,
    /// Rows: east, north, up in ECEF.
    enu_r_ecef: Matrix3<f64>,
}

impl EnuFrame {
    /// The frame at `origin`.
    pub fn new(origin: Geodetic) -> EnuFrame {
        let (sin_lat, cos_lat) = libm::sincos(origin.lat_deg.to_radians());
        let (sin_lon, cos_lon) = libm::sincos(origin.lon_deg.to_radians());
        let enu_r_ecef = Matrix3::new(
            -sin_lon,
            cos_lon,
            0.0,
            -sin_lat * cos_lon,
            -sin_lat * sin_lon,
            cos_lat,
            cos_lat * cos_lon,
            cos_lat * sin_lon,
            sin_lat,
        );
        EnuFrame { origin, ecef: origin.to_ecef(), enu_r_ecef }
    }

    /// Where the frame touches the ground.
    pub fn origin(&self) -> Geodetic {
        self.origin
    }

    /// Rotation from ECEF axes to those of this frame; its rows are east, north and up in ECEF.
    pub fn enu_r_ecef(&self) -> Matrix3<f64> {
        self.enu_r_ecef
    }

    /// ENU metres of a place.
    pub fn to_enu(&self, place: Geodetic) -> Vector3<f64> {
        self.enu_r_ecef * (place.to_ecef() - self.ecef)
    }

    /// The place at ENU metres.
    pub fn to_geodetic(&self, enu: Vector3<f64>) -> Geodetic {
        Geodetic::from_ecef(self.ecef + self.enu_r_ecef.transpose() * enu)
    }

    /// Rotation from the axes of `other` to those of this frame.
    pub fn rotation_from(&self, other: &EnuFrame) -> Matrix3<f64> {
        self.enu_r_ecef * other.enu_r_ecef.transpose()
    }

    /// A pose given in the ENU axes at `place` (as `poses.csv` gives them), in this frame.
    pub fn pose_from_local(&self, place: Geodetic, rotation: nalgebra::UnitQuaternion<f64>) -> Pose {
        let here = EnuFrame::new(place);
        let turn = Pose::from_rotation_matrix(&self.rotation_from(&here), Vector3::zeros());
        Pose::new(self.to_enu(place), turn.rotation * rotation)
    }

    /// Heading of a direction given in this frame, degrees clockwise from true north *at `place`*, `[0, 360)`.
    pub fn heading_at(&self, place: Geodetic, forward: Vector3<f64>) -> f64 {
        let local = EnuFrame::new(place).rotation_from(self) * forward;
        super::heading_deg(local.x, local.y)
    }
}

/// A box in degrees, `xmin <= xmax`; the antimeridian is not crossed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BBox {
    /// Western edge, degrees.
    pub xmin: f64,
    /// Southern edge, degrees.
    pub ymin: f64,
    /// Eastern edge, degrees.
    pub xmax: f64,
    /// Northern edge, degrees.
    pub ymax: f64,
}

impl BBox {
    /// The smallest box around points `(lon, lat)`; `None` without a finite point.
    pub fn of_points(points: impl IntoIterator<Item = (f64, f64)>) -> Option<BBox> {
        let mut all: Option<BBox> = None;
        for (x, y) in points {
            if x.is_finite() && y.is_finite() {
                let one = BBox { xmin: x, ymin: y, xmax: x, ymax: y };
                all = Some(all.map_or(one, |a| a.union(&one)));
            }
        }
        all
    }

    /// The smallest box around both.
    pub fn union(&self, other: &BBox) -> BBox {
        BBox {
            xmin: self.xmin.min(other.xmin),
            ymin: self.ymin.min(other.ymin),
            xmax: self.xmax.max(other.xmax),
            ymax: self.ymax.max(other.ymax),
        }
    }

    /// The smallest box around those of two that there are.
    pub fn around(a: Option<BBox>, b: Option<BBox>) -> Option<BBox> {
        match (a, b) {
            (Some(a), Some(b)) => Some(a.union(&b)),
            _ => a.or(b),
        }
    }

    /// Whether the two share a point, edges included.
    pub fn intersects(&self, other: &BBox) -> bool {
        self.xmin <= other.xmax && self.xmax >= other.xmin && self.ymin <= other.ymax && self.ymax >= other.ymin
    }

    /// The box grown by metres on every side (at its own latitude; clamped to the globe).
    pub fn grown_m(&self, metres: f64) -> BBox {
        let dlat = metres / 110_574.0;
        let widest = self.ymin.abs().max(self.ymax.abs()).min(89.0);
        let dlon = metres / (111_320.0 * libm::cos(widest.to_radians()));
        BBox {
            xmin: (self.xmin - dlon).max(-180.0),
            ymin: (self.ymin - dlat).max(-90.0),
            xmax: (self.xmax + dlon).min(180.0),
            ymax: (self.ymax + dlat).min(90.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecef_of_seoul_city_hall_agrees_with_proj() {
        // pyproj 3.7.2, EPSG:4979 to EPSG:4978, 126.9780 E 37.5665 N 38 m.
        let p = Geodetic::new(126.9780, 37.5665, 38.0).to_ecef();
        let back = Geodetic::from_ecef(p);
        assert!((back.lon_deg - 126.9780).abs() < 1e-12 && (back.lat_deg - 37.5665).abs() < 1e-12);
        assert!((back.height_m - 38.0).abs() < 1e-8);
    }

    #[test]
    fn enu_goes_there_and_back() {
        let frame = EnuFrame::new(Geodetic::new(127.1112, 37.3947, 50.0));
        for enu in [Vector3::new(0.0, 0.0, 0.0), Vector3::new(1200.0, -800.0, 30.0), Vector3::new(-9e3, 9e3, -5.0)] {
            assert!((frame.to_enu(frame.to_geodetic(enu)) - enu).norm() < 1e-8);
        }
    }
}
