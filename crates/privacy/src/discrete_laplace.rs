//! The discrete Laplace distribution, sampled exactly: [CKS20], Alg. 2.
//!
//! `P[Y = y] = (1 - e^(-1/b)) / (1 + e^(-1/b)) * e^(-|y|/b)` on the integers, for a rational scale `b`.
//!
//! [CKS20]: https://arxiv.org/abs/2004.00010

use std::num::NonZero;

use rand_core::CryptoRng;

use crate::bernoulli::{bernoulli_exp_fraction, bernoulli_exp_one};
use crate::uniform::below;

/// The scale `b = num / den` of a discrete Laplace distribution, in lowest terms.
///
/// Both are in `1..=2^62`. The sampler's largest number is `num * (V + 1)` with a 64-bit count `V`, below `2^126`: it fits 128 bits with
/// its sign, for every stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    num: NonZero<u64>,
    den: NonZero<u64>,
}

/// A scale that the sampler does not take.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("noise scale out of range: numerator and denominator must be from 1 to 2^62")]
pub struct ScaleError;

impl Scale {
    /// The scale `num / den`.
    pub fn new(num: u64, den: u64) -> Result<Self, ScaleError> {
        let common = gcd(num.into(), den.into()).max(1) as u64;
        let bounded = |n: u64| NonZero::new(n / common).filter(|n| n.get() <= LARGEST).ok_or(ScaleError);
        Ok(Scale { num: bounded(num)?, den: bounded(den)? })
    }

    /// The numerator.
    pub fn num(self) -> u64 {
        self.num.get()
    }

    /// The denominator.
    pub fn den(self) -> u64 {
        self.den.get()
    }
}

/// Exact samples of the discrete Laplace distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscreteLaplace {
    scale: Scale,
}

impl DiscreteLaplace {
    /// The distribution of this scale, centred at 0.
    pub fn new(scale: Scale) -> Self {
        DiscreteLaplace { scale }
    }

    /// The scale.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// One sample: Alg. 2 with `t = num`, `s = den`. Magnitude below `2^126`.
    pub fn sample<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> i128 {
        let t = self.scale.num;
        loop {
            // X = U + t V is geometric with ratio e^(-1/t): U is its remainder by t, V its quotient.
            let u = below(rng, t);
            if !bernoulli_exp_fraction(rng, u, t) {
                continue;
            }
            let mut v = 0u64;
            while bernoulli_exp_one(rng) {
                // Saturates after 2^64 turns, which no machine lives to see.
                v = v.saturating_add(1);
            }
            let x = u128::from(u) + u128::from(t.get()) * u128::from(v);
            let magnitude = match u64::try_from(x) {
                Ok(x) => i128::from(x / self.scale.den),
                Err(_) => (x / u128::from(self.scale.den.get())) as i128, // below 2^126
            };
            // Zero has two signs; one of them is drawn again, otherwise 0 would come twice as often.
            let negative = rng.next_u64() & 1 == 1;
            match (negative, magnitude) {
                (true, 0) => {}
                (true, magnitude) => return -magnitude,
                (false, magnitude) => return magnitude,
            }
        }
    }
}

/// The greatest common divisor.
pub(crate) fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// See [`Scale`].
const LARGEST: u64 = 1 << 62;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Words, assert_fits_on_integers, laplace_pmf, stream};

    fn laplace(num: u64, den: u64) -> DiscreteLaplace {
        DiscreteLaplace::new(Scale::new(num, den).unwrap())
    }

    #[test]
    fn samples_follow_the_exact_distribution() {
        for (seed, num, den) in [(10, 1, 1), (11, 7, 2), (12, 2, 7), (13, 40, 1), (14, 1, 3)] {
            let (mut rng, noise) = (stream(seed), laplace(num, den));
            let samples: Vec<i128> = (0..40_000).map(|_| noise.sample(&mut rng)).collect();
            assert_fits_on_integers(&samples, laplace_pmf(num as f64 / den as f64));
        }
    }

    #[test]
    fn moments_match_at_the_scale_of_a_plan() {
        // Glucose: 400 steps at epsilon 1. Mean 0, E|Y| = b to 1 in 10^6, variance 2 b^2.
        let (mut rng, noise, n) = (stream(15), laplace(400, 1), 40_000);
        let samples: Vec<f64> = (0..n).map(|_| noise.sample(&mut rng) as f64).collect();
        let mean = samples.iter().sum::<f64>() / f64::from(n);
        let spread = samples.iter().map(|y| y.abs()).sum::<f64>() / f64::from(n);
        let negative = samples.iter().filter(|y| **y < 0.0).count() as f64 / f64::from(n);
        let error = 400.0 / f64::from(n).sqrt();
        assert!(mean.abs() < 4.0 * 2f64.sqrt() * error, "{mean}");
        assert!((spread - 400.0).abs() < 4.0 * error, "{spread}");
        assert!((negative - 0.5).abs() < 0.01, "{negative}");
    }

    #[test]
    fn scales_are_bounded_and_in_lowest_terms() {
        assert_eq!(Scale::new(6, 4), Scale::new(3, 2));
        assert_eq!((Scale::new(6, 4).unwrap().num(), Scale::new(6, 4).unwrap().den()), (3, 2));
        assert_eq!(Scale::new(u64::MAX, u64::MAX), Scale::new(1, 1));
        for (num, den) in [(0, 1), (1, 0), (0, 0), ((1 << 62) + 1, 1), (1, u64::MAX)] {
            assert_eq!(Scale::new(num, den), Err(ScaleError));
        }
    }

    #[test]
    fn largest_and_smallest_scales_do_not_overflow() {
        let mut rng = stream(16);
        let (wide, narrow) = (laplace(1 << 62, 1), laplace(1, 1 << 62));
        assert!((0..200).any(|_| wide.sample(&mut rng).unsigned_abs() > 1 << 62));
        assert!((0..200).all(|_| narrow.sample(&mut rng) == 0));
    }

    #[test]
    fn words_of_the_stream_give_the_sample_that_the_algorithm_gives() {
        // t = 4, s = 1. U = 2 (word 2^63); a tail of U/t ends K at 1, odd: heads. e^-1 heads once (below 2 is 1: K stops at 2
        // gives tails), so V = 0; the last word is odd: negative.
        let high = u64::MAX;
        let words = [1 << 63, high, high, 1];
        assert_eq!(laplace(4, 1).sample(&mut Words::new(&words)), -2);
    }
}
