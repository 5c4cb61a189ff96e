//! How many persons of a population are unique, and how well they can be matched, from the class sizes of a sample of it.
//!
//! A [`Sample`] is a histogram of class sizes and the size of the population; [`population_risk`] gives what an attacker who knows the population can
//! expect. The table itself is not needed, and the cost grows with the number of distinct class sizes.
//!
//! ```
//! use std::collections::BTreeMap;
//! use medveil_deid::risk::{Method, Population, Sample, population_risk};
//!
//! // 60 classes of one record, 21 of two, ...; the records are a tenth of the population.
//! let sizes = BTreeMap::from([(1, 60), (2, 21), (3, 9), (5, 4), (12, 2), (40, 1)]);
//! let risk = population_risk(&Sample::new(&sizes, Population::Fraction(0.1))?);
//! assert_eq!(risk.uniques.method, Method::Pitman);
//! assert!(risk.uniques.share.value < 60.0 / 213.0);
//! # Ok::<(), medveil_deid::risk::SampleError>(())
//! ```
//!
//! # What is shown and what is assumed
//! | figure | holds if |
//! |---|---|
//! | [`ceiling`](PopulationRisk::ceiling) of uniques | the records are a simple random sample of the persons; no model |
//! | [`uniques`](PopulationRisk::uniques), [`matches`](PopulationRisk::matches) | also the population is like the model that is named |
//! | their intervals | the same; they say how far chance in the sample moves the estimate, **not how wrong the model is** |
//!
//! A method that finds no solution says so by a named [`Failure`]; it is never replaced in silence: [`Uniqueness::method`] names the one that the figure
//! comes from, and [`PopulationRisk::methods`] all outcomes.

//!
//! # How far off
//! Means over samples from populations whose uniques are known, as estimate / truth (the tests print them):
//!
//! | population | fraction | uniques by the rule | right matches |
//! |---|---|---|---|
//! | UCI Adult, three sets of columns, 7 to 46 % unique | 0.03 | 0.65 to 0.97 | 0.78 to 0.98 |
//! | the same | 0.1 | 0.81 to 0.98 | 0.92 to 0.99 |
//! | the same | 0.3 and more | 0.99 to 1.03 | 0.98 to 1.00 |
//! | Pitman's process | 0.01 to 0.1 | 1.0 to 1.2 | 1.0 |
//! | independent attributes, 33 and 88 % unique | 0.02 to 0.1 | 0.9 to 1.5 | 1.0 to 1.2 |
//! | lognormal class sizes | 0.02 to 0.1 | 1.9 to 2.9 | 1.2 to 1.5 |
//!
//! Errors go both ways: below a tenth of the population an estimate is an order of magnitude, and the ceiling is what is certain.

use serde::Serialize;

use crate::assess::Estimate;

mod ceiling;
mod matches;
mod pitman;
mod sample;
mod snb;
mod special;
mod uniqueness;
mod zayatz;

pub use matches::Matches;
pub use sample::{Population, Sample, SampleError};
pub use uniqueness::{Method, Uniqueness, uniqueness};

/// Why a method gives no figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The likelihood has no maximum for parameters inside their range.
    #[error("the likelihood has no maximum inside the range of the parameters")]
    NoMaximum,
    /// The search ended elsewhere than at a solution.
    #[error("the search did not converge")]
    NotConverged,
    /// The equations have no solution.
    #[error("the equations have no solution")]
    NoSolution,
    /// The equations have several solutions.
    #[error("the equations have several solutions")]
    Ambiguous,
    /// There are no classes of two records, on which the method rests.
    #[error("there are no classes of two records")]
    NoPairs,
    /// The table is not the whole population.
    #[error("the table is not the whole population")]
    NotCounted,
}

/// What an attacker who knows the population can expect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PopulationRisk {
    /// Persons of the population.
    pub population: u64,
    /// The share of them that are in the table.
    pub sampling_fraction: f64,
    /// Persons who are alone in their class in the population, by the rule of Dankar et al.
    pub uniques: Uniqueness,
    /// The most population uniques, with 95 % confidence, whatever the population is like, as a share of it.
    pub ceiling: f64,
    /// What each method gives.
    pub methods: Vec<Outcome>,
    /// What matching the table's records with the population gives.
    pub matches: Matches,
}

/// What a method gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The method.
    pub method: Method,
    /// The share of the population that is unique; none where the method fails.
    pub share: Option<Estimate>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// What the class sizes of a sample say about the population.
pub fn population_risk(sample: &Sample) -> PopulationRisk {
    let pitman = pitman::Pitman::fit(sample);
    let estimates = uniqueness::Estimates::of(sample, &pitman, true);
    PopulationRisk {
        population: sample.population(),
        sampling_fraction: sample.fraction(),
        uniques: estimates.decide(sample),
        ceiling: ceiling::most_uniques(sample) / sample.population,
        methods: estimates.outcomes(),
        matches: matches::estimate(sample, pitman.ok().as_ref()),
    }
}

/// The 97.5th percentile of the standard normal distribution.
const NORMAL_95: f64 = 1.959_963_984_540_054;

#[cfg(test)]
mod simulate;
#[cfg(test)]
mod tests;
