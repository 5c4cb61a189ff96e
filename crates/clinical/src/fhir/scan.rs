//! JSON tokens over bytes, fully validated (RFC 8259), without building anything.
//!
//! Accepts what `serde_json` accepts, to the letter: the grammar of numbers and escapes, paired surrogates, no control characters in
//! strings, numbers within the range of a double, nesting up to [`MAX_DEPTH`]. It is stricter in one point: an
//! object with the same key twice is refused, since readers differ in which of the two they believe, and one of them could
//! then see what was meant to be removed.
//!
//! The input has been checked to be UTF-8 as a whole; from there on every delimiter is ASCII, and bytes suffice.

use std::borrow::Cow;

/// The deepest nesting that is read; `serde_json` has the same limit.
pub const MAX_DEPTH: u32 = 127;

/// Where and why bytes are refused. Nothing of their content is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The byte, counted from 0.
    pub offset: usize,
    /// What is wrong there.
    pub kind: FaultKind,
}

/// Why bytes are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// Bytes that are no UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// Something else should stand there.
    #[error("expected {0}")]
    Expected(&'static str),
    /// The record ends inside a value.
    #[error("the record ends in the middle of a value")]
    Truncated,
    /// Something follows the record.
    #[error("something follows the end of the record")]
    Trailing,
    /// A control character stands unescaped in a string.
    #[error("control character in a string")]
    Control,
    /// A backslash with something that is no escape.
    #[error("invalid escape in a string")]
    Escape,
    /// Half of a surrogate pair.
    #[error("unpaired surrogate in a string")]
    Surrogate,
    /// No number of JSON.
    #[error("invalid number")]
    Number,
    /// A number beyond the range of a double.
    #[error("number out of range")]
    Range,
    /// More nesting than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    Depth,
    /// The same key twice in one object.
    #[error("duplicate key in an object")]
    Duplicate,
    /// More bytes than a record may have.
    #[error("record of 2 GiB or more")]
    Size,
    /// An object that should be a resource has no `resourceType`.
    #[error("no `resourceType`, so this is no FHIR resource")]
    NoResource,
    /// A resource type that FHIR R4 does not have.
    #[error("resource type unknown to FHIR R4")]
    UnknownResource,
}

/// A fault at a byte.
pub fn fault<T>(offset: usize, kind: FaultKind) -> Result<T, Fault> {
    Err(Fault { offset, kind })
}

/// A string token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// The byte after the opening quote.
    pub start: usize,
    /// The closing quote.
    pub end: usize,
    /// Whether there are escapes between them.
    pub escaped: bool,
}

impl Token {
    /// The bytes between the quotes.
    pub fn raw(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start..self.end]
    }

    /// The text that the token of a record stands for.
    #[inline]
    pub fn of(self, record: &str) -> Cow<'_, str> {
        if self.escaped { self.text(record.as_bytes()) } else { Cow::Borrowed(&record[self.start..self.end]) }
    }

    /// The text that the token stands for; nothing where the bytes are no UTF-8, as they may be when a fault is placed.
    pub fn text(self, bytes: &[u8]) -> Cow<'_, str> {
        let raw = std::str::from_utf8(self.raw(bytes)).unwrap_or_default();
        if !self.escaped {
            return Cow::Borrowed(raw);
        }
        let quoted = std::str::from_utf8(&bytes[self.start - 1..=self.end]).unwrap_or_default();
        Cow::Owned(serde_json::from_str(quoted).unwrap_or_default())
    }
}

/// The first byte from `at` on that is no whitespace.
#[inline]
pub fn space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
        // Indentation: eight blanks at a time.
        while bytes.get(at..at + 8).is_some_and(|eight| eight == b"        ") {
            at += 8;
        }
    }
    at
}

/// The string whose opening quote is at `at`.
#[inline]
pub fn string(bytes: &[u8], at: usize) -> Result<Token, Fault> {
    let start = at + 1;
    let end = plain(bytes, start);
    match bytes.get(end) {
        Some(b'"') => Ok(Token { start, end, escaped: false }),
        _ => string_with_escapes(bytes, start, end),
    }
}

/// The first byte from `at` on that a string cannot hold as it is: a quote, a backslash, a control character, or the end.
#[inline]
pub fn plain(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // Eight bytes at a time: a byte minus one borrows into its high bit where it was zero (Hacker's Delight, 6-1). Borrows run
    // upwards only, so the lowest mark is exact.
    while let Some(eight) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(eight.try_into().expect("eight bytes"));
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let below_space = word.wrapping_sub(ONES * 0x20) & !word;
        let marks = (zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5c)) | below_space) & HIGHS;
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let is_plain = |b: &&u8| !matches!(**b, b'"' | b'\\' | 0..0x20);
    at + bytes.get(at..).unwrap_or_default().iter().take_while(is_plain).count()
}

#[cold]
fn string_with_escapes(bytes: &[u8], start: usize, mut at: usize) -> Result<Token, Fault> {
    let mut escaped = false;
    loop {
        match bytes.get(at) {
            None => return fault(at, FaultKind::Truncated),
            Some(b'"') => return Ok(Token { start, end: at, escaped }),
            Some(b'\\') => at = escape(bytes, at)?,
            Some(_) => return fault(at, FaultKind::Control),
        }
        escaped = true;
        at = plain(bytes, at);
    }
}

/// The byte after the escape at `at`.
fn escape(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    match bytes.get(at + 1) {
        None => fault(at, FaultKind::Truncated),
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match unit(bytes, at)? {
            0xd800..0xdc00 => match (bytes.get(at + 6), bytes.get(at + 7)) {
                (Some(b'\\'), Some(b'u')) if (0xdc00..0xe000).contains(&unit(bytes, at + 6)?) => Ok(at + 12),
                _ => fault(at, FaultKind::Surrogate),
            },
            0xdc00..0xe000 => fault(at, FaultKind::Surrogate),
            _ => Ok(at + 6),
        },
        Some(_) => fault(at, FaultKind::Escape),
    }
}

/// The code unit of `\uXXXX` at `at`.
fn unit(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    let Some(digits) = bytes.get(at + 2..at + 6) else { return fault(at, FaultKind::Truncated) };
    digits.iter().try_fold(0, |unit, digit| match char::from(*digit).to_digit(16) {
        Some(digit) => Ok(unit * 16 + digit),
        None => fault(at, FaultKind::Escape),
    })
}

/// The byte after the number that starts at `at`.
pub fn number(bytes: &[u8], start: usize) -> Result<usize, Fault> {
    let digits = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let some_digits = |from: usize| match digits(from) {
        end if end > from => Ok(end),
        end if end == bytes.len() => fault(end, FaultKind::Truncated),
        end => fault(end, FaultKind::Number),
    };
    let mut at = start + usize::from(bytes[start] == b'-');
    at = match bytes.get(at) {
        Some(b'0') => at + 1,
        _ => some_digits(at)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = some_digits(at + 1)?;
    }
    let exponent = matches!(bytes.get(at), Some(b'e' | b'E'));
    if exponent {
        at = some_digits(at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-'))))?;
    }
    // Without an exponent it takes 309 digits to leave the range of a double.
    if exponent || at - start > 308 {
        let text = std::str::from_utf8(&bytes[start..at]).unwrap_or_default();
        if text.parse::<f64>().is_ok_and(f64::is_infinite) {
            return fault(start, FaultKind::Range);
        }
    }
    Ok(at)
}

/// The byte after the scalar that starts at `at`.
#[inline]
pub fn scalar(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    match bytes.get(at) {
        Some(b'"') => Ok(string(bytes, at)?.end + 1),
        Some(b'-' | b'0'..=b'9') => number(bytes, at),
        Some(b't') => word(bytes, at, b"true"),
        Some(b'f') => word(bytes, at, b"false"),
        Some(b'n') => word(bytes, at, b"null"),
        Some(_) => fault(at, FaultKind::Expected("a value")),
        None => fault(at, FaultKind::Truncated),
    }
}

fn word(bytes: &[u8], at: usize, word: &[u8]) -> Result<usize, Fault> {
    let found = &bytes[at..bytes.len().min(at + word.len())];
    if found == word {
        Ok(at + word.len())
    } else if word.starts_with(found) {
        fault(bytes.len(), FaultKind::Truncated)
    } else {
        fault(at, FaultKind::Expected("a value"))
    }
}

/// The byte expected at `at` after whitespace, passed.
#[inline]
pub fn expect(bytes: &[u8], at: usize, byte: u8, expected: &'static str) -> Result<usize, Fault> {
    let at = space(bytes, at);
    match bytes.get(at) {
        Some(found) if *found == byte => Ok(at + 1),
        Some(_) => fault(at, FaultKind::Expected(expected)),
        None => fault(at, FaultKind::Truncated),
    }
}

/// The key at `at` (which must be one) and where its value starts.
#[inline]
pub fn key(bytes: &[u8], at: usize) -> Result<(Token, usize), Fault> {
    match bytes.get(at) {
        Some(b'"') => {
            let key = string(bytes, at)?;
            // `"key":value` without spaces is the common case.
            if let Some([b':', first]) = bytes.get(key.end + 1..key.end + 3)
                && *first > b' '
            {
                return Ok((key, key.end + 2));
            }
            Ok((key, space(bytes, expect(bytes, key.end + 1, b':', "`:`")?)))
        }
        Some(_) => fault(at, FaultKind::Expected("a key in quotes")),
        None => fault(at, FaultKind::Truncated),
    }
}

/// Where the next member starts after one that ends at `at`, or `Err(end)`: the byte after the closing one.
#[inline]
pub fn next(
    bytes: &[u8],
    at: usize,
    close: u8,
    expected: &'static str,
) -> Result<Result<usize, usize>, Fault> {
    if let Some([b',', first]) = bytes.get(at..at + 2)
        && *first > b' '
    {
        return Ok(Ok(at + 1));
    }
    let at = space(bytes, at);
    match bytes.get(at) {
        Some(b',') => Ok(Ok(space(bytes, at + 1))),
        Some(found) if *found == close => Ok(Err(at + 1)),
        Some(_) => fault(at, FaultKind::Expected(expected)),
        None => fault(at, FaultKind::Truncated),
    }
}

/// Passes values that nobody looks into.
#[derive(Debug, Default)]
pub struct Skimmer {
    keys: Vec<Token>,
}

impl Skimmer {
    /// The byte after the value that starts at `at`, validated with everything in it.
    pub fn value(&mut self, bytes: &[u8], at: usize, depth: u32) -> Result<usize, Fault> {
        match bytes.get(at) {
            Some(b'{') => self.object(bytes, at, depth),
            Some(b'[') => self.array(bytes, at, depth),
            _ => scalar(bytes, at),
        }
    }

    fn object(&mut self, bytes: &[u8], at: usize, depth: u32) -> Result<usize, Fault> {
        if depth >= MAX_DEPTH {
            return fault(at, FaultKind::Depth);
        }
        let mut at = space(bytes, at + 1);
        if bytes.get(at) == Some(&b'}') {
            return Ok(at + 1);
        }
        let first = self.keys.len();
        loop {
            let (key, value) = key(bytes, at)?;
            self.keys.push(key);
            let end = self.value(bytes, value, depth + 1)?;
            match next(bytes, end, b'}', "`,` or `}`")? {
                Ok(member) => at = member,
                Err(end) => {
                    self.check(bytes, first)?;
                    return Ok(end);
                }
            }
        }
    }

    fn array(&mut self, bytes: &[u8], at: usize, depth: u32) -> Result<usize, Fault> {
        if depth >= MAX_DEPTH {
            return fault(at, FaultKind::Depth);
        }
        let mut at = space(bytes, at + 1);
        if bytes.get(at) == Some(&b']') {
            return Ok(at + 1);
        }
        loop {
            let end = self.value(bytes, at, depth + 1)?;
            match next(bytes, end, b']', "`,` or `]`")? {
                Ok(item) => at = item,
                Err(end) => return Ok(end),
            }
        }
    }

    /// How many keys are held: what an object remembers to give back in [`Skimmer::check`].
    pub fn mark(&self) -> usize {
        self.keys.len()
    }

    /// Holds a key until its object is checked.
    pub fn push(&mut self, key: Token) {
        self.keys.push(key);
    }

    /// Refuses two equal keys among those held since `first`, and lets go of them.
    #[inline]
    pub fn check(&mut self, bytes: &[u8], first: usize) -> Result<(), Fault> {
        let keys = &mut self.keys[first..];
        let twice = match keys.len() {
            0 | 1 => None,
            _ if keys.iter().any(|key| key.escaped) => {
                // Escapes can spell one key in two ways.
                let mut texts: Vec<(Cow<'_, str>, usize)> =
                    keys.iter().map(|k| (k.text(bytes), k.start)).collect();
                texts.sort_unstable();
                texts.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1)
            }
            2..=16 => {
                let again = |at: &usize| keys[..*at].iter().any(|key| key.raw(bytes) == keys[*at].raw(bytes));
                (1..keys.len()).find(again).map(|at| keys[at].start)
            }
            _ => {
                keys.sort_unstable_by(|a, b| a.raw(bytes).cmp(b.raw(bytes)).then(a.start.cmp(&b.start)));
                keys.windows(2)
                    .find(|pair| pair[0].raw(bytes) == pair[1].raw(bytes))
                    .map(|pair| pair[1].start)
            }
        };
        self.keys.truncate(first);
        match twice {
            Some(start) => fault(start - 1, FaultKind::Duplicate),
            None => Ok(()),
        }
    }

    /// Forgets everything, after a fault.
    pub fn clear(&mut self) {
        self.keys.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &[u8]) -> Result<(), Fault> {
        if let Err(error) = std::str::from_utf8(text) {
            return fault(error.valid_up_to(), FaultKind::Utf8);
        }
        let end = Skimmer::default().value(text, space(text, 0), 0)?;
        let rest = space(text, end);
        if rest == text.len() { Ok(()) } else { fault(rest, FaultKind::Trailing) }
    }

    #[test]
    fn every_fault_is_named_at_its_byte() {
        for (text, offset, kind) in [
            (r#"{"a":1,"b":2,"a":3}"#, 13, FaultKind::Duplicate),
            (r#"{"a":{"x":1,"x":2}}"#, 12, FaultKind::Duplicate),
            (r#"{"ab":1,"\u0061b":3}"#, 8, FaultKind::Duplicate),
            ("\"a\u{1}\"", 2, FaultKind::Control),
            (r#""\x""#, 1, FaultKind::Escape),
            (r#""\u12g4""#, 1, FaultKind::Escape),
            (r#""\ud800x""#, 1, FaultKind::Surrogate),
            (r#""\udc00""#, 1, FaultKind::Surrogate),
            ("01", 1, FaultKind::Trailing),
            ("-", 1, FaultKind::Truncated),
            ("1.x", 2, FaultKind::Number),
            ("1e999", 0, FaultKind::Range),
            ("[1,]", 3, FaultKind::Expected("a value")),
            (r#"{"a":1,}"#, 7, FaultKind::Expected("a key in quotes")),
            (r#"{"a" 1}"#, 5, FaultKind::Expected("`:`")),
            ("nulL", 0, FaultKind::Expected("a value")),
            ("[", 1, FaultKind::Truncated),
            ("tru", 3, FaultKind::Truncated),
        ] {
            assert_eq!(scan(text.as_bytes()), fault(offset, kind), "{text}");
        }
        assert_eq!(scan(b"\"\xff\""), fault(1, FaultKind::Utf8));
    }

    #[test]
    fn many_keys_are_checked_as_well_as_few() {
        let object = |extra: &str| {
            let members: Vec<String> = (0..200).map(|i| format!("\"k{i}\":{i}")).collect();
            format!("{{{}{extra}}}", members.join(","))
        };
        assert!(scan(object("").as_bytes()).is_ok());
        assert_eq!(scan(object(",\"k7\":0").as_bytes()).unwrap_err().kind, FaultKind::Duplicate);
    }

    #[test]
    fn depth_is_limited_where_serde_json_limits_it() {
        for depth in [1, 126, 127, 128, 200, 100_000] {
            let text = "[".repeat(depth) + &"]".repeat(depth);
            assert_eq!(scan(text.as_bytes()).is_ok(), depth <= MAX_DEPTH as usize, "{depth}");
            let parsed = serde_json::from_str::<serde_json::Value>(&text);
            assert_eq!(parsed.is_ok(), depth <= MAX_DEPTH as usize, "{depth}");
        }
    }
}
