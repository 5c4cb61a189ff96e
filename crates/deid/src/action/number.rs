//! Decimal numbers for actions: exact, without floats, up to nine decimals.

use medveil_privacy::{Grid, GridError};

use super::Refusal;

/// Decimals that numeric actions compute with.
pub(super) const DECIMALS: u8 = 9;
/// One, in steps of the grid.
pub(super) const ONE: i64 = 1_000_000_000;

/// The number in steps of 1e-9, halves away from zero.
pub(super) fn parse(text: &str) -> Result<i64, Refusal> {
    match grid(DECIMALS).nearest(text.trim()) {
        Ok(i64::MAX | i64::MIN) => Err(Refusal::NumberOverflow),
        Ok(steps) => Ok(steps),
        Err(GridError::Overflow { .. }) => Err(Refusal::NumberOverflow),
        Err(_) => Err(Refusal::NotANumber),
    }
}

/// The grid of `decimals` digits.
pub(super) fn grid(decimals: u8) -> Grid {
    Grid::new(decimals.min(Grid::MAX_DECIMALS)).expect("limited to what a grid can have")
}

/// A parameter of a plan in steps of 1e-9.
pub(super) fn steps(value: f64) -> Option<i64> {
    let scaled = value * ONE as f64;
    (value.is_finite() && scaled.abs() < 9e18).then(|| scaled.round() as i64)
}

/// Writes steps of 1e-9 without trailing zeros.
pub(super) fn write_short(steps: i64, out: &mut String) {
    let start = out.len();
    grid(DECIMALS).write(steps, out);
    let kept = out[start..].trim_end_matches('0').trim_end_matches('.').len();
    out.truncate(start + kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_and_faults_are_told_apart() {
        assert_eq!(parse("7.35"), Ok(7_350_000_000));
        assert_eq!(parse("NaN"), Err(Refusal::NotANumber));
        assert_eq!(parse("1e5"), Err(Refusal::NotANumber));
        assert_eq!(parse("99999999999999999999"), Err(Refusal::NumberOverflow));
        let mut out = String::new();
        write_short(-7_350_000_000, &mut out);
        write_short(40 * ONE, &mut out);
        assert_eq!(out, "-7.3540");
    }
}
