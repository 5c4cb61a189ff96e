//! The mechanisms: one number in, one number with noise out. The proof is in the [crate's documentation](crate).

use rand_core::CryptoRng;

use crate::budget::Spend;
use crate::calibrate::gaussian_variance;
use crate::discrete_gaussian::{DiscreteGaussian, Variance, VarianceError};
use crate::discrete_laplace::{DiscreteLaplace, Scale, ScaleError};
use crate::grid::GridError;
use crate::interval::{Interval, IntervalError};
use crate::parameter::{Delta, Epsilon, ParameterError};

/// Releases a number with `(epsilon, 0)` differential privacy: discrete Laplace noise of scale `width / epsilon`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaplaceMechanism {
    epsilon: Epsilon,
    range: Interval,
    noise: DiscreteLaplace,
}

/// Releases a number with `(epsilon, delta)` differential privacy: discrete Gaussian noise, calibrated through zCDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaussianMechanism {
    epsilon: Epsilon,
    delta: Delta,
    range: Interval,
    noise: DiscreteGaussian,
}

/// A mechanism that cannot be had. The message speaks of the plan's parameters only.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum MechanismError {
    /// Epsilon or delta.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// Lower, upper or decimals.
    #[error(transparent)]
    Interval(#[from] IntervalError),
    /// So little epsilon on so wide a range that the noise exceeds the sampler.
    #[error("too much noise for the sampler: use fewer decimals, a narrower range or a larger epsilon")]
    TooMuchNoise,
}

impl From<ScaleError> for MechanismError {
    fn from(_: ScaleError) -> Self {
        MechanismError::TooMuchNoise
    }
}

impl From<VarianceError> for MechanismError {
    fn from(_: VarianceError) -> Self {
        MechanismError::TooMuchNoise
    }
}

impl LaplaceMechanism {
    /// The mechanism for numbers declared to lie in `lower..=upper`, with `decimals` fraction digits.
    pub fn new(epsilon: f64, lower: f64, upper: f64, decimals: u8) -> Result<Self, MechanismError> {
        let epsilon = Epsilon::new(epsilon)?;
        let range = Interval::new(lower, upper, decimals)?;
        // width / epsilon, exactly: at most 2^41 * 10^6 < 2^61.
        let scale = Scale::new(range.width() * Epsilon::RESOLUTION, epsilon.micros())?;
        Ok(LaplaceMechanism { epsilon, range, noise: DiscreteLaplace::new(scale) })
    }

    /// The number with noise, in grid steps and in range. Draws from a stream that must be used for this number alone.
    #[inline]
    pub fn release<R: CryptoRng + ?Sized>(&self, rng: &mut R, steps: i64) -> i64 {
        self.range.release(steps, self.noise.sample(rng))
    }

    /// Reads a decimal, brings it to the nearest step, releases it and appends the result to `out`. A text that is no decimal is
    /// refused; `out` and the stream are then as they were.
    pub fn release_text<R: CryptoRng + ?Sized>(
        &self,
        rng: &mut R,
        text: &str,
        out: &mut String,
    ) -> Result<(), GridError> {
        self.range.release_text(text, out, || self.noise.sample(rng))
    }

    /// Epsilon, as delivered: what was asked for, rounded down.
    pub fn epsilon(&self) -> Epsilon {
        self.epsilon
    }

    /// Always none: the mechanism is purely epsilon-private.
    pub fn delta(&self) -> Option<Delta> {
        None
    }

    /// What one release costs.
    pub fn spend(&self) -> Spend {
        Spend::of(self.epsilon, None)
    }

    /// The declared range.
    pub fn range(&self) -> Interval {
        self.range
    }

    /// The scale of the noise in grid steps.
    pub fn scale(&self) -> Scale {
        self.noise.scale()
    }
}

impl GaussianMechanism {
    /// The mechanism for numbers declared to lie in `lower..=upper`, with `decimals` fraction digits.
    pub fn new(
        epsilon: f64,
        delta: f64,
        lower: f64,
        upper: f64,
        decimals: u8,
    ) -> Result<Self, MechanismError> {
        let (epsilon, delta) = (Epsilon::new(epsilon)?, Delta::new(delta)?);
        let range = Interval::new(lower, upper, decimals)?;
        let variance = gaussian_variance(epsilon, delta, range.width())?;
        Ok(GaussianMechanism { epsilon, delta, range, noise: DiscreteGaussian::new(variance) })
    }

    /// The number with noise, in grid steps and in range. Draws from a stream that must be used for this number alone.
    #[inline]
    pub fn release<R: CryptoRng + ?Sized>(&self, rng: &mut R, steps: i64) -> i64 {
        self.range.release(steps, self.noise.sample(rng))
    }

    /// As [`LaplaceMechanism::release_text`].
    pub fn release_text<R: CryptoRng + ?Sized>(
        &self,
        rng: &mut R,
        text: &str,
        out: &mut String,
    ) -> Result<(), GridError> {
        self.range.release_text(text, out, || self.noise.sample(rng))
    }

    /// Epsilon, as delivered: what was asked for, rounded down.
    pub fn epsilon(&self) -> Epsilon {
        self.epsilon
    }

    /// Delta, as delivered: what was asked for, rounded down.
    pub fn delta(&self) -> Option<Delta> {
        Some(self.delta)
    }

    /// What one release costs.
    pub fn spend(&self) -> Spend {
        Spend::of(self.epsilon, Some(self.delta))
    }

    /// The declared range.
    pub fn range(&self) -> Interval {
        self.range
    }

    /// The variance parameter of the noise in squared grid steps.
    pub fn variance(&self) -> Variance {
        self.noise.variance()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_fits, gaussian_pmf, laplace_pmf, stream};

    /// `P[M(x) = y]` for every `y` of the range, from the noise's distribution: the ends take the tails.
    fn clamped(pmf: impl Fn(i64) -> f64, width: i64, x: i64, reach: i64) -> Vec<f64> {
        let mut p = vec![0.0; width as usize + 1];
        for noise in -reach..=reach {
            p[(x + noise).clamp(0, width) as usize] += pmf(noise);
        }
        p
    }

    #[test]
    fn laplace_is_private_by_the_definition_and_tight() {
        for (epsilon, upper) in [(1.0, 6.0), (0.3, 2.0), (4.0, 3.0)] {
            let mechanism = LaplaceMechanism::new(epsilon, 0.0, upper, 0).unwrap();
            let b = mechanism.scale().num() as f64 / mechanism.scale().den() as f64;
            let width = upper as i64;
            let table: Vec<_> =
                (0..=width).map(|x| clamped(laplace_pmf(b), width, x, (60.0 * b) as i64 + 20)).collect();
            let mut worst: f64 = 0.0;
            for (p, q) in table.iter().flat_map(|p| table.iter().map(move |q| (p, q))) {
                worst = p.iter().zip(q).map(|(p, q)| (p / q).ln()).fold(worst, f64::max);
            }
            assert!(worst <= epsilon + 1e-9, "{worst} > {epsilon}");
            assert!(worst > epsilon - 1e-6, "more noise than needed: {worst} < {epsilon}");
        }
    }

    #[test]
    fn releases_follow_the_distribution_that_the_proof_speaks_of() {
        let laplace = LaplaceMechanism::new(1.0, -0.3, 0.3, 1).unwrap();
        let gaussian = GaussianMechanism::new(6.0, 1e-2, -0.3, 0.3, 1).unwrap();
        let sigma2 = gaussian.variance().num() as f64 / gaussian.variance().den() as f64;
        for x in -3..=3i64 {
            let mut rng = stream(x.unsigned_abs() + 40);
            let mut counts = [[0; 7]; 2];
            for _ in 0..10_000 {
                counts[0][(laplace.release(&mut rng, x) + 3) as usize] += 1;
                counts[1][(gaussian.release(&mut rng, x) + 3) as usize] += 1;
            }
            assert_fits(&counts[0], &clamped(laplace_pmf(6.0), 6, x + 3, 400));
            assert_fits(&counts[1], &clamped(gaussian_pmf(sigma2), 6, x + 3, 400));
        }
    }

    #[test]
    fn values_out_of_range_are_treated_as_the_nearest_bound() {
        let mechanism = LaplaceMechanism::new(0.5, 0.0, 40.0, 1).unwrap();
        for seed in 0..50 {
            let released = |steps| mechanism.release(&mut stream(seed), steps);
            assert_eq!(released(i64::MAX), released(400));
            assert_eq!(released(i64::MIN), released(0));
            assert!((0..=400).contains(&released(73)));
        }
    }

    #[test]
    fn text_keeps_its_form_and_what_is_no_number_leaves_no_trace() {
        let laplace = LaplaceMechanism::new(1.0, -40.0, 40.0, 2).unwrap();
        let gaussian = GaussianMechanism::new(1.0, 1e-6, -40.0, 40.0, 2).unwrap();
        let (mut rng, mut out) = (stream(50), String::from("before,"));
        let untouched = stream(50);
        assert_eq!(laplace.release_text(&mut rng, "<0.5", &mut out), Err(GridError::NotDecimal { at: 0 }));
        assert_eq!(gaussian.release_text(&mut rng, "", &mut out), Err(GridError::NotDecimal { at: 0 }));
        assert_eq!(out, "before,");
        assert!(rng == untouched);
        for text in ["7.35", "0", "-1", "1000000000000000000000000", "0.123456789"] {
            for released in [
                {
                    out.clear();
                    laplace.release_text(&mut rng, text, &mut out).unwrap();
                    out.clone()
                },
                {
                    out.clear();
                    gaussian.release_text(&mut rng, text, &mut out).unwrap();
                    out.clone()
                },
            ] {
                assert_eq!(released.split_once('.').unwrap().1.len(), 2);
                assert!(released.parse::<f64>().unwrap().abs() <= 40.0);
                assert_ne!(released, "-0.00");
            }
        }
    }

    #[test]
    fn same_stream_gives_the_same_release() {
        let mechanism = GaussianMechanism::new(1.0, 1e-6, 0.0, 40.0, 1).unwrap();
        assert_eq!(mechanism.release(&mut stream(60), 73), mechanism.release(&mut stream(60), 73));
    }

    #[test]
    fn mechanisms_state_what_they_deliver() {
        let laplace = LaplaceMechanism::new(1.0, 0.0, 40.0, 1).unwrap();
        assert_eq!((laplace.scale().num(), laplace.scale().den()), (400, 1));
        assert_eq!((laplace.epsilon().micros(), laplace.delta()), (1_000_000, None));
        let gaussian = GaussianMechanism::new(0.123_456_7, 1e-6, 0.0, 40.0, 1).unwrap();
        assert_eq!(gaussian.epsilon().micros(), 123_456);
        assert_eq!(gaussian.delta().unwrap().picos(), 1_000_000);
        assert_eq!(gaussian.spend(), Spend::new(0.123_456, 1e-6).unwrap());
        assert_eq!(laplace.spend().delta_picos(), 0);
    }

    #[test]
    fn parameters_that_protect_nothing_are_refused() {
        assert!(matches!(
            LaplaceMechanism::new(0.0, 0.0, 1.0, 1),
            Err(MechanismError::Parameter(ParameterError::Epsilon { .. }))
        ));
        assert!(matches!(
            GaussianMechanism::new(1.0, 0.0, 0.0, 1.0, 1),
            Err(MechanismError::Parameter(ParameterError::Delta { .. }))
        ));
        assert!(matches!(
            LaplaceMechanism::new(1.0, 1.0, 1.0, 1),
            Err(MechanismError::Interval(IntervalError::Empty))
        ));
        assert_eq!(GaussianMechanism::new(1e-6, 1e-12, 0.0, 1e12, 0), Err(MechanismError::TooMuchNoise));
    }

    #[test]
    fn extreme_parameters_work() {
        let mut rng = stream(70);
        let wide = LaplaceMechanism::new(1e-6, 0.0, (1u64 << 41) as f64, 0).unwrap();
        assert!((0..100).all(|_| (0..=1 << 41).contains(&wide.release(&mut rng, 5))));
        let narrow = LaplaceMechanism::new(1e6, 0.0, 1.0, 0).unwrap();
        assert!((0..100).all(|_| narrow.release(&mut rng, 1) == 1));
    }
}
