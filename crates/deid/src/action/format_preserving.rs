//! Format-preserving encryption: digits stay digits, letters stay letters of their case, everything else stays in place.
//!
//! FF1 with AES-256 (NIST SP 800-38G, clause 5) over the digits of a value, and over its ASCII letters, each as one numeral string.
//! A string needs at least 1,000,000 possible values (SP 800-38G Rev. 1, clause 5.1): fewer than six digits or five letters are
//! refused, unless there are none of that class at all.

use aes::Aes256;
use fpe::ff1::{FF1, FlexibleNumeralString};

use super::{Cell, Effect, Refusal, Transform};
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
        let digits: Vec<u16> = value.bytes().filter(u8::is_ascii_digit).map(|b| u16::from(b - b'0')).collect();
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
        Ok(())
    }

    fn map(&self, cipher: &FF1<Aes256>, numerals: Vec<u16>, least: usize, decrypt: bool) -> Result<Vec<u16>, Refusal> {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{MasterKey, Suite};

    #[test]
    fn the_key_holder_gets_the_value_back() {
        let study = Study::new(&MasterKey::from_bytes([1; 32]), "s", Suite::International, None);
        let cipher = FormatPreserving::new(&study, "t");
        for value in ["110101199003074477", "AB-123456-cdefg", "京A·1234567"] {
            let (mut there, mut back) = (String::new(), String::new());
            if cipher.write(value, false, &mut there).is_ok() {
                assert_ne!(there, value);
                cipher.write(&there, true, &mut back).unwrap();
                assert_eq!(back, value);
            }
        }
        assert_eq!(cipher.write("…", false, &mut String::new()), Err(Refusal::DomainTooSmall));
    }
}
