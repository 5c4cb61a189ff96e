//! The methods side by side, and the rule that chooses.
//!
//! No method is best everywhere. Dankar et al. drew 1000 samples each from six clinical data sets and found that this choice errs least:
//!
//! | sampling fraction | figure |
//! |---|---|
//! | at most 0.1 | Pitman; Zayatz where Pitman has none |
//! | above 0.1 | the smaller of Zayatz and SNB; Zayatz where SNB has none |
//!
//! *Source*: F. Dankar, K. El Emam, A. Neisa, T. Roffey, *Estimating the re-identification risk of clinical data sets*, BMC Medical Informatics and Decision
//! Making 12:66, 2012; ARX applies the same rule. *Guarantee*: none; the rule is empirical. A whole population that was read is counted, not estimated.
//! Where no record is alone in its class every method says that there are no uniques, as ARX does; what that leaves open is the
//! upper end of the interval.

use serde::Serialize;

use super::pitman::Pitman;
use super::sample::Sample;
use super::{Failure, NORMAL_95, Outcome, ceiling, snb, zayatz};
use crate::assess::Estimate;

/// Where a figure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The whole population was read.
    Counted,
    /// Pitman's sampling formula (Hoshino 2001).
    Pitman,
    /// Equivalence classes (Zayatz 1991).
    Zayatz,
    /// The slide negative binomial distribution (Chen and Keller-McNulty 1998).
    Snb,
}

impl Method {
    /// The name for people, the same in every language.
    pub fn title(self) -> &'static str {
        match self {
            Method::Counted => "census",
            Method::Pitman => "Pitman",
            Method::Zayatz => "Zayatz",
            Method::Snb => "SNB",
        }
    }
}

/// Persons who are alone in their class in the population.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Uniqueness {
    /// The method that the rule chose.
    pub method: Method,
    /// How many.
    pub count: Estimate,
    /// As a share of the population.
    pub share: Estimate,
}

/// Persons who are alone in their class in the population: by one method, or by the rule where none is named. Only what is needed is computed, so
/// that many tables can be compared.
///
/// # Errors
/// The method has no figure. The rule always has one.
pub fn uniqueness(sample: &Sample, method: Option<Method>) -> Result<Uniqueness, Failure> {
    let Some(method) = method else {
        let small = sample.fraction() <= SMALL;
        let pitman = if small { Pitman::fit(sample) } else { Err(Failure::NoMaximum) };
        return Ok(Estimates::of(sample, &pitman, !small).decide(sample));
    };
    let pitman = if method == Method::Pitman { Pitman::fit(sample) } else { Err(Failure::NoMaximum) };
    let estimates = Estimates::of(sample, &pitman, method == Method::Snb);
    let (value, error) = match method {
        Method::Counted if sample.fraction() >= 1.0 => return Ok(estimates.decide(sample)),
        Method::Counted => return Err(Failure::NotCounted),
        Method::Pitman => estimates.pitman?,
        Method::Zayatz => estimates.zayatz?,
        Method::Snb => estimates.snb?,
    };
    let count = estimates.interval(value, error);
    Ok(Uniqueness { method, count, share: estimates.share(count) })
}

/// A number of uniques with the standard error of its logarithm, or why there is none.
type Found = Result<(f64, f64), Failure>;

/// What each method gives.
pub(super) struct Estimates {
    population: f64,
    most: f64,
    pitman: Found,
    zayatz: Found,
    snb: Found,
}

impl Estimates {
    /// With `snb` only where that is wanted, since it takes longest.
    pub(super) fn of(sample: &Sample, pitman: &Result<Pitman, Failure>, snb: bool) -> Estimates {
        let none = sample.of_size(1) == 0.0;
        let pitman = match pitman {
            _ if none => Ok((0.0, 0.0)),
            Ok(fit) => Ok((fit.uniques(sample.population), fit.error(sample.population))),
            Err(failure) => Err(*failure),
        };
        Estimates {
            population: sample.population,
            most: ceiling::most_uniques(sample),
            pitman,
            zayatz: Ok(zayatz::estimate(sample)),
            snb: if snb { snb::estimate(sample) } else { Err(Failure::NoSolution) },
        }
    }

    /// The figure of the rule.
    pub(super) fn decide(&self, sample: &Sample) -> Uniqueness {
        let (method, (value, error)) = self.choose(sample);
        if method == Method::Counted && sample.weight == 1.0 {
            let share = value / self.population;
            return Uniqueness { method, count: Estimate::exact(value), share: Estimate::exact(share) };
        }
        let count = self.interval(value, error);
        Uniqueness { method, count, share: self.share(count) }
    }

    fn choose(&self, sample: &Sample) -> (Method, (f64, f64)) {
        let zayatz = (Method::Zayatz, self.zayatz.unwrap_or_default());
        let fraction = sample.fraction();
        if fraction >= 1.0 {
            let error = zayatz.1.1;
            return (Method::Counted, (sample.of_size(1), error));
        }
        if fraction <= SMALL {
            return self.pitman.map_or(zayatz, |found| (Method::Pitman, found));
        }
        match self.snb {
            Ok(found) if found.0 <= zayatz.1.0 => (Method::Snb, found),
            _ => zayatz,
        }
    }

    /// What each method gives, in the order of their sources.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        [(Method::Pitman, self.pitman), (Method::Zayatz, self.zayatz), (Method::Snb, self.snb)]
            .into_iter()
            .map(|(method, found)| Outcome {
                method,
                share: found.ok().map(|(value, error)| self.share(self.interval(value, error))),
                failure: found.err(),
            })
            .collect()
    }

    /// The normal interval of the logarithm. It ends at what no population exceeds, unless the estimate itself lies beyond.
    fn interval(&self, value: f64, error: f64) -> Estimate {
        if value == 0.0 {
            return Estimate { value, low: Some(0.0), high: Some(self.most) };
        }
        let spread = (NORMAL_95 * error).exp();
        let high = (value * spread).min(self.most.max(value)).min(self.population);
        Estimate { value: value.min(self.population), low: Some(value / spread), high: Some(high) }
    }

    fn share(&self, count: Estimate) -> Estimate {
        let part = |x: f64| x / self.population;
        Estimate { value: part(count.value), low: count.low.map(part), high: count.high.map(part) }
    }
}

/// The sampling fraction up to which the rule takes Pitman's formula.
const SMALL: f64 = 0.1;
