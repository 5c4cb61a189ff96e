//! Calendar dates as hospitals write them: read, shifted, truncated and written again in the same spelling.
//!
//! A shifted column must look like the original to every program that reads it, so [`Date::parse`] keeps how a
//! date was spelt ([`Spelling`]) and its time of day as it stood; [`Parsed::write_shifted`] changes nothing else.
//! What does not exist (2023-02-30), what can be read two ways (03/04/2024 without a declared order) and
//! what carries anything but a time after the date is not a date here: callers then suppress the value.
//!
//! | written | spelling |
//! |---|---|
//! | `2024-01-05`, `2024/1/5`, `2024.01.05`, `2024-01`, `2024` | [`Spelling::YearFirst`] |
//! | `20240105`, `20240105101112.5+0800` (HL7 v2, DICOM) | [`Spelling::Compact`] |
//! | `2024年1月5日`, `2024年1月`, `2024年` | [`Spelling::Chinese`] |
//! | `01/05/2024` declared, or `01/31/2024` | [`Spelling::MonthFirst`] |
//! | `05/01/2024` declared, or `31.01.2024` | [`Spelling::DayFirst`] |
//! | `5-Jan-2024`, `05JAN2024`, `5 January 2024` | [`Spelling::DayMonthName`] |
//! | `Jan 5, 2024` | [`Spelling::MonthNameDay`] |
//!
//! Day numbers count from 1970-01-01 in the proleptic Gregorian calendar, by the algorithms of
//! Howard Hinnant, *chrono-Compatible Low-Level Date Algorithms*
//! (<https://howardhinnant.github.io/date_algorithms.html>), `days_from_civil` and `civil_from_days`.
//!
//! ```
//! use medveil_deid::code::calendar::Date;
//!
//! let mut out = String::new();
//! let parsed = Date::parse("2024年2月28日 10:11").expect("a date");
//! assert!(parsed.write_shifted(2, &mut out));
//! assert_eq!(out, "2024年3月1日 10:11");
//! ```

use std::fmt;

/// A day that exists, in the years 1 to 9999. Its `Debug` shows nothing of the value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: i32,
    month: u8,
    day: u8,
}

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

/// How much of a date is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// `2024`
    Year,
    /// `2024-01`
    Month,
    /// `2024-01-05`
    Day,
}

/// How `03/04/2024` is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Only where a single reading exists: `03/31/2024`.
    #[default]
    Undeclared,
    /// 4 March.
    MonthFirst,
    /// 3 April.
    DayFirst,
}

/// The spelling of a date, enough to write another one like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spelling {
    /// `2024-01-05`
    YearFirst {
        /// `-`, `/` or `.`
        separator: u8,
        /// Zeros before one digit.
        padding: Padding,
    },
    /// `20240105`
    Compact,
    /// `2024年1月5日`
    Chinese {
        /// Zeros before one digit.
        padding: Padding,
        /// What stands after the day.
        day_sign: DaySign,
    },
    /// `01/05/2024` for 5 January
    MonthFirst {
        /// `-`, `/` or `.`
        separator: u8,
        /// Zeros before one digit.
        padding: Padding,
    },
    /// `05/01/2024` for 5 January
    DayFirst {
        /// `-`, `/` or `.`
        separator: u8,
        /// Zeros before one digit.
        padding: Padding,
    },
    /// `5-Jan-2024`
    DayMonthName {
        /// `-`, `/`, `.`, a space, or nothing.
        separator: Option<u8>,
        /// Zeros before one digit.
        padding: Padding,
        /// How the month's name is written.
        name: NameStyle,
    },
    /// `Jan 5, 2024`
    MonthNameDay {
        /// Whether a comma stands after the day.
        comma: bool,
        /// Zeros before one digit.
        padding: Padding,
        /// How the month's name is written.
        name: NameStyle,
    },
}

/// Whether a zero stands before a single digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Padding {
    /// `01` rather than `1` for January.
    pub month: bool,
    /// `05` rather than `5`.
    pub day: bool,
}

/// The sign after the day of a Chinese date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DaySign {
    /// 日
    Ri,
    /// 号
    Hao,
    /// Nothing.
    None,
}

/// How an English month name is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NameStyle {
    /// `January` rather than `Jan`.
    pub long: bool,
    /// The case of its letters.
    pub case: Case,
}

/// The case of a month's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    /// `Jan`
    Title,
    /// `JAN`
    Upper,
    /// `jan`
    Lower,
}

impl Date {
    /// The day, where it exists.
    pub fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        is_valid(year, month, day).then_some(Self { year, month, day })
    }

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
            let spelling = Spelling::YearFirst { separator: b'-', padding: PADDED };
            return (time.is_empty() || is_time(time, false)).then_some(Parsed {
                date,
                precision: Precision::Day,
                spelling,
                time,
            });
        }
        parse_other(text, order)
    }

    /// The year.
    pub fn year(self) -> i32 {
        self.year
    }

    /// The month, from 1.
    pub fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, from 1.
    pub fn day(self) -> u8 {
        self.day
    }

    /// Days since 1970-01-01.
    pub fn day_number(self) -> i32 {
        days_from_civil(self.year, self.month, self.day)
    }

    /// The day with this number, in the years 1 to 9999.
    pub fn from_day_number(days: i32) -> Option<Self> {
        let (year, month, day) = civil_from_days(days);
        (1..=9999).contains(&year).then_some(Self { year, month, day })
    }

    /// The day so many days later.
    pub fn shifted(self, days: i32) -> Option<Self> {
        Self::from_day_number(self.day_number().checked_add(days)?)
    }

    /// Full years from this day to a later one: the age of somebody born this day. Negative before it.
    pub fn years_until(self, later: Self) -> i32 {
        later.year - self.year - i32::from((later.month, later.day) < (self.month, self.day))
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Date(..)")
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

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar. Meaningful for valid dates of the years
/// that [`is_valid`] accepts.
pub fn days_from_civil(year: i32, month: u8, day: u8) -> i32 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    // March is month 0, so that the leap day is the last of its year.
    let shifted_month = (i32::from(month) + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + i32::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date of a day number: the inverse of [`days_from_civil`].
pub fn civil_from_days(days: i32) -> (i32, u8, u8) {
    // i64, so that no day number overflows.
    let z = i64::from(days) + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year as i32, month as u8, day as u8)
}

/// Whether the Gregorian calendar has this year's 29 February.
pub fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month; 0 where there is no such month.
pub fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 0,
    }
}

/// Whether the date exists, in the years 1 to 9999.
pub fn is_valid(year: i32, month: u8, day: u8) -> bool {
    (1..=9999).contains(&year) && day >= 1 && day <= days_in_month(year, month)
}

const PADDED: Padding = Padding { month: true, day: true };

/// Four or eight digits alone are a date only within these years: others are likelier a number.
const PLAUSIBLE_YEARS: std::ops::RangeInclusive<i32> = 1850..=2150;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

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
        let spelling = Spelling::YearFirst { separator: b'-', padding: PADDED };
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

/// Whether the text is a time of day and nothing else: `T10:11:12.345+08:00`, ` 10:11`, ` 10:11 AM`, ` 上午10时11分`. What is kept
/// beside a shifted date must not be a place where a name can hide.
fn is_time(text: &str, may_touch: bool) -> bool {
    let bare = match text.strip_prefix(['T', 't']) {
        Some(bare) => bare,
        None => {
            let bare = text.trim_start_matches([' ', '\u{3000}']);
            if bare.len() == text.len() && !may_touch {
                return false;
            }
            bare
        }
    };
    const PERIODS: [&str; 8] = ["上午", "下午", "中午", "晚上", "凌晨", "早上", "早晨", "傍晚"];
    let clock =
        PERIODS.iter().find_map(|period| bare.strip_prefix(period)).unwrap_or(bare).trim_start_matches(' ');
    time_of_day(clock).is_some_and(is_zone)
}

/// Takes hours, minutes, seconds and fraction off the front.
fn time_of_day(text: &str) -> Option<&str> {
    if text.len() >= 4 && text.bytes().take(4).all(|byte| byte.is_ascii_digit()) {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        return is_clock_digits(&text[..digits]).then(|| fraction(&text[digits..]));
    }
    let (hour, _, rest) = number(text, 2)?;
    if hour > 24 {
        return None;
    }
    let (rest, chinese) = match rest.strip_prefix([':', '：']) {
        Some(rest) => (rest, false),
        None => (rest.strip_prefix(['时', '点'])?, true),
    };
    if chinese && rest.is_empty() {
        return Some(rest);
    }
    let (minute, _, rest) = number(rest, 2)?;
    if minute > 59 {
        return None;
    }
    let rest = if chinese { rest.strip_prefix('分').unwrap_or(rest) } else { rest };
    let seconds = match rest.strip_prefix([':', '：']) {
        Some(seconds) => seconds,
        None if chinese && !rest.is_empty() => rest,
        None => return Some(rest),
    };
    let (second, _, rest) = number(seconds, 2)?;
    if second > 60 {
        return None;
    }
    Some(fraction(rest.strip_prefix('秒').unwrap_or(rest)))
}

fn fraction(text: &str) -> &str {
    match text.strip_prefix(['.', ',']) {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => {
            let digits = rest.bytes().take(9).take_while(u8::is_ascii_digit).count();
            &rest[digits..]
        }
        _ => text,
    }
}

/// Whether the text is empty, or AM or PM, or an offset from UTC.
fn is_zone(text: &str) -> bool {
    let text = text.trim_start_matches(' ');
    let text = ["AM", "PM", "am", "pm", "a.m.", "p.m."]
        .iter()
        .find_map(|half| text.strip_prefix(half))
        .unwrap_or(text);
    match text.trim_start_matches(' ') {
        "" | "Z" | "z" | "UTC" | "GMT" => true,
        zone => zone.strip_prefix(['+', '-']).is_some_and(|offset| {
            let hours_minutes = match offset.as_bytes() {
                [h0, h1] => Some([*h0, *h1, b'0', b'0']),
                [h0, h1, m0, m1] | [h0, h1, b':', m0, m1] => Some([*h0, *h1, *m0, *m1]),
                _ => None,
            };
            hours_minutes.is_some_and(|digits| {
                digits.iter().all(u8::is_ascii_digit) && digits[..2] <= b"14"[..] && digits[2..] <= b"59"[..]
            })
        }),
    }
}

/// HL7 v2 and DICOM: `HH[MM[SS[.F+]]][+ZZZZ]` right after the date.
fn is_compact_time(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    is_clock_digits(&text[..digits]) && is_zone(fraction(&text[digits..]))
}

fn is_clock_digits(text: &str) -> bool {
    let pair = |at: usize, most: &str| text.get(at..at + 2).is_none_or(|pair| pair <= most);
    matches!(text.len(), 2 | 4 | 6) && pair(0, "24") && pair(2, "59") && pair(4, "60")
}

fn write_date(date: Date, precision: Precision, spelling: Spelling, out: &mut String) {
    let Date { year, month, day } = date;
    let (has_month, has_day) = (precision >= Precision::Month, precision == Precision::Day);
    match spelling {
        Spelling::YearFirst { separator, padding } => {
            push_year(year, out);
            if has_month {
                out.push(char::from(separator));
                push_number(month, padding.month, out);
            }
            if has_day {
                out.push(char::from(separator));
                push_number(day, padding.day, out);
            }
        }
        Spelling::Compact => {
            push_year(year, out);
            if has_month {
                push_number(month, true, out);
            }
            if has_day {
                push_number(day, true, out);
            }
        }
        Spelling::Chinese { padding, day_sign } => {
            push_year(year, out);
            out.push('年');
            if has_month {
                push_number(month, padding.month, out);
                out.push('月');
            }
            if has_day {
                push_number(day, padding.day, out);
                match day_sign {
                    DaySign::Ri => out.push('日'),
                    DaySign::Hao => out.push('号'),
                    DaySign::None => {}
                }
            }
        }
        Spelling::MonthFirst { separator, padding } => {
            if has_month {
                push_number(month, padding.month, out);
                out.push(char::from(separator));
            }
            if has_day {
                push_number(day, padding.day, out);
                out.push(char::from(separator));
            }
            push_year(year, out);
        }
        Spelling::DayFirst { separator, padding } => {
            if has_day {
                push_number(day, padding.day, out);
                out.push(char::from(separator));
            }
            if has_month {
                push_number(month, padding.month, out);
                out.push(char::from(separator));
            }
            push_year(year, out);
        }
        Spelling::DayMonthName { separator, padding, name } => {
            if has_day {
                push_number(day, padding.day, out);
                out.extend(separator.map(char::from));
            }
            if has_month {
                push_month_name(month, name, out);
                out.extend(separator.map(char::from));
            }
            push_year(year, out);
        }
        Spelling::MonthNameDay { comma, padding, name } => {
            if has_month {
                push_month_name(month, name, out);
                out.push(' ');
            }
            if has_day {
                push_number(day, padding.day, out);
                out.push_str(if comma { ", " } else { " " });
            }
            push_year(year, out);
        }
    }
}

fn push_year(year: i32, out: &mut String) {
    let year = year.unsigned_abs() % 10_000;
    for place in [1_000, 100, 10, 1] {
        out.push(char::from(b'0' + (year / place % 10) as u8));
    }
}

fn push_number(number: u8, padded: bool, out: &mut String) {
    if padded || number >= 10 {
        out.push(char::from(b'0' + number / 10 % 10));
    }
    out.push(char::from(b'0' + number % 10));
}

fn push_month_name(month: u8, style: NameStyle, out: &mut String) {
    let name = MONTHS[usize::from(month - 1) % 12];
    let name = if style.long { name } else { &name[..3] };
    match style.case {
        Case::Title => out.push_str(name),
        Case::Upper => out.extend(name.chars().map(|c| c.to_ascii_uppercase())),
        Case::Lower => out.extend(name.chars().map(|c| c.to_ascii_lowercase())),
    }
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
    fn day_numbers_are_hinnants() {
        assert_eq!(days_from_civil(1970, 1, 1), 0);
        assert_eq!(days_from_civil(2000, 3, 1), 11_017);
        assert_eq!(days_from_civil(1, 1, 1), -719_162);
        assert_eq!(days_from_civil(9999, 12, 31), 2_932_896);
        assert_eq!(civil_from_days(i32::MAX).1, 7);
        assert_eq!(civil_from_days(-1), (1969, 12, 31));
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
    fn ages_turn_on_the_birthday() {
        let born = Date::new(2000, 2, 29).unwrap();
        assert_eq!(born.years_until(Date::new(2024, 2, 28).unwrap()), 23);
        assert_eq!(born.years_until(Date::new(2024, 2, 29).unwrap()), 24);
    }

    #[test]
    fn debug_shows_no_date() {
        let shown = format!("{:?}", Date::parse("1949-12-31T23:58").unwrap());
        assert!(!shown.contains("1949") && !shown.contains("31") && !shown.contains("58"), "{shown}");
    }

    proptest! {
        #[test]
        fn day_numbers_round_trip(days in any::<i32>()) {
            let (year, month, day) = civil_from_days(days);
            prop_assert_eq!(days_from_civil(year, month, day), days);
        }

        #[test]
        fn a_shift_and_back_is_identity(
            day in -200_000_i32..200_000,
            days in -50_000_i32..50_000,
            spelling in prop::sample::select(vec![
                Spelling::YearFirst { separator: b'-', padding: PADDED },
                Spelling::YearFirst { separator: b'/', padding: PADDED },
                Spelling::DayMonthName { separator: Some(b'-'), padding: PADDED,
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
