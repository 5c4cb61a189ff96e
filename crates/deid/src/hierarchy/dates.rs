//! `dates`: days to months, quarters, years, five years, decades.
//!
//! Dates are read in every spelling of [`calendar`](crate::code::calendar) and labelled in one: `2024-01`, `2024-Q1`, `2024`, `2020-2024`, `2020s`. What is
//! coarser than a level stands as it is there (`2024` has no month), and so do values that were generalised before. The periods of the calendar
//! nest, so the hierarchy is monotone.

use serde::{Deserialize, Serialize};

use super::climb::{BuildError, Ladder, Reason, build};
use super::{Hierarchy, HierarchySpec, Method};
use crate::action::{Parameter, ParameterError, Refusal, Shape, parameters};
use crate::code::calendar::{Date, Order, Precision};
use crate::kind::Text;

/// Dates to periods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Dates {
    /// The periods of each level, finest first.
    pub levels: Vec<Period>,
    /// How `03/04/2024` is read.
    pub order: DateOrder,
    /// Years of birth of everybody who has reached this age at `as-of` become one class.
    pub top: Option<u8>,
    /// The day at which ages are reckoned.
    pub as_of: String,
    /// The label of values that are no date.
    pub other: Option<String>,
}

impl Default for Dates {
    fn default() -> Self {
        use Period::{Decade, FiveYears, Month, Quarter, Year};
        Dates {
            levels: vec![Month, Quarter, Year, FiveYears, Decade],
            order: DateOrder::default(),
            top: None,
            as_of: crate::action::AS_OF.to_owned(),
            other: None,
        }
    }
}

/// A period of the calendar, the shortest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Period {
    /// `2024-01-05`
    #[serde(rename = "day")]
    Day,
    /// `2024-01`
    #[serde(rename = "month")]
    Month,
    /// `2024-Q1`
    #[serde(rename = "quarter")]
    Quarter,
    /// `2024`
    #[serde(rename = "year")]
    Year,
    /// `2020-2024`
    #[serde(rename = "5-years")]
    FiveYears,
    /// `2020s`
    #[serde(rename = "decade")]
    Decade,
}

/// How `03/04/2024` is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DateOrder {
    /// Not at all: such values are refused.
    #[default]
    Undeclared,
    /// 4 March.
    MonthFirst,
    /// 3 April.
    DayFirst,
}

pub(super) const METHOD: Method = Method {
    name: "dates",
    summary: Text {
        en: "dates to month, quarter, year, five years and decade, then `*`",
        zh: "日期逐级归入月、季、年、五年、十年，最后为 `*`",
    },
    parameters: &[
        Parameter {
            name: "levels",
            shape: Shape::List(&Shape::Choice(&["day", "month", "quarter", "year", "5-years", "decade"])),
            default: Some("[\"month\", \"quarter\", \"year\", \"5-years\", \"decade\"]"),
            doc: Text {
                en: "the period of each level, finest first; `day` takes off the time of day",
                zh: "各级的时段，由细到粗；`day` 去掉时刻",
            },
        },
        Parameter {
            name: "order",
            shape: Shape::Choice(&["undeclared", "month-first", "day-first"]),
            default: Some("\"undeclared\""),
            doc: Text {
                en: "how 03/04/2024 is read; undeclared, it is refused",
                zh: "如何解读 03/04/2024；未声明则拒绝",
            },
        },
        Parameter {
            name: "top",
            shape: Shape::Integer(1, 150),
            default: None,
            doc: Text {
                en: "an age: the years of birth of all who have reached it in the year of `as-of` become one class, such as `<=1936`",
                zh: "年龄：在 `as-of` 当年已达此年龄者的出生年归为一类，如 `<=1936`",
            },
        },
        Parameter {
            name: "as-of",
            shape: Shape::Text,
            default: Some("\"2026-12-31\""),
            doc: Text {
                en: "the day at which ages are reckoned; a later day pools more",
                zh: "计算年龄的基准日；越晚则归并越多",
            },
        },
        super::OTHER,
    ],
    citation: "ISO/IEC 20889:2018, 9.3; 45 CFR 164.514(b)(2)(i)(C); GB/T 37964-2019, A.5",
    short: None,
    parse: |value| {
        let spec: Dates = parameters(value)?;
        spec.ladder()?;
        Ok(HierarchySpec::Dates(spec))
    },
};

impl Dates {
    pub(super) fn build(&self, values: &[&str]) -> Result<Hierarchy, BuildError> {
        let ladder = self.ladder().map_err(|error| BuildError::Settings { hierarchy: METHOD.name, error })?;
        build(METHOD.name, &ladder, self.other.as_deref(), values)
    }

    fn ladder(&self) -> Result<Calendar<'_>, ParameterError> {
        let fault = |message: &str| Err(ParameterError(message.to_owned()));
        if self.levels.is_empty() || !self.levels.is_sorted_by(|finer, coarser| finer < coarser) {
            return fault("`levels` must be periods that get longer, such as [\"month\", \"year\"]");
        }
        let as_of = crate::action::day("as-of", &self.as_of)?;
        let newest = match self.top {
            None => None,
            Some(top @ 1..=150) => Some(as_of.year() - i32::from(top)),
            Some(_) => return fault("`top` must be an age in whole years, from 1 to 150"),
        };
        Ok(Calendar { levels: &self.levels, order: self.order.into(), newest })
    }
}

impl From<DateOrder> for Order {
    fn from(order: DateOrder) -> Order {
        match order {
            DateOrder::Undeclared => Order::Undeclared,
            DateOrder::MonthFirst => Order::MonthFirst,
            DateOrder::DayFirst => Order::DayFirst,
        }
    }
}

struct Calendar<'a> {
    levels: &'a [Period],
    order: Order,
    /// The latest year of birth that is pooled.
    newest: Option<i32>,
}

impl Ladder for Calendar<'_> {
    fn steps(&self) -> usize {
        self.levels.len()
    }

    fn climb(&self, value: &str, labels: &mut Vec<String>) -> Result<(), Reason> {
        if let Some(year) = value.strip_prefix("<=").and_then(whole_year) {
            let label = match self.newest {
                Some(newest) if year <= newest => pool(newest),
                Some(_) => return Err(Reason::Across),
                None => value.to_owned(),
            };
            labels.resize(self.levels.len(), label);
            return Ok(());
        }
        let span = Span::read(value, self.order).ok_or(Refusal::NotADate)?;
        if let Some(newest) = self.newest.filter(|newest| span.last_year() <= *newest) {
            labels.resize(self.levels.len(), pool(newest));
            return Ok(());
        }
        labels.extend(self.levels.iter().map(|level| span.label(*level)));
        Ok(())
    }
}

fn pool(newest: i32) -> String {
    format!("<={newest:04}")
}

/// The period that a text says, from some day on.
pub(super) struct Span {
    start: Date,
    pub(super) period: Period,
    /// Whether a time of day stands behind the date.
    pub(super) timed: bool,
}

impl Span {
    /// Reads a date, or a period as [`Span::label`] writes it.
    pub(super) fn read(text: &str, order: Order) -> Option<Span> {
        if let Some(parsed) = Date::parse_as(text, order) {
            let period = match parsed.precision {
                Precision::Day => Period::Day,
                Precision::Month => Period::Month,
                Precision::Year => Period::Year,
            };
            return Some(Span { start: parsed.date, period, timed: !parsed.time.is_empty() });
        }
        let of =
            |year, month, period| Date::new(year, month, 1).map(|start| Span { start, period, timed: false });
        if let Some((year, quarter)) = text.split_once("-Q") {
            let quarter: u8 = quarter.parse().ok().filter(|quarter| (1..=4).contains(quarter))?;
            return of(whole_year(year)?, quarter * 3 - 2, Period::Quarter);
        }
        if let Some(year) = text.strip_suffix('s').and_then(whole_year) {
            return if year % 10 == 0 { of(year, 1, Period::Decade) } else { None };
        }
        let (first, last) = text.split_once('-')?;
        let (first, last) = (whole_year(first)?, whole_year(last)?);
        if first % 5 == 0 && last == first + 4 { of(first, 1, Period::FiveYears) } else { None }
    }

    /// The label at a level; the period itself where that is longer.
    fn label(&self, level: Period) -> String {
        let (year, month) = (self.start.year(), self.start.month());
        match level.max(self.period) {
            Period::Day => format!("{year:04}-{month:02}-{:02}", self.start.day()),
            Period::Month => format!("{year:04}-{month:02}"),
            Period::Quarter => format!("{year:04}-Q{}", month.div_ceil(3)),
            Period::Year => format!("{year:04}"),
            Period::FiveYears => format!("{:04}-{:04}", year / 5 * 5, year / 5 * 5 + 4),
            Period::Decade => format!("{:03}0s", year / 10),
        }
    }

    fn last_year(&self) -> i32 {
        let year = self.start.year();
        match self.period {
            Period::FiveYears => year + 4,
            Period::Decade => year + 9,
            _ => year,
        }
    }
}

fn whole_year(text: &str) -> Option<i32> {
    (text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::climb::tests::{between, climb, fault};
    use super::*;

    #[test]
    fn dates_of_any_spelling_climb_through_the_calendar() {
        let row = "2023-05 2023-Q2 2023 2020-2024 2020s";
        for value in ["2023-05-06", "2023/5/6", "2023年5月6日", "20230506", "2023-05-06 10:11", "6 May 2023"]
        {
            assert_eq!(between(&json!("dates"), value), row, "{value}");
        }
        let days = json!({ "dates": { "levels": ["day", "year"] } });
        assert_eq!(between(&days, "2023-05-06 10:11"), "2023-05-06 2023");
    }

    #[test]
    fn what_is_coarser_than_a_level_stands_as_it_is() {
        for (value, row) in [
            ("2023-05", "2023-05 2023-Q2 2023 2020-2024 2020s"),
            ("2023-Q2", "2023-Q2 2023-Q2 2023 2020-2024 2020s"),
            ("2023", "2023 2023 2023 2020-2024 2020s"),
            ("2020-2024", "2020-2024 2020-2024 2020-2024 2020-2024 2020s"),
            ("2020s", "2020s 2020s 2020s 2020s 2020s"),
            ("<=1936", "<=1936 <=1936 <=1936 <=1936 <=1936"),
        ] {
            assert_eq!(between(&json!("dates"), value), row, "{value}");
        }
    }

    #[test]
    fn births_of_the_very_old_are_one_class() {
        let given = json!({ "dates": { "levels": ["month", "decade"], "top": 90 } });
        for value in ["1936-12-31", "1900", "1920s", "1930-1934", "<=1936", "<=1930"] {
            assert_eq!(between(&given, value), "<=1936 <=1936", "{value}");
        }
        assert_eq!(between(&given, "1937-01-01"), "1937-01 1930s");
        assert_eq!(between(&given, "1930s"), "1930s 1930s", "some of it is not so old");
        assert_eq!(climb(&given, "<=1940"), Err(Reason::Across));
        let earlier = json!({ "dates": { "levels": ["year"], "top": 90, "as-of": "2020-06-30" } });
        assert_eq!(between(&earlier, "1930-01-01"), "<=1930");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in ["2023-02-30", "soon", "03/04/2024", "2023-Q5", "2021s", "2021-2025", "<=x"] {
            assert_eq!(climb(&json!("dates"), text), Err(Reason::Unreadable(Refusal::NotADate)), "{text}");
        }
        let day_first = json!({ "dates": { "levels": ["month"], "order": "day-first" } });
        assert_eq!(between(&day_first, "03/04/2024"), "2024-04");
    }

    #[test]
    fn levels_that_do_not_rise_are_refused() {
        let given = |settings| fault(json!({ "dates": settings }));
        assert!(given(json!({ "levels": ["year", "month"] })).contains("get longer"));
        assert!(given(json!({ "levels": ["year", "year"] })).contains("get longer"));
        assert!(given(json!({ "levels": [] })).contains("get longer"));
        assert!(given(json!({ "levels": ["week"] })).contains("unknown variant `week`"));
        assert!(given(json!({ "top": 0 })).contains("from 1 to 150"));
        assert!(given(json!({ "as-of": "2024" })).contains("`as-of`"));
    }
}
