//! Distances between values of a dimension.

use crate::packet_set::Set;
use std::sync::Arc;

/// A signed distance between values of a dimension.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Shift {
    by: u128,
    down: bool,
}

impl Shift {
    /// The distance from `from` to `to`.
    #[must_use]
    pub const fn between(from: u128, to: u128) -> Self {
        if to >= from {
            Self {
                by: to - from,
                down: false,
            }
        } else {
            Self {
                by: from - to,
                down: true,
            }
        }
    }

    /// This distance, then the other.
    #[must_use]
    pub const fn then(self, next: Self) -> Self {
        if self.down == next.down {
            Self {
                by: self.by.saturating_add(next.by),
                down: self.down,
            }
        } else if self.by >= next.by {
            Self {
                by: self.by - next.by,
                down: self.down,
            }
        } else {
            Self {
                by: next.by - self.by,
                down: next.down,
            }
        }
    }

    /// The way back.
    #[must_use]
    pub const fn back(self) -> Self {
        Self {
            by: self.by,
            down: !self.down,
        }
    }

    /// The set moved by this distance, within `0..=max`.
    #[must_use]
    pub fn apply(self, set: &Set, max: u128) -> Set {
        if self.by == 0 {
            return Arc::clone(set);
        }
        Arc::new(if self.down {
            set.shift(self.by, 0, max)
        } else {
            set.shift(0, self.by, max)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fw_model::IntervalSet;

    #[test]
    fn shifts_compose() {
        let up = Shift::between(10, 25);
        let down = Shift::between(25, 5);
        assert_eq!(up.then(up.back()), Shift::default());
        let set: Set = Arc::new(IntervalSet::range(10, 12));
        assert_eq!(up.apply(&set, 100).ranges(), &[(25, 27)]);
        assert_eq!(up.then(down).apply(&set, 100).ranges(), &[(5, 7)]);
    }
}
