//! `age`: ages in any unit to intervals of years, the very old in one class.
//!
//! Ages are read as hospitals write them (`45`, `45岁`, `8个月`, `3岁2月`, `045Y`) and count in completed years. Ages from 90 on are one class, as
//! 45 CFR 164.514(b)(2)(i)(C) asks for ("except that such ages and elements may be aggregated into a single category of age 90 or older"). The
//! values themselves, level 0, are not pooled: where a release must never show an age over 89, a rule of the plan pools it
//! (`generalize = { top = 90 }`) before the hierarchy is climbed.

use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::climb::{BuildError, build};
use super::intervals::{BOTTOM, Intervals, Steps};
use super::{Hierarchy, HierarchySpec, Method};
use crate::action::{Parameter, ParameterError, Shape, parameters};
use crate::kind::Text;

/// Ages to intervals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Age {
    /// The width of the intervals of each level in years, finest first; each a multiple of the one before.
    pub widths: Vec<Number>,
    /// Ages below it become one class.
    pub bottom: Option<Number>,
    /// Ages from it on become one class.
    pub top: Number,
    /// The label of values that are no age.
    pub other: Option<String>,
}

impl Default for Age {
    fn default() -> Self {
        Age { widths: [5, 10, 20].map(Number::from).to_vec(), bottom: None, top: 90.into(), other: None }
    }
}

pub(super) const METHOD: Method = Method {
    name: "age",
    summary: Text {
        en: "ages in any unit to intervals of years, the very old in one class, then `*`",
        zh: "年龄（任意单位）逐级归入以岁计的区间，高龄归为一类，最后为 `*`",
    },
    parameters: &[
        Parameter {
            name: "widths",
            shape: Shape::List(&Shape::Number(0.0, f64::MAX)),
            default: Some("[5, 10, 20]"),
            doc: Text {
                en: "the width of the intervals at each level, in years; each a multiple of the one before",
                zh: "各级区间的宽度（岁）；后一级须为前一级的整数倍",
            },
        },
        BOTTOM,
        Parameter {
            name: "top",
            shape: Shape::Number(f64::MIN, f64::MAX),
            default: Some("90"),
            doc: Text {
                en: "ages from it on become one class, from the first level",
                zh: "达到此年龄者自第一级起归为一类",
            },
        },
        super::OTHER,
    ],
    citation: "45 CFR 164.514(b)(2)(i)(C); ISO/IEC 20889:2018, 9.3",
    short: None,
    parse: |value| {
        let spec: Age = parameters(value)?;
        spec.ladder()?;
        Ok(HierarchySpec::Age(spec))
    },
};

impl Age {
    pub(super) fn build(&self, values: &[&str]) -> Result<Hierarchy, BuildError> {
        let ladder = self.ladder().map_err(|error| BuildError::Settings { hierarchy: METHOD.name, error })?;
        build(METHOD.name, &ladder, self.other.as_deref(), values)
    }

    fn ladder(&self) -> Result<Steps, ParameterError> {
        let intervals = Intervals {
            widths: self.widths.clone(),
            origin: Some(0.into()),
            bottom: self.bottom.clone(),
            top: Some(self.top.clone()),
            ..Intervals::default()
        };
        Steps::new(&intervals, true)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::climb::tests::{between, climb, fault};
    use super::super::{BuildError, HierarchySpec, Reason};
    use crate::action::Refusal;

    #[test]
    fn ages_climb_in_completed_years_whatever_their_unit() {
        let age = json!("age");
        for (value, row) in [
            ("45", "45-49 40-49 40-59"),
            ("45岁", "45-49 40-49 40-59"),
            ("045Y", "45-49 40-49 40-59"),
            ("8个月", "0-4 0-9 0-19"),
            ("3岁2月", "0-4 0-9 0-19"),
            ("40-44", "40-44 40-49 40-59"),
        ] {
            assert_eq!(between(&age, value), row, "{value}");
        }
    }

    #[test]
    fn ninety_and_more_are_one_class_from_the_first_level() {
        for value in ["90", "93", "104岁", "90+", "95+"] {
            assert_eq!(between(&json!("age"), value), "90+ 90+ 90+", "{value}");
        }
        assert_eq!(between(&json!("age"), "89"), "85-89 80-89 80-89");
        assert_eq!(between(&json!({ "age": { "top": 80, "bottom": 18 } }), "81"), "80+ 80+ 80+");
    }

    #[test]
    fn what_is_no_age_and_settings_that_make_no_sense_are_refused() {
        assert_eq!(climb(&json!("age"), "adult"), Err(Reason::Unreadable(Refusal::NotANumber)));
        assert!(fault(json!({ "age": { "widths": [5, 8] } })).contains("multiple"));
        assert!(fault(json!({ "age": { "top": "old" } })).contains("hierarchy `age`"));
        let spec = HierarchySpec::Age(super::Age { widths: Vec::new(), ..super::Age::default() });
        assert!(matches!(spec.build(&["1"], None), Err(BuildError::Settings { hierarchy: "age", .. })));
    }
}
