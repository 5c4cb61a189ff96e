//! Dictionary-coded tables, and how their values are read.

use std::collections::HashMap;

use super::WorkloadError;
use crate::assess::number;

/// A column: one code a record, which names a label.
#[derive(Clone, PartialEq, Eq)]
pub struct Column {
    /// One a record; an index into `labels`.
    pub codes: Vec<u32>,
    /// The distinct values, as they are written. `*` and the empty text stand for nothing.
    pub labels: Vec<String>,
}

impl Column {
    /// The column of these values.
    pub fn of<'a>(values: impl IntoIterator<Item = &'a str>) -> Column {
        let mut index: HashMap<&str, u32> = HashMap::new();
        let mut labels = Vec::new();
        let codes = values
            .into_iter()
            .map(|value| {
                *index.entry(value).or_insert_with(|| {
                    labels.push(value.to_owned());
                    labels.len() as u32 - 1
                })
            })
            .collect();
        Column { codes, labels }
    }

    /// Records.
    pub fn rows(&self) -> usize {
        self.codes.len()
    }

    /// For each label, whether it says that the value is missing or suppressed.
    pub(super) fn missing(&self) -> Vec<bool> {
        self.labels.iter().map(|label| matches!(label.trim(), "" | "*")).collect()
    }

    /// For each label its number: a plain number itself, an interval (`20-29`, `[20, 30[`, `65+`) its middle, anything else NaN.
    pub(super) fn label_numbers(&self) -> Vec<f64> {
        self.labels.iter().map(|label| number(label).unwrap_or(f64::NAN)).collect()
    }

    /// For each record its number, or NaN.
    pub(super) fn numbers(&self) -> Vec<f64> {
        let numbers = self.label_numbers();
        self.codes.iter().map(|code| numbers[*code as usize]).collect()
    }

    /// Whether the column measures something: nearly all values that are present are numbers, and there are more of them than categories would be.
    pub(super) fn is_numeric(&self) -> bool {
        let (numbers, missing) = (self.label_numbers(), self.missing());
        let mut counts = vec![0_u64; self.labels.len()];
        self.codes.iter().for_each(|code| counts[*code as usize] += 1);
        let (mut present, mut numeric, mut distinct) = (0, 0, 0);
        for ((number, missing), count) in numbers.iter().zip(missing).zip(counts) {
            if !missing && count > 0 {
                present += count;
                if !number.is_nan() {
                    numeric += count;
                    distinct += 1;
                }
            }
        }
        distinct >= DISTINCT && numeric as f64 >= MOST * present as f64
    }

    /// The records of that column in this order.
    pub(super) fn select(&self, rows: &[u32]) -> Column {
        Column {
            codes: rows.iter().map(|row| self.codes[*row as usize]).collect(),
            labels: self.labels.clone(),
        }
    }
}

/// Labels are values of patients: shown are their numbers only.
impl std::fmt::Debug for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Column").field("rows", &self.rows()).field("labels", &self.labels.len()).finish()
    }
}

/// Columns with names, all of the same number of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    columns: Vec<(String, Column)>,
}

impl Table {
    /// A table of these columns.
    ///
    /// # Errors
    /// The columns have not the same number of records, or a code has no label.
    pub fn new(columns: Vec<(String, Column)>) -> Result<Table, WorkloadError> {
        let rows = columns.first().map_or(0, |(_, column)| column.rows());
        for (name, column) in &columns {
            let labelled = column.codes.iter().all(|code| (*code as usize) < column.labels.len());
            if column.rows() != rows || !labelled {
                return Err(WorkloadError::Malformed { column: name.clone() });
            }
        }
        Ok(Table { columns })
    }

    /// Records.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.rows())
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// The column of that name.
    ///
    /// # Errors
    /// There is none.
    pub fn column(&self, name: &str) -> Result<&Column, WorkloadError> {
        let found = self.columns.iter().find(|(other, _)| other == name).map(|(_, column)| column);
        found.ok_or_else(|| WorkloadError::NoColumn { column: name.to_owned() })
    }

    pub(super) fn select(&self, rows: &[u32]) -> Table {
        let columns = self.columns.iter().map(|(name, column)| (name.clone(), column.select(rows))).collect();
        Table { columns }
    }
}

/// Numbers with fewer distinct values are categories.
const DISTINCT: usize = 13;
/// The share of values that must be numbers.
const MOST: f64 = 0.95;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_as_their_middle_and_stars_as_nothing() {
        let column = Column::of(["20-29", "[20, 30[", "*", "41", "young", ""]);
        let numbers = column.numbers();
        assert_eq!((numbers[0], numbers[1], numbers[3]), (24.5, 25.0, 41.0));
        assert!(numbers[2].is_nan() && numbers[4].is_nan());
        assert_eq!(column.missing(), [false, false, true, false, false, true]);
        assert!(!format!("{column:?}").contains("young"));
    }

    #[test]
    fn ages_are_numbers_and_grades_are_categories() {
        let ages: Vec<String> = (20..90).map(|age: u32| age.to_string()).collect();
        assert!(Column::of(ages.iter().map(String::as_str)).is_numeric());
        assert!(!Column::of(["1", "2", "3", "1", "2"]).is_numeric());
        assert!(!Column::of(["a", "b"]).is_numeric());
    }

    #[test]
    fn columns_of_different_length_are_no_table() {
        let table = Table::new(vec![("a".into(), Column::of(["1", "2"])), ("b".into(), Column::of(["1"]))]);
        assert_eq!(table, Err(WorkloadError::Malformed { column: "b".into() }));
        let table = Table::new(vec![("a".into(), Column { codes: vec![3], labels: vec!["x".into()] })]);
        assert_eq!(table, Err(WorkloadError::Malformed { column: "a".into() }));
    }
}
