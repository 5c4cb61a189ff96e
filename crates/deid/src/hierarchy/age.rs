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
            shape: Shape::List(&Shape::Number(1e-9, 1e12)),
            default: Some("[5, 10, 20]"),
            doc: Text {
                en: "the width of the intervals at each level, in years; each a multiple of the one before",
                zh: "各级区间的宽度（岁）；后一级须为前一级的整数倍",
            },
        },
        BOTTOM,
        Parameter {
            name: "top",
            shape: Shape::Number(-1e12, 1e12),
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
