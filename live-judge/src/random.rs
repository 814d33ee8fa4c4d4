//! Random choices with a fixed seed.

pub use fw_impact::reference::Random;

/// Choices that generators make.
pub trait Choose {
    /// One of `from`.
    fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T;
    /// True `percent` times in a hundred.
    fn chance(&mut self, percent: usize) -> bool;
    /// `a` or, half of the time, nothing.
    fn maybe<'t>(&mut self, a: &'t str) -> &'t str;
}

impl Choose for Random {
    fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn maybe<'t>(&mut self, a: &'t str) -> &'t str {
        if self.chance(50) { a } else { "" }
    }
}
