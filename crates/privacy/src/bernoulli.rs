//! Coins that land heads with probability `e^-gamma`, for rational `gamma`: [CKS20], Alg. 1 (after von Neumann and Forsythe).
//!
//! No exponential is computed. The run `K = 1, 2, ...` goes on with probability `gamma / K`; it stops at an odd `K` with
//! probability `1 - gamma + gamma^2/2! - ... = e^-gamma`.
//!
//! [CKS20]: https://arxiv.org/abs/2004.00010

use std::num::NonZero;

use rand_core::CryptoRng;

use crate::uniform::{below, below_wide};

/// True with probability `e^(-num/den)`, exactly.
pub fn bernoulli_exp<R: CryptoRng + ?Sized>(rng: &mut R, num: u128, den: NonZero<u128>) -> bool {
    // Alg. 1 for gamma > 1: the whole part is as many coins of e^-1, all of which must land heads.
    let mut rest = num;
    if num >= den.get() {
        rest = num % den;
        for _ in 0..num / den {
            if !bernoulli_exp_one(rng) {
                return false;
            }
        }
    }
    match (u64::try_from(rest), NonZero::<u64>::try_from(den)) {
        (Ok(rest), Ok(den)) => bernoulli_exp_fraction(rng, rest, den),
        _ => alternating(rng, |rng| below_wide(rng, den) < rest),
    }
}

/// True with probability `e^(-left * right / den)`, for products of any size.
pub(crate) fn bernoulli_exp_product<R: CryptoRng + ?Sized>(
    rng: &mut R,
    left: u128,
    right: u128,
    den: NonZero<u128>,
) -> bool {
    match left.checked_mul(right) {
        Some(product) => bernoulli_exp(rng, product, den),
        // e^-(a + b) is the chance of two independent coins, e^-a and e^-b; halving a factor ends below 2^128.
        None => {
            let (large, small) = (left.max(right), left.min(right));
            bernoulli_exp_product(rng, large / 2, small, den)
                && bernoulli_exp_product(rng, large - large / 2, small, den)
        }
    }
}

/// True with probability `e^(-num/den)` for `num <= den` that fit a word: the hot path.
#[inline]
pub(crate) fn bernoulli_exp_fraction<R: CryptoRng + ?Sized>(
    rng: &mut R,
    num: u64,
    den: NonZero<u64>,
) -> bool {
    debug_assert!(num <= den.get());
    alternating(rng, |rng| below(rng, den) < num)
}

/// True with probability `1/e`.
#[inline]
pub(crate) fn bernoulli_exp_one<R: CryptoRng + ?Sized>(rng: &mut R) -> bool {
    alternating(rng, |_| true)
}

/// Alg. 1, given coins that land heads with probability `gamma` in 0..=1.
///
/// A coin of `gamma / K` is tossed as two independent coins, `1 / K` and `gamma`: this is the same probability, and `den * K`
/// (which could overflow) is never formed.
#[inline]
fn alternating<R: CryptoRng + ?Sized>(rng: &mut R, mut gamma: impl FnMut(&mut R) -> bool) -> bool {
    let mut k = NonZero::<u64>::MIN;
    while (k.get() == 1 || below(rng, k) == 0) && gamma(rng) {
        // Saturates after 2^64 turns, which no machine lives to see.
        k = k.saturating_add(1);
    }
    k.get() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_fits, stream};

    fn heads(seed: u64, n: u64, mut toss: impl FnMut(&mut chacha20::ChaCha20Rng) -> bool) -> [u64; 2] {
        let mut rng = stream(seed);
        let heads = (0..n).filter(|_| toss(&mut rng)).count() as u64;
        [heads, n - heads]
    }

    #[test]
    fn heads_come_with_probability_e_to_the_minus_gamma() {
        for (seed, num, den) in [(0, 0u128, 5u128), (1, 1, 2), (2, 1, 1), (3, 7, 3), (4, 1, 1000), (5, 9, 2)]
        {
            let p = (-(num as f64) / den as f64).exp();
            let counts = heads(seed, 40_000, |rng| bernoulli_exp(rng, num, NonZero::new(den).unwrap()));
            assert_fits(&counts, &[p, 1.0 - p]);
        }
    }

    #[test]
    fn wide_and_narrow_fractions_agree() {
        let shift = 60;
        let counts =
            heads(6, 20_000, |rng| bernoulli_exp(rng, 3 << shift, NonZero::new(4 << shift).unwrap()));
        let p = (-0.75f64).exp();
        assert_fits(&counts, &[p, 1.0 - p]);
    }

    #[test]
    fn products_beyond_128_bits_are_split_exactly() {
        // gamma = 2^100 * 2^29 / 2^127 = 4.
        let (left, right, den) = (1 << 100, 1 << 29, NonZero::new(1 << 127).unwrap());
        let counts = heads(7, 40_000, |rng| bernoulli_exp_product(rng, left, right, den));
        let p = (-4f64).exp();
        assert_fits(&counts, &[p, 1.0 - p]);
    }

    #[test]
    fn huge_exponents_end_at_once() {
        let mut rng = stream(8);
        assert!(!bernoulli_exp(&mut rng, u128::MAX, NonZero::<u128>::MIN));
        assert!(!bernoulli_exp_product(&mut rng, u128::MAX, u128::MAX, NonZero::<u128>::MIN));
    }
}
