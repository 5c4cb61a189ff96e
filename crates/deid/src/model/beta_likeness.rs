//! Beta-likeness, basic and enhanced.

use super::{Histogram, SensitiveCriterion};

/// For each sensitive value of a class with frequency q there and p in the table, the relative gain (q - p) / p is at most beta (Cao and Karras, *Publishing
/// microdata with a robust privacy guarantee*, PVLDB 2012, definition 2); enhanced, at most min(beta, -ln p) (definition 3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BetaLikeness {
    beta: f64,
    enhanced: bool,
}

impl BetaLikeness {
    /// The same bound for every value.
    pub fn basic(beta: f64) -> Option<BetaLikeness> {
        (beta > 0.0).then_some(BetaLikeness { beta, enhanced: false })
    }

    /// A tighter bound for frequent values.
    pub fn enhanced(beta: f64) -> Option<BetaLikeness> {
        (beta > 0.0).then_some(BetaLikeness { beta, enhanced: true })
    }

    /// The bound.
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// Whether frequent values have a tighter bound.
    pub fn is_enhanced(&self) -> bool {
        self.enhanced
    }
}

impl SensitiveCriterion for BetaLikeness {
    /// The largest gain. For the enhanced model, the gain of a value whose bound is tighter is stretched so that beta bounds it too.
    fn figure(&self, class: &Histogram<'_>) -> f64 {
        let gain = |(code, q): (u32, f64)| {
            let p = class.table_share(code);
            let gain = (q - p) / p;
            let bound = -p.ln();
            // A value that every record of the table has gains nothing, and its bound is 0.
            if self.enhanced && gain > 0.0 && bound < self.beta { gain * self.beta / bound } else { gain }
        };
        class.shares().map(gain).fold(0.0, f64::max)
    }

    fn satisfied(&self, figure: f64) -> bool {
        figure <= self.beta * (1.0 + 1e-12)
    }

    fn larger_is_worse(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::histogram::testing::with;
    use super::*;

    #[test]
    fn gains_are_relative_to_the_table() {
        // q = 1/2 against p = 1/4: a gain of 1.
        let class: (&[u32], &[u64]) = (&[1, 1, 0], &[25, 50, 25]);
        let holds = |model: Option<BetaLikeness>| with(class.0, class.1, |class| model.unwrap().holds(class));
        assert!(holds(BetaLikeness::basic(1.0)) && !holds(BetaLikeness::basic(0.99)));
        // -ln 1/4 = 1.386: no tighter
        assert!(holds(BetaLikeness::enhanced(1.0)));
        // q = 1 against p = 1/2: a gain of 1, above -ln 1/2 = 0.693
        let frequent =
            |model: Option<BetaLikeness>| with(&[0, 2, 0], class.1, |class| model.unwrap().holds(class));
        assert!(frequent(BetaLikeness::basic(1.0)) && !frequent(BetaLikeness::enhanced(1.0)));
    }

    #[test]
    fn a_value_that_everybody_has_gains_nothing() {
        assert!(with(&[3], &[9], |class| BetaLikeness::enhanced(0.1).unwrap().holds(class)));
    }
}
