//! The most uniques that a population can have, given those of a simple random sample.
//!
//! A population unique that is drawn is alone in the sample too. Of `U` uniques the number drawn is hypergeometric with mean `U f`, and it is at
//! most the `s_1` classes of one record. By Hoeffding's inequality, which holds for drawing without replacement,
//!
//! ```text
//! P(at most s_1 of U are drawn) <= exp(-U kl(s_1 / U, f)),    kl(p, f) = p ln(p/f) + (1-p) ln((1-p)/(1-f))   for p < f
//! ```
//!
//! The ceiling is the `U` at which the right side is 1/20: with 95 % confidence there are no more. For `s_1 = 0` it is `ln 20 / -ln(1-f)`, about 3 / f, the "rule of three".
//!
//! *Source*: W. Hoeffding, *Probability inequalities for sums of bounded random variables*, J Am Stat Assoc 58, 1963, theorem 1 and section 6.
//! *Guarantee*: holds for every population; the records must be a simple random sample. It does not bound from below: all sample uniques may have twins.

use super::sample::Sample;

/// With 95 % confidence the population has no more uniques.
pub(super) fn most_uniques(sample: &Sample) -> f64 {
    let alone = sample.of_size(1);
    let fraction = sample.fraction();
    if fraction >= 1.0 {
        return alone;
    }
    let exponent = |uniques: f64| {
        let p = alone / uniques;
        let first = if p > 0.0 { p * (p / fraction).ln() } else { 0.0 };
        uniques * (first + (1.0 - p) * ((-p).ln_1p() - (-fraction).ln_1p()))
    };
    // The exponent is 0 at s_1 / f and rises from there.
    let (mut low, mut high) = (alone / fraction, sample.population);
    if low >= high || exponent(high) < MISSED {
        return high;
    }
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if exponent(middle) < MISSED {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// `ln 20`: the bound fails once in twenty times at most.
const MISSED: f64 = 2.995_732_273_553_991;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::risk::Population;

    fn most(sizes: &[(u64, u64)], population: u64) -> f64 {
        let sizes: BTreeMap<u64, u64> = sizes.iter().copied().collect();
        most_uniques(&Sample::new(&sizes, Population::Size(population)).unwrap())
    }

    #[test]
    fn no_sample_unique_leaves_three_over_the_fraction() {
        let expected = 20_f64.ln() / -(0.9_f64.ln());
        assert!((most(&[(2, 500)], 10_000) - expected).abs() < 1e-6);
    }

    #[test]
    fn the_ceiling_lies_above_what_is_expected_and_within_the_population() {
        let ceiling = most(&[(1, 100), (3, 300)], 10_000);
        assert!(ceiling > 1000.0 && ceiling < 1400.0, "{ceiling}");
        assert_eq!(most(&[(1, 100)], 110), 110.0);
        assert_eq!(most(&[(1, 100), (2, 5)], 110), 100.0);
    }

    /// The exact hypergeometric chance at the ceiling is below 1/20, for a small case summed by hand.
    #[test]
    fn the_exact_chance_at_the_ceiling_is_below_one_in_twenty() {
        // N = 60, n = 30, one sample unique.
        let ceiling = most(&[(1, 1), (29, 1)], 60).ceil() as u64;
        let choose = |n: u64, k: u64| (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product::<f64>();
        let drawn = |x: u64| choose(ceiling, x) * choose(60 - ceiling, 30 - x) / choose(60, 30);
        let chance = drawn(0) + drawn(1);
        assert!(chance < 0.05, "{ceiling} {chance}");
    }
}
