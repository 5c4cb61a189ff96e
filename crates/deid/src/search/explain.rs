//! Why a transformation won, and what other requirements would cost.
//!
//! Nothing here names a value: levels, counts and scores only.

use serde::Serialize;

use super::achieved::{Achieved, achieved_by_all};
use super::check::Scratch;
use super::criteria::{Class, Verdict};
use super::exact::Effort;
use super::key::Key;
use super::lattice::Node;
use super::problem::{Problem, ProblemError};
use super::solution::{Candidate, Outcome, Prepared, solve};
use super::tuples::{Entries, Store};
use crate::model::{Model, ModelKind};

/// Why a transformation won.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// By quasi-identifier, what becomes of it one level lower: too many records to suppress, or a worse score. None at its own values.
    pub finer: Vec<Option<Neighbour>>,
    /// By quasi-identifier, what becomes of it one level higher. None at its top.
    pub coarser: Vec<Option<Neighbour>>,
    /// By quasi-identifier, what releasing it costs the others.
    pub prices: Vec<Price>,
}

/// A transformation that differs by one level.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Neighbour {
    /// The level of the attribute.
    pub level: u8,
    /// The score; none where more records would be suppressed than may be.
    pub score: Option<f64>,
    /// Records that would be suppressed.
    pub suppressed_rows: u64,
    /// By model, the records of classes that violate it.
    pub violations: Vec<Achieved>,
}

/// What one attribute costs the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Price {
    /// The mean loss of the other attributes as they are.
    pub others_with: f64,
    /// Their mean loss in the best transformation if this attribute were not released; none if there is no other, or no solution.
    pub others_without: Option<f64>,
}

/// The best score under other requirements.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FrontierPoint {
    /// Records that each class must have.
    pub k: u64,
    /// The largest share of records that may be suppressed.
    pub suppression: f64,
    /// The best transformation; none if nothing satisfies.
    pub best: Option<Candidate>,
    /// Whether it is proven to be the best.
    pub proven: bool,
}

/// Explains the solution of `outcome`. `None` if there is none.
///
/// # Errors
/// Those of [`solve`].
pub fn explain(
    problem: &Problem,
    outcome: &Outcome,
    effort: &Effort<'_>,
) -> Result<Option<Explanation>, ProblemError> {
    let Some(solution) = &outcome.solution else { return Ok(None) };
    let levels = &solution.candidate.levels;
    let (finer, coarser) = neighbours_of(problem, levels)?;
    let prices = (0..levels.len())
        .map(|attribute| price(problem, attribute, &solution.losses, effort))
        .collect::<Result<_, _>>()?;
    Ok(Some(Explanation { finer, coarser, prices }))
}

/// The best score for each `k` and suppression limit, all other models as they are.
///
/// # Errors
/// Those of [`solve`]; a `k` that the table cannot satisfy is skipped.
pub fn frontier(
    problem: &mut Problem,
    ks: &[u64],
    suppressions: &[f64],
    effort: &Effort<'_>,
) -> Result<Vec<FrontierPoint>, ProblemError> {
    let (models, limit) = (problem.models.clone(), problem.suppression);
    let mut points = Vec::new();
    for k in ks.iter().copied().filter(|k| *k <= problem.tuples.rows()) {
        for suppression in suppressions.iter().copied() {
            problem.models =
                models.iter().filter(|model| !matches!(model.kind, ModelKind::K(_))).cloned().collect();
            problem.models.push(Model::new(ModelKind::K(k)));
            problem.suppression = suppression;
            let outcome = solve(problem, effort);
            problem.models.clone_from(&models);
            problem.suppression = limit;
            let outcome = outcome?;
            let best = outcome.solution.map(|solution| solution.candidate);
            points.push(FrontierPoint { k, suppression, best, proven: outcome.proven });
        }
    }
    Ok(points)
}

/// By quasi-identifier, what one level less and one level more than `levels` would have given.
///
/// # Errors
/// Those of [`solve`].
pub fn neighbours_of(problem: &Problem, levels: &[u8]) -> Result<(Neighbours, Neighbours), ProblemError> {
    let prepared = Prepared::new(problem)?;
    Ok(match &problem.tuples.store {
        Store::Narrow(entries) => neighbours(&prepared, problem, entries, levels),
        Store::Wide(entries) => neighbours(&prepared, problem, entries, levels),
    })
}

/// A transformation one level away, for each quasi-identifier that has one.
type Neighbours = Vec<Option<Neighbour>>;

fn neighbours<K: Key>(
    prepared: &Prepared,
    problem: &Problem,
    entries: &Entries<K>,
    levels: &[u8],
) -> (Neighbours, Neighbours) {
    let checker = prepared.checker(problem);
    let lattice = checker.lattice;
    let at = lattice.node(levels);
    let mut scratch = Scratch::default();
    let mut look = |node: Option<Node>, attribute: usize| {
        let node = node?;
        let table = checker.roll_up(lattice.bottom(), entries, node, &mut scratch);
        let checked = checker.check(node, &table, &mut scratch);
        let visit = |see: &mut dyn FnMut(&Class<'_>, Verdict)| {
            checker.for_each_class(&table, &scratch, |_, class, verdict| see(class, verdict));
        };
        let violations = achieved_by_all(&checker, problem, &[], &mut { visit });
        Some(Neighbour {
            level: lattice.level(node, attribute),
            score: checked.score,
            // Where no suppression helps, suppressing everything does not either.
            suppressed_rows: checked.suppressed.min(problem.tuples.rows()),
            violations,
        })
    };
    let attributes = 0..lattice.attributes();
    let finer = attributes.clone().map(|attribute| look(lattice.lower(at, attribute), attribute)).collect();
    let coarser = attributes.map(|attribute| look(lattice.raise(at, attribute), attribute)).collect();
    (finer, coarser)
}

fn price(
    problem: &Problem,
    attribute: usize,
    losses: &[f64],
    effort: &Effort<'_>,
) -> Result<Price, ProblemError> {
    let mean = |losses: &mut dyn Iterator<Item = f64>| {
        let losses: Vec<f64> = losses.collect();
        losses.iter().sum::<f64>() / losses.len().max(1) as f64
    };
    let others = losses.iter().enumerate().filter(|(other, _)| *other != attribute).map(|(_, loss)| *loss);
    let others_with = mean(&mut { others });
    if losses.len() < 2 {
        return Ok(Price { others_with, others_without: None });
    }
    let mut attributes = problem.attributes.clone();
    attributes.remove(attribute);
    let without = Problem {
        attributes,
        sensitive: problem.sensitive.clone(),
        tuples: problem.tuples.without(attribute),
        models: problem.models.clone(),
        suppression: problem.suppression,
        metric: problem.metric,
    };
    let outcome = solve(&without, effort)?;
    let others_without = outcome.solution.map(|solution| mean(&mut solution.losses.into_iter()));
    Ok(Price { others_with, others_without })
}
