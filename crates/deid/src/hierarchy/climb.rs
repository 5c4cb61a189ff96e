//! From values to a hierarchy: what every builder shares.

use super::assembly::Assembly;
use super::file::FileError;
use super::{Hierarchy, HierarchyError};
use crate::action::{ParameterError, Refusal};

/// The label under which everything lies at the last level of a built hierarchy: what ARX and this product write for a suppressed value.
pub const ROOT: &str = "*";

/// How one value climbs.
pub(super) trait Ladder {
    /// The levels between the values and the root.
    fn steps(&self) -> usize;

    /// Appends the label of `value` at each of these levels, finest first. `value` has no space around it and is not empty.
    ///
    /// The label at a level must decide those at all levels above, for every value: a hierarchy is monotone.
    fn climb(&self, value: &str, labels: &mut Vec<String>) -> Result<(), Reason>;
}

/// Why a hierarchy cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A value that the builder cannot read.
    #[error(
        "value {number} (in the order given): {reason} (hierarchy `{hierarchy}`); to collect such values under one label, say \
         `other` in the hierarchy"
    )]
    Value {
        /// Which of the values, from 1.
        number: usize,
        /// The builder.
        hierarchy: &'static str,
        /// Why.
        reason: Reason,
    },
    /// A value that a hierarchy file does not have.
    #[error("value {number} (in the order given) is not in the hierarchy file")]
    Missing {
        /// Which of the values, from 1.
        number: usize,
    },
    /// The settings contradict each other.
    #[error("hierarchy `{hierarchy}`: {error}")]
    Settings {
        /// The builder.
        hierarchy: &'static str,
        /// Why.
        error: ParameterError,
    },
    /// A hierarchy file is asked for where there are no files.
    #[error("a hierarchy file cannot be read here; write the hierarchy into the plan")]
    NoFiles,
    /// The hierarchy file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The rows are no hierarchy: no values, or one twice.
    #[error(transparent)]
    Hierarchy(#[from] HierarchyError),
}

/// Why a value has no place in a hierarchy. The value is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Not of the form that is read.
    #[error(transparent)]
    Unreadable(#[from] Refusal),
    /// A number outside `lower` and `upper`.
    #[error("a number outside `lower` and `upper`")]
    OutOfBounds,
    /// An interval that no interval of the last level holds.
    #[error("an interval that lies across the intervals of the hierarchy")]
    Across,
    /// A code of another length.
    #[error("{found} characters where `length` says {expected}")]
    Length {
        /// Characters found.
        found: usize,
        /// Characters that the hierarchy is for.
        expected: usize,
    },
    /// Not in the list of values.
    #[error("not among the values of the hierarchy")]
    Unlisted,
}

/// Builds the hierarchy of `values`: row i is for value i.
///
/// An empty value stays empty up to the root: what is missing is generalised into nothing else. A value that the ladder refuses gets the label
/// `other` at every level, or is an error.
pub(super) fn build(
    hierarchy: &'static str,
    ladder: &dyn Ladder,
    other: Option<&str>,
    values: &[&str],
) -> Result<Hierarchy, BuildError> {
    let steps = ladder.steps();
    let mut assembly = Assembly::new();
    let mut labels: Vec<String> = Vec::with_capacity(steps);
    for (at, value) in values.iter().enumerate() {
        labels.clear();
        let text = value.trim();
        if text.is_empty() {
            labels.resize(steps, String::new());
        } else if let Err(reason) = ladder.climb(text, &mut labels) {
            let Some(other) = other else {
                return Err(BuildError::Value { number: at + 1, hierarchy, reason });
            };
            labels.clear();
            labels.resize(steps, other.to_owned());
        }
        debug_assert_eq!(labels.len(), steps, "a ladder gives a label a level");
        let mut row = Vec::with_capacity(steps + 2);
        row.push(*value);
        row.extend(labels.iter().map(String::as_str));
        row.push(ROOT);
        assembly.push(row.into_iter())?;
    }
    Ok(assembly.finish()?)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::HierarchySpec;
    use super::*;

    pub(in super::super) fn spec(value: Value) -> HierarchySpec {
        HierarchySpec::from_json(value).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The row of one value, from the value up to the root.
    pub(in super::super) fn climb(given: &Value, value: &str) -> Result<Vec<String>, Reason> {
        match spec(given.clone()).build(&[value], None) {
            Ok(hierarchy) => Ok(hierarchy.row(0).map(str::to_owned).collect()),
            Err(BuildError::Value { reason, .. }) => Err(reason),
            Err(error) => panic!("{error}"),
        }
    }

    /// The row of one value as text: its labels between the value and the root.
    pub(in super::super) fn between(given: &Value, value: &str) -> String {
        let row = climb(given, value).unwrap_or_else(|reason| panic!("{value}: {reason}"));
        row[1..row.len() - 1].join(" ")
    }

    /// Why settings are refused.
    pub(in super::super) fn fault(given: Value) -> String {
        HierarchySpec::from_json(given).unwrap_err().0
    }

    #[test]
    fn what_is_missing_stays_missing_up_to_the_root() {
        for given in [json!("age"), json!("dates"), json!("icd-10"), json!({ "prefix": { "levels": [2] } })] {
            let hierarchy = spec(given).build(&["", " "], None).unwrap();
            for value in 0..2 {
                let row: Vec<_> = hierarchy.row(value).collect();
                assert!(row[1..row.len() - 1].iter().all(|label| label.is_empty()));
                assert_eq!(row.last(), Some(&ROOT));
            }
        }
    }

    #[test]
    fn an_unreadable_value_is_refused_with_its_number_and_without_itself() {
        let error = spec(json!("age")).build(&["40", "secret"], None).unwrap_err();
        assert!(matches!(error, BuildError::Value { number: 2, hierarchy: "age", .. }));
        let text = format!("{error} {error:?}");
        assert!(!text.contains("secret") && text.contains("value 2") && text.contains("`other`"), "{text}");
    }

    #[test]
    fn an_unreadable_value_goes_where_the_caller_says() {
        let hierarchy =
            spec(json!({ "age": { "other": "unknown" } })).build(&["40", "secret"], None).unwrap();
        let row: Vec<_> = hierarchy.row(1).collect();
        assert_eq!(row, ["secret", "unknown", "unknown", "unknown", "*"]);
    }

    #[test]
    fn no_values_and_a_value_twice_are_refused() {
        assert!(matches!(
            spec(json!("flat")).build(&[], None),
            Err(BuildError::Hierarchy(HierarchyError::Empty))
        ));
        assert!(matches!(
            spec(json!("flat")).build(&["a", "b", "a"], None),
            Err(BuildError::Hierarchy(HierarchyError::Duplicate { first: 1, row: 3 }))
        ));
    }

    #[test]
    fn a_label_for_others_that_breaks_the_nesting_is_refused() {
        let dates = spec(json!({ "dates": { "levels": ["year", "decade"], "other": "2024" } }));
        assert!(matches!(
            dates.build(&["2024-05-06", "none"], None),
            Err(BuildError::Hierarchy(HierarchyError::NotMonotone { first: 1, row: 2, level: 1 }))
        ));
    }

    fn specs() -> impl Strategy<Value = Value> {
        let multiples = (1..40u32, proptest::collection::vec(2..5u32, 0..3)).prop_map(|(first, factors)| {
            factors.iter().fold(vec![first], |mut all, factor| {
                all.push(all.last().unwrap() * factor);
                all
            })
        });
        prop_oneof![
            (multiples.clone(), -50..50i32, proptest::option::of(10..60i32)).prop_map(
                |(widths, origin, top)| {
                    json!({ "intervals": { "widths": widths, "origin": origin, "top": top, "other": "?" } })
                }
            ),
            multiples.prop_map(|widths| json!({ "age": { "widths": widths, "other": "?" } })),
            Just(json!({ "intervals": { "widths": [0.25, 0.5, 2], "bottom": -3, "other": "?" } })),
            Just(
                json!({ "dates": { "levels": ["day", "month", "quarter", "year", "5-years", "decade"], "other": "?" } })
            ),
            Just(json!({ "dates": { "top": 90, "other": "?" } })),
            proptest::sample::subsequence(vec![5u32, 4, 3, 2, 1, 0], 1..6)
                .prop_map(|levels| json!({ "prefix": { "levels": levels, "other": "?" } })),
            Just(json!({ "prefix": { "levels": [4, 3, 2], "zip": true, "other": "?" } })),
            Just(
                json!({ "division": { "levels": ["street", "district", "prefecture", "province", "region"], "other": "?" } })
            ),
            Just(json!({ "icd-10": { "other": "?" } })),
            Just(
                json!({ "ordering": { "values": ["1", "2", "3", "4", "5", "E11"], "groups": [2, 4], "other": "?" } })
            ),
            Just(json!("flat")),
        ]
    }

    fn values() -> impl Strategy<Value = std::collections::BTreeSet<String>> {
        let value = prop_oneof![
            "[0-9]{1,3}|-?[0-9]{1,2}\\.[0-9]{1,2}|[0-9]{1,2}-[0-9]{2}|<[0-9]{1,2}|[0-9]{2}\\+|\\[[0-9],[0-9]{2}\\)",
            "(19|20)[0-9]{2}(-[01][0-9](-[0-3][0-9])?)?|(19|20)[0-9]0s|<=19[0-9]{2}|20[0-9]{2}-Q[1-4]|20[0-9][05]-20[0-9][49]",
            "[0-9]{5}|[1-8][0-9]{5}|[0-9]{3}[*]{2}",
            "[A-Z][0-9]{2}(\\.[0-9]{1,3}(x[0-9]{3})?)?|[IVX]{1,4}|E10-E14",
            "(江苏省)?(南京市)?(鼓楼区)?(汉口路)?|北京市?(朝阳区)?(建国路)?|浙江|吉林|重庆市县?",
            "[0-9]{1,2}(岁|个月|天|Y)",
            "\\PC{0,6}",
        ];
        proptest::collection::btree_set(value, 1..40)
    }

    proptest! {
        #[test]
        fn whatever_is_built_is_monotone_total_and_deterministic(given in specs(), values in values()) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let spec = spec(given);
            // That it is monotone is what the assembly checks: here, that no builder ever fails it.
            let hierarchy = spec.build(&values, None).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(hierarchy.values(), values.len());
            prop_assert!(hierarchy.has_root());
            for (at, value) in values.iter().enumerate() {
                prop_assert_eq!(hierarchy.code(value), Some(at as u32));
            }
            for level in 0..hierarchy.levels() {
                prop_assert_eq!(hierarchy.codes(level).len(), values.len());
                let leaves: u32 = hierarchy.leaves(level).iter().sum();
                prop_assert_eq!(leaves as usize, values.len());
            }
            prop_assert_eq!(&spec.build(&values, None).unwrap(), &hierarchy);
            // Neither what else occurs nor the order of values changes a label.
            let mut backwards = values.clone();
            backwards.reverse();
            let again = spec.build(&backwards, None).unwrap();
            let last = values.len() as u32 - 1;
            for at in 0..=last {
                prop_assert!(hierarchy.row(at).eq(again.row(last - at)));
            }
            // And what is written is read the same.
            let mut file = Vec::new();
            super::super::file::write(&hierarchy, &mut file).unwrap();
            prop_assert_eq!(&super::super::file::read(&file).map_err(|error| TestCaseError::fail(error.to_string()))?, &hierarchy);
        }
    }
}
