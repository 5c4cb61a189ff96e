//! How many values of a sensitive attribute a class holds: the smallest number is the table's *distinct l*
//! (Machanavajjhala et al., *l-Diversity: privacy beyond k-anonymity*, ACM TKDD 1(1), 2007, section 3).
//!
//! Up to [`COUNTED`] values are told apart in a class. Two of them share their 32 bits with probability 2^-32, which makes the count
//! too small rather than too large.

use super::tally::{FingerprintMap, under};

/// Distinct values are counted up to this number; a class that has it has "so many or more".
pub(crate) const COUNTED: usize = 8;

/// A class and a value in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    class: u64,
    value: u32,
}

impl Pair {
    /// `class` holds `value`, both as fingerprints.
    #[inline]
    pub(crate) fn new(class: u64, value: u64) -> Self {
        Pair { class, value: (value >> 32) as u32 }
    }
}

/// The values of each class.
#[derive(Clone, Debug)]
pub(crate) struct Diversity {
    classes: FingerprintMap<Values>,
    cap: usize,
    level: u32,
}

#[derive(Clone, Debug, Default)]
struct Values {
    count: u8,
    values: [u32; COUNTED],
}

impl Diversity {
    /// Follows at most `cap` classes; above that a sample of them, as [`Tally`](super::tally::Tally) does.
    pub(crate) fn new(cap: usize) -> Self {
        Diversity { classes: FingerprintMap::default(), cap: cap.max(1), level: 0 }
    }

    /// Takes in the pairs of a part; one that comes again changes nothing.
    pub(crate) fn absorb(&mut self, pairs: &[Pair]) {
        for &Pair { class, value } in pairs {
            if !under(class, self.level) {
                continue;
            }
            let seen = self.classes.entry(class).or_default();
            let count = usize::from(seen.count);
            if count < COUNTED && !seen.values[..count].contains(&value) {
                seen.values[count] = value;
                seen.count += 1;
            }
            while self.classes.len() > self.cap {
                self.level += 1;
                let level = self.level;
                self.classes.retain(|class, _| under(*class, level));
            }
        }
    }

    /// A class is followed with probability `2^-level`.
    pub(crate) fn level(&self) -> u32 {
        self.level
    }

    /// The fewest values in a class that is followed.
    pub(crate) fn min(&self) -> Option<u64> {
        self.classes.values().map(|values| u64::from(values.count)).min()
    }
}
