//! What a release is still good for, measured by doing with it what analysts do.
//!
//! Raw and released table have the same records in the same order; a suppressed record is one of `*`. Each [`Task`] is carried out on both, and the report
//! sets the results side by side. It holds names of columns and figures only, no value of the data.
//!
//! ```
//! use medveil_deid::utility::{Column, Table, Workload, workload};
//!
//! let ages: Vec<String> = (0..400_u32).map(|i| (20 + i * 7 % 60).to_string()).collect();
//! let decades: Vec<String> = ages.iter().map(|age| format!("{}0-{}9", &age[..1], &age[..1])).collect();
//! let ill: Vec<&str> = ages.iter().map(|age| if age.as_str() < "50" { "no" } else { "yes" }).collect();
//! let table = |ages: &[String]| {
//!     let ages = Column::of(ages.iter().map(String::as_str));
//!     Table::new(vec![("age".into(), ages), ("ill".into(), Column::of(ill.iter().copied()))])
//! };
//! let tasks = vec!["target=ill".parse()?, "associations".parse()?];
//! let report = workload(&table(&ages)?, &table(&decades)?, &Workload { tasks, ..Workload::default() })?;
//! assert!(report.classification[0].methods[0].relative.is_some_and(|kept| kept > 0.9));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! These figures are *heuristics* in the sense of the house: each method is exact for what it says it measures, and says so with its source, but a release that
//! serves one analysis can fail another. [`assess`](crate::assess::Utility) measures columns one by one and needs a single pass.

use serde::Serialize;

mod association;
mod classify;
mod column;
mod draw;
mod features;
mod regression;
mod solve;
mod survival;
mod task;

pub use association::{Association, Associations, Measure};
pub use classify::{Accuracy, Classification, Classifier};
pub use column::{Column, Table};
pub use regression::{Coefficient, Fitted, Regression, RegressionModel};
pub use survival::{CurveDistance, Hazard, LogRank, Survival};
pub use task::Task;

use draw::Draw;

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The analyses.
    pub tasks: Vec<Task>,
    /// Folds of the cross-validation, at least 2.
    pub folds: usize,
    /// A table with more records is measured on so many, drawn at random.
    pub max_records: usize,
    /// What decides folds, order and that draw.
    pub seed: u64,
}

impl Default for Workload {
    fn default() -> Self {
        Workload { tasks: Vec::new(), folds: 10, max_records: 50_000, seed: 0x6d65_6476 }
    }
}

/// What was measured, in the order of the tasks of each kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WorkloadReport {
    /// Records that the figures rest on.
    pub records: u64,
    /// Whether those are all.
    pub complete: bool,
    /// Predictions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classification: Vec<Classification>,
    /// Associations of pairs of columns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub associations: Vec<Associations>,
    /// Survival analyses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub survival: Vec<Survival>,
    /// Regressions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regression: Vec<Regression>,
}

/// Why a workload cannot be measured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadError {
    /// A task is not written as one.
    #[error(
        "`{task}` is no task: write `target=COLUMN`, `associations`, `survival=TIME:EVENT=VALUE[:GROUP]` or `regression=OUTCOME~A+B`"
    )]
    Task {
        /// The text.
        task: String,
    },
    /// A column is not in the table.
    #[error("there is no column `{column}`")]
    NoColumn {
        /// The name.
        column: String,
    },
    /// A column has another number of records than the first, or a code without a label.
    #[error("column `{column}` does not fit the others")]
    Malformed {
        /// The name.
        column: String,
    },
    /// The tables have not the same number of records.
    #[error("the raw table has {raw} records and the released one {released}")]
    Records {
        /// In the raw table.
        raw: u64,
        /// In the released one.
        released: u64,
    },
    /// There are too few records to measure anything.
    #[error("{records} records are too few to measure this")]
    TooFew {
        /// Those that can be used.
        records: u64,
    },
    /// The target does not vary.
    #[error("`{column}` has less than two values, so nothing can be predicted")]
    OneClass {
        /// The target.
        column: String,
    },
    /// Target and features have so many values that no model of them says anything.
    #[error("predicting `{column}` from these columns takes {number} weights; name fewer or coarser columns")]
    Weights {
        /// The target.
        column: String,
        /// Values of the features times values of the target.
        number: u64,
    },
    /// The outcome of a regression is neither a number nor one of two classes.
    #[error("`{column}` is neither numeric nor of two values, so no regression explains it")]
    Outcome {
        /// The outcome.
        column: String,
    },
    /// A regression has no coefficient, or more than can be read.
    #[error("a regression of {number} coefficients is not fitted; between 1 and 200 are")]
    Coefficients {
        /// How many.
        number: u64,
    },
    /// A regression has no unique solution on the raw table.
    #[error("the regression of `{column}` has no unique solution on the raw table")]
    Singular {
        /// The outcome.
        column: String,
    },
    /// The workload asks for less than two folds.
    #[error("cross-validation needs at least 2 folds")]
    Folds,
}

/// Fewer records describe persons rather than a distribution.
const FEWEST: usize = 20;

/// Carries out every task on both tables.
///
/// # Errors
/// The tables differ in records, a column is not there, or a task cannot be carried out on the **raw** table; what the release lost is a figure.
pub fn workload(raw: &Table, released: &Table, workload: &Workload) -> Result<WorkloadReport, WorkloadError> {
    if raw.rows() != released.rows() {
        return Err(WorkloadError::Records { raw: raw.rows() as u64, released: released.rows() as u64 });
    }
    if workload.folds < 2 {
        return Err(WorkloadError::Folds);
    }
    let complete = raw.rows() <= workload.max_records;
    if complete {
        return measure(raw, released, workload, complete);
    }
    let mut rows: Vec<u32> = (0..raw.rows() as u32).collect();
    Draw(workload.seed).shuffle(&mut rows);
    rows.truncate(workload.max_records);
    rows.sort_unstable();
    measure(&raw.select(&rows), &released.select(&rows), workload, complete)
}

fn measure(
    raw: &Table,
    released: &Table,
    workload: &Workload,
    complete: bool,
) -> Result<WorkloadReport, WorkloadError> {
    let mut report = WorkloadReport { records: raw.rows() as u64, complete, ..WorkloadReport::default() };
    // All columns, without one, or those that are named.
    let columns = |named: &[String], but: &str| -> Vec<String> {
        match named {
            [] => raw.names().filter(|name| *name != but).map(str::to_owned).collect(),
            named => named.to_vec(),
        }
    };
    for task in &workload.tasks {
        match task {
            Task::Predict { target, features } => {
                let features = columns(features, target);
                report.classification.push(classify::compare(
                    raw,
                    released,
                    target,
                    &features,
                    workload.folds,
                    workload.seed,
                )?);
            }
            Task::Associate { columns: named } => {
                report.associations.push(association::compare(raw, released, &columns(named, ""))?);
            }
            Task::Survive { time, event, occurred, group } => {
                let event = (event.as_str(), occurred.as_str());
                report.survival.push(survival::compare(raw, released, time, event, group.as_deref())?);
            }
            Task::Explain { outcome, predictors } => {
                let predictors = columns(predictors, outcome);
                report.regression.push(regression::compare(raw, released, outcome, &predictors)?);
            }
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests;
