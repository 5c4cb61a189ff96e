//! The tables of one run that share their patients.

use medveil_deid::assess::{Join, Joined};

use super::deidentify::Table;

/// The figures of each set of tables whose patients are told by identifiers of one space. Tables of which nothing is released that joins them,
/// and tables that have no patient in common with the others, are left out.
pub(super) fn join(tables: &[Table<'_>], required: Option<u64>) -> Vec<Joined> {
    let mut spaces: Vec<&str> = Vec::new();
    for table in tables {
        let space = table.columns.subject.namespace();
        if !spaces.contains(&space) {
            spaces.push(space);
        }
    }
    let mut found = Vec::new();
    for space in spaces {
        let group: Vec<&Table<'_>> = tables
            .iter()
            .filter(|table| table.columns.linkable && table.columns.subject.namespace() == space)
            .collect();
        let shared = |at: usize| {
            let others = || group.iter().enumerate().filter(move |(other, _)| *other != at);
            group[at]
                .persons
                .signatures()
                .any(|(patient, _)| others().any(|(_, other)| other.persons.has(patient)))
        };
        let sharing: Vec<&Table<'_>> =
            (0..group.len()).filter(|at| shared(*at)).map(|at| group[at]).collect();
        if sharing.len() < 2 {
            continue;
        }
        let mut join = Join::default();
        for table in sharing {
            join.add_table(table.name, table.persons);
        }
        found.push(join.finish(required));
    }
    found
}
