//! Format-preserving encryption: digits stay digits, letters stay letters of their case, everything else stays in place.
//!
//! FF1 with AES-256 (NIST SP 800-38G, clause 5) over the digits of a value, and over its ASCII letters, each as one numeral string.
//! A string needs at least 1,000,000 possible values (SP 800-38G Rev. 1, clause 5.1): fewer than six digits or five letters are
//! refused, unless there are none of that class at all.
//!
//! Two exceptions. The `X` after seventeen digits is the check character of a resident identity number, a digit of value ten, and stays: without
//! that, one number in eleven would be refused. It tells what any check character tells, and the result need not have a valid one. Letters beyond
//! ASCII have no alphabet here and would stay readable: values with them are refused.

use aes::Aes256;
use fpe::ff1::{FF1, FlexibleNumeralString};

use super::{Cell, Effect, Reads, Refusal, Transform};
use crate::study::Study;

pub(super) struct FormatPreserving {
    digits: FF1<Aes256>,
    letters: FF1<Aes256>,
    tweak: Vec<u8>,
}

impl FormatPreserving {
    pub(super) fn new(study: &Study, tweak: &str) -> Self {
        const RADIX: &str = "10 and 26 are radices of FF1, and the key has 32 bytes";
        FormatPreserving {
            digits: FF1::new(study.subkey(&["ff1", "digits"]).as_slice(), 10).expect(RADIX),
            letters: FF1::new(study.subkey(&["ff1", "letters"]).as_slice(), 26).expect(RADIX),
            tweak: tweak.as_bytes().to_vec(),
        }
    }

    /// Writes the value with its digits and letters encrypted, or decrypted again.
    pub(super) fn write(&self, value: &str, decrypt: bool, out: &mut String) -> Result<(), Refusal> {
        let value = value.trim();
        if value.chars().any(|c| !c.is_ascii() && c.is_alphanumeric()) {
            return Err(Refusal::ForeignLetters);
        }
        let (value, check) = match value.as_bytes() {
            [body @ .., b'X' | b'x'] if body.len() == 17 && body.iter().all(u8::is_ascii_digit) => {
                value.split_at(17)
            }
            _ => (value, ""),
        };
        let digits: Vec<u16> =
            value.bytes().filter(u8::is_ascii_digit).map(|b| u16::from(b - b'0')).collect();
        let letters: Vec<u16> = value
            .bytes()
            .filter(u8::is_ascii_alphabetic)
            .map(|b| u16::from(b.to_ascii_lowercase() - b'a'))
            .collect();
        if digits.is_empty() && letters.is_empty() {
            return Err(Refusal::DomainTooSmall);
        }
        let mut digits = self.map(&self.digits, digits, 6, decrypt)?.into_iter();
        let mut letters = self.map(&self.letters, letters, 5, decrypt)?.into_iter();
        let next = |numerals: &mut std::vec::IntoIter<u16>| numerals.next().map_or(0, |n| n as u8);
        for letter in value.chars() {
            out.push(match letter {
                '0'..='9' => (b'0' + next(&mut digits)) as char,
                'a'..='z' => (b'a' + next(&mut letters)) as char,
                'A'..='Z' => (b'A' + next(&mut letters)) as char,
                other => other,
            });
        }
        out.push_str(check);
        Ok(())
    }

    fn map(
        &self,
        cipher: &FF1<Aes256>,
        numerals: Vec<u16>,
        least: usize,
        decrypt: bool,
    ) -> Result<Vec<u16>, Refusal> {
        match numerals.len() {
            0 => return Ok(numerals),
            n if n < least => return Err(Refusal::DomainTooSmall),
            _ => {}
        }
        let text = FlexibleNumeralString::from(numerals);
        let done = match decrypt {
            false => cipher.encrypt(&self.tweak, &text),
            true => cipher.decrypt(&self.tweak, &text),
        };
        done.map(Into::into).map_err(|_| Refusal::DomainTooSmall)
    }
}

impl Transform for FormatPreserving {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        self.write(cell.value.0, false, out)?;
        Ok(Effect::Replaced)
    }

    fn reads(&self) -> Reads {
        Reads::Value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{MasterKey, Suite};

    fn cipher(study: &str, tweak: &str) -> FormatPreserving {
        let study = Study::new(&MasterKey::from_bytes([1; 32]), study, Suite::International, None);
        FormatPreserving::new(&study, tweak)
    }

    fn sealed(cipher: &FormatPreserving, value: &str) -> Result<String, Refusal> {
        let mut out = String::new();
        cipher.write(value, false, &mut out).map(|()| out)
    }

    #[test]
    fn the_key_holder_gets_the_value_back_and_others_see_its_form() {
        let ours = cipher("s", "t");
        for value in [
            "110101199003074477",
            "11010119900307447X",
            "AB-123456-cdefg",
            "+86 138-1234-5678",
            "000000",
            "zzzzz",
        ] {
            let there = sealed(&ours, value).unwrap();
            assert_ne!(there, value);
            let form = |text: &str| -> String {
                text.chars()
                    .map(|c| match c {
                        '0'..='9' => '0',
                        'a'..='z' => 'a',
                        'A'..='W' | 'Y' | 'Z' => 'A',
                        'X' if text.len() == 18 => 'X',
                        'X' => 'A',
                        other => other,
                    })
                    .collect()
            };
            assert_eq!(form(&there), form(value));
            let mut back = String::new();
            ours.write(&there, true, &mut back).unwrap();
            assert_eq!(back, value);
        }
    }

    #[test]
    fn studies_and_identity_spaces_are_unlinkable() {
        let value = "110101199003074477";
        assert_ne!(sealed(&cipher("s", "t"), value), sealed(&cipher("other", "t"), value));
        assert_ne!(sealed(&cipher("s", "t"), value), sealed(&cipher("s", "other"), value));
    }

    #[test]
    fn what_could_be_searched_or_would_stay_readable_is_refused() {
        let ours = cipher("s", "t");
        for value in ["…", "12345", "abcd", "A1234567", "1234567890123456X", "-"] {
            assert_eq!(sealed(&ours, value), Err(Refusal::DomainTooSmall), "{value}");
        }
        for value in ["张伟123456", "京A1234567", "１２３４５６７", "émigré123456"] {
            assert_eq!(sealed(&ours, value), Err(Refusal::ForeignLetters), "{value}");
        }
    }

    /// NIST, "Examples with intermediate values", FF1 samples 7 and 8 (AES-256).
    #[test]
    fn ff1_is_that_of_nist() {
        let key = hex::decode("2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94").unwrap();
        let ff1 = FF1::<Aes256>::new(&key, 10).unwrap();
        let plain = FlexibleNumeralString::from((0..10).collect::<Vec<u16>>());
        for (tweak, expected) in
            [("", [6, 6, 5, 7, 6, 6, 7, 0, 0, 9]), ("39383736353433323130", [1, 0, 0, 1, 6, 2, 3, 4, 6, 3])]
        {
            let sealed: Vec<u16> = ff1.encrypt(&hex::decode(tweak).unwrap(), &plain).unwrap().into();
            assert_eq!(sealed, expected);
        }
    }
}
