//! Identity papers beside the resident id: passports, travel permits and the identity cards of Hong Kong residents.
//!
//! Shapes are those the National Immigration Administration prints: ordinary passports `E12345678` and, since the numbers ran
//! out, `EA1234567`; diplomatic, service and official ones `DE`, `SE`, `PE`; permits of Hong Kong and Macao residents `H` or
//! `M`; of Taiwan residents eight digits. Only the Hong Kong identity card and the permanent residence card carry
//! something to check; [`Document::parse_distinctive`] takes only what means something without a heading.

use super::{calendar, division};

/// The paper whose number a text has the shape of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Document {
    /// 中国护照
    ChinesePassport,
    /// 港澳居民来往内地通行证 (回乡证): H or M and eight digits, with or without two of the issue.
    MainlandPermitHongKongMacao,
    /// 台湾居民来往大陆通行证 (台胞证): eight digits.
    MainlandPermitTaiwan,
    /// 往来港澳通行证: C or W.
    ExitPermitHongKongMacao,
    /// 大陆居民往来台湾通行证: L or T.
    ExitPermitTaiwan,
    /// 香港身份证, check digit right.
    HongKongId,
    /// 外国人永久居留身份证 of before 2023: three letters of nationality and twelve digits with the birth date. The card since
    /// then is a [`ResidentId`](super::resident_id::ResidentId) that begins with 9.
    ForeignPermanentResident,
}

impl Document {
    /// The paper of this number; small letters are taken for capitals.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if is_hong_kong_id(text) {
            return Some(Self::HongKongId);
        }
        let mut capitals = [0; 15];
        let number = capitals.get_mut(..text.len())?;
        number.copy_from_slice(text);
        number.make_ascii_uppercase();
        let digits = |rest: &[u8], lengths: &[usize]| {
            lengths.contains(&rest.len()) && rest.iter().all(u8::is_ascii_digit)
        };
        // I and O would be read as digits.
        let series = |letter: u8| letter.is_ascii_uppercase() && letter != b'I' && letter != b'O';
        match &*number {
            [b'H' | b'M', rest @ ..] if digits(rest, &[8, 10]) => Some(Self::MainlandPermitHongKongMacao),
            [b'E' | b'G', rest @ ..] if digits(rest, &[8]) => Some(Self::ChinesePassport),
            [b'E', letter, rest @ ..] if series(*letter) && digits(rest, &[7]) => Some(Self::ChinesePassport),
            [b'D' | b'S' | b'P', b'E', rest @ ..] if digits(rest, &[7]) => Some(Self::ChinesePassport),
            [b'D' | b'S' | b'P', rest @ ..] if digits(rest, &[7, 8]) => Some(Self::ChinesePassport),
            [b'C' | b'W', rest @ ..] if digits(rest, &[8]) => Some(Self::ExitPermitHongKongMacao),
            [b'C' | b'W', letter, rest @ ..] if series(*letter) && digits(rest, &[7]) => {
                Some(Self::ExitPermitHongKongMacao)
            }
            [b'L' | b'T', rest @ ..] if digits(rest, &[8]) => Some(Self::ExitPermitTaiwan),
            [a, b, c, rest @ ..] if [a, b, c].iter().all(|letter| letter.is_ascii_uppercase()) => {
                is_permanent_resident(rest).then_some(Self::ForeignPermanentResident)
            }
            rest if digits(rest, &[8]) => Some(Self::MainlandPermitTaiwan),
            _ => None,
        }
    }

    /// [`Document::parse`] for text without a heading: only numbers that are hardly anything else. That is the permanent
    /// residence card and the Hong Kong identity card with its brackets; one letter and seven digits may be anything.
    pub fn parse_distinctive(text: &[u8]) -> Option<Self> {
        match Self::parse(text)? {
            Self::HongKongId if !text.ends_with(b")") => None,
            document @ (Self::HongKongId | Self::ForeignPermanentResident) => Some(document),
            _ => None,
        }
    }
}

/// Whether the text is a Hong Kong identity card number with a right check digit: one or two letters, six
/// digits, and the check digit with or without brackets.
///
/// The weighted sum with weights 9 to 1 over prefix, digits and check digit is divisible by 11; letters count from A
/// as 10, a missing first letter as 36, the check digit A as 10.
pub fn is_hong_kong_id(text: &[u8]) -> bool {
    let (body, check) = match text {
        [body @ .., b'(', check, b')'] | [body @ .., check] => (body, *check),
        [] => return false,
    };
    if body.len() < 7 || body.len() > 8 {
        return false;
    }
    let (prefix, digits) = body.split_at(body.len() - 6);
    if !prefix.iter().all(u8::is_ascii_alphabetic) || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let letter = |byte: u8| u32::from(byte.to_ascii_uppercase() - b'A') + 10;
    let check = match check.to_ascii_uppercase() {
        b'A' => 10,
        digit @ b'0'..=b'9' => u32::from(digit - b'0'),
        _ => return false,
    };
    let prefix_sum = match *prefix {
        [first, second] => letter(first) * 9 + letter(second) * 8,
        [only] => 36 * 9 + letter(only) * 8,
        _ => return false,
    };
    let digit_sum: u32 =
        digits.iter().zip((2..=7).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    (prefix_sum + digit_sum + check).is_multiple_of(11)
}

/// Four digits of the issuing region, six of birth date, two of sequence and check.
fn is_permanent_resident(digits: &[u8]) -> bool {
    if digits.len() != 12 || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let pair = |at: usize| (digits[at] - b'0') * 10 + digits[at + 1] - b'0';
    let province = division::lookup(u32::from(pair(0)) * 10_000).is_some();
    let (year, month, day) = (i32::from(pair(4)), pair(6), pair(8));
    // Of either century: 29 February 2000 existed.
    province && (calendar::is_valid(1900 + year, month, day) || calendar::is_valid(2000 + year, month, day))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn documents_are_told_apart() {
        for (text, document) in [
            ("E12345678", Document::ChinesePassport),
            ("EA1234567", Document::ChinesePassport),
            ("g12345678", Document::ChinesePassport),
            ("SE1234567", Document::ChinesePassport),
            ("H12345678", Document::MainlandPermitHongKongMacao),
            ("M1234567801", Document::MainlandPermitHongKongMacao),
            ("12345678", Document::MainlandPermitTaiwan),
            ("C12345678", Document::ExitPermitHongKongMacao),
            ("CA1234567", Document::ExitPermitHongKongMacao),
            ("L12345678", Document::ExitPermitTaiwan),
            ("A123456(3)", Document::HongKongId),
            ("USA110078051201", Document::ForeignPermanentResident),
        ] {
            assert_eq!(Document::parse(text.as_bytes()), Some(document), "{text}");
        }
    }

    #[test]
    fn other_text_is_no_document() {
        for text in [
            "",
            "E1234567",
            "EI1234567",
            "E123456789",
            "1234567",
            "123456789",
            "A123456(4)",
            "USA110078131201",
            "USA990078051201",
            "H123456789",
            "USA1100780512",
            "护照",
            "(",
            "()",
            "ABC",
        ] {
            assert_eq!(Document::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn most_shapes_need_a_heading() {
        let distinctive = |text: &str| Document::parse_distinctive(text.as_bytes());
        assert_eq!(distinctive("A123456(3)"), Some(Document::HongKongId));
        assert_eq!(distinctive("USA110078051201"), Some(Document::ForeignPermanentResident));
        for text in ["A1234563", "E12345678", "12345678", "H12345678"] {
            assert_eq!(distinctive(text), None, "{text}");
        }
    }

    #[test]
    fn published_hong_kong_examples_hold() {
        for text in ["A123456(3)", "L555555(0)", "AB987654(3)", "C123456(9)", "a1234563"] {
            assert!(is_hong_kong_id(text.as_bytes()), "{text}");
        }
        assert!(!is_hong_kong_id(b"AY987654(A)"));
    }

    proptest! {
        #[test]
        fn every_wrong_digit_of_a_hong_kong_card_is_caught(at in 1_usize..8, add in 1_u8..10) {
            let mut card = *b"A1234563";
            card[at] = b'0' + (card[at] - b'0' + add) % 10;
            prop_assert!(!is_hong_kong_id(&card));
        }

        #[test]
        fn no_bytes_panic(text in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = Document::parse(&text);
        }
    }
}
