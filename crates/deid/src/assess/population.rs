//! The table as a sample of a population: of which only the size is known, or which is given as a table of its own.
//!
//! Of a known size the risk is [estimated](crate::risk). With a population table it is counted: the same quasi-identifiers are tallied there, and each
//! class of the table has as many persons as the population has records that agree on them. Its smallest class in the population is the `k` of
//! *k-map* (Sweeney, *k-anonymity: a model for protecting privacy*, 2002, section 2), and the journalist's and marketer's risk are exact.
//! Values are compared as they are written: a table whose ages are ranges is held against a population whose ages are the same ranges.

use serde::Serialize;

use super::Assessment;
use super::classes::{Classes, Estimate};
use super::tally::{Tally, under};
use crate::risk::{Population, PopulationRisk, Sample, SampleError, population_risk};

/// What is known of the population behind a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum InPopulation {
    /// Its size: everything else is estimated. [`Risk::journalist`](super::Risk::journalist) and [`Risk::marketer`](super::Risk::marketer) still take the table for its own population.
    Size(PopulationRisk),
    /// A table of it: [`Risk::journalist`](super::Risk::journalist) and [`Risk::marketer`](super::Risk::marketer) are counted in it.
    Table(Census),
}

/// What was counted in the population.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Census {
    /// Records of the population table.
    pub population: u64,
    /// The share of them that the table has.
    pub sampling_fraction: f64,
    /// Persons in the smallest of the table's classes: the table satisfies k-map for this `k`. Where classes were sampled: of those in the sample.
    pub k_map: u64,
    /// The share of the table's records whose person is alone in its class in the population.
    pub unique_records: Estimate,
    /// The share of the population that is unique.
    pub uniques: Estimate,
    /// The share of records in classes of which the population has fewer persons than the table has records. Above 0 the table is no part of
    /// this population, or is written otherwise; such classes count as large as they are in the table.
    pub beyond: Estimate,
}

/// The classes themselves, to be found again in a population. Fingerprints can be guessed, so they are never shown.
#[derive(Clone, PartialEq)]
pub(crate) struct Counted(Tally);

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counted(..)")
    }
}

impl Counted {
    pub(super) fn new(tally: Tally) -> Counted {
        Counted(tally)
    }

    pub(super) fn cleared(&self) -> Tally {
        self.0.cleared()
    }
}

impl Assessment {
    /// Estimates the risk in a population of which the size is known. Without quasi-identifiers or records nothing changes.
    ///
    /// # Errors
    /// The population is smaller than the table, or the fraction is none.
    pub fn estimate_population(&mut self, population: Population) -> Result<(), SampleError> {
        let Some(risk) = &mut self.before else { return Ok(()) };
        let persons = population.size(risk.records)?;
        let sample = Sample::weighted(&risk.sizes.by_size(), risk.sampling.recip(), risk.records, persons)?;
        risk.population = Some(Box::new(InPopulation::Size(population_risk(&sample))));
        Ok(())
    }

    /// Counts the table's classes in its [population](super::Assessor::of_population), which was tallied by the same quasi-identifiers. Without
    /// quasi-identifiers or records nothing changes.
    ///
    /// # Errors
    /// The population has fewer records than the table, or none of the table's classes was followed in it.
    pub fn count_in(&mut self, population: &Assessment) -> Result<(), SampleError> {
        let Some(risk) = &mut self.before else { return Ok(()) };
        let records = risk.records;
        let (Some(own), Some(all)) = (&risk.counted, population.before.as_ref()) else {
            return Err(SampleError::SmallerThanSample { population: 0, records });
        };
        let persons = Population::Size(all.records).size(records)?;
        let Some(Counted(all_counts)) = &all.counted else { return Err(SampleError::Empty) };
        let pairs = join(&own.0, all_counts);
        let level = own.0.level().max(all_counts.level());
        let Some(classes) = Classes::in_population(&pairs, level, records) else {
            return Err(SampleError::Empty);
        };
        // Told apart as if the population had one person more than records where it has enough.
        let covered: Vec<(u64, u64)> =
            pairs.iter().map(|(size, persons)| (*size, size + u64::from(persons >= size))).collect();
        let beyond = Classes::in_population(&covered, level, records)
            .map_or(Estimate::exact(0.0), |classes| classes.share_where(|size, persons| persons == size));
        let census = Census {
            population: persons,
            sampling_fraction: records as f64 / persons as f64,
            k_map: classes.smallest_in_population(),
            unique_records: classes.share_where(|_, persons| persons == 1),
            uniques: all.uniques,
            beyond,
        };
        risk.journalist = classes.journalist();
        risk.marketer = classes.marketer();
        risk.population = Some(Box::new(InPopulation::Table(census)));
        Ok(())
    }
}

/// For each class of the table, its records and the records of the population; both tallies keep the same classes up to the coarser of their levels.
fn join(own: &Tally, all: &Tally) -> Vec<(u64, u64)> {
    let level = own.level().max(all.level());
    let mut pairs: Vec<(u64, u64)> = own
        .iter()
        .filter(|(class, _)| under(*class, level))
        .map(|(class, records)| (records, all.get(class)))
        .collect();
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::assess::{Assessor, Part, Spec};

    fn tally(rows: &[(&str, &str)], max_classes: usize, of: Option<&Assessment>) -> Assessment {
        let columns = vec![("sex".to_owned(), None), ("age".to_owned(), None)];
        let spec = Spec::as_it_stands(columns, vec![0, 1], vec![], max_classes);
        let mut part = Part::new(&spec);
        for (i, row) in rows.iter().enumerate() {
            let cell = |c: usize| if c == 0 { row.0 } else { row.1 };
            part.row(i as u64, cell, Some(cell));
        }
        let mut assessor = match of {
            Some(table) => Assessor::of_population(spec, table),
            None => Assessor::new(spec),
        };
        assessor.absorb(part);
        assessor.finish_counted()
    }

    fn table(rows: &[(&str, &str)], max_classes: usize) -> Assessment {
        tally(rows, max_classes, None)
    }

    #[test]
    fn k_map_is_the_smallest_class_in_the_population() {
        let mut own = table(&[("f", "30"), ("f", "40"), ("f", "40"), ("m", "50")], 100);
        let population: Vec<(&str, &str)> = [("f", "30", 10), ("f", "40", 5), ("m", "50", 4), ("m", "99", 1)]
            .iter()
            .flat_map(|(sex, age, n)| vec![(*sex, *age); *n])
            .collect();
        own.count_in(&table(&population, 100)).unwrap();
        let risk = own.before.unwrap();
        let Some(InPopulation::Table(census)) = risk.population.as_deref() else { panic!("a census") };
        assert_eq!((census.k_map, census.population, census.sampling_fraction), (4, 20, 0.2));
        assert_eq!(census.unique_records, Estimate::exact(0.0));
        assert_eq!((census.uniques, census.beyond), (Estimate::exact(0.05), Estimate::exact(0.0)));
        assert_eq!((risk.journalist.maximum, risk.prosecutor.maximum), (0.25, 1.0));
        // (1/10 + 2/5 + 1/4) / 4
        assert!((risk.marketer.value - 0.1875).abs() < 1e-12);
    }

    #[test]
    fn what_the_population_lacks_is_said() {
        let mut own = table(&[("f", "30"), ("f", "40"), ("f", "40"), ("m", "50")], 100);
        own.count_in(&table(&[("f", "30"), ("f", "40"), ("m", "51"), ("m", "50")], 100)).unwrap();
        let risk = own.before.unwrap();
        let Some(InPopulation::Table(census)) = risk.population.as_deref() else { panic!("a census") };
        assert_eq!((census.beyond, census.unique_records), (Estimate::exact(0.5), Estimate::exact(0.5)));
        let mut own = table(&[("f", "30"), ("f", "40")], 100);
        let smaller = SampleError::SmallerThanSample { population: 1, records: 2 };
        assert_eq!(own.count_in(&table(&[("f", "30")], 100)), Err(smaller));
    }

    #[test]
    fn a_known_size_gives_estimates_and_a_wrong_one_an_error() {
        let ages: Vec<String> = (0..200).map(|i: u32| (i * i % 90).to_string()).collect();
        let rows: Vec<(&str, &str)> = ages.iter().map(|age| ("f", age.as_str())).collect();
        let mut own = table(&rows, 1000);
        own.estimate_population(Population::Fraction(0.1)).unwrap();
        let Some(InPopulation::Size(risk)) = own.before.as_ref().unwrap().population.as_deref() else {
            panic!("an estimate")
        };
        assert_eq!((risk.population, risk.sampling_fraction), (2000, 0.1));
        let smaller = SampleError::SmallerThanSample { population: 7, records: 200 };
        assert_eq!(own.estimate_population(Population::Size(7)), Err(smaller));
    }

    #[test]
    fn fingerprints_of_classes_are_not_shown() {
        let own = table(&[("f", "30"), ("f", "40")], 100);
        let shown = format!("{own:?}") + &serde_json::to_string(&own).unwrap();
        assert!(shown.contains("Counted(..)"));
        let counted = own.before.unwrap().counted.unwrap();
        for (class, _) in counted.0.iter() {
            assert!(!shown.contains(&class.to_string()));
        }
    }

    proptest! {
        /// However few classes of the population are followed, those of the table are: its figures are exact.
        #[test]
        fn classes_of_the_table_are_counted_in_any_population(
            own in prop::collection::vec(0_u32..60, 1..120),
            more in prop::collection::vec(0_u32..90, 0..300),
            // Fewer would leave none now and then, which the cap of a run never does.
            cap in 40_usize..80,
        ) {
            let text = |values: &[u32]| values.iter().map(u32::to_string).collect::<Vec<_>>();
            let (own_text, all_text) = (text(&own), text(&[own.clone(), more].concat()));
            let rows = |text: &[String]| text.iter().map(|value| ("f".to_owned(), value.clone())).collect::<Vec<_>>();
            let (own_rows, all_rows) = (rows(&own_text), rows(&all_text));
            let view = |rows: &[(String, String)], cap: usize, of: Option<&Assessment>| {
                let rows: Vec<(&str, &str)> = rows.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
                tally(&rows, cap, of)
            };
            let count = |value: &str| all_text.iter().filter(|other| *other == value).count();
            let matches: f64 = own_text.iter().map(|value| 1.0 / count(value) as f64).sum();
            let smallest = own_text.iter().map(|value| count(value)).min().unwrap();
            let mut exact = view(&own_rows, 1000, None);
            let before = exact.before.clone().unwrap();
            let population = view(&all_rows, cap, Some(&exact));
            // Of very few classes chance may follow none, which is an error of its own.
            prop_assume!(population.before.is_some());
            exact.count_in(&population).unwrap();
            let risk = exact.before.unwrap();
            prop_assert!((risk.marketer.value - matches / own.len() as f64).abs() < 1e-9);
            prop_assert_eq!(risk.journalist.maximum, 1.0 / smallest as f64);
            // Nothing else changes.
            prop_assert_eq!((risk.prosecutor, risk.classes), (before.prosecutor, before.classes));
        }
    }
}
