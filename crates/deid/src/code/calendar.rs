//! Calendar dates as hospitals write them.
//!
//! Day numbers count from 1970-01-01 in the proleptic Gregorian calendar, by the algorithms of
//! Howard Hinnant, *chrono-Compatible Low-Level Date Algorithms*
//! (<https://howardhinnant.github.io/date_algorithms.html>), `days_from_civil` and `civil_from_days`.

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
