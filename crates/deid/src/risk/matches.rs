//! The attackers who match records with a population of which only the size is known.
//!
//! A record of a class with `s` records in the table and `F` persons in the population is matched rightly with probability `1 / F`. Under Pitman's process
//! with parameters `theta`, `alpha` the `N - n` persons who are not in the table join that class one by one with probability `(s - alpha) / (theta + n)` at
//! first, and `F - s` is beta-binomial; since classes are small against the population it is taken to be negative binomial with shape `s - alpha` and
//! `p = (theta + n) / (theta + N)`, which has the same mean. With `alpha = theta = 0` that is the model of Benedetti and Franconi (mu-Argus). Then, with `q = 1 - p`,
//!
//! ```text
//! E[1/F | s] = p I_s,   I_s = integral over w of 0..1 of w^(s-1) / (p + q w)^(1 + alpha)
//! I_1 = (p^-alpha - 1) / (alpha q),    I_(s+1) = (1 - s p I_s) / (q (s - alpha))     (by parts)
//! ```
//!
//! - marketer: the expected share of right matches, `1/n sum_s c_s s E[1/F | s]` over `c_s` classes of size `s`;
//! - journalist, average: the larger of that and `J / sum F` (El Emam 2013), with `E[F | s] = s + (s - alpha) q / p`;
//! - journalist, maximum: `1 / h` for the smallest `h` such that 0.05 or more classes with at most `h` persons are expected. By Markov's inequality the table has
//!   a class smaller than that with a probability of at most 5 %.
//!
//! *Source*: L. Franconi, S. Polettini, *Individual risk estimation in mu-Argus: a review*, PSD 2004, LNCS 3050, 262-272; K. El Emam, *Guide to the
//! De-Identification of Personal Health Information*, 2013; F. Dankar, K. El Emam, *A method for evaluating marketer re-identification risk*, PAIS 2010. *Guarantee*: none beyond the
//! model. Where the process has no parameters because every record is alone, every record is said to be matched; for a table of one class `alpha = theta = 0`. *How
//! it fails*: as Pitman's formula does.

use serde::Serialize;

use super::NORMAL_95;
use super::pitman::Pitman;
use super::sample::Sample;
use super::special::incomplete_beta;
use crate::assess::{Attack, Estimate};

/// What matching records with the population gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Matches {
    /// The attacker who knows the population.
    pub journalist: Attack,
    /// The attacker who wants many matches.
    pub marketer: Estimate,
}

/// The size of a class in the population, given that in the table.
#[derive(Clone, Copy, Debug)]
struct Growth {
    alpha: f64,
    p: f64,
}

/// The figures.
pub(super) fn estimate(sample: &Sample, pitman: Option<&Pitman>) -> Matches {
    let (n, population) = (sample.n, sample.population);
    let growth = |theta: f64, alpha: f64| Growth { alpha, p: (theta + n) / (theta + population) };
    let (here, error) = match pitman {
        Some(fit) => {
            let (t, a) = (1e-4 * (1.0 + fit.theta.abs()), 1e-5);
            let at = |t: f64, a: f64| {
                growth(fit.theta + t, (fit.alpha + a).clamp(0.0, MOST_ALPHA)).right_matches(sample)
            };
            let by_theta = (at(t, 0.0) - at(-t, 0.0)) / (2.0 * t);
            let by_alpha = (at(0.0, a) - at(0.0, -a)) / (2.0 * a);
            (growth(fit.theta, fit.alpha), fit.variance(by_theta, by_alpha))
        }
        None if sample.classes >= n => (growth(0.0, MOST_ALPHA), 0.0),
        None => (growth(0.0, 0.0), 0.0),
    };
    let value = here.right_matches(sample);
    let marketer = if population <= n && sample.weight == 1.0 {
        Estimate::exact(value)
    } else {
        // The variance of 1/F is at most E[1/F^2], at most E[1/F] / s: of the mean over n records, value / n.
        let half = NORMAL_95 * (error + value * sample.weight / n).sqrt();
        Estimate {
            value,
            low: Some((value - half).max(sample.classes / population)),
            high: Some((value + half).min(sample.classes / n)),
        }
    };
    let persons = n + (n - here.alpha * sample.classes) * (1.0 - here.p) / here.p;
    let average = if sample.classes / persons > marketer.value {
        Estimate { value: sample.classes / persons, ..marketer }
    } else {
        marketer
    };
    let maximum = 1.0 / here.smallest_class(sample) as f64;
    Matches { journalist: Attack { maximum, average }, marketer }
}

impl Growth {
    /// The expected share of records that are matched rightly.
    fn right_matches(self, sample: &Sample) -> f64 {
        let matches = self.reciprocals(sample);
        let sum: f64 = sample.sizes.iter().zip(matches).map(|((size, n), e)| n * *size as f64 * e).sum();
        sum / sample.n
    }

    /// `E[1/F | s]` for each size.
    fn reciprocals(self, sample: &Sample) -> Vec<f64> {
        let Growth { alpha, p } = self;
        let q = 1.0 - p;
        let bounded = |size: u64, e: f64| e.clamp(0.0, 1.0 / size as f64);
        if p > 0.5 {
            // Upwards the recursion would magnify errors; downwards it damps them, so that any start does.
            let mut size = sample.sizes.last().map_or(1, |(size, _)| *size) + AHEAD;
            let mut e = 1.0 / size as f64;
            let mut found: Vec<f64> = Vec::with_capacity(sample.sizes.len());
            for (wanted, _) in sample.sizes.iter().rev() {
                while size > *wanted {
                    size -= 1;
                    e = (p - q * (size as f64 - alpha) * e) / (size as f64 * p);
                }
                found.push(bounded(size, e));
            }
            found.reverse();
            return found;
        }
        let mut e = if alpha > 0.0 { p * (-alpha * p.ln()).exp_m1() / (alpha * q) } else { -p * p.ln() / q };
        let mut size = 1_u64;
        sample
            .sizes
            .iter()
            .map(|(wanted, _)| {
                while size < *wanted && size < EXACT {
                    let s = size as f64;
                    e = p * (1.0 - s * e) / (q * (s - alpha));
                    size += 1;
                }
                // Far out 1/F is as good as 1/E[F].
                if size < *wanted { p / (*wanted as f64 - alpha * q) } else { bounded(size, e) }
            })
            .collect()
    }

    /// The smallest number of persons such that [`RARE`] or more classes are expected not to exceed it.
    fn smallest_class(self, sample: &Sample) -> u64 {
        let least = sample.sizes.first().map_or(1, |(size, _)| *size);
        let most = sample.population().max(least);
        let enough = |h: u64| self.expected_up_to(sample, h) >= RARE;
        if self.p >= 1.0 || enough(least) {
            return least;
        }
        let (mut low, mut high) = (least, least);
        while !enough(high) {
            if high >= most {
                return most;
            }
            (low, high) = (high, high.saturating_mul(2).min(most));
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if enough(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }

    /// How many classes are expected to have at most `h` persons; no longer exact once that is [`RARE`].
    fn expected_up_to(self, sample: &Sample, h: u64) -> f64 {
        let Growth { alpha, p } = self;
        let mut expected = 0.0;
        for (size, classes) in &sample.sizes {
            if *size > h || expected >= RARE {
                break;
            }
            let (s, more) = (*size as f64, (h - size) as f64);
            // P(F <= h) <= P(Bin(h - 1, p) >= s - 1) <= exp(-(h-1) kl((s-1)/(h-1), p)): what cannot add up to anything is not computed.
            let trials = h as f64 - 1.0;
            let ratio = (s - 1.0) / trials;
            if ratio > p {
                let rest = if ratio < 1.0 { (1.0 - ratio) * ((1.0 - ratio) / (1.0 - p)).ln() } else { 0.0 };
                if classes * (-trials * (ratio * (ratio / p).ln() + rest)).exp() < NOTHING {
                    continue;
                }
            }
            expected += classes * incomplete_beta(p, s - alpha, more + 1.0);
        }
        expected
    }
}

const MOST_ALPHA: f64 = 1.0 - 1e-9;
/// Fewer expected classes than this count as none.
const RARE: f64 = 0.05;
const NOTHING: f64 = 1e-9;
/// How far above the largest size the downward recursion starts.
const AHEAD: u64 = 4096;
/// Up to this size `E[1/F]` is computed without approximation.
const EXACT: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::risk::Population;

    fn of(sizes: &[(u64, u64)], fraction: f64) -> Sample {
        let sizes: BTreeMap<u64, u64> = sizes.iter().copied().collect();
        let sample = Sample::new(&sizes, Population::Fraction(fraction)).unwrap();
        Sample { population: sample.n / fraction, ..sample }
    }

    /// `E[1/F]` by the sum over the negative binomial distribution.
    fn summed(s: u64, alpha: f64, f: f64) -> f64 {
        let shape = s as f64 - alpha;
        let (mut p, mut sum, mut x) = (f.powf(shape), 0.0, 0.0);
        while x < 200_000.0 {
            sum += p / (s as f64 + x);
            p *= (1.0 - f) * (shape + x) / (x + 1.0);
            x += 1.0;
        }
        sum
    }

    #[test]
    fn expected_reciprocals_equal_their_sums() {
        for f in [0.001, 0.05, 0.3, 0.5, 0.51, 0.9, 0.999] {
            for alpha in [0.0, 1e-7, 0.3, 0.95] {
                let sizes = [(1, 1), (2, 1), (3, 1), (10, 1), (50, 1)];
                for ((s, _), found) in sizes.iter().zip(Growth { alpha, p: f }.reciprocals(&of(&sizes, f))) {
                    let expected = summed(*s, alpha, f);
                    assert!((found / expected - 1.0).abs() < 1e-9, "{f} {alpha} {s}: {found} {expected}");
                }
            }
        }
    }

    /// Benedetti and Franconi's closed forms: f/(1-f) ln(1/f) for one record, f/(1-f) - (f/(1-f))^2 ln(1/f) for two.
    #[test]
    fn without_alpha_the_figures_are_those_of_mu_argus() {
        let found = Growth { alpha: 0.0, p: 0.2 }.reciprocals(&of(&[(1, 1), (2, 1)], 0.2));
        let odds: f64 = 0.25;
        assert!((found[0] - odds * 5_f64.ln()).abs() < 1e-12);
        assert!((found[1] - (odds - odds * odds * 5_f64.ln())).abs() < 1e-12);
    }

    #[test]
    fn the_smallest_class_is_where_the_expected_number_reaches_one_in_twenty() {
        // Two records in a class: P(F = 2) = f^2 = 0.01; P(F = 3) = 2 f^2 q = 0.018; P(F = 4) = 3 f^2 q^2 = 0.0243.
        let smallest = |sizes: &[(u64, u64)], p| Growth { alpha: 0.0, p }.smallest_class(&of(sizes, p));
        assert_eq!(smallest(&[(2, 1)], 0.1), 4);
        assert_eq!(smallest(&[(2, 5)], 0.1), 2);
        assert_eq!(smallest(&[(2, 3)], 0.1), 3);
        assert_eq!(smallest(&[(5, 1), (9, 7)], 1.0), 5);
    }

    #[test]
    fn a_census_has_the_risk_of_the_table() {
        let matches = estimate(&of(&[(1, 2), (4, 2)], 1.0), None);
        assert_eq!(matches.marketer, Estimate::exact(0.4));
        assert_eq!(matches.journalist.maximum, 1.0);
    }
}
