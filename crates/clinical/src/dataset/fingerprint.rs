//! The fingerprint of a dataset: what binds it on a ledger without showing anything of it.

use std::path::PathBuf;

use medveil_deid::detect::Options;
use medveil_deid::kind::{Class, Kind};
use medveil_deid::merkle::{Hash, leaf};
use medveil_deid::receipt::files_root;
use medveil_deid::study::Study;
use medveil_deid::table::{self, Dialect, Job, Side};
use serde::Serialize;

use super::deidentify::open;
use super::error::DatasetError;
use super::scan::scan;
use super::source::{Format, discover};
use crate::fhir;

/// What binds a dataset.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    /// The root over the files: the input root that a receipt of the same study would name.
    pub root: Hash,
    /// Records of all files, headers not counted.
    pub records: u64,
    /// The files, in the order of their names.
    pub files: Vec<FilePrint>,
}

/// One file of a dataset.
#[derive(Clone, Debug)]
pub struct FilePrint {
    /// The file's name in the inputs.
    pub path: String,
    /// The format, such as `csv (utf-8, comma)`.
    pub format: String,
    /// Columns, or FHIR paths, with the kinds that they were taken for.
    pub columns: Vec<(String, Option<Kind>)>,
    /// Records, bytes and root.
    pub side: Side,
}

#[derive(Serialize)]
struct SchemaFile<'a> {
    path: &'a str,
    format: &'a str,
    columns: Vec<SchemaColumn<'a>>,
}

#[derive(Serialize)]
struct SchemaColumn<'a> {
    name: &'a str,
    kind: Option<&'a str>,
}

impl Fingerprint {
    /// The schema as text: files with their formats, columns (for FHIR: paths) and kinds, in source order. Its digest goes on the ledger; the text opens it.
    pub fn schema(&self) -> String {
        let files: Vec<SchemaFile<'_>> = self
            .files
            .iter()
            .map(|file| SchemaFile {
                path: &file.path,
                format: &file.format,
                columns: file
                    .columns
                    .iter()
                    .map(|(name, kind)| SchemaColumn { name, kind: kind.map(|kind| kind.name()) })
                    .collect(),
            })
            .collect();
        serde_json::to_string(&files).expect("a schema has string keys only")
    }

    /// Whether a column was taken for something that names a person by itself.
    pub fn has_direct_identifiers(&self) -> bool {
        let direct = |(_, kind): &(String, Option<Kind>)| {
            kind.is_some_and(|kind| kind.class() == Class::DirectIdentifier)
        };
        self.files.iter().any(|file| file.columns.iter().any(direct))
    }
}

/// Reads all inputs twice: for the kinds of their columns, and for the keyed leaves of their records. Leaves are those that a run of the study makes of its inputs.
///
/// # Errors
/// An input that cannot be read, with the place of the fault.
pub fn fingerprint(inputs: &[PathBuf], study: &Study, job: &Job<'_>) -> Result<Fingerprint, DatasetError> {
    let scanned = scan(inputs, Options::default(), job)?;
    let mut files = Vec::with_capacity(scanned.len());
    for (source, scanned) in discover(inputs)?.files.iter().zip(scanned) {
        let shown = || source.path.display().to_string();
        let key = study.prf(&["input-leaves", &source.name]);
        let leaf_of = |record: &[u8]| -> Hash { leaf(&key, record) };
        let input = open(source)?;
        let side = match source.format {
            Format::Csv => {
                let dialect = Dialect::from_description(&scanned.format)
                    .expect("a scan of CSV describes the dialect that it read");
                table::hash_csv(input, dialect, study.suite(), &leaf_of, job)
                    .map_err(|error| DatasetError::Table { file: shown(), error })?
            }
            Format::Parquet => table::hash_parquet(input, &key, study.suite(), job)
                .map_err(|error| DatasetError::Table { file: shown(), error })?,
            Format::FhirJson | Format::FhirNdjson => {
                let lines = source.format == Format::FhirNdjson;
                fhir::hash_file(input, lines, study.suite(), &leaf_of, job)
                    .map_err(|error| DatasetError::Fhir { file: shown(), error })?
            }
        };
        let columns = scanned.columns.into_iter().map(|column| (column.name, column.kind)).collect();
        files.push(FilePrint { path: scanned.path, format: scanned.format, columns, side });
    }
    let root = files_root(study.suite(), files.iter().map(|file| (file.path.as_str(), &file.side)));
    let records = files.iter().map(|file| file.side.records).sum();
    Ok(Fingerprint { root, records, files })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::num::NonZeroUsize;
    use std::sync::atomic::AtomicBool;

    use medveil_deid::detect::Language;
    use medveil_deid::plan::Plan;
    use medveil_deid::study::{MasterKey, Suite};
    use medveil_deid::table::Hints;

    use super::super::deidentify::{Request, deidentify};
    use super::*;

    #[test]
    fn the_root_is_the_input_root_of_a_receipt_of_the_study() {
        let folder = tempfile::tempdir().unwrap();
        let raw = folder.path().join("raw");
        std::fs::create_dir(&raw).unwrap();
        std::fs::write(raw.join("a.csv"), "\u{feff}姓名,age\r\n张伟,3\r\n李娜,4\r\n").unwrap();
        std::fs::write(raw.join("b.csv"), "city;age\nx;1\ny;2\nz;3").unwrap();
        std::fs::write(
            raw.join("p.ndjson"),
            "{\"resourceType\":\"Patient\",\"id\":\"1\"}\n{\"resourceType\":\"Patient\",\"id\":\"2\"}\n",
        )
        .unwrap();
        let cancelled = AtomicBool::new(false);
        let job = Job {
            threads: NonZeroUsize::MIN,
            memory: 1 << 24,
            max_record: 1 << 20,
            hints: Hints::default(),
            cancelled: &cancelled,
            progress: &|_| (),
        };
        let plan = r#"{"plan":{"name":"t","version":1,"release-model":"controlled","unmatched":"keep"},"rule":[{"match":{"column":"x"},"action":"keep"}]}"#;
        let (plan, key) = (Plan::from_json(plan).unwrap(), MasterKey::from_bytes([3; 32]));
        let inputs = [raw];
        for suite in [Suite::International, Suite::National] {
            let study = Study::new(&key, "visits", suite, None);
            let found = fingerprint(&inputs, &study, &job).unwrap();
            let request = Request {
                inputs: &inputs,
                plan: &plan,
                key: &key,
                study: &study,
                folder: None,
                earlier: &[],
                output_leaf_key: [1; 32],
                time: "",
                language: Language::En,
                settled: &BTreeMap::new(),
            };
            let released = deidentify(&request, &folder.path().join("out"), true, &job).unwrap();
            assert_eq!(found.root, released.receipt.input_root);
            assert_eq!(found.records, 2 + 3 + 2);
            assert!(found.has_direct_identifiers());
            assert!(found.schema().contains(r#"{"name":"姓名","kind":"person-name"}"#), "{}", found.schema());
        }
    }
}
