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

/// Texts of a state that are remembered: a power of two. With [`LONGEST`] it bounds the memory.
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
        let words = self.words(bytes, at);
        let text = self.slots.get(place(words))?;
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
        None
    }

    /// Remembers the text from `at` to `end`, in which nothing changes.
    pub(super) fn remember(&mut self, bytes: &[u8], at: usize, end: usize, depth: u32) {
        if self.rest > 0 || !(SHORTEST..=LONGEST).contains(&(end - at)) {
            return;
        }
        if self.credit < -CREDIT {
            (self.credit, self.rest) = (0, REST);
            return;
        }
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, Text::default);
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
        text.bytes.clear();
        text.bytes.extend_from_slice(found);
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
