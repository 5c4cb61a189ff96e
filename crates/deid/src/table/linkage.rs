//! The patients of a table, each as the combination of the quasi-identifiers of all his released records: what joining tables, or
//! releases, shows of him.
//!
//! A patient costs a fingerprint of his identifier and one of the multiset of his records: the sum of the fingerprints of their tuples, which
//! does not depend on their order. With each earlier release that is compared he costs one more pair, which ties the
//! pseudonym that he has there to him. Nothing of this is written anywhere but the sizes of classes.

use std::fs::File;
use std::io::Read;

use super::bind::Binding;
use super::csv::Block;
use super::csv_run::open;
use super::dialect::{Dialect, Hints};
use super::error::{TableError, Trouble};
use super::execute::{Rows, Transformed};
use super::job::Job;
use super::parquet_file::Source;
use super::parquet_run::{BatchText, next, width};
use crate::action::{Cell, Effect, Secret, Site, Transform};
use crate::assess::{FingerprintMap, SEED, push, spread};
use crate::kind::{Class, Kind};
use crate::pipeline;
use crate::plan::{Plan, Unmatched};
use crate::study::{Record, Study};

/// The column that tells whose record a row is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectColumn {
    /// Its name.
    pub column: String,
    /// What it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
}

impl SubjectColumn {
    /// The identity space of its values: equal values of two columns of one space are one patient.
    pub fn namespace(&self) -> &str {
        match self.kind {
            Some(kind) => kind.namespace(),
            None => &self.column,
        }
    }
}

/// Finds the pseudonym that a patient has in an earlier release.
pub struct Tie {
    /// The column of that release.
    pub subject: SubjectColumn,
    transform: Option<Box<dyn Transform>>,
}

impl std::fmt::Debug for Tie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tie").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl Tie {
    /// The tie to a release of `plan` in `study`. `None` where its subject column is not released in a form that can be computed again.
    pub fn new(plan: &Plan, study: &Study, subject: SubjectColumn) -> Option<Tie> {
        let Some(rule) = plan.rule_for_column(&subject.column, subject.kind) else {
            let kept = plan.head.unmatched == Unmatched::Keep;
            return kept.then_some(Tie { subject, transform: None });
        };
        let action = plan.rules[rule].action.as_ref();
        match action.method().name {
            "keep" => Some(Tie { subject, transform: None }),
            name if LINKING.contains(&name) => {
                let site = Site { study, kind: subject.kind, label: &subject.column };
                let transform = action.prepare(&site).ok()?;
                Some(Tie { subject, transform: Some(transform) })
            }
            _ => None,
        }
    }

    fn pseudonym(&self, raw: &str, record: &Record<'_>, scratch: &mut String) -> Option<u64> {
        let Some(transform) = &self.transform else { return Some(push(SEED, raw)) };
        let cell = Cell { value: Secret(raw), subject: Some(Secret(raw)), record, occurrence: 0 };
        scratch.clear();
        match transform.apply(&cell, scratch) {
            Ok(Effect::Kept) => Some(push(SEED, raw)),
            Ok(Effect::Replaced) => Some(push(SEED, scratch)),
            Ok(Effect::Removed | Effect::DropRecord) | Err(_) => None,
        }
    }
}

/// Actions that give equal values equal results, so that records can be joined by them.
const LINKING: [&str; 5] = ["keep", "pseudonymize", "encrypt", "hash", "new-uid"];

/// Patients that are followed at most: about 40 bytes each and table.
const MOST_PATIENTS: usize = 10_000_000;

/// The patients of a table.
#[derive(Debug, Default)]
pub struct Persons {
    /// By patient, what is released of all his records.
    pub(crate) signatures: FingerprintMap<u64>,
    /// By earlier release, from a patient's pseudonym there to the patient.
    pub(crate) ties: Vec<FingerprintMap<u64>>,
}

impl Persons {
    fn new(ties: usize) -> Persons {
        Persons { signatures: FingerprintMap::default(), ties: vec![FingerprintMap::default(); ties] }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.signatures.len() as u64
    }

    /// By patient, what is released of all his records; both as fingerprints.
    pub fn signatures(&self) -> impl Iterator<Item = (u64, u64)> {
        self.signatures.iter().map(|(patient, signature)| (*patient, *signature))
    }

    /// Whether a patient is among them, by his fingerprint.
    pub fn has(&self, patient: u64) -> bool {
        self.signatures.contains_key(&patient)
    }

    /// The patient who has this pseudonym in an earlier release, both as fingerprints: `tie` is the number of its tie.
    pub fn tied(&self, tie: usize, pseudonym: u64) -> Option<u64> {
        self.ties.get(tie)?.get(&pseudonym).copied()
    }

    /// Adds a released record of a patient: `cells` are his quasi-identifiers.
    pub fn add<'a>(&mut self, patient: &str, cells: impl Iterator<Item = &'a str>) {
        let tuple = spread(cells.fold(SEED, push));
        let sum = self.signatures.entry(push(SEED, patient)).or_insert(0);
        *sum = sum.wrapping_add(tuple);
    }

    /// Takes in the patients of another part of the table.
    pub(crate) fn absorb(&mut self, part: Persons) -> Result<(), TableError> {
        for (patient, tuples) in part.signatures {
            let sum = self.signatures.entry(patient).or_insert(0);
            *sum = sum.wrapping_add(tuples);
        }
        self.ties.resize_with(self.ties.len().max(part.ties.len()), FingerprintMap::default);
        for (ties, part) in self.ties.iter_mut().zip(part.ties) {
            ties.extend(part);
        }
        match self.signatures.len() > MOST_PATIENTS {
            true => Err(TableError::new(Trouble::TooManyPatients { limit: MOST_PATIENTS })),
            false => Ok(()),
        }
    }
}

/// What tells the patients of a table, and what is released of them.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatientColumns {
    /// The column that tells them.
    pub subject: SubjectColumn,
    /// Whether a column is released by which records can be joined.
    pub linkable: bool,
    /// The quasi-identifiers that are released.
    pub quasi_identifiers: Vec<String>,
}

impl PatientColumns {
    /// Nothing where no column tells the patient, or no quasi-identifier is released.
    pub(super) fn of(binding: &Binding) -> Option<PatientColumns> {
        let (subject, quasi_identifiers) = places(binding)?;
        let linkable = binding.columns.iter().enumerate().any(|(c, column)| {
            let identifies = column.finding.kind.is_some_and(|kind| kind.class() == Class::DirectIdentifier);
            column.released() && (identifies || c == subject) && LINKING.contains(&column.action())
        });
        let name = |c: &usize| binding.columns[*c].finding.name.clone();
        Some(PatientColumns {
            subject: column(binding, subject),
            linkable,
            quasi_identifiers: quasi_identifiers.iter().map(name).collect(),
        })
    }
}

/// The column that tells the patient, and the released quasi-identifiers.
fn places(binding: &Binding) -> Option<(usize, Vec<usize>)> {
    let subject = binding.subject?;
    let released = |c: &&usize| binding.columns[**c].released() && **c != subject;
    let quasi_identifiers: Vec<usize> = binding.quasi_identifiers.iter().filter(released).copied().collect();
    (!quasi_identifiers.is_empty()).then_some((subject, quasi_identifiers))
}

/// How the patients of a table are followed.
pub(super) struct Follow<'a> {
    subject: usize,
    quasi_identifiers: Vec<usize>,
    ties: &'a [Tie],
    /// Of the same identity space as the subject.
    tied: Vec<bool>,
}

impl<'a> Follow<'a> {
    /// Nothing where no column tells the patient, or no quasi-identifier is released.
    pub(super) fn new(binding: &Binding, ties: &'a [Tie]) -> Option<Follow<'a>> {
        let (subject, quasi_identifiers) = places(binding)?;
        let space = column(binding, subject);
        let tied = ties.iter().map(|tie| tie.subject.namespace() == space.namespace()).collect();
        Some(Follow { subject, quasi_identifiers, ties, tied })
    }

    pub(super) fn persons(&self) -> Persons {
        Persons::new(self.ties.len())
    }

    /// The patients of a block, as it is released.
    pub(super) fn block(
        &self,
        binding: &Binding,
        rows: &impl Rows,
        records: &[Record<'_>],
        done: &Transformed,
    ) -> Persons {
        let mut persons = self.persons();
        let mut scratch = String::new();
        for r in (0..rows.rows()).filter(|r| !done.dropped[*r]) {
            // Pseudonyms are made without the spaces around an identifier.
            let raw = rows.text(r, self.subject).trim();
            if raw.is_empty() {
                continue;
            }
            persons.add(raw, self.quasi_identifiers.iter().map(|c| done.released(binding, rows, r, *c)));
            for (i, tie) in self.ties.iter().enumerate().filter(|(i, _)| self.tied[*i]) {
                if let Some(pseudonym) = tie.pseudonym(raw, &records[r], &mut scratch) {
                    persons.ties[i].insert(pseudonym, push(SEED, raw));
                }
            }
        }
        persons
    }
}

fn column(binding: &Binding, c: usize) -> SubjectColumn {
    let finding = &binding.columns[c].finding;
    SubjectColumn { column: finding.name.clone(), kind: finding.kind }
}

/// The patients of a CSV file of a release, by the pseudonyms that they have there.
///
/// # Errors
/// The first fault in source order, with its place; a column that is missing.
pub fn patients_csv(
    input: impl Read + Send,
    dialect: Dialect,
    columns: &PatientColumns,
    job: &Job<'_>,
) -> Result<Persons, TableError> {
    let hints = Hints {
        encoding: Some(dialect.encoding),
        delimiter: Some(dialect.delimiter),
        header: Some(dialect.header),
    };
    let job = &Job { hints, ..*job };
    let mut opened = open(input, job)?;
    let (dialect, n) = (opened.dialect, opened.names.len());
    let released = Released::new(columns, &opened.names)?;
    let mut persons = Persons::default();
    pipeline::run(
        job.width(),
        || opened.next_block(job),
        |raw| Ok(released.block(&Block::parse(&raw, &dialect, Some(n))?)),
        |part| persons.absorb(part),
    )?;
    Ok(persons)
}

/// The patients of a Parquet file of a release, by the pseudonyms that they have there.
///
/// # Errors
/// The first fault in source order, with its place; a column that is missing.
pub fn patients_parquet(file: File, columns: &PatientColumns, job: &Job<'_>) -> Result<Persons, TableError> {
    let source = Source::open(file)?;
    let released = Released::new(columns, &source.names()?)?;
    let cut = source.cut(0);
    let mut batches = source.batches(cut.batch_rows)?;
    let mut persons = Persons::default();
    pipeline::run(
        width(job, cut),
        || next(&mut batches, job),
        |batch| Ok(released.block(&BatchText::of_readable(&batch, job.max_record)?)),
        |part| persons.absorb(part),
    )?;
    Ok(persons)
}

/// A patient's fingerprint among those of other identity spaces.
pub fn fingerprint_in(patient: u64, space: &str) -> u64 {
    spread(patient ^ push(SEED, space))
}

/// The places of the columns in a released file.
struct Released {
    subject: usize,
    quasi_identifiers: Vec<usize>,
}

impl Released {
    fn new(columns: &PatientColumns, names: &[String]) -> Result<Released, TableError> {
        let find = |name: &String| {
            let missing = || TableError::new(Trouble::NoColumn { name: name.clone(), help: String::new() });
            names.iter().position(|other| other == name).ok_or_else(missing)
        };
        let quasi_identifiers = columns.quasi_identifiers.iter().map(find).collect::<Result<_, _>>()?;
        Ok(Released { subject: find(&columns.subject.column)?, quasi_identifiers })
    }

    fn block(&self, rows: &impl Rows) -> Persons {
        let mut persons = Persons::default();
        for r in 0..rows.rows() {
            let pseudonym = rows.text(r, self.subject).trim();
            if !pseudonym.is_empty() {
                persons.add(pseudonym, self.quasi_identifiers.iter().map(|c| rows.text(r, *c)));
            }
        }
        persons
    }
}
