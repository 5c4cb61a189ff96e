//! `redact`: the value is removed, or a fixed text takes its place.
//!
//! With `partial`, dates, ages and postcodes keep what Safe Harbor allows of them (45 CFR 164.514(b)(2)(i)(B) and (C)): the year of
//! a date that shows no age over 89, an age up to 89, the first three digits of a postcode that are not in a thinly populated
//! area. Which of the three a value is, its place tells (the column's kind, the FHIR type of the element); what is none of them, or cannot
//! be read as what it should be, is removed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Action, Cell, Effect, Method, Output, Parameter, ParameterError, Reads, Refusal, Shape, Site, Transform,
};
use crate::kind::{Kind, Text};

/// Removes the value, or writes a fixed text in its place, or keeps the part of it that identifies nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Redact {
    with: String,
    partial: Vec<Part>,
    restricted_zips: Vec<String>,
    as_of: String,
}

/// A kind of value of which a part may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Part {
    Date,
    Age,
    Zip,
}

/// 45 CFR 164.514(b)(2)(i)(C): ages over 89 are aggregated or removed.
const OLDEST: i32 = 89;

/// 45 CFR 164.514(b)(2)(i)(B): the initial digits of a ZIP code that may stay.
const ZIP_PREFIX: usize = 3;

impl Default for Redact {
    fn default() -> Self {
        Redact {
            with: String::new(),
            partial: Vec::new(),
            restricted_zips: Vec::new(),
            as_of: super::AS_OF.to_owned(),
        }
    }
}

pub(super) const METHOD: Method = Method {
    name: "redact",
    summary: Text { en: "removes the value", zh: "删除该值" },
    parameters: &[
        Parameter {
            name: "with",
            shape: Shape::Text,
            default: Some("\"\""),
            doc: Text {
                en: "a fixed text to write instead; empty: nothing",
                zh: "用以代替的固定文字；空则不写",
            },
        },
        Parameter {
            name: "partial",
            shape: Shape::Any,
            default: Some("[]"),
            doc: Text {
                en: "a list of `date` (keep the year, if it shows no age over 89), `age` (keep it up to 89), `zip` (keep three digits)",
                zh: "列表，可含 `date`（保留不显示 89 岁以上的年份）、`age`（保留 89 岁及以下）、`zip`（保留前三位）",
            },
        },
        Parameter {
            name: "restricted-zips",
            shape: Shape::Any,
            default: Some("[]"),
            doc: Text {
                en: "for `zip`: beginnings of postcodes whose digits all become 0",
                zh: "用于 `zip`：以此开头的邮政编码全部数字改为 0",
            },
        },
        Parameter {
            name: "as-of",
            shape: Shape::Text,
            default: Some("\"2026-12-31\""),
            doc: Text {
                en: "for `date`: the day at which the age is reckoned",
                zh: "用于 `date`：计算年龄的基准日",
            },
        },
    ],
    guarantee: Text {
        en: "nothing of the value is released but that there was one, if a text takes its place, and what `partial` keeps",
        zh: "除“曾有一个值”（若以固定文字代替）及 `partial` 所保留部分外不泄露任何内容",
    },
    citation: "ISO/IEC 20889:2018, 9.2 (suppression); GB/T 37964-2019, A.3 (suppression techniques); 45 CFR 164.514(b)(2)(i)(B) and (C) for `partial`",
    output: Output::Same,
    parse: |value| {
        let action: Redact = super::parameters(value)?;
        if day(&action.as_of).is_none() {
            return Err(ParameterError("`as-of` must be a day, as in \"2026-12-31\"".into()));
        }
        if action.restricted_zips.iter().any(String::is_empty) {
            return Err(ParameterError("`restricted-zips` holds an empty text".into()));
        }
        if !action.partial.is_empty() && !action.with.is_empty() {
            return Err(ParameterError("`with` and `partial` exclude each other".into()));
        }
        Ok(Box::new(action))
    },
};

impl Action for Redact {
    fn method(&self) -> &'static Method {
        &METHOD
    }

    fn parameters(&self) -> Value {
        super::beyond_default(self)
    }

    fn prepare(&self, site: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError> {
        let part = match site.kind {
            Some(Kind::BirthDate | Kind::EventDate) => Some(Part::Date),
            Some(Kind::Age) => Some(Part::Age),
            Some(Kind::Postcode) => Some(Part::Zip),
            _ => None,
        };
        Ok(match part.filter(|part| self.partial.contains(part)) {
            Some(Part::Date) => {
                Box::new(Year { as_of: day(&self.as_of).expect("the day was read when the plan was") })
            }
            Some(Part::Age) => Box::new(Young),
            Some(Part::Zip) => Box::new(Zip { restricted: self.restricted_zips.clone() }),
            None => Box::new(Whole { with: self.with.clone() }),
        })
    }
}

struct Whole {
    with: String,
}

impl Transform for Whole {
    fn apply(&self, _: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        if self.with.is_empty() {
            return Ok(Effect::Removed);
        }
        out.push_str(&self.with);
        Ok(Effect::Replaced)
    }

    fn reads(&self) -> Reads {
        Reads::Value
    }
}

struct Year {
    as_of: (i32, u8, u8),
}

impl Transform for Year {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        let value = cell.value.0.trim();
        let Some((year, month, day)) = day(value) else { return Ok(Effect::Removed) };
        let not_yet = (self.as_of.1, self.as_of.2) < (month, day);
        if self.as_of.0 - year - i32::from(not_yet) > OLDEST {
            return Ok(Effect::Removed);
        }
        out.push_str(&value[..4]);
        Ok(Effect::Replaced)
    }

    fn reads(&self) -> Reads {
        Reads::Value
    }
}

struct Young;

impl Transform for Young {
    fn apply(&self, cell: &Cell<'_>, _: &mut String) -> Result<Effect, Refusal> {
        let digits = cell.value.0.trim();
        match digits.parse::<u16>() {
            Ok(age) if i32::from(age) <= OLDEST => Ok(Effect::Kept),
            _ => Ok(Effect::Removed),
        }
    }

    fn reads(&self) -> Reads {
        Reads::Value
    }
}

struct Zip {
    restricted: Vec<String>,
}

impl Transform for Zip {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        let value = cell.value.0.trim();
        let prefix = value.as_bytes().iter().take(ZIP_PREFIX).filter(|b| b.is_ascii_alphanumeric()).count();
        if prefix < ZIP_PREFIX {
            return Ok(Effect::Removed);
        }
        let kept = if self.restricted.iter().any(|r| value.starts_with(r.as_str())) { 0 } else { ZIP_PREFIX };
        for (i, c) in value.chars().enumerate() {
            // Letters of other countries' postcodes say as much as digits do.
            out.push(if i >= kept && c.is_alphanumeric() { '0' } else { c });
        }
        Ok(Effect::Replaced)
    }

    fn reads(&self) -> Reads {
        Reads::Value
    }
}

/// The day that a date in the form of ISO 8601 begins with; the first of the year or month where the rest is left out.
fn day(text: &str) -> Option<(i32, u8, u8)> {
    let date = text.split(['T', ' ']).next()?;
    let mut fields = date.split('-');
    let year = fields.next().filter(|y| y.len() == 4 && y.bytes().all(|b| b.is_ascii_digit()))?;
    let mut two = |highest: u8| match fields.next() {
        None => Some(1),
        Some(f) if f.len() == 2 => f.parse().ok().filter(|n| (1..=highest).contains(n)),
        Some(_) => None,
    };
    let (month, day) = (two(12)?, two(31)?);
    if fields.next().is_some() {
        return None;
    }
    Some((year.parse().ok()?, month, day))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::run;
    use crate::kind::Kind;

    #[test]
    fn redacted_values_are_gone_or_replaced_by_the_fixed_text() {
        assert_eq!(run("redact", json!({}), None, "secret"), Ok(None));
        assert_eq!(run("redact", json!({ "with": "***" }), None, "secret"), Ok(Some("***".into())));
    }

    #[test]
    fn partial_redaction_keeps_what_safe_harbor_allows_and_only_where_the_kind_is_known() {
        let all =
            json!({ "partial": ["date", "age", "zip"], "restricted-zips": ["036"], "as-of": "2026-11-24" });
        let kept =
            |kind, value: &str| run("redact", all.clone(), kind, value).expect("redaction refuses nothing");
        for (kind, value, expected) in [
            (Kind::EventDate, "2019-03-04T10:11:12+08:00", Some("2019")),
            (Kind::BirthDate, "1990", Some("1990")),
            (Kind::BirthDate, "1936-11-25", Some("1936")),
            (Kind::BirthDate, "1936-11-24", None),
            (Kind::BirthDate, "1936", None),
            (Kind::EventDate, "spring 2019", None),
            (Kind::EventDate, "2019-13-01", None),
            (Kind::Age, "89", Some("89")),
            (Kind::Age, "90", None),
            (Kind::Age, "eighty", None),
            (Kind::Postcode, "98052-1234", Some("98000-0000")),
            (Kind::Postcode, "03601", Some("00000")),
            (Kind::Postcode, "98", None),
            (Kind::Postcode, "K1A 0B1", Some("K1A 000")),
            (Kind::PersonName, "2019", None),
        ] {
            assert_eq!(kept(Some(kind), value).as_deref(), expected, "{kind} {value}");
        }
        assert_eq!(kept(None, "2019"), None, "what has no kind is removed");
        assert_eq!(
            run("redact", json!({ "partial": ["age"] }), Some(Kind::EventDate), "2019"),
            Ok(None),
            "only what is listed is kept in part"
        );
    }

    #[test]
    fn parameters_that_make_no_sense_are_refused() {
        let parse = |value| (super::METHOD.parse)(value).unwrap_err().to_string();
        assert!(parse(json!({ "as-of": "soon" })).contains("as-of"));
        assert!(parse(json!({ "partial": ["date"], "with": "x" })).contains("exclude"));
        assert!(parse(json!({ "restricted-zips": [""] })).contains("empty"));
    }
}
