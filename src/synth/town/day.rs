//! The light of a moment: where the sun stands over Pangyo, how strong it and the sky are, and the leaves' colour.

use nalgebra::Vector3;

use crate::synth::scene::Light;
use crate::time::Timestamp;

use super::ORIGIN;

/// The light at a time, by day only: below 8° the sun is held there.
///
/// Source: Michalsky (1988), *The Astronomical Almanac's algorithm for approximate solar position*, Solar Energy 40
/// (good to 0.01°).
pub fn light(t: Timestamp) -> Light {
    let days = (t.ns() as f64 / 1e9 - 946_728_000.0) / 86_400.0;
    let mean_anomaly = (357.528 + 0.985_600_3 * days).to_radians();
    let longitude =
        (280.460 + 0.985_647_4 * days + 1.915 * libm::sin(mean_anomaly) + 0.020 * libm::sin(2.0 * mean_anomaly))
            .to_radians();
    let obliquity = (23.439 - 4e-7 * days).to_radians();
    let ascension = libm::atan2(libm::cos(obliquity) * libm::sin(longitude), libm::cos(longitude));
    let declination = libm::asin(libm::sin(obliquity) * libm::sin(longitude));
    let sidereal = (280.460_618 + 360.985_647_4 * days + ORIGIN.lon_deg).to_radians();
    let hour = sidereal - ascension;
    let (sin_lat, cos_lat) = libm::sincos(ORIGIN.lat_deg.to_radians());
    let (sin_dec, cos_dec) = libm::sincos(declination);
    let (sin_hour, cos_hour) = libm::sincos(hour);
    let sun = Vector3::new(
        -cos_dec * sin_hour,
        cos_lat * sin_dec - sin_lat * cos_dec * cos_hour,
        sin_lat * sin_dec + cos_lat * cos_dec * cos_hour,
    );
    let up = sun.z.max(0.139);
    let level = (1.0 - up * up).sqrt() / libm::hypot(sun.x, sun.y).max(1e-6);
    let sun = Vector3::new(sun.x * level, sun.y * level, up);
    // Low sun is redder and weaker: the air mass grows as 1/sin(elevation).
    let air = 1.0 / up;
    let through = |k: f64| libm::exp(-k * air) as f32;
    let year_day = (days + 0.5).rem_euclid(365.2425);
    // Leaves turn from mid-October to mid-November (day 288 to 318).
    let autumn = ((year_day - 285.0) / 35.0).clamp(0.0, 1.0) * f64::from(u8::from(year_day < 340.0));
    Light {
        sun,
        sun_rgb: [3.4 * through(0.09), 3.25 * through(0.14), 3.0 * through(0.24)],
        sky_rgb: [0.50, 0.62, 0.86],
        autumn: autumn as f32,
        haze: 0.0011,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sun_stands_in_the_south_at_noon_and_high_in_summer() {
        // Pangyo's true noon on 21 June 2026 is at 12:33 KST (03:33 UTC); elevation 90 − 37.39 + 23.44 = 76.0°.
        let noon = light(Timestamp::parse("2026-06-21T03:33:00Z").expect("valid")).sun;
        assert!(noon.y < 0.0 && noon.x.abs() < 0.01, "{noon}");
        assert!((libm::asin(noon.z).to_degrees() - 76.05).abs() < 0.1, "{noon}");
        let morning = light(Timestamp::parse("2026-03-21T00:00:00Z").expect("valid")).sun;
        assert!(morning.x > 0.5, "at nine in the morning it stands in the east: {morning}");
        assert!((morning.norm() - 1.0).abs() < 1e-9);
    }
}
