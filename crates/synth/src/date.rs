//! Days of the synthetic world, which ends on [`TODAY`].

use medveil_deid::code::calendar;

/// A day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i32);

/// The day on which every record is written: 2026-06-30. Fixed, so that output doesn't change with the calendar.
pub const TODAY: Date = Date(20_634);

/// The day on which the hospital's records begin: 2022-01-01.
pub const OPENED: Date = Date(18_993);

impl Date {
    /// Year, month and day.
    pub fn civil(self) -> (i32, u8, u8) {
        calendar::civil_from_days(self.0)
    }

    /// Full years from this date of birth to `day`.
    pub fn age_on(self, day: Self) -> u32 {
        let (born_year, born_month, born_day) = self.civil();
        let (year, month, day_of_month) = day.civil();
        let not_yet = (month, day_of_month) < (born_month, born_day);
        (year - born_year - i32::from(not_yet)).max(0).unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_days_are_what_their_docs_say() {
        assert_eq!(TODAY.civil(), (2026, 6, 30));
        assert_eq!(OPENED.civil(), (2022, 1, 1));
    }

    #[test]
    fn age_counts_birthdays() {
        let day = |y, m, d| Date(calendar::days_from_civil(y, m, d));
        assert_eq!(day(2000, 7, 1).age_on(TODAY), 25);
        assert_eq!(day(2000, 6, 30).age_on(TODAY), 26);
        assert_eq!(day(2004, 2, 29).age_on(day(2023, 2, 28)), 18);
        assert_eq!(TODAY.age_on(TODAY), 0);
    }
}
