//! Entropy l-diversity.

use super::{Histogram, SensitiveCriterion};

/// The entropy of the sensitive values of each class is at least log l (Machanavajjhala et al., TKDD 2007, definition 4.1), with Shannon's estimator
/// of entropy from the class's own frequencies. The figure is the entropy's exponential: the number of equally frequent values that have it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EntropyL {
    l: f64,
}

impl EntropyL {
    /// `l` from 1.
    pub fn new(l: f64) -> Option<EntropyL> {
        (l >= 1.0).then_some(EntropyL { l })
    }

    /// The number of equally frequent values whose entropy a class must have.
    pub fn l(&self) -> f64 {
        self.l
    }
}

impl SensitiveCriterion for EntropyL {
    fn figure(&self, class: &Histogram<'_>) -> f64 {
        if class.class.len() == 1 {
            return 1.0;
        }
        // H = ln n - (1/n) sum f ln f
        let sum: f64 = class.class.iter().map(|(_, n)| f64::from(*n) * f64::from(*n).ln()).sum();
        let n = class.records as f64;
        (n.ln() - sum / n).exp()
    }

    fn satisfied(&self, figure: f64) -> bool {
        // l equally frequent values satisfy l, whatever the logarithms were rounded to.
        figure >= self.l * (1.0 - 1e-12)
    }

    fn larger_is_worse(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::histogram::testing::with;
    use super::*;

    #[test]
    fn equally_frequent_values_have_the_entropy_of_their_number() {
        for l in 1..9_u32 {
            let model = EntropyL::new(f64::from(l)).unwrap();
            let class = vec![7; l as usize];
            assert!(with(&class, &vec![50; l as usize], |class| model.holds(class)), "{l}");
        }
        // 1/2, 1/4, 1/4: 1.5 bits
        let figure = with(&[4, 2, 2], &[9, 9, 9], |class| EntropyL::new(1.0).unwrap().figure(class));
        assert!((figure - 2.0_f64.powf(1.5)).abs() < 1e-12);
        assert_eq!(EntropyL::new(0.9), None);
    }
}
