//! Enrolment codes: the seed of a key, as it is printed for a patient.
//!
//! Crockford's base 32 (no I, L, O, U) of the 32 bytes of the seed and two bytes of a check value, in eleven groups of five: a letter mistyped is found out before anything is asked of a node.

use std::fmt;
use std::str::FromStr;

use medveil_ledger::{Digest, SigningKey};
use zeroize::{Zeroize as _, Zeroizing};

/// A code. Whoever has it binds a wallet to the handle, once.
pub struct Code {
    seed: Zeroizing<[u8; 32]>,
}

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Letters of a code: 34 bytes at five bits.
const LETTERS: usize = 55;

/// Why a text is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Too many letters or too few.
    #[error("an enrolment code has {LETTERS} letters, this has {0}")]
    Length(usize),
    /// A letter that codes do not have.
    #[error("letter {0} of the enrolment code is none that codes have")]
    Letter(usize),
    /// The check value is another.
    #[error("the enrolment code is mistyped: its check letters do not fit")]
    Check,
}

impl Code {
    /// The code of a seed.
    pub fn of(seed: Zeroizing<[u8; 32]>) -> Self {
        Code { seed }
    }

    /// The key that signs the enrolment.
    pub fn key(&self) -> SigningKey {
        SigningKey::ed25519(*self.seed)
    }

    /// As it is printed. It is a secret until it is used.
    pub fn text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; 34]);
        bytes[..32].copy_from_slice(self.seed.as_slice());
        bytes[32..].copy_from_slice(&check(&self.seed));
        let (mut text, mut bits, mut held) = (Zeroizing::new(String::with_capacity(66)), 0u32, 0u32);
        let mut letters = 0;
        let mut push = |value: u32| {
            if letters > 0 && letters % 5 == 0 {
                text.push('-');
            }
            text.push(char::from(ALPHABET[(value & 31) as usize]));
            letters += 1;
        };
        for byte in bytes.iter() {
            held = (held << 8) | u32::from(*byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                push(held >> bits);
            }
        }
        // 272 bits are 54 letters and two bits.
        push(held << (5 - bits));
        text
    }
}

fn check(seed: &[u8; 32]) -> [u8; 2] {
    let digest = Digest::of("medveil/enrolment-code/1", &[seed]);
    [digest.0[0], digest.0[1]]
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

impl FromStr for Code {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let letters = || text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-');
        let count = letters().count();
        if count != LETTERS {
            return Err(CodeError::Length(count));
        }
        let mut bytes = Zeroizing::new([0u8; 35]);
        let (mut bits, mut held, mut at) = (0u32, 0u32, 0);
        for (index, letter) in letters().enumerate() {
            // As people read them.
            let letter = match letter.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                letter => letter,
            };
            let value = ALPHABET.iter().position(|known| char::from(*known) == letter);
            let value = value.ok_or(CodeError::Letter(index + 1))?;
            held = (held << 5) | value as u32;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes[at] = (held >> bits) as u8;
                at += 1;
            }
        }
        let mut seed = Zeroizing::new([0; 32]);
        seed.copy_from_slice(&bytes[..32]);
        // The bits after the last byte are zeros: one text for each code.
        let rest = held & ((1 << bits) - 1);
        held.zeroize();
        if bytes[32..34] != check(&seed) || rest != 0 {
            return Err(CodeError::Check);
        }
        Ok(Code { seed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(number: u8) -> Code {
        Code::of(Zeroizing::new([number.wrapping_mul(37); 32]))
    }

    #[test]
    fn a_code_reads_as_it_is_printed_however_it_is_typed() {
        for number in 0..=255 {
            let text = code(number).text();
            assert_eq!((text.len(), text.split('-').count()), (LETTERS + 10, 11));
            let read: Code = text.parse().unwrap();
            assert_eq!(read.key().public(), code(number).key().public());
            let typed = text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
            assert_eq!(typed.parse::<Code>().unwrap().key().public(), read.key().public());
        }
    }

    #[test]
    fn a_mistyped_code_is_found_out() {
        let text = code(5).text().to_string();
        let mut missed = 0;
        for at in (0..text.len()).filter(|at| text.as_bytes()[*at] != b'-') {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
            missed += u32::from(String::from_utf8(bytes).unwrap().parse::<Code>().is_ok());
        }
        // Sixteen bits of a digest: one in 65,536 passes.
        assert_eq!(missed, 0);
        assert_eq!("A".parse::<Code>().unwrap_err(), CodeError::Length(1));
        assert_eq!("U".repeat(LETTERS).parse::<Code>().unwrap_err(), CodeError::Letter(1));
    }

    #[test]
    fn nothing_shows_the_code() {
        assert_eq!(format!("{:?}", code(9)), "Code(..)");
    }
}
