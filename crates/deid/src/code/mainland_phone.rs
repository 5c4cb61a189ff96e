//! Telephone numbers: mobiles and landlines of mainland China, of North America, and whatever E.164 allows.
//!
//! Mobile segments and area codes are those of the Chinese numbering plan (YD/T 电信网编号计划, 2017 edition, and the segments
//! assigned to the four operators and the virtual ones since). A segment in use is evidence; whether somebody
//! answers is not asked.

/// What plan a number belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phone {
    /// 138 0013 8000, with or without +86.
    Mobile,
    /// 010-62751234, (0512) 6516 1234 转 802; the area code is required.
    Landline,
    /// 400 and 800 numbers, which belong to organisations.
    TollFree,
    /// (212) 555-0123, +1 212 555 0123. Ten digits without any sign are not taken for one.
    NorthAmerican,
    /// Any other number with + and a country code (E.164).
    International,
}

/// The plan of a text that is one telephone number and nothing else.
pub fn parse(text: &str) -> Option<Phone> {
    let dialled = Dialled::read(text)?;
    let digits = dialled.digits();
    if dialled.plus {
        return match digits {
            [b'8', b'6', national @ ..] => chinese(national, true),
            [b'1', national @ ..] => is_north_american(national).then_some(Phone::NorthAmerican),
            // E.164, 6.1: at most fifteen digits; no country code begins with 0.
            [b'1'..=b'9', ..] if (8..=15).contains(&digits.len()) => Some(Phone::International),
            _ => None,
        };
    }
    if let Some(national) = digits.strip_prefix(b"0086") {
        return chinese(national, true);
    }
    if let Some(national) = digits.strip_prefix(b"86")
        && is_mobile(national)
    {
        return Some(Phone::Mobile);
    }
    chinese(digits, false).or_else(|| {
        let national = if digits.len() == 11 { digits.strip_prefix(b"1")? } else { digits };
        (dialled.signs && is_north_american(national)).then_some(Phone::NorthAmerican)
    })
}

/// Whether these are the eleven digits of a mobile number in an assigned segment.
pub fn is_mobile(digits: &[u8]) -> bool {
    let &[b'1', second, third, ref rest @ ..] = digits else { return false };
    let segment = match second {
        b'3' | b'8' => third.is_ascii_digit(),
        b'4' => matches!(third, b'0' | b'1' | b'4'..=b'9'),
        b'5' => matches!(third, b'0'..=b'3' | b'5'..=b'9'),
        b'6' => matches!(third, b'2' | b'5'..=b'7'),
        b'7' => matches!(third, b'0'..=b'8'),
        b'9' => matches!(third, b'0'..=b'3' | b'5'..=b'9'),
        _ => false,
    };
    segment && rest.len() == 8 && rest.iter().all(u8::is_ascii_digit)
}

/// The length of the area code that the digits begin with, its 0 included.
pub fn area_code_len(digits: &[u8]) -> Option<usize> {
    match digits {
        [b'0', b'1', b'0', ..] | [b'0', b'2', b'0'..=b'5' | b'7'..=b'9', ..] => Some(3),
        &[b'0', a @ b'3'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
            let code = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
            AREA_CODES.iter().any(|&(first, last)| (first..=last).contains(&code)).then_some(4)
        }
        _ => None,
    }
}

/// Four-digit area codes without their 0, in runs.
const AREA_CODES: [(u16, u16); 46] = [
    (310, 319),
    (335, 335),
    (349, 359),
    (370, 379),
    (391, 398),
    (410, 419),
    (421, 421),
    (427, 429),
    (431, 440),
    (451, 459),
    (464, 464),
    (467, 479),
    (482, 483),
    (510, 519),
    (523, 523),
    (527, 527),
    (530, 539),
    (543, 543),
    (546, 546),
    (550, 566),
    (570, 580),
    (591, 599),
    (631, 635),
    (660, 660),
    (662, 663),
    (668, 668),
    (691, 692),
    (701, 701),
    (710, 719),
    (722, 722),
    (724, 724),
    (728, 728),
    (730, 739),
    (743, 746),
    (750, 763),
    (766, 779),
    (790, 799),
    (812, 813),
    (816, 818),
    (825, 839),
    (851, 859),
    (870, 879),
    (883, 899),
    (901, 919),
    (930, 955),
    (970, 999),
];

/// The digits of a number and the signs around them.
struct Dialled {
    digits: [u8; 18],
    length: usize,
    plus: bool,
    signs: bool,
}

impl Dialled {
    fn read(text: &str) -> Option<Self> {
        let mut dialled = Self { digits: [0; 18], length: 0, plus: false, signs: false };
        let mut open = false;
        let mut separators = 0;
        for (at, c) in text.char_indices() {
            match c {
                '0'..='9' => {
                    *dialled.digits.get_mut(dialled.length)? = c as u8;
                    dialled.length += 1;
                    separators = 0;
                }
                '+' | '＋' if dialled.length == 0 && !dialled.plus => dialled.plus = true,
                '(' | '（' if !open => (open, dialled.signs) = (true, true),
                ')' | '）' if open => open = false,
                // At most `) ` or ` - ` in a row.
                ' ' | '-' | '.' | '－' if dialled.length > 0 && separators < 3 => {
                    dialled.signs = true;
                    separators += 1;
                }
                _ if dialled.length >= 7 && is_extension(&text[at..]) => return Some(dialled),
                _ => return None,
            }
        }
        (!open && separators == 0).then_some(dialled)
    }

    fn digits(&self) -> &[u8] {
        &self.digits[..self.length]
    }
}

/// 转802, ext. 12, x12, #3.
fn is_extension(text: &str) -> bool {
    let number = ["转", "分机", "ext.", "ext", "x", "#"].iter().find_map(|sign| text.strip_prefix(sign));
    number.map(|number| number.trim_start_matches([' ', ':', '：'])).is_some_and(|number| {
        (1..=6).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// A number as dialled inside the country; after +86 the 0 of the area code is usually left out.
fn chinese(digits: &[u8], from_abroad: bool) -> Option<Phone> {
    if is_mobile(digits) {
        return Some(Phone::Mobile);
    }
    if let [b'4' | b'8', b'0', b'0', rest @ ..] = digits {
        return (rest.len() == 7).then_some(Phone::TollFree);
    }
    let mut with_zero = [b'0'; 13];
    let digits = if from_abroad && digits.first() != Some(&b'0') {
        let end = digits.len() + 1;
        with_zero.get_mut(1..end)?.copy_from_slice(digits);
        with_zero.get(..end)?
    } else {
        digits
    };
    let local = digits.get(area_code_len(digits)?..)?;
    let starts_well = matches!(local.first(), Some(b'2'..=b'8'));
    (starts_well && matches!(local.len(), 7 | 8)).then_some(Phone::Landline)
}

/// NPA-NXX-XXXX; neither part begins with 0 or 1, and N11 is a service.
fn is_north_american(digits: &[u8]) -> bool {
    let &[b'2'..=b'9', b, c, b'2'..=b'9', ref rest @ ..] = digits else { return false };
    (b, c) != (b'1', b'1') && b != b'9' && rest.len() == 6
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_placed_in_their_plan() {
        for (text, phone) in [
            ("13800138000", Phone::Mobile),
            ("138-0013-8000", Phone::Mobile),
            ("+86 138 0013 8000", Phone::Mobile),
            ("8613800138000", Phone::Mobile),
            ("008613800138000", Phone::Mobile),
            ("19912345678", Phone::Mobile),
            ("010-62751234", Phone::Landline),
            ("(0512) 65161234", Phone::Landline),
            ("025-83106666转802", Phone::Landline),
            ("02583106666", Phone::Landline),
            ("+86 10 6275 1234", Phone::Landline),
            ("+86-(0)755-82345678", Phone::Landline),
            ("400-810-1234", Phone::TollFree),
            ("(212) 555-0123", Phone::NorthAmerican),
            ("212-555-0123 x12", Phone::NorthAmerican),
            ("+1 212 555 0123", Phone::NorthAmerican),
            ("1-212-555-0123", Phone::NorthAmerican),
            ("+852 2123 4567", Phone::International),
            ("+44 20 7946 0958", Phone::International),
        ] {
            assert_eq!(parse(text), Some(phone), "{text}");
        }
    }

    #[test]
    fn other_numbers_are_not_telephones() {
        for text in [
            "",
            "+",
            "12345678901",
            "1380013800",
            "138001380000",
            "15412345678",
            "2125550123",
            "65161234",
            "0999",
            "062812345678",
            "2024-01-05",
            "120/80",
            "138O0138000",
            "张三13800138000",
            "13800138000转",
            "((010)62751234",
            "010----62751234",
            "999-555-0123",
            "911-555-0123",
            "+0123456789",
            "+1234567890123456",
            "0101234567890123456789",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9+() .转xX-]{0,24}") {
            let _ = parse(&text);
        }
    }
}
