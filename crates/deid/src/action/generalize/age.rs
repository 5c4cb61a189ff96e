//! Ages as hospitals write them: `45`, `45岁`, `8个月`, `3岁2月`, `045Y` (DICOM AS), `20天`.

use super::super::Refusal;
use super::super::decimal::Decimal;

/// The age in years; parts of a year that are written in months, weeks or days round down.
pub(crate) fn in_years(text: &str) -> Result<Decimal, Refusal> {
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number = Decimal::parse(number)?;
    let unit = unit.trim();
    let is = |names: &[&str]| names.iter().any(|name| unit.eq_ignore_ascii_case(name));
    // Average Gregorian lengths, rounded so that nobody becomes older than they are.
    let per_year = if unit.is_empty()
        || is(&["岁", "周岁", "Y", "yr", "yrs", "year", "years"])
        || is_years_and_more(unit)
    {
        return Ok(number);
    } else if is(&["月", "个月", "月龄", "M", "mo", "month", "months"]) {
        12
    } else if is(&["周", "W", "week", "weeks"]) {
        53
    } else if is(&["天", "日", "日龄", "D", "day", "days"]) {
        366
    } else {
        return Err(Refusal::NotANumber);
    };
    Ok(Decimal::from_whole(number.floor().mantissa.div_euclid(per_year)))
}

/// What stands behind the years of `3岁2月` and `3岁2个月15天`.
fn is_years_and_more(unit: &str) -> bool {
    let Some(rest) = unit.strip_prefix("周岁").or_else(|| unit.strip_prefix('岁')) else { return false };
    let sign = |c: char| c.is_ascii_digit() || matches!(c, '个' | '月' | '天' | '零' | '半');
    rest.chars().all(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_in_years_whatever_their_unit() {
        for (text, years) in [
            ("45", "45"),
            ("45.5", "45.5"),
            ("45岁", "45"),
            ("45 周岁", "45"),
            ("045Y", "45"),
            ("45 years", "45"),
            ("8个月", "0"),
            ("030M", "2"),
            ("3岁2个月", "3"),
            ("60周", "1"),
            ("20天", "0"),
            ("400D", "1"),
        ] {
            assert_eq!(in_years(text).map(|age| age.to_string()).as_deref(), Ok(years), "{text}");
        }
    }

    #[test]
    fn what_is_no_age_is_refused() {
        for text in ["", "岁", "adult", "45kg", "45-50", "岁45", "45岁男"] {
            assert_eq!(in_years(text).err(), Some(Refusal::NotANumber), "{text}");
        }
    }
}
