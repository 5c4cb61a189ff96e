//! The attackers who match records with a population of which only the size is known.
//!
//! A record of a class with `s` records in the table and `F` persons in the population is matched rightly with probability `1 / F`. Given `s` and the
//! sampling fraction `f`, `F - s` is taken to be negative binomial with shape `s - alpha` and probability `f`. With Pitman's `alpha` that is what Pitman's
//! formula predicts where classes are small against the population; with `alpha = 0` it is the model of Benedetti and Franconi (mu-Argus), used where Pitman's
//! formula has no maximum. Then, with `q = 1 - f`,
//!
//! ```text
//! E[1/F | s] = f I_s,   I_s = integral over w of 0..1 of w^(s-1) / (f + q w)^(1 + alpha)
//! I_1 = (f^-alpha - 1) / (alpha q),    I_(s+1) = (1 - s f I_s) / (q (s - alpha))     (by parts)
//! ```
//!
//! - marketer: the expected share of right matches, `1/n sum_s c_s s E[1/F | s]` over `c_s` classes of size `s`;
//! - journalist, average: the larger of that and `J / sum F` (El Emam 2013), with `E[F | s] = (s - alpha q) / f`;
//! - journalist, maximum: `1 / h` for the smallest `h` such that 0.05 or more classes with at most `h` persons are expected. By Markov's inequality the table has
//!   a class smaller than that with a probability of at most 5 %.
//!
//! *Source*: L. Franconi, S. Polettini, *Individual risk estimation in mu-Argus: a review*, PSD 2004, LNCS 3050, 262-272; K. El Emam, *Guide to the
//! De-Identification of Personal Health Information*, 2013; F. Dankar, K. El Emam, *A method for evaluating marketer re-identification risk*, PAIS 2010. *Guarantee*: none beyond the
//! model. *How it fails*: with `alpha = 0` the risk of sample uniques is known to be understated (Rinott 2003); classes that the
//! population fills evenly are thought more diverse than they are.

use serde::Serialize;

use super::NORMAL_95;
use super::pitman::Pitman;
use super::sample::Sample;
use crate::assess::{Attack, Estimate};

/// What matching records with the population gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Matches {
    /// The model's `alpha`: 0 is Benedetti and Franconi's.
    pub alpha: f64,
    /// The attacker who knows the population.
    pub journalist: Attack,
    /// The attacker who wants many matches.
    pub marketer: Estimate,
}

/// The figures.
pub(super) fn estimate(sample: &Sample, pitman: Option<&Pitman>) -> Matches {
    let (alpha, error) = pitman.map_or((0.0, 0.0), |fit| (fit.alpha, fit.alpha_error()));
    let f = sample.fraction();
    let share = |alpha: f64| right_matches(sample, alpha);
    let value = share(alpha);
    let margin = NORMAL_95 * error;
    let (low, high) = (share((alpha - margin).max(0.0)), share((alpha + margin).min(MOST_ALPHA)));
    // The variance of 1/F is at most E[1/F^2], at most E[1/F] / s: of the mean over n records, value / n.
    let chance = if f < 1.0 { NORMAL_95 * (value * sample.weight / sample.n).sqrt() } else { 0.0 };
    let spread = |end: f64| (end - value).hypot(chance);
    let marketer = if f >= 1.0 && sample.weight == 1.0 {
        Estimate::exact(value)
    } else {
        Estimate {
            value,
            low: Some((value - spread(low)).max(sample.classes / sample.population)),
            high: Some((value + spread(high)).min(sample.classes / sample.n)),
        }
    };
    let persons = (sample.n - alpha * (1.0 - f) * sample.classes) / f;
    let average = if sample.classes / persons > marketer.value {
        Estimate { value: sample.classes / persons, ..marketer }
    } else {
        marketer
    };
    let maximum = 1.0 / smallest_class(sample, alpha) as f64;
    Matches { alpha, journalist: Attack { maximum, average }, marketer }
}

/// The expected share of records that are matched rightly.
fn right_matches(sample: &Sample, alpha: f64) -> f64 {
    let matches = expected_reciprocals(sample, alpha);
    let sum: f64 = sample.sizes.iter().zip(matches).map(|((size, n), e)| n * *size as f64 * e).sum();
    sum / sample.n
}

/// `E[1/F | s]` for each size.
fn expected_reciprocals(sample: &Sample, alpha: f64) -> Vec<f64> {
    let f = sample.fraction();
    let q = 1.0 - f;
    let between = |size: u64, e: f64| e.clamp(f / size as f64, 1.0 / size as f64);
    if f > 0.5 {
        // Upwards the recursion would magnify errors; downwards it damps them, so that any start does.
        let largest = sample.sizes.last().map_or(1, |(size, _)| *size);
        let mut e = 1.0 / (largest + AHEAD) as f64;
        let mut size = largest + AHEAD;
        let mut found: Vec<f64> = Vec::with_capacity(sample.sizes.len());
        for (wanted, _) in sample.sizes.iter().rev() {
            while size > *wanted {
                size -= 1;
                e = (f - q * (size as f64 - alpha) * e) / (size as f64 * f);
            }
            found.push(between(size, e));
        }
        found.reverse();
        return found;
    }
    let mut e = if alpha > 0.0 { f * (-alpha * f.ln()).exp_m1() / (alpha * q) } else { -f * f.ln() / q };
    let mut size = 1_u64;
    sample
        .sizes
        .iter()
        .map(|(wanted, _)| {
            while size < *wanted && size < EXACT {
                let s = size as f64;
                e = f * (1.0 - s * e) / (q * (s - alpha));
                size += 1;
            }
            // Far out 1/F is as good as 1/E[F].
            if size < *wanted { f / (*wanted as f64 - alpha * q) } else { between(size, e) }
        })
        .collect()
}

/// The smallest number of persons that so many classes are expected not to exceed.
fn smallest_class(sample: &Sample, alpha: f64) -> u64 {
    let f = sample.fraction();
    let q = 1.0 - f;
    let least = sample.sizes.first().map_or(1, |(size, _)| *size);
    if f >= 1.0 {
        return least;
    }
    // For each size that is small enough, the chance of exactly h persons, carried from one h to the next.
    let mut open: Vec<(f64, f64, f64)> = Vec::new();
    let mut sizes = sample.sizes.iter().peekable();
    let (mut h, mut expected) = (least, 0.0);
    loop {
        if let Some((size, classes)) = sizes.next_if(|(size, _)| *size == h) {
            let s = *size as f64;
            open.push((s, *classes, ((s - alpha) * f.ln()).exp()));
        }
        for (s, classes, chance) in &mut open {
            expected += *classes * *chance;
            let x = h as f64 - *s;
            *chance *= q * (*s - alpha + x) / (x + 1.0);
        }
        if expected >= RARE || h >= sample.population() {
            return h;
        }
        h += 1;
    }
}

const MOST_ALPHA: f64 = 1.0 - 1e-9;
/// Fewer expected classes than this count as none.
const RARE: f64 = 0.05;
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
                for ((s, _), found) in sizes.iter().zip(expected_reciprocals(&of(&sizes, f), alpha)) {
                    let expected = summed(*s, alpha, f);
                    assert!((found / expected - 1.0).abs() < 1e-9, "{f} {alpha} {s}: {found} {expected}");
                }
            }
        }
    }

    /// Benedetti and Franconi's closed forms: f/(1-f) ln(1/f) for one record, f/(1-f) - (f/(1-f))^2 ln(1/f) for two.
    #[test]
    fn without_alpha_the_figures_are_those_of_mu_argus() {
        let found = expected_reciprocals(&of(&[(1, 1), (2, 1)], 0.2), 0.0);
        let odds: f64 = 0.25;
        assert!((found[0] - odds * 5_f64.ln()).abs() < 1e-12);
        assert!((found[1] - (odds - odds * odds * 5_f64.ln())).abs() < 1e-12);
    }

    #[test]
    fn the_smallest_class_is_where_the_expected_number_reaches_one_in_twenty() {
        // Two records in a class: P(F = 2) = f^2 = 0.01; P(F = 3) = 2 f^2 q = 0.018; P(F = 4) = 3 f^2 q^2 = 0.0243.
        assert_eq!(smallest_class(&of(&[(2, 1)], 0.1), 0.0), 4);
        assert_eq!(smallest_class(&of(&[(2, 5)], 0.1), 0.0), 2);
        assert_eq!(smallest_class(&of(&[(2, 3)], 0.1), 0.0), 3);
        assert_eq!(smallest_class(&of(&[(5, 1), (9, 7)], 1.0), 0.0), 5);
    }

    #[test]
    fn a_census_has_the_risk_of_the_table() {
        let matches = estimate(&of(&[(1, 2), (4, 2)], 1.0), None);
        assert_eq!(matches.marketer, Estimate::exact(0.4));
        assert_eq!(matches.journalist.maximum, 1.0);
    }
}
