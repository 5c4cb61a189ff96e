//! The best local recoding that is found for a problem.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::achieved::{Achieved, achieved_by_all};
use super::check::{Checker, Scratch};
use super::criteria::{Class, Verdict};
use super::exact::{Effort, Search};
use super::key::Key;
use super::lattice::{Lattice, Node};
use super::local::{Partition, Region, classes, costs};
use super::problem::{Problem, ProblemError};
use super::recoding::{Recoding, Regions};
use super::solution::Prepared;
use super::tuples::{Entries, Store};
use crate::hierarchy::Hierarchy;

/// A local recoding, and what it achieves.
#[derive(Clone, Debug)]
pub struct LocalOutcome {
    /// By the problem's metric.
    pub score: f64,
    /// The score of the best global recoding under the same models, with no limit on suppression: what was to be beaten.
    pub global_score: Option<f64>,
    /// By quasi-identifier, what its column loses, from 0 to 1.
    pub losses: Vec<f64>,
    /// Records that are suppressed.
    pub suppressed_rows: u64,
    /// Classes by size: size and number of classes, ascending.
    pub class_sizes: Vec<(u64, u64)>,
    /// By model, in the order of the problem.
    pub models: Vec<Achieved>,
    /// By quasi-identifier and level, the share of the records that are generalised to it.
    pub level_shares: Vec<Vec<f64>>,
    /// How to apply it.
    pub recoding: Recoding,
}

impl LocalOutcome {
    /// Classes that are released.
    pub fn classes(&self) -> u64 {
        self.class_sizes.iter().map(|(_, classes)| classes).sum()
    }
}

/// Searches for a local recoding. `None` if not even a table in which everything is generalised as far as can be satisfies the models within the limit on suppression.
///
/// # Errors
/// A problem that contradicts itself.
pub fn solve_locally(problem: &Problem, effort: &Effort<'_>) -> Result<Option<LocalOutcome>, ProblemError> {
    let prepared = Prepared::new(problem)?;
    match &problem.tuples.store {
        Store::Narrow(entries) => solve(&prepared, problem, entries, effort),
        Store::Wide(entries) => solve(&prepared, problem, entries, effort),
    }
}

fn solve<K: Key>(
    prepared: &Prepared,
    problem: &Problem,
    entries: &Entries<K>,
    effort: &Effort<'_>,
) -> Result<Option<LocalOutcome>, ProblemError>
where
    Regions: From<Vec<(K, u32)>>,
{
    let checker = prepared.checker(problem);
    let hierarchies: Vec<&Hierarchy> = problem.attributes.iter().map(|a| &*a.hierarchy).collect();
    let unlimited = Prepared::with_limit(problem, 1.0)?;
    let unlimited = unlimited.checker(problem);
    let global =
        Search::new(&unlimited, problem.metric.sums_cells(), Arc::new(entries.clone()), effort).run().best;
    let everything = 0..entries.len() as u32;
    let mut starts = vec![classes(&checker, &hierarchies, entries, top(&checker), everything)];
    starts.extend(global.as_ref().map(|best| classes_of(&unlimited, &hierarchies, entries, best.node)));
    let mut partition = Partition::new(&checker, &hierarchies, entries);
    let mut partitions: Vec<(Vec<Region>, Vec<Region>)> = Vec::new();
    for start in starts {
        if !checker.criteria.table.is_empty() {
            // Specialising makes classes small, which a model on the whole table may not bear.
            partitions.push(partition.specialise(start.clone(), &|| true));
        }
        partitions.push(partition.specialise(start, effort.stop));
    }
    let mut best: Option<(f64, Released)> = None;
    for (regions, violating) in partitions {
        let Some(released) = Released::new(&checker, entries, regions, &violating) else { continue };
        let score = released.score(&checker, &hierarchies, entries);
        if released.suppressed <= checker.criteria.allowed
            && best.as_ref().is_none_or(|(least, _)| score < *least)
        {
            best = Some((score, released));
        }
    }
    let Some((score, released)) = best else { return Ok(None) };
    let columns = costs(&checker, &hierarchies, entries, &released.regions, released.suppressed);
    let class_sizes = released.class_sizes(entries);
    let visit = |see: &mut dyn FnMut(&Class<'_>, Verdict)| {
        for region in &released.regions {
            partition.with_class(&region.entries, |class| see(class, Verdict::Kept));
        }
    };
    let models = achieved_by_all(&checker, problem, &class_sizes, &mut { visit });
    Ok(Some(LocalOutcome {
        score,
        global_score: global.and_then(|best| best.score),
        losses: (0..hierarchies.len()).map(|c| checker.costs.loss(c, columns[c])).collect(),
        suppressed_rows: released.suppressed,
        models,
        level_shares: released.level_shares(checker.lattice, entries),
        recoding: released.recoding(problem, checker.lattice, entries),
        class_sizes,
    }))
}

/// The classes of a global recoding as regions, with the records that it suppresses at the top of the lattice.
fn classes_of<K: Key>(
    checker: &Checker<'_>,
    hierarchies: &[&Hierarchy],
    entries: &Entries<K>,
    node: Node,
) -> Vec<Region> {
    let mut scratch = Scratch::default();
    let table = checker.roll_up(checker.lattice.bottom(), entries, node, &mut scratch);
    checker.check(node, &table, &mut scratch);
    let mut gone: HashSet<K, FixedState> = HashSet::default();
    checker.for_each_class(&table, &scratch, |key, _, verdict| {
        if verdict != Verdict::Kept {
            gone.insert(key);
        }
    });
    let levels = checker.lattice.levels(node);
    let is_gone = |entry: &u32| {
        let key = entries.keys[*entry as usize];
        let fields = checker.layout.fields.iter().zip(hierarchies).zip(&levels);
        gone.contains(&checker.layout.pack(fields.map(|((field, hierarchy), level)| {
            hierarchy.codes(usize::from(*level))[key.code(*field) as usize]
        })))
    };
    let (rest, kept): (Vec<u32>, Vec<u32>) = (0..entries.len() as u32).partition(is_gone);
    let mut regions = classes(checker, hierarchies, entries, node, kept.into_iter());
    regions.extend(classes(checker, hierarchies, entries, top(checker), rest.into_iter()));
    regions
}

fn top(checker: &Checker<'_>) -> Node {
    checker.lattice.node(&checker.lattice.heights)
}

/// A partition whose regions are released, but for records that are suppressed.
struct Released {
    regions: Vec<Region>,
    suppressed: u64,
}

impl Released {
    /// The smallest regions go until every model on the whole table holds. None if a part of the population violates a model and has no record that could be suppressed.
    fn new<K: Key>(
        checker: &Checker<'_>,
        entries: &Entries<K>,
        mut regions: Vec<Region>,
        violating: &[Region],
    ) -> Option<Released> {
        if violating.iter().any(|region| records(entries, region) == 0) {
            return None;
        }
        // Of persons who are not in the table nothing is released.
        regions.retain(|region| records(entries, region) > 0);
        let mut suppressed: u64 = violating.iter().map(|region| records(entries, region)).sum();
        if !checker.criteria.table.is_empty() {
            regions.sort_by_cached_key(|region| (records(entries, region), region.entries.first().copied()));
            let sizes: Vec<u64> = regions.iter().map(|region| records(entries, region)).collect();
            let going = checker.criteria.smallest_to_suppress(&sizes);
            suppressed += sizes[..going].iter().sum::<u64>();
            regions.drain(..going);
        }
        Some(Released { regions, suppressed })
    }

    fn class_sizes<K>(&self, entries: &Entries<K>) -> Vec<(u64, u64)> {
        let mut sizes = BTreeMap::<u64, u64>::new();
        for size in self.regions.iter().map(|region| records(entries, region)).filter(|size| *size > 0) {
            *sizes.entry(size).or_default() += 1;
        }
        sizes.into_iter().collect()
    }

    fn score<K: Key>(&self, checker: &Checker<'_>, hierarchies: &[&Hierarchy], entries: &Entries<K>) -> f64 {
        if checker.sums_cells {
            return checker.costs.score_of(&costs(
                checker,
                hierarchies,
                entries,
                &self.regions,
                self.suppressed,
            ));
        }
        let sizes = self.class_sizes(entries);
        let squares =
            sizes.iter().map(|(size, classes)| u128::from(*size).pow(2) * u128::from(*classes)).sum();
        let classes = sizes.iter().map(|(_, classes)| classes).sum();
        checker.costs.score_of_classes(squares, classes, self.suppressed)
    }

    fn level_shares<K>(&self, lattice: &Lattice, entries: &Entries<K>) -> Vec<Vec<f64>> {
        let total: u64 = entries.counts.iter().map(|n| u64::from(*n)).sum();
        let mut counts: Vec<Vec<u64>> =
            lattice.heights.iter().map(|height| vec![0; usize::from(*height) + 1]).collect();
        for region in &self.regions {
            let records = records(entries, region);
            for (attribute, counts) in counts.iter_mut().enumerate() {
                counts[usize::from(lattice.level(region.node, attribute))] += records;
            }
        }
        let share = |n: u64| n as f64 / total.max(1) as f64;
        counts.into_iter().map(|counts| counts.into_iter().map(share).collect()).collect()
    }

    fn recoding<K: Key>(&self, problem: &Problem, lattice: &Lattice, entries: &Entries<K>) -> Recoding
    where
        Regions: From<Vec<(K, u32)>>,
    {
        let levels = self.regions.iter().map(|region| lattice.levels(region.node).into()).collect();
        let mut tuples: Vec<(K, u32)> = Vec::with_capacity(entries.len());
        for (number, region) in (0_u32..).zip(&self.regions) {
            tuples.extend(region.entries.iter().map(|entry| (entries.keys[*entry as usize], number)));
        }
        Recoding::local(problem, Regions::from(tuples), levels)
    }
}

fn records<K>(entries: &Entries<K>, region: &Region) -> u64 {
    region.entries.iter().map(|entry| u64::from(entries.counts[*entry as usize])).sum()
}
