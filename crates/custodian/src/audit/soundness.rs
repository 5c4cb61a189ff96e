//! What a sample can catch.

use serde::Serialize;

/// How much a number of drawn rows can catch. Rows are drawn with replacement, so this is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Soundness {
    /// Rows drawn of the source, and as many of the release.
    pub rows: u32,
}

impl Soundness {
    /// The probability that at least one of the rows is bad where a share of them is: 1 - (1 - share)^rows.
    pub fn confidence(self, share: f64) -> f64 {
        1.0 - (1.0 - share.clamp(0.0, 1.0)).powi(i32::try_from(self.rows).unwrap_or(i32::MAX))
    }

    /// The least share of bad rows that is caught with this probability.
    pub fn detectable(self, confidence: f64) -> f64 {
        if self.rows == 0 {
            return 1.0;
        }
        1.0 - (1.0 - confidence.clamp(0.0, 1.0)).powf(1.0 / f64::from(self.rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_hundred_rows_catch_one_percent_with_95_percent() {
        let soundness = Soundness { rows: 300 };
        assert!((soundness.confidence(0.01) - 0.9510).abs() < 1e-4);
        assert!((soundness.detectable(0.95) - 0.009_936).abs() < 1e-5);
        for confidence in [0.5, 0.9, 0.99] {
            assert!((soundness.confidence(soundness.detectable(confidence)) - confidence).abs() < 1e-12);
        }
        assert_eq!(
            (Soundness { rows: 0 }.confidence(0.5), Soundness { rows: 0 }.detectable(0.95)),
            (0.0, 1.0)
        );
    }
}
