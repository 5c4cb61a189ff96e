//! Leaves of records that open alike.
//!
//! The labels of a changed resource follow its `resourceType`, so the released records of one type mostly open with the same three to
//! five hundred bytes. What an HMAC is after these is kept, and its compressions are spared for the next such record. The leaves are the same as
//! without.

use medveil_deid::merkle::{Hash, LEAF, leaf};
use medveil_deid::study::Prf;

/// The openings that were met under one key.
pub(super) struct Openings {
    key: Prf,
    met: Vec<Option<Opening>>,
}

struct Opening {
    bytes: Vec<u8>,
    /// The leaf's function after the opening.
    after: Prf,
}

/// Openings that are remembered: a power of two.
const MET: usize = 64;

/// What both SHA-256 and SM3 take at once.
const BLOCK: usize = 64;

/// Longer openings are cut here.
const LONGEST: usize = 16 * BLOCK;

impl Openings {
    /// None so far, under the key of the leaves.
    pub(super) fn new(key: &Prf) -> Self {
        Openings { key: key.clone(), met: Vec::new() }
    }

    /// The leaf of a record of which about the first `length` bytes may be those of others.
    pub(super) fn leaf(&mut self, record: &[u8], length: usize) -> Hash {
        // Whole blocks, of which the first begins with the prefix of leaves.
        let whole = (length.min(record.len()).min(LONGEST) + 1) / BLOCK * BLOCK;
        if whole < 2 * BLOCK {
            return leaf(&self.key, record);
        }
        let (opening, rest) = record.split_at(whole - 1);
        if self.met.is_empty() {
            self.met.resize_with(MET, || None);
        }
        let met = &mut self.met[place(opening)];
        let met = match met {
            Some(met) if met.bytes == opening => met,
            _ => {
                met.insert(Opening { bytes: opening.to_vec(), after: self.key.after(&[LEAF]).after(opening) })
            }
        };
        met.after.tag(&[rest])
    }
}

/// By what tells types and sets of labels apart: the words behind `{"resourceType":"`, at the end, and the length.
fn place(opening: &[u8]) -> usize {
    let word = |at: usize| u64::from_le_bytes(opening[at..at + 8].try_into().expect("eight bytes"));
    let mixed = word(17).rotate_left(31) ^ word(opening.len() - 8) ^ opening.len() as u64;
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % MET
}

#[cfg(test)]
mod tests {
    use medveil_deid::study::Suite;

    use super::*;

    #[test]
    fn leaves_are_those_of_whole_records() {
        let record = |kind: usize, length: usize| -> Vec<u8> {
            (0..length).map(|i| if i < 300 { (i * (kind % 7 + 1)) as u8 } else { (i * kind) as u8 }).collect()
        };
        for suite in [Suite::International, Suite::National] {
            let key = Prf::new(suite, &[9; 32]);
            let mut openings = Openings::new(&key);
            for n in 0..400 {
                let record = record(n, n * 3);
                assert_eq!(openings.leaf(&record, n * 5 % 700), leaf(&key, &record), "{n}");
            }
        }
    }
}
