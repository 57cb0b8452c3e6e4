//! A Kalman filter and fixed-interval smoother for the errors of a nominal trajectory.
//!
//! The trajectory is fixed while the filter runs over it; what comes back is the correction to each of its states, so that
//! repeating the two is Gauss and Newton's method on the whole drive. The smoother is Bierman's modified form of Bryson
//! and Frazier's: it goes back along the gains of the filter and inverts nothing, so that constants (a scale, an offset
//! of a clock) may be states without noise. Source: Bierman (1973), *Fixed interval smoothing with discrete measurements*,
//! International Journal of Control 18. Loops are written out: a library's product may take other steps on another
//! processor, and the bytes of a data set must not depend on it.

use nalgebra::{SMatrix, SVector};

/// Most states that one scalar measurement touches.
const TOUCHED: usize = 20;

/// A scalar measurement's derivative by the states: few of them, by index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    states: [u8; TOUCHED],
    derivatives: [f64; TOUCHED],
    len: usize,
}

impl Row {
    /// A row that touches nothing.
    #[inline]
    pub fn new() -> Row {
        Row { states: [0; TOUCHED], derivatives: [0.0; TOUCHED], len: 0 }
    }

    /// Adds the derivative by a state; states beyond the twentieth are left out, zeros take no room.
    #[inline]
    pub fn with(mut self, state: usize, derivative: f64) -> Row {
        if derivative != 0.0 && self.len < TOUCHED {
            self.states[self.len] = state as u8;
            self.derivatives[self.len] = derivative;
            self.len += 1;
        }
        self
    }

    /// Adds derivatives by three states in a row.
    #[inline]
    pub fn with3(self, first: usize, derivatives: nalgebra::Vector3<f64>) -> Row {
        self.with(first, derivatives.x).with(first + 1, derivatives.y).with(first + 2, derivatives.z)
    }

    /// The derivative of so many times the same.
    #[inline]
    pub fn scaled(mut self, by: f64) -> Row {
        self.derivatives[..self.len].iter_mut().for_each(|d| *d *= by);
        self
    }

    #[inline]
    fn entries(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.states[..self.len].iter().zip(&self.derivatives).map(|(i, d)| (usize::from(*i), *d))
    }

    #[inline]
    pub fn dot<const N: usize>(&self, x: &SVector<f64, N>) -> f64 {
        self.entries().map(|(i, d)| d * x[i]).sum()
    }

    /// `m * rowᵀ` for a symmetric matrix.
    fn times<const N: usize>(&self, m: &SMatrix<f64, N, N>) -> SVector<f64, N> {
        let mut out = SVector::<f64, N>::zeros();
        for (i, d) in self.entries() {
            axpy(out.as_mut_slice(), d, m.column(i).as_slice());
        }
        out
    }
}

#[inline]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b)
}

#[inline]
fn axpy(out: &mut [f64], scale: f64, x: &[f64]) {
    for (o, v) in out.iter_mut().zip(x) {
        *o += scale * v;
    }
}

/// From one node to the next: the first `M` states become a mixture of the first `C`, the others keep a share.
#[derive(Debug, Clone)]
pub(super) struct Transition<const N: usize, const M: usize, const C: usize> {
    /// Derivative of the first `M` states by the first `C` before.
    pub head: SMatrix<f64, M, C>,
    /// The share that states from `M` on keep.
    pub keep: SVector<f64, N>,
}

/// What a step adds to the errors.
#[derive(Debug, Clone)]
pub(super) struct Drift<const N: usize, const M: usize> {
    /// Where the nominal trajectory leads, less where it is.
    pub drive: SVector<f64, N>,
    /// Covariance that the first `M` states gain.
    pub noise: SMatrix<f64, M, M>,
    /// Variance that states from `M` on gain.
    pub renew: SVector<f64, N>,
}

impl<const N: usize, const M: usize> Drift<N, M> {
    /// Nothing.
    pub fn none() -> Self {
        Drift { drive: SVector::zeros(), noise: SMatrix::zeros(), renew: SVector::zeros() }
    }
}

impl<const N: usize, const M: usize, const C: usize> Transition<N, M, C> {
    /// A transition that changes nothing.
    pub fn still() -> Self {
        Transition { head: SMatrix::identity(), keep: SVector::repeat(1.0) }
    }

    fn forward(&self, x: &SVector<f64, N>) -> SVector<f64, N> {
        let mut out = x.component_mul(&self.keep);
        out.as_mut_slice()[..M].fill(0.0);
        for j in 0..C {
            axpy(&mut out.as_mut_slice()[..M], x[j], self.head.column(j).as_slice());
        }
        out
    }

    /// The transposed transition.
    fn back(&self, y: &SVector<f64, N>) -> SVector<f64, N> {
        let mut out = y.component_mul(&self.keep);
        out.as_mut_slice()[..M].fill(0.0);
        for j in 0..C {
            out[j] += dot(self.head.column(j).as_slice(), &y.as_slice()[..M]);
        }
        out
    }

    /// What states from `first` on keep of a symmetric matrix: rows and columns, both ways the same.
    fn keep_both(&self, first: usize, m: &mut SMatrix<f64, N, N>) {
        for i in (first..N).filter(|i| self.keep[*i] != 1.0) {
            m.column_mut(i).as_mut_slice()[first..].iter_mut().for_each(|v| *v *= self.keep[i]);
            for c in first..N {
                m[(i, c)] *= self.keep[i];
            }
        }
    }

    /// Makes `F m Fᵀ` of a symmetric matrix.
    fn forward_both(&self, m: &mut SMatrix<f64, N, N>) {
        // The first rows of `F m`; columns of the symmetric `m` are its rows.
        let mut first = [[0.0; N]; M];
        for (i, row) in first.iter_mut().enumerate() {
            for j in 0..C {
                // Most of a step's derivatives are nothing.
                if self.head[(i, j)] != 0.0 {
                    axpy(row, self.head[(i, j)], m.column(j).as_slice());
                }
            }
        }
        self.keep_both(M, m);
        for (i, row) in first.iter().enumerate() {
            for c in M..N {
                let v = row[c] * self.keep[c];
                m[(i, c)] = v;
                m[(c, i)] = v;
            }
            let mut corner = [0.0; M];
            for (j, part) in row.iter().enumerate().take(C) {
                axpy(&mut corner, *part, self.head.column(j).as_slice());
            }
            // Symmetric to the last bit: no measurement ever takes out what is not, and it grows with the integrals.
            for c in i..M {
                m[(i, c)] = corner[c];
                m[(c, i)] = corner[c];
            }
        }
    }

    /// Makes `Fᵀ m F` of a symmetric matrix.
    fn back_both(&self, m: &mut SMatrix<f64, N, N>) {
        // The first rows of `Fᵀ m`; columns of the symmetric `m` are its rows.
        let mut first = [[0.0; N]; C];
        for (j, row) in first.iter_mut().enumerate() {
            if j >= M {
                axpy(row, self.keep[j], m.column(j).as_slice());
            }
            for i in 0..M {
                if self.head[(i, j)] != 0.0 {
                    axpy(row, self.head[(i, j)], m.column(i).as_slice());
                }
            }
        }
        self.keep_both(C, m);
        for (j, row) in first.iter().enumerate() {
            for c in j..N {
                let kept = if c >= M { row[c] * self.keep[c] } else { 0.0 };
                let v = if c < C { kept + dot(&row[..M], self.head.column(c).as_slice()) } else { kept };
                m[(j, c)] = v;
                m[(c, j)] = v;
            }
        }
    }
}

/// What the filter did with one measurement.
#[derive(Debug, Clone, Copy)]
struct Taken<const N: usize> {
    row: Row,
    gain: SVector<f64, N>,
    innovation: f64,
    variance: f64,
}

/// What the filter knew at one node, after its measurements.
#[derive(Debug, Clone)]
struct Node<const N: usize> {
    error: SVector<f64, N>,
    /// Measurements taken before this node ends, over all nodes so far.
    taken: usize,
}

/// The filter, as it goes along; it keeps what the smoother needs.
pub(super) struct Filter<const N: usize, const M: usize, const C: usize> {
    error: SVector<f64, N>,
    covariance: SMatrix<f64, N, N>,
    taken: Vec<Taken<N>>,
    nodes: Vec<Node<N>>,
    /// Lower triangles of the covariances at the nodes, one after the other.
    packed: Vec<f64>,
    transitions: Vec<Transition<N, M, C>>,
    /// Whether what the smoother needs is kept; else the likelihood is.
    remember: bool,
    /// Log-likelihood of the measurements so far.
    pub log_likelihood: f64,
}

impl<const N: usize, const M: usize, const C: usize> Filter<N, M, C> {
    const TRIANGLE: usize = N * (N + 1) / 2;

    /// A filter before its first node, with room for so many of them.
    pub fn new(nodes: usize) -> Self {
        Filter {
            error: SVector::zeros(),
            covariance: SMatrix::zeros(),
            taken: Vec::with_capacity(nodes * 8),
            nodes: Vec::with_capacity(nodes),
            packed: Vec::with_capacity(nodes * Self::TRIANGLE),
            transitions: Vec::with_capacity(nodes),
            remember: nodes > 0,
            log_likelihood: 0.0,
        }
    }

    /// Starts over with what is known beforehand; the memory stays.
    pub fn start(&mut self, error: SVector<f64, N>, variances: &SVector<f64, N>) {
        self.error = error;
        self.covariance = SMatrix::from_diagonal(variances);
        self.taken.clear();
        self.nodes.clear();
        self.packed.clear();
        self.transitions.clear();
        self.log_likelihood = 0.0;
    }

    /// Takes in a measured difference `z` with its variance.
    pub fn update(&mut self, row: &Row, z: f64, variance: f64) {
        let innovation = z - row.dot(&self.error);
        let ph = row.times(&self.covariance);
        let total = row.dot(&ph).max(0.0) + variance;
        let gain = ph / total;
        self.error += gain * innovation;
        // `gain phᵀ` with the same roundings on both sides of the diagonal.
        let root = ph / total.sqrt();
        for c in (0..N).filter(|c| root[*c] != 0.0) {
            axpy(self.covariance.column_mut(c).as_mut_slice(), -root[c], root.as_slice());
        }
        if !self.remember {
            self.log_likelihood -= 0.5 * (innovation * innovation / total + libm::log(total));
            return;
        }
        self.taken.push(Taken { row: *row, gain, innovation, variance: total });
    }

    /// Ends the node: what is known now is kept for the way back.
    pub fn keep(&mut self) {
        if !self.remember {
            return;
        }
        self.nodes.push(Node { error: self.error, taken: self.taken.len() });
        for c in 0..N {
            self.packed.extend_from_slice(&self.covariance.as_slice()[c * N + c..(c + 1) * N]);
        }
    }

    /// Goes on to the next node.
    pub fn predict(&mut self, transition: Transition<N, M, C>, drift: &Drift<N, M>) {
        self.error = transition.forward(&self.error) + drift.drive;
        transition.forward_both(&mut self.covariance);
        for c in 0..M {
            for r in 0..M {
                self.covariance[(r, c)] += drift.noise[(r, c)];
            }
        }
        for c in M..N {
            self.covariance[(c, c)] += drift.renew[c];
        }
        if self.remember {
            self.transitions.push(transition);
        }
    }

    /// The errors after the last measurement and their covariance: of states that do not change, from all measurements.
    pub fn known(&self) -> (&SVector<f64, N>, &SMatrix<f64, N, N>) {
        (&self.error, &self.covariance)
    }

    /// Takes in what is learned of the last node after it has ended.
    pub fn revise(&mut self, learn: impl FnOnce(&mut Self)) {
        if self.nodes.pop().is_some() {
            self.packed.truncate(self.nodes.len() * Self::TRIANGLE);
        }
        learn(self);
        self.keep();
    }

    /// The covariance at a node times a vector.
    fn packed_product(&self, node: usize, x: &SVector<f64, N>) -> SVector<f64, N> {
        let mut out = SVector::<f64, N>::zeros();
        let mut from = &self.packed[node * Self::TRIANGLE..(node + 1) * Self::TRIANGLE];
        for c in 0..N {
            let (column, rest) = from.split_at(N - c);
            axpy(&mut out.as_mut_slice()[c..], x[c], column);
            out[c] += dot(&column[1..], &x.as_slice()[c + 1..]);
            from = rest;
        }
        out
    }

    fn unpacked(&self, node: usize) -> SMatrix<f64, N, N> {
        let mut out = SMatrix::zeros();
        let mut from = &self.packed[node * Self::TRIANGLE..(node + 1) * Self::TRIANGLE];
        for c in 0..N {
            for r in c..N {
                out[(r, c)] = from[r - c];
                out[(c, r)] = from[r - c];
            }
            from = &from[N - c..];
        }
        out
    }

    /// The smoothed errors of all nodes. Where `look` is given it is called at each node, from the last, with what is
    /// known there; without it the way back is cheaper.
    pub fn smooth(&self, mut look: Option<Look<'_, N>>) -> Vec<SVector<f64, N>> {
        let mut out = vec![SVector::zeros(); self.nodes.len()];
        let mut adjoint = SVector::<f64, N>::zeros();
        let mut information = SMatrix::<f64, N, N>::zeros();
        for (k, node) in self.nodes.iter().enumerate().rev() {
            out[k] = node.error - self.packed_product(k, &adjoint);
            if let Some(look) = look.as_deref_mut() {
                look(k, &Known { covariance: &self.unpacked(k), information: &information });
            }
            let first = if k > 0 { self.nodes[k - 1].taken } else { 0 };
            for taken in self.taken[first..node.taken].iter().rev() {
                let pull = taken.gain.dot(&adjoint) + taken.innovation / taken.variance;
                for (i, d) in taken.row.entries() {
                    adjoint[i] -= d * pull;
                }
                if look.is_some() {
                    taken.back(&mut information);
                }
            }
            if k > 0 {
                adjoint = self.transitions[k - 1].back(&adjoint);
                if look.is_some() {
                    self.transitions[k - 1].back_both(&mut information);
                }
            }
        }
        out
    }
}

impl<const N: usize> Taken<N> {
    /// Makes `(I − K h)ᵀ m (I − K h) + hᵀ h / S` of a symmetric matrix.
    fn back(&self, m: &mut SMatrix<f64, N, N>) {
        let mk = product(m, &self.gain);
        let both = self.gain.dot(&mk) + 1.0 / self.variance;
        for (i, di) in self.row.entries() {
            let mut column = m.column_mut(i);
            axpy(column.as_mut_slice(), -di, mk.as_slice());
            for (j, dj) in self.row.entries() {
                column[j] += dj * (di * both - mk[i]);
            }
        }
        for (i, _) in self.row.entries() {
            for c in 0..N {
                m[(i, c)] = m[(c, i)];
            }
        }
    }
}

fn product<const N: usize>(m: &SMatrix<f64, N, N>, x: &SVector<f64, N>) -> SVector<f64, N> {
    let mut out = SVector::<f64, N>::zeros();
    for c in 0..N {
        axpy(out.as_mut_slice(), x[c], m.column(c).as_slice());
    }
    out
}

/// What is called at each node on the way back.
pub(super) type Look<'a, const N: usize> = &'a mut dyn FnMut(usize, &Known<'_, N>);

/// What is known of a node's errors from all measurements.
pub(super) struct Known<'a, const N: usize> {
    covariance: &'a SMatrix<f64, N, N>,
    information: &'a SMatrix<f64, N, N>,
}

impl<const N: usize> Known<'_, N> {
    /// Variance of a linear function of the errors.
    pub fn variance(&self, row: &Row) -> f64 {
        let ph = row.times(self.covariance);
        (row.dot(&ph) - ph.dot(&product(self.information, &ph))).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_the_batch_solution() {
        // The same as in the smoother of single axes (numpy: by the inverse of the information matrix), a constant offset
        // of sigma 1e-9 and an idle state beside.
        let want = [
            (-0.188331983, 9.559395280, 0.820012163, 1.701193753),
            (9.444462176, 9.768970366, 0.477045769, 0.745922280),
            (19.493676014, 10.410747247, 0.567785491, 0.755910996),
            (24.835607591, 11.008683294, 0.695170418, 0.948459892),
            (69.515897233, 13.644353914, 2.160201390, 2.460916534),
        ];
        let (t, z) = ([0.0, 1.0, 2.0, 2.5, 6.0], [0.0, 9.5, 21.0, 24.0, 70.0]);
        let mut filter = Filter::<4, 2, 2>::new(5);
        filter.start(SVector::zeros(), &SVector::from([1e8, 900.0, 1e-18, 1.0]));
        for (i, sigma) in [1.0, 1.0, 2.0, 1.0, 1.5].into_iter().enumerate() {
            if i > 0 {
                let dt: f64 = t[i] - t[i - 1];
                let (mut step, mut drift) = (Transition::still(), Drift::none());
                step.head[(0, 1)] = dt;
                drift.noise = SMatrix::<f64, 2, 2>::new(dt * dt * dt / 3.0, dt * dt / 2.0, dt * dt / 2.0, dt) * 2.0;
                filter.predict(step, &drift);
            }
            filter.update(&Row::new().with(0, 1.0).with(2, 1.0), z[i], sigma * sigma);
            filter.keep();
        }
        let mut variances = [[0.0; 2]; 5];
        let mut look = |k: usize, known: &Known<4>| {
            variances[k] = [0, 1].map(|i| known.variance(&Row::new().with(i, 1.0)));
            assert!((known.variance(&Row::new().with(3, 1.0)) - 1.0).abs() < 1e-12);
        };
        let got = filter.smooth(Some(&mut look));
        let plain = filter.smooth(None);
        for (i, (p, v, pp, vv)) in want.into_iter().enumerate() {
            let off = [got[i][0] - p, got[i][1] - v, variances[i][0] - pp, variances[i][1] - vv];
            assert!(off.iter().all(|d| d.abs() < 1e-4), "{i}: {off:?}");
            assert_eq!(got[i], plain[i]);
        }
    }

    #[test]
    fn half_an_hour_of_blind_integrals_leaves_a_covariance_that_is_one() {
        // Position, velocity and acceleration by white jerk, seen to a centimetre once a second with a gap of 40 s: what is
        // not symmetric of the covariance would grow with the third power of time.
        let mut filter = Filter::<4, 3, 3>::new(20_000);
        filter.start(SVector::zeros(), &SVector::from([1e4, 1e2, 10.0, 1.0]));
        let dt: f64 = 0.1;
        for k in 0..20_000 {
            if k % 10 == 0 && !(9_000..9_400).contains(&k) {
                filter.update(&Row::new().with(0, 1.0).with(3, 0.3), 0.01 * f64::from(k % 7), 1e-4);
                filter.update(&Row::new().with(1, 1.0), 0.0, 1e-3);
            }
            filter.keep();
            let (mut step, mut drift) = (Transition::still(), Drift::none());
            step.head[(0, 1)] = dt;
            step.head[(0, 2)] = 0.5 * dt * dt;
            step.head[(1, 2)] = dt;
            drift.noise[(2, 2)] = 0.5 * dt;
            filter.predict(step, &drift);
            let p = filter.known().1;
            assert_eq!(*p, p.transpose(), "{k}");
            assert!((0..4).all(|i| p[(i, i)] > 0.0) && p.determinant() > -1e-12, "{k}: {p}");
        }
    }
}
