//! Splits that do not leak: by place with a metric buffer, or by recording (DESIGN, *Splits by place*).

use h3o::{CellIndex, Resolution};

use super::{SplitConfig, SplitMethod};
use crate::coord::h3_near_path;
use crate::error::{ErrorKind, Result};
use crate::sample::Split;

/// Rings of cells around a point's own that a buffer may reach.
const MAX_RINGS: f64 = 64.0;
/// Metres beyond half the buffer at which cells count, for what projections differ by.
const MARGIN_M: f64 = 0.05;

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
        // Each stretch of each path looks at about 3·rings² cells.
        let rings = config.buffer_m / cell.edge_length_m();
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
        let cells = h3_near_path(path, self.cell.into(), self.config.buffer_m / 2.0 + MARGIN_M).unwrap_or_default();
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
