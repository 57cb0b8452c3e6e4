//! [`Histogram`]: how values are distributed, in bins that people can read.

use serde::Serialize;

/// Counts of values by bins, each from its start on, its end not in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    /// What is counted.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Without gaps from the first to the last that has a value; none without values.
    pub bins: Vec<Bin>,
    /// Values that are not known.
    pub missing: u64,
    /// Least value.
    pub min: Option<f64>,
    /// Middle value, the lower of two.
    pub median: Option<f64>,
    /// Greatest value.
    pub max: Option<f64>,
}

/// A bin of a [`Histogram`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bin {
    /// How to call it.
    pub label: String,
    /// Least value in it.
    pub from: f64,
    /// First value beyond it.
    pub to: f64,
    /// Values in it.
    pub count: u64,
}

/// About how many bins of one width there are at most.
const MOST: f64 = 12.0;

const COMPASS: [&str; 8] = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"];

impl Histogram {
    /// In bins of one width: 1, 2 or 5 times a power of ten.
    pub fn even(name: &str, unit: &str, values: Vec<Option<f64>>) -> Histogram {
        let mut this = Histogram::empty(name, unit, &values);
        if let (Some(min), Some(max)) = (this.min, this.max) {
            let width = steps().find(|step| step * MOST >= max - min).unwrap_or(f64::INFINITY);
            let (first, last) = ((min / width).floor(), (max / width).floor());
            let edges = (0..=(last - first) as u32 + 1).map(|i| (first + f64::from(i)) * width);
            this.bins = between(edges.collect());
            this.count(&values);
        }
        this
    }

    /// Of values from 0 on, in bins that end at 1, 2, 5, 10, 20, 50, …
    pub fn decades(name: &str, unit: &str, values: Vec<Option<f64>>) -> Histogram {
        let mut this = Histogram::empty(name, unit, &values);
        if let (Some(min), Some(max)) = (this.min, this.max) {
            let edges: Vec<f64> = std::iter::once(0.0).chain(steps().skip_while(|step| *step < 1.0)).collect();
            let first = edges.partition_point(|edge| *edge <= min).saturating_sub(1);
            let end = edges.partition_point(|edge| *edge <= max).min(edges.len() - 1);
            this.bins = between(edges[first..=end].to_vec());
            this.count(&values);
        }
        this
    }

    /// Of headings, degrees clockwise from north: eight sectors, north from 337.5 to 22.5.
    pub fn compass(name: &str, values: Vec<Option<f64>>) -> Histogram {
        let mut this = Histogram::empty(name, "°", &values);
        if this.min.is_some() {
            // A mean or median of angles depends on where one starts to count.
            (this.min, this.median, this.max) = (None, None, None);
            let sector = |(i, label): (u32, &&str)| {
                let from = (f64::from(i) * 45.0 - 22.5).rem_euclid(360.0);
                Bin { label: label.to_string(), from, to: f64::from(i) * 45.0 + 22.5, count: 0 }
            };
            this.bins = (0..).zip(&COMPASS).map(sector).collect();
            for value in values.iter().flatten() {
                this.bins[(((value + 22.5) / 45.0).floor() as i64).rem_euclid(8) as usize].count += 1;
            }
        }
        this
    }

    fn empty(name: &str, unit: &str, values: &[Option<f64>]) -> Histogram {
        let mut known: Vec<f64> = values.iter().flatten().copied().filter(|v| v.is_finite()).collect();
        known.sort_by(f64::total_cmp);
        Histogram {
            name: name.to_string(),
            unit: unit.to_string(),
            bins: Vec::new(),
            missing: (values.len() - known.len()) as u64,
            min: known.first().copied(),
            median: known.get(known.len().saturating_sub(1) / 2).copied(),
            max: known.last().copied(),
        }
    }

    fn count(&mut self, values: &[Option<f64>]) {
        for value in values.iter().flatten().filter(|v| v.is_finite()) {
            let after = self.bins.partition_point(|bin| bin.from <= *value);
            if let Some(bin) = self.bins.get_mut(after.saturating_sub(1)) {
                bin.count += 1;
            }
        }
    }
}

/// 1, 2, 5 times powers of ten, ascending from 0.001.
fn steps() -> impl Iterator<Item = f64> {
    (-3..16).flat_map(|power| [1.0, 2.0, 5.0].map(|m| if power < 0 { m / exp10(-power) } else { m * exp10(power) }))
}

fn exp10(power: i32) -> f64 {
    (0..power).fold(1.0, |product, _| product * 10.0)
}

fn between(edges: Vec<f64>) -> Vec<Bin> {
    // Products of a width like 0.1 have digits that nobody asked for.
    let short = |edge: f64| format!("{edge:.3}").trim_end_matches('0').trim_end_matches('.').to_string();
    let bin = |pair: &[f64]| Bin {
        label: format!("{} – {}", short(pair[0]), short(pair[1])),
        from: pair[0],
        to: pair[1],
        count: 0,
    };
    edges.windows(2).map(bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(histogram: &Histogram) -> Vec<(&str, u64)> {
        histogram.bins.iter().map(|bin| (bin.label.as_str(), bin.count)).collect()
    }

    #[test]
    fn bins_are_round_and_cover_what_there_is() {
        let values = [0.0, 1.9, 2.0, 13.9, -0.1].map(Some).to_vec();
        let speed = Histogram::even("speed", "m/s", [values, vec![None]].concat());
        assert_eq!(shape(&speed)[..3], [("-2 – 0", 1), ("0 – 2", 2), ("2 – 4", 1)]);
        assert_eq!((speed.bins.len(), speed.missing, speed.median), (8, 1, Some(1.9)));
        let gap = Histogram::decades("gap", "ms", [0.0, 0.5, 10.0, 19.9, 20.0].map(Some).to_vec());
        assert_eq!(
            shape(&gap),
            [("0 – 1", 2), ("1 – 2", 0), ("2 – 5", 0), ("5 – 10", 0), ("10 – 20", 2), ("20 – 50", 1)]
        );
        let heading = Histogram::compass("heading", [359.0, 22.4, 22.5, 180.0].map(Some).to_vec());
        assert_eq!(heading.bins.iter().map(|b| b.count).collect::<Vec<_>>(), [2, 1, 0, 0, 1, 0, 0, 0]);
        assert!(Histogram::even("none", "", vec![None]).bins.is_empty());
    }

    proptest! {
        #[test]
        fn every_value_is_counted_once_in_its_own_bin(values in prop::collection::vec(-40.0..90.0, 1..80)) {
            let all: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
            let positive: Vec<Option<f64>> = values.iter().map(|v| Some(v * v * 10.0)).collect();
            for (histogram, of) in [
                (Histogram::even("x", "", all.clone()), &all),
                (Histogram::decades("x", "", positive.clone()), &positive),
            ] {
                prop_assert!(histogram.bins.len() <= 30);
                for bin in &histogram.bins {
                    let inside = of.iter().flatten().filter(|v| (bin.from..bin.to).contains(*v)).count();
                    prop_assert_eq!(bin.count, inside as u64);
                }
                prop_assert_eq!(histogram.bins.iter().map(|b| b.count).sum::<u64>(), of.len() as u64);
            }
        }
    }
}
