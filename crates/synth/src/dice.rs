//! Random choices by integers alone.
//!
//! Each patient has a ChaCha20 stream of its own (key from the seed, stream from the patient's index), so a
//! patient is the same however many others there are and whichever thread makes it. Nothing here uses a
//! floating-point number: the mathematics library of a platform must not reach the output.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// One stream of choices.
pub(crate) struct Dice {
    rng: ChaCha20Rng,
}

impl Dice {
    /// The stream with this number under the hospital's seed.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut key = *b"medveil synthetic hospital v1...";
        key[24..].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha20Rng::from_seed(key);
        rng.set_stream(stream);
        Self { rng }
    }

    /// A number below `end`, which is above 0. The bias is below `end` / 2^32.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        ((u64::from(self.rng.next_u32()) * u64::from(end)) >> 32) as u32
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i32, high: i32) -> i32 {
        low + self.below((high - low) as u32 + 1) as i32
    }

    /// Whether something happens that happens `per_mille` times in a thousand.
    pub(crate) fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < per_mille
    }

    /// One of the items, of which there is at least one.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u32) as usize]
    }

    /// An index drawn by running totals of weights, the last of which is above 0.
    pub(crate) fn weighted(&mut self, totals: &[u32]) -> usize {
        let all = totals.last().copied().unwrap_or(1);
        let at = self.below(all);
        totals.partition_point(|&total| total <= at)
    }

    /// Bell-shaped about `mean` with standard deviation `sd`, never further away than 3.47 `sd`: the sum of
    /// four uniform numbers (Irwin-Hall).
    pub(crate) fn bell(&mut self, mean: i32, sd: i32) -> i32 {
        let bits = self.rng.next_u64();
        let sum: i64 = (0..4).map(|i| (bits >> (16 * i) & 0xFFFF) as i64).sum();
        // Four uniform 16-bit numbers have mean 131,070 and standard deviation 65,536 / sqrt(3) = 37,837.
        mean + ((sum - 131_070) * i64::from(sd) + 18_918).div_euclid(37_837) as i32
    }
}

/// Running totals of weights, for [`Dice::weighted`].
pub(crate) fn running_totals(weights: impl IntoIterator<Item = u32>) -> Vec<u32> {
    weights
        .into_iter()
        .scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect()
}

/// A permutation of the numbers below `size` (at most 2^24), a different one for each key: a Feistel network
/// with cycle walking. What must not repeat between patients is drawn through it.
pub(crate) fn permute(number: u64, size: u64, key: u64) -> u64 {
    let mut at = number % size;
    loop {
        let (mut left, mut right) = (at >> 12, at & 0xFFF);
        for round in 0..4_u64 {
            let mixed =
                (right ^ (key >> (12 * round) & 0xFFF) ^ round << 12).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            (left, right) = (right, left ^ mixed >> 52);
        }
        at = left << 12 | right;
        if at < size {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bell_has_its_mean_and_spread() {
        let mut dice = Dice::new(1, 1);
        let draws: Vec<i64> = (0..20_000).map(|_| dice.bell(500, 40).into()).collect();
        let mean = draws.iter().sum::<i64>() / 20_000;
        let variance = draws.iter().map(|x| (x - 500) * (x - 500)).sum::<i64>() / 20_000;
        assert!((498..=502).contains(&mean), "{mean}");
        assert!((1500..=1700).contains(&variance), "{variance}");
        assert!(draws.iter().all(|x| (361..=639).contains(x)));
    }

    #[test]
    fn permutation_repeats_nothing() {
        let mut seen = vec![false; 10_007];
        for number in 0..10_007 {
            let to = permute(number, 10_007, 99) as usize;
            assert!(!seen[to]);
            seen[to] = true;
        }
    }

    #[test]
    fn weights_are_followed() {
        let totals = running_totals([0, 3, 0, 1]);
        let mut dice = Dice::new(3, 0);
        let mut counts = [0; 4];
        for _ in 0..4000 {
            counts[dice.weighted(&totals)] += 1;
        }
        assert_eq!((counts[0], counts[2]), (0, 0));
        assert!((2800..3200).contains(&counts[1]), "{counts:?}");
    }
}
