//! Distinct l-diversity.

use super::{Histogram, SensitiveCriterion};

/// Each class has at least `l` different values of the sensitive attribute (Machanavajjhala, Kifer, Gehrke and Venkitasubramaniam, *l-diversity: privacy
/// beyond k-anonymity*, TKDD 2007, section 4.1; the simplest reading of well-represented).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DistinctL {
    l: u64,
}

impl DistinctL {
    /// At least `l` values.
    pub fn new(l: u64) -> DistinctL {
        DistinctL { l }
    }

    /// How many values a class must have.
    pub fn l(&self) -> u64 {
        self.l
    }
}

impl SensitiveCriterion for DistinctL {
    fn figure(&self, class: &Histogram<'_>) -> f64 {
        class.class.len() as f64
    }

    fn satisfied(&self, figure: f64) -> bool {
        figure >= self.l as f64
    }

    fn larger_is_worse(&self) -> bool {
        false
    }

    // A finer class has a subset of the values.
    fn row_monotone(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::histogram::testing::with;
    use super::*;

    #[test]
    fn values_are_counted_once() {
        let model = DistinctL::new(2);
        assert!(with(&[5, 0, 1], &[9, 9, 9], |class| model.holds(class)));
        assert!(!with(&[6, 0, 0], &[9, 9, 9], |class| model.holds(class)));
    }
}
