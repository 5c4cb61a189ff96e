//! What a transformation achieves by each model, and which model its violations are of.

use serde::Serialize;

use super::check::Checker;
use super::criteria::{Class, HistogramScratch, Verdict};
use super::problem::Problem;
use crate::assess::cell_size;
use crate::model::{Model, ModelKind, SensitiveCriterion, TableCriterion};

/// A model and what a release achieves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Achieved {
    /// The model's name, after its sensitive attribute if one is named.
    pub name: String,
    /// What was asked.
    pub parameter: String,
    /// The figure of the worst class that is kept, or of the table; none if no class is kept.
    pub achieved: Option<f64>,
    /// Records of classes that violate it.
    pub violating_rows: u64,
}

/// Shows each class, with its verdict.
pub(crate) type Visit<'a> = dyn FnMut(&mut dyn FnMut(&Class<'_>, Verdict)) + 'a;

/// The figure of the worst kept class (or of the table), and the records in classes that violate a model.
type Figure = (Option<f64>, u64);

/// The figures of every model of a problem, in its order.
pub(crate) fn achieved_by_all(
    checker: &Checker<'_>,
    problem: &Problem,
    class_sizes: &[(u64, u64)],
    classes: &mut Visit<'_>,
) -> Vec<Achieved> {
    let of_model = |model: &Model| {
        let (achieved, violating_rows) = figure(checker, model, problem, class_sizes, classes);
        let attribute = model.attribute.as_ref().map_or_else(String::new, |name| format!("{name}:"));
        let name = format!("{attribute}{}", model.name());
        Achieved { name, parameter: model.parameter(), achieved, violating_rows }
    };
    problem.models.iter().map(of_model).collect()
}

fn figure(
    checker: &Checker<'_>,
    model: &Model,
    problem: &Problem,
    class_sizes: &[(u64, u64)],
    classes: &mut Visit<'_>,
) -> Figure {
    let records = |class: &Class<'_>| class.records as f64;
    match &model.kind {
        ModelKind::K(k) => smallest(classes, records, *k as f64),
        ModelKind::MaxRisk(risk) => {
            let (smallest, violating) = smallest(classes, records, cell_size(*risk) as f64);
            (smallest.map(|smallest| 1.0 / smallest), violating)
        }
        ModelKind::KMap(k) => smallest(classes, |class| class.persons as f64, *k as f64),
        ModelKind::DeltaPresence(presence) => {
            let (mut worst, mut violating) = (None, 0);
            classes(&mut |class, verdict| {
                if verdict == Verdict::Kept {
                    worst =
                        Some(f64::max(worst.unwrap_or(0.0), presence.figure(class.records, class.persons)));
                }
                if !presence.holds(class.records, class.persons) {
                    violating += class.records;
                }
            });
            (worst, violating)
        }
        ModelKind::AverageRisk(model) => (model.figure(class_sizes), 0),
        ModelKind::PopulationUniques(model) => (model.figure(class_sizes), 0),
        _ => {
            let about = |attribute: usize| {
                model.attribute.as_ref().is_none_or(|name| problem.sensitive[attribute].name == *name)
            };
            let prepared =
                checker.criteria.sensitive.iter().filter(|p| p.model == *model && about(p.attribute));
            prepared
                .map(|prepared| sensitive(checker, prepared.attribute, &*prepared.criterion, classes))
                .reduce(|a, b| worse(&a, &b, model))
                .unwrap_or((None, 0))
        }
    }
}

/// The smallest kept class by some size, and the records in classes below `least`.
fn smallest(classes: &mut Visit<'_>, size: impl Fn(&Class<'_>) -> f64, least: f64) -> Figure {
    let (mut smallest, mut violating) = (None, 0);
    classes(&mut |class, verdict| {
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

fn sensitive(
    checker: &Checker<'_>,
    attribute: usize,
    criterion: &dyn SensitiveCriterion,
    classes: &mut Visit<'_>,
) -> Figure {
    let mut histograms = HistogramScratch::default();
    let (mut worst, mut violating): (Option<f64>, u64) = (None, 0);
    classes(&mut |class, verdict| {
        if class.records == 0 {
            return;
        }
        let figure = criterion.figure(&checker.criteria.histogram(attribute, class, &mut histograms));
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
    (worst, violating)
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
