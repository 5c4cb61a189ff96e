//! What releases cost, added up exactly: basic composition.
//!
//! Releases that are `(e1, d1)`- and `(e2, d2)`-private are together `(e1 + e2, d1 + d2)`-private, also when the second was chosen
//! after seeing the first (Dwork, Roth, *The Algorithmic Foundations of Differential Privacy*, 2014, Thm. 3.16 and App. B).

use crate::parameter::{Delta, Epsilon, ParameterError, round_down};

/// An amount of privacy loss: epsilon in millionths, delta in units of `10^-12`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spend {
    epsilon: u64,
    delta: u64,
}

/// A limit and what was spent of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    limit: Spend,
    spent: Spend,
}

/// A release that the budget does not cover. Nothing was spent on it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BudgetError {
    /// Too little epsilon is left.
    #[error("epsilon budget exhausted: {asked} millionths asked, {left} left")]
    Epsilon {
        /// What the release costs, in millionths.
        asked: u64,
        /// What is left, in millionths.
        left: u64,
    },
    /// Too little delta is left.
    #[error("delta budget exhausted: {asked} of 10^-12 asked, {left} left")]
    Delta {
        /// What the release costs, in units of `10^-12`.
        asked: u64,
        /// What is left, in units of `10^-12`.
        left: u64,
    },
}

impl Spend {
    /// Nothing.
    pub const ZERO: Spend = Spend { epsilon: 0, delta: 0 };

    /// The amount that a plan or contract names, both parts rounded down; either may be 0.
    pub fn new(epsilon: f64, delta: f64) -> Result<Self, ParameterError> {
        Ok(Spend {
            epsilon: round_down(epsilon, 6).ok_or(ParameterError::Epsilon { epsilon })?,
            delta: round_down(delta, 12)
                .filter(|picos| *picos < Delta::RESOLUTION)
                .ok_or(ParameterError::Delta { delta })?,
        })
    }

    /// The cost of one release of a mechanism.
    pub fn of(epsilon: Epsilon, delta: Option<Delta>) -> Self {
        Spend { epsilon: epsilon.micros(), delta: delta.map_or(0, Delta::picos) }
    }

    /// Epsilon in millionths.
    pub fn epsilon_micros(self) -> u64 {
        self.epsilon
    }

    /// Delta in units of `10^-12`.
    pub fn delta_picos(self) -> u64 {
        self.delta
    }

    /// The cost of both releases together; nothing where it no longer fits 64 bits.
    pub fn checked_add(self, other: Spend) -> Option<Spend> {
        Some(Spend {
            epsilon: self.epsilon.checked_add(other.epsilon)?,
            delta: self.delta.checked_add(other.delta)?,
        })
    }
}

impl Budget {
    /// A budget of which nothing is spent.
    pub fn new(limit: Spend) -> Self {
        Budget { limit, spent: Spend::ZERO }
    }

    /// The limit.
    pub fn limit(&self) -> Spend {
        self.limit
    }

    /// What was spent.
    pub fn spent(&self) -> Spend {
        self.spent
    }

    /// What is left.
    pub fn left(&self) -> Spend {
        // INVARIANT: neither part of `spent` exceeds that of `limit`.
        Spend { epsilon: self.limit.epsilon - self.spent.epsilon, delta: self.limit.delta - self.spent.delta }
    }

    /// Spends all of `cost`, or refuses and spends nothing. Ask before releasing, not after.
    pub fn spend(&mut self, cost: Spend) -> Result<(), BudgetError> {
        let left = self.left();
        if cost.epsilon > left.epsilon {
            return Err(BudgetError::Epsilon { asked: cost.epsilon, left: left.epsilon });
        }
        if cost.delta > left.delta {
            return Err(BudgetError::Delta { asked: cost.delta, left: left.delta });
        }
        self.spent.epsilon += cost.epsilon;
        self.spent.delta += cost.delta;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_add_up_to_exactly_one() {
        let (mut budget, tenth) =
            (Budget::new(Spend::new(1.0, 1e-5).unwrap()), Spend::new(0.1, 1e-6).unwrap());
        for _ in 0..10 {
            budget.spend(tenth).unwrap();
        }
        assert_eq!(budget.left(), Spend::ZERO);
        assert_eq!(budget.spend(tenth), Err(BudgetError::Epsilon { asked: 100_000, left: 0 }));
    }

    #[test]
    fn refused_spending_spends_nothing() {
        let mut budget = Budget::new(Spend::new(1.0, 1e-6).unwrap());
        let before = budget;
        assert!(matches!(
            budget.spend(Spend::new(1.000_001, 0.0).unwrap()),
            Err(BudgetError::Epsilon { .. })
        ));
        let too_much_delta = Spend::new(0.5, 2e-6).unwrap();
        assert_eq!(
            budget.spend(too_much_delta),
            Err(BudgetError::Delta { asked: 2_000_000, left: 1_000_000 })
        );
        assert_eq!(budget, before);
    }

    #[test]
    fn sums_are_checked_and_amounts_bounded() {
        let one = Spend::new(1.0, 0.0).unwrap();
        assert_eq!(one.checked_add(one), Spend::new(2.0, 0.0).ok());
        let huge = Spend { epsilon: u64::MAX, delta: 0 };
        assert_eq!(huge.checked_add(one), None);
        assert!(Spend::new(-1.0, 0.0).is_err());
        assert!(Spend::new(f64::NAN, 0.0).is_err());
        assert!(Spend::new(1.0, 1.0).is_err());
        assert_eq!(Spend::new(0.0, -0.0), Ok(Spend::ZERO));
    }
}
