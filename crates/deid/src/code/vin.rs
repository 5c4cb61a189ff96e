//! Vehicle identification numbers: seventeen characters of ISO 3779 (GB 16735), with the check digit at the ninth
//! place that 49 CFR 565.15(c) and GB 16735-2019 clause 6 require.
//!
//! Letters I, O and Q are not used. Letters are transliterated to digits, weighted, and the remainder by 11 is the check
//! digit, X for ten.

/// Whether the text is a number with a right check digit. Lower-case letters are taken for capitals.
pub fn is_valid(text: &[u8]) -> bool {
    let Ok(vin) = <&[u8; 17]>::try_from(text) else { return false };
    let (_, year_and_serial) = vin.split_at(9);
    // 565.15(d): the last four characters are digits; a model year is never U, Z or 0.
    let shape = year_and_serial.iter().rev().take(4).all(u8::is_ascii_digit)
        && !matches!(year_and_serial[0].to_ascii_uppercase(), b'U' | b'Z' | b'0');
    shape && check_digit(vin) == Some(vin[8].to_ascii_uppercase())
}

/// The check digit that belongs at the ninth place, whatever stands there now; `None` where a character is none of a
/// vehicle identification number.
pub fn check_digit(vin: &[u8; 17]) -> Option<u8> {
    // 49 CFR 565.15(c), Table IV. The check digit itself has the weight 0.
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let mut sum = 0;
    for (&byte, weight) in vin.iter().zip(WEIGHTS) {
        if weight > 0 {
            sum += transliterate(byte)? * weight;
        }
    }
    Some(match sum % 11 {
        10 => b'X',
        digit => b'0' + digit as u8,
    })
}

/// 49 CFR 565.15(c), Table III.
fn transliterate(byte: u8) -> Option<u32> {
    Some(match byte.to_ascii_uppercase() {
        digit @ b'0'..=b'9' => u32::from(digit - b'0'),
        letter @ b'A'..=b'H' => u32::from(letter - b'A') + 1,
        letter @ (b'J'..=b'N' | b'P' | b'R') => u32::from(letter - b'J') + 1,
        letter @ b'S'..=b'Z' => u32::from(letter - b'S') + 2,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_numbers_hold() {
        assert!(is_valid(b"1M8GDM9AXKP042788"));
        assert!(is_valid(b"1HGCM82633A004352"));
        assert!(is_valid(b"5GZCZ43D13S812715"));
        assert!(is_valid(b"1hgcm82633a004352"));
        assert_eq!(check_digit(b"11111111111111111"), Some(b'1'));
    }

    #[test]
    fn others_do_not() {
        for text in
            [&b""[..], b"1M8GDM9A1KP042788", b"IM8GDM9AXKP042788", b"1M8GDM9AXKP04278", b"1M8GDM9AXKP0427888"]
        {
            assert!(!is_valid(text));
        }
        assert!(!is_valid("车辆识别代号一".as_bytes()));
    }

    proptest! {
        #[test]
        fn every_wrong_digit_is_caught(at in 10_usize..17, add in 1_u8..10) {
            let mut vin = *b"1M8GDM9AXKP042788";
            prop_assume!(vin[at].is_ascii_digit());
            vin[at] = b'0' + (vin[at] - b'0' + add) % 10;
            prop_assert!(!is_valid(&vin));
        }
    }
}
