//! Argoverse 2's city frames, which its recordings and maps share: metres from a city's origin along the axes of its
//! UTM zone.
//!
//! Source: `av2-api`, `src/av2/geometry/utm.py` (MIT): zone and origin per city.

use std::path::Path;

use nalgebra::{Quaternion, UnitQuaternion, Vector3};

use crate::coord::{EnuFrame, Geodetic};
use crate::error::ErrorKind;

/// Code of a city, its UTM zone (all north of the equator), latitude and longitude of its origin.
const CITIES: [(&str, u32, f64, f64); 6] = [
    ("ATX", 14, 30.274_642_379_395_07, -97.740_445_740_742_4),
    ("DTW", 17, 42.299_930_669_129_24, -83.175_557_507_837_17),
    ("MIA", 17, 25.774_525_799_151_63, -80.196_569_144_494_05),
    ("PAO", 10, 37.416_065, -122.135_719_633_621_66),
    ("PIT", 17, 40.441_779_029_893_21, -80.012_943_772_425_84),
    ("WDC", 18, 38.889_377, -77.035_504_743_908_1),
];

/// A city's frame.
pub(crate) struct City {
    /// The code, e.g. `PIT`.
    pub(crate) name: &'static str,
    utm: proj4rs::Proj,
    wgs84: proj4rs::Proj,
    /// Easting and northing of the origin.
    origin: (f64, f64),
}

impl City {
    /// The city in the name of a map file, `log_map_archive_LOG____PIT_city_47896.json`.
    pub(crate) fn of_map_file(path: &Path) -> Result<City, ErrorKind> {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let code = name.split_once("____").and_then(|(_, rest)| rest.split(['_', '.']).next()).unwrap_or_default();
        City::of_code(code)
    }

    /// The city of a code.
    pub(crate) fn of_code(code: &str) -> Result<City, ErrorKind> {
        let (name, zone, lat, lon) = CITIES
            .into_iter()
            .find(|(name, ..)| *name == code)
            .ok_or_else(|| ErrorKind::Unknown { what: "Argoverse 2 city", name: code.to_string() })?;
        let proj =
            |text: String| proj4rs::Proj::from_proj_string(&text).map_err(|e| ErrorKind::Unsupported(e.to_string()));
        let utm = proj(format!("+proj=utm +zone={zone} +datum=WGS84 +units=m +no_defs"))?;
        let wgs84 = proj("+proj=longlat +datum=WGS84 +no_defs".to_string())?;
        let mut origin = (lon.to_radians(), lat.to_radians(), 0.0);
        proj4rs::transform::transform(&wgs84, &utm, &mut origin).map_err(|e| ErrorKind::Unsupported(e.to_string()))?;
        Ok(City { name, utm, wgs84, origin: (origin.0, origin.1) })
    }

    /// The place of a point of the city frame, its z kept as the height; `None` where it lies off the earth.
    pub(crate) fn place(&self, p: Vector3<f64>) -> Option<Geodetic> {
        let mut at = (self.origin.0 + p.x, self.origin.1 + p.y, 0.0);
        proj4rs::transform::transform(&self.utm, &self.wgs84, &mut at).ok()?;
        let place = Geodetic::new(at.0.to_degrees(), at.1.to_degrees(), p.z);
        place.is_valid().then_some(place)
    }

    /// Rotation from the city's axes (grid east, grid north, up) to the ENU axes at a point: grid convergence.
    ///
    /// Lengths of the grid are those of the map projection: 0.999 67 (at the Californian origin) to 1.000 0 of
    /// those on the ellipsoid.
    pub(crate) fn enu_r_city(&self, p: Vector3<f64>) -> Option<UnitQuaternion<f64>> {
        // The direction of grid north, over a stretch where meridians are straight and rounding is small.
        let half = Vector3::new(0.0, 50.0, 0.0);
        let ground = |p: Vector3<f64>| self.place(Vector3::new(p.x, p.y, 0.0));
        let frame = EnuFrame::new(ground(p)?);
        let north = frame.to_enu(ground(p + half)?) - frame.to_enu(ground(p - half)?);
        let yaw = libm::atan2(-north.x, north.y);
        let (sin, cos) = libm::sincos(yaw / 2.0);
        Some(UnitQuaternion::new_normalize(Quaternion::new(cos, 0.0, 0.0, sin)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_city_lies_where_pyproj_puts_it() {
        // pyproj 3.7 (PROJ 9): place of (1000, -2000) and meridian convergence at the origin, degrees.
        for (code, lon, lat, convergence_deg) in [
            ("ATX", -97.730_283_459_520_76, 30.256_497_918_810_435, 0.635_076_015_648_727_6),
            ("DTW", -83.162_818_163_020_62, 42.282_160_567_507_55, -1.464_564_764_892_315_7),
            ("MIA", -80.186_719_935_093_3, 25.756_411_920_797_81, 0.349_375_330_252_012_45),
            ("PAO", -122.124_629_854_226_97, 37.397_956_340_840_736, 0.525_160_954_012_336_1),
            ("PIT", -80.001_420_637_306_44, 40.423_662_245_802_554, 0.640_315_847_513_929_3),
            ("WDC", -77.023_470_357_570_59, 38.871_565_568_203_83, -1.278_257_844_721_685_2),
        ] {
            let city = City::of_code(code).expect("a known city");
            let place = city.place(Vector3::new(1000.0, -2000.0, 7.0)).expect("on the earth");
            assert!((place.lon_deg - lon).abs() < 1e-10 && (place.lat_deg - lat).abs() < 1e-10, "{code}: {place:?}");
            assert_eq!(place.height_m, 7.0);
            let turn = city.enu_r_city(Vector3::zeros()).expect("on the earth");
            // Grid north points east of true north by the convergence.
            let north = turn * Vector3::y();
            assert!((libm::atan2(north.x, north.y).to_degrees() - convergence_deg).abs() < 1e-6, "{code}");
        }
    }

    #[test]
    fn the_city_is_in_the_name_of_the_map_file() {
        let of = |name: &str| City::of_map_file(Path::new(name)).map(|c| c.name);
        assert_eq!(of("map/log_map_archive_7fab2350____PIT_city_47896.json").expect("a city"), "PIT");
        assert!(matches!(of("log_map_archive_7fab2350____XYZ_city_1.json"), Err(ErrorKind::Unknown { .. })));
        assert!(of("map.json").is_err());
    }
}
