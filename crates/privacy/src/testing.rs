//! Goodness of fit, for the tests of the samplers. Seeds are fixed, so that a test either always passes or never does.

use std::convert::Infallible;

use chacha20::ChaCha20Rng;
use rand_core::{SeedableRng, TryCryptoRng, TryRng};

/// A stream for a test.
pub(crate) fn stream(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A stream of given words; it panics when a sampler takes more.
pub(crate) struct Words<'a>(std::slice::Iter<'a, u64>);

impl<'a> Words<'a> {
    pub(crate) fn new(words: &'a [u64]) -> Self {
        Words(words.iter())
    }
}

impl TryRng for Words<'_> {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("samplers take whole words")
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(*self.0.next().expect("the sampler takes no more words than the algorithm"))
    }
    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Infallible> {
        unreachable!("samplers take whole words")
    }
}

impl TryCryptoRng for Words<'_> {}

/// `P[Y = y]` of the discrete Laplace distribution of scale `b`.
pub(crate) fn laplace_pmf(b: f64) -> impl Fn(i64) -> f64 {
    let r = (-1.0 / b).exp();
    move |y| (1.0 - r) / (1.0 + r) * (-(y.abs() as f64) / b).exp()
}

/// `P[Y = y]` of the discrete Gaussian distribution of parameter `sigma^2`.
pub(crate) fn gaussian_pmf(variance: f64) -> impl Fn(i64) -> f64 {
    let weight = move |y: i64| (-(y as f64) * y as f64 / (2.0 * variance)).exp();
    let reach = (40.0 * variance.sqrt()) as i64 + 2;
    let total: f64 = (-reach..=reach).map(weight).sum();
    move |y| weight(y) / total
}

/// Asserts that the counts come from the distribution `p` (Pearson's chi-square). The critical value is that of a standard
/// normal deviate of 4.5 under the Wilson-Hilferty approximation: a correct sampler fails one seed in 300,000.
pub(crate) fn assert_fits(counts: &[u64], p: &[f64]) {
    let n = counts.iter().sum::<u64>() as f64;
    assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9, "the distribution sums to 1");
    let (mut statistic, mut freedom) = (0.0, -1.0);
    for (&count, &p) in counts.iter().zip(p) {
        if p * n < 1e-9 {
            assert_eq!(count, 0, "an impossible result");
            continue;
        }
        statistic += (count as f64 - p * n).powi(2) / (p * n);
        freedom += 1.0;
    }
    if freedom >= 1.0 {
        let v = 2.0 / (9.0 * freedom);
        let critical = freedom * (1.0 - v + 4.5 * f64::sqrt(v)).powi(3);
        assert!(statistic < critical, "chi-square {statistic} of {freedom} exceeds {critical}");
    }
}

/// Asserts that integers come from the distribution `pmf`: one cell a value while at least 10 are expected of it, and a tail on
/// either side; and that their empirical distribution function is near (Kolmogorov-Smirnov at 2.6 / sqrt(n): one in 370,000).
pub(crate) fn assert_fits_on_integers(samples: &[i128], pmf: impl Fn(i64) -> f64) {
    let n = samples.len() as f64;
    let reach = (0..).take_while(|y| pmf(*y) * n >= 10.0).last().expect("0 is the likeliest value");
    let cells = 2 * reach as usize + 3;
    let mut counts = vec![0u64; cells];
    for &y in samples {
        counts[(y.clamp(-i128::from(reach) - 1, i128::from(reach) + 1) + i128::from(reach) + 1) as usize] +=
            1;
    }
    let middle: Vec<f64> = (-reach..=reach).map(&pmf).collect();
    let tail = ((1.0 - middle.iter().sum::<f64>()) / 2.0).max(0.0);
    let p: Vec<f64> = std::iter::once(tail).chain(middle).chain([tail]).collect();
    assert_fits(&counts, &p);

    let (mut seen, mut expected) = (0.0, 0.0);
    for (&count, &p) in counts.iter().zip(&p) {
        seen += count as f64 / n;
        expected += p;
        assert!(
            (seen - expected).abs() < 2.6 / n.sqrt(),
            "distribution functions differ by {}",
            seen - expected
        );
    }
}
