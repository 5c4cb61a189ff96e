//! The equivalence-class estimator of Zayatz.
//!
//! A class of one record in the sample comes from a class of one person in the population with the probability, by Bayes,
//!
//! ```text
//!                      p_1 P(f = 1 | F = 1)
//! P(F = 1 | f = 1) = ------------------------ ,    P(f = 1 | F = j) hypergeometric: j of N persons, n drawn, one of the j among them
//!                    sum_j p_j P(f = 1 | F = j)
//! ```
//!
//! where the share `p_j` of classes of size `j` in the population is **taken to be that of the sample**. With `s_j` classes of size `j` in the
//! sample and `P(f = 1 | F = 1) = n / N`, the population has `s_1 P(F = 1 | f = 1) N / n = s_1^2 / sum_j s_j P(f = 1 | F = j)` uniques.
//!
//! *Source*: L. Zayatz, *Estimation of the percent of unique population elements on a microdata file using the sample*, U.S. Bureau of the Census,
//! Statistical Research Division RR-91/08, 1991.
//!
//! *Guarantee*: none beyond the assumption; the estimate always exists. *How it fails*: classes are smaller in a sample than in the population, so that it
//! overstates uniqueness, the more the smaller the sampling fraction.

use super::sample::Sample;

/// Population uniques, and the standard error of their logarithm under independent Poisson counts of classes.
pub(super) fn estimate(sample: &Sample) -> (f64, f64) {
    let alone = sample.of_size(1);
    if alone == 0.0 {
        return (0.0, 0.0);
    }
    let chances = chances_of_one(sample);
    let total: f64 = sample.sizes.iter().zip(&chances).map(|((_, classes), chance)| classes * chance).sum();
    let uniques = alone * alone / total;
    // d ln U / d s_j is 2 [j = 1] / s_1 - P_j / sum; the variance of s_j is s_j.
    let variance: f64 = sample
        .sizes
        .iter()
        .zip(&chances)
        .map(|((size, classes), chance)| {
            let own = if *size == 1 { 2.0 / alone } else { 0.0 };
            classes * (own - chance / total).powi(2)
        })
        .sum();
    (uniques, (variance * sample.weight).sqrt())
}

/// For each size, the probability that exactly one of so many persons is drawn: `j n/N prod_{t=1}^{j-1} (N-n-t+1)/(N-t)`.
fn chances_of_one(sample: &Sample) -> Vec<f64> {
    let (n, population) = (sample.n, sample.population);
    let (mut size, mut none_of_the_others) = (1_u64, 1.0_f64);
    sample
        .sizes
        .iter()
        .map(|(wanted, _)| {
            while size < *wanted && none_of_the_others > 0.0 {
                let t = size as f64;
                none_of_the_others *= ((population - n - t + 1.0) / (population - t)).max(0.0);
                size += 1;
            }
            *wanted as f64 * n / population * none_of_the_others
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::risk::Population;

    fn of(sizes: &[(u64, u64)], population: u64) -> Sample {
        Sample::new(&sizes.iter().copied().collect::<BTreeMap<_, _>>(), Population::Size(population)).unwrap()
    }

    /// N = 10, n = 4, classes of 1, 1 and 2: P(1 of 1) = 4/10; P(1 of 2) = 2 * 4/10 * 6/9 = 8/15. U = 4 / (2 * 0.4 + 8/15) = 3.
    #[test]
    fn a_small_example_by_hand() {
        let (uniques, _) = estimate(&of(&[(1, 2), (2, 1)], 10));
        assert!((uniques - 3.0).abs() < 1e-12, "{uniques}");
    }

    #[test]
    fn a_census_counts_its_uniques() {
        let (uniques, _) = estimate(&of(&[(1, 7), (2, 4), (9, 1)], 24));
        assert!((uniques - 7.0).abs() < 1e-12, "{uniques}");
        assert_eq!(estimate(&of(&[(2, 4)], 24)).0, 0.0);
    }

    #[test]
    fn chances_of_one_are_a_distribution_over_what_is_drawn() {
        // n = 3 of N = 8: P(1 of 8) = 0, P(1 of 6) = 6 * C(2,2) / C(8,3) = 6 / 56.
        let sample = of(&[(1, 1), (2, 1)], 8);
        let sample = Sample { sizes: vec![(1, 1.0), (6, 1.0), (7, 1.0), (1_000_000, 1.0)], ..sample };
        let chances = chances_of_one(&sample);
        for (found, expected) in chances.into_iter().zip([3.0 / 8.0, 6.0 / 56.0, 0.0, 0.0]) {
            assert!((found - expected).abs() < 1e-15, "{found}");
        }
    }
}
