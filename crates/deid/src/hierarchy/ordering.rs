//! `ordering`: values in an order, to groups of neighbours: stages of a disease, levels of education.
//!
//! The groups of a level are cut from the list from its start, each level's size a multiple of the one before: so groups nest.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::climb::{BuildError, Ladder, Reason, build};
use super::{Hierarchy, HierarchySpec, Method};
use crate::action::{Parameter, ParameterError, Shape, parameters};
use crate::kind::Text;

/// Values in an order, to groups of neighbours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ordering {
    /// The values, in order.
    pub values: Vec<String>,
    /// How many neighbours a group of each level has; each a multiple of the one before.
    #[serde(default = "pairs", skip_serializing_if = "are_pairs")]
    pub groups: Vec<u32>,
    /// The label of values that are not listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
}

fn pairs() -> Vec<u32> {
    vec![2]
}

fn are_pairs(groups: &Vec<u32>) -> bool {
    *groups == [2]
}

pub(super) const METHOD: Method = Method {
    name: "ordering",
    summary: Text {
        en: "values in an order, to groups of neighbours, then `*`",
        zh: "有序取值逐级归入相邻的组，最后为 `*`",
    },
    parameters: &[
        Parameter {
            name: "values",
            shape: Shape::List(&Shape::Text),
            default: None,
            doc: Text { en: "the values, in order", zh: "按顺序列出的取值" },
        },
        Parameter {
            name: "groups",
            shape: Shape::List(&Shape::Integer(2, 1_000_000)),
            default: Some("[2]"),
            doc: Text {
                en: "how many neighbours a group of each level has, such as [2, 4]; each a multiple of the one before",
                zh: "各级每组的相邻取值个数，如 [2, 4]；后一级须为前一级的整数倍",
            },
        },
        super::OTHER,
    ],
    citation: "ISO/IEC 20889:2018, 9.3",
    short: None,
    parse: |value| {
        let spec: Ordering = parameters(value)?;
        spec.ladder()?;
        Ok(HierarchySpec::Ordering(spec))
    },
};

impl Ordering {
    pub(super) fn build(&self, values: &[&str]) -> Result<Hierarchy, BuildError> {
        let ladder = self.ladder().map_err(|error| BuildError::Settings { hierarchy: METHOD.name, error })?;
        build(METHOD.name, &ladder, self.other.as_deref(), values)
    }

    fn ladder(&self) -> Result<Groups<'_>, ParameterError> {
        let fault = |message: String| Err(ParameterError(message));
        if self.values.is_empty() {
            return fault("`values` must have a value".into());
        }
        if self.groups.is_empty() || self.groups[0] < 2 {
            return fault("`groups` must be numbers from 2, such as [2, 4]".into());
        }
        if !self.groups.is_sorted_by(|small, large| large > small && large % small == 0) {
            return fault("each of `groups` must be a multiple of the one before, and larger".into());
        }
        let mut places = HashMap::with_capacity(self.values.len());
        for (at, value) in self.values.iter().enumerate() {
            if let Some(first) = places.insert(value.trim(), at) {
                return fault(format!("`values` {} and {} are the same", first + 1, at + 1));
            }
        }
        let mut labels = Vec::with_capacity(self.groups.len());
        for size in &self.groups {
            labels.push(self.values.chunks(*size as usize).map(label).collect());
        }
        Ok(Groups { places, sizes: &self.groups, labels })
    }
}

fn label(group: &[String]) -> String {
    match group {
        [first, .., last] => format!("{} - {}", first.trim(), last.trim()),
        [only] => only.trim().to_owned(),
        [] => String::new(),
    }
}

struct Groups<'a> {
    places: HashMap<&'a str, usize>,
    sizes: &'a [u32],
    /// Of each level, of each group.
    labels: Vec<Vec<String>>,
}

impl Ladder for Groups<'_> {
    fn steps(&self) -> usize {
        self.sizes.len()
    }

    fn climb(&self, value: &str, labels: &mut Vec<String>) -> Result<(), Reason> {
        let place = *self.places.get(value).ok_or(Reason::Unlisted)?;
        let groups = self.labels.iter().zip(self.sizes);
        labels.extend(groups.map(|(names, size)| names[place / *size as usize].clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::climb::tests::{between, climb, fault};
    use super::*;

    #[test]
    fn neighbours_are_grouped_and_groups_nest() {
        let given = json!({ "ordering": { "values": ["I", "II", "III", "IV", "V"], "groups": [2, 4] } });
        assert_eq!(between(&given, "II"), "I - II I - IV");
        assert_eq!(between(&given, " III"), "III - IV I - IV");
        assert_eq!(between(&given, "V"), "V V");
        assert_eq!(climb(&given, "VI"), Err(Reason::Unlisted));
    }

    #[test]
    fn lists_and_groups_that_make_no_sense_are_refused() {
        let given = |settings| fault(json!({ "ordering": settings }));
        assert!(given(json!({})).contains("missing field `values`"));
        assert!(given(json!({ "values": [] })).contains("must have a value"));
        assert!(given(json!({ "values": ["a", "b", " a"] })).contains("`values` 1 and 3 are the same"));
        assert!(given(json!({ "values": ["a"], "groups": [1] })).contains("from 2"));
        assert!(given(json!({ "values": ["a"], "groups": [] })).contains("from 2"));
        assert!(given(json!({ "values": ["a"], "groups": [2, 3] })).contains("multiple"));
    }
}
