//! How a CSV file is written: encoding, delimiter, header.
//!
//! Everything is decided from the first bytes, and can be said instead by the user. What cannot be decided is refused.

use encoding_rs::GB18030;

use super::error::{Place, TableError, Trouble};

/// How a CSV file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// The letters.
    pub encoding: Encoding,
    /// Whether the file starts with a UTF-8 byte-order mark.
    pub mark: bool,
    /// What separates fields.
    pub delimiter: u8,
    /// Whether the first record names the columns.
    pub header: bool,
}

/// Encodings that are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// GB 18030 (and with it GBK and GB 2312).
    Gb18030,
}

impl Encoding {
    /// The name in reports and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Gb18030 => "gb18030",
        }
    }
}

/// What the user says of a file; the rest is detected.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hints {
    /// The encoding.
    pub encoding: Option<Encoding>,
    /// The delimiter.
    pub delimiter: Option<u8>,
    /// Whether there is a header.
    pub header: Option<bool>,
}

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];

impl Dialect {
    /// Decides from `head`, the first bytes of the file; `whole` says that there are no more.
    pub fn detect(head: &[u8], whole: bool, hints: Hints) -> Result<Dialect, TableError> {
        let fail = |trouble| Err(TableError { place: Place::default(), trouble });
        if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
            return fail(Trouble::Utf16);
        }
        if let Some(at) = memchr::memchr(0, head) {
            return fail(Trouble::Binary { offset: at as u64 });
        }
        let mark = head.starts_with(UTF8_MARK);
        let text = if mark { &head[UTF8_MARK.len()..] } else { head };
        if text.iter().all(|byte| byte.is_ascii_whitespace()) && whole {
            return fail(Trouble::Empty);
        }
        let encoding = match hints.encoding {
            Some(encoding) => encoding,
            None if mark => Encoding::Utf8,
            None => detect_encoding(text, whole)?,
        };
        if memchr::memchr(b'\n', text).is_none() && memchr::memchr(b'\r', text).is_some() {
            return fail(Trouble::CarriageReturns);
        }
        let delimiter = hints.delimiter.unwrap_or_else(|| detect_delimiter(text));
        Ok(Dialect { encoding, mark, delimiter, header: hints.header.unwrap_or(true) })
    }

    /// The dialect in words, as reports and receipts name it: `csv (utf-8, comma, header)`.
    pub fn describe(&self) -> String {
        let delimiter = match self.delimiter {
            b',' => "comma".to_owned(),
            b';' => "semicolon".to_owned(),
            b'\t' => "tab".to_owned(),
            b'|' => "bar".to_owned(),
            other => format!("byte {other}"),
        };
        let mark = if self.mark { ", byte-order mark" } else { "" };
        let header = if self.header { ", header" } else { ", no header" };
        format!("csv ({}{mark}, {delimiter}{header})", self.encoding.name())
    }

    /// Reads what [`Dialect::describe`] wrote.
    pub fn from_description(text: &str) -> Option<Dialect> {
        let mut words = text.strip_prefix("csv (")?.strip_suffix(')')?.split(", ").peekable();
        let encoding = match words.next()? {
            "utf-8" => Encoding::Utf8,
            "gb18030" => Encoding::Gb18030,
            _ => return None,
        };
        let mark = words.next_if_eq(&"byte-order mark").is_some();
        let delimiter = match words.next()? {
            "comma" => b',',
            "semicolon" => b';',
            "tab" => b'\t',
            "bar" => b'|',
            other => other.strip_prefix("byte ")?.parse().ok()?,
        };
        let header = match words.next()? {
            "header" => true,
            "no header" => false,
            _ => return None,
        };
        words.next().is_none().then_some(Dialect { encoding, mark, delimiter, header })
    }

    /// The bytes of the byte-order mark, if there is one.
    pub fn mark_len(&self) -> usize {
        if self.mark { UTF8_MARK.len() } else { 0 }
    }
}

fn detect_encoding(text: &[u8], whole: bool) -> Result<Encoding, TableError> {
    let offset = match std::str::from_utf8(text) {
        Ok(_) => return Ok(Encoding::Utf8),
        // The sample may end inside a letter.
        Err(error) if error.error_len().is_none() && !whole => return Ok(Encoding::Utf8),
        Err(error) => error.valid_up_to() as u64,
    };
    // A letter of GB 18030 has up to 4 bytes, of which the sample may have cut 3.
    let gb18030 = (0..=if whole { 0 } else { 3 }).any(|cut| {
        let end = text.len().saturating_sub(cut);
        GB18030.decode_without_bom_handling_and_without_replacement(&text[..end]).is_some()
    });
    if gb18030 && holds_utf8_lines(text) {
        let trouble = Trouble::BadEncoding { encoding: Encoding::Utf8.name(), offset };
        return Err(TableError { place: Place::default(), trouble });
    }
    if gb18030 {
        return Ok(Encoding::Gb18030);
    }
    Err(TableError { place: Place::default(), trouble: Trouble::UnknownEncoding { offset } })
}

/// Whether lines of a text that is not UTF-8 as a whole are UTF-8 by themselves: two files were put together.
///
/// Nearly all UTF-8 decodes as GB 18030, to other letters. The reverse is rare: a line of GB 18030 whose bytes happen to be two or more
/// Han letters of UTF-8 is one in many thousands, and one in fifty is asked for.
fn holds_utf8_lines(text: &[u8]) -> bool {
    let is_han = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    let (mut utf8, mut foreign) = (0usize, 0usize);
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_ascii()) {
        match std::str::from_utf8(line) {
            Ok(line) if line.chars().filter(|c| is_han(*c)).count() >= 2 => utf8 += 1,
            _ => foreign += 1,
        }
    }
    utf8 > 0 && utf8 * 49 >= foreign
}

/// The candidate that occurs equally often in most of the first lines.
fn detect_delimiter(text: &[u8]) -> u8 {
    let lines: Vec<&[u8]> =
        text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(20).collect();
    let count = |line: &[u8], wanted: u8| {
        let mut quoted = false;
        line.iter()
            .filter(|byte| {
                quoted ^= **byte == b'"';
                !quoted && **byte == wanted
            })
            .count()
    };
    let score = |candidate: u8| {
        let counts: Vec<usize> = lines.iter().map(|line| count(line, candidate)).collect();
        let first = counts.first().copied().unwrap_or(0);
        let agreeing = counts.iter().filter(|n| **n == first).count();
        if first == 0 { (0, 0) } else { (agreeing, first) }
    };
    // On a tie the earlier candidate wins.
    CANDIDATES.into_iter().rev().max_by_key(|candidate| score(*candidate)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(text: &[u8]) -> Result<Dialect, String> {
        Dialect::detect(text, true, Hints::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn delimiters_are_told_apart() {
        for (text, delimiter) in [
            ("a,b,c\n1,2,3\n", b','),
            ("a;b;c\n1,5;2,5;3,5\n", b';'),
            ("a\tb\n1\t2\n", b'\t'),
            ("a|b\n1|2\n", b'|'),
            ("a\n1\n", b','),
            ("a,b\n\"x;y;z\",2\n", b','),
        ] {
            assert_eq!(detect(text.as_bytes()).unwrap().delimiter, delimiter, "{text}");
        }
    }

    #[test]
    fn a_described_dialect_reads_back() {
        for encoding in [Encoding::Utf8, Encoding::Gb18030] {
            for delimiter in [b',', b'\t', b'|', b';', b':'] {
                for (mark, header) in [(false, true), (true, false)] {
                    let dialect = Dialect { encoding, mark, delimiter, header };
                    assert_eq!(Dialect::from_description(&dialect.describe()), Some(dialect));
                }
            }
        }
        assert_eq!(Dialect::from_description("parquet"), None);
    }

    #[test]
    fn encodings_are_told_apart() {
        assert_eq!(detect("姓名,年龄\n张伟,3\n".as_bytes()).unwrap().encoding, Encoding::Utf8);
        let (gb, _, _) = GB18030.encode("姓名,年龄\n张伟,3\n");
        assert_eq!(detect(&gb).unwrap().encoding, Encoding::Gb18030);
        let marked = detect(b"\xef\xbb\xbfa,b\n1,2\n").unwrap();
        assert!(marked.mark && marked.encoding == Encoding::Utf8);
        let cut = &"姓名".as_bytes()[..5];
        assert_eq!(Dialect::detect(cut, false, Hints::default()).unwrap().encoding, Encoding::Utf8);
    }

    #[test]
    fn two_encodings_in_one_file_are_refused() {
        let utf8 = "张伟,3\n".as_bytes();
        let (gb, _, _) = GB18030.encode("姓名,年龄\n张伟,3\n李娜,4\n");
        let mixed = [&gb[..], utf8].concat();
        assert!(detect(&mixed).unwrap_err().contains("byte 0 of the file; if the file mixes encodings"));
        let mixed = [utf8, &gb[..]].concat();
        assert!(detect(&mixed).unwrap_err().contains("byte 9 of the file"));
        let said = Hints { encoding: Some(Encoding::Gb18030), ..Hints::default() };
        assert_eq!(Dialect::detect(&mixed, true, said).unwrap().encoding, Encoding::Gb18030);
    }

    #[test]
    fn what_is_no_text_is_refused_by_name() {
        assert!(detect(b"a,b\n\x00\x01").unwrap_err().contains("byte 4"));
        assert!(detect(b"\xff\xfea\x00").unwrap_err().contains("UTF-16"));
        assert!(detect(b"a,b\n1,\xff\xff\xff\n").unwrap_err().contains("neither UTF-8 nor GB 18030"));
        assert!(detect(b"a,b\r1,2\r").unwrap_err().contains("carriage return"));
        assert!(detect(b"  \n").unwrap_err().contains("empty"));
    }
}
