//! `flat`: a value, or nothing: the hierarchy of categories between which there is no order.

use serde::{Deserialize, Serialize};

use super::climb::{BuildError, Ladder, Reason, build};
use super::{Hierarchy, HierarchySpec, Method};
use crate::action::parameters;
use crate::kind::Text;

/// A value, or `*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flat {}

pub(super) const METHOD: Method = Method {
    name: "flat",
    summary: Text { en: "a value, or `*`", zh: "保留原值，或为 `*`" },
    parameters: &[],
    citation: "L. Sweeney, IJUFKS 10(5), 2002, section 3 (suppression as the root of a value generalization hierarchy)",
    short: None,
    parse: |value| Ok(HierarchySpec::Flat(parameters(value)?)),
};

impl Flat {
    pub(super) fn build(self, values: &[&str]) -> Result<Hierarchy, BuildError> {
        build(METHOD.name, &self, None, values)
    }
}

impl Ladder for Flat {
    fn steps(&self) -> usize {
        0
    }

    fn climb(&self, _: &str, _: &mut Vec<String>) -> Result<(), Reason> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::climb::tests::{climb, fault};

    #[test]
    fn a_value_stands_or_falls() {
        assert_eq!(climb(&json!("flat"), "男").unwrap(), ["男", "*"]);
        assert!(fault(json!({ "flat": { "other": "x" } })).contains("unknown field `other`"));
    }
}
