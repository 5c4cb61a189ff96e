//! Forms of identifiers: hand-written matchers over bytes, each for a whole value.
//!
//! A matcher says how strongly the form speaks for the kind ([`Strength`]); `None` where it does not fit at all. What can be
//! recognised inside text as well is written as a prefix matcher that gives where it ends, and [`find_spans`](super::find_spans)
//! uses the same code.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::value::Strength;
use crate::code::icd10::Category;
use crate::code::travel_document::Document;
use crate::code::{luhn, mainland_phone, plate, vin};

/// Telephone numbers of the numbering plans; anything else in groups of digits is plausible.
pub(super) fn phone(text: &str) -> Option<Strength> {
    let text = without_extension(text);
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '(')) {
        return None;
    }
    if mainland_phone::parse(text).is_some() {
        return Some(Strength::Pattern);
    }
    let groups = || text.split(|c: char| !c.is_ascii_digit()).map(str::len).filter(|n| *n > 0);
    let (count, digits) = (groups().count(), groups().sum::<usize>());
    let separators = text.bytes().all(|b| b.is_ascii_digit() || b" -().+/".contains(&b));
    // A single point makes a decimal number, a last sign something cut off.
    let decimal = count == 2 && text.matches('.').count() == 1;
    if !separators
        || decimal
        || count > 6
        || !(7..=16).contains(&digits)
        || !text.ends_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let fits = match count {
        1 if text.starts_with('0') => !text.starts_with("00") && (10..=12).contains(&digits),
        1 => matches!(digits, 7 | 8 | 10) && text >= "2",
        _ => groups().all(|n| n >= 2),
    };
    fits.then_some(Strength::Plausible)
}

/// The number before `ext. 12`, `x12`, `转12`.
fn without_extension(text: &str) -> &str {
    for mark in ["转", "ext.", "ext", "x", "#"] {
        if let Some((number, extension)) = text.split_once(mark) {
            let extension = extension.trim();
            if (1..=6).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_digit()) {
                return number.trim_end();
            }
        }
    }
    text
}

/// `local@domain.tld`; gives the length.
pub(super) fn email(text: &[u8]) -> Option<usize> {
    let local = text.iter().take_while(|b| b.is_ascii_alphanumeric() || b"._%+-".contains(b)).count();
    if local == 0 || local > 64 || text.get(local) != Some(&b'@') {
        return None;
    }
    let domain = domain(&text[local + 1..])?;
    Some(local + 1 + domain)
}

/// A name with at least two labels and a top level of letters; gives its length.
fn domain(text: &[u8]) -> Option<usize> {
    let length = text.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'-' || **b == b'.').count();
    let name = text[..length].trim_ascii_end();
    let mut end = name.len();
    while end > 0 && matches!(name[end - 1], b'.' | b'-') {
        end -= 1;
    }
    let mut labels = name[..end].rsplit(|b| *b == b'.');
    let top = labels.next()?;
    let rest = labels.collect::<Vec<_>>();
    let sound = (2..=24).contains(&top.len())
        && top.iter().all(u8::is_ascii_alphabetic)
        && !rest.is_empty()
        && rest.iter().all(|label| !label.is_empty() && label.len() <= 63);
    sound.then_some(end)
}

/// `https://…` or `www.…`; gives the length.
pub(super) fn url(text: &[u8]) -> Option<usize> {
    const SCHEMES: [&[u8]; 5] = [b"https://", b"http://", b"ftp://", b"www.", b"sftp://"];
    let scheme = SCHEMES.iter().find(|s| text.get(..s.len()).is_some_and(|t| t.eq_ignore_ascii_case(s)))?;
    let mut end = text.iter().take_while(|b| b.is_ascii_graphic() && !b"\"<>`|\\^{}".contains(b)).count();
    while end > 0 && b".,;:!?)]'".contains(&text[end - 1]) {
        end -= 1;
    }
    let rest = text.get(scheme.len()..end)?;
    let host =
        rest.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')).count();
    (host >= 3 && (scheme.len() > 4 || rest[..host].contains(&b'.'))).then_some(end)
}

/// An IPv4 or IPv6 address; gives the length.
pub(super) fn ip(text: &[u8]) -> Option<usize> {
    let four = text.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let mut end = four;
    while end > 0 && text[end - 1] == b'.' {
        end -= 1;
    }
    if (7..=15).contains(&end)
        && text.get(four) != Some(&b':')
        && std::str::from_utf8(&text[..end]).is_ok_and(|t| t.parse::<Ipv4Addr>().is_ok())
    {
        return Some(end);
    }
    let mut end = text.iter().take_while(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')).count();
    while end > 0 && text[end - 1] == b'.' {
        end -= 1;
    }
    let candidate = text.get(..end).filter(|t| (6..=45).contains(&t.len()))?;
    let colons = candidate.iter().filter(|b| **b == b':').count();
    let sound = colons >= 3 && std::str::from_utf8(candidate).is_ok_and(|t| t.parse::<Ipv6Addr>().is_ok());
    sound.then_some(end)
}

/// `00:1B:44:11:3A:B7`, `00-1b-44-11-3a-b7`, `001b.4411.3ab7`; gives the length.
pub(super) fn mac(text: &[u8]) -> Option<usize> {
    let hex =
        |range: std::ops::Range<usize>| text.get(range).is_some_and(|t| t.iter().all(u8::is_ascii_hexdigit));
    let separator = *text.get(2)?;
    if matches!(separator, b':' | b'-') {
        let sound = (0..6).all(|i| hex(3 * i..3 * i + 2) && (i == 0 || text[3 * i - 1] == separator));
        return sound.then_some(17).filter(|_| text.get(17) != Some(&separator));
    }
    let sound = (0..3).all(|i| hex(5 * i..5 * i + 4)) && text[4] == b'.' && text[9] == b'.';
    // Three groups of digits only are more likely a version or a grouped number.
    (sound && text[..14].iter().any(u8::is_ascii_alphabetic)).then_some(14)
}

/// A card number with an issuer prefix and the Luhn digit (ISO/IEC 7812-1, annex B); spaces and hyphens may group it.
pub(super) fn bank_card(text: &[u8]) -> bool {
    let mut digits = Digits::default();
    for (i, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits.push(*byte),
            b' ' | b'-' if i > 0 && text[i - 1].is_ascii_digit() => {}
            _ => return false,
        }
    }
    let Some(digits) = digits.get() else { return false };
    (luhn::issuer(digits).is_some() || old_card(digits)) && luhn::is_valid(digits)
}

/// Card numbers that are shorter than today's: Maestro of twelve digits, JCB of fifteen; and all of JCB's prefix.
fn old_card(digits: &[u8]) -> bool {
    matches!(
        (digits.len(), digits),
        (12, [b'5', b'0' | b'6'..=b'8', ..] | [b'6', b'3' | b'7', ..])
            | (16, [b'3', b'5', ..])
            | (15, [b'1', b'8', b'0', b'0', ..] | [b'2', b'1', b'3', b'1', ..])
    )
}

/// An account number with the check digits of ISO 13616 (ISO 7064 MOD 97-10); spaces may group it.
pub(super) fn iban(text: &[u8]) -> bool {
    let mut compact = [0_u8; 34];
    let mut length = 0;
    for byte in text.iter().filter(|b| **b != b' ') {
        if length == compact.len() || !byte.is_ascii_alphanumeric() {
            return false;
        }
        compact[length] = byte.to_ascii_uppercase();
        length += 1;
    }
    let [a, b, c, d, body @ ..] = &compact[..length] else { return false };
    if body.len() < 11
        || !a.is_ascii_uppercase()
        || !b.is_ascii_uppercase()
        || !c.is_ascii_digit()
        || !d.is_ascii_digit()
    {
        return false;
    }
    let rest = body.iter().chain([a, b, c, d]).fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    rest == 1
}

/// A vehicle identification number; digits alone are more likely something else.
pub(super) fn vin(text: &[u8]) -> bool {
    vin::is_valid(text) && !text.iter().all(u8::is_ascii_digit)
}

const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";

/// A Chinese licence plate; gives the length.
pub(super) fn plate(text: &str) -> Option<usize> {
    if !text.starts_with(|c| PROVINCES.contains(c))
        || !text.as_bytes().get(3).is_some_and(u8::is_ascii_uppercase)
    {
        return None;
    }
    // Province, office, perhaps a separator, five or six characters.
    let mut ends =
        text.char_indices().map(|(i, _)| i).skip(1).chain([text.len()]).take(9).collect::<Vec<_>>();
    ends.dedup();
    ends.into_iter().skip(6).rev().find(|end| {
        let candidate = &text[..*end];
        candidate.bytes().filter(u8::is_ascii_digit).count() >= 2
            && !candidate.ends_with(' ')
            && plate::parse(candidate).is_some()
    })
}

/// A passport: the current Chinese series have a form of their own, others are plausible.
pub(super) fn passport(text: &[u8]) -> Option<Strength> {
    let letters = text.iter().take_while(|b| b.is_ascii_uppercase()).count();
    // The old series of one letter and seven digits look like the numbers that hospitals give.
    let current = letters == 2 || letters == 1 && matches!(text[0], b'E' | b'G');
    if current && Document::parse(text) == Some(Document::ChinesePassport) {
        return Some(Strength::Pattern);
    }
    let digits = text[letters..].iter().all(u8::is_ascii_digit);
    (letters <= 2 && digits && matches!(text.len(), 8 | 9)).then_some(Strength::Plausible)
}

/// A travel permit or identity card of Hong Kong, Macao or Taiwan; eight or ten digits alone are only plausible.
pub(super) fn hmt_permit(text: &[u8]) -> Option<Strength> {
    match Document::parse(text) {
        Some(Document::HongKongId) => Some(Strength::CheckDigit),
        Some(Document::MainlandPermitHongKongMacao) if text[0].is_ascii_uppercase() => {
            Some(Strength::Pattern)
        }
        _ => (text.iter().all(u8::is_ascii_digit) && matches!(text.len(), 8 | 10))
            .then_some(Strength::Plausible),
    }
}

/// A social security number of the United States: 3, 2 and 4 digits with hyphens, none of the groups zero, the area in use.
pub(super) fn ssn(text: &[u8]) -> bool {
    let [a, b, c, b'-', d, e, b'-', f, g, h, i] = text else { return false };
    [a, b, c, d, e, f, g, h, i].iter().all(|x| x.is_ascii_digit())
        && [*a, *b, *c] != *b"000"
        && [*a, *b, *c] != *b"666"
        && [*d, *e] != *b"00"
        && [*f, *g, *h, *i] != *b"0000"
}

/// An ICD-10 code with the extensions of ICD-10-CM and ICD-10-CN: `E11.9`, `I10.x00`, `E11.900x001`, `M80000/3`.
pub(super) fn icd10(text: &str) -> Option<Strength> {
    let bytes = text.as_bytes();
    if let [b'M' | b'm', code @ .., b'/', behaviour] = bytes
        && matches!(code.len(), 4 | 5)
        && code.iter().chain([behaviour]).all(u8::is_ascii_digit)
    {
        return Some(Strength::Pattern);
    }
    Category::of(text)?;
    // Without the point, a letter and digits may be anything.
    Some(if bytes.contains(&b'.') { Strength::Pattern } else { Strength::Plausible })
}

/// `123e4567-e89b-12d3-a456-426614174000`
pub(super) fn uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// A token without spaces that could name something: letters and digits, at least one digit.
pub(super) fn token(text: &[u8]) -> bool {
    (4..=64).contains(&text.len())
        && text.iter().any(u8::is_ascii_digit)
        && text.iter().all(|b| b.is_ascii_alphanumeric() || b"-_/:#.|^".contains(b))
}

/// A house number, words and a word for a street; gives the length.
pub(super) fn english_address(text: &str) -> Option<usize> {
    const STREETS: [&str; 34] = [
        "street",
        "st",
        "avenue",
        "ave",
        "road",
        "rd",
        "boulevard",
        "blvd",
        "lane",
        "ln",
        "drive",
        "dr",
        "court",
        "ct",
        "place",
        "pl",
        "square",
        "sq",
        "terrace",
        "ter",
        "way",
        "parkway",
        "pkwy",
        "highway",
        "hwy",
        "circle",
        "cir",
        "trail",
        "crescent",
        "close",
        "gardens",
        "row",
        "plaza",
        "alley",
    ];
    let bytes = text.as_bytes();
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=6).contains(&digits) {
        return None;
    }
    let mut at = digits + usize::from(bytes.get(digits).is_some_and(u8::is_ascii_alphabetic));
    let mut words = 0;
    let mut end = None;
    while words < 6 && bytes.get(at) == Some(&b' ') {
        let word = bytes[at + 1..]
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'\'' | b'-'))
            .count();
        if word == 0 {
            break;
        }
        let text = &text[at + 1..at + 1 + word];
        // The name of a street begins with a capital letter or a digit: "5 mg per day" has none.
        if !text.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit()) {
            break;
        }
        at += 1 + word;
        words += 1;
        if words >= 2 && STREETS.iter().any(|street| street.eq_ignore_ascii_case(text)) {
            end = Some(at + usize::from(bytes.get(at) == Some(&b'.')));
            break;
        }
    }
    // Unit, town, state and postcode behind it.
    let end = end?;
    let tail = text[end..].find(['\n', ';']).map_or(text.len(), |n| end + n);
    let mut stop = end;
    for piece in text[end..tail].split_inclusive(',') {
        let words = piece.trim_matches([',', ' ']);
        let sound = words.len() <= 32
            && words.split(' ').all(|w| {
                w.is_empty()
                    || w.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '#')
            });
        if !sound || words.is_empty() && stop != end {
            break;
        }
        stop += piece.len();
    }
    Some(end + text[end..stop].trim_end_matches([',', ' ', '.']).len())
}

/// Up to twenty digits gathered from a text with separators.
#[derive(Default)]
struct Digits {
    bytes: [u8; 20],
    length: usize,
}

impl Digits {
    fn push(&mut self, digit: u8) {
        if let Some(slot) = self.bytes.get_mut(self.length) {
            *slot = digit;
        }
        self.length += 1;
    }

    /// The digits, unless there were more than fit.
    fn get(&self) -> Option<&[u8]> {
        self.bytes.get(..self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telephone_numbers_are_recognised_in_their_forms() {
        for text in [
            "13812345678",
            "+86 138 1234 5678",
            "8613812345678",
            "138-1234-5678",
            "010-62345678",
            "(0571)87654321",
            "0755 2345678",
            "400-810-1234",
            "555-234-5678",
            "(555) 234-5678",
            "1-555-234-5678",
            "+44 20 7946 0958",
            "555-234-5678 x123",
            "010-62345678转801",
        ] {
            assert_eq!(phone(text), Some(Strength::Pattern), "{text}");
        }
        for text in [
            "1234567.89",
            "12345",
            "3.14159265",
            "1-2-3-4-5-6-7",
            "abc",
            "",
            "-",
            "12812345678",
            "99999999999999999999",
        ] {
            assert_eq!(phone(text), None, "{text}");
        }
    }

    #[test]
    fn check_digits_decide() {
        assert!(bank_card(b"4111 1111 1111 1111"));
        assert!(!bank_card(b"4111 1111 1111 1112"));
        assert!(iban(b"GB82 WEST 1234 5698 7654 32"));
        assert!(!iban(b"GB83 WEST 1234 5698 7654 32"));
        // The example of 49 CFR 565.15.
        assert!(vin(b"1M8GDM9AXKP042788"));
        assert!(!vin(b"1M8GDM9A1KP042788"));
    }

    #[test]
    fn network_names_are_recognised() {
        assert_eq!(email(b"li.wei+x@mail.hospital.cn, "), Some(25));
        assert_eq!(email(b"li.wei@localhost"), None);
        assert_eq!(url(b"https://example.org/a?b=c."), Some(25));
        assert_eq!(url(b"www.example.org"), Some(15));
        assert_eq!(url(b"http://"), None);
        assert_eq!(ip(b"10.0.0.255"), Some(10));
        assert_eq!(ip(b"10.0.0.256"), None);
        assert_eq!(ip(b"fe80::1ff:fe23:4567:890a"), Some(24));
        assert_eq!(ip(b"08:30:00"), None);
        assert_eq!(mac(b"00:1B:44:11:3A:B7"), Some(17));
        assert_eq!(mac(b"00:1B:44:11:3A"), None);
        assert!(plate("京A12345").is_some() && plate("粤B·D12345").is_some() && plate("沪A1234警").is_some());
        assert!(plate("京剧").is_none() && plate("苏ABCDEFG").is_none());
    }

    #[test]
    fn papers_and_codes_are_recognised() {
        assert_eq!(passport(b"E12345678"), Some(Strength::Pattern));
        assert_eq!(hmt_permit(b"H1234567890"), Some(Strength::Pattern));
        assert!(ssn(b"123-45-6789") && !ssn(b"000-45-6789"));
        for code in ["E11.9", "I10.x00", "E11.900x001", "M80000/3", "S72.001A"] {
            assert_eq!(icd10(code), Some(Strength::Pattern), "{code}");
        }
        assert_eq!(icd10("A12"), Some(Strength::Plausible));
        assert_eq!(icd10("1A2.0"), None);
        assert!(english_address("12 Baker Street, London").is_some());
        assert!(english_address("5 mg per day").is_none());
    }
}
