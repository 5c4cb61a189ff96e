//! Names that are looked up for every key of every record.

/// A property's name in two words: all of it up to 16 bytes, both ends of it beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    start: u64,
    end: u64,
    length: usize,
}

impl Name {
    #[inline]
    pub(super) fn of(name: &[u8]) -> Name {
        let length = name.len();
        let eight = |at: usize| {
            name.get(at..at + 8).map_or(0, |b| u64::from_le_bytes(b.try_into().expect("8 bytes")))
        };
        let four = |at: usize| {
            name.get(at..at + 4).map_or(0, |b| u32::from_le_bytes(b.try_into().expect("4 bytes")))
        };
        let (start, end) = match length {
            8.. => (eight(0), eight(length - 8)),
            4.. => (u64::from(four(0)), u64::from(four(length - 4))),
            _ => (name.iter().fold(0, |word, b| word << 8 | u64::from(*b)), 0),
        };
        Name { start, end, length }
    }

    /// Whether no other name has these words.
    #[inline]
    pub(super) fn is_whole(self) -> bool {
        self.length <= 16
    }

    /// Spreads names over small tables; the tables hold only names of the model, so nobody can choose collisions.
    #[inline]
    pub(super) fn hash(self) -> usize {
        let mixed = self.start ^ self.end.rotate_left(23) ^ self.length as u64;
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize
    }
}
