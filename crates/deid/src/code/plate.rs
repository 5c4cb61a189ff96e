//! Chinese vehicle licence plates (GA 36-2018): a province sign, a letter of the issuing office, five characters, or
//! six for new-energy vehicles.

/// The kinds that can be told from the characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plate {
    /// 京A12345
    Ordinary,
    /// 京AD12345 (small) or 京A12345D (large)
    NewEnergy,
    /// 京A1234警, 学, 挂, 港, 澳, 领: the last character says the use.
    Special,
    /// 使014578: an embassy's.
    Embassy,
}

/// The kind of plate that the text is; a middle dot, a hyphen or spaces after the office's letter are allowed, and small
/// letters are taken for capitals.
pub fn parse(text: &str) -> Option<Plate> {
    let mut sign = text.chars();
    let province = sign.next()?;
    let mut rest: [char; 7] = ['\0'; 7];
    let mut length = 0;
    for c in sign {
        let separator = matches!(c, '·' | '•' | '-' | ' ' | '.');
        if separator && length <= 1 {
            continue;
        }
        *rest.get_mut(length)? = c.to_ascii_uppercase();
        length += 1;
    }
    let rest = &rest[..length];
    if province == '使' {
        return (length == 6 && rest.iter().all(char::is_ascii_digit)).then_some(Plate::Embassy);
    }
    let (&office, number) = rest.split_first()?;
    if !PROVINCES.contains(province) || !office.is_ascii_uppercase() || office == 'I' {
        return None;
    }
    match number {
        [digits @ .., '警' | '学' | '挂' | '港' | '澳' | '领' | '超' | '试'] if digits.len() == 4 => {
            digits.iter().all(is_character).then_some(Plate::Special)
        }
        // 5.2.2: at most two letters among the five.
        [_, _, _, _, _] => {
            let letters = number.iter().filter(|c| c.is_ascii_uppercase()).count();
            (number.iter().all(is_character) && letters <= 2).then_some(Plate::Ordinary)
        }
        // 6.1: D, A-E for electric, F, G-K for others; the letter is first on small, last on large vehicles.
        [kind, second, digits @ .., last] if digits.len() == 3 => {
            let all_digits = digits.iter().all(char::is_ascii_digit);
            let small = is_energy(*kind) && is_character(second) && all_digits && last.is_ascii_digit();
            let large = kind.is_ascii_digit() && second.is_ascii_digit() && all_digits && is_energy(*last);
            (small || large).then_some(Plate::NewEnergy)
        }
        _ => None,
    }
}

const PROVINCES: &str = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新";

/// The letters I and O look like digits and are not used.
fn is_character(c: &char) -> bool {
    c.is_ascii_digit() || (c.is_ascii_uppercase() && *c != 'I' && *c != 'O')
}

fn is_energy(c: char) -> bool {
    matches!(c, 'A'..='H' | 'J' | 'K')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plates_are_told_apart() {
        for (text, plate) in [
            ("京A12345", Plate::Ordinary),
            ("苏A·8B88C", Plate::Ordinary),
            ("粤b 12345", Plate::Ordinary),
            ("沪AD12345", Plate::NewEnergy),
            ("粤BF12345", Plate::NewEnergy),
            ("粤B12345D", Plate::NewEnergy),
            ("京A1234警", Plate::Special),
            ("粤Z1234港", Plate::Special),
            ("使014578", Plate::Embassy),
        ] {
            assert_eq!(parse(text), Some(plate), "{text}");
        }
    }

    #[test]
    fn other_text_is_no_plate() {
        for text in [
            "",
            "京",
            "京A",
            "京A1234",
            "京I12345",
            "京A1234I",
            "京AABC12",
            "北A12345",
            "A12345",
            "京A123456",
            "粤BF1234A",
            "京A12345678",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
