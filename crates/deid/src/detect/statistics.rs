//! The exact part of a scan: what is counted for every cell, at a few nanoseconds each.

use super::finding::Statistics;

/// Counts over every cell of a column.
pub(super) struct Counts {
    rows: u64,
    empty: u64,
    bytes: u64,
    shortest: u64,
    longest: u64,
    numeric: u64,
    ascii: u64,
    sketch: Sketch,
}

impl Counts {
    pub(super) fn new() -> Self {
        Counts {
            rows: 0,
            empty: 0,
            bytes: 0,
            shortest: u64::MAX,
            longest: 0,
            numeric: 0,
            ascii: 0,
            sketch: Sketch::new(),
        }
    }

    /// Counts an empty cell.
    pub(super) fn add_empty(&mut self) {
        self.rows += 1;
        self.empty += 1;
    }

    /// Counts a cell with at least one byte; gives the hash of its bytes.
    pub(super) fn add(&mut self, value: &[u8]) -> u64 {
        let length = value.len() as u64;
        self.rows += 1;
        self.bytes += length;
        self.shortest = self.shortest.min(length);
        self.longest = self.longest.max(length);
        self.numeric += u64::from(is_number(value));
        self.ascii += u64::from(value.is_ascii());
        let hash = hash(value);
        self.sketch.insert(hash);
        hash
    }

    /// Cells that are not empty.
    pub(super) fn present(&self) -> u64 {
        self.rows - self.empty
    }

    pub(super) fn merge(&mut self, other: &Counts) {
        self.rows += other.rows;
        self.empty += other.empty;
        self.bytes += other.bytes;
        self.shortest = self.shortest.min(other.shortest);
        self.longest = self.longest.max(other.longest);
        self.numeric += other.numeric;
        self.ascii += other.ascii;
        self.sketch.merge(&other.sketch);
    }

    /// The figures so far; what the examined values say is filled in by the caller.
    pub(super) fn statistics(&self) -> Statistics {
        let present = self.present();
        let per_value = |count: u64| if present == 0 { 0.0 } else { round(count as f64 / present as f64) };
        Statistics {
            rows: self.rows,
            empty: self.empty,
            examined: 0,
            distinct_estimate: self.sketch.estimate().min(present),
            entropy_bits: 0.0,
            min_len: if present == 0 { 0 } else { self.shortest },
            max_len: self.longest,
            mean_len: per_value(self.bytes),
            numeric_share: per_value(self.numeric),
            ascii_share: per_value(self.ascii),
            rising: false,
        }
    }
}

/// Four decimals, so that figures read the same whatever the last bits of a logarithm are.
pub(super) fn round(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// Digits with at most a sign before and a point among them. Most texts are told apart by their first byte.
fn is_number(value: &[u8]) -> bool {
    let body = match value {
        [b'+' | b'-', body @ ..] => body,
        body => body,
    };
    let mut points = 0;
    for byte in body {
        match byte {
            b'0'..=b'9' => {}
            b'.' if points == 0 => points = 1,
            _ => return false,
        }
    }
    body.len() > points
}

/// A 64-bit hash, the same on every machine: eight bytes at a time, multiply and fold, as in wyhash. It is not keyed, so it never
/// leaves the process and decides nothing but estimates and which value is recognised as seen before.
fn hash(bytes: &[u8]) -> u64 {
    const K0: u64 = 0xa076_1d64_78bd_642f;
    const K1: u64 = 0xe703_7ed1_a0b4_28db;
    let mut state = K0;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        state = fold(state ^ word(chunk), K1);
    }
    let rest = chunks.remainder();
    let last = match (bytes.last_chunk::<8>(), rest.len()) {
        (_, 0) => 0,
        (Some(tail), _) => u64::from_le_bytes(*tail),
        // Fewer than eight bytes in all: two reads that overlap, or three single bytes.
        (None, 4..) => {
            let first = rest.first_chunk::<4>().map_or(0, |b| u32::from_le_bytes(*b));
            let last = rest.last_chunk::<4>().map_or(0, |b| u32::from_le_bytes(*b));
            u64::from(first) | u64::from(last) << 32
        }
        (None, n) => u64::from(rest[0]) | u64::from(rest[n / 2]) << 8 | u64::from(rest[n - 1]) << 16,
    };
    // The length goes in last, so that no byte can cancel it.
    fold(fold(state ^ last, K1), K0 ^ bytes.len() as u64)
}

fn word(chunk: &[u8]) -> u64 {
    chunk.first_chunk::<8>().map_or(0, |b| u64::from_le_bytes(*b))
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Flajolet, Fusy, Gandouet, Meunier, *HyperLogLog* (2007), with linear counting for small sets. 4,096 registers: standard error
/// 1.04 / sqrt(4096) = 1.6 %.
struct Sketch {
    registers: Box<[u8; REGISTERS]>,
}

const REGISTER_BITS: u32 = 12;
const REGISTERS: usize = 1 << REGISTER_BITS;

impl Sketch {
    fn new() -> Self {
        Sketch { registers: Box::new([0; REGISTERS]) }
    }

    #[inline]
    fn insert(&mut self, hash: u64) {
        let rank = (hash << REGISTER_BITS | 1 << (REGISTER_BITS - 1)).leading_zeros() as u8 + 1;
        let register = &mut self.registers[(hash >> (64 - REGISTER_BITS)) as usize];
        if rank > *register {
            *register = rank;
        }
    }

    fn merge(&mut self, other: &Sketch) {
        for (mine, theirs) in self.registers.iter_mut().zip(other.registers.iter()) {
            *mine = (*mine).max(*theirs);
        }
    }

    fn estimate(&self) -> u64 {
        let m = REGISTERS as f64;
        let zeros = self.registers.iter().filter(|register| **register == 0).count();
        let sum: f64 = self.registers.iter().map(|register| (-f64::from(*register)).exp2()).sum();
        let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
        let estimate = if raw <= 2.5 * m && zeros > 0 { m * (m / zeros as f64).ln() } else { raw };
        estimate.round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(values: impl Iterator<Item = String>) -> Counts {
        let mut counts = Counts::new();
        for value in values {
            counts.add(value.as_bytes());
        }
        counts
    }

    #[test]
    fn distinct_estimates_are_within_five_percent() {
        for n in [1_u64, 2, 10, 100, 1_000, 10_000, 300_000] {
            let found = counts((0..n).map(|i| format!("V{i:07}"))).statistics().distinct_estimate;
            assert!(found.abs_diff(n) * 20 <= n, "{n}: {found}");
        }
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let value = |i: u64| format!("{}", i * 7 % 5_000);
        let whole = counts((0..9_000).map(value));
        let mut first = counts((0..4_000).map(value));
        first.merge(&counts((4_000..9_000).map(value)));
        assert_eq!(first.statistics(), whole.statistics());
    }

    #[test]
    fn numbers_are_counted_and_dates_are_not() {
        let values = ["1", "-2.5", "+3", ".5", "2023-05-01", ".", "-", "1e5", "1.2.3", "一"];
        assert_eq!(counts(values.map(String::from).into_iter()).statistics().numeric_share, 0.4);
    }

    #[test]
    fn short_strings_have_different_hashes() {
        let mut seen = std::collections::BTreeSet::new();
        for a in 0..=255_u8 {
            assert!(seen.insert(hash(&[a])));
            for b in 0..=255 {
                assert!(seen.insert(hash(&[a, b])));
                assert!(seen.insert(hash(&[b'x', a, b])));
                assert!(seen.insert(hash(&[b'x', b'y', b'z', a, b])));
                assert!(seen.insert(hash(&[b'x', b'y', b'z', b'1', b'2', b'3', b'4', a, b])));
            }
        }
    }
}
