//! A run: every file through the plan, then risk, utility, receipt and report, then everything in place at once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use medveil_deid::assess::{Assessor, required_class};
use medveil_deid::detect::Language;
use medveil_deid::kind::Kind;
use medveil_deid::merkle::Hash;
use medveil_deid::plan::{Plan, Privacy};
use medveil_deid::receipt::{Draft, FileReceipt, Receipt, RuleReceipt};
use medveil_deid::report::{FileReport, Report, RuleCounts, Words};
use medveil_deid::search::SearchResult;
use medveil_deid::study::{MasterKey, Prf, Study};
use medveil_deid::table::{
    self, FileKeys, Hints, Job, PatientColumns, Persons, Protection, TableOutcome, Tie,
};

use super::earlier::EarlierReleases;
use super::error::DatasetError;
use super::linked;
use super::source::{Format, Source, Sources, discover};
use super::stage::Stage;
use crate::fhir::{self, FhirExecutor, FhirOutcome, demographics};

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
    /// Where the plan's hierarchy files are; none where the plan has come without a folder.
    pub folder: Option<&'a Path>,
    /// The key of the output's leaves, which will be in the receipt.
    pub output_leaf_key: Hash,
    /// The folders of earlier releases to the same recipient.
    pub earlier: &'a [PathBuf],
    /// The time that the report names, as text; the engine has no clock.
    pub time: &'a str,
    /// The language that the page of the report opens in.
    pub language: Language,
    /// Where the inputs are parts of larger files: what those settle, by the names of the files.
    pub settled: &'a BTreeMap<String, Settled>,
}

/// What a file settles for a part of it, so that each record leaves as it would with the whole.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// The format, which a part's first records may not tell.
    pub format: Option<Format>,
    /// The dialect of CSV.
    pub hints: Hints,
    /// The kinds of the columns of a table, by their names.
    pub kinds: Arc<BTreeMap<String, Option<Kind>>>,
    /// The places of the part's records among those of the whole, from 0.
    pub positions: Arc<[u64]>,
}

/// A table of a run, as far as its patients go.
pub(super) struct Table<'a> {
    /// The file.
    pub(super) name: &'a str,
    pub(super) columns: &'a PatientColumns,
    pub(super) persons: &'a Persons,
}

/// What came of it.
pub struct Released {
    /// The receipt.
    pub receipt: Receipt,
    /// The report.
    pub report: Report,
    /// Files of the inputs that are no data and were left aside.
    pub skipped: Vec<String>,
    /// The numbers of the records that were dropped, by file, where files are parts of larger ones.
    pub dropped: BTreeMap<String, Vec<u64>>,
    /// Rules by column, by their place in the plan, that no column of any table has met: most likely a misspelling.
    pub unused: Vec<usize>,
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
    let mut sources = discover(request.inputs)?;
    for source in &mut sources.files {
        let settled = request.settled.get(&source.name).and_then(|settled| settled.format);
        source.format = settled.unwrap_or(source.format);
    }
    let stage = Stage::new(out, request.inputs, overwrite)?;
    let released = deidentify_into(request, &sources, stage.path(), job)?;
    let text = released.receipt.to_text();
    for (name, content) in [
        ("receipt.json", text.as_bytes()),
        ("report.json", released.report.to_json_text().as_bytes()),
        ("report.html", released.report.to_html(request.language).as_bytes()),
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
    let (mut files, mut reports, mut figures) = (Vec::new(), Vec::new(), Vec::new());
    let mut patients = Assessor::new(demographics::spec());
    let mut columns: Vec<String> = Vec::new();
    let mut dropped = BTreeMap::new();
    let earlier = EarlierReleases::read(request.earlier, request.key, job)?;
    let mut followed: Vec<(String, PatientColumns, Persons)> = Vec::new();
    for source in &sources.files {
        let path = folder.join(&source.name);
        let output = create(&path, &source.name)?;
        let ties = follows(request).then_some(earlier.ties.as_slice());
        match run(request, source, executor.as_ref(), &mut patients, ties, output, job)? {
            Outcome::Table(mut outcome) => {
                if let (Some(columns), Some(persons)) = (outcome.patients.clone(), outcome.persons.take()) {
                    followed.push((source.name.clone(), columns, persons));
                }
                dropped.insert(source.name.clone(), std::mem::take(&mut outcome.dropped_records));
                columns.extend(outcome.columns.iter().map(|(column, _)| column.finding.name.clone()));
                files.push(table_receipt(request.plan, source, &outcome));
                reports.push(FileReport::of_table(&source.name, request.plan, &outcome));
                figures.push((source.name.clone(), outcome.assessment));
            }
            Outcome::Fhir(mut outcome) => {
                dropped.insert(source.name.clone(), std::mem::take(&mut outcome.dropped_records));
                let rules = outcome.rule_counts(request.plan);
                let counts: Vec<RuleCounts> =
                    rules.iter().map(|(rule, counts)| RuleCounts { rule: *rule, counts: *counts }).collect();
                let sides = (&outcome.input, &outcome.output);
                reports.push(FileReport::of_rules(
                    &source.name,
                    outcome.format,
                    request.plan,
                    sides,
                    &counts,
                    outcome.tally.loss(),
                ));
                files.push(fhir_receipt(request.plan, source, &outcome));
            }
        }
    }
    let patients = patients.finish();
    if patients.records > 0 {
        reports.push(FileReport::of_patients(request.plan, &patients));
        figures.push(("fhir patients".to_owned(), patients));
    }
    let report = Report::new(request.plan, request.study.id(), reports).at(request.time);
    let tables: Vec<Table<'_>> =
        followed.iter().map(|(name, columns, persons)| Table { name, columns, persons }).collect();
    let required = request.plan.privacy.as_ref().and_then(required_class);
    let linked = linked::join(&tables, required);
    let earlier = earlier.join(&tables, report.loss, required);
    let report = report.joined(linked.clone(), earlier.clone(), request.plan);
    let of_files = report.files.iter().flat_map(|file| {
        let said = |reason: &Words| format!("{}: {}", file.path, reason.in_language(request.language));
        file.reasons.iter().map(said).collect::<Vec<_>>()
    });
    let of_all = report.reasons.iter().map(|reason| reason.in_language(request.language).to_owned());
    let reasons: Vec<String> = of_files.chain(of_all).collect();
    if !reasons.is_empty() {
        return Err(DatasetError::Refused { reasons, report: Box::new(report) });
    }
    let all = |part: fn(&medveil_deid::assess::Assessment) -> serde_json::Value| {
        figures
            .iter()
            .map(|(name, figures)| (name.clone(), part(figures)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let receipt = Draft {
        plan: request.plan,
        key: request.key,
        study: request.study,
        output_leaf_key: request.output_leaf_key,
        files,
        risk: all(medveil_deid::assess::Assessment::risk_json),
        utility: all(medveil_deid::assess::Assessment::utility_json),
        linked,
        earlier,
    }
    .seal();
    let report = report.bound_to(receipt.input_root, receipt.output_root);
    let unused = match columns.is_empty() {
        true => Vec::new(),
        false => request.plan.unused_column_rules(&columns),
    };
    Ok(Released { receipt, report, skipped: sources.skipped.clone(), dropped, unused })
}

/// Whether the patients of tables are followed: where the plan asks how they hide, or earlier releases are compared.
fn follows(request: &Request<'_>) -> bool {
    !request.earlier.is_empty() || request.plan.privacy.as_ref().is_some_and(Privacy::asks)
}

enum Outcome {
    Table(Box<TableOutcome>),
    Fhir(Box<FhirOutcome>),
}

fn run(
    request: &Request<'_>,
    source: &Source,
    executor: Option<&FhirExecutor>,
    patients: &mut Assessor,
    ties: Option<&[Tie]>,
    mut output: BufWriter<File>,
    job: &Job<'_>,
) -> Result<Outcome, DatasetError> {
    let (plan, study) = (request.plan, request.study);
    let mut keys = file_keys(study, &source.name, &request.output_leaf_key);
    let mut hints = job.hints;
    if let Some(settled) = request.settled.get(&source.name) {
        // Lines of FHIR are numbered from 1.
        let first = u64::from(matches!(source.format, Format::FhirJson | Format::FhirNdjson));
        keys.noise = keys.noise.at(first, settled.positions.clone());
        keys.kinds = Some(settled.kinds.clone());
        hints = settled.hints;
    }
    let job = &Job { hints, ..*job };
    let table_error = |error| DatasetError::Table { file: source.path.display().to_string(), error };
    // Two passes read the file twice, and what is done of it is half of what was read.
    let twice = plan.privacy.as_ref().is_some_and(Privacy::asks);
    let half = |bytes: u64| (job.progress)(bytes / 2);
    let halved = Job { progress: &half, ..*job };
    let job = if twice { &halved } else { job };
    let generalisation = match source.format {
        Format::Csv if twice => {
            table::search_csv(open(source)?, plan, study, &keys, request.folder, job).map_err(table_error)?
        }
        Format::Parquet if twice => {
            table::search_parquet(open(source)?, plan, study, &keys, request.folder, job)
                .map_err(table_error)?
        }
        _ => None,
    };
    let protection = Protection { generalisation, ties };
    let input = open(source)?;
    let outcome = match (source.format, executor) {
        (Format::Csv, _) => {
            table::deidentify_csv(input, Some(source.size), &mut output, plan, study, &keys, protection, job)
                .map(|outcome| Outcome::Table(Box::new(outcome)))
                .map_err(table_error)?
        }
        (Format::Parquet, _) => {
            table::deidentify_parquet(input, &mut output, plan, study, &keys, protection, job)
                .map(|outcome| Outcome::Table(Box::new(outcome)))
                .map_err(table_error)?
        }
        (format, Some(executor)) => {
            let lines = format == Format::FhirNdjson;
            fhir::deidentify(input, lines, &mut output, executor, study.suite(), &keys, patients, job)
                .map(|outcome| Outcome::Fhir(Box::new(outcome)))
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
        kinds: None,
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
    // Blocks are larger and pass by the buffer; what is smaller is gathered.
    Ok(BufWriter::with_capacity(SMALL_WRITES, File::create_new(path).map_err(fail)?))
}

/// Below the smallest block of a [`Job`].
const SMALL_WRITES: usize = 32 << 10;

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
        search: outcome.search.as_ref().and_then(SearchResult::found).cloned(),
        patients: outcome.patients.clone(),
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
        search: None,
        patients: None,
    }
}
