//! The distinct values of columns over all tables of the inputs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use medveil_deid::table::{self, Job};

use super::deidentify::open;
use super::error::DatasetError;
use super::source::{Format, discover};

/// The distinct values of `columns`, of all tables that have them, each once and in the order of their bytes. `None` for a column with more than
/// `limit`. A column that no table has is not in the result; FHIR is passed over.
///
/// # Errors
/// An input that cannot be read, with the place of the fault.
pub fn distinct_values(
    inputs: &[PathBuf],
    columns: &BTreeSet<String>,
    limit: usize,
    job: &Job<'_>,
) -> Result<BTreeMap<String, Option<Vec<String>>>, DatasetError> {
    let mut all: BTreeMap<String, Option<Vec<String>>> = BTreeMap::new();
    let wanted = |name: &str| columns.contains(name);
    for source in &discover(inputs)?.files {
        let fail = |error| DatasetError::Table { file: source.path.display().to_string(), error };
        let found = match source.format {
            Format::Csv => table::distinct_csv(open(source)?, &wanted, limit, job).map_err(fail)?,
            Format::Parquet => table::distinct_parquet(open(source)?, &wanted, limit, job).map_err(fail)?,
            Format::FhirJson | Format::FhirNdjson => continue,
        };
        for column in found {
            let known = all.entry(column.name).or_insert_with(|| Some(Vec::new()));
            *known = match (known.take(), column.values) {
                (Some(mut known), Some(more)) => {
                    known.extend(more);
                    known.sort_unstable();
                    known.dedup();
                    (known.len() <= limit).then_some(known)
                }
                _ => None,
            };
        }
    }
    Ok(all)
}
