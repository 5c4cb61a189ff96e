//! What a search found.

use std::sync::Arc;

use serde::Serialize;

use super::achieved::{Achieved, achieved_by_all};
use super::check::{Checked, Checker, Scratch};
use super::criteria::{Class, Criteria, Verdict};
use super::exact::{Effort, Found, Search};
use super::key::Key;
use super::lattice::Lattice;
use super::problem::{Problem, ProblemError};
use super::recoding::{Recoding, SuppressedClasses};
use super::tuples::{Entries, Store};
use crate::hierarchy::Hierarchy;
use crate::metric::{Column, Costs};

/// The outcome of a search.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Nodes of the lattice.
    pub lattice_size: u64,
    /// Nodes that were grouped and judged.
    pub nodes_checked: u64,
    /// Whether the whole lattice was accounted for: the solution is the optimum, or there is none.
    pub proven: bool,
    /// No transformation scores less than this.
    pub bound: f64,
    /// The best transformation that was found.
    pub solution: Option<Solution>,
    /// The next best ones that were checked on the way.
    pub others: Vec<Candidate>,
}

/// A transformation that satisfies the models.
#[derive(Clone, Debug)]
pub struct Solution {
    /// Levels, score and counts.
    pub candidate: Candidate,
    /// By quasi-identifier, what its column loses, from 0 to 1.
    pub losses: Vec<f64>,
    /// Kept classes by size: size and number of classes, ascending.
    pub class_sizes: Vec<(u64, u64)>,
    /// By model, in the order of the problem, what is achieved and what it suppressed.
    pub models: Vec<Achieved>,
    /// How to apply it.
    pub recoding: Recoding,
}

/// A transformation in figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// By quasi-identifier.
    pub levels: Vec<u8>,
    /// By the problem's metric.
    pub score: f64,
    /// Records that it suppresses.
    pub suppressed_rows: u64,
    /// Classes that it keeps.
    pub classes: u64,
    /// Records of the smallest of them.
    pub min_class: u64,
    /// Records of the largest of them.
    pub max_class: u64,
}

/// Searches for the best transformation.
///
/// # Errors
/// A problem that contradicts itself. That nothing satisfies the models is no error: [`Outcome::solution`] is none then.
pub fn solve(problem: &Problem, effort: &Effort<'_>) -> Result<Outcome, ProblemError> {
    let prepared = Prepared::new(problem)?;
    match &problem.tuples.store {
        Store::Narrow(entries) => Ok(prepared.solve(problem, entries, effort)),
        Store::Wide(entries) => Ok(prepared.solve(problem, entries, effort)),
    }
}

/// A problem whose models, costs and lattice are worked out.
pub(crate) struct Prepared {
    pub(crate) lattice: Lattice,
    criteria: Criteria,
    costs: Costs,
}

impl Prepared {
    pub(crate) fn new(problem: &Problem) -> Result<Prepared, ProblemError> {
        Prepared::with_limit(problem, problem.suppression)
    }

    /// With another limit on suppression than the problem's.
    pub(crate) fn with_limit(problem: &Problem, suppression: f64) -> Result<Prepared, ProblemError> {
        if problem.attributes.is_empty() {
            return Err(ProblemError::NoAttributes);
        }
        if problem.tuples.rows() == 0 {
            return Err(ProblemError::Empty);
        }
        if let Some(attribute) = problem.attributes.iter().find(|a| !(a.weight.is_finite() && a.weight > 0.0))
        {
            return Err(ProblemError::Weight { attribute: attribute.name.clone() });
        }
        let lattice = Lattice::new(problem.attributes.iter().map(|attribute| attribute.hierarchy.levels()))?;
        let criteria = Criteria::new(problem, suppression)?;
        let missing = problem.tuples.without_population();
        if problem.tuples.has_population && missing > 0 {
            return Err(ProblemError::NotInPopulation { records: missing });
        }
        let records = problem.tuples.marginals(problem.attributes.iter().map(|a| a.hierarchy.values()));
        let columns: Vec<Column<'_>> = problem
            .attributes
            .iter()
            .zip(records)
            .map(|(a, records)| Column { hierarchy: &a.hierarchy, records, weight: a.weight })
            .collect();
        let costs = Costs::new(problem.metric, &columns);
        Ok(Prepared { lattice, criteria, costs })
    }

    fn solve<K: Key>(&self, problem: &Problem, entries: &Entries<K>, effort: &Effort<'_>) -> Outcome
    where
        SuppressedClasses: From<Vec<K>>,
    {
        let checker = self.checker(problem);
        let table = Arc::new(entries.clone());
        let found = Search::new(&checker, problem.metric.sums_cells(), table, effort).run();
        let Found { best, checked, proven, bound, others } = found;
        Outcome {
            lattice_size: self.lattice.size(),
            nodes_checked: checked,
            proven,
            bound,
            others: others.iter().map(|other| self.candidate(other)).collect(),
            solution: best.map(|best| self.solution(problem, &checker, entries, &best)),
        }
    }

    pub(crate) fn checker<'a>(&'a self, problem: &'a Problem) -> Checker<'a> {
        let hierarchies: Vec<&Hierarchy> = problem.attributes.iter().map(|a| &*a.hierarchy).collect();
        Checker::new(
            &self.lattice,
            &problem.tuples.layout,
            &self.criteria,
            &self.costs,
            &problem.tuples.combinations,
            &hierarchies,
            problem.metric.sums_cells(),
        )
    }

    fn candidate(&self, checked: &Checked) -> Candidate {
        Candidate {
            levels: self.lattice.levels(checked.node),
            score: checked.score.unwrap_or(f64::INFINITY),
            suppressed_rows: checked.suppressed,
            classes: checked.classes,
            min_class: checked.min_class,
            max_class: checked.max_class,
        }
    }

    /// Works the best node out once more, with what only the result needs.
    fn solution<K: Key>(
        &self,
        problem: &Problem,
        checker: &Checker<'_>,
        entries: &Entries<K>,
        best: &Checked,
    ) -> Solution
    where
        SuppressedClasses: From<Vec<K>>,
    {
        let mut scratch = Scratch::default();
        let table = checker.roll_up(self.lattice.bottom(), entries, best.node, &mut scratch);
        let checked = checker.check(best.node, &table, &mut scratch);
        let mut sizes = std::collections::BTreeMap::<u64, u64>::new();
        let mut suppressed: Vec<K> = Vec::new();
        checker.for_each_class(&table, &scratch, |key, class, verdict| match verdict {
            Verdict::Kept if class.records > 0 => *sizes.entry(class.records).or_default() += 1,
            Verdict::Kept => {}
            Verdict::Small | Verdict::Revealing => suppressed.push(key),
        });
        let class_sizes: Vec<(u64, u64)> = sizes.into_iter().collect();
        let visit = |see: &mut dyn FnMut(&Class<'_>, Verdict)| {
            checker.for_each_class(&table, &scratch, |_, class, verdict| see(class, verdict));
        };
        let models = achieved_by_all(checker, problem, &class_sizes, &mut { visit });
        let candidate = self.candidate(&checked);
        let losses = (0..self.costs.columns()).map(|c| self.costs.loss(c, checked.costs[c])).collect();
        let recoding = Recoding::new(problem, &candidate.levels, SuppressedClasses::from(suppressed));
        Solution { candidate, losses, class_sizes, models, recoding }
    }
}

impl Outcome {
    /// How far the solution may be from the optimum, by the metric: 0 if it is proven.
    pub fn gap(&self) -> Option<f64> {
        self.solution.as_ref().map(|solution| (solution.candidate.score - self.bound).max(0.0))
    }
}
