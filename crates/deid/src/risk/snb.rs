//! The slide negative binomial estimator: class sizes of the population are 1 plus a negative binomial number.
//!
//! A class has `1 + X` persons, `X` negative binomial with shape `alpha > 0` and success probability `0 < beta < 1`, so that of `K` classes
//! `K beta^alpha` are uniques. Every person is in the sample with probability `f`. With `q = 1 - f`, `d = (1 - beta) q` and
//! `g = (beta / (1 - d))^alpha`, the expected classes of one and of two records are
//!
//! ```text
//! E[s_1] = K f g (1 + alpha d / (1 - d))
//! E[s_2] = K f^2 g alpha (1 - beta) (2 - (1 - alpha) d) / (2 (1 - d)^2)
//! ```
//!
//! (from the generating function `z (beta / (1 - (1 - beta) z))^alpha` at `z = q + f z`). `K` is Shlosser's estimate of the number of classes, and
//! `alpha`, `beta` solve the two equations with the counts that were observed.
//!
//! *Source*: G. Chen, S. Keller-McNulty, *Estimation of identification disclosure risk in microdata*, J Official Statistics 14(1), 1998, 79-95; for `K`: P. Haas,
//! L. Stokes, *Estimating the number of classes in a finite population*, J Am Stat Assoc 93, 1998, 1475-1487, (Shlosser 1981). ARX (at aacd487)
//! computes the second equation with the power of `1 - d` multiplied rather than divided, and Shlosser's second sum without its bracket: there the method
//! does not converge. Here both are as derived above.
//!
//! *How it is found*: for a given `alpha` the second equation divided by the first is a quadratic in `d / (1 - d)` with one positive zero; along these, the zero of the
//! first is bracketed on a grid of `ln alpha` and bisected.
//!
//! *Guarantee*: the solution is the only one on the grid and both equations hold to 1e-9; otherwise the outcome is a [`Failure`]. *How it fails*: there is often no
//! solution at small fractions, where `K` is hardly known; heavy tails (a few large classes beside many uniques) are no negative binomial.

use super::Failure;
use super::sample::Sample;

/// Population uniques, and the standard error of their logarithm under independent Poisson counts of classes.
pub(super) fn estimate(sample: &Sample) -> Result<(f64, f64), Failure> {
    let (alone, pairs) = (sample.of_size(1), sample.of_size(2));
    if alone == 0.0 {
        return Ok((0.0, 0.0));
    }
    if pairs == 0.0 {
        return Err(Failure::NoPairs);
    }
    let f = sample.fraction();
    if f >= 1.0 {
        return Ok((alone, 0.0));
    }
    let shlosser = Shlosser::of(sample);
    let equations = Equations { f, classes: shlosser.classes, alone, pairs };
    let uniques = equations.solve()?;
    // By the delta method; the derivatives of the solution are differences.
    let slope = |change: &dyn Fn(&mut Equations, f64)| {
        let with = |h: f64| {
            let mut moved = equations;
            change(&mut moved, h);
            moved.solve().map(f64::ln)
        };
        Ok::<f64, Failure>((with(STEP)? - with(-STEP)?) / (2.0 * STEP))
    };
    let by_classes = slope(&|e, h| e.classes *= 1.0 + h)? / shlosser.classes;
    let by_alone = slope(&|e, h| e.alone *= 1.0 + h)? / alone;
    let by_pairs = slope(&|e, h| e.pairs *= 1.0 + h)? / pairs;
    let variance: f64 = sample
        .sizes
        .iter()
        .map(|(size, classes)| {
            let direct = match size {
                1 => by_alone,
                2 => by_pairs,
                _ => 0.0,
            };
            classes * (direct + by_classes * shlosser.slope(*size)).powi(2)
        })
        .sum();
    Ok((uniques, (variance * sample.weight).sqrt()))
}

const STEP: f64 = 1e-4;

/// Shlosser's estimate of the number of classes in the population:
///
/// ```text
///           sum_i i f^2 (1-f^2)^(i-1) s_i     ( sum_i (1-f)^i s_i       )^2
/// u + s_1 * ------------------------------- * ( ----------------------- )
///           sum_i (1-f)^i ((1+f)^i - 1) s_i   ( sum_i i f (1-f)^(i-1) s_i )
/// ```
struct Shlosser {
    f: f64,
    alone: f64,
    classes: f64,
    unseen: f64,
    sums: [f64; 4],
}

impl Shlosser {
    fn of(sample: &Sample) -> Shlosser {
        let f = sample.fraction();
        let mut sums = [0.0; 4];
        for (size, classes) in &sample.sizes {
            for (sum, term) in sums.iter_mut().zip(terms(f, *size)) {
                *sum += term * classes;
            }
        }
        let alone = sample.of_size(1);
        let unseen = alone * sums[0] / sums[1] * (sums[2] / sums[3]).powi(2);
        Shlosser { f, alone, classes: sample.classes + unseen, unseen, sums }
    }

    /// The derivative by the number of classes of a size.
    fn slope(&self, size: u64) -> f64 {
        let t = terms(self.f, size);
        let s = &self.sums;
        let own = if size == 1 { 1.0 / self.alone } else { 0.0 };
        1.0 + self.unseen * (own + t[0] / s[0] - t[1] / s[1] + 2.0 * (t[2] / s[2] - t[3] / s[3]))
    }
}

/// The four terms of a class of that size.
fn terms(f: f64, size: u64) -> [f64; 4] {
    let i = size as f64;
    let (ln_q, ln_square) = ((-f).ln_1p(), (-f * f).ln_1p());
    let missed = (i * ln_q).exp();
    [
        i * f * f * ((i - 1.0) * ln_square).exp(),
        // (1-f)^i (1+f)^i = (1-f^2)^i
        (i * ln_square).exp() - missed,
        missed,
        i * f * ((i - 1.0) * ln_q).exp(),
    ]
}

#[derive(Clone, Copy, Debug)]
struct Equations {
    f: f64,
    classes: f64,
    alone: f64,
    pairs: f64,
}

impl Equations {
    /// `K beta^alpha` at the solution.
    fn solve(&self) -> Result<f64, Failure> {
        // ln alpha
        let grid = |step: i32| f64::from(step) * 0.25;
        let mut found = None;
        let mut last = f64::NEG_INFINITY;
        for step in -100..=100 {
            let rest = self.rest(grid(step));
            if (last > 0.0) != (rest > 0.0) {
                if found.is_some() {
                    return Err(Failure::Ambiguous);
                }
                found = Some((grid(step - 1), grid(step), rest > 0.0));
            }
            last = rest;
        }
        let (mut low, mut high, rising) = found.ok_or(Failure::NoSolution)?;
        for _ in 0..80 {
            let middle = f64::midpoint(low, high);
            if (self.rest(middle) > 0.0) == rising {
                high = middle;
            } else {
                low = middle;
            }
        }
        let ln_alpha = f64::midpoint(low, high);
        if self.rest(ln_alpha).abs() > 1e-9 {
            return Err(Failure::NotConverged);
        }
        let alpha = ln_alpha.exp();
        let share = self.of_beta(self.odds(alpha));
        Ok(self.classes * (alpha * share.ln()).exp())
    }

    /// `c = d / (1 - d)` at which the second equation, divided by the first, holds for that `alpha`: the positive zero of
    /// `alpha (1 + alpha) c^2 + alpha (2 - r) c - r`, `r = 2 q s_2 / (f s_1)`.
    fn odds(&self, alpha: f64) -> f64 {
        let r = 2.0 * (1.0 - self.f) * self.pairs / (self.f * self.alone);
        let (a, b) = (alpha * (1.0 + alpha), alpha * (2.0 - r));
        let root = (b * b + 4.0 * a * r).sqrt();
        // The form of the solution in which nothing cancels.
        if b > 0.0 { 2.0 * r / (b + root) } else { (root - b) / (2.0 * a) }
    }

    /// `beta`, from `1 + c = 1 / (f + q beta)`.
    fn of_beta(&self, c: f64) -> f64 {
        (1.0 - self.f * c / (1.0 - self.f)) / (1.0 + c)
    }

    /// The logarithm of the first equation's left side over its right; minus infinity where `beta` would not be positive.
    fn rest(&self, ln_alpha: f64) -> f64 {
        let alpha = ln_alpha.exp();
        let c = self.odds(alpha);
        // b = beta / (1 - d)
        let missing = self.f * c / (1.0 - self.f);
        if missing >= 1.0 {
            return f64::NEG_INFINITY;
        }
        alpha * (-missing).ln_1p() + (alpha * c).ln_1p() - (self.alone / (self.classes * self.f)).ln()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::risk::Population;

    /// The probability of `1 + x` persons in a class.
    fn class_of(alpha: f64, beta: f64, most: usize) -> Vec<f64> {
        let mut p = beta.powf(alpha);
        (0..most)
            .map(|x| {
                let now = p;
                p *= (1.0 - beta) * (alpha + x as f64) / (x as f64 + 1.0);
                now
            })
            .collect()
    }

    /// Expected classes by records when each person is drawn with probability f.
    fn drawn(sizes: &[f64], f: f64, records: usize) -> f64 {
        let choose = |n: usize, k: usize| (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product::<f64>();
        let chance =
            |n: usize| choose(n, records) * f.powi(records as i32) * (1.0 - f).powi((n - records) as i32);
        sizes.iter().enumerate().filter(|(x, _)| x + 1 >= records).map(|(x, p)| p * chance(x + 1)).sum()
    }

    #[test]
    fn the_equations_are_solved_by_the_distribution_that_they_are_made_of() {
        for (alpha, beta, f) in [(0.4, 0.2, 0.3), (2.0, 0.5, 0.15), (0.1, 0.05, 0.6), (1.0, 0.9, 0.5)] {
            let sizes = class_of(alpha, beta, 1500);
            let classes = 10_000.0;
            let equations = Equations {
                f,
                classes,
                alone: classes * drawn(&sizes, f, 1),
                pairs: classes * drawn(&sizes, f, 2),
            };
            let uniques = equations.solve().map_err(|f| format!("{alpha} {beta} {f} {f:?}")).unwrap();
            let truth = classes * sizes[0];
            assert!((uniques / truth - 1.0).abs() < 1e-6, "{alpha} {beta} {f}: {uniques} {truth}");
        }
    }

    /// By hand: f = 1/2, s_1 = 4, s_2 = 1: 5 + 4 * (4/4 + 2/4 * 3/4) / (4 * 1/4 + 5/16) * ((2 + 1/4) / (2 + 1/2))^2.
    #[test]
    fn shlosser_by_hand() {
        let sizes = BTreeMap::from([(1, 4), (2, 1)]);
        let found = Shlosser::of(&Sample::new(&sizes, Population::Size(12)).unwrap());
        let expected =
            5.0 + 4.0 * (4.0 * 0.25 + 2.0 * 0.25 * 0.75) / (4.0 * 0.25 + 0.3125) * (2.25_f64 / 2.5).powi(2);
        assert!((found.classes - expected).abs() < 1e-12, "{} {expected}", found.classes);
    }

    #[test]
    fn slopes_equal_differences() {
        let at = |extra: f64, size: u64| {
            let sizes = BTreeMap::from([(1, 400), (2, 100), (3, 30), (9, 4)]);
            let mut sample = Sample::new(&sizes, Population::Fraction(0.25)).unwrap();
            for (s, classes) in &mut sample.sizes {
                if *s == size {
                    *classes += extra;
                    sample.classes += extra;
                }
            }
            Shlosser::of(&sample)
        };
        for size in [1, 2, 3, 9] {
            let slope = (at(0.01, size).classes - at(-0.01, size).classes) / 0.02;
            assert!((at(0.0, size).slope(size) - slope).abs() < 1e-6, "{size}");
        }
    }

    #[test]
    fn what_has_no_solution_is_no_number() {
        let of = |sizes: &[(u64, u64)], fraction| {
            let sizes: BTreeMap<u64, u64> = sizes.iter().copied().collect();
            estimate(&Sample::new(&sizes, Population::Fraction(fraction)).unwrap())
        };
        assert_eq!(of(&[(1, 9), (3, 4)], 0.2), Err(Failure::NoPairs));
        assert_eq!(of(&[(1, 10_000), (2, 3), (3, 900)], 0.2), Err(Failure::NoSolution));
        assert_eq!(of(&[(2, 9)], 0.2), Ok((0.0, 0.0)));
    }
}
