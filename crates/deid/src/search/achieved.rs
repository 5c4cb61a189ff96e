//! What a transformation achieves by each model, and which model suppressed how many records.

use super::check::{Checker, Scratch};
use super::criteria::Class;
use super::key::Key;
use super::problem::Problem;
use super::tuples::Entries;
use crate::assess::cell_size;
use crate::model::{Model, ModelKind, SensitiveCriterion, TableCriterion};
use crate::search::criteria::Verdict;

/// The figure of the worst kept class (or of the table), and the records in classes that violate a model.
type Figure = (Option<f64>, u64);

impl Checker<'_> {
    /// The figures of a model on a node that was just checked with `scratch`.
    pub(crate) fn achieved<K: Key>(
        &self,
        model: &Model,
        problem: &Problem,
        table: &Entries<K>,
        scratch: &mut Scratch,
        class_sizes: &[(u64, u64)],
    ) -> Figure {
        match &model.kind {
            ModelKind::K(k) => self.sizes(table, scratch, |class| class.records as f64, *k as f64),
            ModelKind::MaxRisk(risk) => {
                let k = cell_size(*risk) as f64;
                let (smallest, violating) = self.sizes(table, scratch, |class| class.records as f64, k);
                (smallest.map(|smallest| 1.0 / smallest), violating)
            }
            ModelKind::KMap(k) => self.sizes(table, scratch, |class| class.persons as f64, *k as f64),
            ModelKind::DeltaPresence(presence) => {
                let (mut worst, mut violating) = (None, 0);
                self.for_each_class(table, scratch, |_, class, verdict| {
                    let share = presence.figure(class.records, class.persons);
                    if verdict == Verdict::Kept {
                        worst = Some(f64::max(worst.unwrap_or(0.0), share));
                    }
                    if !presence.holds(class.records, class.persons) {
                        violating += class.records;
                    }
                });
                (worst, violating)
            }
            ModelKind::AverageRisk(model) => (model.figure(class_sizes), 0),
            _ => self
                .criteria
                .sensitive
                .iter()
                .filter(|prepared| {
                    prepared.model == *model
                        && model
                            .attribute
                            .as_ref()
                            .is_none_or(|name| problem.sensitive[prepared.attribute].name == *name)
                })
                .map(|prepared| self.sensitive(prepared.attribute, &*prepared.criterion, table, scratch))
                .reduce(|a, b| worse(&a, &b, model))
                .unwrap_or((None, 0)),
        }
    }

    fn sizes<K: Key>(
        &self,
        table: &Entries<K>,
        scratch: &Scratch,
        size: impl Fn(&Class<'_>) -> f64,
        least: f64,
    ) -> Figure {
        let (mut smallest, mut violating) = (None, 0);
        self.for_each_class(table, scratch, |_, class, verdict| {
            if class.records == 0 {
                return;
            }
            let size = size(class);
            if verdict == Verdict::Kept {
                smallest = Some(f64::min(smallest.unwrap_or(f64::INFINITY), size));
            }
            if size < least {
                violating += class.records;
            }
        });
        (smallest, violating)
    }

    fn sensitive<K: Key>(
        &self,
        attribute: usize,
        criterion: &dyn SensitiveCriterion,
        table: &Entries<K>,
        scratch: &mut Scratch,
    ) -> Figure {
        let mut histograms = std::mem::take(&mut scratch.histograms);
        let (mut worst, mut violating): (Option<f64>, u64) = (None, 0);
        self.for_each_class(table, scratch, |_, class, verdict| {
            if class.records == 0 {
                return;
            }
            let figure = criterion.figure(&self.criteria.histogram(attribute, class, &mut histograms));
            if verdict == Verdict::Kept {
                worst = Some(match worst {
                    None => figure,
                    Some(worst) if criterion.larger_is_worse() => worst.max(figure),
                    Some(worst) => worst.min(figure),
                });
            }
            if !criterion.satisfied(figure) {
                violating += class.records;
            }
        });
        scratch.histograms = histograms;
        (worst, violating)
    }
}

/// Of two sensitive attributes the one that is worse off.
fn worse(a: &Figure, b: &Figure, model: &Model) -> Figure {
    let smaller_is_worse = matches!(model.kind, ModelKind::DistinctL(_) | ModelKind::EntropyL(_));
    let figure = match (a.0, b.0) {
        (Some(a), Some(b)) if smaller_is_worse => Some(a.min(b)),
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    };
    (figure, a.1.max(b.1))
}
