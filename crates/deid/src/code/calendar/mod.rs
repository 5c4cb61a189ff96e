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

mod parse;
mod spelling;
mod time_of_day;

use std::fmt;

pub use parse::Parsed;
pub use spelling::{Case, DaySign, NameStyle, Padding, Spelling};

/// A day that exists, in the years 1 to 9999. Its `Debug` shows nothing of the value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: i32,
    month: u8,
    day: u8,
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

impl Date {
    /// The day, where it exists.
    pub fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        is_valid(year, month, day).then_some(Self { year, month, day })
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
    // i64, so that no day number that has a date overflows on the way.
    (i64::from(era) * 146_097 + i64::from(day_of_era) - 719_468) as i32
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
    fn ages_turn_on_the_birthday() {
        let born = Date::new(2000, 2, 29).unwrap();
        assert_eq!(born.years_until(Date::new(2024, 2, 28).unwrap()), 23);
        assert_eq!(born.years_until(Date::new(2024, 2, 29).unwrap()), 24);
    }

    proptest! {
        #[test]
        fn day_numbers_round_trip(days in any::<i32>()) {
            let (year, month, day) = civil_from_days(days);
            prop_assert_eq!(days_from_civil(year, month, day), days);
        }
    }
}
