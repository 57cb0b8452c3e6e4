//! Splits that do not leak: by place with a metric buffer, or by recording (DESIGN, *Splits by place*).

use std::collections::BTreeSet;

use h3o::{CellIndex, LatLng, Resolution};

use super::{SplitConfig, SplitMethod};
use crate::error::{ErrorKind, Result};
use crate::sample::Split;

/// Metres of a degree of latitude at the equator, the least there is: no distance below is stated too large, so no
/// cell within reach is missed.
const DEGREE_LAT_M: f64 = 110_574.0;

/// Metres of a degree of longitude at the equator; times the cosine of the latitude, the least there is.
const DEGREE_LON_M: f64 = 111_319.0;

/// Rings of cells around a point's own that a buffer may reach.
const MAX_RINGS: u32 = 64;
/// Metres between the points of a path at which its surroundings are looked at.
const STEP_M: f64 = 5.0;

/// Which split a sample belongs to: a pure function of it, the seed and `[split]`, never of other data.
#[derive(Debug, Clone)]
pub struct Splitter {
    config: SplitConfig,
    cell: Resolution,
    seed: u64,
}

impl Splitter {
    /// By `[split]` and the data set's seed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for an H3 resolution above 15, fractions that are negative or all zero, or a buffer that
    /// is negative.
    pub fn new(config: &SplitConfig, seed: u64) -> Result<Splitter> {
        let wrong = |reason: String| Err(ErrorKind::Config(reason).bare());
        let Ok(cell) = Resolution::try_from(config.cell) else {
            return wrong(format!("split.cell is {}, H3 resolutions end at 15", config.cell));
        };
        let shares = [config.fractions.train, config.fractions.val, config.fractions.test];
        if !(shares.iter().all(|s| s.is_finite() && *s >= 0.0) && shares.iter().sum::<f64>() > 0.0) {
            return wrong("split.fractions must not be negative, and not all zero".to_string());
        }
        if !(config.buffer_m.is_finite() && config.buffer_m >= 0.0) {
            return wrong("split.buffer_m must not be negative".to_string());
        }
        // Each point of each path looks at about 3·rings² cells.
        let (_, rings) = reach(cell, config.buffer_m / 2.0);
        if config.method == SplitMethod::Place && rings > MAX_RINGS {
            return wrong(format!(
                "split.buffer_m of {} m is too wide for cells of H3 resolution {}: choose a smaller `cell`",
                config.buffer_m, config.cell
            ));
        }
        Ok(Splitter { config: config.clone(), cell, seed })
    }

    /// The split of a sample of `recording_id` whose trajectory is `path`, `(lon, lat)` degrees.
    ///
    /// By place: the split that all cells within `buffer_m / 2` of the path share, else `buffer`. Two samples less
    /// than `buffer_m` apart have a point within half of it from both, whose cell both count; so they never get two
    /// different splits of train, val and test.
    pub fn split(&self, recording_id: &str, path: &[(f64, f64)]) -> Split {
        match self.config.method {
            SplitMethod::None => Split::None,
            SplitMethod::Recording => self.draw(recording_id.as_bytes()),
            SplitMethod::Place => {
                let mut votes = self.votes(path).into_iter().map(|(_, split)| split);
                let first = votes.next().unwrap_or(Split::Buffer);
                if votes.all(|s| s == first) { first } else { Split::Buffer }
            }
        }
    }

    /// The cells within `buffer_m / 2` of a path, ascending, each with its split; none where a point is not finite.
    pub fn votes(&self, path: &[(f64, f64)]) -> Vec<(CellIndex, Split)> {
        let cells = cells_near(path, self.cell, self.config.buffer_m / 2.0).unwrap_or_default();
        cells.into_iter().map(|cell| (cell, self.draw(&u64::from(cell).to_le_bytes()))).collect()
    }

    /// The `[split]` that it follows.
    pub fn config(&self) -> &SplitConfig {
        &self.config
    }

    /// The split that a hash of (seed, key) falls into.
    fn draw(&self, key: &[u8]) -> Split {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(key);
        let bytes = hasher.finalize();
        let bytes = bytes.as_bytes().first_chunk::<8>().expect("a hash has 32 bytes");
        // 53 bits fill a float exactly.
        let share = (u64::from_le_bytes(*bytes) >> 11) as f64 / (1_u64 << 53) as f64;
        let of = &self.config.fractions;
        let at = share * (of.train + of.val + of.test);
        match at {
            at if at < of.train => Split::Train,
            at if at < of.train + of.val => Split::Val,
            _ => Split::Test,
        }
    }
}

/// The cells that come within `radius_m` of a path, and perhaps a few that come within some metres more; `None` where
/// the path has no points or one is not finite.
fn cells_near(path: &[(f64, f64)], resolution: Resolution, radius_m: f64) -> Option<BTreeSet<CellIndex>> {
    let (reach_m, k) = reach(resolution, radius_m);
    let mut cells = BTreeSet::new();
    for (lon, lat) in densified(path)? {
        let own = LatLng::new(lat, lon).ok()?.to_cell(resolution);
        cells.insert(own);
        let around: Vec<CellIndex> = own.grid_disk(k);
        for cell in around {
            if !cells.contains(&cell) && distance_m((lon, lat), cell) <= reach_m {
                cells.insert(cell);
            }
        }
    }
    (!cells.is_empty()).then_some(cells)
}

/// How far from a point cells are looked for, metres, and in how many rings around the point's own.
fn reach(resolution: Resolution, radius_m: f64) -> (f64, u32) {
    // Edges are great circles, but straight lines in the local plane; the gap between the two is edge²/8R at most
    // times the tangent of the latitude, and small beside a metre for cells of a kilometre.
    let edge_m = resolution.edge_length_m();
    let reach_m = radius_m + STEP_M / 2.0 + 0.5 + edge_m * edge_m / 6.0e6;
    // The k-disk around a point's cell reaches at least k edges from it; cells differ in size by less than half.
    (reach_m, (reach_m / (0.5 * edge_m)).ceil() as u32)
}

/// Points along a path, at most [`STEP_M`] apart; `None` where one is not finite.
fn densified(path: &[(f64, f64)]) -> Option<Vec<(f64, f64)>> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for &(lon, lat) in path {
        if !(lon.is_finite() && lat.is_finite()) {
            return None;
        }
        if let Some(&(x, y)) = points.last() {
            let (dx, dy) = metres((x, y), (lon, lat));
            let steps = ((dx * dx + dy * dy).sqrt() / STEP_M).ceil().clamp(1.0, 1e6) as u32;
            for i in 1..steps {
                let w = f64::from(i) / f64::from(steps);
                points.push((x + (lon - x) * w, y + (lat - y) * w));
            }
        }
        points.push((lon, lat));
    }
    Some(points)
}

/// East and north metres from `a` to `b` in the plane at `a`, at most 1 % too small.
fn metres(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    ((b.0 - a.0) * DEGREE_LON_M * libm::cos(a.1.to_radians()), (b.1 - a.1) * DEGREE_LAT_M)
}

/// Metres from a point outside a cell to its border.
fn distance_m(point: (f64, f64), cell: CellIndex) -> f64 {
    let corners: Vec<(f64, f64)> = cell.boundary().iter().map(|c| metres(point, (c.lng(), c.lat()))).collect();
    let sides = corners.iter().zip(corners.iter().cycle().skip(1));
    sides.map(|(&a, &b)| distance_to_side(a, b)).fold(f64::INFINITY, f64::min)
}

/// Distance from the origin to the side from `a` to `b`.
fn distance_to_side(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let squared = dx * dx + dy * dy;
    let along = if squared > 0.0 { (-(a.0 * dx + a.1 * dy) / squared).clamp(0.0, 1.0) } else { 0.0 };
    let (x, y) = (a.0 + dx * along, a.1 + dy * along);
    (x * x + y * y).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::Fractions;
    use super::*;
    use crate::coord::{EnuFrame, Geodetic};
    use geo::{Distance, Euclidean, LineString};
    use nalgebra::Vector3;
    use proptest::prelude::*;

    fn splitter(method: SplitMethod, cell: u8, buffer_m: f64, seed: u64) -> Splitter {
        let fractions = Fractions { train: 0.4, val: 0.3, test: 0.3 };
        Splitter::new(&SplitConfig { method, fractions, cell, buffer_m }, seed).expect("a config")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn samples_nearer_than_the_buffer_never_have_two_splits(
            origin in (-170.0..170.0, -75.0..75.0),
            cell in 9_u8..=11,
            buffer_m in 10.0..120.0,
            seed: u64,
            walks in prop::collection::vec(((-400.0..400.0, -400.0..400.0), (-60.0..60.0, -60.0..60.0)), 60),
        ) {
            let frame = EnuFrame::new(Geodetic::new(origin.0, origin.1, 0.0));
            let splitter = splitter(SplitMethod::Place, cell, buffer_m, seed);
            let mut placed: Vec<(LineString, Split)> = Vec::new();
            for ((x, y), (dx, dy)) in walks {
                let line = LineString::from(vec![(x, y), (x + dx, y + dy), (x + 2.0 * dx, y + dy)]);
                let path: Vec<(f64, f64)> = line.coords()
                    .map(|c| frame.to_geodetic(Vector3::new(c.x, c.y, 0.0)))
                    .map(|g| (g.lon_deg, g.lat_deg))
                    .collect();
                let split = splitter.split("any", &path);
                for (other, its) in &placed {
                    let used = |s: Split| matches!(s, Split::Train | Split::Val | Split::Test);
                    if used(split) && used(*its) && split != *its {
                        let gap = Euclidean.distance(&line, other);
                        prop_assert!(gap >= buffer_m - 0.05, "{split:?} and {its:?} are {gap} m apart");
                    }
                }
                placed.push((line, split));
            }
        }
    }

    #[test]
    fn the_split_of_a_place_depends_on_the_seed_and_the_shares_come_out() {
        let by_place = splitter(SplitMethod::Place, 8, 0.0, 7);
        let mut counts = [0; 5];
        let mut changed = 0;
        for i in 0..3000 {
            let place = (100.0 + f64::from(i % 60) * 0.1, -30.0 + f64::from(i / 60) * 0.1);
            let split = by_place.split("r", &[place]);
            counts[split as usize] += 1;
            changed += i32::from(splitter(SplitMethod::Place, 8, 0.0, 8).split("r", &[place]) != split);
        }
        let share = |split: Split| f64::from(counts[split as usize]) / 3000.0;
        assert!((share(Split::Train) - 0.4).abs() < 0.04 && (share(Split::Val) - 0.3).abs() < 0.04, "{counts:?}");
        assert!(changed > 1000);
    }

    #[test]
    fn by_recording_all_samples_of_a_recording_share_a_split() {
        let by_recording = splitter(SplitMethod::Recording, 8, 50.0, 7);
        let split = by_recording.split("drive-1", &[(127.0, 37.0)]);
        assert_eq!(split, by_recording.split("drive-1", &[(12.0, 52.0)]));
        assert_eq!(splitter(SplitMethod::None, 8, 50.0, 7).split("drive-1", &[(127.0, 37.0)]), Split::None);
    }

    #[test]
    fn a_config_that_cannot_be_is_refused() {
        let refused = |change: fn(&mut SplitConfig)| {
            let mut config = SplitConfig::default();
            change(&mut config);
            Splitter::new(&config, 0).is_err()
        };
        assert!(refused(|c| c.cell = 16));
        assert!(refused(|c| c.buffer_m = -1.0));
        assert!(refused(|c| c.fractions.val = f64::NAN));
        assert!(refused(|c| c.fractions = Fractions { train: 0.0, val: 0.0, test: 0.0 }));
    }
}
