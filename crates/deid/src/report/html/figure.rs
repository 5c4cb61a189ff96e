//! How figures are written.

use crate::assess::Estimate;

/// 1234567 as `1,234,567`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things that may be estimated.
pub(super) fn about(estimate: Estimate) -> String {
    let whole = |x: f64| count(x.round() as u64);
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("≈ {} [{}, {}]", whole(estimate.value), whole(low), whole(high)),
        _ => whole(estimate.value),
    }
}

/// A share in percent. What is not nothing is never written as nothing, and what is not all never as all.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        _ if share <= 0.0 => "0 %".into(),
        _ if share >= 1.0 => "100 %".into(),
        x if x < 0.01 => "< 0.01 %".into(),
        x if x > 99.99 => "> 99.99 %".into(),
        x if !(1.0..99.0).contains(&x) => format!("{x:.2} %"),
        x => format!("{x:.1} %"),
    }
}

/// A share in percent that may be estimated.
pub(super) fn share(estimate: Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => {
            format!("≈ {} [{}, {}]", percent(estimate.value), percent(low), percent(high))
        }
        _ => percent(estimate.value),
    }
}

/// A risk between 0 and 1, with three significant digits.
pub(super) fn risk(risk: f64) -> String {
    match risk {
        x if x >= 1.0 => "1".into(),
        x if x >= 0.1 => format!("{x:.3}"),
        x if x >= 0.01 => format!("{x:.4}"),
        x if x > 0.0 && x < 0.000_001 => "< 0.000001".into(),
        x => format!("{x:.6}").trim_end_matches('0').trim_end_matches('.').to_owned(),
    }
}

/// Epsilon or delta, without digits that say nothing.
pub(super) fn loss(x: f64) -> String {
    if x != 0.0 && x.abs() < 0.0001 { format!("{x:.1e}") } else { format!("{x}") }
}

/// Bytes, in the unit that fits.
pub(super) fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if n < 1000 {
        return format!("{n} B");
    }
    let mut x = n as f64 / 1000.0;
    let mut unit = 0;
    while x >= 999.5 && unit + 1 < UNITS.len() {
        x /= 1000.0;
        unit += 1;
    }
    format!("{x:.*} {}", usize::from(x < 10.0), UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!((count(0), count(999), count(1_234_567)), ("0".into(), "999".into(), "1,234,567".into()));
        assert_eq!(percent(0.000_001), "< 0.01 %");
        assert_eq!(percent(0.999_999), "> 99.99 %");
        assert_eq!(
            (percent(0.0), percent(0.125), percent(1.0)),
            ("0 %".into(), "12.5 %".into(), "100 %".into())
        );
        assert_eq!((risk(1.0), risk(0.2), risk(1.0 / 37.0)), ("1".into(), "0.200".into(), "0.0270".into()));
        assert_eq!(
            (bytes(12), bytes(1_500), bytes(1_073_741_824)),
            ("12 B".into(), "1.5 kB".into(), "1.1 GB".into())
        );
        assert_eq!((loss(1.0), loss(0.000_001)), ("1".into(), "1.0e-6".into()));
    }
}
