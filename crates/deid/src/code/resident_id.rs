//! Resident identity numbers (公民身份号码) of GB 11643-1999 and the fifteen-digit form before it.
//!
//! Eighteen characters: six digits of region (GB/T 2260), eight of birth date, three of sequence (odd for men,
//! even for women) and a check character by ISO 7064 MOD 11-2. The fifteen-digit form has a two-digit year
//! and no check character. Residence permits of people from Hong Kong, Macao and Taiwan use the same form with
//! the regions `810000`, `820000` and `830000`; the foreigner's permanent residence card of 2023 with a leading `9`.
//!
//! MOD 11-2 detects every single substitution and every transposition of neighbours (ISO 7064 clause 5), which
//! the tests confirm.

use std::fmt;

use super::calendar;
use super::division::{self, Known};

/// A number that obeys every rule it can be checked against.
///
/// Its `Debug` shows nothing of the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ResidentId {
    region: u32,
    birth: (i32, u8, u8),
    sequence: u16,
    holder: Holder,
    form: Form,
}

/// Whom a number of this form was given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A citizen with registered residence on the mainland.
    Mainland,
    /// The holder of a residence permit for Hong Kong residents (`810000`).
    HongKong,
    /// The holder of a residence permit for Macao residents (`820000`).
    Macao,
    /// The holder of a residence permit for Taiwan residents (`830000`).
    Taiwan,
    /// A foreign permanent resident (first digit 9; then the issuing province and the nationality).
    Foreigner,
}

/// The two lengths in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// GB 11643-1989: two-digit year, no check character.
    Fifteen,
    /// GB 11643-1999.
    Eighteen,
}

/// As registered: what the parity of the sequence says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sex {
    /// 男, an odd sequence.
    Male,
    /// 女, an even sequence.
    Female,
}

/// Why a string is not a resident identity number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Neither 15 nor 18 characters.
    #[error("length {found} instead of 15 or 18")]
    Length {
        /// Bytes found.
        found: usize,
    },
    /// Something other than a digit (or X at the end).
    #[error("unexpected character at byte {at}")]
    Character {
        /// Where it stands.
        at: usize,
    },
    /// The first two digits are no province.
    #[error("unknown region")]
    Region,
    /// No such day, or outside the years allowed.
    #[error("impossible birth date")]
    BirthDate,
    /// The last character does not match the others.
    #[error("wrong check character")]
    Check,
}

/// Birth years before this one are taken for accidents: nobody registered was born earlier.
pub const EARLIEST_BIRTH_YEAR: i32 = 1850;

/// The latest birth year that [`ResidentId::parse`] accepts; callers who know today's date give their own.
pub const LATEST_BIRTH_YEAR: i32 = 2099;

impl ResidentId {
    /// Reads a number of either form; `x` is taken for `X`.
    pub fn parse(text: &[u8]) -> Result<Self, Fault> {
        Self::parse_born_by(text, LATEST_BIRTH_YEAR)
    }

    /// Reads a number whose holder was born in `latest_year` or before.
    pub fn parse_born_by(text: &[u8], latest_year: i32) -> Result<Self, Fault> {
        match text.len() {
            18 => Self::parse_eighteen(text, latest_year),
            15 => Self::parse_fifteen(text, latest_year),
            found => Err(Fault::Length { found }),
        }
    }

    fn parse_eighteen(text: &[u8], latest_year: i32) -> Result<Self, Fault> {
        let (Some(body), Some(last)) = (text.first_chunk::<17>(), text.last()) else {
            return Err(Fault::Length { found: text.len() });
        };
        all_digits(body)?;
        if !last.is_ascii_digit() && !last.eq_ignore_ascii_case(&b'X') {
            return Err(Fault::Character { at: 17 });
        }
        if check_char(body) != last.to_ascii_uppercase() {
            return Err(Fault::Check);
        }
        let region = number(&body[..6]);
        let holder = holder_of(region).ok_or(Fault::Region)?;
        let birth = (number(&body[6..10]) as i32, number(&body[10..12]) as u8, number(&body[12..14]) as u8);
        let sequence = number(&body[14..]) as u16;
        Self { region, birth, sequence, holder, form: Form::Eighteen }.born_by(latest_year)
    }

    fn parse_fifteen(text: &[u8], latest_year: i32) -> Result<Self, Fault> {
        all_digits(text)?;
        let region = number(&text[..6]);
        // The permits came long after the fifteen-digit form was given up.
        if holder_of(region) != Some(Holder::Mainland) {
            return Err(Fault::Region);
        }
        let sequence = number(&text[12..]) as u16;
        // Sequences 996 to 999 were kept for people who were a hundred when numbers were given out.
        let century = if sequence >= 996 { 1800 } else { 1900 };
        let birth =
            (century + number(&text[6..8]) as i32, number(&text[8..10]) as u8, number(&text[10..12]) as u8);
        Self { region, birth, sequence, holder: Holder::Mainland, form: Form::Fifteen }.born_by(latest_year)
    }

    fn born_by(self, latest_year: i32) -> Result<Self, Fault> {
        let (year, month, day) = self.birth;
        let possible =
            (EARLIEST_BIRTH_YEAR..=latest_year).contains(&year) && calendar::is_valid(year, month, day);
        if possible { Ok(self) } else { Err(Fault::BirthDate) }
    }

    /// Year, month and day of birth.
    pub fn birth_date(&self) -> (i32, u8, u8) {
        self.birth
    }

    /// The registered sex.
    pub fn sex(&self) -> Sex {
        if self.sequence % 2 == 1 { Sex::Male } else { Sex::Female }
    }

    /// The six digits of region: where the number was first given, which may be abolished since.
    pub fn region(&self) -> u32 {
        self.region
    }

    /// How far the region can be placed; `None` for foreigners, whose digits are no division of that kind.
    pub fn region_known(&self) -> Option<Known> {
        match self.holder {
            Holder::Mainland => division::known(self.region),
            Holder::HongKong | Holder::Macao | Holder::Taiwan => Some(Known::Province),
            Holder::Foreigner => None,
        }
    }

    /// The sequence among those born on a day in a region.
    pub fn sequence(&self) -> u16 {
        self.sequence
    }

    /// Whom the number was given to.
    pub fn holder(&self) -> Holder {
        self.holder
    }

    /// Which of the two forms it was written in.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The number in the eighteen-character form.
    pub fn to_eighteen(&self) -> [u8; 18] {
        compose(self.region, self.birth, self.sequence)
    }
}

impl fmt::Debug for ResidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResidentId(..)")
    }
}

/// The check character of the first seventeen digits: ISO 7064 MOD 11-2. Bytes other than digits count
/// by their low four bits, so check them before.
pub fn check_char(body: &[u8; 17]) -> u8 {
    // Weight i is 2^(17-i) mod 11 (GB 11643-1999, 附录 A).
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECKS: [u8; 11] = *b"10X98765432";
    let sum: u32 = body.iter().zip(WEIGHTS).map(|(&digit, weight)| u32::from(digit & 0xF) * weight).sum();
    CHECKS[(sum % 11) as usize]
}

/// Writes the eighteen characters for these facts. Digits that do not fit their field are cut off on the left.
pub fn compose(region: u32, (year, month, day): (i32, u8, u8), sequence: u16) -> [u8; 18] {
    let mut out = [b'0'; 18];
    write_digits(&mut out[..6], region);
    write_digits(&mut out[6..10], year.unsigned_abs());
    write_digits(&mut out[10..12], month.into());
    write_digits(&mut out[12..14], day.into());
    write_digits(&mut out[14..17], sequence.into());
    let body: &[u8; 17] = out.first_chunk().expect("eighteen bytes begin with seventeen");
    out[17] = check_char(body);
    out
}

fn holder_of(region: u32) -> Option<Holder> {
    match region {
        810_000 => Some(Holder::HongKong),
        820_000 => Some(Holder::Macao),
        830_000 => Some(Holder::Taiwan),
        // 9, the issuing province, the ISO 3166-1 numeric code of the nationality.
        900_000..=999_999 => division::lookup(region / 1_000 % 100 * 10_000).map(|_| Holder::Foreigner),
        _ => division::known(region).map(|_| Holder::Mainland),
    }
}

fn all_digits(text: &[u8]) -> Result<(), Fault> {
    match text.iter().position(|byte| !byte.is_ascii_digit()) {
        Some(at) => Err(Fault::Character { at }),
        None => Ok(()),
    }
}

fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit & 0xF))
}

fn write_digits(out: &mut [u8], mut number: u32) {
    for place in out.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The two examples printed in GB 11643-1999.
    const WOMAN: &[u8] = b"11010519491231002X";
    const MAN: &[u8] = b"440524188001010014";

    #[test]
    fn examples_of_the_standard_hold() {
        let id = ResidentId::parse(WOMAN).unwrap();
        assert_eq!((id.birth_date(), id.sex(), id.region()), ((1949, 12, 31), Sex::Female, 110105));
        let id = ResidentId::parse(MAN).unwrap();
        assert_eq!((id.birth_date(), id.sex(), id.holder()), ((1880, 1, 1), Sex::Male, Holder::Mainland));
        assert!(ResidentId::parse(b"11010519491231002x").is_ok());
    }

    #[test]
    fn each_fault_is_named() {
        let fault = |text: &[u8]| ResidentId::parse(text).unwrap_err();
        assert_eq!(fault(b""), Fault::Length { found: 0 });
        assert_eq!(fault(b"1101051949123100XX"), Fault::Character { at: 16 });
        assert_eq!(fault(b"11010519491231002Y"), Fault::Character { at: 17 });
        assert_eq!(fault(b"110105194912310021"), Fault::Check);
        assert_eq!(fault(&compose(180_105, (1949, 12, 31), 2)), Fault::Region);
        assert_eq!(fault(&compose(110_105, (2023, 2, 29), 2)), Fault::BirthDate);
        assert_eq!(fault(&compose(110_105, (1849, 12, 31), 2)), Fault::BirthDate);
        assert_eq!(
            ResidentId::parse_born_by(&compose(110_105, (2025, 1, 1), 2), 2024),
            Err(Fault::BirthDate)
        );
        assert_eq!(fault("一二三四五六".as_bytes()), Fault::Character { at: 0 });
    }

    #[test]
    fn fifteen_digits_are_read() {
        let id = ResidentId::parse(b"110105491231002").unwrap();
        assert_eq!((id.birth_date(), id.form()), ((1949, 12, 31), Form::Fifteen));
        assert_eq!(id.to_eighteen(), WOMAN);
        assert_eq!(ResidentId::parse(b"110105801231998").unwrap().birth_date().0, 1880);
        assert_eq!(ResidentId::parse(b"110105491331002"), Err(Fault::BirthDate));
    }

    #[test]
    fn permits_of_other_residents_are_told_apart() {
        let holder = |region| ResidentId::parse(&compose(region, (1990, 5, 6), 7)).map(|id| id.holder());
        assert_eq!(holder(810_000), Ok(Holder::HongKong));
        assert_eq!(holder(820_000), Ok(Holder::Macao));
        assert_eq!(holder(830_000), Ok(Holder::Taiwan));
        assert_eq!(holder(931_840), Ok(Holder::Foreigner)); // Shanghai, United States
        assert_eq!(holder(918_840), Err(Fault::Region));
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", ResidentId::parse(WOMAN).unwrap()), "ResidentId(..)");
    }

    prop_compose! {
        fn valid()(region in prop::sample::select(vec![110_105_u32, 320_106, 440_300, 650_100, 830_000]),
                   days in -30_000_i32..20_000, sequence in 0_u16..1000) -> [u8; 18] {
            compose(region, calendar::civil_from_days(days), sequence)
        }
    }

    proptest! {
        #[test]
        fn composed_numbers_are_valid(text in valid()) {
            prop_assert_eq!(ResidentId::parse(&text).unwrap().to_eighteen(), text);
        }

        #[test]
        fn every_wrong_digit_is_caught(text in valid(), at in 0_usize..17, add in 1_u8..10) {
            let mut wrong = text;
            wrong[at] = b'0' + (wrong[at] - b'0' + add) % 10;
            prop_assert_eq!(ResidentId::parse(&wrong), Err(Fault::Check));
        }

        #[test]
        fn every_transposition_is_caught(text in valid(), at in 0_usize..16) {
            prop_assume!(text[at] != text[at + 1]);
            let mut wrong = text;
            wrong.swap(at, at + 1);
            prop_assert_eq!(ResidentId::parse(&wrong), Err(Fault::Check));
        }

        #[test]
        fn no_input_panics(text in prop::collection::vec(any::<u8>(), 0..24)) {
            let _ = ResidentId::parse(&text);
        }
    }
}
