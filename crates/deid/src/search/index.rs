//! An open-addressing index from hashes to places in arrays that the caller keeps.
//!
//! Grouping is the search's inner loop: keys stay in plain arrays, the index holds 32-bit places only, and is emptied by one fill and used again. With
//! `std`'s map the same loop took twice as long.

/// Places by hash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// Place + 1, or 0 for an empty slot. A power of two, at least twice the number of places.
    slots: Vec<u32>,
}

impl Index {
    /// Empties the index, with room for `places` of them.
    pub(crate) fn reset(&mut self, places: usize) {
        let slots = (places.max(8) * 2).next_power_of_two();
        self.slots.clear();
        self.slots.resize(slots, 0);
    }

    /// The place that `matches` accepts among those of this hash; without one, `next` takes an empty slot and is returned.
    #[inline]
    pub(crate) fn find_or_insert(
        &mut self,
        hash: u64,
        next: usize,
        matches: impl Fn(usize) -> bool,
    ) -> usize {
        if self.slots.is_empty() {
            self.reset(0);
        }
        let mask = self.slots.len() - 1;
        let mut slot = (hash as usize) & mask;
        loop {
            match self.slots[slot] {
                0 => {
                    self.slots[slot] = next as u32 + 1;
                    return next;
                }
                place if matches(place as usize - 1) => return place as usize - 1,
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    /// Doubles the index when `places` fill half of it; `hash_of` gives the hash of each place again.
    pub(crate) fn grow_if_full(&mut self, places: usize, hash_of: impl Fn(usize) -> u64) {
        if places * 2 < self.slots.len() {
            return;
        }
        self.reset(places * 2);
        let mask = self.slots.len() - 1;
        for place in 0..places {
            let mut slot = (hash_of(place) as usize) & mask;
            while self.slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = place as u32 + 1;
        }
    }
}
