//! The neighbours of a transformation: what one level more or less of one column would have given.

use serde::Serialize;

use super::check::Scratch;
use super::key::Key;
use super::problem::{Problem, ProblemError};
use super::solution::Prepared;
use super::tuples::{Entries, Store};

/// A transformation that differs from another by one level of one column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The column.
    pub column: String,
    /// Its level there.
    pub level: u8,
    /// What it scores; none if it suppresses more records than it may.
    pub score: Option<f64>,
    /// Records that it would have to suppress; none if suppressing them would not help.
    pub suppressed: Option<u64>,
}

/// The transformations one level away from `levels`, column by column, the finer one first.
///
/// # Errors
/// A problem that contradicts itself.
pub fn steps_from(problem: &Problem, levels: &[u8]) -> Result<Vec<Step>, ProblemError> {
    let prepared = Prepared::new(problem)?;
    match &problem.tuples.store {
        Store::Narrow(entries) => Ok(steps(&prepared, problem, entries, levels)),
        Store::Wide(entries) => Ok(steps(&prepared, problem, entries, levels)),
    }
}

fn steps<K: Key>(prepared: &Prepared, problem: &Problem, entries: &Entries<K>, levels: &[u8]) -> Vec<Step> {
    let lattice = &prepared.lattice;
    let checker = prepared.checker(problem);
    let mut scratch = Scratch::default();
    let here = lattice.node(levels);
    let mut found = Vec::new();
    for (attribute, column) in problem.attributes.iter().enumerate() {
        for node in [lattice.lower(here, attribute), lattice.raise(here, attribute)].into_iter().flatten() {
            let table = checker.roll_up(lattice.bottom(), entries, node, &mut scratch);
            let checked = checker.check(node, &table, &mut scratch);
            found.push(Step {
                column: column.name.clone(),
                level: lattice.level(node, attribute),
                score: checked.score,
                suppressed: (checked.suppressed < u64::MAX).then_some(checked.suppressed),
            });
        }
    }
    found
}
