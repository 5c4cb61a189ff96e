//! Hierarchies of generalisation: how the values of one attribute are made coarser, level by level.
//!
//! A [`Hierarchy`] is a table with one row a value, most specific first: `34; 30-39; 20-39; *`. Level 0 are the values themselves; each level
//! above joins labels of the one below and never separates what was joined. That is the definition of ARX, whose files are read as
//! they are, and of L. Sweeney, "Achieving k-anonymity privacy protection using generalization and suppression", IJUFKS 10(5),
//! 2002, section 3 (value generalization hierarchies).
//!
//! ```
//! use medveil_deid::hierarchy::Hierarchy;
//!
//! let rows = [["34", "30-39", "*"], ["37", "30-39", "*"], ["41", "40-49", "*"]];
//! let age = Hierarchy::from_rows(rows.map(|row| row.map(String::from).to_vec()).to_vec())?;
//! let code = age.code("37").unwrap() as usize;
//! let label = age.codes(1)[code] as usize;
//! assert_eq!(&*age.labels(1)[label], "30-39");
//! assert_eq!(age.leaves(1)[label], 2);
//! # Ok::<(), medveil_deid::hierarchy::HierarchyError>(())
//! ```

use std::collections::HashMap;
use std::fmt;

use foldhash::fast::FixedState;

mod error;

pub use error::HierarchyError;

/// How the values of one attribute are generalised, level by level. Level 0 are the values themselves.
///
/// Guarantees: every value has exactly one label at every level (the hierarchy is total), values are distinct, and two values with one label at
/// a level have one label at every level above (it is monotone). The last level need not be a single root.
#[derive(Clone, PartialEq, Eq)]
pub struct Hierarchy {
    levels: Vec<Level>,
    index: HashMap<Box<str>, u32, FixedState>,
}

/// The labels of one level.
#[derive(Clone, Default, PartialEq, Eq)]
struct Level {
    codes: Vec<u32>,
    labels: Vec<Box<str>>,
    leaves: Vec<u32>,
    parents: Vec<u32>,
}

impl Hierarchy {
    /// The most rows that a hierarchy may have: codes have 32 bits, and no attribute of people has more values.
    pub const MAX_ROWS: usize = 1 << 28;

    /// Reads `rows`: for each value its labels, from most specific to most general.
    ///
    /// # Errors
    /// No rows, rows of different lengths, two rows for one value, labels that are joined at a level and separated above it; with the
    /// numbers of the rows.
    pub fn from_rows(rows: Vec<Vec<String>>) -> Result<Hierarchy, HierarchyError> {
        let width = rows.first().ok_or(HierarchyError::Empty)?.len();
        if width == 0 {
            return Err(HierarchyError::NoColumns { row: 1 });
        }
        if rows.len() > Hierarchy::MAX_ROWS {
            return Err(HierarchyError::TooManyRows { limit: Hierarchy::MAX_ROWS });
        }
        if let Some(at) = rows.iter().position(|row| row.len() != width) {
            return Err(HierarchyError::Ragged { row: at + 1, found: rows[at].len(), expected: width });
        }
        let mut columns: Vec<Vec<Box<str>>> = (0..width).map(|_| Vec::with_capacity(rows.len())).collect();
        for row in rows {
            for (column, label) in columns.iter_mut().zip(row) {
                column.push(label.into_boxed_str());
            }
        }
        let mut columns = columns.into_iter();
        let values = columns.next().unwrap_or_default();
        let mut index = HashMap::with_capacity_and_hasher(values.len(), FixedState::default());
        for (at, value) in values.iter().enumerate() {
            if let Some(first) = index.insert(value.clone(), at as u32) {
                return Err(HierarchyError::Duplicate { first: first as usize + 1, row: at + 1 });
            }
        }
        let rows = values.len() as u32;
        let mut levels = vec![Level {
            codes: (0..rows).collect(),
            labels: values,
            leaves: vec![1; rows as usize],
            parents: Vec::new(),
        }];
        for (at, column) in columns.enumerate() {
            let level = Level::encode(column);
            levels[at].join(&level).map_err(|(first, row)| HierarchyError::NotMonotone {
                first,
                row,
                level: at,
            })?;
            levels.push(level);
        }
        Ok(Hierarchy { levels, index })
    }

    /// How many levels there are, level 0 included: at least 1.
    pub fn levels(&self) -> usize {
        self.levels.len()
    }

    /// How many values there are: the size of the attribute's domain (as ARX defines it, the rows of the hierarchy, whether they occur in the
    /// data or not).
    pub fn values(&self) -> usize {
        self.levels[0].codes.len()
    }

    /// The code of a value at level 0: its row, from 0. `None` where the hierarchy does not have the value.
    pub fn code(&self, value: &str) -> Option<u32> {
        self.index.get(value).copied()
    }

    /// From a value's code to the code of its label at `level`. Labels are numbered in the order of their first rows, without gaps.
    ///
    /// # Panics
    /// If there is no such level.
    pub fn codes(&self, level: usize) -> &[u32] {
        &self.levels[level].codes
    }

    /// From a label's code at `level` to the label.
    ///
    /// # Panics
    /// If there is no such level.
    pub fn labels(&self, level: usize) -> &[Box<str>] {
        &self.levels[level].labels
    }

    /// From a label's code at `level` to the number of values (leaves) under it. Their share of the domain is this over [`Hierarchy::values`].
    ///
    /// # Panics
    /// If there is no such level.
    pub fn leaves(&self, level: usize) -> &[u32] {
        &self.levels[level].leaves
    }

    /// From a label's code at `level` to the code of its label one level above; empty at the last level.
    ///
    /// # Panics
    /// If there is no such level.
    pub fn parents(&self, level: usize) -> &[u32] {
        &self.levels[level].parents
    }

    /// Whether the last level has a single label, so that everything can become one.
    pub fn has_root(&self) -> bool {
        self.levels.last().is_some_and(|level| level.labels.len() == 1)
    }

    /// The labels of a value's row, from the value itself upwards.
    ///
    /// # Panics
    /// If there is no such value.
    pub fn row(&self, value: u32) -> impl Iterator<Item = &str> {
        self.levels.iter().map(move |level| &*level.labels[level.codes[value as usize] as usize])
    }
}

impl Level {
    /// Numbers the labels of a column in the order of their first rows.
    fn encode(column: Vec<Box<str>>) -> Level {
        let mut level = Level { codes: Vec::with_capacity(column.len()), ..Level::default() };
        let mut known: HashMap<Box<str>, u32, FixedState> = HashMap::default();
        for label in column {
            let code = match known.get(&label) {
                Some(code) => *code,
                None => {
                    let code = level.labels.len() as u32;
                    level.labels.push(label.clone());
                    level.leaves.push(0);
                    known.insert(label, code);
                    code
                }
            };
            level.leaves[code as usize] += 1;
            level.codes.push(code);
        }
        level
    }

    /// Finds the label of `above` for each label of this level, or the first two rows (from 1) that share a label here and none there.
    fn join(&mut self, above: &Level) -> Result<(), (usize, usize)> {
        const NONE: u32 = u32::MAX;
        self.parents = vec![NONE; self.labels.len()];
        for (row, (&label, &parent)) in self.codes.iter().zip(&above.codes).enumerate() {
            let known = &mut self.parents[label as usize];
            if *known == NONE {
                *known = parent;
            } else if *known != parent {
                let first = self.codes.iter().position(|code| *code == label).unwrap_or(row);
                return Err((first + 1, row + 1));
            }
        }
        Ok(())
    }
}

/// Counts only: labels may be patient data.
impl fmt::Debug for Hierarchy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<usize> = self.levels.iter().map(|level| level.labels.len()).collect();
        write!(f, "Hierarchy {{ labels: {labels:?} }}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|label| (*label).to_owned()).collect()).collect()
    }

    fn hierarchy(given: &[&[&str]]) -> Result<Hierarchy, HierarchyError> {
        Hierarchy::from_rows(rows(given))
    }

    #[test]
    fn codes_are_rows_and_labels_count_their_leaves() {
        let h = hierarchy(&[&["a", "x", "*"], &["b", "y", "*"], &["c", "x", "*"]]).unwrap();
        assert_eq!((h.levels(), h.values(), h.has_root()), (3, 3, true));
        assert_eq!((h.code("c"), h.code("d")), (Some(2), None));
        assert_eq!((h.codes(0), h.codes(1), h.codes(2)), (&[0, 1, 2][..], &[0, 1, 0][..], &[0, 0, 0][..]));
        assert_eq!(h.labels(1), &[Box::from("x"), Box::from("y")]);
        assert_eq!((h.leaves(0), h.leaves(1), h.leaves(2)), (&[1, 1, 1][..], &[2, 1][..], &[3][..]));
        assert_eq!((h.parents(0), h.parents(1), h.parents(2)), (&[0, 1, 0][..], &[0, 0][..], &[][..]));
        assert_eq!(h.row(2).collect::<Vec<_>>(), ["c", "x", "*"]);
    }

    #[test]
    fn a_hierarchy_without_a_root_is_allowed() {
        let h = hierarchy(&[&["a", "x"], &["b", "y"]]).unwrap();
        assert!(!h.has_root());
        assert_eq!(hierarchy(&[&["a"]]).unwrap().levels(), 1);
    }

    #[test]
    fn no_rows_and_no_columns_are_refused() {
        assert_eq!(hierarchy(&[]), Err(HierarchyError::Empty));
        assert_eq!(hierarchy(&[&[]]), Err(HierarchyError::NoColumns { row: 1 }));
    }

    #[test]
    fn a_ragged_row_is_refused_with_row_and_column() {
        let error = hierarchy(&[&["a", "x", "*"], &["b", "x"]]).unwrap_err();
        assert_eq!(error, HierarchyError::Ragged { row: 2, found: 2, expected: 3 });
        assert!(error.to_string().ends_with("row 2 lacks column 3"), "{error}");
        let error = hierarchy(&[&["a", "x"], &["b", "x", "*"]]).unwrap_err();
        assert!(error.to_string().ends_with("row 2 has a column 3 too many"), "{error}");
    }

    #[test]
    fn a_second_row_for_a_value_is_refused_with_both_rows() {
        let error = hierarchy(&[&["a", "x"], &["b", "x"], &["a", "x"]]).unwrap_err();
        assert_eq!(error, HierarchyError::Duplicate { first: 1, row: 3 });
    }

    #[test]
    fn labels_that_part_again_are_refused_with_both_rows_and_the_level() {
        let error =
            hierarchy(&[&["a", "w", "x", "1"], &["b", "y", "z", "2"], &["c", "v", "x", "2"]]).unwrap_err();
        assert_eq!(error, HierarchyError::NotMonotone { first: 1, row: 3, level: 2 });
        let text = error.to_string();
        assert!(text.contains("rows 1 and 3") && text.contains("level 2 (column 3)"), "{text}");
    }

    #[test]
    fn neither_errors_nor_debug_output_show_a_value() {
        let h = hierarchy(&[&["secret-a", "secret-x"], &["secret-b", "secret-x"]]).unwrap();
        assert!(!format!("{h:?}").contains("secret"));
        for given in [
            &[&["secret", "x"][..], &["secret", "x"]][..],
            &[&["secret-a", "secret"], &["b"]],
            &[&["a", "secret", "1"], &["b", "secret", "2"]],
        ] {
            let error = hierarchy(given).unwrap_err();
            assert!(!error.to_string().contains("secret") && !format!("{error:?}").contains("secret"));
        }
    }
}
