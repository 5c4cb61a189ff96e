//! How a date is spelt, and writing one in a given spelling.

use super::{Date, Precision};

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

impl Padding {
    /// Two digits always.
    pub(super) const BOTH: Self = Self { month: true, day: true };
}

/// Appends as much of a date as `precision` says.
pub(super) fn write_date(date: Date, precision: Precision, spelling: Spelling, out: &mut String) {
    let Date { year, month, day } = date;
    let (has_month, has_day) = (precision >= Precision::Month, precision == Precision::Day);
    match spelling {
        // Nearly every date that is written goes through here: one push instead of ten.
        Spelling::YearFirst { separator, padding: Padding::BOTH } if has_day => {
            let [y0, y1, y2, y3] = year_digits(year);
            let ([m0, m1], [d0, d1]) = (two_digits(month), two_digits(day));
            let written = [y0, y1, y2, y3, separator, m0, m1, separator, d0, d1];
            out.push_str(std::str::from_utf8(&written).expect("digits and an ASCII separator"));
        }
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
    out.extend(year_digits(year).map(char::from));
}

fn push_number(number: u8, padded: bool, out: &mut String) {
    let [tens, ones] = two_digits(number);
    if padded || number >= 10 {
        out.push(char::from(tens));
    }
    out.push(char::from(ones));
}

fn year_digits(year: i32) -> [u8; 4] {
    let year = year.unsigned_abs() % 10_000;
    let ([y0, y1], [y2, y3]) = (two_digits((year / 100) as u8), two_digits((year % 100) as u8));
    [y0, y1, y2, y3]
}

fn two_digits(number: u8) -> [u8; 2] {
    [b'0' + number / 10 % 10, b'0' + number % 10]
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

/// English month names; the short ones are their first three letters.
pub(super) const MONTHS: [&str; 12] = [
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
