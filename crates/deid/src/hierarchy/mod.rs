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

pub mod age;
mod assembly;
mod climb;
pub mod dates;
pub mod division;
mod draft;
mod error;
pub mod file;
pub mod flat;
pub mod from_file;
pub mod icd10;
pub mod intervals;
mod order;
pub mod ordering;
pub mod prefix;
mod spec;

use assembly::Assembly;
pub use climb::{BuildError, ROOT, Reason};
pub use draft::draft;
pub use error::HierarchyError;
use spec::OTHER;
pub use spec::{HierarchySpec, METHODS, Method};

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
    /// The first row that is shorter or longer than the first one, is for the value of an earlier row, or separates above a level what is
    /// joined at it; or that there are no rows. With the numbers of the rows.
    pub fn from_rows(rows: Vec<Vec<String>>) -> Result<Hierarchy, HierarchyError> {
        let mut assembly = Assembly::new();
        for row in rows {
            assembly.push(row.iter().map(String::as_str))?;
        }
        assembly.finish()
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
