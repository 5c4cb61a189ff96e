//! The range that a plan declares for a column, in grid steps. Its width is the sensitivity.

use std::fmt;

use crate::grid::{Grid, GridError};

/// A range on a grid: `lower < upper`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    grid: Grid,
    lower: i64,
    upper: i64,
}

/// One end of an [`Interval`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The lower one.
    Lower,
    /// The upper one.
    Upper,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bound::Lower => "lower bound",
            Bound::Upper => "upper bound",
        })
    }
}

/// A range that cannot be declared.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IntervalError {
    /// The grid has too many decimals.
    #[error(transparent)]
    Grid(GridError),
    /// A bound is no number on the grid.
    #[error("{bound}: {reason}")]
    Bound {
        /// Which one.
        bound: Bound,
        /// Why not.
        reason: GridError,
    },
    /// The range is empty or a single number.
    #[error("the lower bound must be less than the upper bound")]
    Empty,
    /// More steps than the samplers take.
    #[error(
        "range of {steps} grid steps is too wide: at most {}; use fewer decimals or a narrower range",
        Interval::MAX_STEPS
    )]
    TooWide {
        /// The width in steps.
        steps: u64,
    },
}

impl Interval {
    /// `2^41`: with the resolution of epsilon (`10^6 < 2^20`) a scale's numerator stays below `2^61`.
    pub const MAX_STEPS: u64 = 1 << 41;

    /// The range `lower..=upper` on the grid of `decimals`. The bounds are the decimals that were written, and must lie on the grid.
    pub fn new(lower: f64, upper: f64, decimals: u8) -> Result<Self, IntervalError> {
        let grid = Grid::new(decimals).map_err(IntervalError::Grid)?;
        let steps = |bound, number: f64| {
            // `Display` writes the shortest decimal that names the float, and never an exponent.
            grid.parse(&number.to_string()).map_err(|reason| IntervalError::Bound { bound, reason })
        };
        let (lower, upper) = (steps(Bound::Lower, lower)?, steps(Bound::Upper, upper)?);
        if lower >= upper {
            return Err(IntervalError::Empty);
        }
        let interval = Interval { grid, lower, upper };
        match interval.width() {
            ..=Self::MAX_STEPS => Ok(interval),
            steps => Err(IntervalError::TooWide { steps }),
        }
    }

    /// The grid.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// The lower bound in steps.
    pub fn lower(&self) -> i64 {
        self.lower
    }

    /// The upper bound in steps.
    pub fn upper(&self) -> i64 {
        self.upper
    }

    /// The sensitivity in steps: how far apart two clamped values can be. From 1 to [`Interval::MAX_STEPS`].
    pub fn width(&self) -> u64 {
        self.upper.abs_diff(self.lower)
    }

    /// The number of the range that is nearest.
    pub fn clamp(&self, steps: i64) -> i64 {
        steps.clamp(self.lower, self.upper)
    }

    /// Clamps, adds the noise and clamps again. The noise's magnitude is below `2^126`, so the sum does not overflow.
    pub(crate) fn release(&self, steps: i64, noise: i128) -> i64 {
        let noisy = i128::from(self.clamp(steps)) + noise;
        noisy.clamp(self.lower.into(), self.upper.into()) as i64
    }

    /// [`Interval::release`] from text to text. Noise is drawn only for a text that is a decimal.
    pub(crate) fn release_text(
        &self,
        text: &str,
        out: &mut String,
        noise: impl FnOnce() -> i128,
    ) -> Result<(), GridError> {
        let steps = self.grid.nearest(text)?;
        self.grid.write(self.release(steps, noise()), out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_the_decimals_that_were_written() {
        let range = Interval::new(0.1, 0.7, 1).unwrap();
        assert_eq!((range.lower(), range.upper(), range.width()), (1, 7, 6));
        assert_eq!(Interval::new(-0.0, 40.0, 1).unwrap().lower(), 0);
        assert_eq!(range.clamp(-3), 1);
        assert_eq!(range.clamp(i64::MAX), 7);
    }

    #[test]
    fn ranges_that_cannot_be_declared_are_refused() {
        let bound = |bound, reason| Err(IntervalError::Bound { bound, reason });
        assert_eq!(Interval::new(0.05, 1.0, 1), bound(Bound::Lower, GridError::Finer { decimals: 1 }));
        assert_eq!(
            Interval::new(0.0, f64::INFINITY, 1),
            bound(Bound::Upper, GridError::NotDecimal { at: 0 })
        );
        assert_eq!(Interval::new(f64::NAN, 1.0, 1), bound(Bound::Lower, GridError::NotDecimal { at: 0 }));
        assert_eq!(Interval::new(0.0, 1e300, 1), bound(Bound::Upper, GridError::Overflow { decimals: 1 }));
        assert_eq!(Interval::new(1.0, 1.0, 1), Err(IntervalError::Empty));
        assert_eq!(Interval::new(2.0, 1.0, 1), Err(IntervalError::Empty));
        assert_eq!(
            Interval::new(0.0, 1.0, 19),
            Err(IntervalError::Grid(GridError::Decimals { decimals: 19 }))
        );
        assert_eq!(Interval::new(0.0, 3e12, 0), Err(IntervalError::TooWide { steps: 3_000_000_000_000 }));
        assert_eq!(
            Interval::new(-9e18, 9e18, 0),
            Err(IntervalError::TooWide { steps: 18_000_000_000_000_000_000 })
        );
    }
}
