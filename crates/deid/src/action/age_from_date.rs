//! `age-from-date`: the age in whole years at a given day.
//!
//! A birth of which only the year or the month is known counts from its first day, so that whoever may belong to the very old is pooled.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Action, Cell, Effect, Method, Output, Parameter, ParameterError, Reads, Refusal, Shape, Site, Transform,
};
use crate::code::calendar::Date;
use crate::kind::Text;

/// Replaces a birth date by an age.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AgeFromDate {
    at: String,
    top: u32,
}

impl Default for AgeFromDate {
    fn default() -> Self {
        AgeFromDate { at: super::AS_OF.to_owned(), top: 90 }
    }
}

pub(super) const METHOD: Method = Method {
    name: "age-from-date",
    summary: Text {
        en: "replaces a birth date by the age in whole years", zh: "以周岁代替出生日期"
    },
    parameters: &[
        Parameter {
            name: "at",
            shape: Shape::Text,
            default: Some("\"2026-12-31\""),
            doc: Text { en: "the day at which the age is reckoned", zh: "计算年龄的日期" },
        },
        Parameter {
            name: "top",
            shape: Shape::Integer(1, 150),
            default: Some("90"),
            doc: Text {
                en: "ages from it on become one class, `90+`", zh: "达到此年龄者归为一类 `90+`"
            },
        },
    ],
    guarantee: Text {
        en: "the birth date is known to within a year; the very old are one class",
        zh: "出生日期仅知到一年以内；高龄者归为一类",
    },
    citation: "45 CFR 164.514(b)(2)(i)(C)",
    output: Output::Text,
    parse: |value| {
        let action: AgeFromDate = super::parameters(value)?;
        super::day("at", &action.at)?;
        match action.top {
            1..=150 => Ok(Box::new(action)),
            _ => Err(ParameterError("`top` must be from 1 to 150".into())),
        }
    },
};

impl Action for AgeFromDate {
    fn method(&self) -> &'static Method {
        &METHOD
    }

    fn parameters(&self) -> Value {
        super::beyond_default(self)
    }

    fn prepare(&self, _: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError> {
        Ok(Box::new(Ager { at: super::day("at", &self.at)?, top: self.top }))
    }
}

struct Ager {
    at: Date,
    top: u32,
}

impl Transform for Ager {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        let birth = Date::parse(cell.value.0.trim()).ok_or(Refusal::NotADate)?.date;
        let age = u32::try_from(birth.years_until(self.at))
            .map_err(|_| Refusal::Unknown("birth date: it lies after the day of reckoning"))?;
        let (shown, sign) = if age >= self.top { (self.top, "+") } else { (age, "") };
        write!(out, "{shown}{sign}").expect("a string takes all text");
        Ok(Effect::Replaced)
    }

    fn reads(&self) -> Reads {
        Reads::Value
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::run;
    use crate::action::Refusal;

    #[test]
    fn ages_are_whole_years_and_the_very_old_are_pooled() {
        let age =
            |value| run("age-from-date", json!({ "at": "2024-06-30" }), None, value).map(Option::unwrap);
        assert_eq!(age("1990-06-30").unwrap(), "34");
        assert_eq!(age("1990-07-01").unwrap(), "33");
        assert_eq!(age("1930-01-01").unwrap(), "90+");
        assert_eq!(age("1990-13-01"), Err(Refusal::NotADate));
        assert!(matches!(age("2024-07-01"), Err(Refusal::Unknown(_))));
        assert_eq!(age("2024-06-30").unwrap(), "0");
        assert_eq!(age("1934-06-30").unwrap(), "90+");
        assert_eq!(age("1934年7月1日").unwrap(), "89");
        assert_eq!(age("1934").unwrap(), "90+", "may be 90");
        assert_eq!(age(" 2000-02-29 ").unwrap(), "24");
    }

    #[test]
    fn settings_that_are_none_are_refused() {
        for value in
            [json!({ "at": "2024" }), json!({ "at": "soon" }), json!({ "top": 0 }), json!({ "top": 151 })]
        {
            assert!((super::METHOD.parse)(value.clone()).is_err(), "{value}");
        }
    }
}
