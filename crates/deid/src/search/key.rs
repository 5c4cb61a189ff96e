//! A tuple of label codes, packed into one integer.
//!
//! Each attribute has a field that is wide enough for its codes at level 0; generalisation only makes codes smaller, so the field holds
//! every level. One word per tuple makes grouping a matter of integers.

use std::hash::Hash;

use super::problem::ProblemError;

/// An integer that holds a tuple.
pub(crate) trait Key: Copy + Eq + Ord + Hash + Default + Send + Sync + 'static {
    /// Puts `code` at `shift` of an empty field.
    fn with(self, code: u32, shift: u32) -> Self;
    /// The code of a field.
    fn code(self, field: Field) -> u32;
    /// Empties the fields whose bits are not in `mask`.
    fn only(self, mask: Self) -> Self;
    /// The bits of a field.
    fn mask(field: Field) -> Self;
    /// All bits of both.
    fn union(self, other: Self) -> Self;
    /// A number that spreads over all 64 bits.
    fn spread(self) -> u64;
}

/// Where one attribute's code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) shift: u32,
    pub(crate) bits: u32,
}

impl Field {
    fn low_mask(self) -> u32 {
        if self.bits == 0 { 0 } else { u32::MAX >> (32 - self.bits) }
    }
}

/// The fields of a tuple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) fields: Vec<Field>,
    pub(crate) bits: u32,
}

impl Layout {
    /// A field for each attribute, given the sizes of the attributes' domains.
    pub(crate) fn new(domains: impl IntoIterator<Item = usize>) -> Result<Layout, ProblemError> {
        let mut fields = Vec::new();
        let mut shift = 0_u32;
        for domain in domains {
            let bits = usize::BITS - domain.saturating_sub(1).leading_zeros();
            fields.push(Field { shift, bits });
            shift += bits;
        }
        if shift > u128::BITS {
            return Err(ProblemError::TooWide { bits: shift, most: u128::BITS });
        }
        Ok(Layout { fields, bits: shift })
    }

    /// The tuple of these codes.
    pub(crate) fn pack<K: Key>(&self, codes: impl IntoIterator<Item = u32>) -> K {
        self.fields.iter().zip(codes).fold(K::default(), |key, (field, code)| key.with(code, field.shift))
    }
}

impl Key for u64 {
    #[inline]
    fn with(self, code: u32, shift: u32) -> u64 {
        // A field of no bits may stand behind the last bit; its code is 0.
        self | u64::from(code).checked_shl(shift).unwrap_or(0)
    }

    #[inline]
    fn code(self, field: Field) -> u32 {
        self.checked_shr(field.shift).unwrap_or(0) as u32 & field.low_mask()
    }

    #[inline]
    fn only(self, mask: u64) -> u64 {
        self & mask
    }

    fn mask(field: Field) -> u64 {
        u64::from(field.low_mask()).checked_shl(field.shift).unwrap_or(0)
    }

    fn union(self, other: u64) -> u64 {
        self | other
    }

    #[inline]
    fn spread(self) -> u64 {
        let product = u128::from(self ^ SALT) * u128::from(MULTIPLIER);
        product as u64 ^ (product >> 64) as u64
    }
}

impl Key for u128 {
    #[inline]
    fn with(self, code: u32, shift: u32) -> u128 {
        self | u128::from(code).checked_shl(shift).unwrap_or(0)
    }

    #[inline]
    fn code(self, field: Field) -> u32 {
        self.checked_shr(field.shift).unwrap_or(0) as u32 & field.low_mask()
    }

    #[inline]
    fn only(self, mask: u128) -> u128 {
        self & mask
    }

    fn mask(field: Field) -> u128 {
        u128::from(field.low_mask()).checked_shl(field.shift).unwrap_or(0)
    }

    fn union(self, other: u128) -> u128 {
        self | other
    }

    #[inline]
    fn spread(self) -> u64 {
        (self as u64).spread() ^ ((self >> 64) as u64).wrapping_mul(MULTIPLIER).rotate_left(32).spread()
    }
}

/// Odd constants without structure (the fractional digits of pi), as wyhash and foldhash use them.
const SALT: u64 = 0x243f_6a88_85a3_08d3;
const MULTIPLIER: u64 = 0x1319_8a2e_0370_7345;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_tuple_that_needs_more_than_128_bits_is_refused() {
        assert!(Layout::new([1 << 16; 8]).is_ok());
        assert_eq!(Layout::new([(1 << 16) + 1; 8]), Err(ProblemError::TooWide { bits: 136, most: 128 }));
    }

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(domains in prop::collection::vec(1_usize..70_000, 1..8), seed in any::<u64>()) {
            let layout = Layout::new(domains.iter().copied()).unwrap();
            let codes: Vec<u32> = (0_u64..).zip(&domains).map(|(i, d)| (seed.rotate_left(i as u32 * 7) % *d as u64) as u32).collect();
            let wide: u128 = layout.pack(codes.iter().copied());
            let unpacked: Vec<u32> = layout.fields.iter().map(|field| wide.code(*field)).collect();
            prop_assert_eq!(&unpacked, &codes);
            if layout.bits <= 64 {
                let narrow: u64 = layout.pack(codes.iter().copied());
                prop_assert_eq!(u128::from(narrow), wide);
                let unpacked: Vec<u32> = layout.fields.iter().map(|field| narrow.code(*field)).collect();
                prop_assert_eq!(unpacked, codes);
            }
        }
    }
}
