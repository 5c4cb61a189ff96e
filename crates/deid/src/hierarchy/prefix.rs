//! `prefix`: codes that lose characters from the right, such as postcodes: `100027`, `1000**`, `100***`.
//!
//! Each level keeps fewer characters than the one below, so labels that agree at a level agree above it. The length of a value stays
//! visible below the root; where lengths differ, `length` refuses the others.

use serde::{Deserialize, Serialize};

use super::climb::{BuildError, Ladder, Reason, build};
use super::{Hierarchy, HierarchySpec, Method};
use crate::action::{Parameter, ParameterError, Refusal, Shape, parameters};
use crate::code::zip3;
use crate::kind::Text;

/// Codes that lose characters from the right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Prefix {
    /// How many characters each level keeps, falling; 0 is the root, which is there anyway.
    pub levels: Vec<u32>,
    /// What stands for a character that is taken off.
    #[serde(default = "star", skip_serializing_if = "is_star")]
    pub mask: char,
    /// The characters that a value must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u32>,
    /// Whether values are ZIP codes, of which the prefixes with few people are withheld.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub zip: bool,
    /// The label of values that have another length, or are no ZIP code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
}

fn star() -> char {
    '*'
}

fn is_star(mask: &char) -> bool {
    *mask == '*'
}

pub(super) const METHOD: Method = Method {
    name: "prefix",
    summary: Text {
        en: "codes that lose characters from the right (postcodes, fixed codes), then `*`",
        zh: "编码自右逐级隐去字符（邮政编码及定长代码），最后为 `*`",
    },
    parameters: &[
        Parameter {
            name: "levels",
            shape: Shape::List(&Shape::Integer(0, 64)),
            default: None,
            doc: Text {
                en: "how many characters each level keeps, such as [4, 3, 2]; 0 is the last level, which is there anyway",
                zh: "各级保留的字符数，如 [4, 3, 2]；0 即最后一级，可省略",
            },
        },
        Parameter {
            name: "mask",
            shape: Shape::Text,
            default: Some("\"*\""),
            doc: Text {
                en: "the character that stands for one that is taken off",
                zh: "代替被隐去字符的符号",
            },
        },
        Parameter {
            name: "length",
            shape: Shape::Integer(1, 64),
            default: None,
            doc: Text {
                en: "how many characters a value must have; others are refused, or `other`",
                zh: "值应有的字符数；其他长度被拒绝，或归入 `other`",
            },
        },
        Parameter {
            name: "zip",
            shape: Shape::Boolean,
            default: Some("false"),
            doc: Text {
                en: "values are ZIP codes of the United States: from the first level, `000` takes the place of prefixes with at most 20,000 people",
                zh: "值为美国邮编：自第一级起，人口不超过 20,000 的前缀以 `000` 代替",
            },
        },
        super::OTHER,
    ],
    citation: "ISO/IEC 20889:2018, 9.3; 45 CFR 164.514(b)(2)(i)(B)",
    short: None,
    parse: |value| {
        let spec: Prefix = parameters(value)?;
        spec.ladder()?;
        Ok(HierarchySpec::Prefix(spec))
    },
};

impl Prefix {
    pub(super) fn build(&self, values: &[&str]) -> Result<Hierarchy, BuildError> {
        let ladder = self.ladder().map_err(|error| BuildError::Settings { hierarchy: METHOD.name, error })?;
        build(METHOD.name, &ladder, self.other.as_deref(), values)
    }

    fn ladder(&self) -> Result<Masks, ParameterError> {
        let fault = |message: &str| Err(ParameterError(message.to_owned()));
        if self.levels.is_empty() || !self.levels.is_sorted_by(|more, fewer| more > fewer) {
            return fault("`levels` must be numbers that fall, such as [4, 3, 2]");
        }
        if self.levels[0] > 64 {
            return fault("`levels` must be at most 64");
        }
        if self.length.is_some_and(|length| length <= self.levels[0]) {
            return fault("`length` must be more than the first level keeps");
        }
        if self.mask.is_control() {
            return fault("`mask` must be a character that can be seen");
        }
        Ok(Masks {
            kept: self.levels.iter().filter(|kept| **kept > 0).map(|kept| *kept as usize).collect(),
            mask: self.mask,
            length: self.length.map(|length| length as usize),
            zip: self.zip,
        })
    }
}

struct Masks {
    kept: Vec<usize>,
    mask: char,
    length: Option<usize>,
    zip: bool,
}

impl Ladder for Masks {
    fn steps(&self) -> usize {
        self.kept.len()
    }

    fn climb(&self, value: &str, labels: &mut Vec<String>) -> Result<(), Reason> {
        let found = value.chars().count();
        if let Some(expected) = self.length.filter(|length| *length != found) {
            return Err(Reason::Length { found, expected });
        }
        let withheld = match self.zip {
            true => {
                let prefix = zip3::prefix(value).ok_or(Refusal::Unknown("ZIP code"))?;
                zip3::is_restricted(prefix)
            }
            false => false,
        };
        labels.extend(self.kept.iter().map(|kept| {
            let shown: &str = if withheld { zip3::WITHHELD } else { value };
            let kept = if withheld { zip3::WITHHELD.len() } else { (*kept).min(found) };
            shown.chars().take(kept).chain(std::iter::repeat_n(self.mask, found - kept)).collect()
        }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::climb::tests::{between, climb, fault};
    use super::*;

    #[test]
    fn codes_lose_characters_from_the_right() {
        let given = json!({ "prefix": { "levels": [4, 3, 0] } });
        assert_eq!(climb(&given, "100027").unwrap(), ["100027", "1000**", "100***", "*"]);
        assert_eq!(between(&given, "SW1A"), "SW1A SW1*");
        assert_eq!(between(&given, "京A"), "京A 京A");
        assert_eq!(between(&json!({ "prefix": { "levels": [1], "mask": "x" } }), "京A1"), "京xx");
    }

    #[test]
    fn zip_prefixes_of_few_people_are_withheld() {
        let given = json!({ "prefix": { "levels": [3], "zip": true } });
        assert_eq!(between(&given, "02139"), "021**");
        assert_eq!(between(&given, "02139-4307"), "021*******");
        assert_eq!(between(&given, "03601"), "000**");
        assert_eq!(climb(&given, "0213"), Err(Reason::Unreadable(Refusal::Unknown("ZIP code"))));
    }

    #[test]
    fn other_lengths_are_refused() {
        let given = json!({ "prefix": { "levels": [3], "length": 6 } });
        assert_eq!(climb(&given, "10002"), Err(Reason::Length { found: 5, expected: 6 }));
        assert_eq!(between(&given, "100027"), "100***");
    }

    #[test]
    fn levels_that_do_not_fall_are_refused() {
        let given = |settings| fault(json!({ "prefix": settings }));
        assert!(given(json!({})).contains("missing field `levels`"));
        assert!(given(json!({ "levels": [] })).contains("fall"));
        assert!(given(json!({ "levels": [3, 4] })).contains("fall"));
        assert!(given(json!({ "levels": [3, 3] })).contains("fall"));
        assert!(given(json!({ "levels": [65] })).contains("at most 64"));
        assert!(given(json!({ "levels": [6], "length": 6 })).contains("`length`"));
        assert!(given(json!({ "levels": [6], "mask": "\n" })).contains("`mask`"));
        assert!(given(json!({ "levels": [6], "mask": "**" })).contains("hierarchy `prefix`"));
    }
}
