//! Delta-disclosure privacy.

use super::{Histogram, SensitiveCriterion};

/// For each sensitive value that a class has, |log2(q / p)| < delta, with its frequency q there and p in the table (Brickell and Shmatikov, *The cost of
/// privacy*, KDD 2008, definition 3). The paper leaves the base open and asks it of absent values too, which only the whole table would satisfy: base and
/// values present are those of ARX.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeltaDisclosure {
    delta: f64,
}

impl DeltaDisclosure {
    /// A bound above 0.
    pub fn new(delta: f64) -> Option<DeltaDisclosure> {
        (delta > 0.0).then_some(DeltaDisclosure { delta })
    }

    /// The bound.
    pub fn delta(&self) -> f64 {
        self.delta
    }
}

impl SensitiveCriterion for DeltaDisclosure {
    fn figure(&self, class: &Histogram<'_>) -> f64 {
        class.shares().map(|(code, q)| (q / class.table_share(code)).log2().abs()).fold(0.0, f64::max)
    }

    fn satisfied(&self, figure: f64) -> bool {
        figure < self.delta
    }

    fn larger_is_worse(&self) -> bool {
        true
    }

    // A value that one class has and another lacks is rarer in both together.
    fn holds_for_unions(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::histogram::testing::with;
    use super::*;

    #[test]
    fn a_doubled_frequency_needs_more_than_one() {
        let holds = |delta: f64| {
            with(&[1, 1], &[25, 25, 50], |class| DeltaDisclosure::new(delta).unwrap().holds(class))
        };
        assert!(!holds(1.0));
        assert!(holds(1.01));
    }

    #[test]
    fn two_classes_that_satisfy_it_may_not_satisfy_it_together() {
        let table = [20, 40, 40];
        let holds = |class: &[u32]| with(class, &table, |class| DeltaDisclosure::new(0.8).unwrap().holds(class));
        let model = DeltaDisclosure::new(0.8).unwrap();
        assert!(holds(&[3, 10, 7]) && holds(&[0, 10, 10]) && !holds(&[3, 20, 17]));
        assert!(!model.holds_for_unions());
    }
}
