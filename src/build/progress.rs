//! How a build tells how far it is.

/// Told of phases and of steps in them; called from many threads.
pub trait Progress: Sync {
    /// A new phase with `total` steps.
    fn phase(&self, name: &str, total: u64);
    /// `n` steps more are done.
    fn advance(&self, n: u64);
}

/// Says nothing.
pub struct Silent;

impl Progress for Silent {
    fn phase(&self, _name: &str, _total: u64) {}
    fn advance(&self, _n: u64) {}
}
