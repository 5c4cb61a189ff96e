//! Recursive (c, l)-diversity.

use std::fmt;

use super::{Histogram, SensitiveCriterion};

/// With the frequencies of a class sorted, r_1 >= r_2 >= ...: r_1 < c (r_l + r_(l+1) + ... + r_m) (Machanavajjhala et al., TKDD 2007, definition 4.2). The
/// figure is r_1 over that sum: below c it holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecursiveCl {
    c: f64,
    l: u64,
}

impl RecursiveCl {
    /// A factor above 0, and `l` from 1.
    pub fn new(c: f64, l: u64) -> Option<RecursiveCl> {
        (c > 0.0 && l >= 1).then_some(RecursiveCl { c, l })
    }
}

impl SensitiveCriterion for RecursiveCl {
    fn figure(&self, class: &Histogram<'_>) -> f64 {
        let mut frequencies: Vec<u32> = class.class.iter().map(|(_, n)| *n).collect();
        frequencies.sort_unstable_by(|a, b| b.cmp(a));
        let from = usize::try_from(self.l - 1).unwrap_or(usize::MAX);
        let rest: u64 = frequencies.iter().skip(from).map(|n| u64::from(*n)).sum();
        if rest == 0 { f64::INFINITY } else { f64::from(frequencies[0]) / rest as f64 }
    }

    fn satisfied(&self, figure: f64) -> bool {
        figure < self.c
    }

    fn larger_is_worse(&self) -> bool {
        true
    }
}

impl fmt::Display for RecursiveCl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.c, self.l)
    }
}

#[cfg(test)]
mod tests {
    use super::super::histogram::testing::with;
    use super::*;

    #[test]
    fn the_most_frequent_value_is_held_against_the_rest() {
        let holds = |c: f64, l: u64, class: &[u32]| {
            let model = RecursiveCl::new(c, l).unwrap();
            with(class, &vec![99; class.len()], |class| model.holds(class))
        };
        // 4 < 2 (2 + 1)
        assert!(holds(2.0, 2, &[1, 4, 2]));
        // 4 < 2 * 1 does not hold
        assert!(!holds(2.0, 3, &[1, 4, 2]));
        // fewer than l values
        assert!(!holds(100.0, 4, &[1, 4, 2]));
        // equality is not enough
        assert!(!holds(2.0, 2, &[2, 1]));
    }
}
