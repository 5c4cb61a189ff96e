//! What the rules of a plan make of a table, counted: the distinct values and tuples of the columns that a search looks at.
//!
//! This is the first of the two passes of a run that searches. Only distinct values and tuples are held, in the order in which they first
//! occur, so that all that is built on them depends on the table alone.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::bind::Binding;
use super::error::{TableError, Trouble};
use super::execute::{Rows, Transformed};
use crate::search::Index;

/// The columns that are counted. All of them are released.
#[derive(Clone, Debug)]
pub(super) struct Focus {
    pub(super) quasi_identifiers: Vec<usize>,
    pub(super) sensitive: Vec<usize>,
}

impl Focus {
    fn columns(&self) -> impl Iterator<Item = usize> {
        self.quasi_identifiers.iter().chain(&self.sensitive).copied()
    }
}

/// Distinct values that a column may have: a column of more identifies whoever is in the table.
pub(super) const MOST_VALUES: usize = 1_000_000;

/// Tuples and how often each occurs.
#[derive(Debug, Default)]
pub(super) struct TupleCounts {
    width: usize,
    codes: Vec<u32>,
    counts: Vec<u32>,
    index: Index,
}

impl TupleCounts {
    fn new(width: usize) -> TupleCounts {
        TupleCounts { width, ..TupleCounts::default() }
    }

    fn add(&mut self, tuple: &[u32], records: u32) {
        let (width, codes) = (self.width, &self.codes);
        let known = self.counts.len();
        let at = |place: usize| &codes[place * width..(place + 1) * width];
        let place = self.index.find_or_insert(hash(tuple), known, |place| at(place) == tuple);
        if place < known {
            self.counts[place] += records;
            return;
        }
        self.codes.extend_from_slice(tuple);
        self.counts.push(records);
        let codes = &self.codes;
        self.index.grow_if_full(self.counts.len(), |place| hash(&codes[place * width..(place + 1) * width]));
    }

    /// Each tuple and its records.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u32], u32)> {
        self.codes.chunks_exact(self.width.max(1)).zip(self.counts.iter().copied())
    }
}

fn hash(tuple: &[u32]) -> u64 {
    let mixed = tuple.iter().fold(0_u64, |hash, code| {
        (hash ^ u64::from(*code)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    });
    mixed ^ mixed >> 32
}

/// One block, counted.
pub(super) struct SurveyPart {
    records: u64,
    kept: u64,
    /// By column, values and the row of each.
    values: Vec<Vec<(String, u64)>>,
    tuples: TupleCounts,
}

impl SurveyPart {
    /// Counts a block after its actions. `first_row` is the row of its first record in error messages.
    pub(super) fn new(
        focus: &Focus,
        binding: &Binding,
        rows: &impl Rows,
        done: &Transformed,
        first_row: u64,
    ) -> SurveyPart {
        let columns: Vec<usize> = focus.columns().collect();
        let n = rows.rows();
        let mut codes = vec![0; n * columns.len()];
        let mut values = Vec::with_capacity(columns.len());
        for (i, c) in columns.iter().enumerate() {
            let mut known: HashMap<&str, u32, FixedState> = HashMap::default();
            let mut new: Vec<(String, u64)> = Vec::new();
            for r in (0..n).filter(|r| !done.dropped[*r]) {
                let text = done.released(binding, rows, r, *c);
                let code = *known.entry(text).or_insert_with(|| {
                    new.push((text.to_owned(), first_row + r as u64));
                    new.len() as u32 - 1
                });
                codes[r * columns.len() + i] = code;
            }
            values.push(new);
        }
        let mut tuples = TupleCounts::new(columns.len());
        let mut kept = 0;
        for r in (0..n).filter(|r| !done.dropped[*r]) {
            tuples.add(&codes[r * columns.len()..(r + 1) * columns.len()], 1);
            kept += 1;
        }
        SurveyPart { records: n as u64, kept, values, tuples }
    }
}

/// The values of a column.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    codes: HashMap<Box<str>, u32, FixedState>,
    /// The row in which each value first occurs.
    pub(super) rows: Vec<u64>,
}

impl Dictionary {
    /// The values in the order of their codes.
    pub(super) fn values(&self) -> Vec<&str> {
        let mut values = vec![""; self.codes.len()];
        for (value, code) in &self.codes {
            values[*code as usize] = value;
        }
        values
    }

    fn code(&mut self, value: String, row: u64) -> u32 {
        let next = self.rows.len() as u32;
        let rows = &mut self.rows;
        *self.codes.entry(value.into_boxed_str()).or_insert_with(|| {
            rows.push(row);
            next
        })
    }
}

/// A table, counted.
#[derive(Debug)]
pub(super) struct Survey {
    /// Records that were read.
    pub(super) records: u64,
    /// Those that no rule dropped.
    pub(super) kept: u64,
    /// By column of the focus.
    pub(super) values: Vec<Dictionary>,
    /// Codes by column of the focus.
    pub(super) tuples: TupleCounts,
    focus: Focus,
    names: Vec<String>,
}

impl Survey {
    pub(super) fn new(focus: &Focus, binding: &Binding) -> Survey {
        let columns = focus.columns().count();
        Survey {
            records: 0,
            kept: 0,
            values: (0..columns).map(|_| Dictionary::default()).collect(),
            tuples: TupleCounts::new(columns),
            focus: focus.clone(),
            names: focus.columns().map(|c| binding.columns[c].finding.name.clone()).collect(),
        }
    }

    /// Takes in a block, in source order.
    pub(super) fn absorb(&mut self, part: SurveyPart) -> Result<(), TableError> {
        self.records += part.records;
        self.kept += part.kept;
        if self.kept > u64::from(u32::MAX) {
            return Err(TableError::new(Trouble::TooManyRecords));
        }
        let mut codes: Vec<Vec<u32>> = Vec::with_capacity(part.values.len());
        for (i, values) in part.values.into_iter().enumerate() {
            let dictionary = &mut self.values[i];
            codes.push(values.into_iter().map(|(value, row)| dictionary.code(value, row)).collect());
            if dictionary.rows.len() > MOST_VALUES {
                let column = self.focus.columns().nth(i).unwrap_or_default() + 1;
                let trouble = Trouble::TooFine { limit: MOST_VALUES };
                return Err(TableError::at_column(column, &self.names[i], trouble));
            }
        }
        let mut tuple = Vec::with_capacity(codes.len());
        for (local, records) in part.tuples.iter() {
            tuple.clear();
            tuple.extend(local.iter().zip(&codes).map(|(code, codes)| codes[*code as usize]));
            self.tuples.add(&tuple, records);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_tuples_are_counted_together_and_keep_their_order() {
        let mut tuples = TupleCounts::new(2);
        for i in 0..30_000_u32 {
            tuples.add(&[i % 7_919, i % 3], 1);
        }
        tuples.add(&[0, 0], 5);
        assert_eq!(tuples.iter().count(), 7_919 * 3);
        assert_eq!(tuples.iter().next(), Some((&[0, 0][..], 7)));
        assert_eq!(tuples.iter().map(|(_, n)| u64::from(n)).sum::<u64>(), 30_005);
    }
}
