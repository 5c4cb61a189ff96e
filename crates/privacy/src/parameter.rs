//! Epsilon and delta as exact numbers, rounded down once, when a plan is read.
//!
//! A plan writes `0.1`; the float that holds it is a little more. What counts is the decimal that was written: the shortest one that names
//! the float (which is what Rust prints), cut after the resolution's last digit. Both parameters only shrink, which is the
//! direction that adds noise.

use crate::decimal;

/// The privacy-loss parameter epsilon, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epsilon(u64);

/// The failure probability delta, in units of `10^-12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delta(u64);

/// A parameter under which nothing would be protected, or which could not be represented.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ParameterError {
    /// Epsilon below the resolution, above a million, or no number.
    #[error("epsilon {epsilon} is out of range: from 0.000001 to 1000000")]
    Epsilon {
        /// What was asked for.
        epsilon: f64,
    },
    /// Delta below the resolution, 1 or more, or no number.
    #[error("delta {delta} is out of range: from 0.000000000001 to less than 1")]
    Delta {
        /// What was asked for.
        delta: f64,
    },
}

impl Epsilon {
    /// Units in 1.
    pub const RESOLUTION: u64 = 1_000_000;
    const LARGEST: u64 = 1_000_000 * Self::RESOLUTION;

    /// The epsilon of a plan, rounded down to a millionth.
    pub fn new(epsilon: f64) -> Result<Self, ParameterError> {
        match round_down(epsilon, 6) {
            Some(micros @ 1..=Self::LARGEST) => Ok(Epsilon(micros)),
            _ => Err(ParameterError::Epsilon { epsilon }),
        }
    }

    /// Epsilon in millionths, exactly: at least 1.
    pub fn micros(self) -> u64 {
        self.0
    }

    /// Epsilon for display.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / Self::RESOLUTION as f64
    }
}

impl Delta {
    /// Units in 1.
    pub const RESOLUTION: u64 = 1_000_000_000_000;

    /// The delta of a plan, rounded down to `10^-12`.
    pub fn new(delta: f64) -> Result<Self, ParameterError> {
        match round_down(delta, 12) {
            Some(picos @ 1..Self::RESOLUTION) => Ok(Delta(picos)),
            _ => Err(ParameterError::Delta { delta }),
        }
    }

    /// Delta in units of `10^-12`, exactly: at least 1.
    pub fn picos(self) -> u64 {
        self.0
    }

    /// Delta for display.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / Self::RESOLUTION as f64
    }
}

/// A non-negative float in units of `10^-decimals`, rounded down; nothing for what is negative, too large or no number.
pub(crate) fn round_down(number: f64, decimals: u8) -> Option<u64> {
    // `Display` writes the shortest decimal that names the float, and never an exponent.
    let scaled = decimal::scale(&number.to_string(), decimals).ok()?;
    scaled.magnitude.filter(|magnitude| !scaled.negative || (*magnitude == 0 && number == 0.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_decimal_that_was_written_counts() {
        assert_eq!(Epsilon::new(0.3).unwrap().micros(), 300_000); // the float is 0.29999999999999998...
        assert_eq!(Epsilon::new(0.1).unwrap().micros(), 100_000); // the float is 0.1000000000000000055...
        assert_eq!(Delta::new(1e-9).unwrap().picos(), 1_000);
        assert_eq!(Epsilon::new(1e6).unwrap().to_f64(), 1e6);
    }

    #[test]
    fn parameters_are_rounded_down() {
        assert_eq!(Epsilon::new(1.999_999_9).unwrap().micros(), 1_999_999);
        assert_eq!(Epsilon::new(std::f64::consts::LN_2).unwrap().micros(), 693_147);
        assert_eq!(Delta::new(1.9e-12).unwrap().picos(), 1);
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        for epsilon in
            [0.0, -0.0, -1.0, 9.9e-7, 1_000_000.1, f64::MAX, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]
        {
            assert!(matches!(Epsilon::new(epsilon), Err(ParameterError::Epsilon { .. })), "{epsilon}");
        }
        for delta in [0.0, -1e-6, 9.9e-13, 1.0, 2.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE] {
            assert!(matches!(Delta::new(delta), Err(ParameterError::Delta { .. })), "{delta}");
        }
    }

    proptest! {
        #[test]
        fn no_epsilon_grows(epsilon in 1e-6..1e6f64) {
            let rounded = Epsilon::new(epsilon).unwrap();
            prop_assert!(rounded.to_f64() <= epsilon);
            prop_assert!(rounded.to_f64() + 1.1e-6 > epsilon);
        }
    }
}
