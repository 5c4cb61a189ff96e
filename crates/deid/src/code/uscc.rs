//! Unified social credit codes (统一社会信用代码) of GB 32100-2015: the number of every Chinese organisation.
//!
//! Eighteen characters of `0`-`9` and capitals without I, O, S, V, Z: registering department, kind of
//! organisation, six digits of division, nine of organisation code (GB 11714) and a check character, the weighted sum
//! by 31 (the powers of 3).

use super::division;

/// Whether the text is a code with known department and division and right check characters.
pub fn is_valid(text: &[u8]) -> bool {
    let Ok(code) = <&[u8; 18]>::try_from(text) else { return false };
    let Some((body, _)) = code.split_first_chunk::<17>() else { return false };
    let region = &code[2..8];
    if !region.iter().all(u8::is_ascii_digit) || !is_department(code[0]) {
        return false;
    }
    let region = region.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    // 100000 is the State's own register.
    (region == 100_000 || division::known(region).is_some()) && check_char(body) == Some(code[17])
}

/// The check character of the first seventeen characters; `None` where one of them is not of the set.
pub fn check_char(body: &[u8; 17]) -> Option<u8> {
    // 3^(i-1) mod 31 (GB 32100-2015, 4.4, table 4).
    const WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
    let mut sum = 0;
    for (byte, weight) in body.iter().zip(WEIGHTS) {
        let value = CHARACTERS.iter().position(|character| character == byte)?;
        sum += value as u32 * weight;
    }
    CHARACTERS.get((31 - sum % 31) as usize % 31).copied()
}

/// Whether the nine characters are an organisation code of GB 11714-1997, check character at the end (a hyphen
/// before it may be left in).
pub fn is_organisation_code(text: &[u8]) -> bool {
    const WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
    let (body, check) = match text {
        [body @ .., b'-', check] | [body @ .., check] if body.len() == 8 => (body, *check),
        _ => return false,
    };
    let mut sum = 0;
    for (&byte, weight) in body.iter().zip(WEIGHTS) {
        let value = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            _ => return false,
        };
        sum += u32::from(value) * weight;
    }
    check
        == match 11 - sum % 11 {
            10 => b'X',
            11 => b'0',
            digit => b'0' + digit as u8,
        }
}

const CHARACTERS: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// Departments in use (GB 32100-2015, table 2 and its later additions): 编办, 外交, 司法, 文化, 民政, 旅游, 宗教, 工会, 工商,
/// 中央军委, 农业, 其他.
fn is_department(byte: u8) -> bool {
    matches!(byte, b'1'..=b'9' | b'A' | b'G' | b'N' | b'Y')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn registered_organisations_hold() {
        assert!(is_valid(b"91350100M000100Y43")); // the example of GB 32100-2015
        assert!(is_valid(b"91110000710926094P"));
        assert!(is_valid(b"9144030071526726XG"));
        assert!(is_organisation_code(b"D2143569-X"));
        assert!(is_organisation_code(b"D2143569X"));
    }

    #[test]
    fn others_do_not() {
        for text in [
            &b""[..],
            b"91350100M000100Y44",
            b"91350100I000100Y43",
            b"91190100M000100Y43",
            b"91350100M000100Y4",
        ] {
            assert!(!is_valid(text));
        }
        assert!(!is_organisation_code(b"D21435690"));
        assert!(!is_organisation_code(b"D2143569-"));
        assert!(!is_organisation_code(b""));
    }

    proptest! {
        #[test]
        fn every_wrong_character_is_caught(at in 0_usize..17, other in prop::sample::select(CHARACTERS.to_vec())) {
            let mut code = *b"91350100M000100Y43";
            prop_assume!(code[at] != other);
            code[at] = other;
            let body: &[u8; 17] = code.first_chunk().unwrap();
            prop_assert_ne!(check_char(body), Some(code[17]));
        }
    }
}
