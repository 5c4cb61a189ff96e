//! How many shards, how large, and where each byte is.

use std::ops::Range;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::encoding::invalid;
use crate::envelope::SEALED_CHUNK_BYTES;

/// Shards of an object at most.
pub const MAX_PIECES: u8 = 64;
/// Bytes of a stripe at most.
const MAX_STRIPE_BYTES: u32 = 16 << 20;
/// Stripes of a segment at most.
const MAX_SEGMENT_STRIPES: u16 = 1024;
/// Bytes of one shard's segment at most: what a reader can be made to hold, `k` times.
const MAX_SEGMENT_BYTES: u64 = 64 << 20;
/// Reed-Solomon works on blocks of this many bytes.
const PIECE_ALIGNMENT: u64 = 64;
/// Bytes of a leaf in a table.
const LEAF_BYTES: usize = 32;

/// A code and its units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize)]
pub struct Scheme {
    needed: u8,
    total: u8,
    segment_stripes: u16,
    stripe_bytes: u32,
}

/// Why a scheme cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemeError {
    /// The numbers of shards do not fit each other.
    #[error("{needed} of {total} shards: at least 1, fewer than all, and at most 64 in all")]
    Shards {
        /// Shards that are to suffice.
        needed: u8,
        /// Shards in all.
        total: u8,
    },
    /// The stripe has no or too many bytes.
    #[error("stripes of {bytes} bytes, of 64 bytes to 16 MiB are possible")]
    Stripe {
        /// Bytes asked for.
        bytes: u32,
    },
    /// The segment has no or too many stripes.
    #[error("segments of {stripes} stripes: 1 to 1,024, and at most 64 MiB a shard")]
    Segment {
        /// Stripes asked for.
        stripes: u16,
    },
}

impl Scheme {
    /// Any `needed` of `total` shards give an object back; stripes and segments as by default.
    ///
    /// # Errors
    /// When fewer than one or not less than all shards are to suffice.
    pub fn new(needed: u8, total: u8) -> Result<Scheme, SchemeError> {
        Scheme::with_units(needed, total, SEALED_CHUNK_BYTES as u32, 16)
    }

    /// A scheme with stripes of `stripe_bytes` and files of `segment_stripes` stripes.
    ///
    /// # Errors
    /// When a number is out of its range.
    pub fn with_units(
        needed: u8,
        total: u8,
        stripe_bytes: u32,
        segment_stripes: u16,
    ) -> Result<Scheme, SchemeError> {
        if needed == 0 || needed >= total || total > MAX_PIECES {
            return Err(SchemeError::Shards { needed, total });
        }
        if !(64..=MAX_STRIPE_BYTES).contains(&stripe_bytes) {
            return Err(SchemeError::Stripe { bytes: stripe_bytes });
        }
        let scheme = Scheme { needed, total, stripe_bytes, segment_stripes };
        let largest = scheme.piece_bytes(stripe_bytes.into()) * u64::from(segment_stripes);
        if !(1..=MAX_SEGMENT_STRIPES).contains(&segment_stripes) || largest > MAX_SEGMENT_BYTES {
            return Err(SchemeError::Segment { stripes: segment_stripes });
        }
        Ok(scheme)
    }

    /// `k`: shards that suffice.
    pub fn needed(&self) -> u8 {
        self.needed
    }

    /// `n`: shards in all.
    pub fn total(&self) -> u8 {
        self.total
    }

    /// Sealed bytes of every stripe but the last.
    pub fn stripe_bytes(&self) -> u32 {
        self.stripe_bytes
    }

    /// Bytes that writing or reading with this scheme holds at most, beside what a source or sink holds.
    pub fn memory(&self) -> u64 {
        let piece = self.piece_bytes(self.stripe_bytes.into());
        // A segment of every shard, the stripe, and the work space of the code.
        u64::from(self.total) * piece * (u64::from(self.segment_stripes) + 4)
    }

    fn piece_bytes(&self, stripe_length: u64) -> u64 {
        stripe_length.div_ceil(self.needed.into()).next_multiple_of(PIECE_ALIGNMENT)
    }
}

/// Five of seven, in the default units: the consortium's usual size.
impl Default for Scheme {
    fn default() -> Self {
        Scheme::new(5, 7).expect("5 of 7 is a code")
    }
}

impl BorshDeserialize for Scheme {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let needed = u8::deserialize_reader(reader)?;
        let total = u8::deserialize_reader(reader)?;
        let segment_stripes = u16::deserialize_reader(reader)?;
        let stripe_bytes = u32::deserialize_reader(reader)?;
        Scheme::with_units(needed, total, stripe_bytes, segment_stripes)
            .map_err(|error| invalid(error.to_string()))
    }
}

/// Where the pieces of an object of known length are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    scheme: Scheme,
    length: u64,
}

impl Layout {
    /// The layout of `length` sealed bytes.
    pub fn new(scheme: Scheme, length: u64) -> Layout {
        Layout { scheme, length }
    }

    /// The scheme.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Sealed bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Stripes in all.
    pub fn stripes(&self) -> u64 {
        self.length.div_ceil(self.scheme.stripe_bytes.into())
    }

    /// Segments in all.
    pub fn segments(&self) -> u64 {
        self.stripes().div_ceil(self.scheme.segment_stripes.into())
    }

    /// The segment in which a stripe is.
    pub fn segment_of(&self, stripe: u64) -> u64 {
        stripe / u64::from(self.scheme.segment_stripes)
    }

    /// The stripes of a segment.
    pub fn stripes_of(&self, segment: u64) -> Range<u64> {
        let size = u64::from(self.scheme.segment_stripes);
        let start = segment.saturating_mul(size).min(self.stripes());
        start..start.saturating_add(size).min(self.stripes())
    }

    /// Sealed bytes of a stripe.
    pub fn stripe_length(&self, stripe: u64) -> usize {
        let size = u64::from(self.scheme.stripe_bytes);
        let left = self.length.saturating_sub(stripe.saturating_mul(size));
        left.min(size) as usize
    }

    /// Bytes of each piece of a stripe.
    pub fn piece_bytes(&self, stripe: u64) -> usize {
        self.scheme.piece_bytes(self.stripe_length(stripe) as u64) as usize
    }

    /// Where a stripe's piece is in its segment's file.
    pub fn piece_range(&self, stripe: u64) -> Range<usize> {
        // All but the object's last piece have the same size.
        let first = self.stripes_of(self.segment_of(stripe)).start;
        let full = self.scheme.piece_bytes(self.scheme.stripe_bytes.into());
        let start = ((stripe - first) * full) as usize;
        start..start + self.piece_bytes(stripe)
    }

    /// Where the table is in a segment's file: at its end.
    pub fn table_range(&self, segment: u64) -> Range<usize> {
        let stripes = self.stripes_of(segment);
        let start = if stripes.is_empty() { 0 } else { self.piece_range(stripes.end - 1).end };
        let leaves = (stripes.end - stripes.start) as usize * usize::from(self.scheme.total);
        start..start + leaves * LEAF_BYTES
    }

    /// Bytes of a segment's file, the same for every shard.
    pub fn segment_bytes(&self, segment: u64) -> usize {
        self.table_range(segment).end
    }

    /// Bytes of one whole shard.
    pub fn shard_bytes(&self) -> u64 {
        match self.segments() {
            0 => 0,
            count => (count - 1) * self.segment_bytes(0) as u64 + self.segment_bytes(count - 1) as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Canonical;

    #[test]
    fn what_is_no_code_is_refused() {
        for (needed, total) in [(0, 3), (3, 3), (4, 3), (60, 65)] {
            assert_eq!(Scheme::new(needed, total), Err(SchemeError::Shards { needed, total }));
        }
        assert!(matches!(Scheme::with_units(5, 7, 63, 1), Err(SchemeError::Stripe { .. })));
        assert!(matches!(Scheme::with_units(5, 7, 64, 0), Err(SchemeError::Segment { .. })));
        assert!(matches!(Scheme::with_units(1, 7, 16 << 20, 5), Err(SchemeError::Segment { .. })));
    }

    #[test]
    fn a_scheme_that_cannot_be_is_not_decoded() {
        let bytes = Scheme::default().encode();
        assert_eq!(Scheme::decode(&bytes), Ok(Scheme::default()));
        for at in [0, 1] {
            let mut bytes = bytes.clone();
            bytes[at] = 0;
            assert!(Scheme::decode(&bytes).is_err());
        }
    }

    #[test]
    fn pieces_and_table_fill_a_segment_without_gaps() {
        let scheme = Scheme::with_units(3, 5, 1000, 4).unwrap();
        for length in [1, 999, 1000, 1001, 4000, 4001, 11_999] {
            let layout = Layout::new(scheme, length);
            let mut total = 0;
            for segment in 0..layout.segments() {
                let mut at = 0;
                for stripe in layout.stripes_of(segment) {
                    assert_eq!(layout.segment_of(stripe), segment);
                    assert_eq!(layout.piece_range(stripe).start, at);
                    at = layout.piece_range(stripe).end;
                    total += layout.stripe_length(stripe);
                }
                assert_eq!(layout.table_range(segment).start, at);
            }
            assert_eq!(total as u64, length);
        }
    }
}
