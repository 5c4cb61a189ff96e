//! Equivalence classes of records, and the three attacks on them.
//!
//! A class is the set of records that agree on every quasi-identifier. The risk of a record depends on the attacker:
//!
//! | attacker | knows | risk of a record |
//! |---|---|---|
//! | prosecutor | that the person is in the table | 1 / size of its class |
//! | journalist | a population of which the table is a sample | 1 / size of the class in the population |
//! | marketer | the same, and wants many matches rather than a certain one | the expected share of correct matches |
//!
//! El Emam, Dankar, *Protecting privacy using k-anonymity*, J Am Med Inform Assoc 15(5), 2008, 627-637; Dankar, El Emam, *A method for
//! evaluating marketer re-identification risk*, PAIS 2010. The formulas are those of El Emam, *Guide to the De-Identification of
//! Personal Health Information*, CRC Press 2013: over classes j with f_j records of n and F_j persons, maximum `max 1/F_j`, average
//! `max(J / sum F_j, (1/n) sum f_j/F_j)`, marketer `(1/n) sum f_j/F_j`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::threshold::cell_size;

/// A figure and, where it is estimated from a sample of classes, its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// The lower end of the interval; none where the figure is exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The upper end of the interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

/// What an attacker can expect of a record.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Attack {
    /// For the record at the highest risk. Where classes were sampled: of those in the sample, so the table's may be higher.
    pub maximum: f64,
    /// Over all records.
    pub average: Estimate,
}

/// The classes of a table, by size.
#[derive(Clone, Debug, PartialEq)]
pub struct Classes {
    /// How many classes there are for each (records, persons of the population).
    groups: BTreeMap<(u64, u64), u64>,
    records: u64,
    /// A class is among the groups with probability `2^-level`.
    level: u32,
}

impl Classes {
    /// Classes given as (records in the table, persons in the population). A class without a record is no target and is left out; a
    /// population smaller than the table is taken to be the table.
    pub fn with_population(classes: impl IntoIterator<Item = (u64, u64)>) -> Option<Classes> {
        let mut groups = BTreeMap::new();
        let mut records = 0_u64;
        for (sample, population) in classes {
            if sample > 0 {
                records = records.saturating_add(sample);
                *groups.entry((sample, population.max(sample))).or_insert(0) += 1;
            }
        }
        (records > 0).then_some(Classes { groups, records, level: 0 })
    }

    /// Classes of which nothing but their size in the table is known: the table is its own population.
    pub fn of_sizes(sizes: impl IntoIterator<Item = u64>) -> Option<Classes> {
        Classes::with_population(sizes.into_iter().map(|size| (size, size)))
    }

    /// Classes each of which was kept with probability `2^-level`, in a table of so many records.
    pub(crate) fn sampled(sizes: &[u64], level: u32, records: u64) -> Option<Classes> {
        Classes::of_sizes(sizes.iter().copied()).map(|classes| Classes { level, records, ..classes })
    }

    /// Classes as (records, persons of the population), each of which was kept with probability `2^-level`, in a table of so many records.
    pub(crate) fn in_population(classes: &[(u64, u64)], level: u32, records: u64) -> Option<Classes> {
        Classes::with_population(classes.iter().copied()).map(|classes| Classes {
            level,
            records: if level == 0 { classes.records } else { records },
            ..classes
        })
    }

    /// How many classes that are known have each number of records.
    pub(crate) fn by_size(&self) -> BTreeMap<u64, u64> {
        let mut sizes = BTreeMap::new();
        for ((records, _), classes) in &self.groups {
            *sizes.entry(*records).or_insert(0) += classes;
        }
        sizes
    }

    /// The persons of the smallest class that is known.
    pub(crate) fn smallest_in_population(&self) -> u64 {
        self.groups.keys().map(|(_, persons)| *persons).min().unwrap_or(0)
    }

    /// The share of records in classes of which that is true (records, persons).
    pub(crate) fn share_where(&self, is: impl Fn(u64, u64) -> bool) -> Estimate {
        self.share(|records, persons| if is(records, persons) { records as f64 } else { 0.0 })
    }

    /// Whether every class is known.
    pub fn exact(&self) -> bool {
        self.level == 0
    }

    /// The probability with which a class is known.
    pub fn sampling(&self) -> f64 {
        0.5_f64.powi(self.level as i32)
    }

    /// The number of records.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The number of classes that the figures rest on.
    pub fn known(&self) -> u64 {
        self.groups.values().sum()
    }

    /// The number of classes.
    pub fn count(&self) -> Estimate {
        self.total(|_, _| 1.0)
    }

    /// The records of the smallest class that is known.
    pub fn smallest(&self) -> u64 {
        self.groups.keys().next().map_or(0, |(size, _)| *size)
    }

    /// The records of the largest class that is known.
    pub fn largest(&self) -> u64 {
        self.groups.keys().next_back().map_or(0, |(size, _)| *size)
    }

    /// The share of records that are alone in their class.
    pub fn uniques(&self) -> Estimate {
        self.share_in_classes_below(2)
    }

    /// The share of records in classes of fewer than `size` records: those whose prosecutor risk is above `1 / size`.
    pub fn share_in_classes_below(&self, size: u64) -> Estimate {
        self.share(|records, _| if records < size { records as f64 } else { 0.0 })
    }

    /// The share of records whose prosecutor risk is above `risk`.
    pub fn share_above(&self, risk: f64) -> Estimate {
        self.share_in_classes_below(cell_size(risk))
    }

    /// The attacker who knows that the person is in the table.
    pub fn prosecutor(&self) -> Attack {
        Attack { maximum: 1.0 / self.smallest().max(1) as f64, average: self.share(|_, _| 1.0) }
    }

    /// The attacker who knows the population.
    pub fn journalist(&self) -> Attack {
        let smallest = self.smallest_in_population();
        let matched = self.marketer();
        let population: f64 = self.groups.iter().map(|((_, persons), n)| *persons as f64 * *n as f64).sum();
        let spread = self.known() as f64 / population.max(1.0);
        let average = if spread > matched.value && self.exact() { Estimate::exact(spread) } else { matched };
        Attack { maximum: 1.0 / smallest.max(1) as f64, average }
    }

    /// The attacker who wants many matches: the expected share of correct ones.
    pub fn marketer(&self) -> Estimate {
        self.share(|records, persons| records as f64 / persons as f64)
    }

    /// Classes and the share of records in classes of `from..=to` records.
    pub(crate) fn bucket(&self, from: u64, to: u64) -> (Estimate, Estimate) {
        let inside = |records: u64| (from..=to).contains(&records);
        let classes = self.total(|records, _| f64::from(u8::from(inside(records))));
        let share = self.share(|records, _| if inside(records) { records as f64 } else { 0.0 });
        (classes, share)
    }

    /// A total over all classes divided by the number of records, at most 1.
    fn share(&self, figure: impl Fn(u64, u64) -> f64) -> Estimate {
        let total = self.total(figure);
        let part = |total: f64| (total / self.records as f64).min(1.0);
        Estimate { value: part(total.value), low: total.low.map(part), high: total.high.map(part) }
    }

    /// The total of a figure over all classes: Horvitz and Thompson's estimator where classes were sampled, with the normal interval.
    fn total(&self, figure: impl Fn(u64, u64) -> f64) -> Estimate {
        let (mut sum, mut squares) = (0.0, 0.0);
        for ((records, persons), classes) in &self.groups {
            let value = figure(*records, *persons);
            sum += value * *classes as f64;
            squares += value * value * *classes as f64;
        }
        if self.exact() {
            return Estimate::exact(sum);
        }
        let p = self.sampling();
        let value = sum / p;
        // Each class is in or out with probability p: the variance of the estimator is sum y^2 (1-p)/p, which sum y^2 (1-p)/p^2 over
        // the sample estimates.
        let half = NORMAL_95 * (squares * (1.0 - p)).sqrt() / p;
        Estimate { value, low: Some((value - half).max(0.0)), high: Some(value + half) }
    }
}

impl Estimate {
    /// A figure that is known.
    pub fn exact(value: f64) -> Estimate {
        Estimate { value, low: None, high: None }
    }

    /// The figure, or the upper end of its interval.
    pub fn upper(&self) -> f64 {
        self.high.unwrap_or(self.value)
    }
}

/// The 97.5th percentile of the standard normal distribution.
const NORMAL_95: f64 = 1.959_963_984_540_054;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::assess::fingerprint::spread;
    use crate::assess::tally::Tally;

    /// Sweeney, *k-anonymity: a model for protecting privacy*, 2002, figure 2: eleven records, k = 2.
    #[test]
    fn sweeney_2002_figure_2() {
        let classes = Classes::of_sizes([2, 2, 2, 3, 2]).unwrap();
        assert_eq!(classes.smallest(), 2);
        assert_eq!(classes.prosecutor(), Attack { maximum: 0.5, average: Estimate::exact(5.0 / 11.0) });
        assert_eq!(classes.share_in_classes_below(3).value, 8.0 / 11.0);
        assert_eq!(classes.uniques().value, 0.0);
        // Without a population the three attackers are one.
        assert_eq!(classes.journalist(), classes.prosecutor());
        assert_eq!(classes.marketer(), classes.prosecutor().average);
    }

    /// The formulas of El Emam 2013 by hand: three classes, of which the smallest in the table is not the smallest in the population.
    #[test]
    fn journalist_and_marketer_look_at_the_population() {
        let classes = Classes::with_population([(1, 10), (4, 5), (5, 5)]).unwrap();
        assert_eq!(classes.prosecutor().maximum, 1.0);
        assert_eq!(classes.journalist().maximum, 0.2);
        assert!((classes.marketer().value - (0.1 + 0.8 + 1.0) / 10.0).abs() < 1e-12);
        // max(3 / 20, 0.19)
        assert!((classes.journalist().average.value - 0.19).abs() < 1e-12);
        let spread = Classes::with_population([(1, 4), (1, 100)]).unwrap();
        // max(2 / 104, (0.25 + 0.01) / 2)
        assert!((spread.journalist().average.value - 0.13).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_said_of_no_records() {
        assert_eq!(Classes::of_sizes([]), None);
        assert_eq!(Classes::with_population([(0, 7)]), None);
    }

    /// The intervals are meant to hold 19 times of 20; over 200 tables with another set of keys each, at least 180 must.
    #[test]
    fn estimates_lie_within_their_intervals() {
        let mut held = [0; 3];
        for table in 0..200_u64 {
            let mut tally = Tally::new(512);
            let mut sizes = Vec::new();
            for class in 0..3000_u64 {
                let size = 1 + spread(class) % 7;
                tally.add(spread(table << 32 | class), size);
                sizes.push(size);
            }
            let exact = Classes::of_sizes(sizes).unwrap();
            let sampled = Classes::sampled(&tally.sizes(), tally.level(), exact.records()).unwrap();
            assert!(!sampled.exact() && sampled.known() <= 512);
            let figures = |c: &Classes| [c.count(), c.uniques(), c.share_in_classes_below(5)];
            for (i, (estimate, truth)) in figures(&sampled).into_iter().zip(figures(&exact)).enumerate() {
                let inside = estimate.low.unwrap() <= truth.value && truth.value <= estimate.high.unwrap();
                held[i] += u32::from(inside);
            }
        }
        assert!(held.iter().all(|n| *n >= 180), "{held:?}");
    }

    proptest! {
        #[test]
        fn figures_equal_those_of_every_record_taken_singly(sizes in prop::collection::vec(1_u64..30, 1..40), k in 1_u64..30) {
            let classes = Classes::of_sizes(sizes.iter().copied()).unwrap();
            let records: Vec<u64> = sizes.iter().flat_map(|size| vec![*size; *size as usize]).collect();
            let n = records.len() as f64;
            let mean = records.iter().map(|size| 1.0 / *size as f64).sum::<f64>() / n;
            prop_assert!((classes.prosecutor().average.value - mean).abs() < 1e-9);
            let highest = records.iter().map(|size| 1.0 / *size as f64).fold(0.0, f64::max);
            prop_assert_eq!(classes.prosecutor().maximum, highest);
            let below = records.iter().filter(|size| **size < k).count() as f64 / n;
            prop_assert!((classes.share_in_classes_below(k).value - below).abs() < 1e-12);
            prop_assert!(classes.journalist().maximum <= classes.prosecutor().maximum);
        }
    }
}
