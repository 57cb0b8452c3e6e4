//! [`statistics`]: what models normalise actions with.

use serde::Serialize;

/// Of each column: mean, standard deviation (of the population), extremes, and the 1 % and 99 % quantiles.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    /// Means.
    pub mean: Vec<f64>,
    /// Standard deviations.
    pub std: Vec<f64>,
    /// Smallest.
    pub min: Vec<f64>,
    /// Largest.
    pub max: Vec<f64>,
    /// 1 % quantiles, linear between values.
    pub q01: Vec<f64>,
    /// 99 % quantiles.
    pub q99: Vec<f64>,
    /// How many rows.
    pub count: usize,
}

/// Statistics of rows; values that are not finite are left out. `None` without a row, or where a column has no value.
pub fn statistics<const N: usize>(rows: &[[f64; N]]) -> Option<Statistics> {
    let mut all = Statistics {
        mean: Vec::new(),
        std: Vec::new(),
        min: Vec::new(),
        max: Vec::new(),
        q01: Vec::new(),
        q99: Vec::new(),
        count: rows.len(),
    };
    for column in 0..N {
        let mut values: Vec<f64> = rows.iter().map(|row| row[column]).filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let square = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
        all.mean.push(mean);
        all.std.push(square.sqrt());
        all.min.push(min);
        all.max.push(max);
        all.q01.push(quantile(&values, 0.01));
        all.q99.push(quantile(&values, 0.99));
    }
    Some(all)
}

/// A quantile of sorted values, linear between them, as NumPy's default.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (at - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_numpy() {
        let rows: Vec<[f64; 2]> = (0..11).map(|i| [f64::from(i * i), f64::from(10 - i)]).collect();
        let found = statistics(&rows).expect("rows");
        // np.mean, np.std, np.quantile of the same.
        assert_eq!((found.mean[0], found.min[0], found.max[0]), (35.0, 0.0, 100.0));
        assert!((found.std[0] - 32.832_910_318_764_01).abs() < 1e-9, "{}", found.std[0]);
        assert!((found.q01[0] - 0.1).abs() < 1e-12 && (found.q99[0] - 98.1).abs() < 1e-9, "{found:?}");
        assert!((found.q01[1] - 0.1).abs() < 1e-12 && found.count == 11);
        assert_eq!(statistics::<2>(&[]), None);
    }
}
