//! What a search for the best generalisation found, as a page for whoever decides on it.

use super::html;
use crate::detect::Language;
use crate::metric::Metric;
use crate::search::{Achieved, Explanation, FrontierPoint, LocalOutcome, Outcome, Problem};
use crate::table::Recoded;

/// A search, its result and what was written.
pub struct SearchReport<'a> {
    /// The name of the table.
    pub table: &'a str,
    /// When the search ran, as text; the engine has no clock.
    pub time: &'a str,
    /// What was searched.
    pub problem: &'a Problem,
    /// A global recoding.
    pub outcome: Option<&'a Outcome>,
    /// A local recoding.
    pub local: Option<&'a LocalOutcome>,
    /// Why it won.
    pub explanation: Option<&'a Explanation>,
    /// What other requirements would cost.
    pub frontier: &'a [FrontierPoint],
    /// What was written.
    pub recoded: &'a Recoded,
}

impl SearchReport<'_> {
    /// One self-contained page in both languages, opening in `first`.
    pub fn to_html(&self, first: Language) -> String {
        html::search_page(self, first)
    }

    /// The score of what was written.
    pub(super) fn score(&self) -> Option<f64> {
        let global = self.outcome.and_then(|outcome| outcome.solution.as_ref());
        global.map(|solution| solution.candidate.score).or(self.local.map(|local| local.score))
    }

    /// What it achieves by each model.
    pub(super) fn models(&self) -> &[Achieved] {
        let global = self.outcome.and_then(|outcome| outcome.solution.as_ref());
        global
            .map(|solution| &*solution.models)
            .or(self.local.map(|local| &*local.models))
            .unwrap_or_default()
    }

    /// By quasi-identifier, what its column loses.
    pub(super) fn losses(&self) -> &[f64] {
        let global = self.outcome.and_then(|outcome| outcome.solution.as_ref());
        global
            .map(|solution| &*solution.losses)
            .or(self.local.map(|local| &*local.losses))
            .unwrap_or_default()
    }

    /// Kept classes by size.
    pub(super) fn class_sizes(&self) -> &[(u64, u64)] {
        let global = self.outcome.and_then(|outcome| outcome.solution.as_ref());
        let local = self.local.map(|local| &*local.class_sizes);
        global.map(|solution| &*solution.class_sizes).or(local).unwrap_or_default()
    }

    pub(super) fn metric(&self) -> Metric {
        self.problem.metric
    }
}
