//! Earlier releases to the same recipient: their receipts are the memory, and whoever holds the key can tie a patient's records across them.
//!
//! Each release is verified against its receipt first, under the key, too: what is compared must be what was given out. A patient is tied through the
//! raw identifier that this run reads: the plan and the study of the earlier release give the pseudonym that he has there. Patients of an
//! earlier release whom this run does not read are patients nonetheless, by their pseudonyms.

use std::fs::File;
use std::path::{Path, PathBuf};

use medveil_deid::assess::{Earlier, EarlierRelease, Join};
use medveil_deid::receipt::{Contradiction, FileReceipt, Receipt};
use medveil_deid::report::Loss;
use medveil_deid::study::{MasterKey, Study};
use medveil_deid::table::{self, Dialect, Job, Persons, SubjectColumn, Tie};

use super::deidentify::Table;
use super::error::DatasetError;
use super::source::{Format, detect};
use super::verify::verify;

/// The earlier releases, read.
pub(super) struct EarlierReleases {
    releases: Vec<Read>,
    /// Ties to all of them; a release knows which are its own.
    pub(super) ties: Vec<Tie>,
}

struct Read {
    receipt: Receipt,
    loss: Loss,
    /// By tie the patients of the tables that it is for, under the names of these.
    patients: Vec<(usize, String, Persons)>,
}

impl EarlierReleases {
    /// Verifies and reads the releases in these folders.
    pub(super) fn read(
        folders: &[PathBuf],
        key: &MasterKey,
        job: &Job<'_>,
    ) -> Result<EarlierReleases, DatasetError> {
        let mut all = EarlierReleases { releases: Vec::new(), ties: Vec::new() };
        for folder in folders {
            let release = read(folder, key, &mut all.ties, job)?;
            let twice = |other: &Read| other.receipt.mac == release.receipt.mac;
            if all.releases.iter().any(twice) {
                return Err(fault(folder, "it is named twice".to_owned()));
            }
            all.releases.push(release);
        }
        Ok(all)
    }

    /// What they show together with the tables of this run; none where there are none.
    pub(super) fn join(&self, tables: &[Table<'_>], loss: Loss, required: Option<u64>) -> Option<Earlier> {
        if self.releases.is_empty() {
            return None;
        }
        let mut join = Join::default();
        // A table of which nothing is released that joins it shows nothing of anybody elsewhere.
        let tables: Vec<&Table<'_>> = tables.iter().filter(|table| table.columns.linkable).collect();
        let required = required.filter(|_| !tables.is_empty());
        let this = signatures(tables.iter().map(|table| (table.name, &table.columns.subject, table.persons)));
        let mut releases = Vec::new();
        let mut losses = vec![loss];
        for release in &self.releases {
            let parts = release.patients.iter();
            // By the patient of this run where one is tied, else by the pseudonym within its study.
            let of = |tie: usize, pseudonym: u64| {
                let tied = tables.iter().find_map(|table| table.persons.tied(tie, pseudonym));
                let subject = &self.ties[tie].subject;
                match tied {
                    Some(patient) => (in_space(patient, subject.namespace()), true),
                    None => (
                        in_space(pseudonym, &format!("{}/{}", release.receipt.study, subject.namespace())),
                        false,
                    ),
                }
            };
            let mut known = Join::default();
            let mut tied = std::collections::BTreeSet::new();
            for (tie, name, persons) in parts {
                let patients: Vec<(u64, u64)> = persons
                    .signatures()
                    .map(|(pseudonym, signature)| {
                        let (patient, is_tied) = of(*tie, pseudonym);
                        if is_tied {
                            tied.insert(patient);
                        }
                        (patient, signature)
                    })
                    .collect();
                known.add(name, patients.into_iter());
            }
            releases.push(EarlierRelease {
                output_root: release.receipt.output_root,
                study: release.receipt.study.clone(),
                patients: known.signatures().count() as u64,
                tied: tied.len() as u64,
                epsilon: release.loss.epsilon,
                delta: release.loss.delta,
            });
            losses.push(release.loss);
            let root: String = release.receipt.output_root.iter().map(|byte| format!("{byte:02x}")).collect();
            join.add(&root, known.signatures());
        }
        join.add("this", this.signatures());
        let total = Loss::sum(losses.into_iter()).unwrap_or(Loss { epsilon: f64::MAX, delta: 1.0 });
        let joined = join.finish(required);
        Some(Earlier { releases, joined, epsilon: total.epsilon, delta: total.delta })
    }
}

/// The patients of the tables of one release, each with what all of them show.
fn signatures<'a>(tables: impl Iterator<Item = (&'a str, &'a SubjectColumn, &'a Persons)>) -> Join {
    let mut join = Join::default();
    for (name, subject, persons) in tables {
        join.add(
            name,
            persons
                .signatures()
                .map(|(patient, signature)| (in_space(patient, subject.namespace()), signature)),
        );
    }
    join
}

/// A patient's fingerprint among those of other identity spaces.
fn in_space(patient: u64, space: &str) -> u64 {
    table::fingerprint_in(patient, space)
}

fn read(folder: &Path, key: &MasterKey, ties: &mut Vec<Tie>, job: &Job<'_>) -> Result<Read, DatasetError> {
    let path = folder.join("receipt.json");
    let silent = Job { progress: &|_| {}, ..*job };
    let verification = verify(&path, None, &silent)?;
    if let Some(failed) = verification.checks.iter().find(|check| !check.holds) {
        let difference = failed.difference.clone().unwrap_or_default();
        return Err(fault(folder, format!("{}: {difference}", failed.what)));
    }
    let shown = path.display().to_string();
    let text =
        std::fs::read_to_string(&path).map_err(|error| DatasetError::File { file: shown.clone(), error })?;
    let receipt =
        Receipt::parse(&text).map_err(|error| DatasetError::Receipt { file: shown.clone(), error })?;
    let plan = receipt.plan().map_err(|error| DatasetError::Receipt { file: shown, error })?;
    let study = Study::new(key, &receipt.study, receipt.suite, None);
    // The seed varies the noise only; the run may have had another.
    let contradictions = receipt.contradictions_under(key, &study);
    if let Some(found) = contradictions.into_iter().find(|found| *found != Contradiction::Seed) {
        return Err(fault(folder, found.to_string()));
    }
    let mut patients = Vec::new();
    let first_tie = ties.len();
    for file in &receipt.files {
        let Some(columns) = file.patients.as_ref().filter(|columns| columns.linkable) else { continue };
        let Some(tie) = Tie::new(&plan, &study, columns.subject.clone()) else { continue };
        let known = ties[first_tie..].iter().position(|known| known.subject == tie.subject);
        let at = known.map_or(ties.len(), |at| first_tie + at);
        if known.is_none() {
            ties.push(tie);
        }
        patients.push((at, file.path.clone(), of_file(folder, file, &silent)?));
    }
    Ok(Read { loss: Loss::of_receipt(&receipt, &plan), receipt, patients })
}

fn of_file(folder: &Path, file: &FileReceipt, job: &Job<'_>) -> Result<Persons, DatasetError> {
    let path = folder.join(&file.path);
    let shown = || path.display().to_string();
    let columns = file.patients.as_ref().expect("only tables that tell patients are read");
    let input = File::open(&path).map_err(|error| DatasetError::File { file: shown(), error })?;
    let read = match (detect(&path)?, Dialect::from_description(&file.format)) {
        (Format::Parquet, _) => table::patients_parquet(input, columns, job),
        (Format::Csv, Some(dialect)) if !dialect.header => {
            return Err(fault(folder, format!("{}: a table without a header cannot be compared", file.path)));
        }
        (Format::Csv, Some(dialect)) => table::patients_csv(input, dialect, columns, job),
        _ => return Err(fault(folder, format!("{}: not the format of the receipt", file.path))),
    };
    read.map_err(|error| DatasetError::Table { file: shown(), error })
}

fn fault(folder: &Path, what: String) -> DatasetError {
    DatasetError::Earlier { folder: folder.display().to_string(), what }
}
