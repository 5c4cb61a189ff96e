//! The distinct tuples of a table, with how often each occurs.
//!
//! Records stream in and only distinct combinations of quasi-identifiers (and of sensitive values, where a model is about them) stay, in
//! the order of their first appearance. The order depends on the table alone, and so does all that is built on it.

use std::collections::HashSet;

use foldhash::fast::FixedState;

use super::index::Index;
use super::key::{Field, Key, Layout};
use super::problem::ProblemError;

/// The distinct tuples of a table.
#[derive(Debug)]
pub struct Tuples {
    pub(crate) layout: Layout,
    pub(crate) store: Store,
    /// Distinct combinations of sensitive codes, one row each of as many codes as there are sensitive attributes.
    pub(crate) combinations: Vec<Box<[u32]>>,
    pub(crate) rows: u64,
    pub(crate) has_population: bool,
}

/// Tuples in words of the size that they need.
#[derive(Debug)]
pub(crate) enum Store {
    Narrow(Entries<u64>),
    Wide(Entries<u128>),
}

/// Tuples and what is counted of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entries<K> {
    pub(crate) keys: Vec<K>,
    /// Records of the table.
    pub(crate) counts: Vec<u32>,
    /// The number of the sensitive combination; empty where there is none.
    pub(crate) sensitive: Vec<u32>,
    /// Persons of the population; empty where there is none.
    pub(crate) population: Vec<u32>,
}

impl<K> Entries<K> {
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.len() * (size_of::<K>() + 4) + (self.sensitive.len() + self.population.len()) * 4
    }
}

/// Counts records.
#[derive(Debug)]
pub struct Counter {
    tuples: Tuples,
    index: Index,
    combination_index: Index,
    with_sensitive: bool,
}

/// A table has more records than are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a table of more than {} records", u32::MAX)]
pub struct TooManyRecords;

impl Counter {
    /// A counter for quasi-identifiers with domains of these sizes, and so many sensitive attributes.
    pub fn new(domains: &[usize], sensitive: usize) -> Result<Counter, ProblemError> {
        let layout = Layout::new(domains.iter().copied())?;
        let store = match layout.bits <= u64::BITS {
            true => Store::Narrow(Entries::default()),
            false => Store::Wide(Entries::default()),
        };
        let tuples = Tuples { layout, store, combinations: Vec::new(), rows: 0, has_population: false };
        Ok(Counter {
            tuples,
            index: Index::default(),
            combination_index: Index::default(),
            with_sensitive: sensitive > 0,
        })
    }

    /// Counts a record by its codes.
    pub fn add(&mut self, codes: &[u32], sensitive: &[u32]) -> Result<(), TooManyRecords> {
        self.add_all(codes, sensitive, 1)
    }

    /// Counts so many records of the same codes.
    pub fn add_all(&mut self, codes: &[u32], sensitive: &[u32], records: u32) -> Result<(), TooManyRecords> {
        self.tuples.rows += u64::from(records);
        if self.tuples.rows > u64::from(u32::MAX) {
            return Err(TooManyRecords);
        }
        let combination = if self.with_sensitive { self.combination(sensitive) } else { 0 };
        self.count(codes, combination, records, 0);
        Ok(())
    }

    /// Counts a person of the population, who may be a record of the table too.
    pub fn add_population(&mut self, codes: &[u32]) {
        self.tuples.has_population = true;
        self.count(codes, u32::MAX, 0, 1);
    }

    /// The tuples.
    pub fn finish(self) -> Tuples {
        self.tuples
    }

    fn combination(&mut self, sensitive: &[u32]) -> u32 {
        let combinations = &mut self.tuples.combinations;
        let hash = sensitive.iter().fold(0_u64, |hash, code| (hash ^ u64::from(*code)).spread());
        let at = self
            .combination_index
            .find_or_insert(hash, combinations.len(), |at| *combinations[at] == *sensitive);
        if at == combinations.len() {
            combinations.push(sensitive.into());
            self.combination_index.grow_if_full(combinations.len(), |at| {
                combinations[at].iter().fold(0_u64, |hash, code| (hash ^ u64::from(*code)).spread())
            });
        }
        at as u32
    }

    fn count(&mut self, codes: &[u32], combination: u32, records: u32, persons: u32) {
        let layout = &self.tuples.layout;
        let with_sensitive = self.with_sensitive;
        match &mut self.tuples.store {
            Store::Narrow(entries) => {
                let key = layout.pack(codes.iter().copied());
                entries.add(&mut self.index, key, with_sensitive.then_some(combination), records, persons);
            }
            Store::Wide(entries) => {
                let key = layout.pack(codes.iter().copied());
                entries.add(&mut self.index, key, with_sensitive.then_some(combination), records, persons);
            }
        }
    }
}

impl<K: Key> Entries<K> {
    fn add(&mut self, index: &mut Index, key: K, combination: Option<u32>, records: u32, persons: u32) {
        let hash_of = |key: K, combination: u32| key.spread() ^ u64::from(combination).wrapping_mul(SPREAD);
        let hash = hash_of(key, combination.unwrap_or(0));
        let (keys, sensitive) = (&self.keys, &self.sensitive);
        let at = index.find_or_insert(hash, keys.len(), |at| {
            keys[at] == key && combination.is_none_or(|combination| sensitive[at] == combination)
        });
        if at == self.keys.len() {
            self.keys.push(key);
            self.counts.push(0);
            self.sensitive.extend(combination);
            if !self.population.is_empty() || persons > 0 {
                self.population.resize(self.keys.len(), 0);
            }
            let (keys, sensitive) = (&self.keys, &self.sensitive);
            index.grow_if_full(keys.len(), |at| hash_of(keys[at], sensitive.get(at).copied().unwrap_or(0)));
        }
        self.counts[at] += records;
        if persons > 0 {
            self.population.resize(self.keys.len(), 0);
            self.population[at] += persons;
        }
    }
}

impl Tuples {
    /// Records of the table.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Distinct tuples, sensitive values included where there are any.
    pub fn distinct(&self) -> usize {
        match &self.store {
            Store::Narrow(entries) => entries.len(),
            Store::Wide(entries) => entries.len(),
        }
    }

    /// The table without one attribute: tuples that only it told apart are one.
    pub(crate) fn without(&self, attribute: usize) -> Tuples {
        fn project<K: Key>(tuples: &Tuples, entries: &Entries<K>, counter: &mut Counter, attribute: usize) {
            let mut codes = Vec::with_capacity(tuples.layout.fields.len());
            for (entry, key) in entries.keys.iter().enumerate() {
                codes.clear();
                codes.extend(tuples.layout.fields.iter().map(|field| key.code(*field)));
                codes.remove(attribute);
                let combination = entries.sensitive.get(entry).copied().unwrap_or(0);
                let persons = entries.population.get(entry).copied().unwrap_or(0);
                counter.count(&codes, combination, entries.counts[entry], persons);
            }
        }
        let mut fields = self.layout.fields.clone();
        fields.remove(attribute);
        let mut shift = 0;
        for field in &mut fields {
            field.shift = shift;
            shift += field.bits;
        }
        let store = match shift <= u64::BITS {
            true => Store::Narrow(Entries::default()),
            false => Store::Wide(Entries::default()),
        };
        let tuples = Tuples {
            layout: Layout { fields, bits: shift },
            store,
            combinations: self.combinations.clone(),
            rows: self.rows,
            has_population: self.has_population,
        };
        let mut counter = Counter {
            tuples,
            index: Index::default(),
            combination_index: Index::default(),
            with_sensitive: !self.combinations.is_empty(),
        };
        match &self.store {
            Store::Narrow(entries) => project(self, entries, &mut counter, attribute),
            Store::Wide(entries) => project(self, entries, &mut counter, attribute),
        }
        counter.finish()
    }

    /// Gives the values of one sensitive attribute other numbers.
    pub(crate) fn renumber_sensitive(&mut self, attribute: usize, numbers: &[u32]) {
        for combination in &mut self.combinations {
            combination[attribute] = numbers[combination[attribute] as usize];
        }
    }

    /// Records of the table that no person of the population matches.
    pub(crate) fn without_population(&self) -> u64 {
        // Persons have no sensitive combination, so they stand beside the records of their tuple.
        fn missing<K: Key>(entries: &Entries<K>) -> u64 {
            let persons: HashSet<K, FixedState> = entries
                .keys
                .iter()
                .zip(&entries.population)
                .filter(|(_, n)| **n > 0)
                .map(|(key, _)| *key)
                .collect();
            let missing = entries.keys.iter().zip(&entries.counts).filter(|(key, _)| !persons.contains(key));
            missing.map(|(_, n)| u64::from(*n)).sum()
        }
        match &self.store {
            Store::Narrow(entries) => missing(entries),
            Store::Wide(entries) => missing(entries),
        }
    }

    /// How many records have each code, attribute by attribute.
    pub(crate) fn marginals(&self, domains: impl Iterator<Item = usize>) -> Vec<Vec<u64>> {
        fn count<K: Key>(entries: &Entries<K>, field: Field, domain: usize) -> Vec<u64> {
            let mut counts = vec![0; domain];
            for (key, n) in entries.keys.iter().zip(&entries.counts) {
                counts[key.code(field) as usize] += u64::from(*n);
            }
            counts
        }
        let count = |(field, domain): (&Field, usize)| match &self.store {
            Store::Narrow(entries) => count(entries, *field, domain),
            Store::Wide(entries) => count(entries, *field, domain),
        };
        self.layout.fields.iter().zip(domains).map(count).collect()
    }

    /// About how many bytes the tuples take.
    pub fn bytes(&self) -> usize {
        match &self.store {
            Store::Narrow(entries) => entries.bytes(),
            Store::Wide(entries) => entries.bytes(),
        }
    }
}

const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    fn narrow(tuples: &Tuples) -> &Entries<u64> {
        match &tuples.store {
            Store::Narrow(entries) => entries,
            Store::Wide(_) => panic!("too wide"),
        }
    }

    #[test]
    fn equal_records_are_one_tuple() {
        let mut counter = Counter::new(&[3, 2], 0).unwrap();
        for codes in [[0, 1], [2, 0], [0, 1], [0, 0]] {
            counter.add(&codes, &[]).unwrap();
        }
        let tuples = counter.finish();
        assert_eq!((tuples.rows(), tuples.distinct()), (4, 3));
        assert_eq!(narrow(&tuples).counts, [2, 1, 1]);
    }

    #[test]
    fn sensitive_values_part_tuples_and_the_population_has_its_own_count() {
        let mut counter = Counter::new(&[4], 2).unwrap();
        counter.add(&[1], &[7, 0]).unwrap();
        counter.add(&[1], &[7, 1]).unwrap();
        counter.add(&[1], &[7, 0]).unwrap();
        counter.add_population(&[1]);
        counter.add_population(&[3]);
        let tuples = counter.finish();
        let entries = narrow(&tuples);
        assert_eq!((&entries.counts[..], &entries.population[..]), (&[2, 1, 0, 0][..], &[0, 0, 1, 1][..]));
        assert_eq!(tuples.combinations, [Box::from([7, 0]), Box::from([7, 1])]);
        assert_eq!(tuples.rows(), 3);
    }

    #[test]
    fn many_tuples_are_all_found_again() {
        let mut counter = Counter::new(&[1 << 20], 0).unwrap();
        for _ in 0..2 {
            for code in 0..50_000 {
                counter.add(&[code * 17], &[]).unwrap();
            }
        }
        let tuples = counter.finish();
        assert_eq!(tuples.distinct(), 50_000);
        assert!(narrow(&tuples).counts.iter().all(|count| *count == 2));
    }
}
