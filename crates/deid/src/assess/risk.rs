//! The figures of risk of one side of a run.

use serde::Serialize;

use super::classes::{Attack, Classes, Estimate};
use super::diversity::{COUNTED, Diversity};
use super::population::{Counted, InPopulation};
use super::threshold::BENCHMARKS;

/// How exposed the persons in a table are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Risk {
    /// Whether every class was counted; otherwise shares and averages are estimates, and extremes those of the sample.
    pub exact: bool,
    /// The share of classes that were followed.
    pub sampling: f64,
    /// Records.
    pub records: u64,
    /// Classes of records that agree on every quasi-identifier.
    pub classes: Estimate,
    /// Records of the smallest class.
    pub min_class: u64,
    /// Records of the largest class.
    pub max_class: u64,
    /// The share of records that are alone in their class (sample uniques).
    pub uniques: Estimate,
    /// The attacker who knows that the person is in the table.
    pub prosecutor: Attack,
    /// The attacker who knows the population. Without a [population table](InPopulation::Table) the table is taken to be its own, which can only overstate
    /// the risk.
    pub journalist: Attack,
    /// The attacker who wants many matches.
    pub marketer: Estimate,
    /// For each of the customary cell sizes, the share of records in smaller classes.
    pub at_risk: Vec<AtRisk>,
    /// Classes and records by class size.
    pub histogram: Vec<Bucket>,
    /// For each sensitive attribute that is present, the values in the least diverse class.
    pub distinct_l: Vec<Diverse>,
    /// What is known of the population behind the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub population: Option<Box<InPopulation>>,
    #[serde(skip)]
    pub(crate) sizes: Classes,
    #[serde(skip)]
    pub(crate) counted: Option<Counted>,
}

/// Records in classes that are smaller than a cell size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtRisk {
    /// The cell size.
    pub cell_size: u64,
    /// The risk that stands for it.
    pub threshold: f64,
    /// The share of records whose risk is above it.
    pub share: Estimate,
}

/// Classes of a range of sizes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bucket {
    /// The smallest size.
    pub from: u64,
    /// The largest size; none for the last.
    pub to: Option<u64>,
    /// How many classes.
    pub classes: Estimate,
    /// The share of records in them.
    pub share: Estimate,
}

/// How many values of a sensitive attribute the least diverse class holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diverse {
    /// The column.
    pub column: String,
    /// The number; counted up to 8.
    pub min: u64,
    /// Whether there may be more, because counting stopped there.
    pub or_more: bool,
    /// Whether every class was followed.
    pub exact: bool,
}

const BUCKETS: [(u64, Option<u64>); 7] =
    [(1, Some(1)), (2, Some(2)), (3, Some(4)), (5, Some(9)), (10, Some(19)), (20, Some(49)), (50, None)];

impl Risk {
    pub(crate) fn new(classes: Classes, distinct_l: Vec<Diverse>) -> Risk {
        Risk {
            exact: classes.exact(),
            sampling: classes.sampling(),
            records: classes.records(),
            classes: classes.count(),
            min_class: classes.smallest(),
            max_class: classes.largest(),
            uniques: classes.uniques(),
            prosecutor: classes.prosecutor(),
            journalist: classes.journalist(),
            marketer: classes.marketer(),
            at_risk: BENCHMARKS
                .iter()
                .map(|benchmark| AtRisk {
                    cell_size: benchmark.cell_size,
                    threshold: benchmark.threshold,
                    share: classes.share_in_classes_below(benchmark.cell_size),
                })
                .collect(),
            histogram: BUCKETS
                .iter()
                .map(|&(from, to)| {
                    let (number, share) = classes.bucket(from, to.unwrap_or(u64::MAX));
                    Bucket { from, to, classes: number, share }
                })
                .collect(),
            distinct_l,
            population: None,
            sizes: classes,
            counted: None,
        }
    }

    /// The share of records whose prosecutor risk is above `threshold`.
    pub fn share_above(&self, threshold: f64) -> Estimate {
        self.sizes.share_above(threshold)
    }
}

impl Diverse {
    pub(crate) fn new(column: &str, diversity: &Diversity) -> Option<Diverse> {
        let min = diversity.min()?;
        Some(Diverse {
            column: column.to_owned(),
            min,
            or_more: min == COUNTED as u64,
            exact: diversity.level() == 0,
        })
    }
}
