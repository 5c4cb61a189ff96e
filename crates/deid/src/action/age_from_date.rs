//! `age-from-date`: the age in whole years at a given day.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, Cell, Effect, Method, Output, Parameter, ParameterError, Refusal, Shape, Site, Transform};
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
    summary: Text { en: "replaces a birth date by the age in whole years", zh: "以周岁代替出生日期" },
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
            doc: Text { en: "ages from it on become one class, `90+`", zh: "达到此年龄者归为一类 `90+`" },
        },
    ],
    guarantee: Text { en: "the birth date is known to within a year; the very old are one class", zh: "出生日期仅知到一年以内；高龄者归为一类" },
    citation: "45 CFR 164.514(b)(2)(i)(C)",
    output: Output::Text,
    parse: |value| {
        let action: AgeFromDate = super::parameters(value)?;
        match Date::parse(&action.at) {
            Some(_) => Ok(Box::new(action)),
            None => Err(ParameterError("`at` must be a date, such as \"2026-12-31\"".into())),
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
        {
            let at = Date::parse(&self.at).ok_or_else(|| ParameterError("`at` must be a date".into()))?;
            Ok(Box::new(Ager { at: at.date, top: self.top }))
        }
    }
}

struct Ager {
    at: Date,
    top: u32,
}

impl Transform for Ager {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        let birth = Date::parse(cell.value.0).ok_or(Refusal::NotADate)?.date;
        let age = u32::try_from(birth.years_until(self.at)).map_err(|_| Refusal::Unknown("birth date: it lies after the day of reckoning"))?;
        out.push_str(&if age >= self.top { format!("{}+", self.top) } else { age.to_string() });
        Ok(Effect::Replaced)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::run;
    use crate::action::Refusal;

    #[test]
    fn ages_are_whole_years_and_the_very_old_are_pooled() {
        let age = |value| run("age-from-date", json!({ "at": "2024-06-30" }), None, value).map(Option::unwrap);
        assert_eq!(age("1990-06-30").unwrap(), "34");
        assert_eq!(age("1990-07-01").unwrap(), "33");
        assert_eq!(age("1930-01-01").unwrap(), "90+");
        assert_eq!(age("1990-13-01"), Err(Refusal::NotADate));
        assert!(age("2025-01-01").is_err());
    }
}
