//! Dates as they stand in hospital data: `2023-05-01`, `2023/5/1 08:30`, `20230501`, `2023年5月1日`, `5/1/2023`, `1 May 2023`.

use crate::code::calendar;

/// A calendar date with what else is known about it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: i32,
    /// Whether a time of day follows.
    pub(super) time: bool,
}

/// Years outside this range are taken for something else: nobody alive was born before 1880.
const YEARS: std::ops::RangeInclusive<i32> = 1880..=2099;

/// Reads a text that is a date and nothing else.
pub(super) fn whole(text: &[u8]) -> Option<Date> {
    match prefix(text) {
        Some((date, end)) if end == text.len() => Some(date),
        _ => None,
    }
}

/// Reads a date at the start; gives where it ends. The caller checks what stands before and behind.
pub(super) fn prefix(text: &[u8]) -> Option<(Date, usize)> {
    match text.first()? {
        b'0'..=b'9' => {}
        b'A'..=b'Z' | b'a'..=b'z' => return month_first(text),
        _ => return None,
    }
    let digits = run(text, 0);
    match digits {
        14 | 12 => {
            let (y, m, d) = (number(&text[..4]), number(&text[4..6]), number(&text[6..8]));
            let clock = number(&text[8..10]) < 24 && number(&text[10..12]) < 60;
            (clock && valid(y, m, d)).then_some((Date { year: y, time: true }, digits))
        }
        8 => {
            let (y, m, d) = (number(&text[..4]), number(&text[4..6]), number(&text[6..8]));
            valid(y, m, d).then(|| with_time(text, 8, y))
        }
        4 => year_first(text),
        1 | 2 => day_or_month_first(text, digits),
        _ => None,
    }
}

fn year_first(text: &[u8]) -> Option<(Date, usize)> {
    let year = number(&text[..4]);
    if let Some(rest) = text[4..].strip_prefix("年".as_bytes()) {
        let start = text.len() - rest.len();
        let m = run(text, start);
        let month = number(text.get(start..start + m)?);
        let after = start + m;
        if !(1..=2).contains(&m) || !text[after..].starts_with("月".as_bytes()) || !valid(year, month, 1) {
            return None;
        }
        let day_at = after + "月".len();
        let d = run(text, day_at);
        let day = number(text.get(day_at..day_at + d)?);
        let end = day_at + d;
        if (1..=2).contains(&d) && valid(year, month, day) {
            for mark in ["日", "号"] {
                if text[end..].starts_with(mark.as_bytes()) {
                    return Some(with_time(text, end + mark.len(), year));
                }
            }
        }
        return Some((Date { year, time: false }, day_at));
    }
    let separator = *text.get(4).filter(|b| matches!(b, b'-' | b'/' | b'.'))?;
    let m = run(text, 5);
    if !(1..=2).contains(&m) {
        return None;
    }
    let month = number(&text[5..5 + m]);
    let day_at = 5 + m + 1;
    if text.get(5 + m) != Some(&separator) {
        // A year and a month; with a point it would be a decimal.
        return (separator != b'.' && m == 2 && valid(year, month, 1))
            .then_some((Date { year, time: false }, 5 + m));
    }
    let d = run(text, day_at);
    let day = (1..=2).contains(&d).then(|| number(&text[day_at..day_at + d]))?;
    valid(year, month, day).then(|| with_time(text, day_at + d, year))
}

fn day_or_month_first(text: &[u8], digits: usize) -> Option<(Date, usize)> {
    let first = number(&text[..digits]);
    let separator = *text.get(digits)?;
    if matches!(separator, b' ' | b'-') {
        let (month, end) = month_name(text, digits + 1)?;
        if !matches!(text.get(end), Some(b' ' | b'-' | b',')) {
            return None;
        }
        let year_at = if text[end..].starts_with(b", ") { end + 2 } else { end + 1 };
        let year = (run(text, year_at) == 4).then(|| number(&text[year_at..year_at + 4]))?;
        return valid(year, month, first).then(|| with_time(text, year_at + 4, year));
    }
    if !matches!(separator, b'/' | b'.') {
        return None;
    }
    let second_at = digits + 1;
    let s = run(text, second_at);
    if !(1..=2).contains(&s) || text.get(second_at + s) != Some(&separator) {
        return None;
    }
    let second = number(&text[second_at..second_at + s]);
    let year_at = second_at + s + 1;
    let year = match run(text, year_at) {
        4 => number(&text[year_at..year_at + 4]),
        // Two digits: only with slashes, and the century is a guess that nothing rests on.
        2 if separator == b'/' => match number(&text[year_at..year_at + 2]) {
            y @ 0..=30 => 2000 + y,
            y => 1900 + y,
        },
        _ => return None,
    };
    let end = year_at + run(text, year_at);
    (valid(year, first, second) || valid(year, second, first)).then(|| with_time(text, end, year))
}

/// `May 1, 2023`
fn month_first(text: &[u8]) -> Option<(Date, usize)> {
    let (month, end) = month_name(text, 0)?;
    let day_at = end + usize::from(text.get(end) == Some(&b'.')) + 1;
    let d = run(text, day_at);
    if !(1..=2).contains(&d) || text.get(day_at - 1) != Some(&b' ') {
        return None;
    }
    let day = number(&text[day_at..day_at + d]);
    let mut year_at = day_at + d;
    year_at += usize::from(text.get(year_at) == Some(&b','));
    year_at += usize::from(text.get(year_at) == Some(&b' '));
    let year = (run(text, year_at) == 4).then(|| number(&text[year_at..year_at + 4]))?;
    valid(year, month, day).then(|| with_time(text, year_at + 4, year))
}

fn month_name(text: &[u8], at: usize) -> Option<(i32, usize)> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let length = text.get(at..)?.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let word = &text[at..at + length];
    let month = MONTHS.iter().position(|month| {
        let month = month.as_bytes();
        word.eq_ignore_ascii_case(month)
            || (length == 3 || length == 4 && month.starts_with(b"sept"))
                && word.eq_ignore_ascii_case(&month[..length.min(month.len())])
    })?;
    Some((month as i32 + 1, at + length))
}

/// Takes a time of day behind the date, if one follows.
fn with_time(text: &[u8], end: usize, year: i32) -> (Date, usize) {
    let none = (Date { year, time: false }, end);
    let mut at = match text.get(end) {
        Some(b'T') => end + 1,
        Some(b' ') => end + text[end..].iter().take_while(|b| **b == b' ').count(),
        // 2023年5月1日8时30分
        Some(b'0'..=b'9') if text[..end].ends_with("日".as_bytes()) => end,
        _ => return none,
    };
    let hours = run(text, at);
    if !(1..=2).contains(&hours) || number(&text[at..at + hours]) > 24 {
        return none;
    }
    at += hours;
    if text[at..].starts_with("时".as_bytes()) {
        at += "时".len();
        let minutes = run(text, at);
        if text[at + minutes..].starts_with("分".as_bytes()) {
            at += minutes + "分".len();
        }
        return (Date { year, time: true }, at);
    }
    if text.get(at) != Some(&b':') || run(text, at + 1) != 2 {
        return none;
    }
    at += 3;
    if text.get(at) == Some(&b':') && run(text, at + 1) == 2 {
        at += 3;
        if text.get(at) == Some(&b'.') && run(text, at + 1) > 0 {
            at += 1 + run(text, at + 1);
        }
    }
    match text.get(at) {
        Some(b'Z') => at += 1,
        Some(b'+' | b'-')
            if run(text, at + 1) == 2 && text.get(at + 3) == Some(&b':') && run(text, at + 4) == 2 =>
        {
            at += 6;
        }
        _ => {}
    }
    // A midnight is how databases write a date without a time.
    let clock = &text[end..at];
    let time = clock.iter().any(|b| matches!(b, b'1'..=b'9'));
    (Date { year, time }, at)
}

fn valid(year: i32, month: i32, day: i32) -> bool {
    YEARS.contains(&year) && calendar::is_valid(year, month as u8, day as u8)
}

/// Length of the run of digits that starts at `at`.
fn run(text: &[u8], at: usize) -> usize {
    text.get(at..).map_or(0, |rest| rest.iter().take_while(|b| b.is_ascii_digit()).count())
}

/// The number that at most four digits write.
fn number(digits: &[u8]) -> i32 {
    digits.iter().take(4).fold(0, |n, b| n * 10 + i32::from(b - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_dates_are_read() {
        for (text, year, time) in [
            ("2023-05-01", 2023, false),
            ("2023/5/1 8:30", 2023, true),
            ("2023-05-01T08:30:00.125+08:00", 2023, true),
            ("2023-05-01 00:00:00", 2023, false),
            ("20230501", 2023, false),
            ("20230501083000", 2023, true),
            ("1949年12月31日", 1949, false),
            ("2023年5月", 2023, false),
            ("2023年5月1日8时30分", 2023, true),
            ("5/1/2023", 2023, false),
            ("31.12.1999", 1999, false),
            ("2/8/35", 1935, false),
            ("1 May 2023", 2023, false),
            ("01-SEP-1987", 1987, false),
            ("May 1, 2023", 2023, false),
            ("2023-05", 2023, false),
        ] {
            let date = whole(text.as_bytes());
            assert!(date.is_some_and(|d| (d.year, d.time) == (year, time)), "{text}");
        }
    }

    #[test]
    fn what_is_no_day_is_no_date() {
        for text in [
            "2023-02-30",
            "20231301",
            "1.5",
            "2023.05",
            "12/13",
            "13/13/2023",
            "99999999",
            "2023",
            "",
            "1/2",
            "2023-5-1x",
            "May",
            "2023年",
            "5:30",
            "1234-56-78",
            "2023-0501",
        ] {
            assert!(whole(text.as_bytes()).is_none(), "{text}");
        }
    }
}
