//! Uniform integers below a bound, by rejection from whole words of the stream.
//!
//! Exact: every result has the same probability, whatever the bound. A remainder (`word % n`) or a product without rejection
//! would favour some results by up to `n / 2^64`.

use std::num::NonZero;

use rand_core::CryptoRng;

/// A uniform integer in `0..n`: Lemire's multiplication with rejection (*Fast Random Integer Generation in an Interval*, ACM
/// TOMACS 29(1), 2019, Alg. 5). It divides only when the first word falls into the last incomplete stretch.
#[inline]
pub(crate) fn below<R: CryptoRng + ?Sized>(rng: &mut R, n: NonZero<u64>) -> u64 {
    let n = n.get();
    let mut product = u128::from(rng.next_u64()) * u128::from(n);
    if (product as u64) < n {
        let short = n.wrapping_neg() % n; // 2^64 mod n
        while (product as u64) < short {
            product = u128::from(rng.next_u64()) * u128::from(n);
        }
    }
    (product >> 64) as u64
}

/// A uniform integer in `0..n` for a bound of any size: one word where it suffices, otherwise two words (the high one first) cut
/// to the bits of `n - 1` and drawn again until they are below `n`, which takes fewer than two tries on average.
pub(crate) fn below_wide<R: CryptoRng + ?Sized>(rng: &mut R, n: NonZero<u128>) -> u128 {
    if let Ok(narrow) = NonZero::<u64>::try_from(n) {
        return u128::from(below(rng, narrow));
    }
    let unused = (n.get() - 1).leading_zeros();
    loop {
        let high = u128::from(rng.next_u64());
        let low = u128::from(rng.next_u64());
        let candidate = (high << 64 | low) & (u128::MAX >> unused);
        if candidate < n.get() {
            return candidate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Words, assert_fits, stream};

    #[test]
    fn every_result_is_equally_likely() {
        let mut rng = stream(1);
        let mut counts = [0u64; 7];
        for _ in 0..70_000 {
            counts[below(&mut rng, NonZero::new(7).unwrap()) as usize] += 1;
        }
        assert_fits(&counts, &[1.0 / 7.0; 7]);
    }

    #[test]
    fn bounds_of_two_words_are_covered_evenly() {
        let mut rng = stream(2);
        let n = NonZero::new(5u128 << 90).unwrap();
        let mut counts = [0u64; 5];
        for _ in 0..20_000 {
            counts[(below_wide(&mut rng, n) >> 90) as usize] += 1;
        }
        assert_fits(&counts, &[0.2; 5]);
    }

    #[test]
    fn words_of_the_incomplete_stretch_are_drawn_again() {
        // 2^64 mod 3 = 1: exactly one word of 2^64 must be rejected, and it is the word 0 (whose product's low half is 0).
        let three = NonZero::new(3).unwrap();
        assert_eq!(below(&mut Words::new(&[0, u64::MAX]), three), 2);
        assert_eq!(below(&mut Words::new(&[1, u64::MAX]), three), 0);
    }

    #[test]
    fn extreme_bounds_hold() {
        let mut rng = stream(3);
        for _ in 0..100 {
            assert_eq!(below(&mut rng, NonZero::<u64>::MIN), 0);
            assert_eq!(below_wide(&mut rng, NonZero::<u128>::MIN), 0);
            assert!(below(&mut rng, NonZero::<u64>::MAX) < u64::MAX);
            assert!(below_wide(&mut rng, NonZero::<u128>::MAX) < u128::MAX);
            assert!(below_wide(&mut rng, NonZero::new(1 << 64).unwrap()) < 1 << 64);
        }
    }
}
