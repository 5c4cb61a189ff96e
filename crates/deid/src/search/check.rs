//! Checking one node: grouping the table at its levels, judging the classes, adding up what they cost.
//!
//! The table need not be grouped anew: any finer table that is at hand [rolls up](Checker::roll_up) to the node, class by class.

use super::criteria::{Class, Criteria, HistogramScratch, NOT_MENDABLE, Verdict};
use super::index::Index;
use super::key::{Field, Key, Layout};
use super::lattice::{Lattice, Node};
use super::tuples::Entries;
use crate::hierarchy::Hierarchy;
use crate::metric::Costs;

/// What checking needs to know of the search; the same for all threads.
pub(crate) struct Checker<'a> {
    pub(crate) lattice: &'a Lattice,
    pub(crate) layout: &'a Layout,
    pub(crate) criteria: &'a Criteria,
    pub(crate) costs: &'a Costs,
    pub(crate) combinations: &'a [Box<[u32]>],
    /// By attribute, level and higher level (less the level and one): from the code at the one to that at the other.
    steps: Vec<Vec<Vec<Vec<u32>>>>,
    pub(crate) sums_cells: bool,
}

/// Memory of one thread, used again for each node.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    index: Index,
    class_index: Index,
    class_of: Vec<u32>,
    starts: Vec<u32>,
    members: Vec<(u32, u32)>,
    /// The first entry of each class.
    firsts: Vec<u32>,
    records: Vec<u64>,
    persons: Vec<u64>,
    pub(crate) histograms: HistogramScratch,
    verdicts: Vec<Verdict>,
}

/// What is known of a node that was checked.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) node: Node,
    /// Records that are suppressed; [`NOT_MENDABLE`] where that does not help, and then nothing else is known.
    pub(crate) suppressed: u64,
    /// Records that violate row-monotone models: they are suppressed at every finer node too.
    pub(crate) small: u64,
    /// By attribute, what suppressing these records costs beyond what they would cost generalised.
    pub(crate) extra: Vec<u64>,
    /// By attribute, what the transformation costs.
    pub(crate) costs: Vec<u64>,
    /// The score; none if more records would be suppressed than may be.
    pub(crate) score: Option<f64>,
    /// Classes that are kept, and the smallest and the largest of them.
    pub(crate) classes: u64,
    pub(crate) min_class: u64,
    pub(crate) max_class: u64,
    /// The sum of the squares of all classes' sizes, and the number of all classes: both bound what coarser nodes score.
    pub(crate) squares_of_all: u128,
    pub(crate) all_classes: u64,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(
        lattice: &'a Lattice,
        layout: &'a Layout,
        criteria: &'a Criteria,
        costs: &'a Costs,
        combinations: &'a [Box<[u32]>],
        hierarchies: &[&Hierarchy],
        sums_cells: bool,
    ) -> Checker<'a> {
        let steps = hierarchies.iter().map(|hierarchy| steps(hierarchy)).collect();
        Checker { lattice, layout, criteria, costs, combinations, steps, sums_cells }
    }

    /// Groups the classes of a finer node into those of `to`.
    pub(crate) fn roll_up<K: Key>(
        &self,
        from: Node,
        source: &Entries<K>,
        to: Node,
        scratch: &mut Scratch,
    ) -> Entries<K> {
        let mut kept = K::default();
        let mut changed: Vec<(Field, &[u32])> = Vec::new();
        for (attribute, field) in self.layout.fields.iter().enumerate() {
            let (low, high) = (self.lattice.level(from, attribute), self.lattice.level(to, attribute));
            match self.step(attribute, low, high) {
                None => kept = kept.union(K::mask(*field)),
                Some(map) => changed.push((*field, map)),
            }
        }
        let lift = |key: K| {
            changed.iter().fold(key.only(kept), |lifted, (field, map)| {
                lifted.with(map[key.code(*field) as usize], field.shift)
            })
        };
        match is_plain(source) {
            true => group_plain(source, lift, scratch),
            false => group(source, lift, scratch),
        }
    }

    fn step(&self, attribute: usize, low: u8, high: u8) -> Option<&[u32]> {
        (low < high).then(|| &*self.steps[attribute][usize::from(low)][usize::from(high - low) - 1])
    }

    /// Judges the classes of a node. Of one that cannot be a solution for its small classes alone, no costs are added up.
    pub(crate) fn check<K: Key>(&self, node: Node, entries: &Entries<K>, scratch: &mut Scratch) -> Checked {
        let columns = self.costs.columns();
        let mut checked = Checked {
            node,
            suppressed: 0,
            small: 0,
            extra: vec![0; columns],
            costs: vec![0; columns],
            score: None,
            classes: 0,
            min_class: 0,
            max_class: 0,
            squares_of_all: 0,
            all_classes: 0,
        };
        if is_plain(entries) {
            self.judge_sizes(entries, &mut checked, scratch);
        } else {
            self.judge_members(entries, &mut checked, scratch);
        }
        if checked.small > self.criteria.allowed || checked.suppressed == NOT_MENDABLE {
            return checked;
        }
        if !self.criteria.table.is_empty() {
            self.satisfy_table_criteria(&mut checked, scratch);
        }
        self.add_costs(entries, &mut checked, scratch);
        if checked.suppressed <= self.criteria.allowed {
            checked.score = Some(match self.sums_cells {
                true => self.costs.score_of(&checked.costs),
                false => {
                    let kept = |(records, verdict): (&u64, &Verdict)| {
                        if *verdict == Verdict::Kept { u128::from(*records).pow(2) } else { 0 }
                    };
                    let squares = scratch.records.iter().zip(&scratch.verdicts).map(kept).sum();
                    self.costs.score_of_classes(squares, checked.classes, checked.suppressed)
                }
            });
        }
        checked
    }

    /// Calls `visit` with the labels, the members and the verdict of each class of a node that was just [checked](Checker::check) with `scratch`.
    pub(crate) fn for_each_class<K: Key>(
        &self,
        entries: &Entries<K>,
        scratch: &Scratch,
        mut visit: impl FnMut(K, &Class<'_>, Verdict),
    ) {
        let plain = is_plain(entries);
        for (class, verdict) in scratch.verdicts.iter().enumerate() {
            let (entry, members) = match plain {
                true => (class, 0..0),
                false => {
                    let members = scratch.starts[class] as usize..scratch.starts[class + 1] as usize;
                    (scratch.firsts[class] as usize, members)
                }
            };
            visit(entries.keys[entry], &self.class(class, members, scratch), *verdict);
        }
    }

    fn class<'s>(&'s self, class: usize, members: std::ops::Range<usize>, scratch: &'s Scratch) -> Class<'s> {
        Class {
            records: scratch.records[class],
            persons: scratch.persons.get(class).copied().unwrap_or(0),
            members: &scratch.members[members],
            combinations: self.combinations,
        }
    }

    /// Each entry is a class.
    fn judge_sizes<K>(&self, entries: &Entries<K>, checked: &mut Checked, scratch: &mut Scratch) {
        scratch.records.clear();
        scratch.persons.clear();
        scratch.records.extend(entries.counts.iter().map(|n| u64::from(*n)));
        scratch.verdicts.clear();
        let k = self.criteria.k;
        let verdict = |records: &u64| if *records < k { Verdict::Small } else { Verdict::Kept };
        scratch.verdicts.extend(scratch.records.iter().map(verdict));
        count(checked, scratch);
    }

    /// Entries of one key are a class.
    fn judge_members<K: Key>(&self, entries: &Entries<K>, checked: &mut Checked, scratch: &mut Scratch) {
        class_members(entries, scratch);
        scratch.verdicts.clear();
        let mut histograms = std::mem::take(&mut scratch.histograms);
        for class in 0..scratch.records.len() {
            let members = scratch.starts[class] as usize..scratch.starts[class + 1] as usize;
            let view = self.class(class, members, scratch);
            let verdict = if view.records > 0 {
                self.criteria.judge(&view, &mut histograms)
            } else if self.criteria.presence.iter().all(|presence| presence.holds(0, view.persons)) {
                Verdict::Kept
            } else {
                // Nobody of this class is in the table, so nothing can be suppressed to mend it.
                checked.suppressed = NOT_MENDABLE;
                break;
            };
            scratch.verdicts.push(verdict);
        }
        scratch.histograms = histograms;
        if checked.suppressed != NOT_MENDABLE {
            count(checked, scratch);
        }
    }

    /// Suppresses the smallest classes until every criterion on the table holds.
    fn satisfy_table_criteria(&self, checked: &mut Checked, scratch: &mut Scratch) {
        let mut kept: Vec<usize> = (0..scratch.verdicts.len())
            .filter(|class| scratch.verdicts[*class] == Verdict::Kept && scratch.records[*class] > 0)
            .collect();
        // Of equally large classes the first in the table's order goes first, so that the outcome does not depend on how it was grouped.
        kept.sort_by_key(|class| scratch.records[*class]);
        let sizes: Vec<u64> = kept.iter().map(|class| scratch.records[*class]).collect();
        let going = self.criteria.smallest_to_suppress(&sizes);
        if going == 0 {
            return;
        }
        for class in &kept[..going] {
            scratch.verdicts[*class] = Verdict::Revealing;
        }
        count(checked, scratch);
    }

    /// Adds up what kept classes and suppressed records cost, by attribute.
    fn add_costs<K: Key>(&self, entries: &Entries<K>, checked: &mut Checked, scratch: &Scratch) {
        let mixed = checked.small != checked.suppressed;
        let by_class = !is_plain(entries);
        let verdict = |entry: usize| match by_class {
            true => scratch.verdicts[scratch.class_of[entry] as usize],
            false => scratch.verdicts[entry],
        };
        for (column, field) in self.layout.fields.iter().enumerate() {
            let level = self.lattice.level(checked.node, column);
            let (cells, suppressed) = (self.costs.cells(column, level), self.costs.suppressed(column));
            let (mut kept_costs, mut extra) = (0, 0);
            for (entry, (key, n)) in entries.keys.iter().zip(&entries.counts).enumerate() {
                match verdict(entry) {
                    Verdict::Kept => kept_costs += u64::from(*n) * cells[key.code(*field) as usize],
                    Verdict::Small if mixed => {
                        extra += u64::from(*n) * (suppressed - cells[key.code(*field) as usize]);
                    }
                    Verdict::Small | Verdict::Revealing => {}
                }
            }
            checked.costs[column] = kept_costs + checked.suppressed * suppressed;
            let base = self.costs.base(column, level);
            checked.extra[column] = if mixed { extra } else { checked.costs[column] - base };
        }
    }
}

/// Whether entries are classes: nothing but their keys tells them apart.
fn is_plain<K>(entries: &Entries<K>) -> bool {
    entries.sensitive.is_empty() && entries.population.is_empty()
}

/// Counts records and classes by their verdicts.
fn count(checked: &mut Checked, scratch: &Scratch) {
    (checked.suppressed, checked.small, checked.classes) = (0, 0, 0);
    (checked.min_class, checked.max_class) = (u64::MAX, 0);
    (checked.squares_of_all, checked.all_classes) = (0, 0);
    for (records, verdict) in
        scratch.records.iter().zip(&scratch.verdicts).filter(|(records, _)| **records > 0)
    {
        checked.squares_of_all += u128::from(*records).pow(2);
        checked.all_classes += 1;
        match verdict {
            Verdict::Kept => {
                checked.classes += 1;
                checked.min_class = checked.min_class.min(*records);
                checked.max_class = checked.max_class.max(*records);
            }
            Verdict::Small => {
                checked.suppressed += records;
                checked.small += records;
            }
            Verdict::Revealing => checked.suppressed += records,
        }
    }
    if checked.classes == 0 {
        checked.min_class = 0;
    }
}

/// Entries that become equal are added up: nothing but keys and counts.
fn group_plain<K: Key>(source: &Entries<K>, lift: impl Fn(K) -> K, scratch: &mut Scratch) -> Entries<K> {
    scratch.index.reset(source.len());
    let (mut keys, mut counts): (Vec<K>, Vec<u32>) = (Vec::new(), Vec::new());
    for (key, n) in source.keys.iter().zip(&source.counts) {
        let key = lift(*key);
        let at = scratch.index.find_or_insert(key.spread(), keys.len(), |at| keys[at] == key);
        match counts.get_mut(at) {
            Some(count) => *count += n,
            None => {
                keys.push(key);
                counts.push(*n);
            }
        }
    }
    Entries { keys, counts, sensitive: Vec::new(), population: Vec::new() }
}

/// Entries that become equal, sensitive combination included, are added up.
fn group<K: Key>(source: &Entries<K>, lift: impl Fn(K) -> K, scratch: &mut Scratch) -> Entries<K> {
    scratch.index.reset(source.len());
    let mut grouped = Entries::<K>::default();
    for (entry, (key, n)) in source.keys.iter().zip(&source.counts).enumerate() {
        let key = lift(*key);
        let combination = source.sensitive.get(entry).copied();
        let persons = source.population.get(entry).copied();
        let hash = key.spread() ^ u64::from(combination.unwrap_or(0)).wrapping_mul(SPREAD);
        let (keys, sensitive) = (&grouped.keys, &grouped.sensitive);
        let at = scratch.index.find_or_insert(hash, keys.len(), |at| {
            keys[at] == key && combination.is_none_or(|combination| sensitive[at] == combination)
        });
        if at == grouped.keys.len() {
            grouped.keys.push(key);
            grouped.counts.push(0);
            grouped.sensitive.extend(combination);
            grouped.population.extend(persons.map(|_| 0));
        }
        grouped.counts[at] += n;
        if let Some(persons) = persons {
            grouped.population[at] += persons;
        }
    }
    grouped
}

/// Brings the entries of each key together: `members[starts[c]..starts[c + 1]]` are those of class c.
fn class_members<K: Key>(entries: &Entries<K>, scratch: &mut Scratch) {
    let Scratch { class_index, class_of, starts, members, firsts, records, persons, .. } = scratch;
    class_index.reset(entries.len());
    [&mut *class_of, &mut *starts, &mut *firsts].into_iter().for_each(Vec::clear);
    [&mut *records, &mut *persons].into_iter().for_each(Vec::clear);
    for (entry, key) in entries.keys.iter().enumerate() {
        let class = class_index
            .find_or_insert(key.spread(), firsts.len(), |at| entries.keys[firsts[at] as usize] == *key);
        if class == firsts.len() {
            firsts.push(entry as u32);
            starts.push(0);
            records.push(0);
            persons.push(0);
        }
        class_of.push(class as u32);
        records[class] += u64::from(entries.counts[entry]);
        persons[class] += u64::from(entries.population.get(entry).copied().unwrap_or(0));
        starts[class] += 1;
    }
    let mut end = 0;
    for start in starts.iter_mut() {
        (end, *start) = (end + *start, end);
    }
    starts.push(end);
    members.clear();
    members.resize(entries.len(), (0, 0));
    let mut next = starts.clone();
    for (entry, class) in class_of.iter().enumerate() {
        let at = &mut next[*class as usize];
        members[*at as usize] = (entries.sensitive.get(entry).copied().unwrap_or(0), entries.counts[entry]);
        *at += 1;
    }
}

/// For each level and each higher one, from code to code.
fn steps(hierarchy: &Hierarchy) -> Vec<Vec<Vec<u32>>> {
    let levels = hierarchy.levels();
    (0..levels)
        .map(|low| {
            let mut map: Vec<u32> = (0..hierarchy.labels(low).len() as u32).collect();
            let lift = |level| {
                let parents = hierarchy.parents(level);
                map.iter_mut().for_each(|code| *code = parents[*code as usize]);
                map.clone()
            };
            (low..levels - 1).map(lift).collect()
        })
        .collect()
}

const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
