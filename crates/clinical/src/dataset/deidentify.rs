//! A run: every file through the plan, then risk, utility, receipt and report, then everything in place at once.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use medveil_deid::merkle::Hash;
use medveil_deid::plan::Plan;
use medveil_deid::receipt::{Draft, FileReceipt, Receipt, RuleReceipt};
use medveil_deid::report::{self, FileReport, Report};
use medveil_deid::study::{MasterKey, Prf, Study};
use medveil_deid::table::{self, FileKeys, Job, TableOutcome};

use super::error::DatasetError;
use super::source::{Format, Source, Sources, discover};
use super::stage::Stage;
use crate::fhir::{self, FhirExecutor, FhirOutcome};

/// What to do.
pub struct Request<'a> {
    /// Files and folders.
    pub inputs: &'a [PathBuf],
    /// The plan.
    pub plan: &'a Plan,
    /// The key.
    pub key: &'a MasterKey,
    /// The study: keys, suite and seed.
    pub study: &'a Study,
    /// The key of the output's leaves, which will be in the receipt.
    pub output_leaf_key: Hash,
    /// The time that the report names, as text; the engine has no clock.
    pub time: &'a str,
    /// Whether the release may be checked again with the key.
    pub repeatable: bool,
}

/// What came of it.
pub struct Released {
    /// The receipt.
    pub receipt: Receipt,
    /// The report.
    pub report: Report,
}

/// De-identifies all inputs into the folder `out`.
///
/// # Errors
/// Whatever is wrong first, in the order of the file names; `out` is then as it was before.
pub fn deidentify(
    request: &Request<'_>,
    out: &Path,
    overwrite: bool,
    job: &Job<'_>,
) -> Result<Released, DatasetError> {
    let sources = discover(request.inputs)?;
    let stage = Stage::new(out, request.inputs, overwrite)?;
    let released = deidentify_into(request, &sources, stage.path(), job)?;
    let text = released.receipt.to_text();
    for (name, content) in [
        ("receipt.json", text.as_bytes()),
        ("report.json", released.report.to_json().as_bytes()),
        ("report.html", released.report.to_html().as_bytes()),
    ] {
        let path = stage.path().join(name);
        std::fs::write(&path, content)
            .map_err(|error| DatasetError::File { file: out.join(name).display().to_string(), error })?;
    }
    stage.publish()?;
    Ok(released)
}

/// The part of a run that `verify` repeats: the outputs, the receipt and the report, without putting them in place.
pub(super) fn deidentify_into(
    request: &Request<'_>,
    sources: &Sources,
    folder: &Path,
    job: &Job<'_>,
) -> Result<Released, DatasetError> {
    let fhir = sources.files.iter().any(|s| matches!(s.format, Format::FhirJson | Format::FhirNdjson));
    let executor = fhir.then(|| FhirExecutor::new(request.plan, request.study)).transpose()?;
    let (mut files, mut reports) = (Vec::new(), Vec::new());
    for source in &sources.files {
        let path = folder.join(&source.name);
        let output = create(&path, &source.name)?;
        match run(request, source, executor.as_ref(), output, job)? {
            Outcome::Table(outcome) => {
                files.push(table_receipt(request.plan, source, &outcome));
                reports.push(FileReport::of_table(request.plan, &source.name, outcome));
            }
            Outcome::Fhir(outcome) => {
                files.push(fhir_receipt(request.plan, source, &outcome));
                reports.push(outcome.report(request.plan, &source.name));
            }
        }
    }
    let mut report = Report::new(request.plan, request.study.id(), request.time, reports);
    if !sources.skipped.is_empty() {
        report.warn(report::Warning::skipped_files(sources.skipped.len()));
    }
    if !request.repeatable {
        report.warn(report::Warning::no_key_file());
    }
    let breaches = report.breaches(request.plan);
    if !breaches.is_empty() {
        return Err(DatasetError::Refused { reasons: breaches });
    }
    let receipt = Draft {
        plan: request.plan,
        key: request.key,
        study: request.study,
        output_leaf_key: request.output_leaf_key,
        files,
        risk: report.risk_summary(),
        utility: report.utility_summary(),
    }
    .seal();
    report.bind(&receipt);
    Ok(Released { receipt, report })
}

enum Outcome {
    Table(TableOutcome),
    Fhir(FhirOutcome),
}

fn run(
    request: &Request<'_>,
    source: &Source,
    executor: Option<&FhirExecutor>,
    mut output: BufWriter<File>,
    job: &Job<'_>,
) -> Result<Outcome, DatasetError> {
    let (plan, study) = (request.plan, request.study);
    let keys = file_keys(study, &source.name, &request.output_leaf_key);
    let input = open(source)?;
    let table_error = |error| DatasetError::Table { file: source.path.display().to_string(), error };
    let outcome = match (source.format, executor) {
        (Format::Csv, _) => {
            table::deidentify_csv(input, Some(source.size), &mut output, plan, study, &keys, job)
                .map(Outcome::Table)
                .map_err(table_error)?
        }
        (Format::Parquet, _) => table::deidentify_parquet(input, &mut output, plan, study, &keys, job)
            .map(Outcome::Table)
            .map_err(table_error)?,
        (format, Some(executor)) => {
            let lines = format == Format::FhirNdjson;
            fhir::deidentify(input, lines, &mut output, executor, study.suite(), &keys, job)
                .map(Outcome::Fhir)
                .map_err(|error| DatasetError::Fhir { file: source.path.display().to_string(), error })?
        }
        (_, None) => unreachable!("an executor is made wherever there is a FHIR file"),
    };
    output.flush().map_err(|error| DatasetError::File { file: source.name.clone(), error })?;
    Ok(outcome)
}

/// The keys of one file of a study.
pub(super) fn file_keys(study: &Study, name: &str, output_leaf_key: &Hash) -> FileKeys {
    FileKeys {
        input_leaves: study.prf(&["input-leaves", name]),
        output_leaves: Prf::new(study.suite(), output_leaf_key),
        noise: study.noise(name),
    }
}

pub(super) fn open(source: &Source) -> Result<File, DatasetError> {
    File::open(&source.path)
        .map_err(|error| DatasetError::File { file: source.path.display().to_string(), error })
}

fn create(path: &Path, name: &str) -> Result<BufWriter<File>, DatasetError> {
    let fail = |error| DatasetError::File { file: name.to_owned(), error };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    Ok(BufWriter::with_capacity(1 << 20, File::create_new(path).map_err(fail)?))
}

fn table_receipt(plan: &Plan, source: &Source, outcome: &TableOutcome) -> FileReceipt {
    let rules = outcome.columns.iter().map(|(column, counts)| RuleReceipt {
        rule: column.rule.map(|rule| rule + 1),
        matched: match column.rule {
            Some(rule) => format!("{} -> column {}", plan.rules[rule].matcher, column.finding.name),
            None => format!("column {}", column.finding.name),
        },
        action: column.action().to_owned(),
        counts: *counts,
    });
    FileReceipt {
        path: source.name.clone(),
        format: outcome.format.clone(),
        rules: rules.collect(),
        input: outcome.input.clone(),
        output: outcome.output.clone(),
        dropped: outcome.dropped,
    }
}

fn fhir_receipt(plan: &Plan, source: &Source, outcome: &FhirOutcome) -> FileReceipt {
    let rules = outcome.rule_counts(plan).into_iter().map(|(rule, counts)| RuleReceipt {
        rule: rule.map(|rule| rule + 1),
        matched: rule.map_or_else(|| "no rule".to_owned(), |rule| plan.rules[rule].matcher.to_string()),
        action: rule.map_or("drop", |rule| plan.rules[rule].action.method().name).to_owned(),
        counts,
    });
    FileReceipt {
        path: source.name.clone(),
        format: outcome.format.to_owned(),
        rules: rules.collect(),
        input: outcome.input.clone(),
        output: outcome.output.clone(),
        dropped: outcome.dropped,
    }
}
