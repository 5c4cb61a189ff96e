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
