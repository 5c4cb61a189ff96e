//! Payment card numbers: the Luhn check digit of ISO/IEC 7812-1, Annex B, and the issuers' prefixes.
//!
//! The check digit alone passes one number in ten, so detection also asks for a length and a prefix in use.
//! Luhn catches every single wrong digit and every transposition of neighbours but 09 and 90.

/// Whose prefix a card number carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Issuer {
    /// 银联: 62, and 81 (Discover's grant of ranges to UnionPay).
    UnionPay,
    /// 4
    Visa,
    /// 51-55, 2221-2720
    Mastercard,
    /// 34, 37
    AmericanExpress,
    /// 3528-3589
    Jcb,
    /// 6011, 644-649, 65
    Discover,
    /// 300-305, 36, 38, 39
    DinersClub,
    /// 50, 56-58, 63, 67 and debit cards of Chinese banks from before UnionPay's prefix (9558, 603, 690).
    OtherDebit,
}

/// Whether the digits end with a right check digit. `false` for anything but digits, or for none.
pub fn is_valid(digits: &[u8]) -> bool {
    digits.len() > 1 && sum(digits, false).is_some_and(|sum| sum % 10 == 0)
}

/// The check digit, as an ASCII digit, to put after these digits.
pub fn check_digit(digits: &[u8]) -> Option<u8> {
    sum(digits, true).map(|sum| b'0' + ((10 - sum % 10) % 10) as u8)
}

/// The issuer of a card number of 13 to 19 digits with a right check digit; spaces and hyphens between digits are
/// allowed, as cards are printed.
pub fn card(text: &str) -> Option<Issuer> {
    let mut digits = [0; 19];
    let mut length = 0;
    let mut separated = true;
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {
                *digits.get_mut(length)? = byte;
                length += 1;
                separated = false;
            }
            b' ' | b'-' if !separated => separated = true,
            _ => return None,
        }
    }
    let digits = &digits[..length];
    if length < 13 || separated || !is_valid(digits) {
        return None;
    }
    issuer(digits)
}

/// The issuer whose prefix and length a number has; its check digit is not looked at.
pub fn issuer(digits: &[u8]) -> Option<Issuer> {
    let first: &[u8; 4] = digits.first_chunk()?;
    if !first.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let prefix = first.iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    let (issuer, lengths) = match prefix {
        6200..=6299 | 8100..=8171 => (Issuer::UnionPay, 16..=19),
        4000..=4999 => (Issuer::Visa, 13..=19),
        5100..=5599 | 2221..=2720 => (Issuer::Mastercard, 16..=16),
        3400..=3499 | 3700..=3799 => (Issuer::AmericanExpress, 15..=15),
        3528..=3589 => (Issuer::Jcb, 16..=19),
        6011 | 6440..=6599 => (Issuer::Discover, 16..=19),
        3000..=3059 | 3600..=3699 | 3800..=3999 => (Issuer::DinersClub, 14..=19),
        5000..=5099 | 5600..=5899 | 6300..=6399 | 6700..=6799 => (Issuer::OtherDebit, 13..=19),
        9558 | 6030..=6039 | 6900..=6909 => (Issuer::OtherDebit, 16..=19),
        _ => return None,
    };
    lengths.contains(&digits.len()).then_some(issuer)
}

/// The sum of the digits from the right, every second one doubled, beginning with the last where `double_last`.
fn sum(digits: &[u8], double_last: bool) -> Option<u32> {
    let mut double = double_last;
    digits.iter().rev().try_fold(0, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        let value = match (double, digit) {
            (false, digit) => digit,
            (true, 0..=4) => digit * 2,
            (true, _) => digit * 2 - 9,
        };
        double = !double;
        Some(sum + value)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn published_test_numbers_are_cards() {
        for (text, issuer) in [
            ("4111111111111111", Issuer::Visa),
            ("4222222222222", Issuer::Visa),
            ("5555 5555 5555 4444", Issuer::Mastercard),
            ("2223003122003222", Issuer::Mastercard),
            ("3782-822463-10005", Issuer::AmericanExpress),
            ("3530111333300000", Issuer::Jcb),
            ("6011111111111117", Issuer::Discover),
            ("30569309025904", Issuer::DinersClub),
            ("6250941006528599", Issuer::UnionPay),
        ] {
            assert_eq!(card(text), Some(issuer), "{text}");
        }
    }

    #[test]
    fn the_example_of_the_standard_holds() {
        // ISO/IEC 7812-1, B.3: 4992 73 9871 has the check digit 6.
        assert_eq!(check_digit(b"4992739871"), Some(b'6'));
        assert!(is_valid(b"49927398716"));
        assert!(!is_valid(b"49927398717"));
    }

    #[test]
    fn other_numbers_are_no_cards() {
        for text in [
            "",
            "4111111111111112",
            "0000000000000000",
            "411111111111",
            "4111 1111 1111 111a",
            "4111--111111111111",
            "4111111111111111 ",
            " 4111111111111111",
            "41111111111111111111",
            "9999999999999995",
            "一",
        ] {
            assert_eq!(card(text), None, "{text}");
        }
        assert!(!is_valid(b""));
        assert!(!is_valid(b"0"));
    }

    proptest! {
        #[test]
        fn every_wrong_digit_is_caught(body in "[0-9]{12,18}", at in any::<prop::sample::Index>(), add in 1_u8..10) {
            let mut digits = body.into_bytes();
            digits.push(check_digit(&digits).unwrap());
            prop_assert!(is_valid(&digits));
            let at = at.index(digits.len());
            digits[at] = b'0' + (digits[at] - b'0' + add) % 10;
            prop_assert!(!is_valid(&digits));
        }

        #[test]
        fn transpositions_are_caught_but_for_zero_and_nine(body in "[0-9]{12,18}", at in any::<prop::sample::Index>()) {
            let mut digits = body.into_bytes();
            digits.push(check_digit(&digits).unwrap());
            let at = at.index(digits.len() - 1);
            let pair = [digits[at].min(digits[at + 1]), digits[at].max(digits[at + 1])];
            prop_assume!(pair[0] != pair[1]);
            digits.swap(at, at + 1);
            prop_assert_eq!(is_valid(&digits), pair == *b"09");
        }
    }
}
