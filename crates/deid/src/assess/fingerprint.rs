//! Fingerprints of values and of tuples of values: 64 bits, the same on every machine and in every version.
//!
//! The construction is the folded 128-bit multiplication of wyhash (Wang Yi, 2019, public domain). It is written out here rather than
//! taken from a hash library because figures above the cap of exact counting depend on it: a library may change its
//! function, a receipt may not. It resists chance, not an adversary: who chooses the data could make two classes look like one.
//! Among 2^20 classes two share a fingerprint with probability 2^-25.

/// The fingerprint of nothing; what a tuple starts from.
pub(crate) const SEED: u64 = 0x243f_6a88_85a3_08d3;
const A: u64 = 0x1319_8a2e_0370_7344;
const B: u64 = 0xa409_3822_299f_31d0;

/// The fingerprint of `value` after `state`, so that tuples are told apart by where their values end.
#[inline]
pub(crate) fn push(state: u64, value: &str) -> u64 {
    let bytes = value.as_bytes();
    let n = bytes.len();
    let (low, high) = match n {
        0 => (0, 0),
        1..=3 => (u64::from(bytes[0]) << 16 | u64::from(bytes[n / 2]) << 8 | u64::from(bytes[n - 1]), 0),
        4..=8 => (u64::from(word32(bytes, 0)), u64::from(word32(bytes, n - 4))),
        9..=16 => (word(bytes, 0), word(bytes, n - 8)),
        _ => return long(state, bytes),
    };
    fold(low ^ A ^ state, high ^ B ^ n as u64 ^ state.rotate_left(32))
}

/// Spreads a fingerprint or a row number over all 64 bits.
#[inline]
pub(crate) fn spread(value: u64) -> u64 {
    fold(fold(value ^ A, B), value ^ SEED)
}

fn long(mut state: u64, bytes: &[u8]) -> u64 {
    let n = bytes.len();
    let mut at = 0;
    while at + 16 < n {
        state = fold(word(bytes, at) ^ A ^ state, word(bytes, at + 8) ^ B);
        at += 16;
    }
    fold(word(bytes, n - 16) ^ A ^ state, word(bytes, n - 8) ^ B ^ n as u64 ^ state.rotate_left(32))
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[inline]
fn word32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn fingerprints_are_pinned() {
        let all: Vec<u64> = ["", "a", "abcd", "abcdefghi", "a text that is longer than sixteen bytes"]
            .iter()
            .map(|value| push(SEED, value))
            .collect();
        assert_eq!(all, PINNED);
    }

    #[test]
    fn tuples_are_told_apart_by_where_their_values_end() {
        let tuple = |values: &[&str]| values.iter().fold(SEED, |state, value| push(state, value));
        assert_ne!(tuple(&["ab", "c"]), tuple(&["a", "bc"]));
        assert_ne!(tuple(&["", "a"]), tuple(&["a", ""]));
        assert_ne!(tuple(&["a", "b"]), tuple(&["b", "a"]));
    }

    #[test]
    fn similar_values_spread_evenly_over_the_top_bits() {
        let mut seen = HashSet::new();
        let mut buckets = [0_u32; 64];
        for i in 0..64_000 {
            let fingerprint = push(SEED, &format!("{i:05}"));
            assert!(seen.insert(fingerprint));
            buckets[(fingerprint >> 58) as usize] += 1;
        }
        // 1000 expected in each; 63 degrees of freedom; 3.3e-9 is the chance of 150 or more.
        let chi2: f64 = buckets.iter().map(|n| (f64::from(*n) - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi2 < 150.0, "{chi2}");
    }

    const PINNED: [u64; 5] = [
        14_334_879_100_603_084_325,
        12_403_095_182_526_542_510,
        13_340_940_609_663_463_778,
        7_468_384_562_213_092_907,
        5_624_222_284_648_873_341,
    ];
}
