//! The class sizes of a sample, and the population that it was drawn from.

use std::collections::BTreeMap;

use serde::Serialize;

/// How many classes there are of each size in a sample, and how many persons the population has.
///
/// The estimators of this module take the records for a simple random sample of the persons: one record a person, every subset of persons equally
/// likely. Records of a single hospital, or several visits of a patient, are no such sample of a country; what is estimated then describes a
/// population that differs from the true one in the same way.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Ascending in size.
    pub(super) sizes: Vec<(u64, f64)>,
    /// Records.
    pub(super) n: f64,
    /// Persons.
    pub(super) population: f64,
    /// Classes.
    pub(super) classes: f64,
    /// How many classes each class that was seen stands for.
    pub(super) weight: f64,
}

/// Why figures are no sample of a population.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(rename_all = "kebab-case", tag = "error")]
pub enum SampleError {
    /// There is no record.
    #[error("the table has no records")]
    Empty,
    /// The population is smaller than the sample.
    #[error("the population has {population} persons, fewer than the {records} records of the table")]
    SmallerThanSample {
        /// Persons.
        population: u64,
        /// Records.
        records: u64,
    },
    /// The share of the population that the sample makes up is no number above 0 and at most 1.
    #[error("a sampling fraction is greater than 0 and at most 1")]
    Fraction,
}

/// What is known of the population.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Population {
    /// How many persons it has.
    Size(u64),
    /// The share of it that the records are; above 0, at most 1.
    Fraction(f64),
}

impl Population {
    /// Its size where the table has so many records.
    pub fn size(self, records: u64) -> Result<u64, SampleError> {
        let population = match self {
            Population::Size(population) => population,
            Population::Fraction(fraction) if fraction > 0.0 && fraction <= 1.0 => {
                (records as f64 / fraction).round() as u64
            }
            Population::Fraction(_) => return Err(SampleError::Fraction),
        };
        if records == 0 {
            Err(SampleError::Empty)
        } else if population < records {
            Err(SampleError::SmallerThanSample { population, records })
        } else {
            Ok(population)
        }
    }
}

impl Sample {
    /// Classes by size (size in records -> number of classes); sizes of 0 are ignored.
    pub fn new(sizes: &BTreeMap<u64, u64>, population: Population) -> Result<Sample, SampleError> {
        let records = sizes.iter().fold(0_u64, |sum, (size, n)| sum.saturating_add(size.saturating_mul(*n)));
        Sample::weighted(sizes, 1.0, records, population.size(records)?)
    }

    /// Classes of which one in `weight` was seen, so that each stands for so many, in a table of so many records.
    pub(crate) fn weighted(
        sizes: &BTreeMap<u64, u64>,
        weight: f64,
        records: u64,
        population: u64,
    ) -> Result<Sample, SampleError> {
        let seen = || sizes.iter().filter(|(size, classes)| **size > 0 && **classes > 0);
        let n: f64 = seen().map(|(size, classes)| *size as f64 * *classes as f64).sum();
        if n == 0.0 {
            return Err(SampleError::Empty);
        }
        // What a class stands for is scaled so that the records come to their number, which is known.
        let scale = records as f64 / n;
        let sizes: Vec<(u64, f64)> = seen().map(|(size, classes)| (*size, *classes as f64 * scale)).collect();
        let classes = sizes.iter().map(|(_, classes)| classes).sum();
        Ok(Sample { sizes, n: records as f64, population: population as f64, classes, weight })
    }

    /// The share of the population that is in the sample.
    pub fn fraction(&self) -> f64 {
        self.n / self.population
    }

    /// Persons of the population.
    pub fn population(&self) -> u64 {
        self.population as u64
    }

    /// Classes of that many records.
    pub(super) fn of_size(&self, size: u64) -> f64 {
        self.sizes.iter().find(|(s, _)| *s == size).map_or(0.0, |(_, classes)| *classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_population_is_at_least_as_large_as_its_sample() {
        let sizes = BTreeMap::from([(1, 3), (4, 2)]);
        let sample = Sample::new(&sizes, Population::Size(110)).unwrap();
        assert_eq!((sample.fraction(), sample.classes, sample.of_size(4)), (0.1, 5.0, 2.0));
        assert_eq!(Sample::new(&sizes, Population::Fraction(0.1)), Ok(sample));
        let smaller = SampleError::SmallerThanSample { population: 10, records: 11 };
        assert_eq!(Sample::new(&sizes, Population::Size(10)), Err(smaller));
        assert_eq!(Sample::new(&BTreeMap::new(), Population::Size(10)), Err(SampleError::Empty));
        for fraction in [0.0, -1.0, 1.01, f64::NAN, f64::INFINITY] {
            assert_eq!(Population::Fraction(fraction).size(11), Err(SampleError::Fraction));
        }
    }
}
