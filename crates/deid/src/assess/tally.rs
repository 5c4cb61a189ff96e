//! Counts of distinct keys in bounded memory: exact below a cap, an unbiased sample of keys above it.
//!
//! Distinct sampling (Gibbons, *Distinct sampling for highly-accurate answers to distinct values queries and event reports*, VLDB 2001):
//! a key is kept while its fingerprint lies under a threshold, which halves whenever more than `cap` keys are kept. A kept key has been
//! counted from its first occurrence on, so its count is exact; each distinct key is kept with the same probability `2^-level`, whatever
//! its count. **The outcome depends on the keys alone**, not on their order or on how the input was cut into parts.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map whose keys are fingerprints already.
pub(crate) type FingerprintMap<V> = HashMap<u64, V, BuildHasherDefault<Scatter>>;

/// Counts by fingerprint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tally {
    counts: FingerprintMap<u64>,
    cap: usize,
    level: u32,
}

impl Tally {
    /// Keeps at most `cap` keys (at least one).
    pub(crate) fn new(cap: usize) -> Self {
        Tally { counts: FingerprintMap::default(), cap: cap.max(1), level: 0 }
    }

    /// The same keys, none of which has been counted.
    pub(crate) fn cleared(&self) -> Self {
        let counts = self.counts.keys().map(|key| (*key, 0)).collect();
        Tally { counts, cap: self.cap, level: self.level }
    }

    /// Counts `times` more occurrences of a key that is there already.
    pub(crate) fn add_known(&mut self, key: u64, times: u64) {
        if let Some(count) = self.counts.get_mut(&key) {
            *count += times;
        }
    }

    /// Counts `times` more occurrences of a key.
    pub(crate) fn add(&mut self, key: u64, times: u64) {
        if !under(key, self.level) {
            return;
        }
        *self.counts.entry(key).or_insert(0) += times;
        while self.counts.len() > self.cap {
            self.level += 1;
            let level = self.level;
            self.counts.retain(|key, _| under(*key, level));
        }
    }

    /// A key is kept with probability `2^-level`; 0 where the counts are complete.
    pub(crate) fn level(&self) -> u32 {
        self.level
    }

    /// The keys that are kept, in no order, with their counts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.counts.iter().map(|(key, times)| (*key, *times))
    }

    /// How often a key occurred; 0 for one that did not or is not kept.
    pub(crate) fn get(&self, key: u64) -> u64 {
        self.counts.get(&key).copied().unwrap_or(0)
    }

    /// The counts of the keys that are kept, ascending.
    pub(crate) fn sizes(&self) -> Vec<u64> {
        let mut sizes: Vec<u64> = self.counts.values().copied().collect();
        sizes.sort_unstable();
        sizes
    }
}

/// Whether a fingerprint is among the `2^-level` smallest.
#[inline]
pub(crate) fn under(key: u64, level: u32) -> bool {
    key.leading_zeros() >= level
}

/// Takes a fingerprint as its own hash. The multiplication moves entropy into the top bits, which are zero in sampled keys.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scatter(u64);

impl Hasher for Scatter {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = (self.0 ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::assess::fingerprint::spread;

    proptest! {
        #[test]
        fn a_tally_depends_on_the_keys_alone(
            keys in prop::collection::vec(0_u64..200, 0..600),
            cap in 1_usize..300,
            cut in 0_usize..600,
        ) {
            let mut forward = Tally::new(cap);
            keys.iter().for_each(|key| forward.add(spread(*key), 1));
            let mut merged = Tally::new(cap);
            let cut = cut.min(keys.len());
            for half in [&keys[cut..], &keys[..cut]] {
                let mut part: FingerprintMap<u64> = FingerprintMap::default();
                half.iter().for_each(|key| *part.entry(spread(*key)).or_insert(0) += 1);
                part.into_iter().for_each(|(key, times)| merged.add(key, times));
            }
            prop_assert_eq!(forward.level(), merged.level());
            prop_assert_eq!(forward.sizes(), merged.sizes());
        }

        #[test]
        fn a_tally_below_its_cap_is_complete(keys in prop::collection::vec(0_u64..50, 0..300)) {
            let mut tally = Tally::new(50);
            let mut naive = std::collections::BTreeMap::<u64, u64>::new();
            for key in &keys {
                tally.add(spread(*key), 1);
                *naive.entry(*key).or_default() += 1;
            }
            let mut sizes: Vec<u64> = naive.into_values().collect();
            sizes.sort_unstable();
            prop_assert_eq!(tally.level(), 0);
            prop_assert_eq!(tally.sizes(), sizes);
        }
    }
}
