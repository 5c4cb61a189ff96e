//! `generalize`: a value becomes the class that it lies in.
//!
//! One action climbs every hierarchy that the product knows: dates to month, quarter, year, decade; ages and other numbers to
//! intervals; Chinese addresses and division codes to district, prefecture, province; postcodes; ICD-10 to category, block, chapter;
//! anything else by a table of its own (`map`). What is not a value of the hierarchy is refused, never passed on.
//!
//! Six digits are a postcode where the kind says so, and a division code otherwise. Ages are read in any unit (`45岁`, `8个月`, `045Y`)
//! where the kind says that they are ages. A date never gets finer than it was: `2024` stays `2024` at `quarter`.
//!
//! # Births that show an age over 89
//! `top = 90` at a level of dates pools every birth year of which somebody has reached 90 by the end of the year of `as-of`: `<=1936`. The
//! day is part of the plan and has a fixed default, because with a clock the same plan and data would give other bytes tomorrow.

pub(crate) mod age;
pub(crate) mod bins;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use self::bins::{Bins, Edges};
use super::{
    Action, Cell, Effect, Method, Output, Parameter, ParameterError, Reads, Refusal, Shape, Site, Transform,
};
use crate::code::calendar::{Date, Precision};
use crate::code::{address, icd10, postcode, zip3};
use crate::kind::{Kind, Text};

/// Replaces a value by its class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Generalize {
    to: Option<String>,
    bin: Option<Number>,
    origin: Option<Number>,
    bottom: Option<Number>,
    top: Option<Number>,
    as_of: String,
    map: BTreeMap<String, String>,
    other: Option<String>,
}

impl Default for Generalize {
    fn default() -> Self {
        Generalize {
            to: None,
            bin: None,
            origin: None,
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
    summary: Text {
        en: "replaces a value by the class that it lies in", zh: "以所属类别代替具体值"
    },
    parameters: &[
        Parameter {
            name: "to",
            shape: Shape::Text,
            default: None,
            doc: Text {
                en: "day, month, quarter, year or decade (dates); street, district, prefecture or province (addresses, division codes, postcodes); zip3; category, block or chapter (ICD-10); or the width of an interval, such as 5 (numbers); year, decade also for ages",
                zh: "日期：day、month、quarter、year、decade；地址、行政区划代码、邮编：street、district、prefecture、province；美国邮编：zip3；ICD-10：category、block、chapter；数值：区间宽度，如 5；year、decade 亦用于年龄",
            },
        },
        Parameter {
            name: "bin",
            shape: Shape::Number(1e-9, 1e9),
            default: None,
            doc: Text {
                en: "the width of half-open intervals, such as `[40,50)`",
                zh: "左闭右开区间的宽度，如 `[40,50)`",
            },
        },
        Parameter {
            name: "origin",
            shape: Shape::Number(-1e9, 1e9),
            default: None,
            doc: Text {
                en: "a number at which an interval begins (default: `bottom`, or 0)",
                zh: "某一区间的起点（默认为 `bottom`，否则为 0）",
            },
        },
        Parameter {
            name: "bottom",
            shape: Shape::Number(-1e9, 1e9),
            default: None,
            doc: Text {
                en: "numbers below it become one class, such as `<18`",
                zh: "低于此值者归为一类，如 `<18`",
            },
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
        // The kind decides between readings of a level; every one must be possible.
        for kind in [None, Some(Kind::Age), Some(Kind::Postcode)] {
            action.ladder(kind)?;
        }
        Ok(Box::new(action))
    },
};

/// Which hierarchy is climbed.
enum Ladder {
    Date(DateClass, Option<Pool>),
    Division(address::Level),
    Postcode(postcode::Keep),
    /// A level of divisions that a postcode does not have.
    NoPostcodeLevel,
    Zip3,
    Icd10(icd10::To),
    Number(Bins),
    Map {
        map: BTreeMap<String, String>,
        other: Option<String>,
    },
}

/// The birth years of the very old: 45 CFR 164.514(b)(2)(i)(C).
struct Pool {
    /// The latest of them.
    newest: i32,
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
        let fault = |message: String| Err(ParameterError(message));
        let as_of = super::day("as-of", &self.as_of)?;
        let edges = Edges {
            origin: self.origin.as_ref().or(self.bottom.as_ref()),
            bottom: self.bottom.as_ref(),
            top: self.top.as_ref(),
        };
        let has_map = !self.map.is_empty();
        if [self.to.is_some(), self.bin.is_some(), has_map].iter().filter(|given| **given).count() > 1 {
            return fault("`to`, `bin` and `map` exclude each other".into());
        }
        if self.other.is_some() && !has_map {
            return fault("`other` belongs to `map`".into());
        }
        if has_map {
            if self.origin.is_some() || self.bottom.is_some() || self.top.is_some() {
                return fault("`map` and `origin`, `bottom`, `top` exclude each other".into());
            }
            return Ok(Ladder::Map { map: self.map.clone(), other: self.other.clone() });
        }
        let ages = kind == Some(Kind::Age);
        let Some(to) = self.to.as_deref() else {
            if self.bin.is_none() && self.top.is_none() && self.bottom.is_none() {
                return fault("say `to`, `bin`, `bottom`, `top` or `map`".into());
            }
            return Bins::new(self.bin.as_ref(), &edges, ages).map(Ladder::Number);
        };
        if let Ok(width) = serde_json::from_str::<Number>(to) {
            return Bins::new(Some(&width), &edges, ages)
                .map(|bins| Ladder::Number(bins.in_completed_units()));
        }
        let class = match to {
            "year" if ages => return Bins::whole_years(&edges).map(Ladder::Number),
            "decade" if ages => {
                return Bins::new(Some(&10.into()), &edges, true)
                    .map(|bins| Ladder::Number(bins.in_completed_units()));
            }
            "day" => Some(DateClass::Day),
            "month" => Some(DateClass::Month),
            "quarter" => Some(DateClass::Quarter),
            "year" => Some(DateClass::Year),
            "decade" => Some(DateClass::Decade),
            _ => None,
        };
        if self.origin.is_some() || self.bottom.is_some() {
            return fault(format!("`origin` and `bottom` belong to numbers, not to `{to}`"));
        }
        if let Some(class) = class {
            let pool = self.top.as_ref().map(|top| Pool::new(as_of, top)).transpose()?;
            return Ok(Ladder::Date(class, pool));
        }
        if self.top.is_some() {
            return fault(format!("`top` belongs to numbers and dates, not to `{to}`"));
        }
        Ok(match to {
            "province" if kind == Some(Kind::Postcode) => Ladder::Postcode(postcode::Keep::Province),
            // A postcode must not be taken for the division that happens to have its digits.
            "street" | "district" | "prefecture" if kind == Some(Kind::Postcode) => Ladder::NoPostcodeLevel,
            "street" => Ladder::Division(address::Level::Township),
            "district" => Ladder::Division(address::Level::County),
            "prefecture" => Ladder::Division(address::Level::Prefecture),
            "province" => Ladder::Division(address::Level::Province),
            "zip3" => Ladder::Zip3,
            "category" => Ladder::Icd10(icd10::To::Category),
            "block" => Ladder::Icd10(icd10::To::Block),
            "chapter" => Ladder::Icd10(icd10::To::Chapter),
            _ => return fault(format!("`to` must be one of: {}", METHOD.parameters[0].doc.en)),
        })
    }
}

impl Pool {
    /// Everybody who has reached the age by the end of the year. By whole years: who may have reached it has.
    fn new(as_of: Date, top: &Number) -> Result<Self, ParameterError> {
        let top =
            top.as_i64().or_else(|| top.as_f64().filter(|top| top.fract() == 0.0).map(|top| top as i64));
        match top.and_then(|top| i32::try_from(top).ok()) {
            Some(top @ 1..=150) => Ok(Pool { newest: as_of.year() - top }),
            _ => Err(ParameterError(
                "`top` must be an age in whole years, from 1 to 150, where dates are generalized".into(),
            )),
        }
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
        Ok(Box::new(self.ladder(site.kind)?))
    }
}

impl Transform for Ladder {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        let text = cell.value.0.trim();
        let known = |done: bool, what: &'static str| match done {
            true => Ok(Effect::Replaced),
            false => Err(Refusal::Unknown(what)),
        };
        match self {
            Ladder::Date(class, pool) => class.generalize(text, pool.as_ref(), out),
            Ladder::Division(level) => known(address::generalize(text, *level, out), "division or address"),
            Ladder::Postcode(keep) => known(postcode::generalize(text, *keep, out), "postcode"),
            Ladder::NoPostcodeLevel => {
                Err(Refusal::Unknown("level of a postcode: it tells the province only"))
            }
            Ladder::Zip3 => known(zip3::generalize(text, out), "ZIP code"),
            Ladder::Icd10(to) => known(icd10::generalize(text, *to, out), "ICD-10 code"),
            Ladder::Number(bins) => bins.generalize(text, out),
            Ladder::Map { map, other } => match map.get(text).or(other.as_ref()) {
                None => Err(Refusal::Unknown("value of the map")),
                Some(class) if class.is_empty() => Ok(Effect::Removed),
                Some(class) => {
                    out.push_str(class);
                    Ok(Effect::Replaced)
                }
            },
        }
    }

    fn reads(&self) -> Reads {
        Reads::Value
    }
}

impl DateClass {
    fn generalize(self, text: &str, pool: Option<&Pool>, out: &mut String) -> Result<Effect, Refusal> {
        let parsed = Date::parse(text).ok_or(Refusal::NotADate)?;
        let date = parsed.date;
        if let Some(pool) = pool.filter(|pool| date.year() <= pool.newest) {
            push(out, format_args!("<={:04}", pool.newest));
            return Ok(Effect::Replaced);
        }
        match self {
            DateClass::Day => parsed.write_truncated(Precision::Day, out),
            DateClass::Month => parsed.write_truncated(Precision::Month, out),
            // Of a year alone the quarter is not known.
            DateClass::Quarter if parsed.precision > Precision::Year => {
                push(out, format_args!("{:04}-Q{}", date.year(), date.month().div_ceil(3)));
            }
            DateClass::Year | DateClass::Quarter => push(out, format_args!("{:04}", date.year())),
            DateClass::Decade => push(out, format_args!("{:03}0s", date.year() / 10)),
        }
        Ok(Effect::Replaced)
    }
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
        assert_eq!(to(pooled.clone(), None, "1930-01-01").unwrap(), "<=1936");
        assert_eq!(to(pooled.clone(), None, "1936-12-31").unwrap(), "<=1936");
        assert_eq!(to(pooled.clone(), None, "1937-01-01").unwrap(), "1937");
        assert_eq!(to(pooled.clone(), None, "1900年1月").unwrap(), "<=1936");
        assert_eq!(to(pooled, None, "2023-02-30"), Err(Refusal::NotADate));
        let earlier = json!({ "to": "decade", "top": 90, "as-of": "2020-06-30" });
        assert_eq!(to(earlier.clone(), None, "1930-12-31").unwrap(), "<=1930");
        assert_eq!(to(earlier, None, "1931-01-01").unwrap(), "1930s");
    }

    #[test]
    fn dates_never_get_finer_than_they_were() {
        for (class, expected) in [("day", "2024"), ("month", "2024"), ("quarter", "2024"), ("year", "2024")] {
            assert_eq!(to(json!({ "to": class }), None, "2024").unwrap(), expected, "{class}");
        }
        assert_eq!(to(json!({ "to": "day" }), None, "2024-01").unwrap(), "2024-01");
        assert_eq!(to(json!({ "to": "quarter" }), None, "2024-12").unwrap(), "2024-Q4");
        assert_eq!(to(json!({ "to": "day" }), None, "2024-01-05T10:11:12Z").unwrap(), "2024-01-05");
        assert_eq!(to(json!({ "to": "month" }), None, "2024年1月5日").unwrap(), "2024年1月");
    }

    #[test]
    fn ages_are_read_in_their_unit_where_the_kind_is_known() {
        let age = |parameters, value| to(parameters, Some(Kind::Age), value);
        assert_eq!(age(json!({ "to": "5", "top": 90 }), "47岁").unwrap(), "45-49");
        assert_eq!(age(json!({ "to": "5", "top": 90 }), "8个月").unwrap(), "0-4");
        assert_eq!(age(json!({ "top": 90 }), "104岁").unwrap(), "90+");
        assert_eq!(age(json!({ "top": 90 }), "89岁").unwrap(), "89岁");
        assert_eq!(age(json!({ "to": "year", "top": 90 }), "47.5").unwrap(), "47");
        assert_eq!(age(json!({ "to": "decade" }), "47").unwrap(), "40-49");
        assert_eq!(age(json!({ "top": 90 }), "adult"), Err(Refusal::NotANumber));
        assert_eq!(to(json!({ "top": 90 }), None, "104岁"), Err(Refusal::NotANumber));
    }

    #[test]
    fn a_postcode_is_never_taken_for_a_division() {
        let postcode = |level| to(json!({ "to": level }), Some(Kind::Postcode), "210093");
        assert_eq!(postcode("province").unwrap(), "21****");
        for level in ["street", "district", "prefecture"] {
            assert!(matches!(postcode(level), Err(Refusal::Unknown(_))), "{level}");
        }
        let zip = to(json!({ "to": "zip3" }), Some(Kind::Postcode), "210093");
        assert_eq!(zip, Err(Refusal::Unknown("ZIP code")));
        assert_eq!(to(json!({ "to": "province" }), None, "210102").unwrap(), "210000");
    }

    #[test]
    fn ages_and_numbers_fall_into_intervals() {
        let age = json!({ "to": "5", "top": 90 });
        for (value, expected) in
            [("0", "0-4"), ("44", "40-44"), ("89", "85-89"), ("90", "90+"), ("104", "90+")]
        {
            assert_eq!(to(age.clone(), None, value).unwrap(), expected);
        }
        assert_eq!(to(json!({ "top": 90 }), None, "45").unwrap(), "45");
        assert_eq!(to(json!({ "to": "0.5" }), None, "7.35").unwrap(), "[7,7.5)");
        assert_eq!(to(json!({ "to": "10", "bottom": 18 }), None, "17").unwrap(), "<18");
        assert_eq!(to(json!({ "to": "10" }), None, "-3").unwrap(), "[-10,0)");
        assert_eq!(to(age, None, "NaN"), Err(Refusal::NotANumber));
    }

    #[test]
    fn places_climb_the_real_hierarchy() {
        let address = "江苏省南京市鼓楼区汉口路22号";
        for (level, expected) in
            [("district", "江苏省南京市鼓楼区"), ("prefecture", "江苏省南京市"), ("province", "江苏省")]
        {
            assert_eq!(to(json!({ "to": level }), Some(Kind::Address), address).unwrap(), expected);
        }
        assert_eq!(to(json!({ "to": "prefecture" }), Some(Kind::DivisionCode), "320106").unwrap(), "320100");
        assert_eq!(
            to(json!({ "to": "province" }), None, "Atlantis"),
            Err(Refusal::Unknown("division or address"))
        );
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
        let removed = json!({ "map": { "a": "b" }, "other": "" });
        assert_eq!(run("generalize", removed, None, "z"), Ok(None));
    }

    #[test]
    fn contradicting_parameters_are_refused() {
        let fault = |value| (METHOD.parse)(value).unwrap_err().0;
        assert!(fault(json!({})).contains("say `to`"));
        assert!(fault(json!({ "to": "galaxy" })).contains("`to` must be"));
        assert!(fault(json!({ "to": "year", "map": { "a": "b" } })).contains("exclude"));
        for as_of in ["soon", "2026", "2026-02-30", "2026-12-31T00:00:00Z"] {
            assert!(fault(json!({ "to": "year", "as-of": as_of })).contains("as-of"), "{as_of}");
        }
        assert!(fault(json!({ "to": "year", "bin": 5 })).contains("exclude"));
        assert!(fault(json!({ "to": "province", "top": 90 })).contains("province"));
        assert!(fault(json!({ "to": "block", "bottom": 1 })).contains("block"));
        assert!(fault(json!({ "to": "year", "bottom": 18 })).contains("bottom"));
        assert!(fault(json!({ "to": "year", "top": 89.5 })).contains("whole years"));
        assert!(fault(json!({ "map": { "a": "b" }, "top": 90 })).contains("exclude"));
        assert!(fault(json!({ "top": 90, "other": "*" })).contains("other"));
        assert!(fault(json!({ "to": "0" })).contains("width"));
    }
}
