//! Decimal numbers, exactly: what actions on numbers compute with, so that no float rounds a boundary or differs between machines.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use serde_json::Number;

use super::{ParameterError, Refusal};

/// A decimal number, exactly: `mantissa / 10^scale`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) mantissa: i128,
    pub(crate) scale: u32,
}

impl Decimal {
    /// Decimal places that are carried.
    pub(crate) const FINEST: u32 = 18;

    /// Digits before the point that are carried.
    const LARGEST: u32 = 18;

    pub(crate) const ZERO: Self = Decimal { mantissa: 0, scale: 0 };

    pub(crate) fn from_whole(mantissa: i128) -> Self {
        Decimal { mantissa, scale: 0 }
    }

    /// Reads an optional sign, digits and at most one point, as [`Grid::parse`](medveil_privacy::Grid::parse) does; space around is passed over.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let bytes = text.trim().as_bytes();
        let (negative, digits) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (mut mantissa, mut scale, mut whole, mut seen, mut point) = (0i128, 0, 0, false, false);
        for byte in digits {
            match byte {
                b'0'..=b'9' => {
                    seen = true;
                    if point {
                        scale += 1;
                    } else if whole > 0 || *byte != b'0' {
                        whole += 1;
                    }
                    // What is too large is still read to its end: it may be no number.
                    if whole <= Self::LARGEST && scale <= Self::FINEST {
                        mantissa = mantissa * 10 + i128::from(byte - b'0');
                    }
                }
                b'.' if !point => point = true,
                _ => return Err(Refusal::NotANumber),
            }
        }
        if !seen {
            return Err(Refusal::NotANumber);
        }
        if whole > Self::LARGEST || scale > Self::FINEST {
            return Err(Refusal::NumberOverflow);
        }
        Ok(Decimal { mantissa: if negative { -mantissa } else { mantissa }, scale })
    }

    /// The number of a plan, as the plan writes it (`0.1` is a tenth), without zeros at its end.
    pub(crate) fn of_parameter(name: &str, number: &Number) -> Result<Self, ParameterError> {
        // `Display` of a float never has an exponent, that of a JSON number may.
        let text =
            number.as_f64().filter(|_| number.is_f64()).map_or_else(|| number.to_string(), |n| n.to_string());
        let fault =
            |_| ParameterError(format!("`{name}` must be a number of at most 18 digits and 18 decimals"));
        Decimal::parse(&text).map(Decimal::trimmed).map_err(fault)
    }

    /// The same number without zeros at the end of its fraction.
    pub(crate) fn trimmed(mut self) -> Self {
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self = Decimal { mantissa: self.mantissa / 10, scale: self.scale - 1 };
        }
        self
    }

    /// The mantissa at another scale; refused where digits would be lost.
    pub(crate) fn at_scale(self, scale: u32) -> Result<i128, Refusal> {
        let up = scale.checked_sub(self.scale).ok_or(Refusal::NumberOverflow)?;
        10i128.checked_pow(up).and_then(|unit| self.mantissa.checked_mul(unit)).ok_or(Refusal::NumberOverflow)
    }

    /// Both mantissas at the finer scale of the two.
    pub(crate) fn align(self, other: Self) -> Result<(i128, i128, u32), Refusal> {
        let scale = self.scale.max(other.scale);
        Ok((self.at_scale(scale)?, other.at_scale(scale)?, scale))
    }

    pub(crate) fn compare(self, other: Self) -> Result<Ordering, Refusal> {
        self.align(other).map(|(l, r, _)| l.cmp(&r))
    }

    pub(crate) fn negate(self) -> Self {
        // No i128::MIN arises: parsing yields at most 36 digits and the operations are checked and bounded by `fit`.
        Decimal { mantissa: self.mantissa.saturating_neg(), scale: self.scale }
    }

    /// Without its sign.
    pub(crate) fn magnitude(self) -> Self {
        Decimal { mantissa: self.mantissa.saturating_abs(), ..self }
    }

    pub(crate) fn add(self, other: Self) -> Result<Self, Refusal> {
        let (l, r, scale) = self.align(other)?;
        Ok(Decimal { mantissa: l.checked_add(r).ok_or(Refusal::NumberOverflow)?, scale })
    }

    pub(crate) fn multiply(self, other: Self) -> Result<Self, Refusal> {
        let mantissa = self.mantissa.checked_mul(other.mantissa).ok_or(Refusal::NumberOverflow)?;
        Ok(Decimal { mantissa, scale: self.scale + other.scale }.fit())
    }

    /// The quotient to eight places, half away from zero; nothing for a divisor of zero (FHIRPath 6.6.2).
    pub(crate) fn divide(self, other: Self) -> Result<Option<Self>, Refusal> {
        const PLACES: u32 = 8;
        let (l, r, _) = self.align(other)?;
        if r == 0 {
            return Ok(None);
        }
        let l = l.checked_mul(10i128.pow(PLACES + 1)).ok_or(Refusal::NumberOverflow)?;
        Ok(Some(Decimal { mantissa: l / r, scale: PLACES + 1 }.round(PLACES).trimmed()))
    }

    pub(crate) fn quotient(self, other: Self) -> Result<Option<Self>, Refusal> {
        let (l, r, _) = self.align(other)?;
        Ok(l.checked_div(r).map(Decimal::from_whole))
    }

    pub(crate) fn remainder(self, other: Self) -> Result<Option<Self>, Refusal> {
        let (l, r, scale) = self.align(other)?;
        Ok(l.checked_rem(r).map(|mantissa| Decimal { mantissa, scale }))
    }

    pub(crate) fn whole(self) -> Result<i128, Refusal> {
        Ok(self.mantissa / 10i128.pow(self.scale))
    }

    pub(crate) fn floor(self) -> Self {
        Decimal::from_whole(self.mantissa.div_euclid(10i128.pow(self.scale)))
    }

    /// Towards zero, to so many places; a number with fewer stays as it is.
    pub(crate) fn cut(self, places: u32) -> Self {
        let Some(more) = self.scale.checked_sub(places) else { return self };
        Decimal { mantissa: self.mantissa / 10i128.pow(more), scale: places }
    }

    /// To so many places, half away from zero; a number with fewer stays as it is.
    pub(crate) fn round(self, places: u32) -> Self {
        match self.scale.checked_sub(places) {
            None | Some(0) => self,
            Some(more) => Decimal { mantissa: nearest(self.mantissa, 10i128.pow(more)), scale: places },
        }
    }

    /// Keeps the scale within what is carried, so that powers of ten stay in range.
    fn fit(self) -> Self {
        self.round(Self::FINEST)
    }

    /// Appends the number with all the decimals of its scale. Zero has no sign.
    pub(crate) fn write(self, out: &mut String) {
        write!(out, "{self}").expect("a string takes all text");
    }
}

/// The multiple of `unit` (above zero) nearest to `mantissa`, in units; from the middle away from zero.
pub(crate) fn nearest(mantissa: i128, unit: i128) -> i128 {
    let (quotient, rest) = (mantissa / unit, mantissa % unit);
    // Not `2 * rest`: that may not fit.
    if rest.unsigned_abs() >= unit.unsigned_abs() - rest.unsigned_abs() {
        quotient + rest.signum()
    } else {
        quotient
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 39 digits of an i128, a sign, a point and the zeros of a fraction.
        let mut buffer = [b'0'; 64];
        let (mut at, mut rest, scale) = (buffer.len(), self.mantissa.unsigned_abs(), self.scale as usize);
        let mut written = 0;
        while rest > 0 || written <= scale {
            if written == scale && scale > 0 {
                at -= 1;
                buffer[at] = b'.';
            }
            at -= 1;
            // Division of 128 bits takes many times as long.
            let digit = match u64::try_from(rest) {
                Ok(small) => {
                    rest = (small / 10).into();
                    small % 10
                }
                Err(_) => {
                    let digit = rest % 10;
                    rest /= 10;
                    digit as u64
                }
            };
            buffer[at] = b'0' + digit as u8;
            written += 1;
        }
        if self.mantissa < 0 {
            at -= 1;
            buffer[at] = b'-';
        }
        f.write_str(std::str::from_utf8(&buffer[at..]).expect("digits, a point and a sign are ASCII"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|refusal| panic!("{text}: {refusal}"))
    }

    #[test]
    fn plain_decimals_are_read_exactly_and_nothing_else() {
        for (text, written) in [
            ("7.35", "7.35"),
            (" -0.50 ", "-0.50"),
            ("+007.30", "7.30"),
            (".5", "0.5"),
            ("12.", "12"),
            ("-0.0", "0.0"),
            ("000000000000000000000000001", "1"),
            ("999999999999999999.999999999999999999", "999999999999999999.999999999999999999"),
        ] {
            assert_eq!(decimal(text).to_string(), written, "{text}");
        }
        for text in
            ["", "-", ".", "1e5", "7,3", "7.3.1", "<0.5", "NaN", "inf", "７", "1 2", "9999999999999999999x"]
        {
            assert!(matches!(Decimal::parse(text), Err(Refusal::NotANumber)), "{text}");
        }
        for text in ["1000000000000000000", "0.0000000000000000001"] {
            assert!(matches!(Decimal::parse(text), Err(Refusal::NumberOverflow)), "{text}");
        }
    }

    #[test]
    fn middles_go_away_from_zero() {
        for (mantissa, expected) in [(25, 3), (35, 4), (-25, -3), (24, 2), (26, 3), (-24, -2), (0, 0)] {
            assert_eq!(nearest(mantissa, 10), expected, "{mantissa}");
        }
        assert_eq!(nearest(i128::MAX, i128::MAX), 1);
    }

    #[test]
    fn numbers_of_plans_are_what_the_plan_writes() {
        let of = |number: serde_json::Value| {
            Decimal::of_parameter("step", number.as_number().unwrap()).map(|d| d.to_string())
        };
        assert_eq!(of(serde_json::json!(0.1)), Ok("0.1".into()));
        assert_eq!(of(serde_json::json!(10.0)), Ok("10".into()));
        assert_eq!(of(serde_json::json!(-5)), Ok("-5".into()));
        assert_eq!(of(serde_json::json!(1e-7)), Ok("0.0000001".into()));
        assert!(of(serde_json::json!(1e300)).unwrap_err().0.contains("`step`"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_the_same(mantissa in -1_000_000_000_000_000_000i128..1_000_000_000_000_000_000, scale in 0..=18u32) {
            let written = Decimal { mantissa, scale }.to_string();
            let read = decimal(&written);
            prop_assert_eq!((read.mantissa, read.scale), (mantissa, scale));
        }

        #[test]
        fn no_text_panics(text in "[-+]?[0-9.eE ]{0,50}|.{0,8}") {
            let _ = Decimal::parse(&text);
        }
    }
}
