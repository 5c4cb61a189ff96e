//! What is in files and folders, without changing anything.

use std::path::PathBuf;

use medveil_deid::detect::{self, ColumnFinding};
use medveil_deid::table::{self, Job};
use serde::Serialize;

use super::deidentify::open;
use super::error::DatasetError;
use super::source::{Format, discover};
use crate::fhir;

/// What was found in one file.
#[derive(Debug, Serialize)]
pub struct Scanned {
    /// The file's name in the inputs.
    pub path: String,
    /// The format.
    pub format: String,
    /// Columns, or FHIR paths as if they were columns.
    pub columns: Vec<ColumnFinding>,
}

/// Scans all inputs.
pub fn scan(
    inputs: &[PathBuf],
    options: detect::Options,
    job: &Job<'_>,
) -> Result<Vec<Scanned>, DatasetError> {
    let sources = discover(inputs)?;
    let mut all = Vec::with_capacity(sources.files.len());
    for source in &sources.files {
        let file = || source.path.display().to_string();
        let input = open(source)?;
        let (format, columns) = match source.format {
            Format::Csv => table::scan_csv(input, options, job)
                .map_err(|error| DatasetError::Table { file: file(), error })?,
            Format::Parquet => table::scan_parquet(input, options, job)
                .map_err(|error| DatasetError::Table { file: file(), error })?,
            Format::FhirJson | Format::FhirNdjson => {
                let lines = source.format == Format::FhirNdjson;
                fhir::scan_file(input, lines, options, job)
                    .map_err(|error| DatasetError::Fhir { file: file(), error })?
            }
        };
        all.push(Scanned { path: source.name.clone(), format, columns });
    }
    Ok(all)
}
