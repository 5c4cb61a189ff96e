//! Pitman's sampling formula: the population and the sample are partitions by the same process, whose two parameters the sample tells.
//!
//! With `u` classes among `n` records, `s_j` of them of size `j`, the probability of the partition is
//!
//! ```text
//!       (theta + alpha)(theta + 2 alpha) .. (theta + (u-1) alpha)            ( (1 - alpha) .. (j - 1 - alpha) )^s_j    1
//! n!  ------------------------------------------------------------  prod_j  ( ------------------------------- )      -----
//!              (theta + 1) .. (theta + n - 1)                                (              j!                )      s_j!
//! ```
//!
//! for `0 <= alpha < 1`, `theta > -alpha`. The parameters are those of greatest likelihood; a population of `N` is then expected to have
//!
//! ```text
//!            gamma(theta + 1)  gamma(theta + alpha + N - 1)       gamma(theta + 1)
//! E[S_1] = N ----------------------------------------------  ->   -------------------- N^alpha    as N grows
//!            gamma(theta + alpha)  gamma(theta + N)               gamma(theta + alpha)
//! ```
//!
//! uniques. The limit on the right is what is usually computed (Hoshino; Dankar et al.; ARX). Here it is the expectation itself, which differs where
//! `theta` is not small against `N`.
//!
//! *Source*: N. Hoshino, *Applying Pitman's sampling formula to microdata disclosure risk assessment*, J Official Statistics 17(4), 2001, 499-520; J. Pitman,
//! *Exchangeable and partially exchangeable random partitions*, Probab. Theory Relat. Fields 102, 1995, 145-158.
//!
//! *How it is found*: for a given `theta` the logarithm of the likelihood is concave in `alpha` (each term is), so that Newton's method, held in a
//! bracket, finds the one best `alpha`; along these the zero of the derivative in `theta` is bracketed, and Newton's method in
//! both parameters sharpens it. Every sum has a closed form, so that the cost grows with the number of distinct sizes, not of records.
//!
//! Where no `alpha` above 0 is better, the process with `alpha = 0` is Ewens', whose `theta` is found likewise.
//!
//! *Guarantee*: what is returned is a local maximum: the gradient vanishes and the Hessian is negative definite; otherwise the outcome is a [`Failure`].
//! *How it fails*: a single class, or all records alone, have no maximum. Populations unlike the process (classes that are filled evenly) are misjudged, at small
//! fractions by a factor.

use super::Failure;
use super::sample::Sample;
use super::special::{ln_gamma_step, reciprocal_squares, reciprocals};

/// The two parameters, and the inverse of the observed information.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pitman {
    pub(super) theta: f64,
    pub(super) alpha: f64,
    /// Variance of theta, covariance, variance of alpha.
    covariance: (f64, f64, f64),
}

/// The derivatives of the logarithm of the likelihood.
#[derive(Clone, Copy, Debug)]
struct Derivatives {
    theta: f64,
    alpha: f64,
    theta_theta: f64,
    theta_alpha: f64,
    alpha_alpha: f64,
    /// The sum of the absolute values of the terms in each derivative, against which a rest is small or not.
    scale: (f64, f64),
}

const LOWEST_ALPHA: f64 = 1e-6;
/// Where the second derivatives still have their digits.
const NEAR_ZERO: f64 = 1e-3;
const HIGHEST_ALPHA: f64 = 1.0 - 1e-9;
/// A derivative is zero if its terms cancel to this share of them.
const FLAT: f64 = 1e-7;
/// `ln(1 + theta)` is sought in this range.
const THETA_RANGE: (f64, f64) = (-14.0, 34.0);

impl Pitman {
    /// The parameters of greatest likelihood.
    pub(super) fn fit(sample: &Sample) -> Result<Pitman, Failure> {
        // One class, or everybody alone: the likelihood grows towards a degenerate process.
        if sample.classes <= sample.weight || sample.classes >= sample.n {
            return Err(Failure::NoMaximum);
        }
        let at = |s: f64| {
            let theta = s.exp_m1();
            let alpha = best_alpha(sample, theta);
            (theta, alpha, derivatives(sample, theta, alpha).theta)
        };
        let (mut low, mut high) = THETA_RANGE;
        if at(low).2 <= 0.0 || at(high).2 >= 0.0 {
            return Err(Failure::NoMaximum);
        }
        while high - low > 1e-9 {
            let middle = f64::midpoint(low, high);
            if at(middle).2 > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        let (theta, alpha, _) = at(f64::midpoint(low, high));
        if alpha <= 2.0 * LOWEST_ALPHA {
            Pitman::ewens(sample, theta)
        } else {
            Pitman::inside(sample, theta, alpha)
        }
    }

    /// Newton's method in both parameters, from a point that is near.
    fn inside(sample: &Sample, mut theta: f64, mut alpha: f64) -> Result<Pitman, Failure> {
        for _ in 0..8 {
            let d = derivatives(sample, theta, alpha);
            let determinant = d.determinant();
            let step_theta = (d.theta * d.alpha_alpha - d.alpha * d.theta_alpha) / determinant;
            let step_alpha = (d.alpha * d.theta_theta - d.theta * d.theta_alpha) / determinant;
            let (next_theta, next_alpha) = (theta - step_theta, alpha - step_alpha);
            // The bracket is tight: a step that leads far away is noise.
            let far = step_theta.abs() > 1e-3 * (1.0 + theta.abs()) || step_alpha.abs() > 1e-3;
            let allowed = (LOWEST_ALPHA..1.0).contains(&next_alpha) && next_theta + next_alpha > 0.0;
            if far || !allowed {
                break;
            }
            (theta, alpha) = (next_theta, next_alpha);
        }
        let d = derivatives(sample, theta, alpha);
        if d.theta.abs() > FLAT * d.scale.0 || d.alpha.abs() > FLAT * d.scale.1 {
            return Err(Failure::NotConverged);
        }
        let determinant = d.determinant();
        if !(determinant > 0.0 && d.theta_theta < 0.0) {
            return Err(Failure::NoMaximum);
        }
        let part = |x: f64| x / determinant * sample.weight;
        let covariance = (part(-d.alpha_alpha), part(d.theta_alpha), part(-d.theta_theta));
        Ok(Pitman { theta, alpha, covariance })
    }

    /// The fit with `alpha = 0`: Ewens' formula, whose likelihood `(u-1) ln theta - sum ln(theta + i)` has one maximum.
    fn ewens(sample: &Sample, near: f64) -> Result<Pitman, Failure> {
        let (m, n) = (sample.classes - 1.0, sample.n - 1.0);
        // In ln theta the derivative m - theta sum 1/(theta + i) falls.
        let slope = |theta: f64| m - theta * reciprocals(theta + 1.0, n);
        let (mut low, mut high) = (near.max(1e-9).ln() - 1.0, near.max(1e-9).ln() + 1.0);
        while high - low > 1e-14 * high.abs().max(1.0) {
            let middle = f64::midpoint(low, high);
            if middle <= low || middle >= high {
                break;
            }
            if slope(middle.exp()) > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        let theta = low.exp();
        if slope(theta).abs() > FLAT * m {
            return Err(Failure::NotConverged);
        }
        let information = m / (theta * theta) - reciprocal_squares(theta + 1.0, n);
        // That alpha may also be a little above 0 is part of the error: the curvature close by stands for that at 0, which is a limit.
        let d = derivatives(sample, theta, NEAR_ZERO);
        let determinant = d.determinant();
        if !(information > 0.0 && determinant > 0.0 && d.theta_theta < 0.0) {
            return Err(Failure::NoMaximum);
        }
        let part = |x: f64| x / determinant * sample.weight;
        let covariance = (part(-d.alpha_alpha), part(d.theta_alpha), part(-d.theta_theta));
        Ok(Pitman { theta, alpha: 0.0, covariance })
    }

    /// The expected number of uniques in a population of `size`.
    pub(super) fn uniques(&self, size: f64) -> f64 {
        let (theta, alpha) = (self.theta, self.alpha);
        let rest = 1.0 - alpha;
        let logarithm = ln_gamma_step(theta + alpha, rest) - ln_gamma_step(theta + alpha + size - 1.0, rest);
        size * logarithm.exp()
    }

    /// The standard error of the logarithm of the uniques in a population of `size`: of the parameters by the observed information, and of the
    /// count itself as if it were Poisson's.
    pub(super) fn error(&self, size: f64) -> f64 {
        let (theta, alpha) = (self.theta, self.alpha);
        // d ln E / d theta = psi(t+1) - psi(t+a) - (psi(t+N) - psi(t+a+N-1)); d ln E / d alpha = psi(t+a+N-1) - psi(t+a)
        let by_alpha = reciprocals(theta + alpha, size - 1.0);
        let by_theta = by_alpha - reciprocals(theta + 1.0, size - 1.0);
        (self.variance(by_theta, by_alpha) + 1.0 / self.uniques(size).max(1.0)).sqrt()
    }

    /// The variance of a figure whose derivatives by theta and alpha these are.
    pub(super) fn variance(&self, by_theta: f64, by_alpha: f64) -> f64 {
        let (tt, ta, aa) = self.covariance;
        by_theta * by_theta * tt + 2.0 * by_theta * by_alpha * ta + by_alpha * by_alpha * aa
    }
}

impl Derivatives {
    fn determinant(&self) -> f64 {
        self.theta_theta * self.alpha_alpha - self.theta_alpha * self.theta_alpha
    }
}

/// The zero of the derivative in alpha, which falls from left to right; an end of the range where there is none.
fn best_alpha(sample: &Sample, theta: f64) -> f64 {
    // Where theta is negative alpha lies between -theta and 1, which may be close together.
    let room = (1.0 + theta).min(1.0);
    let (mut low, mut high) = (1.0 - room * (1.0 - LOWEST_ALPHA), 1.0 - room * (1.0 - HIGHEST_ALPHA));
    let mut alpha = f64::midpoint(low, high);
    for _ in 0..60 {
        let d = derivatives(sample, theta, alpha);
        if d.alpha > 0.0 {
            low = alpha;
        } else {
            high = alpha;
        }
        if high - low < 1e-15 || d.alpha == 0.0 {
            break;
        }
        let newton = alpha - d.alpha / d.alpha_alpha;
        let next = if newton > low && newton < high { newton } else { f64::midpoint(low, high) };
        if (next - alpha).abs() < 1e-14 {
            break;
        }
        alpha = next;
    }
    alpha
}

fn derivatives(sample: &Sample, theta: f64, alpha: f64) -> Derivatives {
    let m = sample.classes - 1.0;
    let x = theta / alpha;
    // sum 1/(theta + i alpha), and of its squares, over i = 1 .. u-1.
    let first = reciprocals(x + 1.0, m) / alpha;
    let second = reciprocal_squares(x + 1.0, m) / (alpha * alpha);
    // i / (theta + i alpha) = (1 - theta / (theta + i alpha)) / alpha, and so on.
    let weighted = (m - theta * first) / alpha;
    let weighted_squares = (first - theta * second) / alpha;
    let twice_weighted = (weighted - theta * weighted_squares) / alpha;
    let records = reciprocals(theta + 1.0, sample.n - 1.0);
    let record_squares = reciprocal_squares(theta + 1.0, sample.n - 1.0);
    // sum 1/(i - alpha), and of its squares, over i = 1 .. size-1: carried from each size to the next.
    let (mut inner, mut inner_squares) = (0.0, 0.0);
    let (mut at, mut sum, mut squares) = (1_u64, 0.0, 0.0);
    for (size, classes) in &sample.sizes {
        let (x, terms) = (at as f64 - alpha, (size - at) as f64);
        sum += reciprocals(x, terms);
        squares += reciprocal_squares(x, terms);
        at = *size;
        inner += classes * sum;
        inner_squares += classes * squares;
    }
    Derivatives {
        theta: first - records,
        alpha: weighted - inner,
        theta_theta: record_squares - second,
        theta_alpha: -weighted_squares,
        alpha_alpha: -twice_weighted - inner_squares,
        scale: (first.abs() + records, weighted.abs() + inner),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::risk::Population;

    pub(crate) fn of(sizes: &[(u64, u64)]) -> Sample {
        let sizes: BTreeMap<u64, u64> = sizes.iter().copied().collect();
        Sample::new(&sizes, Population::Fraction(0.1)).unwrap()
    }

    fn ln_likelihood(sizes: &[(u64, u64)], theta: f64, alpha: f64) -> f64 {
        let u: u64 = sizes.iter().map(|(_, n)| n).sum();
        let n: u64 = sizes.iter().map(|(size, n)| size * n).sum();
        let classes: f64 = (1..u).map(|i| (theta + i as f64 * alpha).ln()).sum();
        let records: f64 = (1..n).map(|i| (theta + i as f64).ln()).sum();
        let inner = |size: u64| (1..size).map(|i| (i as f64 - alpha).ln()).sum::<f64>();
        classes - records + sizes.iter().map(|(size, n)| *n as f64 * inner(*size)).sum::<f64>()
    }

    const SMALL: [(u64, u64); 6] = [(1, 60), (2, 21), (3, 9), (5, 4), (12, 2), (40, 1)];

    #[test]
    fn derivatives_equal_differences_of_the_likelihood() {
        let sample = of(&SMALL);
        for (theta, alpha) in [(3.0, 0.4), (120.0, 0.05), (-0.2, 0.7), (0.0, 0.9)] {
            let d = derivatives(&sample, theta, alpha);
            let h = 1e-5;
            let at = |t: f64, a: f64| ln_likelihood(&SMALL, theta + t, alpha + a);
            let centre = at(0.0, 0.0);
            let close = |found: f64, expected: f64, by: f64| {
                assert!((found - expected).abs() < by * (1.0 + expected.abs()), "{found} {expected}");
            };
            close(d.theta, (at(h, 0.0) - at(-h, 0.0)) / (2.0 * h), 1e-6);
            close(d.alpha, (at(0.0, h) - at(0.0, -h)) / (2.0 * h), 1e-6);
            close(d.theta_theta, (at(h, 0.0) + at(-h, 0.0) - 2.0 * centre) / (h * h), 1e-2);
            close(d.alpha_alpha, (at(0.0, h) + at(0.0, -h) - 2.0 * centre) / (h * h), 1e-2);
            let mixed = (at(h, h) - at(h, -h) - at(-h, h) + at(-h, -h)) / (4.0 * h * h);
            close(d.theta_alpha, mixed, 1e-2);
        }
    }

    #[test]
    fn no_parameters_near_the_fit_are_more_likely() {
        let fit = Pitman::fit(&of(&SMALL)).unwrap();
        let best = ln_likelihood(&SMALL, fit.theta, fit.alpha);
        for (t, a) in [(0.1, 0.0), (-0.1, 0.0), (0.0, 0.01), (0.0, -0.01), (1.0, -0.02), (-1.0, 0.02)] {
            assert!(ln_likelihood(&SMALL, fit.theta + t, fit.alpha + a) < best, "{fit:?}");
        }
    }

    /// Two persons are alone with probability (theta + alpha) / (theta + 1), and then there are two uniques.
    #[test]
    fn the_expectation_of_a_population_of_two_and_three_by_hand() {
        let pitman = Pitman { theta: 2.0, alpha: 0.25, covariance: (0.0, 0.0, 0.0) };
        assert!((pitman.uniques(2.0) - 2.0 * 2.25 / 3.0).abs() < 1e-12);
        // N (theta + alpha)_{N-1} / (theta + 1)_{N-1}
        assert!((pitman.uniques(3.0) - 3.0 * 2.25 * 3.25 / (3.0 * 4.0)).abs() < 1e-12);
    }

    #[test]
    fn what_has_no_maximum_is_no_number() {
        for sizes in [&[(1, 50)][..], &[(7, 1)], &[(1, 1)]] {
            assert_eq!(Pitman::fit(&of(sizes)), Err(Failure::NoMaximum), "{sizes:?}");
        }
    }

    #[test]
    fn even_classes_are_the_process_of_ewens() {
        let sizes = [(9, 20), (10, 40), (11, 20)];
        let fit = Pitman::fit(&of(&sizes)).unwrap();
        assert_eq!(fit.alpha, 0.0);
        let best = ln_likelihood(&sizes, fit.theta, 0.0);
        for (theta, alpha) in [(fit.theta * 1.01, 0.0), (fit.theta * 0.99, 0.0), (fit.theta, 0.001)] {
            assert!(ln_likelihood(&sizes, theta, alpha) < best, "{fit:?}");
        }
        // N theta / (theta + N - 1)
        assert!((fit.uniques(1000.0) - 1000.0 * fit.theta / (fit.theta + 999.0)).abs() < 1e-9);
    }
}
