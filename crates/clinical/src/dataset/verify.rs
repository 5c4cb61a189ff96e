//! Whether a release is what its receipt says, and what its plan makes of the raw data.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Component, Path, PathBuf};

use medveil_deid::detect::Language;
use medveil_deid::merkle::{Hash, leaf};
use medveil_deid::receipt::Receipt;
use medveil_deid::search::{Comparison, Searched};
use medveil_deid::study::{MasterKey, Study};
use medveil_deid::table::{self, Dialect, Job, Side};
use serde::Serialize;

use super::compare::first_difference;
use super::deidentify::{Request, deidentify_into};
use super::error::DatasetError;
use super::source::{Format, discover};
use crate::fhir;

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub what: String,
    /// Whether it holds.
    pub holds: bool,
    /// The difference, where it does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<String>,
}

/// All that was checked.
#[derive(Debug, Serialize)]
pub struct Verification {
    /// The checks in order.
    pub checks: Vec<Check>,
}

impl Verification {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.holds)
    }

    fn add(&mut self, what: impl Into<String>, differences: Vec<String>) {
        let what = what.into();
        if differences.is_empty() {
            self.checks.push(Check { what, holds: true, difference: None });
            return;
        }
        for difference in differences {
            self.checks.push(Check { what: what.clone(), holds: false, difference: Some(difference) });
        }
    }
}

/// What the key holder has besides: the raw data and the key.
pub struct Rerun<'a> {
    /// The inputs, as they were given to the run.
    pub inputs: &'a [PathBuf],
    /// The key.
    pub key: &'a MasterKey,
    /// The seed, if the run was given one.
    pub seed: Option<[u8; 32]>,
    /// Where the hierarchy files of the plan are, if it names any.
    pub folder: Option<&'a Path>,
    /// The earlier releases that the run was given, to check what the receipt says of them, too.
    pub earlier: &'a [PathBuf],
}

/// Checks the receipt at `path` against the files beside it, and with `rerun` against the raw data.
///
/// # Errors
/// Only where something cannot be read; what does not hold is in the [`Verification`].
pub fn verify(path: &Path, rerun: Option<&Rerun<'_>>, job: &Job<'_>) -> Result<Verification, DatasetError> {
    let shown = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|error| DatasetError::File { file: shown.clone(), error })?;
    let receipt =
        Receipt::parse(&text).map_err(|error| DatasetError::Receipt { file: shown.clone(), error })?;
    let plan = receipt.plan().map_err(|error| DatasetError::Receipt { file: shown, error })?;
    let folder = path.parent().unwrap_or(Path::new("."));

    let mut result = Verification { checks: Vec::new() };
    let contradictions = receipt.contradictions();
    result.add("the receipt agrees with itself", contradictions.iter().map(ToString::to_string).collect());
    check_outputs(&receipt, folder, job, &mut result)?;

    if let Some(rerun) = rerun {
        let study = Study::new(rerun.key, &receipt.study, receipt.suite, rerun.seed);
        let contradictions = receipt.contradictions_under(rerun.key, &study);
        result.add(
            "key, seed and authentication code fit",
            contradictions.iter().map(ToString::to_string).collect(),
        );
        if !contradictions.contains(&medveil_deid::receipt::Contradiction::Key) {
            let request = Request {
                inputs: rerun.inputs,
                plan: &plan,
                key: rerun.key,
                study: &study,
                folder: rerun.folder,
                earlier: rerun.earlier,
                output_leaf_key: receipt.output_leaf_key,
                time: "",
                language: Language::En,
                settled: &BTreeMap::new(),
            };
            run_again(&request, &receipt, folder, job, &mut result)?;
        }
    }
    Ok(result)
}

/// Every file of the receipt is there, with the records that it names, and nothing else is.
fn check_outputs(
    receipt: &Receipt,
    folder: &Path,
    job: &Job<'_>,
    result: &mut Verification,
) -> Result<(), DatasetError> {
    let leaves = receipt.output_leaves();
    let leaf_of = |record: &[u8]| -> Hash { leaf(&leaves, record) };
    for file in &receipt.files {
        let what = format!("{} is the file of the receipt", file.path);
        if !is_inside(&file.path) {
            result.add(what, vec!["the path leads out of the release; the file is not read".to_owned()]);
            continue;
        }
        let path = folder.join(&file.path);
        if !path.is_file() {
            result.add(what, vec!["the file is missing".to_owned()]);
            continue;
        }
        let input = File::open(&path)
            .map_err(|error| DatasetError::File { file: path.display().to_string(), error })?;
        let side = match super::source::detect(&path)? {
            Format::Csv => match Dialect::from_description(&file.format) {
                Some(dialect) => table::hash_csv(input, dialect, receipt.suite, &leaf_of, job)
                    .map_err(|error| error.to_string()),
                None => Err("it is CSV, the receipt speaks of another format".to_owned()),
            },
            Format::Parquet => {
                table::hash_parquet(input, &leaves, receipt.suite, job).map_err(|error| error.to_string())
            }
            format => fhir::hash_file(input, format == Format::FhirNdjson, receipt.suite, &leaf_of, job)
                .map_err(|error| error.to_string()),
        };
        let size = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        result.add(
            what,
            match side {
                Ok(side) => with_size(
                    side_differences(&file.output, &side, receipt, "the file"),
                    file.output.bytes,
                    size,
                ),
                Err(error) => vec![format!("the file cannot be read: {error}")],
            },
        );
    }
    let extra = discover(&[folder.to_owned()]).map(|sources| sources.files).unwrap_or_default();
    let known = |name: &str| {
        receipt.files.iter().any(|file| file.path == name) || matches!(name, "receipt.json" | "report.json")
    };
    let extra: Vec<String> = extra
        .iter()
        .filter(|source| !known(&source.name))
        .map(|source| format!("{} is not in the receipt", source.name))
        .collect();
    result.add("the folder holds no other data", extra);
    Ok(())
}

/// Whether a path of a receipt stays inside the release. A receipt comes from elsewhere and may name anything.
fn is_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Records do not cover a byte-order mark or blank lines: where they agree, the size still tells.
fn with_size(mut differences: Vec<String>, expected: u64, found: u64) -> Vec<String> {
    if differences.is_empty() && expected != found {
        differences.push(format!(
            "the file has {found} bytes, the receipt says {expected}: bytes outside of the records were changed"
        ));
    }
    differences
}

/// What differs between what the receipt says of a file and what is there.
fn side_differences(expected: &Side, found: &Side, receipt: &Receipt, what: &str) -> Vec<String> {
    if expected.root == found.root && expected.records == found.records {
        return Vec::new();
    }
    let records = expected.records.min(found.records);
    // The header is the first leaf, so leaf n is record n.
    let block = expected.checkpoints.first_difference(&found.checkpoints, receipt.suite, records + 1);
    let place =
        format!("the first difference lies in records {} to {}", block.start.max(1), block.end.max(1));
    let mut differences = Vec::new();
    match expected.records.cmp(&found.records) {
        std::cmp::Ordering::Equal => differences.push(format!("{what} was changed: {place}")),
        std::cmp::Ordering::Greater => differences.push(format!(
            "{what} has {} records, the receipt says {}: {} dropped; {place}",
            found.records,
            expected.records,
            expected.records - found.records
        )),
        std::cmp::Ordering::Less => differences.push(format!(
            "{what} has {} records, the receipt says {}: {} added; {place}",
            found.records,
            expected.records,
            found.records - expected.records
        )),
    }
    differences
}

/// Runs the plan again and compares inputs, outputs and counts.
fn run_again(
    request: &Request<'_>,
    receipt: &Receipt,
    folder: &Path,
    job: &Job<'_>,
    result: &mut Verification,
) -> Result<(), DatasetError> {
    let sources = discover(request.inputs)?;
    let again =
        tempfile::tempdir().map_err(|error| DatasetError::File { file: "temporary folder".into(), error })?;
    let released = match deidentify_into(request, &sources, again.path(), job) {
        Err(error @ DatasetError::Refused { .. }) => {
            result.add("the plan makes a release of the raw data", vec![error.to_string()]);
            return Ok(());
        }
        other => other?,
    };
    let now = &released.receipt;
    let names = |r: &Receipt| r.files.iter().map(|file| file.path.clone()).collect::<Vec<_>>();
    if names(now) != names(receipt) {
        let message = "the raw data are other files than those of the receipt".to_owned();
        result.add("the raw data are those of the receipt", vec![message]);
        return Ok(());
    }
    for (then, now) in receipt.files.iter().zip(&now.files) {
        let differences = side_differences(&then.input, &now.input, receipt, "the raw file");
        result.add(format!("{}: the raw data are those of the receipt", then.path), differences);

        if !is_inside(&then.path) {
            // Named by the check of the outputs.
            continue;
        }
        let released_file = folder.join(&then.path);
        let differences = match first_difference(&released_file, &again.path().join(&then.path)) {
            Ok(None) => Vec::new(),
            Ok(Some(difference)) => vec![difference],
            Err(error) => vec![format!("the released file cannot be read: {error}")],
        };
        result.add(
            format!("{}: the release is exactly what the plan makes of the raw data", then.path),
            differences,
        );
        let counts = if (&then.rules, then.dropped) == (&now.rules, now.dropped) {
            Vec::new()
        } else {
            vec!["the counts of the receipt are not those of the run".to_owned()]
        };
        result.add(format!("{}: the counts are those of the run", then.path), counts);
        if then.search.is_some() || now.search.is_some() {
            let differences = match same_search(then.search.as_ref(), now.search.as_ref()) {
                true => Vec::new(),
                false => vec!["the search on the raw data comes to other levels or figures".to_owned()],
            };
            result.add(
                format!("{}: the generalisation is the best that the plan allows", then.path),
                differences,
            );
        }
    }
    if !(receipt.linked.is_empty() && now.linked.is_empty()) {
        let differences = match receipt.linked == now.linked {
            true => Vec::new(),
            false => vec!["the tables of the run show other figures".to_owned()],
        };
        result.add("the figures of linked tables are those of the run", differences);
    }
    if !request.earlier.is_empty() {
        let differences = match receipt.earlier == now.earlier {
            true => Vec::new(),
            false => vec!["these earlier releases show other figures".to_owned()],
        };
        result.add("the figures of earlier releases are those of the run", differences);
    }
    Ok(())
}

/// Whether two searches came to the same; how each compares to its neighbours is in no receipt.
fn same_search(then: Option<&Searched>, now: Option<&Searched>) -> bool {
    let bare = |found: Option<&Searched>| {
        found.map(|found| Searched { comparison: Comparison::default(), ..found.clone() })
    };
    bare(then) == bare(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_receipt_stay_inside_the_release() {
        for path in ["visits.csv", "fhir/Patient.ndjson", "a..b/..c"] {
            assert!(is_inside(path), "{path}");
        }
        for path in ["", "/etc/passwd", "../x.csv", "fhir/../../x.csv", "./x.csv", ".."] {
            assert!(!is_inside(path), "{path}");
        }
    }

    #[test]
    fn a_size_is_named_only_where_records_agree() {
        assert!(with_size(Vec::new(), 3, 3).is_empty());
        assert_eq!(with_size(Vec::new(), 3, 4).len(), 1);
        assert_eq!(with_size(vec!["changed".to_owned()], 3, 4), ["changed"]);
    }
}
