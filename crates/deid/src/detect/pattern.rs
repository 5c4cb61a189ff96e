//! Forms of identifiers: hand-written matchers over bytes, each for a whole value.
//!
//! A matcher says how strongly the form speaks for the kind ([`Strength`]); `None` where it does not fit at all. What can be
//! recognised inside text as well is written as a prefix matcher that gives where it ends, and [`find_spans`](super::find_spans)
//! uses the same code.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::value::Strength;

/// Telephone numbers: Chinese mobile and landline, North American, international, and looser forms.
pub(super) fn phone(text: &[u8]) -> Option<Strength> {
    let text = without_extension(text);
    let mut digits = Digits::default();
    let (mut separators, mut points, mut group, mut shortest, mut groups) = (0, 0, 0_usize, usize::MAX, 0);
    for (i, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                digits.push(*byte);
                group += 1;
                continue;
            }
            b'+' if i == 0 => continue,
            b'-' | b' ' | b'(' | b')' | b'.' | b'/' => {
                separators += 1;
                points += usize::from(*byte == b'.');
            }
            _ => return None,
        }
        if group > 0 {
            shortest = shortest.min(group);
            groups += 1;
        }
        group = 0;
    }
    if group > 0 {
        shortest = shortest.min(group);
        groups += 1;
    }
    let digits = digits.get()?;
    if !(7..=16).contains(&digits.len()) || groups > 6 || matches!(text.last(), Some(b'-' | b'.' | b'/' | b'(')) {
        return None;
    }
    let international = text.first() == Some(&b'+');
    let local = match digits {
        [b'8', b'6', rest @ ..] if international || rest.len() == 11 => rest,
        [b'0', b'0', b'8', b'6', rest @ ..] if rest.len() == 11 => rest,
        _ => digits,
    };
    if let [b'1', b'3'..=b'9', ..] = local
        && local.len() == 11
        && (separators == 0 || shortest >= 2)
    {
        return Some(Strength::Pattern);
    }
    if international {
        return (digits.len() >= 8 && digits[0] != b'0').then_some(Strength::Pattern);
    }
    // A single point makes a decimal number.
    if points == 1 && groups == 2 {
        return None;
    }
    if separators == 0 {
        let landline = digits[0] == b'0' && digits[1] != b'0' && matches!(digits.len(), 10..=12);
        let short = matches!(digits.len(), 7 | 8 | 10) && digits[0] >= b'2';
        return (landline || short).then_some(Strength::Plausible);
    }
    if shortest < 2 && !(digits[0] == b'1' && groups == 4 && digits.len() == 11) {
        return None;
    }
    if chinese_landline(digits, text) || north_american(digits, text) || service(digits) {
        return Some(Strength::Pattern);
    }
    (groups >= 2 && shortest >= 2).then_some(Strength::Plausible)
}

/// 010-12345678, 0571 8765432, (0755)12345678: area codes of two digits 10, 2x or three digits 3xx to 9xx behind the trunk 0.
fn chinese_landline(digits: &[u8], text: &[u8]) -> bool {
    let area = match digits {
        [b'0', b'1', b'0', ..] | [b'0', b'2', b'0'..=b'9', ..] => 3,
        [b'0', b'3'..=b'9', ..] => 4,
        _ => return false,
    };
    let first = text.iter().skip_while(|b| !b.is_ascii_digit()).take_while(|b| b.is_ascii_digit()).count();
    first == area && matches!(digits.len() - area, 7 | 8) && digits[area] >= b'2'
}

/// 555-234-5678 in groups of 3, 3 and 4: neither area nor exchange begins with 0 or 1.
fn north_american(digits: &[u8], text: &[u8]) -> bool {
    let digits = digits.strip_prefix(b"1").filter(|rest| rest.len() == 10).unwrap_or(digits);
    let grouped = || {
        let mut sizes = text.split(|b| !b.is_ascii_digit()).map(<[u8]>::len).filter(|n| *n > 0).collect::<Vec<_>>();
        if sizes.first() == Some(&1) {
            sizes.remove(0);
        }
        sizes == [3, 3, 4]
    };
    digits.len() == 10 && digits[0] >= b'2' && digits[3] >= b'2' && grouped()
}

/// 400-810-1234, 800-810-1234
fn service(digits: &[u8]) -> bool {
    digits.len() == 10 && (digits.starts_with(b"400") || digits.starts_with(b"800"))
}

fn without_extension(text: &[u8]) -> &[u8] {
    for mark in ["转", "ext.", "ext", "x", "#"] {
        let mark = mark.as_bytes();
        if let Some(at) = text.windows(mark.len()).position(|w| w.eq_ignore_ascii_case(mark)) {
            let tail = text[at + mark.len()..].trim_ascii();
            if (1..=6).contains(&tail.len()) && tail.iter().all(u8::is_ascii_digit) {
                return text[..at].trim_ascii_end();
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
    let host = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')).count();
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
    let hex = |range: std::ops::Range<usize>| text.get(range).is_some_and(|t| t.iter().all(u8::is_ascii_hexdigit));
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
    issuer(digits) && luhn(digits)
}

/// Whether issuer prefix and length agree: UnionPay, Visa, Mastercard, American Express, Diners Club, Discover, JCB, Maestro.
fn issuer(digits: &[u8]) -> bool {
    let length = digits.len();
    if length < 12 {
        return false;
    }
    let four = digits[..4].iter().fold(0_u32, |n, b| n * 10 + u32::from(b - b'0'));
    match four {
        6200..=6299 => (16..=19).contains(&length),
        4000..=4999 => matches!(length, 13 | 16 | 19),
        5100..=5599 | 2221..=2720 => length == 16,
        3400..=3499 | 3700..=3799 => length == 15,
        3000..=3059 | 3600..=3699 | 3800..=3999 => length == 14,
        3528..=3589 => (16..=19).contains(&length),
        6011 | 6440..=6599 => (16..=19).contains(&length),
        1800 | 2131 => length == 15,
        5000..=5099 | 5600..=5899 | 6000..=6999 => (12..=19).contains(&length),
        // Old debit cards of Chinese banks.
        9550..=9559 => length == 19,
        _ => false,
    }
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, byte)| match (i % 2, u32::from(byte - b'0')) {
            (0, digit) => digit,
            (_, digit) => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
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
    if body.len() < 11 || !a.is_ascii_uppercase() || !b.is_ascii_uppercase() || !c.is_ascii_digit() || !d.is_ascii_digit() {
        return false;
    }
    let rest = body.iter().chain([a, b, c, d]).fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    rest == 1
}

/// A vehicle identification number of ISO 3779 with the check digit of 49 CFR 565.15, which GB 16735 takes over.
pub(super) fn vin(text: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    if text.len() != 17 || text.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let mut sum = 0;
    for (byte, weight) in text.iter().zip(WEIGHTS) {
        let value = match byte.to_ascii_uppercase() {
            digit @ b'0'..=b'9' => u32::from(digit - b'0'),
            letter @ b'A'..=b'H' => u32::from(letter - b'A') + 1,
            letter @ (b'J'..=b'N' | b'P' | b'R') => u32::from(letter - b'J') + 1,
            letter @ b'S'..=b'Z' => u32::from(letter - b'S') + 2,
            _ => return false,
        };
        sum += value * weight;
    }
    let check = match sum % 11 {
        10 => b'X',
        digit => b'0' + digit as u8,
    };
    text[8].eq_ignore_ascii_case(&check)
}

/// A Chinese licence plate (GA 36-2018): province, letter of the office, five characters, or six for new energy; gives the length.
pub(super) fn plate(text: &str) -> Option<usize> {
    const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";
    let province = text.chars().next().filter(|c| PROVINCES.contains(*c))?;
    let bytes = text.as_bytes();
    let mut at = province.len_utf8();
    if !bytes.get(at)?.is_ascii_uppercase() {
        return None;
    }
    at += 1;
    for separator in ["·", "•", "-", " "] {
        if text.get(at..).is_some_and(|rest| rest.starts_with(separator)) {
            at += separator.len();
            break;
        }
    }
    let allowed = |b: &&u8| b.is_ascii_digit() || b.is_ascii_uppercase() && !matches!(**b, b'I' | b'O');
    let serial = bytes[at..].iter().take_while(allowed).count();
    let digits = bytes[at..at + serial].iter().filter(|b| b.is_ascii_digit()).count();
    match serial {
        5 | 6 if digits >= 2 => Some(at + serial),
        4 if digits >= 2 => {
            let last = text[at + 4..].chars().next().filter(|c| "学警港澳挂领使".contains(*c))?;
            Some(at + 4 + last.len_utf8())
        }
        _ => None,
    }
}

/// A Chinese passport (E/G and eight digits, or E, a letter and seven) or an older service or diplomatic one.
pub(super) fn passport(text: &[u8]) -> Option<Strength> {
    let upper = |b: &u8| b.is_ascii_uppercase();
    let digits = |t: &[u8]| t.iter().all(u8::is_ascii_digit);
    match text {
        [b'E' | b'G', rest @ ..] if rest.len() == 8 && digits(rest) => Some(Strength::Pattern),
        [b'E', letter, rest @ ..] if upper(letter) && rest.len() == 7 && digits(rest) => Some(Strength::Pattern),
        [b'D' | b'S' | b'P', b'E', rest @ ..] if rest.len() == 7 && digits(rest) => Some(Strength::Pattern),
        [first, rest @ ..] if upper(first) && matches!(rest.len(), 7 | 8) && digits(rest) => Some(Strength::Plausible),
        [a, b, rest @ ..] if upper(a) && upper(b) && rest.len() == 7 && digits(rest) => Some(Strength::Plausible),
        _ if text.len() == 9 && digits(text) => Some(Strength::Plausible),
        _ => None,
    }
}

/// A mainland travel permit: H or M with eight or ten digits (Hong Kong, Macao); eight or ten digits (Taiwan) are only plausible.
pub(super) fn hmt_permit(text: &[u8]) -> Option<Strength> {
    let digits = |t: &[u8]| t.iter().all(u8::is_ascii_digit);
    match text {
        [b'H' | b'M', rest @ ..] if matches!(rest.len(), 8 | 10) && digits(rest) => Some(Strength::Pattern),
        _ if matches!(text.len(), 8 | 10) && digits(text) => Some(Strength::Plausible),
        _ => None,
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
pub(super) fn icd10(text: &[u8]) -> Option<Strength> {
    let [letter, tens, ones, rest @ ..] = text else { return None };
    if !letter.is_ascii_alphabetic() || !tens.is_ascii_digit() || !ones.is_ascii_alphanumeric() {
        return None;
    }
    if letter.eq_ignore_ascii_case(&b'M')
        && text.len() == 8
        && text[1..6].iter().all(u8::is_ascii_digit)
        && text[6] == b'/'
        && text[7].is_ascii_digit()
    {
        return Some(Strength::Pattern);
    }
    if !ones.is_ascii_digit() {
        return None;
    }
    let rest = match rest {
        [body @ .., b'+' | b'*'] => body,
        _ => rest,
    };
    match rest {
        [] => Some(Strength::Plausible),
        [b'.', detail @ ..] => {
            let sound = (1..=8).contains(&detail.len())
                && detail.iter().all(|b| b.is_ascii_digit() || b.is_ascii_alphabetic())
                && detail.iter().filter(|b| b.is_ascii_alphabetic() && !b.eq_ignore_ascii_case(&b'x')).count() <= 1;
            sound.then_some(Strength::Pattern)
        }
        _ => (rest.len() <= 4 && rest.iter().all(u8::is_ascii_alphanumeric)).then_some(Strength::Plausible),
    }
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
        "street", "st", "avenue", "ave", "road", "rd", "boulevard", "blvd", "lane", "ln", "drive", "dr", "court", "ct",
        "place", "pl", "square", "sq", "terrace", "ter", "way", "parkway", "pkwy", "highway", "hwy", "circle", "cir",
        "trail", "crescent", "close", "gardens", "row", "plaza", "alley",
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
        let word = bytes[at + 1..].iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'\'' | b'-')).count();
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
    if end.is_none() {
        return None;
    }
    // Unit, town, state and postcode behind it.
    let end = end?;
    let tail = text[end..].find(['\n', ';']).map_or(text.len(), |n| end + n);
    let mut stop = end;
    for piece in text[end..tail].split_inclusive(',') {
        let words = piece.trim_matches([',', ' ']);
        let sound = words.len() <= 32
            && words
                .split(' ')
                .all(|w| w.is_empty() || w.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '#'));
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
            "13812345678", "+86 138 1234 5678", "8613812345678", "138-1234-5678", "010-62345678", "(0571)87654321",
            "0755 2345678", "400-810-1234", "555-234-5678", "(555) 234-5678", "1-555-234-5678", "+44 20 7946 0958",
            "555-234-5678 x123", "010-62345678转801",
        ] {
            assert_eq!(phone(text.as_bytes()), Some(Strength::Pattern), "{text}");
        }
        for text in ["1234567.89", "12345", "3.14159265", "1-2-3-4-5-6-7", "abc", "", "-", "12812345678", "99999999999999999999"] {
            assert_eq!(phone(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn check_digits_decide() {
        assert!(bank_card(b"4111 1111 1111 1111"));
        assert!(bank_card(b"6225880137706868".as_slice()) == luhn(b"6225880137706868"));
        assert!(!bank_card(b"4111 1111 1111 1112"));
        assert!(iban(b"GB82 WEST 1234 5698 7654 32"));
        assert!(!iban(b"GB83 WEST 1234 5698 7654 32"));
        // The example of 49 CFR 565.15.
        assert!(vin(b"1M8GDM9AXKP042788"));
        assert!(!vin(b"1M8GDM9A1KP042788"));
    }

    #[test]
    fn network_names_are_recognised() {
        assert_eq!(email(b"li.wei+x@mail.hospital.cn, "), Some(24));
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
            assert_eq!(icd10(code.as_bytes()), Some(Strength::Pattern), "{code}");
        }
        assert_eq!(icd10(b"A12"), Some(Strength::Plausible));
        assert_eq!(icd10(b"1A2.0"), None);
        assert!(english_address("12 Baker Street, London").is_some());
        assert!(english_address("5 mg per day").is_none());
    }
}
