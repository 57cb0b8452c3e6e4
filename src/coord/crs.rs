//! Coordinate reference systems by EPSG code, to and from WGS84 longitude and latitude.

use std::fmt;

use proj4rs::Proj;

use crate::error::ErrorKind;

use super::wrap_degrees;

/// `Korean 1985 to WGS 84 (1)`, the Molodensky–Badekas operation that PROJ chooses (EPSG dataset), with its pivot
/// multiplied out into seven parameters of the position vector convention; within 0.3 mm of PROJ in Korea.
///
/// The definitions of EPSG:5173–5178 and 4162 come without a datum shift, and are 360 m off.
const KOREAN_1985: &str = "-114.619985,475.962970,675.018329,1.162,-2.347,-1.592,6.342";

/// Codes on the datum Korean 1985 (Bessel).
const KOREAN_1985_CODES: [u16; 10] = [2096, 2097, 2098, 4162, 5173, 5174, 5175, 5176, 5177, 5178];

/// A coordinate reference system that converts to and from WGS84.
///
/// Axes are in visualisation order whatever the EPSG registry says: `x` is east or longitude, `y` north or latitude,
/// in the system's own unit (degrees where it is geographic). Heights are left alone.
#[derive(Debug, Clone)]
pub struct Crs {
    code: u16,
    proj: Proj,
    wgs84: Proj,
    operation: String,
}

/// A reference system or coordinate that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{crs}: {reason}")]
pub struct InvalidCrs {
    /// What was asked for, e.g. `EPSG:5186`.
    pub crs: String,
    /// What is wrong.
    pub reason: String,
}

impl From<InvalidCrs> for ErrorKind {
    fn from(e: InvalidCrs) -> ErrorKind {
        ErrorKind::Unsupported(format!("coordinate reference system {e}"))
    }
}

impl fmt::Display for Crs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EPSG:{}", self.code)
    }
}

impl Crs {
    /// The system of a code, e.g. `EPSG:5186`, `epsg:4326` or `OGC:CRS84`.
    ///
    /// # Errors
    ///
    /// [`InvalidCrs`] for other text, a code that is not known, or one whose projection or datum cannot be computed.
    pub fn parse(text: &str) -> Result<Crs, InvalidCrs> {
        let wrong = |reason: &str| InvalidCrs { crs: text.to_string(), reason: reason.to_string() };
        let trimmed = text.trim().to_ascii_uppercase();
        if trimmed == "OGC:CRS84" {
            return Crs::epsg(4326);
        }
        let digits = trimmed.strip_prefix("EPSG:").ok_or_else(|| wrong("expected a code such as `EPSG:5186`"))?;
        Crs::epsg(digits.parse().map_err(|_| wrong("not a known EPSG code"))?)
    }

    /// The system of an EPSG code.
    ///
    /// # Errors
    ///
    /// As [`Crs::parse`].
    pub fn epsg(code: u16) -> Result<Crs, InvalidCrs> {
        let wrong = |reason: String| InvalidCrs { crs: format!("EPSG:{code}"), reason };
        let known = crs_definitions::from_code(code).ok_or_else(|| wrong("not a known EPSG code".to_string()))?;
        let mut definition = known.proj4.to_string();
        if KOREAN_1985_CODES.contains(&code) && !definition.contains("+towgs84") {
            definition.push_str(&format!(" +towgs84={KOREAN_1985}"));
        }
        let build = |text: &str| Proj::from_proj_string(text).map_err(|e| wrong(e.to_string()));
        let proj = build(&definition)?;
        if !(proj.has_inverse() || proj.is_latlong()) {
            return Err(wrong("its projection has no inverse".to_string()));
        }
        let wgs84 = build("+proj=longlat +datum=WGS84 +no_defs")?;
        let operation = operation(code, &definition);
        Ok(Crs { code, proj, wgs84, operation })
    }

    /// The EPSG code.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Whether coordinates are degrees rather than a plane's metres.
    pub fn is_geographic(&self) -> bool {
        self.proj.is_latlong()
    }

    /// In words, how its datum is brought to WGS84: belongs beside any data that went through it.
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// Longitude and latitude (WGS84, degrees) of a coordinate.
    ///
    /// # Errors
    ///
    /// [`InvalidCrs`] for a coordinate that is not finite or lies outside the projection.
    pub fn to_wgs84(&self, x: f64, y: f64) -> Result<(f64, f64), InvalidCrs> {
        let turned = if self.is_geographic() { (x.to_radians(), y.to_radians()) } else { (x, y) };
        let (lon, lat) = self.transform(&self.proj, &self.wgs84, turned)?;
        Ok((lon.to_degrees(), lat.to_degrees()))
    }

    /// The coordinate of a longitude and latitude (WGS84, degrees).
    ///
    /// # Errors
    ///
    /// [`InvalidCrs`] for a place that is not finite or lies outside the projection.
    pub fn from_wgs84(&self, lon: f64, lat: f64) -> Result<(f64, f64), InvalidCrs> {
        let (x, y) = self.transform(&self.wgs84, &self.proj, (lon.to_radians(), lat.to_radians()))?;
        Ok(if self.is_geographic() { (x.to_degrees(), y.to_degrees()) } else { (x, y) })
    }

    /// Grid convergence at a place: the angle from true north clockwise to the grid's north, radians.
    ///
    /// A bearing from true north is a bearing from grid north plus this. Found from the system itself, by two places
    /// 20 m apart on the meridian.
    ///
    /// # Errors
    ///
    /// As [`Crs::from_wgs84`].
    pub fn convergence_rad(&self, lon: f64, lat: f64) -> Result<f64, InvalidCrs> {
        let half = 1e-4;
        let (x0, y0) = self.from_wgs84(lon, lat - half)?;
        let (x1, y1) = self.from_wgs84(lon, lat + half)?;
        // The meridian's grid bearing is the convergence with the other sign.
        let bearing = libm::atan2(x1 - x0, y1 - y0).to_degrees();
        let clockwise = wrap_degrees(-bearing);
        Ok(if clockwise > 180.0 { clockwise - 360.0 } else { clockwise }.to_radians())
    }

    fn transform(&self, from: &Proj, to: &Proj, (x, y): (f64, f64)) -> Result<(f64, f64), InvalidCrs> {
        let wrong = |reason: String| InvalidCrs { crs: self.to_string(), reason };
        let mut point = (x, y, 0.0);
        if !(x.is_finite() && y.is_finite()) {
            return Err(wrong("a coordinate is not finite".to_string()));
        }
        proj4rs::transform::transform(from, to, &mut point).map_err(|e| wrong(e.to_string()))?;
        if !(point.0.is_finite() && point.1.is_finite()) {
            return Err(wrong("the coordinate lies outside the projection".to_string()));
        }
        Ok((point.0, point.1))
    }
}

/// How a datum is brought to WGS84, in words.
fn operation(code: u16, definition: &str) -> String {
    if KOREAN_1985_CODES.contains(&code) {
        return format!("Korean 1985 to WGS 84 (1), stated accuracy 1 m, as towgs84={KOREAN_1985}");
    }
    let shift = definition.split_whitespace().find_map(|w| w.strip_prefix("+towgs84="));
    match shift {
        Some(p) if p.split(',').all(|v| v.parse() == Ok(0.0_f64)) => {
            "null datum shift to WGS 84, stated accuracy 1 m".into()
        }
        Some(p) => format!("datum shift to WGS 84 by towgs84={p}"),
        None if definition.contains("+datum=WGS84") => "none: the datum is WGS 84".into(),
        None => "no datum shift is known: coordinates are taken as WGS 84".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: [(f64, f64); 4] =
        [(127.1112, 37.3947), (126.9780, 37.5665), (126.5312, 33.4996), (131.8649, 37.2411)];

    /// Pangyo, Seoul City Hall, Jeju, Dokdo by PROJ 9 (pyproj, best available operation, `always_xy`).
    const GOLDEN: [(u16, [(f64, f64); 4]); 9] = [
        (5174, [(209776.869, 432517.571), (197986.746, 451579.851), (156361.102, 450.982), (631734.440, 426566.265)]),
        (
            5179,
            [
                (965585.669, 1932915.078),
                (953901.165, 1952032.081),
                (910010.546, 1501279.789),
                (1387242.929, 1924740.319),
            ],
        ),
        (5181, [(209846.702, 432823.096), (198056.367, 451885.031), (156437.520, 758.481), (631801.574, 426879.345)]),
        (
            5185,
            [(386956.841, 534909.647), (374759.293, 553724.369), (342290.326, 101709.664), (809513.144, 537928.295)],
        ),
        (
            5186,
            [(209846.702, 532823.096), (198056.367, 551885.031), (156437.520, 100758.481), (631801.574, 526879.345)],
        ),
        (5187, [(32739.741, 534491.930), (21352.827, 553807.144), (-29436.192, 103389.361), (454230.714, 519618.515)]),
        (
            5188,
            [(-144421.114, 539921.870), (-155406.995, 559497.256), (-215419.884, 109612.575), (276743.225, 516120.760)],
        ),
        (
            32651,
            [
                (863981.547, 4146597.452),
                (851376.674, 4165162.711),
                (828080.104, 3712259.144),
                (1287106.430, 4158637.417),
            ],
        ),
        (
            32652,
            [
                (332806.646, 4140333.154),
                (321424.286, 4159640.641),
                (270655.583, 3709403.025),
                (754129.022, 4125465.688),
            ],
        ),
    ];

    #[test]
    fn korean_coordinates_agree_with_proj_to_a_millimetre() {
        for (code, coordinates) in GOLDEN {
            let crs = Crs::epsg(code).expect("known");
            for ((lon, lat), (x, y)) in PLACES.into_iter().zip(coordinates) {
                let (e, n) = crs.from_wgs84(lon, lat).expect("inside");
                assert!((e - x).abs() <= 1e-3 && (n - y).abs() <= 1e-3, "{code}: {e} {n} is not {x} {y}");
                let (lon2, lat2) = crs.to_wgs84(e, n).expect("inside");
                // A datum shift with heights left alone, as in PROJ, is not its own inverse: by 5 mm for 5174.
                let near = if code == 5174 { 6e-8 } else { 1e-9 };
                assert!((lon2 - lon).abs() < near && (lat2 - lat).abs() < near, "{code}: {lon2} {lat2}");
            }
        }
    }

    #[test]
    fn convergence_at_pangyo_is_that_of_the_grid() {
        // PROJ 9, `Proj.get_factors`, meridian convergence, to 0.001°.
        for (code, degrees) in [(32652, -1.147), (5179, -0.236), (5186, 0.068)] {
            let got = Crs::epsg(code).and_then(|c| c.convergence_rad(127.1112, 37.3947)).expect("inside");
            assert!((got.to_degrees() - degrees).abs() < 6e-4, "{code}: {}", got.to_degrees());
        }
    }

    #[test]
    fn unknown_codes_and_wild_coordinates_are_refused() {
        let error = |text: &str| Crs::parse(text).map(|_| ()).map_err(|e| e.to_string());
        assert_eq!(error("EPSG:1"), Err("EPSG:1: not a known EPSG code".into()));
        assert_eq!(error("utm52"), Err("utm52: expected a code such as `EPSG:5186`".into()));
        assert_eq!(error("OGC:CRS84"), Ok(()));
        let crs = Crs::parse("epsg:5186").expect("known");
        assert!(crs.to_wgs84(f64::NAN, 0.0).is_err());
        assert_eq!(crs.operation(), "null datum shift to WGS 84, stated accuracy 1 m");
    }

    #[test]
    fn geographic_systems_keep_longitude_first() {
        let (lon, lat) = Crs::epsg(4326).and_then(|c| c.to_wgs84(127.1, 37.4)).expect("inside");
        assert!((lon - 127.1).abs() < 1e-12 && (lat - 37.4).abs() < 1e-12);
    }
}
