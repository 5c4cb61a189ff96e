//! Objects and lists that come again byte for byte, such as codings and units: what was read once need not be read again.
//!
//! An object or list ends where its brackets close, so bytes that begin with a text that was read before, from the same state of
//! the automaton and no deeper, are read the same way to the same end. Only texts that left nothing to change are remembered; of them the
//! end is all there is to know. Nothing but speed depends on what is remembered.
//!
//! The end of a text is not known before it is found, so a text is looked up by the eight bytes at two places: where the texts of
//! this state were seen to differ first and last. Where hardly anything recurs, looking stops for a while.

/// The texts of one state.
#[derive(Debug, Default)]
pub(super) struct Recurring {
    /// Where texts were seen to differ, from their start.
    windows: [usize; 2],
    slots: Vec<Text>,
    /// Rises with each text found, falls with each missed.
    credit: i32,
    /// Texts that are passed without a look.
    rest: u32,
}

/// A text that was read.
#[derive(Clone, Debug, Default)]
struct Text {
    words: u64,
    /// The deepest nesting at which it was found valid.
    depth: u32,
    bytes: Vec<u8>,
}

/// Texts of a state that are remembered: a power of two.
const SLOTS: usize = 128;

/// The lengths of texts that are remembered.
const SHORTEST: usize = 12;
const LONGEST: usize = 512;

/// More than twice as many misses as finds exhaust this.
const CREDIT: i32 = 64;
const REST: u32 = 4096;

impl Recurring {
    /// The end of the text that begins at `at`, if it is remembered.
    #[inline]
    pub(super) fn find(&mut self, bytes: &[u8], at: usize, depth: u32) -> Option<usize> {
        if self.rest > 0 {
            self.rest -= 1;
            return None;
        }
        if self.slots.is_empty() {
            return None;
        }
        let words = self.words(bytes, at);
        let text = &self.slots[place(words)];
        let length = text.bytes.len();
        if text.words == words
            && depth <= text.depth
            && length > 0
            && bytes.get(at..at + length) == Some(text.bytes.as_slice())
        {
            self.credit = CREDIT.min(self.credit + 2);
            return Some(at + length);
        }
        self.credit -= 1;
        if self.credit < -CREDIT {
            (self.credit, self.rest) = (0, REST);
        }
        None
    }

    /// Remembers the text from `at` to `end`, in which nothing changes; gives the bytes of memory that this took anew.
    pub(super) fn remember(&mut self, bytes: &[u8], at: usize, end: usize, depth: u32) -> usize {
        if self.rest > 0 || !(SHORTEST..=LONGEST).contains(&(end - at)) {
            return 0;
        }
        let mut taken = 0;
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, Text::default);
            taken += SLOTS * size_of::<Text>();
        }
        let found = &bytes[at..end];
        let words = self.words(bytes, at);
        let text = &mut self.slots[place(words)];
        if text.words == words && !text.bytes.is_empty() && text.bytes != found {
            // The places do not tell these two apart.
            let same = text.bytes.iter().zip(found).take_while(|(a, b)| a == b).count();
            let windows = match self.windows {
                // All begin with the same bracket, so a difference is never at 0.
                [0, 0] => [same, same],
                [first, last] => [first.min(same), last.max(same)],
            };
            if windows != self.windows {
                self.windows = windows;
                self.slots.fill(Text::default());
            }
        }
        let words = self.words(bytes, at);
        let text = &mut self.slots[place(words)];
        text.words = words;
        text.depth = depth;
        let before = text.bytes.capacity();
        text.bytes.clear();
        text.bytes.extend_from_slice(found);
        taken + text.bytes.capacity() - before
    }

    #[inline]
    fn words(&self, bytes: &[u8], at: usize) -> u64 {
        let word = |window: usize| {
            let eight = bytes.get(at + window..at + window + 8);
            eight.map_or(0, |eight| u64::from_le_bytes(eight.try_into().expect("eight bytes")))
        };
        word(self.windows[0]) ^ word(self.windows[1]).rotate_left(29)
    }
}

#[inline]
fn place(words: u64) -> usize {
    (words.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coding(code: usize) -> String {
        format!(r#"{{"system":"http://loinc.org","code":"{code}","display":"glucose"}}"#)
    }

    #[test]
    fn what_was_remembered_is_found_wherever_it_stands() {
        let (text, mut recurring) = (coding(1), Recurring::default());
        let within = |before: &str, after: &str| format!("{before}{text}{after}").into_bytes();
        let met = within("x", ",\"subject\":1");
        assert_eq!(recurring.find(&met, 1, 3), None);
        recurring.remember(&met, 1, 1 + text.len(), 3);
        assert_eq!(recurring.find(&within("", "]"), 0, 3), Some(text.len()));
        assert_eq!(recurring.find(&within("[1,", ""), 3, 2), Some(3 + text.len()));
        // Deeper it could go beyond the limit of nesting.
        assert_eq!(recurring.find(&met, 1, 4), None);
        let other = coding(2);
        assert_eq!(recurring.find(other.as_bytes(), 0, 3), None);
        assert_eq!(recurring.find(&text.as_bytes()[..text.len() - 1], 0, 3), None);
    }

    #[test]
    fn texts_that_differ_anywhere_are_told_apart() {
        let mut recurring = Recurring::default();
        let mut found = 0;
        for n in 0..2000 {
            let text = coding(n % 40);
            match recurring.find(text.as_bytes(), 0, 1) {
                Some(end) => {
                    assert_eq!(end, text.len());
                    found += 1;
                }
                None => {
                    recurring.remember(text.as_bytes(), 0, text.len(), 1);
                }
            }
        }
        assert!(found > 1000, "{found}");
    }

    #[test]
    fn nothing_is_found_where_nothing_was_remembered_even_beyond_the_end() {
        let mut recurring = Recurring::default();
        for at in 0..3 {
            assert_eq!(recurring.find(b"{}", at, 0), None);
        }
        recurring.remember(b"{}", 0, 2, 5);
        assert_eq!(recurring.find(b"{}", 0, 0), None);
    }

    #[test]
    fn looking_stops_where_nothing_recurs_and_starts_again() {
        let mut recurring = Recurring::default();
        let (mut n, mut rested) = (0, 0);
        while rested < 2 {
            let text = coding(n);
            let before = recurring.rest;
            assert_eq!(recurring.find(text.as_bytes(), 0, 1), None);
            recurring.remember(text.as_bytes(), 0, text.len(), 1);
            rested += u32::from(before == 0 && recurring.rest == REST);
            n += 1;
        }
        assert!(n > REST as usize);
    }
}
