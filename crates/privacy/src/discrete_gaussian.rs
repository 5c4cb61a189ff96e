//! The discrete Gaussian distribution, sampled exactly: [CKS20], Alg. 3.
//!
//! `P[Y = y]` is proportional to `e^(-y^2 / (2 sigma^2))` on the integers, for a rational `sigma^2`. Its variance is at most
//! `sigma^2`.
//!
//! [CKS20]: https://arxiv.org/abs/2004.00010

use std::num::NonZero;

use rand_core::CryptoRng;

use crate::bernoulli::bernoulli_exp_product;
use crate::discrete_laplace::{DiscreteLaplace, Scale, gcd};

/// The parameter `sigma^2 = num / den` of a discrete Gaussian distribution, in lowest terms.
///
/// Both are in `1..=2^60`. With `t = floor(sigma) + 1`, `den * t^2 <= (sqrt(num) + sqrt(den))^2 <= 2^62`; hence for every stream the
/// sampler's centred value `|Y| * den * t` with `|Y| < 2^64 t` is below `2^126`, and its denominator `2 * num * den * t^2` at most
/// `2^123`. Only the square of the centred value may exceed 128 bits, and it is never formed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variance {
    num: u64,
    den: u64,
}

/// A variance that the sampler does not take.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("noise variance out of range: numerator and denominator must be from 1 to 2^60")]
pub struct VarianceError;

impl Variance {
    /// The parameter `num / den`.
    pub fn new(num: u64, den: u64) -> Result<Self, VarianceError> {
        let common = gcd(num.into(), den.into()).max(1) as u64;
        let variance = Variance { num: num / common, den: den / common };
        let bounded = |n: u64| (1..=LARGEST).contains(&n);
        if bounded(variance.num) && bounded(variance.den) { Ok(variance) } else { Err(VarianceError) }
    }

    /// The numerator.
    pub fn num(self) -> u64 {
        self.num
    }

    /// The denominator.
    pub fn den(self) -> u64 {
        self.den
    }
}

/// Exact samples of the discrete Gaussian distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscreteGaussian {
    variance: Variance,
    /// The proposals: discrete Laplace of scale `t = floor(sigma) + 1`.
    proposal: DiscreteLaplace,
    /// `den * t`.
    stretch: u128,
    /// `2 * num * den * t^2`.
    denominator: NonZero<u128>,
}

impl DiscreteGaussian {
    /// The distribution of this variance parameter, centred at 0.
    pub fn new(variance: Variance) -> Self {
        let Variance { num, den } = variance;
        let t = (num / den).isqrt() + 1; // floor(sqrt(floor(x))) = floor(sqrt(x))
        let scale = Scale::new(t, 1).expect("t is at most 2^30 + 1");
        let stretch = u128::from(den) * u128::from(t);
        let denominator = 2 * u128::from(num) * stretch * u128::from(t);
        let denominator = NonZero::new(denominator).expect("a product of positive numbers up to 2^123");
        DiscreteGaussian { variance, proposal: DiscreteLaplace::new(scale), stretch, denominator }
    }

    /// The variance parameter `sigma^2`.
    pub fn variance(&self) -> Variance {
        self.variance
    }

    /// One sample: Alg. 3. Magnitude below `2^126`.
    ///
    /// A proposal `Y` is kept with probability `e^(-(|Y| - sigma^2/t)^2 / (2 sigma^2))`; brought to one denominator, with
    /// `sigma^2 = a/b`, the exponent is `(|Y| b t - a)^2 / (2 a b t^2)`.
    pub fn sample<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> i128 {
        loop {
            let y = self.proposal.sample(rng);
            let centred = (y.unsigned_abs() * self.stretch).abs_diff(self.variance.num.into());
            if bernoulli_exp_product(rng, centred, centred, self.denominator) {
                return y;
            }
        }
    }
}

/// See [`Variance`].
const LARGEST: u64 = 1 << 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_fits_on_integers, gaussian_pmf, stream};

    fn gaussian(num: u64, den: u64) -> DiscreteGaussian {
        DiscreteGaussian::new(Variance::new(num, den).unwrap())
    }

    #[test]
    fn samples_follow_the_exact_distribution() {
        for (seed, num, den) in [(20, 1, 1), (21, 9, 2), (22, 1, 5), (23, 400, 1), (24, 10_007, 101)] {
            let (mut rng, noise) = (stream(seed), gaussian(num, den));
            let samples: Vec<i128> = (0..20_000).map(|_| noise.sample(&mut rng)).collect();
            assert_fits_on_integers(&samples, gaussian_pmf(num as f64 / den as f64));
        }
    }

    #[test]
    fn wide_variances_keep_their_moments() {
        // The exponent's numbers need two words here.
        let (mut rng, noise, n) = (stream(25), gaussian(1 << 60, 3), 10_000);
        let sigma = ((1u64 << 60) as f64 / 3.0).sqrt();
        let samples: Vec<f64> = (0..n).map(|_| noise.sample(&mut rng) as f64 / sigma).collect();
        let mean = samples.iter().sum::<f64>() / f64::from(n);
        let variance = samples.iter().map(|y| y * y).sum::<f64>() / f64::from(n);
        let fourth = samples.iter().map(|y| y.powi(4)).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.04, "{mean}");
        assert!((variance - 1.0).abs() < 4.0 * (2.0 / f64::from(n)).sqrt(), "{variance}");
        assert!((fourth - 3.0).abs() < 4.0 * (96.0 / f64::from(n)).sqrt(), "{fourth}");
    }

    #[test]
    fn variances_are_bounded_and_in_lowest_terms() {
        assert_eq!(Variance::new(6, 4), Variance::new(3, 2));
        for (num, den) in [(0, 1), (1, 0), (0, 0), ((1 << 60) + 1, 1), (1, u64::MAX)] {
            assert_eq!(Variance::new(num, den), Err(VarianceError));
        }
    }

    #[test]
    fn extreme_variances_do_not_overflow() {
        let mut rng = stream(26);
        for (num, den) in [(1 << 60, 1), (1, 1 << 60), ((1 << 60) - 1, 1 << 60), (1 << 60, (1 << 60) - 1)] {
            let noise = gaussian(num, den);
            let bound = 10.0 * (num as f64 / den as f64).sqrt();
            assert!((0..200).all(|_| noise.sample(&mut rng).unsigned_abs() as f64 <= bound));
        }
    }
}
