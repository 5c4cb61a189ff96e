//! Chinese postcodes: six digits, of which two say the province, three the postal zone, four the county or
//! city office (邮政编码, in use since 1980).

/// How many digits are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keep {
    /// Two digits: `21****`
    Province,
    /// Three digits: `210***`
    Zone,
    /// Four digits: `2100**`
    Office,
}

/// The division code (GB/T 2260) of the province of a postcode; `None` where the text is none.
pub fn province(text: &str) -> Option<u32> {
    let digits: &[u8; 6] = text.as_bytes().try_into().ok()?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if digits.starts_with(b"999") {
        return match digits {
            b"999077" => Some(810_000),
            b"999078" => Some(820_000),
            b"999079" => Some(710_000),
            _ => None,
        };
    }
    let prefix = (digits[0] - b'0') * 10 + digits[1] - b'0';
    PROVINCES.iter().find(|(first, last, _)| (*first..=*last).contains(&prefix)).map(|&(_, _, code)| code)
}

/// Appends a postcode with the digits after the kept ones replaced by `*`. `false`, and nothing is appended, where the
/// text is no postcode.
pub fn generalize(text: &str, keep: Keep, out: &mut String) -> bool {
    if province(text).is_none() {
        return false;
    }
    let (kept, stars) = match keep {
        Keep::Province => (2, "****"),
        Keep::Zone => (3, "***"),
        Keep::Office => (4, "**"),
    };
    out.push_str(&text[..kept]);
    out.push_str(stars);
    true
}

/// First and last two-digit prefix of each province, and its division.
const PROVINCES: [(u8, u8, u32); 31] = [
    (1, 2, 150_000),
    (3, 4, 140_000),
    (5, 7, 130_000),
    (10, 10, 110_000),
    (11, 12, 210_000),
    (13, 13, 220_000),
    (15, 16, 230_000),
    (20, 20, 310_000),
    (21, 22, 320_000),
    (23, 24, 340_000),
    (25, 27, 370_000),
    (30, 30, 120_000),
    (31, 32, 330_000),
    (33, 34, 360_000),
    (35, 36, 350_000),
    (40, 40, 500_000),
    (41, 42, 430_000),
    (43, 44, 420_000),
    (45, 47, 410_000),
    (51, 52, 440_000),
    (53, 54, 450_000),
    (55, 56, 520_000),
    (57, 57, 460_000),
    (61, 64, 510_000),
    (65, 67, 530_000),
    (71, 72, 610_000),
    (73, 74, 620_000),
    (75, 75, 640_000),
    (81, 81, 630_000),
    (83, 84, 650_000),
    (85, 86, 540_000),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::code::division::{self, Level};

    #[test]
    fn postcodes_lie_in_their_province() {
        for (text, code) in [
            ("100871", 110_000),
            ("210093", 320_000),
            ("200030", 310_000),
            ("010010", 150_000),
            ("850000", 540_000),
            ("999077", 810_000),
        ] {
            assert_eq!(province(text), Some(code), "{text}");
        }
        for text in ["", "10087", "1008711", "000000", "990000", "10087a", "900000", "一二"] {
            assert_eq!(province(text), None, "{text}");
        }
    }

    #[test]
    fn every_mainland_province_has_postcodes() {
        let covered: BTreeSet<u32> = PROVINCES.iter().map(|row| row.2).collect();
        let provinces = division::all(Level::Province).map(|row| row.code).filter(|code| *code < 700_000);
        assert_eq!(covered, provinces.collect());
    }

    #[test]
    fn digits_are_starred_from_the_right() {
        let generalized = |keep| {
            let mut out = String::new();
            generalize("210093", keep, &mut out).then_some(out)
        };
        assert_eq!(generalized(Keep::Province).as_deref(), Some("21****"));
        assert_eq!(generalized(Keep::Zone).as_deref(), Some("210***"));
        assert_eq!(generalized(Keep::Office).as_deref(), Some("2100**"));
        assert!(!generalize("999999", Keep::Office, &mut String::new()));
    }
}
