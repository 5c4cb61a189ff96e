//! Sets of kinds, small enough to copy.

use crate::kind::Kind;

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KindSet(u64);

const _: () = assert!(Kind::ALL.len() <= 64, "a set of kinds is one word");

impl KindSet {
    pub(super) const EMPTY: KindSet = KindSet(0);

    pub(super) const fn of(kinds: &[Kind]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < kinds.len() {
            bits |= 1 << kinds[i] as u32;
            i += 1;
        }
        KindSet(bits)
    }

    pub(super) fn insert(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u32;
    }

    pub(super) const fn contains(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }

    pub(super) const fn union(self, other: Self) -> Self {
        KindSet(self.0 | other.0)
    }

    pub(super) const fn without(self, other: Self) -> Self {
        KindSet(self.0 & !other.0)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, in the order of [`Kind::ALL`].
    pub(super) fn iter(self) -> impl Iterator<Item = Kind> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let at = rest.trailing_zeros() as usize;
            rest &= rest.wrapping_sub(1);
            Kind::ALL.get(at).copied()
        })
    }
}
