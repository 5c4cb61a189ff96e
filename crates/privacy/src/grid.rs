//! The decimal grid of a column: the numbers with so many fraction digits, counted in steps of the last one.
//!
//! On the grid of 1 decimal, `7.3` is 73 steps. Noise is drawn in steps, so that a released number looks like a measured one and
//! its low digits carry nothing else. The grid is the plan's, not the value's: the digits of a value may depend on it.

use crate::decimal;

/// The numbers with exactly so many fraction digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    decimals: u8,
}

/// A text that is no number on the grid. The text is not in the message.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GridError {
    /// More decimals than a 64-bit count of steps can carry.
    #[error("{decimals} decimals are too many: at most {}", Grid::MAX_DECIMALS)]
    Decimals {
        /// The decimals asked for.
        decimals: u8,
    },
    /// Not a sign, digits and at most one point.
    #[error("not a decimal number, at byte {at} of the value")]
    NotDecimal {
        /// The first byte that does not belong, or the length where digits are missing.
        at: usize,
    },
    /// A digit other than 0 stands behind the grid's last one.
    #[error("more than {decimals} decimals")]
    Finer {
        /// The grid's decimals.
        decimals: u8,
    },
    /// The number of steps does not fit 64 bits.
    #[error("number too large for a grid of {decimals} decimals")]
    Overflow {
        /// The grid's decimals.
        decimals: u8,
    },
}

impl Grid {
    /// `10^18` is the largest power of ten in 64 bits with a sign.
    pub const MAX_DECIMALS: u8 = 18;

    /// The grid of `decimals` fraction digits.
    pub fn new(decimals: u8) -> Result<Self, GridError> {
        if decimals <= Self::MAX_DECIMALS {
            Ok(Grid { decimals })
        } else {
            Err(GridError::Decimals { decimals })
        }
    }

    /// The fraction digits.
    pub fn decimals(self) -> u8 {
        self.decimals
    }

    /// The steps of a number that lies on the grid: an optional sign, digits, and at most one point. No exponent, no spaces.
    pub fn parse(self, text: &str) -> Result<i64, GridError> {
        let scaled = decimal::scale(text, self.decimals).map_err(|at| GridError::NotDecimal { at })?;
        let magnitude = scaled.magnitude.ok_or(GridError::Overflow { decimals: self.decimals })?;
        if scaled.remainder != decimal::Remainder::Zero {
            return Err(GridError::Finer { decimals: self.decimals });
        }
        let steps = if scaled.negative { -i128::from(magnitude) } else { i128::from(magnitude) };
        i64::try_from(steps).map_err(|_| GridError::Overflow { decimals: self.decimals })
    }

    /// The steps nearest to any decimal number, halves away from zero, limited to what 64 bits hold. Only a text that is no decimal
    /// is refused.
    pub fn nearest(self, text: &str) -> Result<i64, GridError> {
        let scaled = decimal::scale(text, self.decimals).map_err(|at| GridError::NotDecimal { at })?;
        let up = i128::from(scaled.remainder == decimal::Remainder::HalfOrMore);
        let magnitude = i128::from(scaled.magnitude.unwrap_or(u64::MAX)) + up;
        let steps = if scaled.negative { -magnitude } else { magnitude };
        Ok(steps.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }

    /// Appends the number with exactly the grid's decimals. Zero has no sign.
    pub fn write(self, steps: i64, out: &mut String) {
        let decimals = usize::from(self.decimals);
        let mut buffer = [b'0'; LONGEST];
        let mut start = LONGEST;
        let mut rest = steps.unsigned_abs();
        // At least one digit before the point.
        while rest > 0 || LONGEST - start <= decimals + usize::from(decimals > 0) {
            if decimals > 0 && LONGEST - start == decimals {
                start -= 1;
                buffer[start] = b'.';
            }
            start -= 1;
            buffer[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        if steps < 0 {
            start -= 1;
            buffer[start] = b'-';
        }
        out.push_str(std::str::from_utf8(&buffer[start..]).expect("digits, a point and a sign are ASCII"));
    }

    /// The text of [`Grid::write`].
    pub fn text(self, steps: i64) -> String {
        let mut out = String::new();
        self.write(steps, &mut out);
        out
    }
}

/// A sign, the 19 digits of `2^63`, a point.
const LONGEST: usize = 21;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grid(decimals: u8) -> Grid {
        Grid::new(decimals).unwrap()
    }

    #[test]
    fn decimal_text_becomes_exact_steps() {
        for (decimals, text, steps) in [
            (2, "7.35", 735),
            (1, "7", 70),
            (1, "-0.5", -5),
            (1, "+007.30", 73),
            (0, "12", 12),
            (0, "12.", 12),
            (2, ".5", 50),
            (2, "-0.00", 0),
            (18, "9.223372036854775807", i64::MAX),
            (0, "-9223372036854775808", i64::MIN),
            (0, "00000000000000000000000000000000000001.0000000000000000000000000000", 1),
        ] {
            assert_eq!(grid(decimals).parse(text), Ok(steps), "{text}");
            assert_eq!(grid(decimals).nearest(text), Ok(steps), "{text}");
        }
    }

    #[test]
    fn numbers_have_exactly_the_decimals_of_the_grid() {
        for (decimals, steps, text) in [
            (1, 73, "7.3"),
            (2, 5, "0.05"),
            (2, -5, "-0.05"),
            (2, 0, "0.00"),
            (0, 0, "0"),
            (0, -12, "-12"),
            (3, 1000, "1.000"),
            (18, i64::MIN, "-9.223372036854775808"),
            (0, i64::MIN, "-9223372036854775808"),
            (18, 1, "0.000000000000000001"),
        ] {
            assert_eq!(grid(decimals).text(steps), text);
        }
    }

    #[test]
    fn texts_that_are_no_decimals_are_refused_with_the_place() {
        for (text, at) in [
            ("", 0),
            ("-", 1),
            (".", 1),
            ("+.", 2),
            ("1e5", 1),
            ("7,3", 1),
            ("7.3.1", 3),
            (" 7", 0),
            ("7 ", 1),
            ("--7", 1),
            ("<0.5", 0),
            ("NaN", 0),
            ("inf", 0),
            ("7.3 mmol/l", 3),
            ("\u{ff17}", 0),
            ("99999999999999999999999999999999999999999x", 41),
        ] {
            assert_eq!(grid(1).parse(text), Err(GridError::NotDecimal { at }), "{text}");
            assert_eq!(grid(1).nearest(text), Err(GridError::NotDecimal { at }), "{text}");
        }
    }

    #[test]
    fn numbers_beside_or_beyond_the_grid_are_refused_or_brought_to_the_nearest_step() {
        assert_eq!(grid(1).parse("7.35"), Err(GridError::Finer { decimals: 1 }));
        assert_eq!(grid(0).parse("9223372036854775808"), Err(GridError::Overflow { decimals: 0 }));
        assert_eq!(grid(18).parse("-9.223372036854775809"), Err(GridError::Overflow { decimals: 18 }));
        assert_eq!(Grid::new(19), Err(GridError::Decimals { decimals: 19 }));
        for (text, steps) in [
            ("7.35", 74),
            ("7.3499999999999999999999999", 73),
            ("-7.35", -74),
            ("-0.04", 0),
            ("1844674407370955161.59", i64::MAX),
            ("99999999999999999999999999999999999999", i64::MAX),
            ("-99999999999999999999999999999999999999", i64::MIN),
        ] {
            assert_eq!(grid(1).nearest(text), Ok(steps), "{text}");
        }
    }

    #[test]
    fn errors_do_not_carry_the_value() {
        for error in [grid(1).parse("8.1234567").unwrap_err(), grid(1).parse("secret").unwrap_err()] {
            assert!(!format!("{error} {error:?}").contains("1234567"));
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }

    proptest! {
        #[test]
        fn every_number_of_steps_round_trips(steps in any::<i64>(), decimals in 0..=18u8) {
            let text = grid(decimals).text(steps);
            prop_assert_eq!(grid(decimals).parse(&text), Ok(steps));
            prop_assert_eq!(text.split_once('.').map_or(0, |(_, fraction)| fraction.len()), usize::from(decimals));
        }

        #[test]
        fn no_text_panics(text in "[-+]?[0-9.eE ]{0,50}|.{0,8}", decimals in 0..=18u8) {
            let (exact, nearest) = (grid(decimals).parse(&text), grid(decimals).nearest(&text));
            if let Ok(steps) = exact {
                prop_assert_eq!(nearest, Ok(steps));
            }
        }
    }
}
