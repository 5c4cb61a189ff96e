//! Population uniqueness, estimated.

use std::collections::BTreeMap;
use std::fmt;

use super::TableCriterion;
use crate::risk::{Method, Population, Sample, population_risk};

/// The share of the population whose members are alone in their class there, estimated from the classes that are kept, is at most a limit. How it is estimated, and
/// what that assumes: [`crate::risk`]. Where no method gives a figure the model does not hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PopulationUniques {
    limit: f64,
    population: u64,
    /// The rule of Dankar et al. where none is named.
    method: Option<Method>,
}

impl PopulationUniques {
    /// Reads `limit,population` or `limit,population,method`.
    pub(super) fn read(text: &str) -> Option<PopulationUniques> {
        let mut words = text.split(',').map(str::trim);
        let limit = words.next()?.parse().ok().filter(|limit: &f64| (0.0..=1.0).contains(limit))?;
        let population = words.next()?.parse().ok().filter(|persons: &u64| *persons > 0)?;
        let method = match words.next() {
            None => None,
            Some(name) => Some(METHODS.into_iter().find(|method| word(*method) == name)?),
        };
        words.next().is_none().then_some(PopulationUniques { limit, population, method })
    }
}

const METHODS: [Method; 3] = [Method::Pitman, Method::Zayatz, Method::Snb];

fn word(method: Method) -> &'static str {
    match method {
        Method::Counted => "census",
        Method::Pitman => "pitman",
        Method::Zayatz => "zayatz",
        Method::Snb => "snb",
    }
}

impl TableCriterion for PopulationUniques {
    fn figure(&self, sizes: &[(u64, u64)]) -> Option<f64> {
        let sizes: BTreeMap<u64, u64> = sizes.iter().copied().collect();
        // A table without uniques is no sample with uniques either, whatever a model extrapolates.
        if !sizes.contains_key(&1) {
            return Some(0.0);
        }
        let sample = Sample::new(&sizes, Population::Size(self.population)).ok()?;
        let risk = population_risk(&sample);
        match self.method {
            None => Some(risk.uniques.share.value),
            Some(method) => {
                let outcome = risk.methods.iter().find(|outcome| outcome.method == method)?;
                outcome.share.map(|share| share.value)
            }
        }
    }

    fn limit(&self) -> f64 {
        self.limit
    }
}

impl fmt::Display for PopulationUniques {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.limit, self.population)?;
        self.method.map_or(Ok(()), |method| write!(f, ",{}", word(method)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_population_and_method_are_read_and_written() {
        for text in ["0.01,1000000", "0.05,20000,snb", "0,5,pitman", "1,7,zayatz"] {
            assert_eq!(PopulationUniques::read(text).unwrap().to_string(), text);
        }
        for text in ["0.01", "2,100", "0.1,0", "0.1,100,guess", "0.1,100,snb,more", ""] {
            assert_eq!(PopulationUniques::read(text), None, "{text}");
        }
    }

    #[test]
    fn uniques_of_a_small_sample_breach_a_small_limit_and_a_table_without_uniques_does_not() {
        let model = PopulationUniques::read("0.001,1000").unwrap();
        assert!(!model.holds(&[(1, 60), (2, 21), (3, 9), (5, 4)]));
        assert!(model.holds(&[(2, 21), (3, 9), (5, 4)]));
        // A population that is smaller than the table is none.
        assert!(!PopulationUniques::read("0.9,10").unwrap().holds(&[(1, 60), (2, 21)]));
    }
}
