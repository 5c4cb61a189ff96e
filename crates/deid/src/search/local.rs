//! Local recoding: each record is generalised only as far as the records that it shares a class with need it.
//!
//! # Method
//! A partition starts as one region and is specialised greedily. A region is a set of tuples with one level for each attribute. One of its
//! attributes is lowered by a level, which parts the region by the labels there; parts that satisfy the models become regions of their own, the others stay together where they
//! were. If these do not satisfy the models any more, parts are taken back, those first whose return costs least, until they do. The attribute that saves most goes first; where none saves anything,
//! the region is done. (Mondrian, LeFevre, DeWitt and Ramakrishnan 2006, cuts numbers at their median and has no remainder; here cuts follow the hierarchies, so that every label
//! is one that people know.)
//!
//! It starts from the whole table at the top of the hierarchies, and again from the classes of the best global recoding with the records that it suppresses at the top, and keeps
//! the better outcome: **what it releases costs at most what the best global recoding costs**, whenever the records that the latter suppresses satisfy the models
//! together. It is no optimum: finding that is NP-hard (Meyerson and Williams 2004).
//!
//! Every class of the release satisfies every model on classes. Nothing is suppressed unless a model on the whole table asks for it, or a hierarchy has no root and what stands under one of its last
//! labels does not satisfy the models.

use std::collections::BTreeMap;

use super::check::Checker;
use super::criteria::{Class, HistogramScratch, Verdict};
use super::key::Key;
use super::lattice::Node;
use super::tuples::Entries;
use crate::hierarchy::Hierarchy;

/// A set of tuples that have the same labels at the region's node: a class of the release.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    pub(crate) node: Node,
    /// Places in the table.
    pub(crate) entries: Vec<u32>,
}

/// Parts of a region that share a label one level down.
struct Part {
    entries: Vec<u32>,
    saved: f64,
}

/// Specialises regions.
pub(crate) struct Partition<'a, K> {
    checker: &'a Checker<'a>,
    hierarchies: &'a [&'a Hierarchy],
    table: &'a Entries<K>,
    /// What one unit of cost counts in the score, by attribute.
    weights: Vec<f64>,
    histograms: HistogramScratch,
    members: Vec<(u32, u32)>,
}

impl<'a, K: Key> Partition<'a, K> {
    pub(crate) fn new(
        checker: &'a Checker<'a>,
        hierarchies: &'a [&'a Hierarchy],
        table: &'a Entries<K>,
    ) -> Partition<'a, K> {
        let weights = (0..hierarchies.len()).map(|column| checker.costs.unit(column)).collect();
        let (histograms, members) = (HistogramScratch::default(), Vec::new());
        Partition { checker, hierarchies, table, weights, histograms, members }
    }

    /// Specialises regions as far as the models allow; those that do not satisfy them as they are come back as the second list.
    pub(crate) fn specialise(
        &mut self,
        start: Vec<Region>,
        stop: &dyn Fn() -> bool,
    ) -> (Vec<Region>, Vec<Region>) {
        let (mut done, mut violating, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for region in start {
            if self.satisfies(&region.entries) { waiting.push(region) } else { violating.push(region) }
        }
        while let Some(region) = waiting.pop() {
            if stop() {
                done.push(region);
                continue;
            }
            match self.split(&region) {
                Some(regions) => waiting.extend(regions),
                None => done.push(region),
            }
        }
        (done, violating)
    }

    /// The regions that the best attribute makes of this one.
    fn split(&mut self, region: &Region) -> Option<Vec<Region>> {
        let lattice = self.checker.lattice;
        let mut best: Option<(f64, usize)> = None;
        for attribute in 0..lattice.attributes() {
            if lattice.level(region.node, attribute) == 0 {
                continue;
            }
            let (parts, _) = self.parts(region, attribute);
            let saved: f64 = parts.iter().map(|part| part.saved).sum();
            if saved > best.map_or(0.0, |(most, _)| most) {
                best = Some((saved, attribute));
            }
        }
        let (_, attribute) = best?;
        let (parts, remainder) = self.parts(region, attribute);
        let node = lattice.lower(region.node, attribute)?;
        let mut regions: Vec<Region> =
            parts.into_iter().map(|part| Region { node, entries: part.entries }).collect();
        if !remainder.is_empty() {
            regions.push(Region { node: region.node, entries: remainder });
        }
        Some(regions)
    }

    /// The parts of a region that can go one level down in an attribute, and the entries that have to stay.
    fn parts(&mut self, region: &Region, attribute: usize) -> (Vec<Part>, Vec<u32>) {
        let lattice = self.checker.lattice;
        let (high, field) = (lattice.level(region.node, attribute), self.checker.layout.fields[attribute]);
        let low = high - 1;
        let hierarchy = self.hierarchies[attribute];
        let (codes, parents) = (hierarchy.codes(usize::from(low)), hierarchy.parents(usize::from(low)));
        let costs = (self.checker.costs.cells(attribute, low), self.checker.costs.cells(attribute, high));
        let mut by_label: Vec<(u32, u32)> = region
            .entries
            .iter()
            .map(|entry| (codes[self.table.keys[*entry as usize].code(field) as usize], *entry))
            .collect();
        by_label.sort_unstable();
        let (mut parts, mut remainder): (Vec<Part>, Vec<u32>) = (Vec::new(), Vec::new());
        for part in by_label.chunk_by(|a, b| a.0 == b.0) {
            let label = part[0].0;
            let entries: Vec<u32> = part.iter().map(|(_, entry)| *entry).collect();
            if !self.satisfies(&entries) {
                remainder.extend(entries);
                continue;
            }
            let records: u64 =
                entries.iter().map(|entry| u64::from(self.table.counts[*entry as usize])).sum();
            let parent = parents[label as usize];
            let unit = costs.1[parent as usize].saturating_sub(costs.0[label as usize]);
            parts.push(Part { entries, saved: (records * unit) as f64 * self.weights[attribute] });
        }
        // Cheapest last, so that they are taken back first.
        parts.sort_by(|a, b| b.saved.total_cmp(&a.saved).then_with(|| a.entries.cmp(&b.entries)));
        while !remainder.is_empty() && !self.satisfies(&remainder) {
            match parts.pop() {
                Some(part) => remainder.extend(part.entries),
                None => return (Vec::new(), region.entries.clone()),
            }
        }
        (parts, remainder)
    }

    fn satisfies(&mut self, entries: &[u32]) -> bool {
        let criteria = self.checker.criteria;
        let mut histograms = std::mem::take(&mut self.histograms);
        let satisfies = self.with_class(entries, |class| match class.records {
            0 => criteria.presence.iter().all(|presence| presence.holds(0, class.persons)),
            _ => criteria.judge(class, &mut histograms) == Verdict::Kept,
        });
        self.histograms = histograms;
        satisfies
    }

    /// Shows the class that these entries make.
    pub(crate) fn with_class<T>(&mut self, entries: &[u32], show: impl FnOnce(&Class<'_>) -> T) -> T {
        let of = |list: &[u32], entry: u32| list.get(entry as usize).copied().unwrap_or(0);
        let (table, mut records, mut persons) = (self.table, 0, 0);
        self.members.clear();
        for entry in entries {
            let n = table.counts[*entry as usize];
            records += u64::from(n);
            persons += u64::from(of(&table.population, *entry));
            if !table.sensitive.is_empty() && n > 0 {
                self.members.push((table.sensitive[*entry as usize], n));
            }
        }
        let combinations = self.checker.combinations;
        show(&Class { records, persons, members: &self.members, combinations })
    }
}

/// What the regions cost, attribute by attribute.
pub(crate) fn costs<K: Key>(
    checker: &Checker<'_>,
    hierarchies: &[&Hierarchy],
    table: &Entries<K>,
    regions: &[Region],
    suppressed: u64,
) -> Vec<u64> {
    let cost = |attribute: usize| -> u64 {
        let field = checker.layout.fields[attribute];
        let of_region = |region: &Region| -> u64 {
            let level = checker.lattice.level(region.node, attribute);
            let (cells, codes) =
                (checker.costs.cells(attribute, level), hierarchies[attribute].codes(usize::from(level)));
            let of_entry = |entry: &u32| {
                let code = table.keys[*entry as usize].code(field);
                u64::from(table.counts[*entry as usize]) * cells[codes[code as usize] as usize]
            };
            region.entries.iter().map(of_entry).sum()
        };
        regions.iter().map(of_region).sum::<u64>() + suppressed * checker.costs.suppressed(attribute)
    };
    (0..hierarchies.len()).map(cost).collect()
}

/// The classes that these entries make at a node, as regions.
pub(crate) fn classes<K: Key>(
    checker: &Checker<'_>,
    hierarchies: &[&Hierarchy],
    table: &Entries<K>,
    node: Node,
    entries: impl Iterator<Item = u32>,
) -> Vec<Region> {
    let levels = checker.lattice.levels(node);
    let mut classes: BTreeMap<K, Vec<u32>> = BTreeMap::new();
    for entry in entries {
        let fields = checker.layout.fields.iter().zip(hierarchies).zip(&levels);
        let labels = fields.map(|((field, hierarchy), level)| {
            let code = table.keys[entry as usize].code(*field);
            hierarchy.codes(usize::from(*level))[code as usize]
        });
        classes.entry(checker.layout.pack(labels)).or_default().push(entry);
    }
    classes.into_values().map(|entries| Region { node, entries }).collect()
}
