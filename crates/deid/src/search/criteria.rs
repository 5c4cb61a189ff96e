//! The models of a search, prepared for its table.

use super::problem::{Problem, ProblemError, Sensitive};
use super::tuples::{Entries, Store};
use crate::assess::cell_size;
use crate::model::{DeltaPresence, Histogram, Model, ModelKind, SensitiveCriterion, TableCriterion};

/// What classes must satisfy.
#[derive(Debug)]
pub(crate) struct Criteria {
    /// Records that a class must have.
    pub(crate) k: u64,
    /// Persons of the population that a class must have.
    pub(crate) k_map: u64,
    /// Bounds on the share of a class's population that is in the table.
    pub(crate) presence: Vec<DeltaPresence>,
    /// By sensitive attribute.
    pub(crate) sensitive: Vec<SensitiveModel>,
    /// On all kept classes together.
    pub(crate) table: Vec<Box<dyn TableCriterion>>,
    /// How often each sensitive value occurs in the table.
    pub(crate) distributions: Vec<Vec<u64>>,
    pub(crate) records: u64,
    /// Records that may be suppressed.
    pub(crate) allowed: u64,
}

/// Stands for the records to suppress where suppressing all of them does not help.
pub(crate) const NOT_MENDABLE: u64 = u64::MAX;

/// A model of one sensitive attribute.
#[derive(Debug)]
pub(crate) struct SensitiveModel {
    pub(crate) model: Model,
    pub(crate) attribute: usize,
    pub(crate) criterion: Box<dyn SensitiveCriterion>,
}

/// What becomes of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may be released.
    Kept,
    /// It violates a row-monotone model: its records are suppressed here and at every finer node.
    Small,
    /// It violates another model.
    Revealing,
}

/// A class, as criteria see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Class<'a> {
    pub(crate) records: u64,
    pub(crate) persons: u64,
    /// Its records by the number of their sensitive combination.
    pub(crate) members: &'a [(u32, u32)],
    pub(crate) combinations: &'a [Box<[u32]>],
}

/// Memory for histograms, used again for each class.
#[derive(Debug, Default)]
pub(crate) struct HistogramScratch {
    places: Vec<u32>,
    histogram: Vec<(u32, u32)>,
}

impl Criteria {
    pub(crate) fn new(problem: &Problem, suppression: f64) -> Result<Criteria, ProblemError> {
        let records = problem.tuples.rows();
        let mut criteria = Criteria {
            k: 1,
            k_map: 0,
            presence: Vec::new(),
            sensitive: Vec::new(),
            table: Vec::new(),
            distributions: distributions(problem),
            records,
            allowed: allowed(suppression, records)?,
        };
        if problem.models.is_empty() {
            return Err(ProblemError::NoModels);
        }
        for model in &problem.models {
            criteria.add(model, problem)?;
        }
        Ok(criteria)
    }

    fn add(&mut self, model: &Model, problem: &Problem) -> Result<(), ProblemError> {
        if model.needs_population_table() && !problem.tuples.has_population {
            return Err(ProblemError::NoPopulation { model: model.to_string() });
        }
        match &model.kind {
            ModelKind::K(k) => self.ask_k(*k, model)?,
            ModelKind::MaxRisk(risk) => self.ask_k(cell_size(*risk), model)?,
            ModelKind::KMap(k) => self.k_map = self.k_map.max(*k),
            ModelKind::DeltaPresence(presence) => self.presence.push(*presence),
            ModelKind::AverageRisk(model) => self.table.push(Box::new(*model)),
            ModelKind::PopulationUniques(model) => self.table.push(Box::new(*model)),
            _ => {
                for (attribute, sensitive) in targets(model, problem)? {
                    let criterion = prepare(model, sensitive)?;
                    self.sensitive.push(SensitiveModel { model: model.clone(), attribute, criterion });
                }
            }
        }
        Ok(())
    }

    fn ask_k(&mut self, k: u64, model: &Model) -> Result<(), ProblemError> {
        if k > self.records {
            return Err(ProblemError::ClassLargerThanTable {
                model: model.to_string(),
                k,
                records: self.records,
            });
        }
        self.k = self.k.max(k);
        Ok(())
    }

    /// Whether no finer node is a solution either, given how many records violate a model at a node and how many a row-monotone one. Where nothing may be
    /// suppressed, a violation is inherited if classes that satisfy the models satisfy them together. One that no suppression [mends](NOT_MENDABLE) is always inherited: some
    /// part of a class that nobody of the table is in is no better.
    pub(crate) fn excludes_finer(&self, suppressed: u64, small: u64) -> bool {
        let inherited = || self.table.is_empty() && self.sensitive.iter().all(|m| m.criterion.holds_for_unions());
        small > self.allowed
            || suppressed == NOT_MENDABLE
            || (self.allowed == 0 && suppressed > 0 && inherited())
    }

    /// How many of the kept classes, whose sizes ascend, must go for every model on the whole table to hold. As ARX does, by bisection: where a
    /// model is not monotone in the number of classes that go, some number that satisfies it is found.
    pub(crate) fn smallest_to_suppress(&self, sizes: &[u64]) -> usize {
        let holds = |from: usize| {
            let grouped: Vec<(u64, u64)> =
                sizes[from..].chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u64)).collect();
            self.table.iter().all(|criterion| criterion.holds(&grouped))
        };
        if holds(0) {
            return 0;
        }
        let (mut violates, mut satisfies) = (0, sizes.len());
        while satisfies - violates > 1 {
            let middle = violates + (satisfies - violates) / 2;
            if holds(middle) { satisfies = middle } else { violates = middle }
        }
        satisfies
    }

    /// What becomes of a class with these members.
    pub(crate) fn judge(&self, class: &Class<'_>, scratch: &mut HistogramScratch) -> Verdict {
        if class.records < self.k || class.persons < self.k_map {
            return Verdict::Small;
        }
        let mut verdict = Verdict::Kept;
        for model in &self.sensitive {
            if model.criterion.holds(&self.histogram(model.attribute, class, scratch)) {
                continue;
            }
            if model.criterion.row_monotone() {
                return Verdict::Small;
            }
            verdict = Verdict::Revealing;
        }
        if !self.presence.iter().all(|presence| presence.holds(class.records, class.persons)) {
            verdict = Verdict::Revealing;
        }
        verdict
    }

    /// How often each value of a sensitive attribute occurs in a class.
    pub(crate) fn histogram<'a>(
        &'a self,
        attribute: usize,
        class: &Class<'_>,
        scratch: &'a mut HistogramScratch,
    ) -> Histogram<'a> {
        let table = &self.distributions[attribute];
        Histogram {
            class: scratch.count(attribute, class, table.len()),
            records: class.records,
            table,
            table_records: self.records,
        }
    }
}

impl HistogramScratch {
    fn count(&mut self, attribute: usize, class: &Class<'_>, values: usize) -> &[(u32, u32)] {
        if self.places.len() < values {
            self.places.resize(values, 0);
        }
        self.histogram.clear();
        for (combination, n) in class.members.iter().filter(|(_, n)| *n > 0) {
            let code = class.combinations[*combination as usize][attribute];
            // INVARIANT: between calls every place is 0; otherwise it is the code's position in the histogram + 1.
            match self.places[code as usize] {
                0 => {
                    self.histogram.push((code, *n));
                    self.places[code as usize] = self.histogram.len() as u32;
                }
                place => self.histogram[place as usize - 1].1 += n,
            }
        }
        for (code, _) in &self.histogram {
            self.places[*code as usize] = 0;
        }
        self.histogram.sort_unstable();
        &self.histogram
    }
}

/// At most the share of the records, rounded down.
fn allowed(share: f64, records: u64) -> Result<u64, ProblemError> {
    if !(0.0..=1.0).contains(&share) {
        return Err(ProblemError::Suppression);
    }
    Ok((share * records as f64).floor() as u64)
}

/// The sensitive attributes that a model is about.
fn targets<'a>(model: &Model, problem: &'a Problem) -> Result<Vec<(usize, &'a Sensitive)>, ProblemError> {
    let all: Vec<(usize, &Sensitive)> = problem.sensitive.iter().enumerate().collect();
    match &model.attribute {
        None if all.is_empty() => Err(ProblemError::NoSensitive { model: model.to_string() }),
        None => Ok(all),
        Some(name) => {
            let named: Vec<_> = all.into_iter().filter(|(_, sensitive)| sensitive.name == *name).collect();
            match named.is_empty() {
                true => {
                    Err(ProblemError::UnknownSensitive { model: model.to_string(), attribute: name.clone() })
                }
                false => Ok(named),
            }
        }
    }
}

fn prepare(model: &Model, sensitive: &Sensitive) -> Result<Box<dyn SensitiveCriterion>, ProblemError> {
    Ok(match &model.kind {
        ModelKind::DistinctL(model) => Box::new(*model),
        ModelKind::EntropyL(model) => Box::new(*model),
        ModelKind::RecursiveCl(model) => Box::new(*model),
        ModelKind::BetaLikeness(model) => Box::new(*model),
        ModelKind::DeltaDisclosure(model) => Box::new(*model),
        ModelKind::TCloseness(closeness) => match (closeness.distance(), &sensitive.hierarchy) {
            (crate::model::Distance::Hierarchical, None) => {
                return Err(ProblemError::NoHierarchy {
                    model: model.to_string(),
                    attribute: sensitive.name.clone(),
                });
            }
            (crate::model::Distance::Hierarchical, Some(hierarchy)) => {
                Box::new(closeness.clone().with_hierarchy(hierarchy))
            }
            _ => Box::new(closeness.clone()),
        },
        _ => unreachable!("models of class sizes are no models of a sensitive attribute"),
    })
}

fn distributions(problem: &Problem) -> Vec<Vec<u64>> {
    fn count<K>(entries: &Entries<K>, problem: &Problem) -> Vec<Vec<u64>> {
        let mut counts: Vec<Vec<u64>> =
            problem.sensitive.iter().map(|sensitive| vec![0; sensitive.values]).collect();
        for (combination, n) in entries.sensitive.iter().zip(&entries.counts).filter(|(_, n)| **n > 0) {
            for (counts, code) in counts.iter_mut().zip(&*problem.tuples.combinations[*combination as usize])
            {
                counts[*code as usize] += u64::from(*n);
            }
        }
        counts
    }
    match &problem.tuples.store {
        Store::Narrow(entries) => count(entries, problem),
        Store::Wide(entries) => count(entries, problem),
    }
}
