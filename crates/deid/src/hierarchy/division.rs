//! `division`: Chinese addresses and administrative divisions to district, prefecture, province and region.
//!
//! Names and six-digit codes (GB/T 2260) are read; the labels of addresses are official names, those of codes are codes. What says less than a
//! level (`江苏省` at the level of districts) stands as it is there.

use serde::{Deserialize, Serialize};

use super::climb::{BuildError, Ladder, Reason, build};
use super::{Hierarchy, HierarchySpec, Method};
use crate::action::{Parameter, ParameterError, Refusal, Shape, parameters};
use crate::code::{address, division};
use crate::kind::Text;

/// Addresses and divisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Division {
    /// The divisions of each level, narrowest first.
    pub levels: Vec<Area>,
    /// The label of values whose division is not recognised.
    pub other: Option<String>,
}

impl Default for Division {
    fn default() -> Self {
        Division { levels: vec![Area::District, Area::Prefecture, Area::Province, Area::Region], other: None }
    }
}

/// A kind of division, the narrowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// 江苏省南京市鼓楼区华侨路街道
    Street,
    /// 江苏省南京市鼓楼区
    District,
    /// 江苏省南京市
    Prefecture,
    /// 江苏省
    Province,
    /// 华东地区
    Region,
}

pub(super) const METHOD: Method = Method {
    name: "division",
    summary: Text {
        en: "Chinese addresses, divisions and division codes to district, prefecture, province and region, then `*`",
        zh: "中国地址、行政区划名称或代码逐级归入区县、地市、省、大区，最后为 `*`",
    },
    parameters: &[
        Parameter {
            name: "levels",
            shape: Shape::List(&Shape::Choice(&["street", "district", "prefecture", "province", "region"])),
            default: Some("[\"district\", \"prefecture\", \"province\", \"region\"]"),
            doc: Text {
                en: "the division of each level, narrowest first", zh: "各级的区划，由细到粗"
            },
        },
        super::OTHER,
    ],
    citation: "GB/T 2260 (codes and names; the first digit is the region); ISO/IEC 20889:2018, 9.3",
    short: None,
    parse: |value| {
        let spec: Division = parameters(value)?;
        spec.ladder()?;
        Ok(HierarchySpec::Division(spec))
    },
};

impl Division {
    pub(super) fn build(&self, values: &[&str]) -> Result<Hierarchy, BuildError> {
        let ladder = self.ladder().map_err(|error| BuildError::Settings { hierarchy: METHOD.name, error })?;
        build(METHOD.name, &ladder, self.other.as_deref(), values)
    }

    fn ladder(&self) -> Result<Map<'_>, ParameterError> {
        if self.levels.is_empty() || !self.levels.is_sorted_by(|narrow, wide| narrow < wide) {
            let message = "`levels` must be divisions that get wider, such as [\"prefecture\", \"province\"]";
            return Err(ParameterError(message.into()));
        }
        Ok(Map(&self.levels))
    }
}

struct Map<'a>(&'a [Area]);

impl Ladder for Map<'_> {
    fn steps(&self) -> usize {
        self.0.len()
    }

    fn climb(&self, value: &str, labels: &mut Vec<String>) -> Result<(), Reason> {
        const UNKNOWN: Reason = Reason::Unreadable(Refusal::Unknown("division or address"));
        if let Some(region) = REGIONS.iter().find(|region| **region == value) {
            labels.resize(self.0.len(), (*region).to_owned());
            return Ok(());
        }
        for area in self.0 {
            let level = match area {
                Area::Street => address::Level::Township,
                Area::District => address::Level::County,
                Area::Prefecture => address::Level::Prefecture,
                Area::Province => address::Level::Province,
                Area::Region => {
                    labels.push(region(value).ok_or(UNKNOWN)?.to_owned());
                    continue;
                }
            };
            let mut label = String::new();
            if !address::generalize(value, level, &mut label) {
                return Err(UNKNOWN);
            }
            labels.push(label);
        }
        Ok(())
    }
}

/// The regions by which GB/T 2260 numbers the provinces: the first digit of a code, from 1. Taiwan, Hong Kong and Macao have
/// two digits of their own and are one region here.
const REGIONS: [&str; 7] =
    ["华北地区", "东北地区", "华东地区", "中南地区", "西南地区", "西北地区", "港澳台地区"];

fn region(value: &str) -> Option<&'static str> {
    let code = match value.bytes().all(|byte| byte.is_ascii_digit()) {
        true => value.get(..6)?.parse().ok()?,
        false => division::find_in_address(value)?.code,
    };
    match code / 100_000 {
        digit @ 1..=6 => Some(REGIONS[digit as usize - 1]),
        7 | 8 => Some(REGIONS[6]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::climb::tests::{between, climb, fault, spec};
    use super::*;
    use crate::code::division::Level;

    #[test]
    fn addresses_climb_by_official_names() {
        let row = "江苏省南京市鼓楼区 江苏省南京市 江苏省 华东地区";
        for value in ["江苏省南京市鼓楼区汉口路22号", "南京鼓楼区汉口路22号", "江苏南京鼓楼区"]
        {
            assert_eq!(between(&json!("division"), value), row, "{value}");
        }
        let street = json!({ "division": { "levels": ["street", "province"] } });
        assert_eq!(
            between(&street, "江苏省南京市鼓楼区华侨路街道上海路5号"),
            "江苏省南京市鼓楼区华侨路街道 江苏省"
        );
    }

    #[test]
    fn codes_climb_by_codes_and_meet_names_in_the_region() {
        assert_eq!(between(&json!("division"), "320106"), "320106 320100 320000 华东地区");
        assert_eq!(between(&json!("division"), "110105"), "110105 110100 110000 华北地区");
        assert_eq!(between(&json!("division"), "320000"), "320000 320000 320000 华东地区");
        assert_eq!(between(&json!("division"), "810000"), "810000 810000 810000 港澳台地区");
    }

    #[test]
    fn what_says_less_than_a_level_stands_as_it_is() {
        assert_eq!(between(&json!("division"), "江苏省"), "江苏省 江苏省 江苏省 华东地区");
        assert_eq!(between(&json!("division"), "华东地区"), "华东地区 华东地区 华东地区 华东地区");
    }

    #[test]
    fn every_division_of_the_table_has_its_place_by_code_and_by_name() {
        let mut values: Vec<String> = Vec::new();
        for level in [Level::Province, Level::Prefecture, Level::County] {
            for row in division::all(level).filter(|row| !row.is_placeholder()) {
                values.push(row.code.to_string());
                values.extend(division::full_name(row.code));
            }
        }
        values.sort_unstable();
        values.dedup();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let hierarchy = spec(json!("division")).build(&values, None).unwrap();
        assert!(values.len() > 6_000);
        assert_eq!(hierarchy.labels(4).len(), 7);
    }

    #[test]
    fn what_is_no_division_is_refused() {
        for text in ["鼓楼区", "Nanjing", "999999", "32", "汉口路22号"] {
            let unknown = Reason::Unreadable(Refusal::Unknown("division or address"));
            assert_eq!(climb(&json!("division"), text), Err(unknown), "{text}");
        }
        let given = |settings| fault(json!({ "division": settings }));
        assert!(given(json!({ "levels": ["province", "district"] })).contains("get wider"));
        assert!(given(json!({ "levels": ["county"] })).contains("unknown variant `county`"));
    }
}
