//! What was opened, and what its proofs prove.

use medveil_deid::merkle::{Hash, head_of_path, leaf};
use medveil_deid::plan::Plan;
use medveil_deid::study::{Prf, Suite};

use super::compare::{Columns, names};
use super::rerun::{Again, looks_at_table};
use crate::keys::ReleaseKeys;
use crate::layout::{Layout, SchemaFile};
use crate::openings::{OpenedFile, OpenedRecord, OpenedRow, Openings};
use crate::records::patient_of;
use crate::source::place;

/// A row that was opened, and proven to be in the source.
pub(super) struct Row<'a> {
    pub(super) opened: &'a OpenedRow,
    pub(super) file: usize,
    pub(super) record: u64,
}

/// What was opened, as far as it is what the ledger has.
pub(super) struct Context<'a> {
    pub(super) openings: &'a Openings,
    pub(super) plan: Plan,
    pub(super) keys: ReleaseKeys,
    pub(super) schema: Vec<SchemaFile>,
    pub(super) layouts: Vec<Layout>,
    pub(super) source_suite: Suite,
}

impl<'a> Context<'a> {
    /// A row, if its raw record is where it says in the registered source.
    pub(super) fn proven(&self, opened: &'a OpenedRow) -> Option<Row<'a>> {
        let (file, record) = place(opened.row, self.openings.source.iter().map(|file| file.records))?;
        let source = &self.openings.source[file];
        holds(self.source_suite, source, record, &opened.raw).then_some(Row { opened, file, record })
    }

    /// Whether a record is in the release, at a place of a file.
    pub(super) fn is_released(&self, name: &str, at: u64, released: &OpenedRecord) -> bool {
        let found = place(at, self.openings.output.iter().map(|file| file.records));
        found.is_some_and(|(file, record)| {
            let output = &self.openings.output[file];
            output.path == name && holds(self.plan.head.suite, output, record, released)
        })
    }

    /// Whose a row is, by its own words.
    pub(super) fn patient(&self, row: &Row<'_>) -> Option<String> {
        let header = self.openings.source[row.file].header.as_ref().map(|header| header.record.as_slice());
        patient_of(self.layouts[row.file], header, &row.opened.raw.record, &self.openings.patient)
    }

    pub(super) fn columns(&self, file: usize, again: Option<&Again>) -> Columns<'_> {
        let of =
            |header: Option<&[u8]>| header.map_or(Vec::new(), |header| names(self.layouts[file], header));
        let source = &self.openings.source[file];
        let generalised = self.openings.generalised.iter().find(|(name, _)| *name == source.path);
        Columns {
            raw: of(source.header.as_ref().map(|header| header.record.as_slice())),
            released: of(again.and_then(|again| again.header.as_deref())),
            schema: &self.schema[file],
            generalised: match looks_at_table(&self.plan) {
                true => generalised.map_or(&[], |(_, columns)| columns),
                // Nothing is made coarser by a plan that does not search.
                false => &[],
            },
        }
    }
}

pub(super) fn sides(files: &[OpenedFile]) -> impl Iterator<Item = (&str, u64, Hash)> {
    files.iter().map(|file| (file.path.as_str(), file.records, file.root))
}

/// Whether a record is in a file, by its proof.
fn holds(suite: Suite, file: &OpenedFile, record: u64, opened: &OpenedRecord) -> bool {
    let header = u64::from(file.header.is_some());
    let (Some(index), Some(count)) = (record.checked_add(header), file.records.checked_add(header)) else {
        return false;
    };
    at_leaf(suite, file, index, count, opened)
}

/// Whether a file has a header where its layout has one, and it is its first leaf.
pub(super) fn header_holds(suite: Suite, file: &OpenedFile, layout: Layout) -> bool {
    match &file.header {
        None => !layout.has_header(),
        Some(header) => {
            let count = file.records.checked_add(1);
            layout.has_header() && count.is_some_and(|count| at_leaf(suite, file, 0, count, header))
        }
    }
}

fn at_leaf(suite: Suite, file: &OpenedFile, index: u64, count: u64, opened: &OpenedRecord) -> bool {
    let leaf = leaf(&Prf::new(suite, &file.leaf_key), &opened.record);
    head_of_path(suite, leaf, index, count, &opened.path) == Some(file.root)
}
