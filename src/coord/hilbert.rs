//! Keys along the Hilbert curve: rows that are near on the globe lie near in a file.

/// Order of the curve: 2^16 steps of longitude and of latitude.
const ORDER: u8 = 16;

/// Place on the Hilbert curve of order 16 over longitude [-180, 180] and latitude [-90, 90], in `[0, 2^32)`.
///
/// A place outside is moved to the edge; NaN counts as the west or south edge.
pub fn key(lon: f64, lat: f64) -> u64 {
    let steps = f64::from(1_u32 << ORDER);
    // A float to integer cast saturates and takes NaN to 0.
    let cell = |share: f64| ((share * steps).floor() as u32).min((1 << ORDER) - 1);
    fast_hilbert::xy2h(cell((lon + 180.0) / 360.0), cell((lat + 90.0) / 180.0), ORDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_starts_in_the_south_west_and_neighbours_on_it_are_neighbours_on_the_globe() {
        assert_eq!(key(-180.0, -90.0), 0);
        assert_eq!(key(f64::NAN, f64::NAN), 0);
        assert!(key(180.0, 90.0) < 1 << 32);
        let (step_lon, step_lat) = (360.0 / 65536.0, 180.0 / 65536.0);
        let here = key(127.1112, 37.3947);
        let around = [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)];
        let next = around.iter().filter(|(x, y)| key(127.1112 + x * step_lon, 37.3947 + y * step_lat) == here + 1);
        assert_eq!(next.count(), 1);
    }
}
