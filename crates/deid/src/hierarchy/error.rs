//! What can be wrong with a hierarchy, and where. No error carries a value: a hierarchy may have been drawn from data.

/// Why rows are no hierarchy. Rows and columns are counted from 1, levels from 0 (the values themselves).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HierarchyError {
    /// There is no row at all.
    #[error("the hierarchy has no rows")]
    Empty,
    /// A row without a value.
    #[error("row {row} of the hierarchy has no columns")]
    NoColumns {
        /// The row.
        row: usize,
    },
    /// A row with fewer or more columns than the first.
    #[error("row {row} of the hierarchy has {found} columns where the first row has {expected}: {}", ragged(*row, *found, *expected))]
    Ragged {
        /// The row.
        row: usize,
        /// Its columns.
        found: usize,
        /// The columns of the first row.
        expected: usize,
    },
    /// Two rows for one value.
    #[error("rows {first} and {row} of the hierarchy are for the same value (column 1)")]
    Duplicate {
        /// The first row of the value.
        first: usize,
        /// The second.
        row: usize,
    },
    /// Two rows have one label at a level and two labels at the next: generalising further would separate them again.
    #[error(
        "rows {first} and {row} of the hierarchy have one label at level {level} (column {}) and two at level {} (column {}): \
         what is one at a level must be one at every level above",
        level + 1, level + 1, level + 2
    )]
    NotMonotone {
        /// The earlier row.
        first: usize,
        /// The later row.
        row: usize,
        /// The level at which they share a label.
        level: usize,
    },
    /// More rows than codes can count.
    #[error("the hierarchy has more than {limit} rows")]
    TooManyRows {
        /// The most that there may be.
        limit: usize,
    },
}

fn ragged(row: usize, found: usize, expected: usize) -> String {
    if found < expected {
        format!("row {row} lacks column {}", found + 1)
    } else {
        format!("row {row} has a column {} too many", expected + 1)
    }
}
