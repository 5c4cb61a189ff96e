//! Putting a hierarchy together row by row: labels become codes at once, so that a row costs four bytes a level and not its text.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::{Hierarchy, HierarchyError, Level};

/// The rows so far. They obey the rules of [`Hierarchy`]: what breaks one is refused when it comes.
pub(super) struct Assembly {
    rows: usize,
    columns: Vec<Column>,
}

#[derive(Default)]
struct Column {
    known: HashMap<Box<str>, u32, FixedState>,
    level: Level,
}

impl Assembly {
    pub(super) fn new() -> Self {
        Assembly { rows: 0, columns: Vec::new() }
    }

    /// Takes the labels of the next value, the value first.
    pub(super) fn push<'a>(
        &mut self,
        row: impl ExactSizeIterator<Item = &'a str>,
    ) -> Result<(), HierarchyError> {
        let number = self.rows + 1;
        if self.rows == 0 {
            if row.len() == 0 {
                return Err(HierarchyError::NoColumns { row: number });
            }
            self.columns.resize_with(row.len(), Column::default);
        }
        if row.len() != self.columns.len() {
            return Err(HierarchyError::Ragged {
                row: number,
                found: row.len(),
                expected: self.columns.len(),
            });
        }
        if self.rows == Hierarchy::MAX_ROWS {
            return Err(HierarchyError::TooManyRows { limit: Hierarchy::MAX_ROWS });
        }
        let mut below: Option<u32> = None;
        for (at, label) in row.enumerate() {
            let code = self.columns[at].code(label);
            match below {
                None if (code as usize) < self.rows => {
                    return Err(HierarchyError::Duplicate { first: code as usize + 1, row: number });
                }
                None => {}
                Some(below) => self.columns[at - 1]
                    .join(below, code)
                    .map_err(|first| HierarchyError::NotMonotone { first, row: number, level: at - 1 })?,
            }
            below = Some(code);
        }
        self.rows += 1;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Hierarchy, HierarchyError> {
        let mut columns = self.columns.into_iter();
        let values = columns.next().ok_or(HierarchyError::Empty)?;
        let mut levels = vec![values.level];
        levels.extend(columns.map(|column| column.level));
        Ok(Hierarchy { levels, index: values.known })
    }
}

impl Column {
    /// The code of a label, which has one more leaf now.
    fn code(&mut self, label: &str) -> u32 {
        let level = &mut self.level;
        let code = match self.known.get(label) {
            Some(code) => *code,
            None => {
                let code = level.labels.len() as u32;
                level.labels.push(label.into());
                level.leaves.push(0);
                self.known.insert(label.into(), code);
                code
            }
        };
        level.leaves[code as usize] += 1;
        level.codes.push(code);
        code
    }

    /// Notes that `label` lies under `parent`; where it lies under another one already, the first row (from 1) that says so.
    fn join(&mut self, label: u32, parent: u32) -> Result<(), usize> {
        let parents = &mut self.level.parents;
        if label as usize == parents.len() {
            parents.push(parent);
        } else if parents[label as usize] != parent {
            let first = self.level.codes.iter().position(|code| *code == label).unwrap_or_default();
            return Err(first + 1);
        }
        Ok(())
    }
}
