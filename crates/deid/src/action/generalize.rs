//! `generalize`: a value becomes the class that it lies in.
//!
//! One action climbs every hierarchy that the product knows: dates to month, quarter, year, decade; ages and other numbers to
//! intervals; Chinese addresses and division codes to district, prefecture, province; postcodes; ICD-10 to category, block, chapter;
//! anything else by a table of its own (`map`). What is not a value of the hierarchy is refused, never passed on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, Cell, Effect, Method, Output, Parameter, ParameterError, Refusal, Shape, Site, Transform};
use super::{number, number::ONE};
use crate::code::calendar::{Date, Parsed, Precision};
use crate::code::{address, icd10, postcode, zip3};
use crate::kind::{Kind, Text};

/// Replaces a value by its class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Generalize {
    to: Option<String>,
    bottom: Option<f64>,
    top: Option<f64>,
    as_of: String,
    map: BTreeMap<String, String>,
    other: Option<String>,
}

impl Default for Generalize {
    fn default() -> Self {
        Generalize {
            to: None,
            bottom: None,
            top: None,
            as_of: super::AS_OF.to_owned(),
            map: BTreeMap::new(),
            other: None,
        }
    }
}

pub(super) const METHOD: Method = Method {
    name: "generalize",
    summary: Text { en: "replaces a value by the class that it lies in", zh: "以所属类别代替具体值" },
    parameters: &[
        Parameter {
            name: "to",
            shape: Shape::Text,
            default: None,
            doc: Text {
                en: "day, month, quarter, year or decade (dates); street, district, prefecture or province (addresses, division codes, postcodes); zip3; category, block or chapter (ICD-10); or the width of an interval, such as 5 (numbers)",
                zh: "日期：day、month、quarter、year、decade；地址、行政区划代码、邮编：street、district、prefecture、province；美国邮编：zip3；ICD-10：category、block、chapter；数值：区间宽度，如 5",
            },
        },
        Parameter {
            name: "bottom",
            shape: Shape::Number(-1e9, 1e9),
            default: None,
            doc: Text { en: "numbers below it become one class, such as `<18`", zh: "低于此值者归为一类，如 `<18`" },
        },
        Parameter {
            name: "top",
            shape: Shape::Number(-1e9, 1e9),
            default: None,
            doc: Text {
                en: "numbers from it on become one class, such as `90+`; for dates, an age in years at `as-of`",
                zh: "达到此值者归为一类，如 `90+`；对日期则指 `as-of` 时的年龄",
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
        Parameter {
            name: "map",
            shape: Shape::Any,
            default: Some("{}"),
            doc: Text { en: "a table of its own: value = class", zh: "自定义对照表：值 = 类别" },
        },
        Parameter {
            name: "other",
            shape: Shape::Text,
            default: None,
            doc: Text {
                en: "the class of values that `map` does not have; without it they are refused",
                zh: "`map` 之外的值所归类别；未设则拒绝",
            },
        },
    ],
    guarantee: Text {
        en: "values of one class cannot be told apart; how many records share it is measured, not promised",
        zh: "同类各值不可区分；每类记录数以评估为准，不作保证",
    },
    citation: "ISO/IEC 20889:2018, 9.3 (generalization); 45 CFR 164.514(b)(2)(i)(B), (C); GB/T 37964-2019, A.5; GB/T 2260; ICD-10 (WHO)",
    output: Output::Text,
    parse: |value| {
        let action: Generalize = super::parameters(value)?;
        action.ladder(None)?;
        Ok(Box::new(action))
    },
};

/// Which hierarchy is climbed.
#[derive(Clone, Debug)]
enum Ladder {
    Date(DateClass),
    Division(address::Level),
    Postcode(postcode::Keep),
    Zip3,
    Icd10(icd10::To),
    /// Intervals of a width in steps of 1e-9; 0: only `bottom` and `top` pool.
    Number(i64),
    Map,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DateClass {
    Day,
    Month,
    Quarter,
    Year,
    Decade,
}

impl Generalize {
    fn ladder(&self, kind: Option<Kind>) -> Result<Ladder, ParameterError> {
        if Date::parse(&self.as_of).is_none() {
            return Err(ParameterError("`as-of` must be a date, such as \"2026-12-31\"".into()));
        }
        if !self.map.is_empty() {
            return match self.to {
                Some(_) => Err(ParameterError("`map` and `to` exclude each other".into())),
                None => Ok(Ladder::Map),
            };
        }
        let Some(to) = self.to.as_deref() else {
            if self.top.is_none() && self.bottom.is_none() {
                return Err(ParameterError("say `to`, `bottom`, `top` or `map`".into()));
            }
            return Ok(Ladder::Number(0));
        };
        Ok(match to {
            "day" => Ladder::Date(DateClass::Day),
            "month" => Ladder::Date(DateClass::Month),
            "quarter" => Ladder::Date(DateClass::Quarter),
            "year" => Ladder::Date(DateClass::Year),
            "decade" => Ladder::Date(DateClass::Decade),
            "province" if kind == Some(Kind::Postcode) => Ladder::Postcode(postcode::Keep::Province),
            "street" => Ladder::Division(address::Level::Township),
            "district" => Ladder::Division(address::Level::County),
            "prefecture" => Ladder::Division(address::Level::Prefecture),
            "province" => Ladder::Division(address::Level::Province),
            "zip3" => Ladder::Zip3,
            "category" => Ladder::Icd10(icd10::To::Category),
            "block" => Ladder::Icd10(icd10::To::Block),
            "chapter" => Ladder::Icd10(icd10::To::Chapter),
            width => match number::parse(width) {
                Ok(width) if width > 0 => Ladder::Number(width),
                _ => {
                    let words = METHOD.parameters[0].doc.en;
                    return Err(ParameterError(format!("`to` must be one of: {words}")));
                }
            },
        })
    }
}

impl Action for Generalize {
    fn method(&self) -> &'static Method {
        &METHOD
    }

    fn parameters(&self) -> Value {
        super::beyond_default(self)
    }

    fn prepare(&self, site: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError> {
        let steps = |value: Option<f64>, name: &str| match value {
            None => Ok(None),
            Some(value) => number::steps(value)
                .map(Some)
                .ok_or_else(|| ParameterError(format!("`{name}` is too large"))),
        };
        let as_of = Date::parse(&self.as_of).map(|parsed| parsed.date);
        Ok(Box::new(Generalizer {
            ladder: self.ladder(site.kind)?,
            bottom: steps(self.bottom, "bottom")?,
            top: steps(self.top, "top")?,
            as_of: as_of.ok_or_else(|| ParameterError("`as-of` must be a date".into()))?,
            map: self.map.clone(),
            other: self.other.clone(),
        }))
    }
}

struct Generalizer {
    ladder: Ladder,
    bottom: Option<i64>,
    top: Option<i64>,
    as_of: Date,
    map: BTreeMap<String, String>,
    other: Option<String>,
}

impl Transform for Generalizer {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        let text = cell.value.0.trim();
        let known = |done: bool, what: &'static str| match done {
            true => Ok(Effect::Replaced),
            false => Err(Refusal::Unknown(what)),
        };
        match &self.ladder {
            Ladder::Date(class) => self.date(text, *class, out),
            Ladder::Division(level) => known(address::generalize(text, *level, out), "division or address"),
            Ladder::Postcode(keep) => known(postcode::generalize(text, *keep, out), "postcode"),
            Ladder::Zip3 => known(zip3::generalize(text, out), "ZIP code"),
            Ladder::Icd10(to) => known(icd10::generalize(text, *to, out), "ICD-10 code"),
            Ladder::Number(width) => self.number(text, *width, out),
            Ladder::Map => {
                let class = self.map.get(text).or(self.other.as_ref());
                out.push_str(class.ok_or(Refusal::Unknown("value of the map"))?);
                Ok(Effect::Replaced)
            }
        }
    }
}

impl Generalizer {
    fn date(&self, text: &str, class: DateClass, out: &mut String) -> Result<Effect, Refusal> {
        let parsed = read_date(text)?;
        let date = parsed.date;
        if let Some(top) = self.top {
            // The year of birth of anyone who has reached the age becomes one class (45 CFR 164.514(b)(2)(i)(C)).
            let age = i64::from(self.as_of.year() - date.year());
            if age * ONE >= top {
                let newest = i64::from(self.as_of.year()) - top / ONE;
                push(out, format_args!("{newest}-"));
                return Ok(Effect::Replaced);
            }
        }
        match class {
            DateClass::Day => parsed.write_truncated(Precision::Day, out),
            DateClass::Month => parsed.write_truncated(Precision::Month, out),
            DateClass::Quarter => push(out, format_args!("{:04}-Q{}", date.year(), (date.month() + 2) / 3)),
            DateClass::Year => push(out, format_args!("{:04}", date.year())),
            DateClass::Decade => push(out, format_args!("{:03}0s", date.year() / 10)),
        }
        Ok(Effect::Replaced)
    }

    fn number(&self, text: &str, width: i64, out: &mut String) -> Result<Effect, Refusal> {
        let value = number::parse(text)?;
        if let Some(bottom) = self.bottom.filter(|bottom| value < *bottom) {
            out.push('<');
            number::write_short(bottom, out);
            return Ok(Effect::Replaced);
        }
        if let Some(top) = self.top.filter(|top| value >= *top) {
            number::write_short(top, out);
            out.push('+');
            return Ok(Effect::Replaced);
        }
        if width == 0 {
            return Ok(Effect::Kept);
        }
        let origin = self.bottom.unwrap_or(0);
        let start = origin + (value - origin).div_euclid(width) * width;
        let whole = start % ONE == 0 && width % ONE == 0;
        let end = start.saturating_add(width);
        let end = self.top.map_or(end, |top| end.min(top));
        if whole {
            // Whole numbers: `40-44`, as ages are written.
            number::write_short(start, out);
            if end - start > ONE {
                out.push('-');
                number::write_short(end - ONE, out);
            }
        } else {
            out.push('[');
            number::write_short(start, out);
            out.push_str(", ");
            number::write_short(end, out);
            out.push(')');
        }
        Ok(Effect::Replaced)
    }
}

/// Reads a date in any spelling; a bare year is one too.
fn read_date(text: &str) -> Result<Parsed<'_>, Refusal> {
    Date::parse(text).ok_or(Refusal::NotADate)
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    use std::fmt::Write as _;
    // Writing to a string never fails.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::run;
    use super::*;

    fn to(parameters: Value, kind: Option<Kind>, value: &str) -> Result<String, Refusal> {
        run("generalize", parameters, kind, value).map(Option::unwrap)
    }

    #[test]
    fn dates_climb_to_year_and_very_old_births_are_pooled() {
        for (class, value, expected) in [
            ("year", "1987-03-05", "1987"),
            ("year", "1987年3月5日", "1987"),
            ("month", "1987-03-05", "1987-03"),
            ("quarter", "1987-03-05", "1987-Q1"),
            ("decade", "1987/3/5", "1980s"),
        ] {
            assert_eq!(to(json!({ "to": class }), None, value).unwrap(), expected);
        }
        let pooled = json!({ "to": "year", "top": 90 });
        assert_eq!(to(pooled.clone(), None, "1930-01-01").unwrap(), "1936-");
        assert_eq!(to(pooled.clone(), None, "1936-12-31").unwrap(), "1936-");
        assert_eq!(to(pooled.clone(), None, "1937-01-01").unwrap(), "1937");
        assert_eq!(to(pooled, None, "2023-02-30"), Err(Refusal::NotADate));
    }

    #[test]
    fn ages_and_numbers_fall_into_intervals() {
        let age = json!({ "to": "5", "top": 90 });
        for (value, expected) in [("0", "0-4"), ("44", "40-44"), ("89", "85-89"), ("90", "90+"), ("104", "90+")] {
            assert_eq!(to(age.clone(), None, value).unwrap(), expected);
        }
        assert_eq!(to(json!({ "top": 90 }), None, "45").unwrap(), "45");
        assert_eq!(to(json!({ "to": "0.5" }), None, "7.35").unwrap(), "[7, 7.5)");
        assert_eq!(to(json!({ "to": "10", "bottom": 18 }), None, "17").unwrap(), "<18");
        assert_eq!(to(json!({ "to": "10" }), None, "-3").unwrap(), "-10--1");
        assert_eq!(to(age, None, "NaN"), Err(Refusal::NotANumber));
    }

    #[test]
    fn places_climb_the_real_hierarchy() {
        let address = "江苏省南京市鼓楼区汉口路22号";
        for (level, expected) in [("district", "江苏省南京市鼓楼区"), ("prefecture", "江苏省南京市"), ("province", "江苏省")] {
            assert_eq!(to(json!({ "to": level }), Some(Kind::Address), address).unwrap(), expected);
        }
        assert_eq!(to(json!({ "to": "prefecture" }), Some(Kind::DivisionCode), "320106").unwrap(), "320100");
        assert_eq!(to(json!({ "to": "province" }), None, "Atlantis"), Err(Refusal::Unknown("division or address")));
        assert_eq!(to(json!({ "to": "zip3" }), None, "02139").unwrap(), "021");
        assert_eq!(to(json!({ "to": "zip3" }), None, "03601").unwrap(), "000");
    }

    #[test]
    fn diagnoses_climb_to_block_and_chapter() {
        for (level, expected) in [("category", "E11"), ("block", "E10-E14"), ("chapter", "IV")] {
            assert_eq!(to(json!({ "to": level }), None, "E11.900x001").unwrap(), expected);
        }
        assert_eq!(to(json!({ "to": "block" }), None, "hello"), Err(Refusal::Unknown("ICD-10 code")));
    }

    #[test]
    fn own_tables_refuse_what_they_lack() {
        let map = json!({ "map": { "nurse": "health", "surgeon": "health" } });
        assert_eq!(to(map.clone(), None, "nurse").unwrap(), "health");
        assert_eq!(to(map, None, "pilot"), Err(Refusal::Unknown("value of the map")));
        assert_eq!(to(json!({ "map": { "a": "b" }, "other": "*" }), None, "z").unwrap(), "*");
    }

    #[test]
    fn contradicting_parameters_are_refused() {
        let fault = |value| (METHOD.parse)(value).unwrap_err().0;
        assert!(fault(json!({})).contains("say `to`"));
        assert!(fault(json!({ "to": "galaxy" })).contains("`to` must be"));
        assert!(fault(json!({ "to": "year", "map": { "a": "b" } })).contains("exclude"));
        assert!(fault(json!({ "to": "year", "as-of": "soon" })).contains("as-of"));
    }
}
