//! Reading a date in any of the spellings.

use std::fmt;

use super::spelling::{Case, DaySign, MONTHS, NameStyle, Padding, Spelling, write_date};
use super::time_of_day::{is_compact_time, is_time};
use super::{Date, Order, Precision};

/// A date with the way it was written. Its `Debug` shows the spelling alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// The day; the first of its month or year where only these were written.
    pub date: Date,
    /// How much of the date was written.
    pub precision: Precision,
    /// How it was written.
    pub spelling: Spelling,
    /// What follows the date: nothing, or a time of day with the sign before it, as it stood.
    pub time: &'a str,
}

impl Date {
    /// Reads a whole value. Nothing but a date, or a date and a time of day, is accepted.
    #[inline]
    pub fn parse(text: &str) -> Option<Parsed<'_>> {
        Self::parse_as(text, Order::Undeclared)
    }

    /// [`Date::parse`] where the order of `03/04/2024` is known.
    #[inline]
    pub fn parse_as(text: &str, order: Order) -> Option<Parsed<'_>> {
        if let Some(date) = iso(text.as_bytes()) {
            let time = text.get(10..)?;
            let spelling = Spelling::YearFirst { separator: b'-', padding: Padding::BOTH };
            return (time.is_empty() || is_time(time, false)).then_some(Parsed {
                date,
                precision: Precision::Day,
                spelling,
                time,
            });
        }
        parse_other(text, order)
    }
}

impl fmt::Debug for Parsed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parsed")
            .field("precision", &self.precision)
            .field("spelling", &self.spelling)
            .finish_non_exhaustive()
    }
}

impl Parsed<'_> {
    /// Appends the date so many days later, in the same spelling and with the same time of day. `false`, and
    /// nothing is appended, where that lies outside the years 1 to 9999.
    ///
    /// A month or a year moves by its middle, so that it changes when most of its days do.
    pub fn write_shifted(&self, days: i32, out: &mut String) -> bool {
        let middle = match self.precision {
            Precision::Day => self.date,
            Precision::Month => Date { day: 15, ..self.date },
            Precision::Year => Date { month: 7, day: 1, ..self.date },
        };
        let Some(date) = middle.shifted(days) else { return false };
        write_date(date, self.precision, self.spelling, out);
        out.push_str(self.time);
        true
    }

    /// Appends the date with nothing finer than `precision`, in the same spelling and without the time of day.
    pub fn write_truncated(&self, precision: Precision, out: &mut String) {
        write_date(self.date, precision.min(self.precision), self.spelling, out);
    }

    /// Appends the date and its time of day as they were written.
    pub fn write(&self, out: &mut String) {
        write_date(self.date, self.precision, self.spelling, out);
        out.push_str(self.time);
    }
}

/// Four or eight digits alone are a date only within these years: others are likelier a number.
const PLAUSIBLE_YEARS: std::ops::RangeInclusive<i32> = 1850..=2150;

/// The date of `YYYY-MM-DD` at the front of the text: what most columns hold.
#[inline]
fn iso(text: &[u8]) -> Option<Date> {
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = text.first_chunk::<10>()? else { return None };
    let digit = |byte: u8| byte.wrapping_sub(b'0');
    let digits = [y0, y1, y2, y3, m0, m1, d0, d1].map(digit);
    if digits.iter().any(|&digit| digit > 9) {
        return None;
    }
    let [y0, y1, y2, y3, m0, m1, d0, d1] = digits;
    let year = (i32::from(y0) * 10 + i32::from(y1)) * 100 + i32::from(y2) * 10 + i32::from(y3);
    Date::new(year, m0 * 10 + m1, d0 * 10 + d1)
}

#[inline(never)]
fn parse_other(text: &str, order: Order) -> Option<Parsed<'_>> {
    let leading = text.bytes().take(15).take_while(u8::is_ascii_digit).count();
    match leading {
        0 => month_name_day(text),
        1 | 2 => day_or_month_first(text, order),
        4 => year_first(text),
        8 | 10 | 12 | 14 => compact(text),
        _ => None,
    }
}

fn year_first(text: &str) -> Option<Parsed<'_>> {
    let (year, _, rest) = number(text, 4)?;
    let year = i32::from(year);
    if let Some(rest) = rest.strip_prefix('年') {
        return chinese(year, rest);
    }
    let Some(&separator) = rest.as_bytes().first() else {
        let spelling = Spelling::YearFirst { separator: b'-', padding: Padding::BOTH };
        let date = Date::new(year, 1, 1).filter(|_| PLAUSIBLE_YEARS.contains(&year))?;
        return Some(Parsed { date, precision: Precision::Year, spelling, time: "" });
    };
    if !matches!(separator, b'-' | b'/' | b'.') {
        return None;
    }
    let (month, month_written, rest) = number(&rest[1..], 2)?;
    // `2024.01` is a number.
    if rest.is_empty() && separator != b'.' {
        let padding = paddings(month_written, Written::Either, true);
        let spelling = Spelling::YearFirst { separator, padding };
        let date = Date::new(year, month as u8, 1).filter(|_| PLAUSIBLE_YEARS.contains(&year))?;
        return Some(Parsed { date, precision: Precision::Month, spelling, time: "" });
    }
    let rest = rest.strip_prefix(char::from(separator))?;
    let (day, day_written, time) = number(rest, 2)?;
    let spelling = Spelling::YearFirst { separator, padding: paddings(month_written, day_written, true) };
    whole(Date::new(year, month as u8, day as u8)?, spelling, time, false)
}

fn chinese(year: i32, rest: &str) -> Option<Parsed<'_>> {
    let spelling = |padding, day_sign| Spelling::Chinese { padding, day_sign };
    let unpadded = Padding { month: false, day: false };
    if rest.is_empty() {
        let date = Date::new(year, 1, 1)?;
        return Some(Parsed {
            date,
            precision: Precision::Year,
            spelling: spelling(unpadded, DaySign::Ri),
            time: "",
        });
    }
    let (month, month_written, rest) = number(rest, 2)?;
    let rest = rest.strip_prefix('月')?;
    if rest.is_empty() {
        let padding = paddings(month_written, Written::Either, false);
        let date = Date::new(year, month as u8, 1)?;
        return Some(Parsed {
            date,
            precision: Precision::Month,
            spelling: spelling(padding, DaySign::Ri),
            time: "",
        });
    }
    let (day, day_written, rest) = number(rest, 2)?;
    let (day_sign, time) = if let Some(time) = rest.strip_prefix('日') {
        (DaySign::Ri, time)
    } else if let Some(time) = rest.strip_prefix('号') {
        (DaySign::Hao, time)
    } else {
        (DaySign::None, rest)
    };
    let padding = paddings(month_written, day_written, false);
    whole(
        Date::new(year, month as u8, day as u8)?,
        spelling(padding, day_sign),
        time,
        day_sign != DaySign::None,
    )
}

fn compact(text: &str) -> Option<Parsed<'_>> {
    let (year, _, rest) = number(text, 4)?;
    let (month, _, rest) = number(rest, 2)?;
    let (day, _, time) = number(rest, 2)?;
    let date = Date::new(i32::from(year), month as u8, day as u8)?;
    if !PLAUSIBLE_YEARS.contains(&date.year) {
        return None;
    }
    let valid = time.is_empty() || is_compact_time(time) || is_time(time, false);
    valid.then_some(Parsed { date, precision: Precision::Day, spelling: Spelling::Compact, time })
}

fn day_or_month_first(text: &str, order: Order) -> Option<Parsed<'_>> {
    let (first, first_written, rest) = number(text, 2)?;
    let &separator = rest.as_bytes().first()?;
    if separator.is_ascii_alphabetic() {
        return day_month_name(first as u8, first_written, None, rest);
    }
    if !matches!(separator, b'-' | b'/' | b'.' | b' ') {
        return None;
    }
    let rest = &rest[1..];
    if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return day_month_name(first as u8, first_written, Some(separator), rest);
    }
    if separator == b' ' {
        return None;
    }
    let (second, second_written, rest) = number(rest, 2)?;
    let rest = rest.strip_prefix(char::from(separator))?;
    let (year, time) = year(rest)?;
    let month_first = || {
        let padding = paddings(first_written, second_written, true);
        Some((Date::new(year, first as u8, second as u8)?, Spelling::MonthFirst { separator, padding }))
    };
    let day_first = || {
        let padding = paddings(second_written, first_written, true);
        Some((Date::new(year, second as u8, first as u8)?, Spelling::DayFirst { separator, padding }))
    };
    let (date, spelling) = match order {
        Order::MonthFirst => month_first()?,
        Order::DayFirst => day_first()?,
        Order::Undeclared => match (month_first(), day_first()) {
            (Some(only), None) | (None, Some(only)) => only,
            _ => return None,
        },
    };
    whole(date, spelling, time, false)
}

fn day_month_name(day: u8, day_written: Written, separator: Option<u8>, rest: &str) -> Option<Parsed<'_>> {
    let (month, name, mut rest) = month_name(rest)?;
    if let Some(separator) = separator {
        rest = rest.strip_prefix(char::from(separator))?;
    }
    let (year, time) = year(rest)?;
    let padding = paddings(Written::Either, day_written, separator != Some(b' '));
    whole(Date::new(year, month, day)?, Spelling::DayMonthName { separator, padding, name }, time, false)
}

fn month_name_day(text: &str) -> Option<Parsed<'_>> {
    let (month, name, rest) = month_name(text)?;
    let (day, day_written, rest) = number(rest.strip_prefix(' ')?, 2)?;
    let (comma, rest) = match rest.strip_prefix(',') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let (year, time) = year(rest.strip_prefix(' ')?)?;
    let padding = paddings(Written::Either, day_written, false);
    whole(Date::new(year, month, day as u8)?, Spelling::MonthNameDay { comma, padding, name }, time, false)
}

fn whole(date: Date, spelling: Spelling, time: &str, time_may_touch: bool) -> Option<Parsed<'_>> {
    (time.is_empty() || is_time(time, time_may_touch)).then_some(Parsed {
        date,
        precision: Precision::Day,
        spelling,
        time,
    })
}

/// A number's zero before a single digit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Padded,
    Unpadded,
    /// Two digits without a zero in front: both styles write it so.
    Either,
}

/// What the digits tell of the style; where they do not, what the other number tells, else `usual`.
fn paddings(month: Written, day: Written, usual: bool) -> Padding {
    let told = |this: Written, other: Written| match (this, other) {
        (Written::Padded, _) | (Written::Either, Written::Padded) => true,
        (Written::Unpadded, _) | (Written::Either, Written::Unpadded) => false,
        (Written::Either, Written::Either) => usual,
    };
    Padding { month: told(month, day), day: told(day, month) }
}

/// A number of at most `width` digits (exactly four for four) at the front.
fn number(text: &str, width: usize) -> Option<(u16, Written, &str)> {
    let digits = text.bytes().take(width).take_while(u8::is_ascii_digit).count();
    if digits == 0 || (width == 4 && digits < 4) {
        return None;
    }
    let (digits, rest) = text.split_at(digits);
    let value = digits.bytes().fold(0, |sum, byte| sum * 10 + u16::from(byte - b'0'));
    let written = match digits.as_bytes() {
        [_] => Written::Unpadded,
        [b'0', _] => Written::Padded,
        _ => Written::Either,
    };
    Some((value, written, rest))
}

/// A year of four digits that no digit follows.
fn year(text: &str) -> Option<(i32, &str)> {
    let (year, _, rest) = number(text, 4)?;
    (!rest.starts_with(|c: char| c.is_ascii_digit())).then_some((i32::from(year), rest))
}

fn month_name(text: &str) -> Option<(u8, NameStyle, &str)> {
    let letters = text.bytes().take(10).take_while(u8::is_ascii_alphabetic).count();
    let (word, rest) = text.split_at(letters);
    let (month, name) = (1_u8..).zip(MONTHS).find(|(_, name)| {
        word.eq_ignore_ascii_case(name) || (letters == 3 && word.eq_ignore_ascii_case(&name[..3]))
    })?;
    let case = if word.bytes().all(|byte| byte.is_ascii_uppercase()) {
        Case::Upper
    } else if word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        Case::Lower
    } else if word == &name[..letters] {
        Case::Title
    } else {
        return None;
    };
    // May is its own short form; a short one is likelier.
    Some((month, NameStyle { long: letters > 3, case }, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shifted(text: &str, days: i32) -> Option<String> {
        let mut out = String::new();
        Date::parse(text)?.write_shifted(days, &mut out).then_some(out)
    }

    #[test]
    fn every_spelling_survives_a_shift() {
        for (before, after) in [
            ("2024-01-05", "2024-02-04"),
            ("2024/1/5", "2024/2/4"),
            ("2024/01/05", "2024/02/04"),
            ("2024-1-05", "2024-2-04"),
            ("2024.01.05", "2024.02.04"),
            ("20240105", "20240204"),
            ("20240105101112", "20240204101112"),
            ("202401051011", "202402041011"),
            ("20240105101112.123456+0800", "20240204101112.123456+0800"),
            ("20240105T101112Z", "20240204T101112Z"),
            ("2024年1月5日", "2024年2月4日"),
            ("2024年01月05日", "2024年02月04日"),
            ("2024年1月5号", "2024年2月4号"),
            ("2024年1月5", "2024年2月4"),
            ("2024年1月5日10时11分", "2024年2月4日10时11分"),
            ("2024年1月5日 上午10:11", "2024年2月4日 上午10:11"),
            ("2024-01-05T10:11:12+08:00", "2024-02-04T10:11:12+08:00"),
            ("2024-01-05T10:11:12.345Z", "2024-02-04T10:11:12.345Z"),
            ("2024-01-05 10:11", "2024-02-04 10:11"),
            ("2024/1/5 9:05:00", "2024/2/4 9:05:00"),
            ("01/31/2024", "03/01/2024"),
            ("31.01.2024", "01.03.2024"),
            ("1/31/2024 10:11 PM", "3/1/2024 10:11 PM"),
            ("5-Jan-2024", "4-Feb-2024"),
            ("05-JAN-2024", "04-FEB-2024"),
            ("05jan2024", "04feb2024"),
            ("5 January 2024", "4 February 2024"),
            ("January 5, 2024", "February 4, 2024"),
            ("2024-01", "2024-02"),
            ("2024年1月", "2024年2月"),
            ("2024", "2024"),
            ("2024年", "2024年"),
        ] {
            assert_eq!(shifted(before, 30).as_deref(), Some(after), "{before}");
        }
    }

    #[test]
    fn a_declared_order_reads_what_is_ambiguous() {
        assert_eq!(Date::parse("03/04/2024"), None);
        assert_eq!(Date::parse("05/05/2024"), None);
        let date = |order| {
            Date::parse_as("03/04/2024", order).map(|parsed| (parsed.date.month(), parsed.date.day()))
        };
        assert_eq!(date(Order::MonthFirst), Some((3, 4)));
        assert_eq!(date(Order::DayFirst), Some((4, 3)));
        assert_eq!(Date::parse_as("13/04/2024", Order::MonthFirst), None);
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2023-02-30",
            "2023-02-29",
            "1900-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-01-32",
            "0000-01-01",
            "20240230",
            "12345678",
            "10101010",
            "202401",
            "2024.01",
            "12.05",
            "120/80",
            "99-01-05",
            "05-Jan-24",
            "2024-01/05",
            "2024-01-05x",
            "2024-01-05 张三",
            "2024-01-05T25:00",
            "2024-01-05 10:61",
            "2024-01-0510:11",
            "2024-01-05T10:11:12+99:00",
            "2024-01-05T",
            "2024年13月1日",
            "2024年1月5日李四",
            "一月五日",
            "Janvier 5, 2024",
            "JaN 5, 2024",
            "2024010599",
            "１２",
            "2024-01-05 10:11:12 Zhang",
            "1234",
            "2024-01-05 10:11+08:00 Li",
            "2024-01-05 1",
            "2024-01-05 10",
            "2024-01-05T10:11:12.",
            "2024-01-05 (",
            "20240105 abc",
            "2024-01-05 10:11 AMX",
            "3000-01",
            "1/31/20245",
        ] {
            assert!(Date::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn truncation_keeps_the_spelling() {
        let truncated = |text: &str, precision| {
            let mut out = String::new();
            Date::parse(text).unwrap().write_truncated(precision, &mut out);
            out
        };
        assert_eq!(truncated("2024-01-05T10:11", Precision::Month), "2024-01");
        assert_eq!(truncated("2024年1月5日", Precision::Year), "2024年");
        assert_eq!(truncated("20240105", Precision::Month), "202401");
        assert_eq!(truncated("01/31/2024", Precision::Month), "01/2024");
        assert_eq!(truncated("Jan 5, 2024", Precision::Year), "2024");
        assert_eq!(truncated("2024", Precision::Day), "2024");
    }

    #[test]
    fn a_shift_out_of_range_writes_nothing() {
        let mut out = String::from("before");
        let parsed = Date::parse("9999-12-31").unwrap();
        assert!(!parsed.write_shifted(1, &mut out));
        assert!(!parsed.write_shifted(i32::MAX, &mut out));
        assert!(!parsed.write_shifted(i32::MIN, &mut out));
        assert_eq!(out, "before");
    }

    #[test]
    fn debug_shows_no_date() {
        let shown = format!("{:?}", Date::parse("1949-12-31T23:58").unwrap());
        assert!(!shown.contains("1949") && !shown.contains("31") && !shown.contains("58"), "{shown}");
    }

    proptest! {
        #[test]
        fn a_shift_and_back_is_identity(
            day in -200_000_i32..200_000,
            days in -50_000_i32..50_000,
            spelling in prop::sample::select(vec![
                Spelling::YearFirst { separator: b'-', padding: Padding::BOTH },
                Spelling::YearFirst { separator: b'/', padding: Padding::BOTH },
                Spelling::DayMonthName { separator: Some(b'-'), padding: Padding::BOTH,
                    name: NameStyle { long: false, case: Case::Upper } },
                Spelling::Chinese { padding: Padding { month: false, day: false }, day_sign: DaySign::Ri },
            ]),
        ) {
            let mut text = String::new();
            write_date(Date::from_day_number(day).unwrap(), Precision::Day, spelling, &mut text);
            let there = shifted(&text, days).unwrap();
            prop_assert_eq!(shifted(&there, -days), Some(text));
        }

        #[test]
        fn what_is_read_is_written_the_same(text in "[0-9]{1,4}[-/.年 ][0-9A-Za-z]{1,3}[-/.月 ,][0-9]{1,4}日?( [0-9]{1,2}:[0-9]{2})?") {
            if let Some(parsed) = Date::parse_as(&text, Order::MonthFirst) {
                let mut out = String::new();
                parsed.write(&mut out);
                prop_assert_eq!(out, text);
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = Date::parse(&text);
        }
    }
}
