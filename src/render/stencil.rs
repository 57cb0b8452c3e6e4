//! [`Stencil`]: polygons, lines and discs drawn into cells of 0 and 1, by the cells' centres.
//!
//! Coordinates are `[row, column]` in cells; the centre of cell `(r, c)` is `[r, c]`.

use ndarray::ArrayViewMut2;

/// One channel of a raster, drawn onto. Drawing sets cells and never clears them.
pub struct Stencil<'a> {
    cells: ArrayViewMut2<'a, u8>,
    /// For each row, the columns where the polygon's edges cross its centre line; kept between polygons.
    crossings: Vec<Vec<f64>>,
}

impl<'a> Stencil<'a> {
    /// A stencil over a channel of shape `(H, W)`.
    pub fn new(cells: ArrayViewMut2<'a, u8>) -> Stencil<'a> {
        let crossings = vec![Vec::new(); cells.nrows()];
        Stencil { cells, crossings }
    }

    /// Sets the cells whose centres are inside closed rings, by the even-odd rule: rings inside others are holes.
    ///
    /// A centre exactly on an edge belongs to the polygon on one side of it only, so that neighbours tile the plane.
    pub fn fill<'r>(&mut self, rings: impl IntoIterator<Item = &'r [[f64; 2]]>) {
        let (rows, columns) = self.cells.dim();
        for row in &mut self.crossings {
            row.clear();
        }
        for edge in rings.into_iter().flat_map(|ring| ring.windows(2)) {
            // The same crossing whichever way round the edge is drawn.
            let (a, b) = if edge[0][0] <= edge[1][0] { (edge[0], edge[1]) } else { (edge[1], edge[0]) };
            let slope = (b[1] - a[1]) / (b[0] - a[0]);
            for row in cut(a[0], rows)..cut(b[0], rows) {
                self.crossings[row].push(a[1] + (row as f64 - a[0]) * slope);
            }
        }
        for (row, crossings) in self.crossings.iter_mut().enumerate() {
            crossings.sort_unstable_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                for column in cut(pair[0], columns)..cut(pair[1], columns) {
                    self.cells[[row, column]] = 1;
                }
            }
        }
    }

    /// Sets the cells whose centres are within `half` cells of the segment `a`–`b`; of a disc, where both are equal.
    pub fn stroke(&mut self, a: [f64; 2], b: [f64; 2], half: f64) {
        let (rows, columns) = self.cells.dim();
        let along = [b[0] - a[0], b[1] - a[1]];
        let length2 = along[0] * along[0] + along[1] * along[1];
        for row in cut(a[0].min(b[0]) - half, rows)..after(a[0].max(b[0]) + half, rows) {
            let down = row as f64 - a[0];
            // Only the part of the segment that is within `half` of this row can set a cell of it.
            let (t0, t1) = match along[0] == 0.0 {
                true => (0.0, 1.0),
                false => {
                    let (s, t) = ((down - half) / along[0], (down + half) / along[0]);
                    (s.min(t).clamp(0.0, 1.0), s.max(t).clamp(0.0, 1.0))
                }
            };
            let (c0, c1) = (a[1] + t0 * along[1], a[1] + t1 * along[1]);
            for column in cut(c0.min(c1) - half, columns)..after(c0.max(c1) + half, columns) {
                let right = column as f64 - a[1];
                let t = (down * along[0] + right * along[1]) / length2;
                let t = if length2 > 0.0 { t.clamp(0.0, 1.0) } else { 0.0 };
                let (dr, dc) = (down - t * along[0], right - t * along[1]);
                if dr * dr + dc * dc <= half * half {
                    self.cells[[row, column]] = 1;
                }
            }
        }
    }

    /// Sets the cell that a point lies in.
    pub fn dot(&mut self, at: [f64; 2]) {
        let [row, column] = at.map(|v| (v + 0.5).floor());
        // NaN and what lies before the first cell fail the comparison; a cast alone would move them onto it.
        if row >= 0.0
            && column >= 0.0
            && let Some(cell) = self.cells.get_mut([row as usize, column as usize])
        {
            *cell = 1;
        }
    }
}

/// The first cell at or after `v`, cut to `0..=len`.
fn cut(v: f64, len: usize) -> usize {
    (v.ceil().max(0.0) as usize).min(len)
}

/// The first cell after `v`, cut to `0..=len`.
fn after(v: f64, len: usize) -> usize {
    ((v.floor() + 1.0).max(0.0) as usize).min(len)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_share_no_cell_and_holes_stay_empty() {
        let mut left = Array2::zeros((4, 4));
        let mut right = Array2::zeros((4, 4));
        // The common edge runs through the centres of column 2.
        Stencil::new(left.view_mut()).fill([&[[-1.0, 0.0], [-1.0, 2.0], [9.0, 2.0], [9.0, 0.0], [-1.0, 0.0]][..]]);
        Stencil::new(right.view_mut()).fill([&[[-1.0, 2.0], [-1.0, 9.0], [9.0, 9.0], [9.0, 2.0], [-1.0, 2.0]][..]]);
        assert_eq!(left + right, Array2::<u8>::ones((4, 4)));
        let mut ring = Array2::zeros((4, 4));
        let outer = [[-0.5, -0.5], [-0.5, 3.5], [3.5, 3.5], [3.5, -0.5], [-0.5, -0.5]];
        let hole = [[0.5, 0.5], [2.5, 0.5], [2.5, 2.5], [0.5, 2.5], [0.5, 0.5]];
        Stencil::new(ring.view_mut()).fill([&outer[..], &hole[..]]);
        assert_eq!(ring, array![[1u8, 1, 1, 1], [1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]]);
    }

    #[test]
    fn a_dot_outside_or_nowhere_sets_nothing() {
        let mut cells = Array2::<u8>::zeros((3, 3));
        let mut stencil = Stencil::new(cells.view_mut());
        for at in [[-0.6, 0.0], [0.0, 2.5], [f64::NAN, 1.0], [1e300, 1.0], [0.0, f64::NEG_INFINITY]] {
            stencil.dot(at);
        }
        stencil.dot([2.4, 0.5]);
        assert_eq!(cells, array![[0u8, 0, 0], [0, 0, 0], [0, 1, 0]]);
    }

    proptest! {
        #[test]
        fn a_stroke_is_what_lies_within_its_width(
            a in prop::array::uniform2(-10.0..30.0_f64),
            b in prop::array::uniform2(-10.0..30.0_f64),
            half in 0.1..3.0_f64,
        ) {
            let mut cells = Array2::<u8>::zeros((20, 17));
            Stencil::new(cells.view_mut()).stroke(a, b, half);
            for ((row, column), &cell) in cells.indexed_iter() {
                let p = (row as f64, column as f64);
                let (.., distance) = crate::coord::nearest_on_segment(p, (a[0], a[1]), (b[0], b[1]));
                if (distance - half).abs() > 1e-9 {
                    prop_assert_eq!(cell == 1, distance < half, "{:?} {}", p, distance);
                }
            }
        }
    }
}
